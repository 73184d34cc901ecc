//! Inputs of a turn at zero that the recording lacks: values that make the expected size.
//!
//! Not a general inverse of the decision: only what [`super::Leniency::ValuesAtZero`] needs.
//!
//! **Invariant:** what is supplied makes one exact ratio, far outside of any tolerance.

use crate::inputs::{Container, Labels, MetricAnswer, Pod, Sample, Samples};
use crate::profile::Profile;
use crate::requests::pod_request;
use crate::spec::{HpaSpec, MetricSpec, MetricTarget};
use crate::time::{Span, Time};

/// A ready pod with all requests and containers that the spec's metrics ask for.
pub(super) fn pod(spec: &HpaSpec, labels: Labels) -> Pod {
    let mut pod = Pod::named("supplied");
    pod.labels = labels;
    let mut add = |container: &str, resource: &str| {
        let at = pod.containers.iter().position(|known| known.name == container);
        let at = at.unwrap_or_else(|| {
            pod.containers.push(Container { name: container.to_owned(), ..Container::default() });
            pod.containers.len() - 1
        });
        pod.containers[at].requests.0.push((resource.to_owned(), 1000));
    };
    for metric in &spec.metrics {
        if let Some(source) = &metric.resource {
            add("supplied", &source.name);
        }
        if let Some(source) = &metric.container_resource {
            add(&source.container, &source.name);
        }
    }
    pod
}

/// The answer that makes a metric ask for `wanted` pods.
pub(super) fn answer(profile: &Profile, metric: &MetricSpec, pods: &[Pod], wanted: i64) -> MetricAnswer {
    let milli = |target: &MetricTarget| {
        let target = target.average_value.or(target.value).map_or(0, |target| target.milli());
        target.saturating_mul(wanted)
    };
    let count = pods.len().max(1) as i64;
    let spread = |resource: &str, target: &MetricTarget, container: Option<&str>| {
        let samples = pods.iter().map(|pod| {
            let request = pod_request(profile, pod, resource, container).unwrap_or(0);
            let percent = target.average_utilization.map_or(0, i64::from);
            let milli = match target.average_utilization {
                Some(_) => request.saturating_mul(percent).saturating_mul(wanted) / 100 / count,
                None => milli(target) / count,
            };
            (pod.name.clone(), Sample { milli, time: Time(0), window: Span::seconds(60) })
        });
        MetricAnswer::Pods(Samples::new(samples))
    };
    if let Some(source) = &metric.object {
        return MetricAnswer::Value(milli(&source.target));
    }
    if let Some(source) = &metric.external {
        return MetricAnswer::Values(vec![milli(&source.target)]);
    }
    if let Some(source) = &metric.pods {
        return spread("", &source.target, None);
    }
    if let Some(source) = &metric.container_resource {
        return spread(&source.name, &source.target, Some(&source.container));
    }
    metric
        .resource
        .as_ref()
        .map_or(MetricAnswer::Values(Vec::new()), |source| spread(&source.name, &source.target, None))
}
