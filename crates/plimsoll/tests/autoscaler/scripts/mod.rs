//! The scripts, by what they are about.
//!
//! **Invariant:** windows and periods are odd numbers of seconds, the controller's period is two: turns fall between
//! their ends.

mod limits;
mod metrics;
mod objects;
mod pods;
mod zero;

use serde_json::{Value, json};

use crate::script::Script;

/// All of them.
pub fn all() -> Vec<Script> {
    [limits::all(), metrics::all(), objects::all(), pods::all(), zero::all()].concat()
}

/// An external metric with a target per pod.
fn external_average(metric: &str, target: &str) -> Value {
    json!({"type": "External", "external": {
        "metric": {"name": metric}, "target": {"type": "AverageValue", "averageValue": target},
    }})
}

/// A metric of the Service `web`; `target` is `{"type": …, …}`.
fn service(metric: &str, target: &Value) -> Value {
    json!({"type": "Object", "object": {
        "metric": {"name": metric},
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"},
        "target": target,
    }})
}

/// A custom metric of the pods with a target per pod.
fn pods_average(metric: &str, target: &str) -> Value {
    json!({"type": "Pods", "pods": {
        "metric": {"name": metric}, "target": {"type": "AverageValue", "averageValue": target},
    }})
}

/// A resource of the pods; `target` is `{"type": …, …}`.
fn resource(name: &str, target: &Value) -> Value {
    json!({"type": "Resource", "resource": {"name": name, "target": target}})
}

/// CPU in percent of the requests.
fn cpu_utilization(percent: i32) -> Value {
    resource("cpu", &json!({"type": "Utilization", "averageUtilization": percent}))
}
