//! Single recorded turns.
//!
//! Not fully given inputs: a recording of upstream's tests leaves some to be inferred, and those are listed here.
//!
//! * Pods carry labels only if the test set them; otherwise they have those that the selector asks for.
//! * The other HPA of a test on rival HPAs is not recorded; it has the same selector.
//! * A turn of 1.35 and older at zero replicas is recorded without the metric's value, because the recording
//!   controller did not ask; the value that makes the expected size is supplied, and the way is checked.
//! * The recording ran in real time: instants of the turn are a few milliseconds late there, and the first
//!   recommendation, which is 1 ms before the turn here, is at its instant.
//! * `maskMessage` leaves out the text on rival HPAs, whose order is random; `maskPodName` a pod's name.
//!
//! **Invariant:** only these are supplied or masked.

use serde_json::{Value, json};

use super::{compare, read, write};
use crate::decide::decide;
use crate::inputs::{
    Hpa, Inputs, Labels, MetricAnswer, OtherHpa, Pod, PutError, Replies, Sample, Samples, Scale,
};
use crate::profile::Profile;
use crate::requests::pod_request;
use crate::spec::{HpaSpec, MetricSpec, MetricTarget};
use crate::state::State;
use crate::time::{Span, Time};
use plimsoll_model::quantity::Quantity;
use plimsoll_model::selector::{Operator, Selector};

/// The profile that a case's `versions` asks for: the newest that it names.
pub(super) fn profile(case: &Value) -> Result<Profile, String> {
    let versions = case["versions"].as_str().unwrap_or_default();
    let version = versions.strip_prefix("<=").unwrap_or("1.37");
    let version = version.split_whitespace().next().unwrap_or("1.37");
    let mut profile = Profile::of_version(version).map_err(|error| error.to_string())?;
    let params = &case["params"];
    read::settings(params, &mut profile)?;
    if let Some(enabled) = params["hpaScaleToZero"].as_bool() {
        profile.gates.scale_to_zero = enabled;
    }
    Ok(profile)
}

fn labels_for(selector: &str) -> Labels {
    let requirements = Selector::parse(selector).map(|selector| selector.requirements).unwrap_or_default();
    let required = requirements.into_iter().filter_map(|requirement| match requirement.operator {
        Operator::Equals | Operator::DoubleEquals | Operator::In => {
            Some((requirement.key, requirement.values.into_iter().next()?))
        }
        _ => None,
    });
    required.collect()
}

/// Compares one turn.
pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let profile = profile(case)?;
    let expected = &case["expected"];
    let mut spec = read::spec(&case["hpa"]["spec"])?;
    tolerances(&case["hpa"]["annotations"], &mut spec)?;
    let hpa = Hpa {
        namespace: read::text(&case["namespace"]),
        name: "test-hpa".into(),
        generation: 0,
        spec,
        status: read::status(&case["hpa"]["status"])?,
    };
    let scale = Scale {
        spec_replicas: read::int32(&case["scale"]["specReplicas"])?,
        status_replicas: read::int32(&case["scale"]["statusReplicas"])?,
        selector: read::text(&case["scale"]["selector"]),
    };
    let labels = labels_for(&scale.selector);
    let pods = read::list(&case["pods"])
        .iter()
        .map(|pod| read::pod(pod, &Value::Null, &labels))
        .collect::<Result<Vec<_>, _>>()?;
    let now = Time(0);
    let mut answers = answers(&hpa.spec, read::list(&case["metrics"]), now)?;
    if profile.minor() <= 35 && scale.spec_replicas == 0 && read::list(&case["metrics"]).is_empty() {
        let wanted = expected["status"]["desiredReplicas"].as_i64().unwrap_or(0);
        answers = hpa.spec.metrics.iter().map(|metric| supplied(&profile, metric, &pods, wanted)).collect();
    }
    let mut others = read::others(&case["otherHpas"])?;
    let events = read::list(&expected["events"]);
    if others.is_empty() && events.iter().any(|event| event["reason"] == "AmbiguousSelector") {
        others.push(OtherHpa { name: "test-hpa-2".into(), selector: Selector::parse(&scale.selector).ok() });
    }
    let history = &case["history"];
    let recommendations = read::recommendations(&history["recommendations"])?;
    let initialised = history["recommendationsInitialised"] == true;
    let state = State {
        recommendations: (initialised || !recommendations.is_empty()).then_some(recommendations),
        scale_ups: read::events(&history["scaleUpEvents"])?,
        scale_downs: read::events(&history["scaleDownEvents"])?,
        selector: None,
    };
    let first = state.recommendations.is_none();
    let puts: Vec<_> = expected["scaleUpdateError"]
        .as_str()
        .map(|error| PutError { conflict: false, message: error.to_owned() })
        .into_iter()
        .collect();
    let error = case["scale"]["error"].as_str().map(|error| crate::inputs::ScaleError::Get(error.to_owned()));
    let inputs = Inputs {
        hpa: &hpa,
        scale: error.as_ref().map_or(Ok(&scale), Err),
        pods: &pods,
        others: &others,
        metrics: &answers,
    };
    let (decision, mut state) =
        decide(&profile, state, now, &inputs, &Replies { puts: &puts, status_error: None });
    if first {
        for entry in state.recommendations.iter_mut().flatten() {
            if entry.time == now - Span::millis(1) {
                entry.time = now;
            }
        }
    }
    let status = &decision.status;
    let ours = json!({
        "scaleUpdatedTo": decision.rescale.as_ref().map(|rescale| rescale.to),
        "scaleUpdateError": decision.rescale.as_ref().and_then(|rescale| rescale.error.clone()),
        "events": write::events(&decision),
        "history": {
            "recommendations": write::recommendations(&state),
            "scaleUpEvents": write::scale_events(&state.scale_ups, true),
            "scaleDownEvents": write::scale_events(&state.scale_downs, true),
        },
        "status": {
            "conditions": write::conditions(status, false),
            "currentMetrics": write::metrics(status),
            "currentReplicas": status.current_replicas,
            "desiredReplicas": status.desired_replicas,
            "lastScaleTimeSet": status.last_scale_time.is_some(),
        },
    });
    let mut expected = expected.clone();
    if let Some(history) = expected.get_mut("history") {
        on_time(history);
    }
    let masks = Masks { rivals: case["maskMessage"] == true, pod: case["maskPodName"] == true };
    let mut differences = Vec::new();
    compare_asserted("", masks.apply(ours), &masks.apply(expected.clone()), &mut differences);
    if let Some(recorded) = case.get("reconcileError") {
        let ours = masks.apply(json!(decision.error));
        compare("reconcileError", &ours, &masks.apply(recorded.clone()), &mut differences);
    }
    Ok(differences)
}

/// Compares the fields that the recording has.
fn compare_asserted(path: &str, ours: Value, recorded: &Value, differences: &mut Vec<String>) {
    for (key, recorded) in recorded.as_object().into_iter().flatten() {
        let ours = ours.get(key).cloned().unwrap_or(Value::Null);
        let path = format!("{path}{key}");
        if key == "status" {
            compare_asserted("status.", ours, recorded, differences);
        } else {
            compare(&path, &ours, recorded, differences);
        }
    }
}

/// Takes the milliseconds off that the recording was late.
fn on_time(history: &mut Value) {
    const LATEST_SECONDS: f64 = 0.05;
    for entry in
        history.as_object_mut().into_iter().flatten().filter_map(|(_, list)| list.as_array_mut()).flatten()
    {
        if entry["t"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < LATEST_SECONDS) {
            entry["t"] = json!(0);
        }
    }
}

struct Masks {
    rivals: bool,
    pod: bool,
}

impl Masks {
    fn apply(&self, mut value: Value) -> Value {
        self.mask(&mut value);
        value
    }

    fn mask(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if self.rivals && text.contains("are controlled by") {
                    *text = "pods are controlled by more than one HPA".to_owned();
                }
                if self.pod
                    && let Some((before, after)) = text.split_once(" of Pod ")
                {
                    let rest = after
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                        .map_or("", |at| &after[at..]);
                    *text = format!("{before} of Pod <any>{rest}");
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item)),
            Value::Object(items) => items.values_mut().for_each(|item| self.mask(item)),
            _ => {}
        }
    }
}

/// The recording API had no tolerances in the spec; they stand in annotations.
fn tolerances(annotations: &Value, spec: &mut HpaSpec) -> Result<(), String> {
    let quantity = |name: &str| match annotations[name].as_str() {
        Some(text) => Quantity::parse(text).map(Some).map_err(|error| error.to_string()),
        None => Ok(None),
    };
    let (up, down) = (quantity("tolerance-up")?, quantity("tolerance-down")?);
    if let Some(behavior) = &mut spec.behavior {
        if let Some(rules) = behavior.scale_up.as_mut().filter(|_| up.is_some()) {
            rules.tolerance = up;
        }
        if let Some(rules) = behavior.scale_down.as_mut().filter(|_| down.is_some()) {
            rules.tolerance = down;
        }
    }
    Ok(())
}

/// Puts the recorded calls in the places of the metrics that made them.
fn answers(spec: &HpaSpec, calls: &[Value], now: Time) -> Result<Vec<MetricAnswer>, String> {
    let mut calls = calls.iter().peekable();
    let mut answers = Vec::new();
    for metric in &spec.metrics {
        let (kind, name) = match metric.kind.as_str() {
            "Resource" => ("resource", metric.resource.as_ref().map(|source| &source.name)),
            "ContainerResource" => {
                ("resource", metric.container_resource.as_ref().map(|source| &source.name))
            }
            "Pods" => ("pods", metric.pods.as_ref().map(|source| &source.metric.name)),
            "Object" => ("object", metric.object.as_ref().map(|source| &source.metric.name)),
            "External" => ("external", metric.external.as_ref().map(|source| &source.metric.name)),
            _ => ("", None),
        };
        let made = |call: &&Value| {
            call["kind"] == kind && name.is_some_and(|name| call["name"].as_str() == Some(name.as_ref()))
        };
        answers.push(match calls.next_if(made) {
            Some(call) => read::answer(call, now)?,
            None => MetricAnswer::Values(Vec::new()),
        });
    }
    Ok(answers)
}

/// The answer that makes a metric ask for `wanted` pods.
fn supplied(profile: &Profile, metric: &MetricSpec, pods: &[Pod], wanted: i64) -> MetricAnswer {
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
