//! A node whose pods are processes of this machine: scheduler and kubelet in one small controller.
//!
//! It follows all pods through the ordinary kube client. Each pod that asks for no other node gets
//! an address, is bound, and its containers' commands run on that address until the pod is deleted.
//! There are no images, volumes, cgroups or probes: a pod is ready when its processes run and
//! their declared ports accept connections.
//!
//! **Invariant:** one worker per pod UID owns the pod's address and processes; both are given back
//! when the worker ends, in whichever way.

mod addresses;
mod container;
mod pod;
mod status;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc};

use anyhow::Result;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::PostParams,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::{sync::watch, task::JoinHandle};

use self::addresses::Addresses;

/// What a node is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the API.
    pub name: String,
    /// The first three bytes of every pod's address.
    pub network: [u8; 3],
    /// Commands that are known here by name; others are looked up in the PATH.
    pub programs: BTreeMap<String, Vec<OsString>>,
    /// Where the output of containers goes, a file each.
    pub logs: PathBuf,
}

/// A running node. Dropping it ends its pods' processes.
#[derive(Debug)]
pub struct Node {
    task: JoinHandle<()>,
}

impl Node {
    /// Registers the node and starts to run pods on it.
    ///
    /// # Errors
    /// When the node cannot be registered.
    pub async fn start(client: Client, settings: Settings) -> Result<Self> {
        let nodes: Api<NodeObject> = Api::all(client.clone());
        nodes.create(&PostParams::default(), &status::node(&settings.name)?).await?;
        Ok(Self { task: tokio::spawn(run(client, Arc::new(settings))) })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A pod on this node: the task that runs it, and the latest that the API says of it.
struct Worker {
    task: JoinHandle<()>,
    latest: watch::Sender<Pod>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(client: Client, settings: Arc<Settings>) {
    let addresses = Addresses::new(settings.network);
    let mut workers: BTreeMap<String, Worker> = BTreeMap::new();
    let mut listed: Vec<String> = Vec::new();
    let pods: Api<Pod> = Api::all(client.clone());
    let mut events = watcher(pods, watcher::Config::default()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        let pod = match event {
            Ok(watcher::Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(watcher::Event::InitDone) => {
                workers.retain(|uid, _| listed.contains(uid));
                continue;
            }
            Ok(watcher::Event::Delete(pod)) => {
                workers.remove(&pod.uid().unwrap_or_default());
                continue;
            }
            Ok(watcher::Event::InitApply(pod)) => {
                listed.extend(pod.uid());
                pod
            }
            Ok(watcher::Event::Apply(pod)) => pod,
            Err(error) => {
                tracing::warn!(%error, "the watch of pods broke off; it is taken up again");
                continue;
            }
        };
        let (true, Some(uid)) = (is_ours(&pod, &settings.name), pod.uid()) else { continue };
        match workers.get(&uid) {
            Some(worker) => {
                worker.latest.send_replace(pod);
            }
            None => {
                let (latest, follow) = watch::channel(pod);
                let work = pod::run(client.clone(), Arc::clone(&settings), addresses.clone(), follow);
                workers.insert(uid, Worker { task: tokio::spawn(work), latest });
            }
        }
    }
}

/// A pod is ours when it is bound here, or may be bound by anyone.
fn is_ours(pod: &Pod, node: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    match &spec.node_name {
        Some(name) => name == node,
        None => spec.scheduling_gates.as_ref().is_none_or(Vec::is_empty),
    }
}
