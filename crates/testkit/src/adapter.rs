//! `plimsoll serve` as a cluster installs it: the chart's rights, a service account's token, a
//! Service, and APIServices that the aggregator forwards to.
//!
//! **Invariant:** it holds no more rights than the Helm chart grants.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;

use crate::{
    apiservice::{ServedVersion, register},
    cluster::{Cluster, manifest},
    part::Part,
    prometheus,
    wait::eventually,
};

/// How soon it must listen.
const START: Duration = Duration::from_secs(60);

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
        register(&cluster.client(), kubectl, served, async || part.alive()).await?;
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
