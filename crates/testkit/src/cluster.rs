//! A whole cluster on one machine: control plane, node, Prometheus and its targets.
//!
//! Not the adapter: what is tested is installed by the test ([`crate::adapter`]).
//!
//! **Invariant:** parts end in the order opposite to their start, so none logs the loss of another.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use http::Request;
use serde::de::DeserializeOwned;

use crate::{
    app,
    controlplane::{self, Autoscaling, ControlPlane},
    kubectl::Kubectl,
    node::{self, Node},
    prometheus::Prometheus,
    sandbox::Sandbox,
    targets::{ServiceMonitor, TargetWriter},
};

/// The programs that are not ours, as `e2e/build` makes them.
#[derive(Debug, Clone)]
pub struct Programs {
    /// etcd, kube-apiserver, kube-controller-manager and kubectl in one.
    pub controlplane: PathBuf,
    /// Prometheus 3.
    pub prometheus: PathBuf,
}

impl Programs {
    /// Where the build leaves them.
    ///
    /// # Errors
    /// When one is missing; says how to build it.
    pub fn find() -> Result<Self> {
        let folder = workspace().join("e2e/bin");
        let find = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { bail!("{} is missing; run `e2e/build`", path.display()) }
        };
        Ok(Self { controlplane: find("controlplane")?, prometheus: find("prometheus")? })
    }
}

/// How a cluster is set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The horizontal pod autoscaler's periods.
    pub autoscaling: Autoscaling,
    /// How often each pod is scraped.
    pub scrape_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { autoscaling: Autoscaling::default(), scrape_interval: Duration::from_secs(1) }
    }
}

/// A running cluster.
pub struct Cluster {
    // Fields drop in this order.
    _targets: TargetWriter,
    _node: Node,
    /// Prometheus; tests may kill and resume it.
    pub prometheus: tokio::sync::Mutex<Prometheus>,
    /// The control plane.
    pub control_plane: ControlPlane,
    /// Where it runs.
    pub sandbox: Sandbox,
    kubectl: Kubectl,
}

impl Cluster {
    /// Starts everything and waits until it works.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(sandbox: Sandbox, programs: &Programs, settings: &Settings) -> Result<Self> {
        let control_plane = controlplane::Settings {
            autoscaling: settings.autoscaling.clone(),
            ..controlplane::Settings::default()
        };
        let control_plane = ControlPlane::start(&sandbox, &programs.controlplane, &control_plane).await?;
        let prometheus = Prometheus::start(&sandbox, &programs.prometheus, settings.scrape_interval).await?;
        let this = std::env::current_exe().context("cannot find this program's file")?;
        let node = node::Settings {
            name: "node-1".to_owned(),
            network: [10, 244, 0],
            programs: BTreeMap::from([(
                app::COMMAND.to_owned(),
                vec![this.into_os_string(), OsString::from(app::COMMAND)],
            )]),
            logs: sandbox.subfolder("logs/pods")?,
        };
        let node = Node::start(control_plane.client(), node).await?;
        let monitor = ServiceMonitor { selector: "app".to_owned(), port: "prometheus-port".to_owned() };
        let targets = TargetWriter::start(control_plane.client(), monitor, &prometheus.targets());
        let home = sandbox.subfolder("home")?;
        let kubectl = Kubectl::of_controlplane(&programs.controlplane, &control_plane.kubeconfig(), &home);
        Ok(Self {
            _targets: targets,
            _node: node,
            prometheus: tokio::sync::Mutex::new(prometheus),
            control_plane,
            sandbox,
            kubectl,
        })
    }

    /// A client with every right.
    pub fn client(&self) -> kube::Client {
        self.control_plane.client()
    }

    /// The kubectl of the control plane's own version, as the administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// GETs a path of the API server.
    ///
    /// # Errors
    /// When the API server refuses, or answers something else.
    pub async fn get_raw<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = Request::get(path).body(Vec::new())?;
        self.client().request(request).await.with_context(|| format!("GET {path}"))
    }
}

/// A file below `e2e/`.
///
/// # Errors
/// When it cannot be read.
pub fn manifest(name: &str) -> Result<String> {
    let path = workspace().join("e2e").join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Two levels up from this crate, always.
    this.ancestors().nth(2).unwrap_or(this)
}
