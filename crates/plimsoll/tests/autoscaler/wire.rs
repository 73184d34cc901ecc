//! Between what the API server and the metrics APIs say and what the library reads and writes.
//!
//! Not a client: objects are JSON that was answered or written already.
//!
//! **Invariant:** what the controller's own clients make of an answer is made of it here
//! (`k8s.io/kubernetes/pkg/controller/podautoscaler/metrics/client.go`).

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use plimsoll_hpa::recorded::current_metrics;
use plimsoll_hpa::{
    ConditionStatus, Container, HpaSpec, HpaStatus, MetricAnswer, MetricSpec, Phase, Pod, Ready, Requests,
    Sample, Samples, Scale, Span, Time,
};
use plimsoll_model::quantity::Quantity;
use plimsoll_testkit::fakes::metrics::Exchange;
use serde_json::{Value, json};

use crate::observed::sorted;

/// An instant on the library's clock, which here starts at the Unix epoch.
pub fn time(timestamp: Timestamp) -> Time {
    Time(i64::try_from(timestamp.as_nanosecond()).unwrap_or(i64::MAX))
}

fn parsed(text: &Value) -> Result<Time> {
    let text = text.as_str().context("there is no time")?;
    Ok(time(text.parse().with_context(|| format!("'{text}' is no time"))?))
}

fn milli(quantity: &Value) -> Result<i64> {
    let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned);
    Ok(Quantity::parse(&text).with_context(|| format!("'{text}' is no quantity"))?.milli())
}

fn number(value: &Value) -> i32 {
    value.as_i64().and_then(|number| i32::try_from(number).ok()).unwrap_or(0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `autoscaling/v1` `Scale`.
pub fn scale(scale: &Value) -> Scale {
    Scale {
        spec_replicas: number(&scale["spec"]["replicas"]),
        status_replicas: number(&scale["status"]["replicas"]),
        selector: text(&scale["status"]["selector"]),
    }
}

/// `v1` `Pod`.
///
/// # Errors
/// A time or quantity that is none.
pub fn pod(pod: &Value) -> Result<Pod> {
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    let ready = list(&status["conditions"]).iter().find(|condition| condition["type"] == "Ready");
    let ready = match ready {
        None => None,
        Some(condition) => {
            let state = match condition["status"].as_str() {
                Some("True") => Ready::True,
                Some("False") => Ready::False,
                _ => Ready::Unknown,
            };
            Some((state, parsed(&condition["lastTransitionTime"])?))
        }
    };
    let containers = |field: &str| list(&spec[field]).iter().map(container).collect::<Result<Vec<_>>>();
    Ok(Pod {
        labels: serde_json::from_value(metadata["labels"].clone())?,
        phase: match status["phase"].as_str() {
            Some("Pending") => Phase::Pending,
            Some("Running") => Phase::Running,
            Some("Succeeded") => Phase::Succeeded,
            Some("Failed") => Phase::Failed,
            _ => Phase::Unknown,
        },
        deleting: !metadata["deletionTimestamp"].is_null(),
        ready,
        started: match &status["startTime"] {
            Value::Null => None,
            start => Some(parsed(start)?),
        },
        containers: containers("containers")?,
        init_containers: containers("initContainers")?,
        pod_requests: requests(&spec["resources"]["requests"])?,
        overhead: requests(&spec["overhead"])?,
        ..Pod::named(text(&metadata["name"]))
    })
}

fn container(container: &Value) -> Result<Container> {
    Ok(Container {
        name: text(&container["name"]),
        requests: requests(&container["resources"]["requests"])?,
        restarts_always: container["restartPolicy"] == "Always",
    })
}

fn requests(requests: &Value) -> Result<Requests> {
    let requests = requests.as_object().into_iter().flatten();
    Ok(Requests(requests.map(|(name, value)| Ok((name.clone(), milli(value)?))).collect::<Result<_>>()?))
}

/// What the metrics APIs answered in a turn, one per metric of the spec. Each metric asks once and in order; those
/// that did not ask get an answer that shows if it is used.
///
/// # Errors
/// An answer that no metric of the spec asks for.
pub fn answers(spec: &HpaSpec, exchanges: &[Exchange]) -> Result<Vec<MetricAnswer>> {
    let mut exchanges = exchanges.iter().peekable();
    let mut answers = Vec::new();
    for metric in &spec.metrics {
        let asked = exchanges.next_if(|exchange| asks(metric, &exchange.path));
        answers.push(match asked {
            Some(exchange) => answer(metric, exchange)?,
            None => MetricAnswer::Failed("the controller did not ask".to_owned()),
        });
    }
    let rest = exchanges.next();
    ensure!(rest.is_none(), "no metric of the HPA asks for {}", rest.map_or("", |exchange| &exchange.path));
    Ok(answers)
}

fn asks(metric: &MetricSpec, path: &str) -> bool {
    let named = |group: &str, name: Option<&str>| {
        path.starts_with(&format!("/apis/{group}/"))
            && name.is_some_and(|name| path.ends_with(&format!("/{name}")))
    };
    match metric.kind.as_str() {
        "Resource" | "ContainerResource" => named("metrics.k8s.io", Some("pods")),
        "Pods" => named("custom.metrics.k8s.io", metric.pods.as_ref().map(|source| &*source.metric.name)),
        "Object" => named("custom.metrics.k8s.io", metric.object.as_ref().map(|source| &*source.metric.name)),
        _ => named("external.metrics.k8s.io", metric.external.as_ref().map(|source| &*source.metric.name)),
    }
}

fn answer(metric: &MetricSpec, exchange: &Exchange) -> Result<MetricAnswer> {
    let api = match metric.kind.as_str() {
        "Resource" | "ContainerResource" => "resource",
        "Pods" | "Object" => "custom",
        _ => "external",
    };
    if exchange.code >= 300 {
        let message = text(&exchange.body["message"]);
        return Ok(MetricAnswer::Failed(format!(
            "unable to fetch metrics from {api} metrics API: {message}"
        )));
    }
    let items = list(&exchange.body["items"]);
    if items.is_empty() {
        return Ok(MetricAnswer::Failed(format!("no metrics returned from {api} metrics API")));
    }
    Ok(match metric.kind.as_str() {
        "Object" => MetricAnswer::Value(milli(&items[0]["value"])?),
        "External" => {
            MetricAnswer::Values(items.iter().map(|item| milli(&item["value"])).collect::<Result<_>>()?)
        }
        "Pods" => {
            let sample = |item: &Value| {
                let window = Span::seconds(item["windowSeconds"].as_i64().unwrap_or(60));
                let sample =
                    Sample { milli: milli(&item["value"])?, time: parsed(&item["timestamp"])?, window };
                Ok((text(&item["describedObject"]["name"]).into(), sample))
            };
            MetricAnswer::Pods(Samples::new(items.iter().map(sample).collect::<Result<Vec<_>>>()?))
        }
        _ => MetricAnswer::Pods(resource(metric, items)?),
    })
}

/// A resource of pods: the sum of all containers, or one container's; pods that lack a part of it are absent.
fn resource(metric: &MetricSpec, items: &[Value]) -> Result<Samples> {
    let name = match (&metric.resource, &metric.container_resource) {
        (Some(source), _) => &source.name,
        (None, Some(source)) => &source.name,
        (None, None) => return Ok(Samples::default()),
    };
    let only = metric.container_resource.as_ref().map(|source| &*source.container);
    let mut samples = Vec::new();
    for item in items {
        let counted = list(&item["containers"])
            .iter()
            .filter(|container| only.is_none_or(|only| container["name"] == only))
            .map(|container| &container["usage"][&**name]);
        let counted: Vec<&Value> = counted.collect();
        if counted.is_empty() || counted.iter().any(|usage| usage.is_null()) {
            continue;
        }
        let milli: i64 = counted.into_iter().map(milli).sum::<Result<_>>()?;
        let window = item["window"].as_str().and_then(|window| window.strip_suffix('s'));
        let window = Span::seconds(window.context("no window")?.parse()?);
        let sample = Sample { milli, time: parsed(&item["timestamp"])?, window };
        samples.push((text(&item["metadata"]["name"]).into(), sample));
    }
    Ok(Samples::new(samples))
}

/// The library's status in the fields and words of `autoscaling/v2`.
pub fn status(status: &HpaStatus) -> Value {
    let seconds = |time: Option<Time>| time.map(|time| time.0.div_euclid(1_000_000_000));
    let conditions = status.conditions.iter().map(|condition| {
        json!({
            "type": condition.kind,
            "status": ConditionStatus::as_str(condition.status),
            "reason": condition.reason,
            "message": sorted(&condition.message),
            "lastTransitionTime": seconds(condition.last_transition_time),
        })
    });
    json!({
        "observedGeneration": status.observed_generation,
        "lastScaleTime": seconds(status.last_scale_time),
        "currentReplicas": status.current_replicas,
        "desiredReplicas": status.desired_replicas,
        "currentMetrics": current_metrics(status),
        "conditions": conditions.collect::<Vec<_>>(),
    })
}

/// The same of a status that the controller wrote.
///
/// # Errors
/// A time that is none.
pub fn written(status: &Value) -> Result<Value> {
    let seconds = |time: &Value| match time {
        Value::Null => Ok(Value::Null),
        time => parsed(time).map(|time| json!(time.0.div_euclid(1_000_000_000))),
    };
    let conditions = list(&status["conditions"]).iter().map(|condition| {
        Ok(json!({
            "type": condition["type"],
            "status": condition["status"],
            "reason": condition["reason"],
            "message": sorted(condition["message"].as_str().unwrap_or_default()),
            "lastTransitionTime": seconds(&condition["lastTransitionTime"])?,
        }))
    });
    Ok(json!({
        "observedGeneration": status["observedGeneration"],
        "lastScaleTime": seconds(&status["lastScaleTime"])?,
        "currentReplicas": number(&status["currentReplicas"]),
        "desiredReplicas": number(&status["desiredReplicas"]),
        "currentMetrics": list(&status["currentMetrics"]),
        "conditions": conditions.collect::<Result<Vec<_>>>()?,
    }))
}
