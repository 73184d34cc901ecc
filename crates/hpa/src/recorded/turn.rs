//! Single recorded turns.
//!
//! Not fully given inputs: a recording of upstream's tests leaves some to be inferred. Each of these is a
//! [`Leniency`] with its reason, noted when a line needs it.
//!
//! **Invariant:** only these are supplied or masked.

use plimsoll_model::quantity::Quantity;
use plimsoll_model::selector::{Operator, Selector};
use serde_json::{Value, json};

use super::leniency::Leniency;
use super::{compare, read, supply, write};
use crate::decide::decide;
use crate::inputs::{Hpa, Inputs, Labels, MetricAnswer, OtherHpa, PutError, Replies, Scale, ScaleError};
use crate::profile::Profile;
use crate::spec::{HpaSpec, MetricIdentifier, MetricSpec, MetricTarget};
use crate::state::State;
use crate::time::{Span, Time};

/// The profile that a case's `versions` asks for.
pub(super) fn profile(case: &Value) -> Result<Profile, String> {
    let mut profile = match version(case["versions"].as_str().unwrap_or_default()) {
        Some(version) => Profile::of_version(&version).map_err(|error| error.to_string())?,
        None => Profile::newest(),
    };
    let params = &case["params"];
    read::settings(params, &mut profile)?;
    if let Some(enabled) = params["hpaScaleToZero"].as_bool() {
        profile.gates.scale_to_zero = enabled;
    }
    Ok(profile)
}

/// The newest version that a text such as `<=1.35`, `>=1.33 (…)`, `1.33-1.34` or `all` names, if it has an end.
fn version(text: &str) -> Option<String> {
    let first = text.split_whitespace().next()?;
    let minor = |text: &str| text.strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok());
    let newest = match (first.strip_prefix("<="), first.strip_prefix('<')) {
        (Some(version), _) => minor(version)?,
        (None, Some(version)) => minor(version)?.checked_sub(1)?,
        (None, None) => minor(first.rsplit('-').next()?)?,
    };
    Some(format!("1.{newest}"))
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

/// Compares one turn, and notes what it had to supply or leave out.
pub(super) fn check(case: &Value, leniencies: &mut Vec<Leniency>) -> Result<Vec<String>, String> {
    let profile = profile(case)?;
    let expected = &case["expected"];
    if expected.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err("the line expects nothing".to_owned());
    }
    let mut spec = read::spec(&case["hpa"]["spec"])?;
    tolerances(&case["hpa"]["annotations"], &mut spec)?;
    let hpa = Hpa {
        namespace: read::text(&case["namespace"]),
        name: "test-hpa".into(),
        generation: 0,
        spec,
        status: read::status(&case["hpa"]["status"])?,
    };
    let events = read::list(&expected["events"]);
    let event = |reason: &str| events.iter().find(|event| event["reason"] == reason);
    let mut error = case["scale"]["error"].as_str().map(str::to_owned);
    if let (None, Some(event)) = (&error, event("FailedGetScale")) {
        leniencies.push(Leniency::ScaleError);
        error = Some(read::text(&event["message"]));
    }
    let error = error.map(ScaleError::Get);
    let size = |name: &str| match &case["scale"][name] {
        Value::Null if error.is_some() => Ok(0),
        number => read::int32(number).map_err(|error| format!("scale.{name}: {error}")),
    };
    let scale = Scale {
        spec_replicas: size("specReplicas")?,
        status_replicas: size("statusReplicas")?,
        selector: read::text(&case["scale"]["selector"]),
    };
    let labels = labels_for(&scale.selector);
    let given = read::list(&case["pods"]);
    let pods = given.iter().map(|pod| read::pod(pod, &Value::Null, &labels));
    let mut pods = pods.collect::<Result<Vec<_>, _>>()?;
    if given.iter().any(|pod| pod.get("labels").is_none()) {
        leniencies.push(Leniency::Labels);
    }
    let now = Time(0);
    let mut answers = answers(&hpa.spec, read::list(&case["metrics"]), now)?;
    if profile.minor() <= 35 && scale.spec_replicas == 0 && read::list(&case["metrics"]).is_empty() {
        leniencies.push(Leniency::ValuesAtZero);
        if pods.is_empty() {
            pods.push(supply::pod(&hpa.spec, labels));
        }
        let wanted = expected["status"]["desiredReplicas"].as_i64().unwrap_or(0);
        let metrics = hpa.spec.metrics.iter();
        answers = metrics.map(|metric| supply::answer(&profile, metric, &pods, wanted)).collect();
    }
    let mut others = read::others(&case["otherHpas"])?;
    if others.is_empty() && event("AmbiguousSelector").is_some() {
        leniencies.push(Leniency::Rival);
        if pods.is_empty() {
            pods.push(supply::pod(&hpa.spec, labels_for(&scale.selector)));
        }
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
                leniencies.push(Leniency::FirstRecommendation);
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
    if let Some(history) = expected.get_mut("history")
        && on_time(history)
    {
        leniencies.push(Leniency::Lateness);
    }
    let masks = Masks { rivals: case["maskMessage"] == true, pod: case["maskPodName"] == true };
    let mut differences = Vec::new();
    let recorded = masks.apply(expected, leniencies);
    compare_asserted("", masks.apply(ours, leniencies), &recorded, &mut differences);
    if let Some(recorded) = case.get("reconcileError") {
        let ours = masks.apply(json!(decision.error), leniencies);
        compare("reconcileError", &ours, &masks.apply(recorded.clone(), leniencies), &mut differences);
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

/// Takes the milliseconds off that the recording was late; whether there were any.
fn on_time(history: &mut Value) -> bool {
    // Inputs are never later than the turn, and the shortest period of a rule is a second.
    const LATEST_SECONDS: f64 = 0.5;
    let mut late = false;
    for entry in
        history.as_object_mut().into_iter().flatten().filter_map(|(_, list)| list.as_array_mut()).flatten()
    {
        if entry["t"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < LATEST_SECONDS) {
            entry["t"] = json!(0);
            late = true;
        }
    }
    late
}

struct Masks {
    rivals: bool,
    pod: bool,
}

impl Masks {
    fn apply(&self, mut value: Value, leniencies: &mut Vec<Leniency>) -> Value {
        self.mask(&mut value, leniencies);
        value
    }

    fn mask(&self, value: &mut Value, leniencies: &mut Vec<Leniency>) {
        match value {
            Value::String(text) => {
                if self.rivals
                    && let Some(at) = text.find("pods by selector ")
                {
                    leniencies.push(Leniency::RivalText);
                    text.replace_range(at.., "pods by selector <any>");
                }
                if self.pod
                    && let Some(masked) = without_pod_name(text)
                {
                    leniencies.push(Leniency::PodName);
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item, leniencies)),
            Value::Object(items) => items.values_mut().for_each(|item| self.mask(item, leniencies)),
            _ => {}
        }
    }
}

/// A text on a pod without a request, or without the container, for any pod.
fn without_pod_name(text: &str) -> Option<String> {
    let (before, after) = text.split_once(" of Pod ").or_else(|| text.split_once(" in Pod "))?;
    let end =
        after.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.')).unwrap_or(after.len());
    Some(format!("{before} of Pod <any>{}", &after[end..]))
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
///
/// Only calls that were made are recorded, in order; a metric without a usable target or selector makes none.
fn answers(spec: &HpaSpec, calls: &[Value], now: Time) -> Result<Vec<MetricAnswer>, String> {
    let mut calls = calls.iter().peekable();
    let mut answers = Vec::new();
    for metric in &spec.metrics {
        let asked = asked(metric);
        let made = |call: &&Value| {
            asked.is_some_and(|(kind, name, container)| {
                call["kind"] == kind
                    && call["name"] == name
                    && call["container"].as_str().unwrap_or_default() == container
            })
        };
        answers.push(match calls.next_if(made) {
            Some(call) => read::answer(call, now)?,
            None => MetricAnswer::Values(Vec::new()),
        });
    }
    match calls.next() {
        Some(call) => Err(format!("no metric of the spec makes the call {call}")),
        None => Ok(answers),
    }
}

/// Kind, name and container of the call that a metric makes, if it makes one.
fn asked(metric: &MetricSpec) -> Option<(&str, &str, &str)> {
    let of_pods =
        |target: &MetricTarget| target.average_value.is_some() || target.average_utilization.is_some();
    let convertible =
        |metric: &MetricIdentifier| metric.selector.as_ref().is_none_or(|selector| selector.check().is_ok());
    match metric.kind.as_str() {
        "Resource" => {
            let source = metric.resource.as_ref()?;
            of_pods(&source.target).then_some(("resource", source.name.as_ref(), ""))
        }
        "ContainerResource" => {
            let source = metric.container_resource.as_ref()?;
            of_pods(&source.target).then_some(("resource", source.name.as_ref(), source.container.as_ref()))
        }
        "Pods" => {
            let source = metric.pods.as_ref()?;
            convertible(&source.metric).then_some(("pods", source.metric.name.as_ref(), ""))
        }
        "Object" => {
            let source = metric.object.as_ref()?;
            let target = &source.target;
            let usable = match target.kind.as_str() {
                "Value" => target.value.is_some(),
                "AverageValue" => target.average_value.is_some(),
                _ => false,
            };
            (usable && convertible(&source.metric)).then_some(("object", source.metric.name.as_ref(), ""))
        }
        "External" => {
            let source = metric.external.as_ref()?;
            let usable = source.target.average_value.is_some() || source.target.value.is_some();
            (usable && convertible(&source.metric)).then_some(("external", source.metric.name.as_ref(), ""))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_versions_names_the_newest_of_them() {
        let named = |text: &str| version(text).unwrap_or_else(|| "the newest".to_owned());
        for (text, expected) in [
            ("<=1.35", "1.35"),
            ("<1.35 (with a note)", "1.34"),
            ("1.33-1.34", "1.34"),
            ("1.37 logic (see somewhere)", "1.37"),
            (">=1.33 (message texts as of 1.37)", "the newest"),
            ("all", "the newest"),
            ("as named", "the newest"),
            ("", "the newest"),
        ] {
            assert_eq!(named(text), expected, "{text}");
        }
    }
}
