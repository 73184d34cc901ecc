//! A scenario in the shape of a recorded sequence, so that the real controller can be asked what it would do.
//!
//! Not what the turns did; [`super::sequence::replay`] and the real controller say that.
//!
//! **Invariant:** what is written reads back as the same scenario, but for names, which a recording does not carry,
//! defaults of the API, which it does, and a sample's Go zero time, which becomes a time long past.

use serde_json::{Map, Value, json};

use super::write::{put, seconds};
use crate::inputs::{Container, MetricAnswer, Pod, Ready, Requests, ScaleError};
use crate::profile::Profile;
use crate::scenario::{Scenario, Step};
use crate::spec::{Behavior, HpaSpec, ScalingPolicy, ScalingRules};
use crate::status::HpaStatus;
use crate::time::{Span, Time};

/// Three years before the start, which is as good as forever for every rule.
const LONG_PAST: Time = Time::millis(-100_000_000_000);

/// The scenario as a sequence `id`, without what is expected.
///
/// # Errors
/// A scenario that the schema cannot hold; the text says what.
pub fn sequence(scenario: &Scenario, id: &str) -> Result<Value, String> {
    let Scenario { profile, hpa, others, steps } = scenario;
    let mut params = Map::new();
    let settings = &profile.settings;
    params.insert("tolerance".into(), json!(settings.tolerance));
    for (name, span) in [
        ("downscaleStabilizationSeconds", settings.downscale_stabilization),
        ("cpuInitializationPeriodSeconds", settings.cpu_initialization),
        ("initialReadinessDelaySeconds", settings.initial_readiness_delay),
    ] {
        params.insert(name.into(), of_span(span));
    }
    let mut object = json!({"generation": hpa.generation, "spec": spec(&hpa.spec)?});
    if hpa.status != HpaStatus::default() {
        object["status"] = status(&hpa.status);
    }
    // One that matches nothing might as well not be there.
    let others = others.iter().filter_map(|other| {
        let selector = other.selector.as_ref()?;
        Some(json!({"name": other.name, "selector": selector.to_string()}))
    });
    Ok(json!({
        "id": id,
        "kind": "sequence",
        "profile": {"version": format!("1.{}", profile.minor()), "gates": gates(profile)},
        "params": params,
        "hpa": object,
        "otherHpas": others.collect::<Vec<_>>(),
        "steps": steps.iter().map(step).collect::<Result<Vec<_>, _>>()?,
    }))
}

fn gates(profile: &Profile) -> Value {
    let gates = &profile.gates;
    json!({
        "HPAConfigurableTolerance": gates.configurable_tolerance,
        "HPAScaleToZero": gates.scale_to_zero,
        "PodLevelResources": gates.pod_level_resources,
        "HPAGeneration": gates.generation,
        "HPAOptimizedSelectorStore": gates.optimized_selector_store,
    })
}

fn of_span(span: Span) -> Value {
    json!(span.0 as f64 / 1e9)
}

/// With what the API server fills in (`k8s.io/kubernetes/pkg/apis/autoscaling/v2/defaults.go`).
fn spec(spec: &HpaSpec) -> Result<Value, String> {
    let mut spec = spec.clone();
    spec.min_replicas.get_or_insert(1);
    let policy = |kind: &str, value| ScalingPolicy { kind: kind.to_owned(), value, period_seconds: 15 };
    if let Some(Behavior { scale_up, scale_down }) = &mut spec.behavior {
        let up = scale_up.get_or_insert_default();
        up.stabilization_window_seconds.get_or_insert(0);
        up.policies.get_or_insert_with(|| vec![policy("Pods", 4), policy("Percent", 100)]);
        let down = scale_down.get_or_insert_default();
        down.policies.get_or_insert_with(|| vec![policy("Percent", 100)]);
        for ScalingRules { select_policy, .. } in [up, down] {
            select_policy.get_or_insert_with(|| "Max".to_owned());
        }
    }
    serde_json::to_value(&spec).map_err(|error| format!("the spec is no JSON: {error}"))
}

fn status(status: &HpaStatus) -> Value {
    let mut written = json!({
        "currentReplicas": status.current_replicas,
        "desiredReplicas": status.desired_replicas,
        "conditions": super::write::conditions(status, true),
    });
    if let Some(generation) = status.observed_generation {
        written["observedGeneration"] = json!(generation);
    }
    if let Some(time) = status.last_scale_time {
        written["lastScaleT"] = seconds(time);
    }
    written
}

fn step(step: &Step) -> Result<Value, String> {
    let mut written = Map::from_iter([("advanceSeconds".to_owned(), of_span(step.advance))]);
    if step.restart {
        written.insert("restart".into(), json!(true));
    }
    if let Some((generation, edited)) = &step.edit {
        written.insert("hpa".into(), json!({"generation": generation, "spec": spec(edited)?}));
    }
    put(&mut written, "scale", scale(step));
    if let Some(pods) = &step.pods {
        written.insert("pods".into(), pods.iter().map(pod).collect());
    }
    if let Some(metrics) = &step.metrics {
        written.insert("metrics".into(), metrics.iter().map(answer).collect());
    }
    if let Some(error) = &step.status_error {
        written.insert("statusUpdateError".into(), json!(error));
    }
    Ok(Value::Object(written))
}

fn scale(step: &Step) -> Value {
    let mut scale = Map::new();
    put(&mut scale, "specReplicas", json!(step.spec_replicas));
    put(&mut scale, "statusReplicas", json!(step.status_replicas));
    put(&mut scale, "selector", json!(step.selector));
    match &step.scale_error {
        Some(ScaleError::Mapping(error)) => put(&mut scale, "mappingError", json!(error)),
        Some(ScaleError::Get(error)) => put(&mut scale, "error", json!(error)),
        None => {}
    }
    let puts = step.puts.iter().map(|put| {
        let code = if put.conflict { 409 } else { 500 };
        json!({"code": code, "message": put.message})
    });
    put(&mut scale, "updateErrors", puts.collect());
    Value::Object(scale)
}

fn pod(pod: &Pod) -> Value {
    let mut written = json!({
        "name": pod.name,
        "labels": pod.labels,
        "phase": format!("{:?}", pod.phase),
        "deleting": pod.deleting,
        "containers": pod.containers.iter().map(container).collect::<Vec<_>>(),
        "initContainers": pod.init_containers.iter().map(container).collect::<Vec<_>>(),
        "podLevelRequestsMilli": requests(&pod.pod_requests),
        "overheadMilli": requests(&pod.overhead),
    });
    match pod.ready {
        Some((ready, since)) => {
            written["ready"] = json!(match ready {
                Ready::True => "True",
                Ready::False => "False",
                Ready::Unknown => "Unknown",
            });
            written["readyTransitionT"] = seconds(since);
        }
        None => written["noReadyCondition"] = json!(true),
    }
    match pod.started {
        Some(time) => written["startT"] = seconds(time),
        None => written["noStartTime"] = json!(true),
    }
    written
}

fn container(container: &Container) -> Value {
    let mut written = json!({"name": container.name, "requestsMilli": requests(&container.requests)});
    if container.restarts_always {
        written["restartPolicy"] = json!("Always");
    }
    written
}

fn requests(requests: &Requests) -> Value {
    requests.0.iter().map(|(name, milli)| (name.clone(), json!(milli))).collect::<Map<_, _>>().into()
}

fn answer(answer: &MetricAnswer) -> Value {
    match answer {
        MetricAnswer::Failed(error) => json!({"error": error}),
        MetricAnswer::Value(milli) => json!({"valueMilli": milli}),
        MetricAnswer::Values(values) => json!({"valuesMilli": values}),
        MetricAnswer::Pods(samples) => {
            let samples = samples.iter().map(|(pod, sample)| {
                let written = json!({
                    "valueMilli": sample.milli,
                    "t": seconds(if sample.time == Time::ZERO { LONG_PAST } else { sample.time }),
                    "windowSeconds": of_span(sample.window),
                });
                (pod.to_string(), written)
            });
            json!({"pods": samples.collect::<Map<_, _>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::quantity::Quantity;

    use super::super::generate::{self, Draw};
    use super::super::sequence as recording;
    use super::*;

    /// Whether every quantity is the same number of thousandths when it is printed and read again; beyond an `int64`
    /// that hangs on how it is written.
    fn printable(value: &Value) -> bool {
        match value {
            Value::Object(fields) => fields.iter().all(|(name, value)| match value {
                Value::String(text) if name == "value" || name == "averageValue" => {
                    let first = Quantity::parse(text).unwrap();
                    Quantity::parse(&first.to_string()).is_ok_and(|again| again.milli() == first.milli())
                }
                _ => printable(value),
            }),
            Value::Array(items) => items.iter().all(printable),
            _ => true,
        }
    }

    #[test]
    fn a_scenario_that_is_written_is_read_and_decided_as_before() {
        let mut played = 0;
        for number in 0..500 {
            let made = generate::sequence(&mut Draw::of_seed(number), "made", Profile::NEWEST);
            let written = sequence(&recording::scenario(&made).unwrap(), "made").unwrap();
            let again = sequence(&recording::scenario(&written).unwrap(), "made").unwrap();
            assert_eq!(again, written, "sequence {number}");
            if printable(&made) {
                let turns = |case| recording::replay(case).unwrap();
                assert_eq!(turns(&written), turns(&made), "sequence {number}: {made}");
                played += 1;
            }
        }
        assert!(played > 400, "only {played} sequences could be played");
    }
}
