//! Tells Prometheus which pods to scrape, as the Prometheus Operator does for a ServiceMonitor.
//!
//! It follows EndpointSlices and pods and writes a `file_sd_configs` file. Each target bears the
//! labels the operator would attach: `namespace`, `pod`, `service`, `endpoint`, `instance`, `job`,
//! `container`, and `node` as the kubelet's own monitors have it.
//!
//! **Invariant:** the file is replaced as a whole; Prometheus never reads half of one.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use futures::StreamExt as _;
use k8s_openapi::api::{core::v1::Pod, discovery::v1::EndpointSlice};
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{WatchStreamExt as _, reflector, watcher},
};
use serde::Serialize;
use tokio::task::JoinHandle;

/// Which services are scraped.
#[derive(Debug, Clone)]
pub struct ServiceMonitor {
    /// A label selector for services (their EndpointSlices carry the same labels).
    pub selector: String,
    /// The name of the service port to scrape.
    pub port: String,
}

/// The task that keeps the target file true. Dropping it stops that; the file stays.
#[derive(Debug)]
pub struct TargetWriter {
    task: JoinHandle<()>,
}

impl TargetWriter {
    /// Starts to write `<folder>/pods.json`.
    pub fn start(client: Client, monitor: ServiceMonitor, folder: &Path) -> Self {
        Self { task: tokio::spawn(follow(client, monitor, folder.join("pods.json"))) }
    }
}

impl Drop for TargetWriter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One entry of a `file_sd_configs` file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct TargetGroup {
    targets: Vec<String>,
    labels: BTreeMap<&'static str, String>,
}

async fn follow(client: Client, monitor: ServiceMonitor, file: PathBuf) {
    let (pods, pods_writer) = reflector::store();
    let (slices, slices_writer) = reflector::store();
    let selected = watcher::Config::default().labels(&monitor.selector);
    let pod_changes = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .reflect(pods_writer)
        .map(drop)
        .boxed();
    let slice_changes = watcher(Api::<EndpointSlice>::all(client), selected)
        .default_backoff()
        .reflect(slices_writer)
        .map(drop)
        .boxed();
    let mut changes = futures::stream::select(pod_changes, slice_changes);
    let mut written = None;
    while changes.next().await.is_some() {
        let by_name: BTreeMap<_, _> =
            pods.state().into_iter().map(|pod| ((pod.namespace(), pod.name_any()), pod)).collect();
        let mut groups: Vec<TargetGroup> = slices
            .state()
            .iter()
            .flat_map(|slice| {
                targets(slice, &monitor.port, |name| {
                    by_name.get(&(slice.namespace(), name.to_owned())).map(AsRef::as_ref)
                })
            })
            .collect();
        groups.sort_by(|left, right| left.targets.cmp(&right.targets));
        if written.as_ref() != Some(&groups) {
            match write(&file, &groups) {
                Ok(()) => written = Some(groups),
                Err(error) => tracing::warn!(%error, file = %file.display(), "cannot write the targets"),
            }
        }
    }
}

/// The targets behind one EndpointSlice; addresses without a pod are not pods' and left out.
fn targets<'a>(
    slice: &EndpointSlice,
    port_name: &str,
    pod_named: impl Fn(&str) -> Option<&'a Pod>,
) -> Vec<TargetGroup> {
    let namespace = slice.namespace().unwrap_or_default();
    let service = slice.labels().get("kubernetes.io/service-name").cloned().unwrap_or_default();
    let ports = slice.ports.iter().flatten();
    let port = ports.filter(|port| port.name.as_deref() == Some(port_name)).find_map(|port| port.port);
    let Some(port) = port else { return Vec::new() };
    let mut groups = Vec::new();
    for endpoint in &slice.endpoints {
        let name = endpoint.target_ref.as_ref().and_then(|target| target.name.as_deref());
        let (Some(name), Some(address)) = (name, endpoint.addresses.first()) else { continue };
        let Some(pod) = pod_named(name) else { continue };
        let instance = format!("{address}:{port}");
        groups.push(TargetGroup {
            targets: vec![instance.clone()],
            labels: BTreeMap::from([
                ("namespace", namespace.clone()),
                ("pod", name.to_owned()),
                ("service", service.clone()),
                ("endpoint", port_name.to_owned()),
                ("instance", instance),
                ("job", service.clone()),
                ("container", container_with_port(pod, port)),
                ("node", endpoint.node_name.clone().unwrap_or_default()),
            ]),
        });
    }
    groups
}

fn container_with_port(pod: &Pod, port: i32) -> String {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .find(|container| container.ports.iter().flatten().any(|declared| declared.container_port == port))
        .map(|container| container.name.clone())
        .unwrap_or_default()
}

fn write(file: &Path, groups: &[TargetGroup]) -> io::Result<()> {
    let draft = file.with_extension("draft");
    fs::write(&draft, serde_json::to_vec_pretty(groups)?)?;
    fs::rename(draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_bears_the_labels_of_the_prometheus_operator() -> serde_json::Result<()> {
        let slice: EndpointSlice = serde_json::from_value(serde_json::json!({
            "metadata": { "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
            "addressType": "IPv4",
            "ports": [{ "name": "other", "port": 1 }, { "name": "http", "port": 8080 }],
            "endpoints": [
                { "addresses": ["10.244.0.9"], "nodeName": "n1", "targetRef": { "kind": "Pod", "name": "web-1" } },
                { "addresses": ["10.244.0.1"] },
            ],
        }))?;
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "spec": { "containers": [{ "name": "app", "ports": [{ "containerPort": 8080 }] }] },
        }))?;
        let groups = targets(&slice, "http", |name| (name == "web-1").then_some(&pod));
        assert_eq!(
            serde_json::to_value(&groups)?,
            serde_json::json!([{ "targets": ["10.244.0.9:8080"], "labels": {
                "namespace": "shop", "pod": "web-1", "service": "web", "endpoint": "http",
                "instance": "10.244.0.9:8080", "job": "web", "container": "app", "node": "n1",
            }}])
        );
        Ok(())
    }
}
