//! etcd, kube-apiserver and kube-controller-manager, as released, on addresses of the [`sandbox`].
//!
//! There is no scheduler and no kubelet ([`crate::node`] stands in for both), no kube-proxy (a
//! cluster address reaches what listens on every address), and no admission of service accounts.
//!
//! **Invariant:** no client is exempt from authorization but the administrator; the controllers run
//! under their own service accounts, as on a cluster.
//!
//! [`sandbox`]: crate::sandbox

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use http::Request;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
};
use kube::{Api, Client, Config, api::PostParams, config::Kubeconfig};

use crate::{
    audit,
    certificates::Files,
    kubeconfig::{self, Credential},
    part::Part,
    sandbox::Sandbox,
    wait::eventually,
};

/// Where kube-apiserver answers.
pub const SERVER: &str = "https://10.244.0.1:6443";
const ETCD: &str = "http://127.0.0.1:2379";
const ETCD_PEERS: &str = "http://127.0.0.1:2380";
const START: Duration = Duration::from_secs(90);

/// The controller of horizontal pod autoscalers.
pub const AUTOSCALER: &str = "horizontal-pod-autoscaler-controller";
/// The controllers that the walkthroughs need.
pub const WALKTHROUGHS: &[&str] = &[
    "deployment-controller",
    "replicaset-controller",
    AUTOSCALER,
    "endpointslice-controller",
    "namespace-controller",
    "garbage-collector-controller",
];

/// How the horizontal pod autoscaler of this control plane is set.
#[derive(Debug, Clone)]
pub struct Autoscaling {
    /// Time between two looks at one HPA (upstream's default is 15 s).
    pub sync_period: Duration,
    /// How long a lower proposal must last before it is followed (upstream's default is 300 s).
    pub downscale_stabilization: Duration,
    /// How long after its start a pod's CPU is looked at with care (upstream's default is 300 s).
    pub cpu_initialization: Duration,
    /// How soon after its start a pod that is not ready counts as never having been (upstream's default is 30 s).
    pub initial_readiness_delay: Duration,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Self {
            sync_period: Duration::from_secs(1),
            downscale_stabilization: Duration::from_secs(300),
            cpu_initialization: Duration::from_secs(300),
            initial_readiness_delay: Duration::from_secs(30),
        }
    }
}

/// How a control plane is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The horizontal pod autoscaler's periods.
    pub autoscaling: Autoscaling,
    /// The controllers that run.
    pub controllers: &'static [&'static str],
    /// A user whose every request is written to [`ControlPlane::audit_log`].
    pub audited: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { autoscaling: Autoscaling::default(), controllers: WALKTHROUGHS, audited: None }
    }
}

/// A running control plane.
pub struct ControlPlane {
    // In the order in which they must end.
    controllers: Part,
    server: Part,
    etcd: Part,
    files: Files,
    folder: PathBuf,
    client: Client,
}

impl ControlPlane {
    /// Starts the three parts from the one program `binary` and waits until each works.
    ///
    /// # Errors
    /// When a part does not start; the message ends with its log.
    pub async fn start(sandbox: &Sandbox, binary: &Path, settings: &Settings) -> Result<Self> {
        let folder = sandbox.subfolder("controlplane")?;
        let logs = sandbox.logs();
        let files = Files::generate(
            &sandbox.subfolder("controlplane/certificates")?,
            &["kubernetes", "kubernetes.default.svc", "localhost", "127.0.0.1", "10.244.0.1", "10.96.0.1"],
        )?;
        let administrator = folder.join("administrator.kubeconfig");
        kubeconfig::write(
            &administrator,
            SERVER,
            &files.authority,
            &Credential::Certificate(&files.administrator),
        )?;
        let etcd = Part::start("etcd", etcd(binary, &folder), &logs)?;
        let mut server = server(binary, &folder, &files);
        if let Some(user) = settings.audited {
            server.args(audit::flags(&folder, user)?);
        }
        let mut server = Part::start("kube-apiserver", server, &logs)?;
        let client = connect(&administrator).await?;
        eventually("kube-apiserver is ready", START, async || {
            server.alive()?;
            let ready = client.request_text(Request::get("/readyz").body(Vec::new())?).await?;
            ensure!(ready == "ok", "it answers {ready}");
            Api::<Namespace>::all(client.clone()).get("default").await?;
            Ok(())
        })
        .await?;
        let identity = folder.join("controllers.kubeconfig");
        kubeconfig::write(&identity, SERVER, &files.authority, &Credential::Certificate(&files.controllers))?;
        let controllers = controllers(binary, &identity, &files, settings);
        let controllers = Part::start("kube-controller-manager", controllers, &logs)?;
        Ok(Self { controllers, server, etcd, files, folder, client })
    }

    /// A client with every right.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("administrator.kubeconfig")
    }

    /// Where requests of the audited user are written, for [`audit::Log`].
    pub fn audit_log(&self) -> PathBuf {
        audit::path(&self.folder)
    }

    /// Fails when a part has ended.
    ///
    /// # Errors
    /// Names the part and ends with its log.
    pub fn alive(&mut self) -> Result<()> {
        self.etcd.alive()?;
        self.server.alive()?;
        self.controllers.alive()
    }

    /// Writes a kubeconfig that bears a fresh token of a service account, valid for an hour.
    ///
    /// # Errors
    /// When the account does not exist or the file cannot be written.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| format!("no token for the service account {namespace}/{name}"))?;
        let token = answer.status.context("the token request was answered without a token")?.token;
        let path = self.folder.join(format!("{namespace}-{name}.kubeconfig"));
        kubeconfig::write(&path, SERVER, &self.files.authority, &Credential::Token(&token))?;
        Ok(path)
    }
}

/// A client of the identity in a kubeconfig file.
///
/// # Errors
/// When the file cannot be read or describes no client.
pub async fn connect(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("cannot read the kubeconfig {}", kubeconfig.display()))?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(config, &Default::default()).await?)?)
}

fn etcd(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["etcd", "--unsafe-no-fsync", "--log-level=error"]);
    command.arg("--data-dir").arg(folder.join("etcd"));
    command.args(["--listen-client-urls", ETCD, "--advertise-client-urls", ETCD]);
    command.args(["--listen-peer-urls", ETCD_PEERS, "--initial-advertise-peer-urls", ETCD_PEERS]);
    command.args(["--initial-cluster", &format!("default={ETCD_PEERS}")]);
    command
}

fn server(binary: &Path, folder: &Path, files: &Files) -> Command {
    let mut command = Command::new(binary);
    command.arg("kube-apiserver").args([
        format!("--etcd-servers={ETCD}"),
        "--bind-address=0.0.0.0".to_owned(),
        "--secure-port=6443".to_owned(),
        // There is no default route in the sandbox to guess it from.
        "--advertise-address=10.244.0.1".to_owned(),
        format!("--cert-dir={}", folder.join("self-signed").display()),
        format!("--tls-cert-file={}", files.path("server.crt")),
        format!("--tls-private-key-file={}", files.path("server.key")),
        format!("--client-ca-file={}", files.path("ca.crt")),
        format!("--requestheader-client-ca-file={}", files.path("front-proxy-ca.crt")),
        "--requestheader-allowed-names=front-proxy-client".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", files.path("front-proxy.crt")),
        format!("--proxy-client-key-file={}", files.path("front-proxy.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", files.path("service-accounts.pub")),
        format!("--service-account-signing-key-file={}", files.path("service-accounts.key")),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]);
    command
}

fn controllers(binary: &Path, identity: &Path, files: &Files, settings: &Settings) -> Command {
    let Autoscaling { sync_period, downscale_stabilization, cpu_initialization, initial_readiness_delay } =
        settings.autoscaling;
    let autoscaler = [
        ("sync-period", sync_period),
        ("downscale-stabilization", downscale_stabilization),
        ("cpu-initialization-period", cpu_initialization),
        ("initial-readiness-delay", initial_readiness_delay),
    ];
    let mut command = Command::new(binary);
    command.arg("kube-controller-manager").args([
        format!("--kubeconfig={}", identity.display()),
        format!("--controllers={}", settings.controllers.join(",")),
        format!("--service-account-private-key-file={}", files.path("service-accounts.key")),
        "--use-service-account-credentials=true".to_owned(),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--v=2".to_owned(),
    ]);
    command.args(
        autoscaler.map(|(flag, span)| format!("--horizontal-pod-autoscaler-{flag}={}ms", span.as_millis())),
    );
    command
}
