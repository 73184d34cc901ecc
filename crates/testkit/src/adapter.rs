//! `plimsoll serve` as a cluster installs it: the chart's rights, a service account's token, a
//! Service, and APIServices that the aggregator forwards to.
//!
//! **Invariant:** it holds no more rights than the Helm chart grants.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tokio::net::TcpStream;

use crate::{
    cluster::{Cluster, manifest},
    part::Part,
    prometheus,
    wait::eventually,
};

/// How soon a registered API must be available.
const START: Duration = Duration::from_secs(60);

/// An API group and version that the adapter serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedVersion {
    /// Such as `custom.metrics.k8s.io`.
    pub group: &'static str,
    /// Such as `v1beta1`.
    pub version: &'static str,
}

impl ServedVersion {
    /// The name of its APIService.
    pub fn name(&self) -> String {
        format!("{}.{}", self.version, self.group)
    }

    /// The path below which it answers.
    pub fn path(&self) -> String {
        format!("/apis/{}/{}", self.group, self.version)
    }
}

/// Everything the adapter can serve.
pub const SERVED: [ServedVersion; 4] = [
    ServedVersion { group: "custom.metrics.k8s.io", version: "v1beta1" },
    ServedVersion { group: "custom.metrics.k8s.io", version: "v1beta2" },
    ServedVersion { group: "external.metrics.k8s.io", version: "v1beta1" },
    ServedVersion { group: "metrics.k8s.io", version: "v1beta1" },
];

/// A running adapter.
#[derive(Debug)]
pub struct Adapter {
    part: Part,
}

impl Adapter {
    /// Installs rights and Service, starts `binary` with the rules `config`, registers `served`
    /// and waits until each is available.
    ///
    /// # Errors
    /// When the adapter ends, or an API does not become available; the message says which and why.
    pub async fn install(
        cluster: &Cluster,
        binary: &Path,
        config: &str,
        served: &[ServedVersion],
    ) -> Result<Self> {
        let kubectl = cluster.kubectl();
        kubectl.apply(&manifest("adapter/rbac.yaml")?).await?;
        kubectl.apply(&manifest("adapter/service.yaml")?).await?;
        let identity =
            cluster.control_plane.service_account_kubeconfig("monitoring", "prometheus-adapter").await?;
        let folder = cluster.sandbox.subfolder("adapter")?;
        let file = folder.join("config.yaml");
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;

        let mut command = Command::new(binary);
        command.arg("serve").args([
            format!("--config={}", file.display()),
            format!("--cert-dir={}", folder.display()),
            format!("--prometheus-url={}", prometheus::URL),
            "--metrics-relist-interval=10s".to_owned(),
            "--bind-address=0.0.0.0".to_owned(),
            "--secure-port=443".to_owned(),
        ]);
        for flag in ["lister", "authentication", "authorization"] {
            command.arg(format!("--{flag}-kubeconfig={}", identity.display()));
        }
        let mut part = Part::start("plimsoll-serve", command, &cluster.sandbox.logs())?;
        // Registered before it listens, it would be tried again only after a pause that grows.
        eventually("the adapter listens", START, async || {
            part.alive()?;
            Ok(TcpStream::connect("10.244.0.1:443").await?)
        })
        .await?;
        for version in served {
            kubectl.apply(&registration(version)).await?;
        }
        eventually("all APIServices of the adapter are Available", START, async || {
            part.alive()?;
            for version in served {
                available(cluster, version).await?;
            }
            Ok(())
        })
        .await?;
        Ok(Self { part })
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// Ends with its log.
    pub fn alive(&mut self) -> Result<()> {
        self.part.alive()
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(self) -> Result<()> {
        self.part.terminate().await
    }
}

/// Fails unless the APIService says `Available=True`.
///
/// # Errors
/// With the condition's reason and message.
pub async fn available(cluster: &Cluster, version: &ServedVersion) -> Result<()> {
    let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/{}", version.name());
    let service: serde_json::Value = cluster.get_raw(&path).await?;
    let condition = service["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Available");
    match condition {
        Some(condition) if condition["status"] == "True" => Ok(()),
        Some(condition) => bail!("{}: {} {}", version.name(), condition["reason"], condition["message"]),
        None => bail!("{} has no condition yet", version.name()),
    }
}

/// The chart verifies no certificate either, unless it is given one.
fn registration(version: &ServedVersion) -> String {
    json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": { "name": version.name() },
        "spec": {
            "group": version.group,
            "version": version.version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": true,
            "service": { "namespace": "monitoring", "name": "prometheus-adapter", "port": 443 },
        },
    })
    .to_string()
}
