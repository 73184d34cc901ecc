//! `Object` and `External`: what is asked for, and its texts.
//!
//! Not the arithmetic; that is [`single`].
//!
//! **Invariant:** for `Object` the target's type says which value counts, for `External` an average value goes first.

use std::sync::Arc;

use super::{Failure, NO_ANSWER, Success, Turn, absent, average_of, check_selector};
use crate::inputs::MetricAnswer;
use crate::per_pod::Computed;
use crate::single;
use crate::spec::{CrossVersionObjectReference, MetricSpec};
use crate::status::{Amount, CurrentValue, MetricStatus, StatusSource};

impl Turn<'_> {
    pub(super) fn object(
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
        let status = |described_object: &Arc<CrossVersionObjectReference>, current| MetricStatus {
            source: StatusSource::Object {
                metric: source.metric.clone(),
                described_object: Arc::clone(described_object),
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
                Ok(Success { computed, name, status: status(&source.described_object, current) })
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
                let object = if self.profile.omits_object_of_averages() {
                    Arc::default()
                } else {
                    Arc::clone(&source.described_object)
                };
                Ok(Success { computed, name, status: status(&object, current) })
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

    pub(super) fn external(
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

fn total_of(computed: &Computed) -> i64 {
    average_of(computed, false).map_or(0, |amount| amount.milli)
}
