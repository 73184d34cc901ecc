//! From metrics to one proposal: each metric of the spec, its texts, and the rule that joins them
//! (`computeReplicasForMetrics` and below).
//!
//! Not the limits that follow.
//!
//! **Invariant:** one failed metric never shrinks the target; the first error and its condition are the ones told.

mod of_pods;
mod without_pods;

use std::sync::Arc;

use crate::decide::Selected;
use crate::derivation::{MetricDerivation, MetricOutcome, Usage};
use crate::inputs::{Inputs, Scale};
use crate::per_pod::{Computed, Tolerance};
use crate::profile::Profile;
use crate::spec::{MetricIdentifier, MetricSpec};
use crate::status::{Amount, CurrentValue, Event, MetricStatus, StatusSource};
use crate::time::Time;

/// A metric that failed.
struct Failure {
    /// Reason of the condition and of the event.
    reason: &'static str,
    /// What went wrong, as the event tells it.
    inner: String,
    /// The same as the joint error tells it.
    outer: String,
}

struct Success {
    computed: Computed,
    /// The metric's name in texts.
    name: String,
    status: MetricStatus,
}

/// What all metrics came to.
pub(crate) struct Joint {
    /// The proposal and the name of the metric that made it, or `None` when scaling must not go on.
    pub proposal: Option<(i32, String)>,
    /// Index of the metric whose proposal was taken.
    pub winner: Option<usize>,
    /// `ScalingActive` reason and message of the first failure.
    pub condition: Option<(&'static str, String)>,
    /// The joint error, if any metric failed.
    pub error: Option<String>,
    /// `status.currentMetrics`.
    pub statuses: Vec<Option<MetricStatus>>,
    /// How each metric came to its proposal.
    pub derivations: Vec<MetricDerivation>,
    /// Calls to the metrics APIs.
    pub calls: u32,
}

/// What every metric of a turn is computed with.
pub(crate) struct Turn<'a> {
    pub profile: &'a Profile,
    pub now: Time,
    pub inputs: Inputs<'a>,
    pub scale: &'a Scale,
    pub selected: Selected<'a>,
    pub tolerance: Tolerance,
}

impl Turn<'_> {
    /// Computes all metrics and joins their proposals.
    pub(crate) fn compute(&self, events: &mut Vec<Event>) -> Joint {
        let specs = &self.inputs.hpa.spec.metrics;
        let mut joint = Joint {
            proposal: None,
            winner: None,
            condition: None,
            error: None,
            statuses: Vec::with_capacity(specs.len()),
            derivations: Vec::with_capacity(specs.len()),
            calls: 0,
        };
        let (mut replicas, mut name) = (0, String::new());
        let (mut failures, mut first) = (0_usize, None);
        for (at, spec) in specs.iter().enumerate() {
            match self.metric(at, spec, &mut joint.calls) {
                Ok(success) => {
                    let computed = success.computed;
                    if replicas == 0 || computed.replicas > replicas {
                        replicas = computed.replicas;
                        name = success.name;
                        joint.winner = Some(at);
                    }
                    joint.statuses.push(Some(success.status));
                    joint.derivations.push(MetricDerivation {
                        kind: kind_of(spec),
                        name: name_of(spec),
                        of: subject_of(spec),
                        outcome: MetricOutcome::Proposed(computed.replicas),
                        usage: Some(computed.usage),
                        ratio: Some(computed.ratio),
                        tolerance: Some(computed.tolerance),
                        pods: computed.pods,
                        assumptions: computed.assumptions,
                        adjustment: computed.adjustment,
                        basis: Some(computed.basis),
                    });
                }
                Err(failure) => {
                    failures += 1;
                    events.push(Event::warning(failure.reason, failure.inner.clone()));
                    joint.statuses.push(None);
                    joint.derivations.push(MetricDerivation {
                        kind: kind_of(spec),
                        name: name_of(spec),
                        of: subject_of(spec),
                        outcome: MetricOutcome::Failed(failure.inner.clone()),
                        usage: None,
                        ratio: None,
                        tolerance: None,
                        pods: None,
                        assumptions: Vec::new(),
                        adjustment: None,
                        basis: None,
                    });
                    first.get_or_insert(failure);
                }
            }
        }
        if let Some(failure) = first {
            let total = specs.len();
            joint.error = Some(format!(
                "invalid metrics ({failures} invalid out of {total}), first error is: {}",
                failure.outer
            ));
            if failures >= total || replicas < self.scale.spec_replicas {
                let message = format!("the HPA was unable to compute the replica count: {}", failure.inner);
                joint.condition = Some((failure.reason, message));
                joint.winner = None;
                return joint;
            }
        }
        if specs.is_empty() {
            // Taken for a failure without an error; the API server's defaults do not let it come to that.
            replicas = -1;
        }
        joint.proposal = Some((replicas, name));
        joint
    }

    fn metric(&self, at: usize, spec: &MetricSpec, calls: &mut u32) -> Result<Success, Failure> {
        let answer = self.inputs.metrics.get(at);
        match spec.kind.as_str() {
            "Resource" => {
                let Some(source) = &spec.resource else {
                    return Err(absent("FailedGetResourceMetric", "resource"));
                };
                let result = self.resource(&source.name, None, &source.target, answer, calls);
                let (computed, name, current) = result.map_err(|inner| Failure {
                    reason: "FailedGetResourceMetric",
                    outer: format!("failed to get {} resource metric value: {inner}", source.name),
                    inner,
                })?;
                let source = StatusSource::Resource { name: Arc::clone(&source.name) };
                Ok(Success { computed, name, status: MetricStatus { source, current } })
            }
            "ContainerResource" => {
                let Some(source) = &spec.container_resource else {
                    return Err(absent("FailedGetContainerResourceMetric", "container resource"));
                };
                let result =
                    self.resource(&source.name, Some(&source.container), &source.target, answer, calls);
                let (computed, name, current) = result.map_err(|inner| Failure {
                    reason: "FailedGetContainerResourceMetric",
                    outer: format!("failed to get {} container metric value: {inner}", source.container),
                    inner,
                })?;
                let source = StatusSource::ContainerResource {
                    name: Arc::clone(&source.name),
                    container: Arc::clone(&source.container),
                };
                Ok(Success { computed, name, status: MetricStatus { source, current } })
            }
            "Pods" => {
                let Some(source) = &spec.pods else { return Err(absent("FailedGetPodsMetric", "pods")) };
                let result = self.pods(&source.metric, &source.target, answer, calls);
                let computed = result.map_err(|inner| Failure {
                    reason: "FailedGetPodsMetric",
                    outer: format!("failed to get pods metric value: {inner}"),
                    inner,
                })?;
                let current =
                    CurrentValue { average_value: average_of(&computed, false), ..CurrentValue::default() };
                Ok(Success {
                    computed,
                    name: format!("pods metric {}", source.metric.name),
                    status: MetricStatus {
                        source: StatusSource::Pods { metric: source.metric.clone() },
                        current,
                    },
                })
            }
            "Object" => self.object(spec, answer, calls),
            "External" => self.external(spec, answer, calls),
            kind => {
                let inner =
                    format!("unknown metric source type {}", plimsoll_model::quote::quote(kind.as_bytes()));
                Err(Failure { reason: "InvalidMetricSourceType", outer: inner.clone(), inner })
            }
        }
    }
}

/// The caller gave no answer, or one of the wrong kind.
const NO_ANSWER: &str = "no answer was given for this metric";

fn absent(reason: &'static str, what: &str) -> Failure {
    let inner = format!("invalid metric: its type needs the field for a {what} metric, which is not set");
    Failure { reason, outer: inner.clone(), inner }
}

fn check_selector(profile: &Profile, metric: &MetricIdentifier) -> Result<(), String> {
    metric.selector.as_ref().map_or(Ok(()), |selector| selector.check_in(profile))
}

fn average_of(computed: &Computed, binary: bool) -> Option<Amount> {
    let milli = match computed.usage {
        Usage::Utilization { average_milli, .. } => average_milli,
        Usage::Average { milli, .. } | Usage::Total { milli, .. } | Usage::Shared { milli, .. } => milli,
    };
    Some(Amount { milli, binary })
}

fn kind_of(spec: &MetricSpec) -> &'static str {
    ["Resource", "ContainerResource", "Pods", "Object", "External"]
        .into_iter()
        .find(|kind| *kind == spec.kind)
        .unwrap_or("Unknown")
}

/// The container or the object that a metric is of.
fn subject_of(spec: &MetricSpec) -> Option<Arc<str>> {
    match spec.kind.as_str() {
        "ContainerResource" => spec.container_resource.as_ref().map(|source| Arc::clone(&source.container)),
        "Object" => spec.object.as_ref().map(|source| {
            let object = &source.described_object;
            Arc::from(format!("{}/{}", object.kind, object.name))
        }),
        _ => None,
    }
}

fn name_of(spec: &MetricSpec) -> Arc<str> {
    let resource = spec.resource.as_ref().map(|source| &source.name);
    let container = spec.container_resource.as_ref().map(|source| &source.name);
    let pods = spec.pods.as_ref().map(|source| &source.metric.name);
    let object = spec.object.as_ref().map(|source| &source.metric.name);
    let external = spec.external.as_ref().map(|source| &source.metric.name);
    let name = match spec.kind.as_str() {
        "Resource" => resource,
        "ContainerResource" => container,
        "Pods" => pods,
        "Object" => object,
        "External" => external,
        _ => None,
    };
    name.map_or_else(|| Arc::from(spec.kind.as_str()), Arc::clone)
}
