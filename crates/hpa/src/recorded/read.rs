//! Inputs of a turn out of recorded JSON.
//!
//! Not lenient about numbers that are there: one that is malformed fails the line.
//!
//! **Invariant:** times become whole milliseconds before anything compares them.

use std::sync::Arc;

use plimsoll_model::selector::Selector;
use serde_json::Value;

use crate::inputs::{
    Container, Labels, MetricAnswer, OtherHpa, Phase, Pod, Ready, Requests, Sample, Samples,
};
use crate::profile::Profile;
use crate::spec::HpaSpec;
use crate::state::{Recommendation, ScaleEvent};
use crate::status::{Condition, ConditionStatus, HpaStatus};
use crate::time::{Span, Time};

type Result<T> = std::result::Result<T, String>;

/// Seconds, rounded to whole milliseconds.
pub(super) fn millis(value: &Value) -> Result<i64> {
    let seconds = value.as_f64().ok_or_else(|| format!("{value} is no number of seconds"))?;
    Ok((seconds * 1000.0).round() as i64)
}

pub(super) fn span(value: &Value) -> Result<Span> {
    millis(value).map(Span::millis)
}

/// An instant; null is Go's zero time.
pub(super) fn time(value: &Value) -> Result<Time> {
    if value.is_null() { Ok(Time::ZERO) } else { millis(value).map(Time::millis) }
}

/// An integer, which may be written as `5.0`.
pub(super) fn int(value: &Value) -> Result<i64> {
    let whole = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    let integer = value.as_i64().or_else(|| value.as_f64().filter(whole).map(|number| number as i64));
    integer.ok_or_else(|| format!("{value} is no integer of 64 bits"))
}

pub(super) fn int32(value: &Value) -> Result<i32> {
    int(value).and_then(|number| i32::try_from(number).map_err(|error| format!("{value}: {error}")))
}

/// A field that is there and not null, read; its name stands before what is wrong with it.
pub(super) fn field<T>(of: &Value, name: &str, read: impl FnOnce(&Value) -> Result<T>) -> Result<Option<T>> {
    let value = of.get(name).filter(|value| !value.is_null());
    value.map(read).transpose().map_err(|error| format!("{name}: {error}"))
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn settings(params: &Value, profile: &mut Profile) -> Result<()> {
    let settings = &mut profile.settings;
    let spans = [
        ("downscaleStabilizationSeconds", &mut settings.downscale_stabilization),
        ("cpuInitializationPeriodSeconds", &mut settings.cpu_initialization),
        ("initialReadinessDelaySeconds", &mut settings.initial_readiness_delay),
    ];
    for (name, target) in spans {
        *target = field(params, name, span)?.unwrap_or(*target);
    }
    let numbers = [
        ("tolerance", &mut settings.tolerance),
        ("scaleUpLimitFactor", &mut settings.scale_up_limit_factor),
        ("scaleUpLimitMinimum", &mut settings.scale_up_limit_minimum),
    ];
    for (name, target) in numbers {
        let number = |value: &Value| value.as_f64().ok_or_else(|| format!("{value} is no number"));
        *target = field(params, name, number)?.unwrap_or(*target);
    }
    Ok(())
}

pub(super) fn spec(value: &Value) -> Result<HpaSpec> {
    let mut value = value.clone();
    without_nulls(&mut value);
    serde_json::from_value(value).map_err(|error| format!("hpa.spec: {error}"))
}

/// Null is an absent field, as Kubernetes reads it.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        _ => {}
    }
}

pub(super) fn status(value: &Value) -> Result<HpaStatus> {
    let mut status = HpaStatus::default();
    if value.is_null() {
        return Ok(status);
    }
    status.current_replicas = field(value, "currentReplicas", int32)?.unwrap_or(0);
    status.desired_replicas = field(value, "desiredReplicas", int32)?.unwrap_or(0);
    status.observed_generation = field(value, "observedGeneration", int)?;
    status.last_scale_time = field(value, "lastScaleT", time)?;
    for condition in list(&value["conditions"]) {
        let kind = text(&condition["type"]);
        status.conditions.push(Condition {
            kind: kind.into(),
            status: match condition["status"].as_str() {
                Some("True") => ConditionStatus::True,
                Some("False") => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: text(&condition["reason"]).into(),
            message: text(&condition["message"]).into(),
            last_transition_time: field(condition, "t", time)?,
        });
    }
    Ok(status)
}

fn requests(value: &Value) -> Result<Requests> {
    let entries = value.as_object().into_iter().flatten();
    let request = |(name, milli): (&String, &Value)| match int(milli) {
        Ok(milli) => Ok((name.clone(), milli)),
        Err(error) => Err(format!("request for {name}: {error}")),
    };
    entries.map(request).collect::<Result<_>>().map(Requests)
}

fn containers(value: &Value) -> Result<Vec<Container>> {
    list(value)
        .iter()
        .map(|container| {
            Ok(Container {
                name: text(&container["name"]),
                requests: requests(&container["requestsMilli"])?,
                restarts_always: container["restartPolicy"] == "Always",
            })
        })
        .collect()
}

/// A pod; keys that it does not have come from the template.
pub(super) fn pod(value: &Value, template: &Value, labels: &Labels) -> Result<Pod> {
    let key = |name: &str| value.get(name).or_else(|| template.get(name));
    let set = |name: &str| key(name).is_some_and(|value| value == &Value::Bool(true));
    let mut pod = Pod::named(text(&value["name"]));
    pod.labels = match key("labels").and_then(Value::as_object) {
        Some(labels) => labels.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        None => labels.clone(),
    };
    pod.phase = match key("phase").and_then(Value::as_str) {
        Some("Pending") => Phase::Pending,
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        _ => Phase::Unknown,
    };
    pod.deleting = set("deleting");
    let changed = key("readyTransitionT").map_or(Ok(Time::ZERO), time)?;
    pod.ready = match key("ready").and_then(Value::as_str) {
        _ if set("noReadyCondition") => None,
        Some("True") => Some((Ready::True, changed)),
        Some("False") => Some((Ready::False, changed)),
        Some(_) => Some((Ready::Unknown, changed)),
        None => None,
    };
    pod.started = match key("startT") {
        _ if set("noStartTime") => None,
        Some(value) => Some(time(value)?),
        None => None,
    };
    pod.containers = key("containers").map_or(Ok(Vec::new()), containers)?;
    pod.init_containers = key("initContainers").map_or(Ok(Vec::new()), containers)?;
    pod.pod_requests = key("podLevelRequestsMilli").map_or(Ok(Requests::default()), requests)?;
    pod.overhead = key("overheadMilli").map_or(Ok(Requests::default()), requests)?;
    Ok(pod)
}

/// The answer of a metrics API; times that are not given are `now`.
pub(super) fn answer(value: &Value, now: Time) -> Result<MetricAnswer> {
    if let Some(error) = value.get("error").and_then(Value::as_str) {
        return Ok(MetricAnswer::Failed(error.to_owned()));
    }
    let integers = |value: &Value| list(value).iter().map(int).collect();
    if let Some(values) = field(value, "valuesMilli", integers)? {
        return Ok(MetricAnswer::Values(values));
    }
    if let Some(milli) = field(value, "valueMilli", int)? {
        return Ok(MetricAnswer::Value(milli));
    }
    let default_time = value.get("t").map_or(Ok(now), time)?;
    let default_window = field(value, "windowSeconds", span)?.unwrap_or(Span::seconds(60));
    let sample = |value: &Value| {
        Ok(Sample {
            milli: int(value.get("valueMilli").unwrap_or(value))?,
            time: value.get("t").map_or(Ok(default_time), time)?,
            window: field(value, "windowSeconds", span)?.unwrap_or(default_window),
        })
    };
    let entries = value["pods"].as_object().into_iter().flatten().map(|(pod, value)| {
        let sample = sample(value).map_err(|error: String| format!("sample of {pod}: {error}"))?;
        Ok((Arc::from(pod.as_str()), sample))
    });
    Ok(MetricAnswer::Pods(Samples::new(entries.collect::<Result<Vec<_>>>()?)))
}

pub(super) fn others(value: &Value) -> Result<Vec<OtherHpa>> {
    list(value)
        .iter()
        .map(|other| {
            let selector = match other["selector"].as_str() {
                Some(text) => Some(Selector::parse(text).map_err(|error| error.to_string())?),
                None => None,
            };
            Ok(OtherHpa { name: text(&other["name"]), selector })
        })
        .collect()
}

pub(super) fn recommendations(value: &Value) -> Result<Vec<Recommendation>> {
    list(value)
        .iter()
        .map(|entry| Ok(Recommendation { replicas: int32(&entry["replicas"])?, time: time(&entry["t"])? }))
        .collect()
}

pub(super) fn events(value: &Value) -> Result<Vec<ScaleEvent>> {
    list(value)
        .iter()
        .map(|entry| {
            Ok(ScaleEvent {
                change: int32(&entry["change"])?,
                time: time(&entry["t"])?,
                outdated: entry["outdated"] == true,
            })
        })
        .collect()
}
