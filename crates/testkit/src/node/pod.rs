//! The life of one pod on a node: bound, started, watched, restarted, ended.
//!
//! **Invariant:** a pod is removed from the API only after its processes are gone.

use std::{sync::Arc, time::Duration};

use futures::future::{join_all, select_all};
use jiff::{Timestamp, Unit};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

use super::{
    Settings,
    addresses::{Addresses, Lease},
    container::Running,
    status::{self, Phase},
};

/// How often a starting pod's ports are tried.
const READINESS_INTERVAL: Duration = Duration::from_millis(50);
/// The pause before the first restart; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A pod with everything its worker needs.
struct Life {
    pods: Api<Pod>,
    settings: Arc<Settings>,
    lease: Lease,
    pod: Pod,
    restarts: u32,
    started: String,
}

/// Runs the pod until the API wants it gone. Errors of the API are logged: the next event or
/// the next worker sets things right.
pub(super) async fn run(
    client: Client,
    settings: Arc<Settings>,
    addresses: Addresses,
    mut follow: watch::Receiver<Pod>,
) {
    let pod = follow.borrow().clone();
    let name = pod.name_any();
    let pods = Api::namespaced(client, &pod.namespace().unwrap_or_default());
    let Some(lease) = addresses.lease() else {
        tracing::warn!(pod = name, "no address is free; the pod stays pending");
        return;
    };
    let mut life = Life { pods, settings, lease, pod, restarts: 0, started: now() };
    let deletion = follow.wait_for(|pod| pod.metadata.deletion_timestamp.is_some());
    let ended = tokio::select! {
        result = life.live() => result,
        _ = deletion => Ok(()),
    };
    if let Err(error) = ended {
        tracing::warn!(pod = name, %error, "the API server refused what the node wrote");
    }
    // A pod that ended by itself stays in the API until someone deletes it.
    if follow.wait_for(|pod| pod.metadata.deletion_timestamp.is_some()).await.is_ok()
        && let Err(error) = life.remove().await
    {
        tracing::warn!(pod = name, %error, "the API server did not remove the pod");
    }
}

impl Life {
    /// Returns when all containers have ended and none is to be started again.
    async fn live(&mut self) -> kube::Result<()> {
        self.bind().await?;
        let policy = self.pod.spec.as_ref().and_then(|spec| spec.restart_policy.clone());
        let mut pause = FIRST_PAUSE;
        loop {
            self.started = now();
            match self.start() {
                Err(error) => self.report(Phase::Waiting("CreateContainerError", chain(&error))).await?,
                Ok(mut containers) => {
                    let code = tokio::select! {
                        code = first_end(&mut containers) => code,
                        never = self.become_ready() => match never? {},
                    };
                    let again = match policy.as_deref() {
                        Some("Never") => false,
                        Some("OnFailure") => code != 0,
                        _ => true,
                    };
                    if !again {
                        return self.report(Phase::Ended(code)).await;
                    }
                    let message = format!("a container ended with code {code}");
                    self.restarts += 1;
                    self.report(Phase::Waiting("CrashLoopBackOff", message)).await?;
                }
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn bind(&self) -> kube::Result<()> {
        let name = self.pod.name_any();
        if self.pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) {
            return Ok(());
        }
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": { "name": name },
            "target": { "apiVersion": "v1", "kind": "Node", "name": self.settings.name },
        });
        let _: serde_json::Value =
            self.pods.create_subresource("binding", &name, &PostParams::default(), &binding).await?;
        Ok(())
    }

    fn start(&self) -> Result<Vec<Running>, super::container::StartError> {
        let containers = self.pod.spec.iter().flat_map(|spec| &spec.containers);
        containers
            .map(|container| Running::start(&self.settings, &self.pod, container, self.lease.address))
            .collect()
    }

    /// Reports the pod as running, and as ready once every declared port accepts; then pends.
    async fn become_ready(&self) -> kube::Result<std::convert::Infallible> {
        let ports: Vec<u16> = self
            .pod
            .spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .flat_map(|container| container.ports.iter().flatten())
            .filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"))
            .filter_map(|port| u16::try_from(port.container_port).ok())
            .collect();
        self.report(Phase::Running { ready: false }).await?;
        join_all(ports.into_iter().map(async |port| {
            while TcpStream::connect((self.lease.address, port)).await.is_err() {
                sleep(READINESS_INTERVAL).await;
            }
        }))
        .await;
        self.report(Phase::Running { ready: true }).await?;
        std::future::pending().await
    }

    async fn report(&self, phase: Phase) -> kube::Result<()> {
        let status = status::pod(&self.pod, self.lease.address, &phase, &self.started, &now(), self.restarts);
        self.pods
            .patch_status(&self.pod.name_any(), &PatchParams::default(), &Patch::Strategic(status))
            .await?;
        Ok(())
    }

    async fn remove(&self) -> kube::Result<()> {
        let uid = Preconditions { uid: self.pod.uid(), resource_version: None };
        let now = DeleteParams::default().grace_period(0).preconditions(uid);
        match self.pods.delete(&self.pod.name_any(), &now).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Waits until one container ends, then ends the others; the first one's exit code.
async fn first_end(containers: &mut [Running]) -> i32 {
    let (code, _, _) = select_all(containers.iter_mut().map(|container| Box::pin(container.ended()))).await;
    containers.iter().for_each(Running::terminate);
    let deadline = Instant::now() + Duration::from_secs(2);
    // Those that ignore the request are killed when they are dropped.
    timeout_at(deadline, join_all(containers.iter_mut().map(Running::ended))).await.ok();
    code
}

/// The moment as the API writes it: UTC, whole seconds.
fn now() -> String {
    Timestamp::now().round(Unit::Second).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// An error with its causes, for a message in the API.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
