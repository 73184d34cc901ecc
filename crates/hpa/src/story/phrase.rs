//! Objects in the words of a story: specs, metrics, states and containers of pods.
//!
//! Not their order in a story.
//!
//! **Invariant:** each phrase is the one that its reader takes; there is one way to say each thing.

use plimsoll_model::quantity::{Milli, Quantity};

use super::expect::Expectation;
use super::metric::Source;
use super::tell::{TellError, no_words};
use super::vocabulary::known_condition;
use crate::inputs::{Container, Phase, Pod, Ready, Requests};
use crate::label_selector::LabelSelector;
use crate::spec::{
    CrossVersionObjectReference, HpaSpec, MetricIdentifier, MetricTarget, ScalingPolicy, ScalingRules,
};
use crate::status::Condition;

type Told<T> = Result<T, TellError>;

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut told = String::with_capacity(text.len() + 2);
    told.push('"');
    for c in text.chars() {
        match c {
            '"' => told.push_str("\\\""),
            '\\' => told.push_str("\\\\"),
            '\n' => told.push_str("\\n"),
            '\t' => told.push_str("\\t"),
            _ => told.push(c),
        }
    }
    told.push('"');
    told
}

/// A name, in quotes where it needs them.
pub(super) fn name(text: &str) -> Told<String> {
    let special = |c: char| c.is_whitespace() || super::words::MARKS.contains(&c) || c == '#';
    let plain = !text.is_empty() && !text.contains(special) && !text.ends_with(':') && text != "->";
    Ok(if plain { text.to_owned() } else { quoted(text) })
}

/// A value in thousandths, as a quantity that reads as the same value; upstream's quantities overflow silently.
pub(super) fn milli(milli: i64) -> Told<String> {
    let text = Milli(milli).to_string();
    if Quantity::parse(&text).is_ok_and(|quantity| quantity.milli() == milli) {
        return Ok(text);
    }
    no_words(format!("{milli} thousandths, which are no quantity"))
}

/// A quantity of a spec. Printed anew, one at the limits may overflow in another way.
fn quantity(quantity: &Quantity) -> Told<String> {
    let text = quantity.to_string();
    let same = |again: Quantity| again.milli() == quantity.milli() && again.as_f64() == quantity.as_f64();
    if Quantity::parse(&text).is_ok_and(same) { Ok(text) } else { no_words(format!("the quantity {text}")) }
}

/// `2 to 10 replicas of apps/v1 Deployment/web`.
pub(super) fn size_and_target(spec: &HpaSpec) -> Told<String> {
    let size = match spec.min_replicas {
        Some(min) => format!("{min} to {}", spec.max_replicas),
        None => format!("up to {}", spec.max_replicas),
    };
    let target = &spec.scale_target_ref;
    let version = match (target.kind.as_str(), target.api_version.as_str()) {
        ("Deployment" | "StatefulSet" | "ReplicaSet", "apps/v1") | ("ReplicationController", "v1") => {
            String::new()
        }
        (_, version) => format!("{} ", name(version)?),
    };
    Ok(format!("{size} replicas of {version}{}", object(target)?))
}

fn object(object: &CrossVersionObjectReference) -> Told<String> {
    if object.kind.contains('/') {
        return no_words(format!("the kind {}", object.kind));
    }
    name(&format!("{}/{}", object.kind, object.name))
}

/// The lines of metrics and behaviour.
pub(super) fn spec(spec: &HpaSpec) -> Told<Vec<String>> {
    let mut lines = Vec::new();
    let sources = Source::all(spec);
    if sources.len() != spec.metrics.len() {
        return no_words("a metric without its source");
    }
    if sources.is_empty() {
        return no_words("an HPA without metrics");
    }
    for (metric_spec, source) in spec.metrics.iter().zip(&sources) {
        let target = [
            metric_spec.resource.as_ref().map(|source| &source.target),
            metric_spec.container_resource.as_ref().map(|source| &source.target),
            metric_spec.pods.as_ref().map(|source| &source.target),
            metric_spec.object.as_ref().map(|source| &source.target),
            metric_spec.external.as_ref().map(|source| &source.target),
        ];
        let target = match target.into_iter().flatten().collect::<Vec<_>>()[..] {
            [target] if metric_spec.kind == source.kind() => metric_target(target)?,
            _ => return no_words(format!("a metric of the type '{}' with another source", metric_spec.kind)),
        };
        lines.push(format!("{} {target}", metric(source)?));
    }
    if let Some(behavior) = &spec.behavior {
        lines.push(format!("scale up: {}", rules(behavior.scale_up.as_ref())?));
        lines.push(format!("scale down: {}", rules(behavior.scale_down.as_ref())?));
    }
    Ok(lines)
}

fn metric_target(target: &MetricTarget) -> Told<String> {
    let said = |words: &str, value: &Option<Quantity>| {
        value.as_ref().map(|value| Ok::<_, TellError>(format!("{words} {}", quantity(value)?))).transpose()
    };
    let utilization =
        target.average_utilization.map(|percent| ("Utilization", format!("utilization {percent}%")));
    let average = said("average value", &target.average_value)?.map(|words| ("AverageValue", words));
    let value = said("value", &target.value)?.map(|words| ("Value", words));
    let mut parts: Vec<_> = [utilization, average, value].into_iter().flatten().collect();
    // The first one gives the type.
    parts.sort_by_key(|(kind, _)| *kind != target.kind);
    let Some((first, _)) = parts.first() else { return no_words("a metric without a target") };
    let as_usual = target.kind.is_empty() || *first == target.kind;
    let typed = if as_usual { String::new() } else { format!(" typed {}", target.kind) };
    let parts: Vec<_> = parts.iter().map(|(_, words)| words.as_str()).collect();
    Ok(format!("{}{typed}", parts.join(" and ")))
}

fn rules(rules: Option<&ScalingRules>) -> Told<String> {
    let Some(rules) = rules else { return Ok("defaults".to_owned()) };
    let mut parts = Vec::new();
    if let Some(window) = rules.stabilization_window_seconds {
        parts.push(format!("window {window}s"));
    }
    if rules.policies.as_ref().is_some_and(Vec::is_empty) {
        return no_words("an empty list of policies");
    }
    for ScalingPolicy { kind, value, period_seconds } in rules.policies.iter().flatten() {
        parts.push(match kind.as_str() {
            "Percent" => format!("{value}% per {period_seconds}s"),
            "Pods" if *value == 1 => format!("1 pod per {period_seconds}s"),
            "Pods" => format!("{value} pods per {period_seconds}s"),
            kind => return no_words(format!("a policy of the type '{kind}'")),
        });
    }
    if let Some(select) = &rules.select_policy {
        parts.push(format!("select {select}"));
    }
    if let Some(tolerance) = &rules.tolerance {
        parts.push(format!("tolerance {}", quantity(tolerance)?));
    }
    Ok(if parts.is_empty() { "defaults".to_owned() } else { parts.join(", ") })
}

/// A metric by all the words of its line.
pub(super) fn metric(source: &Source) -> Told<String> {
    let identifier = |metric: &MetricIdentifier| {
        let selector = metric.selector.as_deref().map_or_else(|| Ok(String::new()), selector)?;
        Ok::<_, TellError>(format!("{}{selector}", name(&metric.name)?))
    };
    Ok(match source {
        Source::Resource { name: resource, container: None } => format!("resource {}", name(resource)?),
        Source::Resource { name: resource, container: Some(container) } => {
            format!("resource {} of container {}", name(resource)?, name(container)?)
        }
        Source::Pods { metric } => format!("pods metric {}", identifier(metric)?),
        Source::External { metric } => format!("external metric {}", identifier(metric)?),
        Source::Object { metric, object: described } => {
            let version = match described.api_version.as_str() {
                "" => String::new(),
                version => format!("{} ", name(version)?),
            };
            format!("object metric {} of {version}{}", identifier(metric)?, object(described)?)
        }
    })
}

fn selector(selector: &LabelSelector) -> Told<String> {
    let key = |key: &str| {
        let odd = key.contains('=') || key.starts_with('!');
        if odd { Ok(quoted(key)) } else { name(key) }
    };
    let mut parts = Vec::new();
    for (label, value) in &selector.match_labels {
        parts.push(format!("{}={}", key(label)?, quoted(value)));
    }
    for requirement in &selector.match_expressions {
        let key = key(&requirement.key)?;
        let values = requirement.values.iter().map(|value| name(value)).collect::<Told<Vec<_>>>()?.join(", ");
        parts.push(match (requirement.operator.as_str(), requirement.values.is_empty()) {
            ("In", _) => format!("{key} in ({values})"),
            ("NotIn", _) => format!("{key} notin ({values})"),
            ("Exists", true) => key,
            ("DoesNotExist", true) => format!("!{key}"),
            (operator, _) => return no_words(format!("the operator {operator} with these values")),
        });
    }
    Ok(format!("{{{}}}", parts.join(", ")))
}

/// Phase and readiness.
pub(super) fn state(phase: Phase, ready: Option<Ready>) -> String {
    let phase = match phase {
        Phase::Running => "",
        Phase::Pending => "pending ",
        Phase::Failed => "failed ",
        Phase::Succeeded => "succeeded ",
        Phase::Unknown => "unknown ",
    };
    let ready = match ready {
        Some(Ready::True) => "ready",
        Some(Ready::False) if phase.is_empty() => "unready",
        // What has another phase is not ready unless that is said.
        Some(Ready::False) => "",
        Some(Ready::Unknown) => "readiness unknown",
        None => "readiness absent",
    };
    format!("{phase}{ready}").trim_end().to_owned()
}

/// The lines of containers and requests of a pod.
pub(super) fn parts(pod: &Pod) -> Told<Vec<String>> {
    let mut lines = Vec::new();
    let container = |kind: &str, container: &Container| {
        let requests = if container.requests.0.is_empty() {
            String::new()
        } else {
            format!(" requests {}", requests(&container.requests)?)
        };
        Ok::<_, TellError>(format!("{kind} {}{requests}", name(&container.name)?))
    };
    for each in &pod.containers {
        lines.push(container("container", each)?);
    }
    for each in &pod.init_containers {
        lines.push(container(if each.restarts_always { "sidecar" } else { "init container" }, each)?);
    }
    if !pod.pod_requests.0.is_empty() {
        lines.push(format!("whole pod requests {}", requests(&pod.pod_requests)?));
    }
    if !pod.overhead.0.is_empty() {
        lines.push(format!("overhead {}", requests(&pod.overhead)?));
    }
    Ok(lines)
}

fn requests(requests: &Requests) -> Told<String> {
    let requests =
        requests.0.iter().map(|(resource, value)| Ok(format!("{} {}", name(resource)?, milli(*value)?)));
    Ok(requests.collect::<Told<Vec<_>>>()?.join(", "))
}

/// A condition as an expectation, if the controller can make it.
pub(super) fn condition(condition: &Condition) -> Option<Expectation> {
    let (kind, reason) = known_condition(&condition.kind, condition.status, &condition.reason)?;
    let message = Some(condition.message.to_string());
    Some(Expectation::Condition { kind, status: condition.status, reason, message })
}
