//! The facts that `kubectl describe hpa` prints (`pkg/describe/describe.go`).
//!
//! Not its layout: columns and indentation are the printer's.
//!
//! **Invariant:** all metrics of the spec are there, in its order.

use serde::Serialize;

use crate::columns::{UNKNOWN, shown};
use crate::inputs::Hpa;
use crate::limits::DefaultPolicies;
use crate::spec::{MetricSpec, MetricTarget, ScalingRules};
use crate::status::{Condition, CurrentValue};

/// One line of the metrics: what stands left and right of the colon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricFact {
    /// `resource cpu on pods  (as a percentage of request)`.
    pub label: String,
    /// `93% (186m) / 50%`.
    pub value: String,
}

/// What `kubectl describe hpa` tells besides metadata and events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// `Deployment/web`.
    pub reference: String,
    /// All metrics.
    pub metrics: Vec<MetricFact>,
    /// Smallest size, or `<unset>`.
    pub min_replicas: String,
    /// Largest size.
    pub max_replicas: i32,
    /// Lines of the behaviour, indented by two spaces a level; empty without one.
    pub behavior: Vec<String>,
    /// `3 current / 5 desired`.
    pub pods: String,
    /// Conditions in order.
    pub conditions: Vec<Condition>,
}

/// The facts of an HPA.
pub fn facts(hpa: &Hpa) -> Facts {
    let target = &hpa.spec.scale_target_ref;
    let metrics = hpa.spec.metrics.iter().enumerate().map(|(at, spec)| {
        let status = hpa.status.current_metrics.get(at).and_then(Option::as_ref);
        metric(spec, status.map(|status| &status.current))
    });
    let mut behavior = Vec::new();
    if let Some(rules) = &hpa.spec.behavior {
        let defaults = DefaultPolicies::default();
        direction(&mut behavior, "Scale Up", rules.scale_up.as_ref(), &defaults, true);
        direction(&mut behavior, "Scale Down", rules.scale_down.as_ref(), &defaults, false);
    }
    Facts {
        reference: format!("{}/{}", target.kind, target.name),
        metrics: metrics.collect(),
        min_replicas: hpa.spec.min_replicas.map_or_else(|| "<unset>".to_owned(), |min| min.to_string()),
        max_replicas: hpa.spec.max_replicas,
        behavior,
        pods: format!("{} current / {} desired", hpa.status.current_replicas, hpa.status.desired_replicas),
        conditions: hpa.status.conditions.clone(),
    }
}

fn direction(
    lines: &mut Vec<String>,
    title: &str,
    rules: Option<&ScalingRules>,
    defaults: &DefaultPolicies,
    growing: bool,
) {
    let behavior = crate::spec::Behavior { scale_up: rules.cloned(), scale_down: rules.cloned() };
    let all = crate::limits::Rules::of(&behavior, defaults, growing);
    lines.push(format!("{title}:"));
    let window = rules.and_then(|rules| rules.stabilization_window_seconds).or(growing.then_some(0));
    if let Some(seconds) = window {
        lines.push(format!("  Stabilization Window: {seconds} seconds"));
    }
    lines.push(format!("  Select Policy: {:?}", all.select));
    lines.push("  Policies:".to_owned());
    for policy in all.policies {
        let (kind, value, period) = (&policy.kind, policy.value, policy.period_seconds);
        lines.push(format!("    - Type: {kind:<8} Value: {value:<4} Period: {period} seconds"));
    }
}

fn metric(spec: &MetricSpec, current: Option<&CurrentValue>) -> MetricFact {
    let value = shown(current.and_then(|current| current.value));
    let average = shown(current.and_then(|current| current.average_value));
    let quantity = |quantity: &Option<plimsoll_model::quantity::Quantity>| {
        quantity.as_ref().map_or_else(|| UNKNOWN.to_owned(), ToString::to_string)
    };
    let resource = |label: String, target: &MetricTarget| {
        if target.average_value.is_some() {
            return MetricFact { label, value: format!("{average} / {}", quantity(&target.average_value)) };
        }
        let now = match current.and_then(|current| current.average_utilization) {
            Some(percent) => format!("{percent}% ({average})"),
            None => UNKNOWN.to_owned(),
        };
        let target =
            target.average_utilization.map_or_else(|| "<auto>".to_owned(), |percent| format!("{percent}%"));
        MetricFact {
            label: format!("{label}  (as a percentage of request)"),
            value: format!("{now} / {target}"),
        }
    };
    let without_pods = |label: String, target: &MetricTarget, by_kind: bool| {
        let as_average = if by_kind { target.kind == "AverageValue" } else { target.average_value.is_some() };
        if as_average {
            let value = format!("{average} / {}", quantity(&target.average_value));
            MetricFact { label: format!("{label} (target average value)"), value }
        } else {
            let value = format!("{value} / {}", quantity(&target.value));
            MetricFact { label: format!("{label} (target value)"), value }
        }
    };
    let fact = match spec.kind.as_str() {
        "Resource" => spec
            .resource
            .as_ref()
            .map(|source| resource(format!("resource {} on pods", source.name), &source.target)),
        "ContainerResource" => spec.container_resource.as_ref().map(|source| {
            let label = format!("resource {} of container \"{}\" on pods", source.name, source.container);
            resource(label, &source.target)
        }),
        "Pods" => spec.pods.as_ref().map(|source| MetricFact {
            label: format!("\"{}\" on pods", source.metric.name),
            value: format!("{average} / {}", quantity(&source.target.average_value)),
        }),
        "Object" => spec.object.as_ref().map(|source| {
            let object = &source.described_object;
            let label = format!("\"{}\" on {}/{}", source.metric.name, object.kind, object.name);
            without_pods(label, &source.target, true)
        }),
        "External" => spec
            .external
            .as_ref()
            .map(|source| without_pods(format!("\"{}\"", source.metric.name), &source.target, false)),
        _ => None,
    };
    fact.unwrap_or_else(|| MetricFact {
        label: format!("<unknown metric type \"{}\">", spec.kind),
        value: String::new(),
    })
}
