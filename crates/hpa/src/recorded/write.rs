//! A decision in the shape of a recording.
//!
//! Not the API's JSON: times are seconds of the recording's clock.
//!
//! **Invariant:** what is empty is left out, as in a recording.

use serde_json::{Map, Value, json};

use crate::decide::Decision;
use crate::state::{ScaleEvent, State};
use crate::status::{HpaStatus, MetricStatus, StatusSource};
use crate::time::Time;

pub(super) fn seconds(time: Time) -> Value {
    if time == Time::ZERO { Value::Null } else { json!(time.0 as f64 / 1e9) }
}

/// `status.currentMetrics` in the API's own shape.
pub fn metrics(status: &HpaStatus) -> Value {
    status
        .current_metrics
        .iter()
        .map(|metric| metric.as_ref().map_or_else(|| json!({"type": ""}), entry))
        .collect()
}

fn entry(metric: &MetricStatus) -> Value {
    let (kind, field, mut source) = match &metric.source {
        StatusSource::Resource { name } => ("Resource", "resource", json!({"name": name})),
        StatusSource::ContainerResource { name, container } => {
            ("ContainerResource", "containerResource", json!({"name": name, "container": container}))
        }
        StatusSource::Pods { metric } => ("Pods", "pods", json!({"metric": metric})),
        StatusSource::Object { metric, described_object } => {
            ("Object", "object", json!({"metric": metric, "describedObject": described_object}))
        }
        StatusSource::External { metric } => ("External", "external", json!({"metric": metric})),
    };
    source["current"] = json!(metric.current);
    json!({"type": kind, field: source})
}

pub(super) fn conditions(status: &HpaStatus, with_times: bool) -> Value {
    let conditions = status.conditions.iter().map(|condition| {
        let mut value = json!({
            "type": condition.kind,
            "status": condition.status.as_str(),
            "reason": condition.reason,
            "message": condition.message,
        });
        if with_times && let Some(time) = condition.last_transition_time {
            value["t"] = seconds(time);
        }
        value
    });
    conditions.collect()
}

pub(super) fn events(decision: &Decision) -> Value {
    let events = decision.events.iter().map(|event| {
        json!({"type": format!("{:?}", event.kind), "reason": event.reason, "message": event.message})
    });
    events.collect()
}

pub(super) fn recommendations(state: &State) -> Value {
    let entries = state.recommendations.iter().flatten();
    entries.map(|entry| json!({"replicas": entry.replicas, "t": seconds(entry.time)})).collect()
}

pub(super) fn scale_events(events: &[ScaleEvent], always_outdated: bool) -> Value {
    let entries = events.iter().map(|event| {
        let mut value = json!({"change": event.change, "t": seconds(event.time)});
        if event.outdated || always_outdated {
            value["outdated"] = json!(event.outdated);
        }
        value
    });
    entries.collect()
}

/// Inserts what is not empty.
pub(super) fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    };
    if !empty {
        map.insert(key.to_owned(), value);
    }
}
