//! `Resource`, `ContainerResource` and `Pods`: what is asked for, and its texts.
//!
//! Not the arithmetic; that is [`per_pod`].
//!
//! **Invariant:** a metric that cannot be asked for (no target, a selector that does not convert) makes no call.

use super::{NO_ANSWER, Turn, average_of, check_selector};
use crate::decide::Selected;
use crate::derivation::Usage;
use crate::inputs::{MetricAnswer, Samples};
use crate::per_pod::{self, Computed, Question, Wanted};
use crate::spec::{MetricIdentifier, MetricTarget};
use crate::status::CurrentValue;

impl Turn<'_> {
    pub(super) fn resource(
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
            Usage::Utilization { percent, .. } => {
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

    pub(super) fn pods(
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
}
