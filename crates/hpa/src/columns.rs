//! The row of `kubectl get hpa` (`pkg/printers/internalversion/printers.go`).
//!
//! Not the table around it.
//!
//! **Invariant:** at most two metrics are shown; the current value is taken from the same place of the status.

use std::fmt::Write as _;

use serde::Serialize;

use crate::inputs::Hpa;
use crate::profile::Profile;
use crate::spec::{MetricSpec, MetricTarget};
use crate::status::{Amount, CurrentValue};

/// The row of `kubectl get hpa` but for its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Columns {
    /// NAME.
    pub name: String,
    /// REFERENCE: `Deployment/web`.
    pub reference: String,
    /// TARGETS: `cpu: 10%/50%`.
    pub targets: String,
    /// MINPODS.
    pub min_pods: String,
    /// MAXPODS.
    pub max_pods: i32,
    /// REPLICAS: `status.currentReplicas`.
    pub replicas: i32,
}

/// The row of an HPA.
pub fn columns(profile: &Profile, hpa: &Hpa) -> Columns {
    let target = &hpa.spec.scale_target_ref;
    Columns {
        name: hpa.name.clone(),
        reference: format!("{}/{}", target.kind, target.name),
        targets: targets_cell(profile, hpa),
        min_pods: hpa.spec.min_replicas.map_or_else(|| "<unset>".to_owned(), |min| min.to_string()),
        max_pods: hpa.spec.max_replicas,
        replicas: hpa.status.current_replicas,
    }
}

/// The TARGETS cell.
pub fn targets_cell(profile: &Profile, hpa: &Hpa) -> String {
    const SHOWN: usize = 2;
    let metrics = &hpa.spec.metrics;
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let items: Vec<_> = metrics
        .iter()
        .enumerate()
        .take(SHOWN)
        .map(|(at, spec)| {
            let current = hpa.status.current_metrics.get(at).and_then(Option::as_ref);
            item(profile, spec, current.map(|status| &status.current))
        })
        .collect();
    let mut cell = items.join(", ");
    if metrics.len() > SHOWN {
        let _ = write!(cell, " + {} more...", metrics.len() - SHOWN);
    }
    cell
}

fn item(profile: &Profile, spec: &MetricSpec, current: Option<&CurrentValue>) -> String {
    let average = shown(current.and_then(|current| current.average_value));
    let resource = |name: &str, target: &MetricTarget| {
        let prefix = if profile.prefixes_resource_names() { format!("{name}: ") } else { String::new() };
        if let Some(target) = &target.average_value {
            return format!("{prefix}{average}/{target}");
        }
        let percent = current.and_then(|current| current.average_utilization);
        let percent = percent.map_or_else(|| UNKNOWN.to_owned(), |percent| format!("{percent}%"));
        let target = target.average_utilization;
        let target = target.map_or_else(|| "<auto>".to_owned(), |percent| format!("{percent}%"));
        format!("{prefix}{percent}/{target}")
    };
    let without_pods = |target: &MetricTarget| match (&target.average_value, &target.value) {
        (Some(target), _) => format!("{average}/{target} (avg)"),
        // Upstream prints the value without looking whether there is one.
        (None, target) => {
            let value = match current {
                Some(current) => current.value.map_or_else(|| "<nil>".to_owned(), |value| value.to_string()),
                None => UNKNOWN.to_owned(),
            };
            let target = target.as_ref().map_or_else(|| "<nil>".to_owned(), ToString::to_string);
            format!("{value}/{target}")
        }
    };
    match spec.kind.as_str() {
        "Resource" => spec.resource.as_ref().map(|source| resource(&source.name, &source.target)),
        "ContainerResource" => {
            spec.container_resource.as_ref().map(|source| resource(&source.name, &source.target))
        }
        "Pods" => spec.pods.as_ref().map(|source| {
            let target = source.target.average_value.as_ref();
            format!("{average}/{}", target.map_or_else(|| "<nil>".to_owned(), ToString::to_string))
        }),
        "Object" => spec.object.as_ref().map(|source| without_pods(&source.target)),
        "External" => spec.external.as_ref().map(|source| without_pods(&source.target)),
        _ => None,
    }
    .unwrap_or_else(|| "<unknown type>".to_owned())
}

pub(crate) const UNKNOWN: &str = "<unknown>";

pub(crate) fn shown(amount: Option<Amount>) -> String {
    amount.map_or_else(|| UNKNOWN.to_owned(), |amount| amount.to_string())
}
