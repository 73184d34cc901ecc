//! APIServices: how the API server learns of an aggregated API server, and whether it can use it.
//!
//! Not the server behind them: all lead to the Service of `e2e/adapter/service.yaml`.
//!
//! **Invariant:** none is registered before the server listens: it would be tried again only after a pause that grows.

use std::time::Duration;

use anyhow::{Result, bail};
use http::Request;
use kube::Client;
use serde_json::json;

use crate::{kubectl::Kubectl, wait::eventually};

/// How soon a registered API must be available.
const START: Duration = Duration::from_secs(60);

/// An API group and version of the aggregated API server.
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

/// Everything that `plimsoll serve` can serve.
pub const SERVED: [ServedVersion; 4] = [
    ServedVersion { group: "custom.metrics.k8s.io", version: "v1beta1" },
    ServedVersion { group: "custom.metrics.k8s.io", version: "v1beta2" },
    ServedVersion { group: "external.metrics.k8s.io", version: "v1beta1" },
    ServedVersion { group: "metrics.k8s.io", version: "v1beta1" },
];

/// Registers `served` and waits until each is available, as long as `alive` holds.
///
/// # Errors
/// When an API does not become available; the message says which and why.
pub async fn register(
    client: &Client,
    kubectl: &Kubectl,
    served: &[ServedVersion],
    mut alive: impl AsyncFnMut() -> Result<()>,
) -> Result<()> {
    for version in served {
        kubectl.apply(&registration(version)).await?;
    }
    eventually("all APIServices are Available", START, async || {
        alive().await?;
        for version in served {
            available(client, version).await?;
        }
        Ok(())
    })
    .await
}

/// Fails unless the APIService says `Available=True`.
///
/// # Errors
/// With the condition's reason and message.
pub async fn available(client: &Client, version: &ServedVersion) -> Result<()> {
    let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/{}", version.name());
    let service: serde_json::Value = client.request(Request::get(path).body(Vec::new())?).await?;
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
