//! What the node writes into the API: itself, and how its pods fare.
//!
//! **Invariant:** pure; the moment is an argument.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use serde_json::{Value, json};

/// How a pod's containers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not (all) started; reason and message.
    Waiting(&'static str, String),
    /// Started; ready once its ports accept connections.
    Running { ready: bool },
    /// All ended for good, with this exit code.
    Ended(i32),
}

/// The status patch of a pod (strategic merge).
pub(super) fn pod(
    pod: &Pod,
    address: Ipv4Addr,
    phase: &Phase,
    started: &str,
    now: &str,
    restarts: u32,
) -> Value {
    let ready = *phase == Phase::Running { ready: true };
    let (name, state) = match phase {
        Phase::Waiting(reason, message) => {
            ("Pending", json!({ "waiting": { "reason": reason, "message": message } }))
        }
        Phase::Running { .. } => ("Running", json!({ "running": { "startedAt": started } })),
        Phase::Ended(code) => {
            let reason = if *code == 0 { "Completed" } else { "Error" };
            let name = if *code == 0 { "Succeeded" } else { "Failed" };
            let ended =
                json!({ "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now });
            (name, json!({ "terminated": ended }))
        }
    };
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let statuses: Vec<Value> = containers
        .map(|container| {
            json!({
                "name": container.name,
                "image": container.image.as_deref().unwrap_or_default(),
                "imageID": "",
                "ready": ready,
                "started": matches!(phase, Phase::Running { .. }),
                "restartCount": restarts,
                "state": state,
            })
        })
        .collect();
    let condition = |kind: &str, holds: bool| json!({ "type": kind, "status": if holds { "True" } else { "False" }, "lastTransitionTime": now });
    json!({ "status": {
        "phase": name,
        "startTime": started,
        "hostIP": "10.244.0.1",
        "podIP": address,
        "podIPs": [{ "ip": address }],
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", true),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": statuses,
    }})
}

/// The node itself, with more room than any test takes.
pub(super) fn node(name: &str) -> serde_json::Result<NodeObject> {
    let room = json!({ "cpu": "2", "memory": "4Gi", "pods": "253" });
    serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "ProcessesRun", "message": "pods are processes",
            }],
            "addresses": [{ "type": "Hostname", "address": name }],
        },
    }))
}
