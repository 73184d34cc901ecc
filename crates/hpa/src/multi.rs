//! From metrics to one proposal: each metric of the spec, its texts, and the rule that joins them
//! (`computeReplicasForMetrics` and below).
//!
//! Not the limits that follow.
//!
//! **Invariant:** one failed metric never shrinks the target; the first error and its condition are the ones told.

use std::sync::Arc;

use crate::derivation::{MetricDerivation, MetricOutcome};
use crate::inputs::{Inputs, MetricAnswer, Pod, Samples, Scale};
use crate::label_selector::in_words_of;
use crate::per_pod::{self, Computed, Question, Tolerance, Wanted};
use crate::profile::Profile;
use crate::single;
use crate::spec::{MetricIdentifier, MetricSpec, MetricTarget};
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

/// The pods that the selector gives.
#[derive(Clone, Copy)]
pub(crate) enum Selected<'a> {
    All(&'a [Pod]),
    Some(&'a [&'a Pod]),
}

impl<'a> Selected<'a> {
    fn get(self, at: usize) -> &'a Pod {
        match self {
            Self::All(pods) => &pods[at],
            Self::Some(pods) => pods[at],
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::All(pods) => pods.len(),
            Self::Some(pods) => pods.len(),
        }
    }

    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = &'a Pod> {
        (0..self.len()).map(move |at| self.get(at))
    }
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

    fn resource(
        &self,
        resource: &str,
        container: Option<&str>,
        target: &MetricTarget,
        answer: Option<&MetricAnswer>,
        calls: &mut u32,
    ) -> Result<(Computed, String, CurrentValue), String> {
        let binary = resource == "memory" && self.profile.memory_in_binary();
        let (wanted, what) = match (target.average_value, target.average_utilization) {
            (Some(value), _) => (Wanted::Average { milli: value.milli() }, "usage"),
            (None, Some(percent)) => (Wanted::Utilization { percent, container }, "utilization"),
            (None, None) => {
                return Err(
                    "invalid resource metric source: neither an average utilization target nor an average \
                            value (usage) target was set"
                        .to_owned(),
                );
            }
        };
        let computed = self
            .samples(answer, calls)
            .map_err(|error| {
                format!(
                    "failed to get {resource} {what}: unable to get metrics for resource {resource}: {error}"
                )
            })
            .and_then(|samples| {
                self.per_pod(resource, wanted, samples)
                    .map_err(|error| format!("failed to get {resource} {what}: {error}"))
            })?;
        let average_value = average_of(&computed, binary);
        Ok(match computed.usage {
            crate::derivation::Usage::Utilization { percent, .. } => {
                let of = if container.is_some() { "container resource" } else { "resource" };
                let name = format!("{resource} {of} utilization (percentage of request)");
                let average_utilization = Some(percent);
                (computed, name, CurrentValue { average_value, average_utilization, value: None })
            }
            _ => (
                computed,
                format!("{resource} resource"),
                CurrentValue { average_value, ..CurrentValue::default() },
            ),
        })
    }

    fn per_pod(
        &self,
        resource: &str,
        wanted: Wanted<'_>,
        samples: &Samples,
    ) -> Result<Computed, per_pod::PerPodError> {
        let Self { profile, now, tolerance, .. } = *self;
        let question = Question { now, tolerance, current: self.scale.spec_replicas, resource, wanted };
        // Two calls, so that each is compiled for the iterator that it gets.
        match self.selected {
            Selected::All(pods) => per_pod::compute(profile, &question, pods.iter(), samples),
            Selected::Some(pods) => per_pod::compute(profile, &question, pods.iter().copied(), samples),
        }
    }

    fn samples<'s>(&self, answer: Option<&'s MetricAnswer>, calls: &mut u32) -> Result<&'s Samples, String> {
        *calls += 1;
        match answer {
            Some(MetricAnswer::Pods(samples)) => Ok(samples),
            Some(MetricAnswer::Failed(error)) => Err(error.clone()),
            _ => Err(NO_ANSWER.to_owned()),
        }
    }

    fn pods(
        &self,
        metric: &MetricIdentifier,
        target: &MetricTarget,
        answer: Option<&MetricAnswer>,
        calls: &mut u32,
    ) -> Result<Computed, String> {
        check_selector(self.profile, metric)?;
        let Some(target) = target.average_value else {
            // Upstream's controller would crash; the API server does not let it come to that.
            return Err("invalid pods metric source: no average value target was set".to_owned());
        };
        let samples = self
            .samples(answer, calls)
            .map_err(|error| format!("unable to get metric {}: {error}", metric.name))?;
        self.per_pod("", Wanted::Average { milli: target.milli() }, samples)
            .map_err(|error| error.to_string())
    }

    fn object(
        &self,
        spec: &MetricSpec,
        answer: Option<&MetricAnswer>,
        calls: &mut u32,
    ) -> Result<Success, Failure> {
        const REASON: &str = "FailedGetObjectMetric";
        let Some(source) = &spec.object else { return Err(absent(REASON, "object")) };
        let name = &source.metric.name;
        let fail = |inner: String, between: String| Failure {
            reason: REASON,
            outer: format!("failed to get object metric value: {between}{inner}"),
            inner,
        };
        check_selector(self.profile, &source.metric).map_err(|error| fail(error, String::new()))?;
        let value = |calls: &mut u32| {
            *calls += 1;
            let error = match answer {
                Some(MetricAnswer::Value(milli)) => return Ok(*milli),
                Some(MetricAnswer::Failed(error)) => error,
                _ => NO_ANSWER,
            };
            let (kind, object) = (&source.described_object.kind, &source.described_object.name);
            let namespace = &self.inputs.hpa.namespace;
            Err(if self.profile.object_error_in_order() {
                format!("unable to get metric {name} on {kind} {namespace}/{object}: {error}")
            } else {
                format!("unable to get metric {name}: {kind} on {namespace} {object}/{error}")
            })
        };
        let status = |current| MetricStatus {
            source: StatusSource::Object {
                metric: source.metric.clone(),
                described_object: Arc::clone(&source.described_object),
            },
            current,
        };
        match (source.target.kind.as_str(), source.target.value, source.target.average_value) {
            ("Value", Some(target), _) => {
                let computed = value(calls).and_then(|milli| self.value(milli, target.milli()));
                let computed = computed.map_err(|error| fail(error, String::new()))?;
                let milli = total_of(&computed);
                let current =
                    CurrentValue { value: Some(Amount { milli, binary: false }), ..CurrentValue::default() };
                let name = format!("{} metric {name}", source.described_object.kind);
                Ok(Success { computed, name, status: status(current) })
            }
            ("AverageValue", _, Some(target)) => {
                let milli = value(calls)
                    .map_err(|error| fail(error, format!("failed to get {name} object metric: ")))?;
                let replicas = self.scale.status_replicas;
                let computed = single::average(self.tolerance, false, replicas, milli, target.milli());
                let milli = single::reported_average(milli, replicas, false);
                let current = CurrentValue {
                    average_value: Some(Amount { milli, binary: false }),
                    ..CurrentValue::default()
                };
                let name = format!("external metric {name}({})", source.metric.selector_text());
                Ok(Success { computed, name, status: status(current) })
            }
            _ => Err(fail(
                "invalid object metric source: neither a value target nor an average value target was set"
                    .to_owned(),
                String::new(),
            )),
        }
    }

    fn value(&self, milli: i64, target_milli: i64) -> Result<Computed, String> {
        let guarded = self.profile.guards_value();
        let current = self.scale.spec_replicas;
        single::value(self.tolerance, guarded, current, milli, target_milli, self.selected.iter())
            .map_err(|error| format!("unable to calculate ready pods: {error}"))
    }

    fn external(
        &self,
        spec: &MetricSpec,
        answer: Option<&MetricAnswer>,
        calls: &mut u32,
    ) -> Result<Success, Failure> {
        const REASON: &str = "FailedGetExternalMetric";
        let Some(source) = &spec.external else { return Err(absent(REASON, "external")) };
        let name = &source.metric.name;
        let fail = |inner: String, between: &str| Failure {
            reason: REASON,
            outer: format!("failed to get {name} external metric value: {between}{inner}"),
            inner,
        };
        let values = |calls: &mut u32| {
            check_selector(self.profile, &source.metric)?;
            *calls += 1;
            let error = match answer {
                Some(MetricAnswer::Values(values)) => return Ok(values.as_slice()),
                Some(MetricAnswer::Failed(error)) => error,
                _ => NO_ANSWER,
            };
            let namespace = &self.inputs.hpa.namespace;
            let selector = source.metric.selector_text();
            Err(format!("unable to get external metric {namespace}/{name}/{selector}: {error}"))
        };
        let (computed, current) = match (source.target.average_value, source.target.value) {
            (Some(target), _) => {
                let values = values(calls)
                    .map_err(|error| fail(error, &format!("failed to get {name} external metric: ")))?;
                let guarded = self.profile.guards_external_average();
                let milli = single::sum_for_average(values, guarded);
                let replicas = self.scale.status_replicas;
                let computed = single::average(self.tolerance, guarded, replicas, milli, target.milli());
                let milli = single::reported_average(milli, replicas, guarded);
                let average_value = Some(Amount { milli, binary: false });
                (computed, CurrentValue { average_value, ..CurrentValue::default() })
            }
            (None, Some(target)) => {
                let computed = values(calls).and_then(|values| {
                    let milli = single::sum_for_value(values, self.profile.guards_value());
                    self.value(milli, target.milli())
                });
                let computed = computed
                    .map_err(|error| fail(error, &format!("failed to get external metric {name}: ")))?;
                let value = Some(Amount { milli: total_of(&computed), binary: false });
                (computed, CurrentValue { value, ..CurrentValue::default() })
            }
            (None, None) => {
                let text = "invalid external metric source: neither a value target nor an average value target was set";
                return Err(fail(text.to_owned(), ""));
            }
        };
        let name = format!("external metric {name}({})", source.metric.selector_text());
        let source = StatusSource::External { metric: source.metric.clone() };
        Ok(Success { computed, name, status: MetricStatus { source, current } })
    }
}

/// The caller gave no answer, or one of the wrong kind.
const NO_ANSWER: &str = "no answer was given for this metric";

fn absent(reason: &'static str, what: &str) -> Failure {
    let inner = format!("invalid metric: its type needs the field for a {what} metric, which is not set");
    Failure { reason, outer: inner.clone(), inner }
}

fn check_selector(profile: &Profile, metric: &MetricIdentifier) -> Result<(), String> {
    let checked = metric.selector.as_ref().map_or(Ok(()), |selector| selector.check());
    checked.map_err(|error| in_words_of(profile, &error))
}

fn average_of(computed: &Computed, binary: bool) -> Option<Amount> {
    use crate::derivation::Usage;
    let milli = match computed.usage {
        Usage::Utilization { average_milli, .. } => average_milli,
        Usage::Average { milli, .. } | Usage::Total { milli, .. } | Usage::Shared { milli, .. } => milli,
    };
    Some(Amount { milli, binary })
}

fn total_of(computed: &Computed) -> i64 {
    average_of(computed, false).map_or(0, |amount| amount.milli)
}

fn kind_of(spec: &MetricSpec) -> &'static str {
    ["Resource", "ContainerResource", "Pods", "Object", "External"]
        .into_iter()
        .find(|kind| *kind == spec.kind)
        .unwrap_or("Unknown")
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
