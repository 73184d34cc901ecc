//! Recorded calls of single parts: grouping, one calculation, windows, rate limits, requests, tolerance.
//!
//! Not whole turns.
//!
//! **Invariant:** an unknown kind or call is a failure.

use serde_json::{Value, json};

use super::{compare, read, turn};
use crate::derivation::{PodGroup, Usage};
use crate::inputs::{Labels, MetricAnswer, Pod, Sample, Samples};
use crate::limits::{self, Bounds, DefaultPolicies, Rules};
use crate::per_pod::{self, Computed, Question, Tolerance, Wanted};
use crate::profile::Profile;
use crate::requests::pod_request;
use crate::single;
use crate::spec::{Behavior, ScalingPolicy, ScalingRules};
use crate::time::{Span, Time};

const NOW: Time = Time(0);

/// The namespace of upstream's tests.
const NAMESPACE: &str = "test-namespace";

type Result<T> = std::result::Result<T, String>;

pub(super) fn check(kind: &str, case: &Value) -> Result<Vec<String>> {
    let profile = turn::profile(case)?;
    let ours = match kind {
        "replicaCalc" => calculate(&profile, case)?,
        "group_pods" => group(&profile, case)?,
        "scaling_with_rules" => rate_limit(&profile, case)?,
        "normalize_desired_replicas" => stabilize(case)?,
        "normalize_desired_replicas_with_behavior" => stabilize_with_behavior(case)?,
        "convert_desired_replicas_with_rules" => legacy_limit(case)?,
        "store_scale_events" => store(case)?,
        "podRequests" => requests(profile, case)?,
        "toleranceBoundary" => tolerance(case)?,
        _ => return Err(format!("the kind '{kind}' is not known")),
    };
    let mut differences = Vec::new();
    if let Some(part) = case["expected"]["errorContains"].as_str() {
        let error = ours["error"].as_str().unwrap_or("no error");
        if !error.contains(part) {
            differences.push(format!("error: ours '{error}', recorded contains '{part}'"));
        }
    } else {
        let mut expected = case["expected"].clone();
        if kind == "group_pods" {
            // Upstream's groups are sets.
            for names in
                expected.as_object_mut().into_iter().flatten().filter_map(|(_, set)| set.as_array_mut())
            {
                names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
        }
        compare("expected", &ours, &expected, &mut differences);
    }
    Ok(differences)
}

/// What the calculator puts before an error of the metrics client.
fn context(call: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, object) = (text(&call["name"]), &call["object"]);
    match call["kind"].as_str() {
        Some("resource") => format!("unable to get metrics for resource {name}"),
        Some("object") => {
            let (kind, of) = (text(&object["kind"]), text(&object["name"]));
            format!("unable to get metric {name} on {kind} {NAMESPACE}/{of}")
        }
        // The selector is not recorded in the words that upstream prints.
        Some("external") => format!("unable to get external metric {NAMESPACE}/{name}"),
        _ => format!("unable to get metric {name}"),
    }
}

fn pods(case: &Value) -> Result<Vec<Pod>> {
    let pods = read::list(&case["pods"]).iter();
    pods.map(|pod| read::pod(pod, &Value::Null, &Labels::new())).collect()
}

fn tolerance_of(profile: &Profile, params: &Value) -> Tolerance {
    let own = |name: &str| params[name].as_f64().unwrap_or(profile.settings.tolerance);
    Tolerance { down: own("toleranceDown"), up: own("toleranceUp"), by_bounds: profile.tolerance_by_bounds() }
}

fn calculate(profile: &Profile, case: &Value) -> Result<Value> {
    let pods = pods(case)?;
    let current = read::int32(&case["currentReplicas"])?;
    let tolerance = tolerance_of(profile, &case["params"]);
    let call = case["call"].as_str().unwrap_or_default();
    let target = || read::int(&case["targetMilli"]);
    let container = case["container"].as_str().filter(|container| !container.is_empty());
    let recorded = &case["metrics"][0];
    let mut answer = read::answer(recorded, NOW)?;
    if let (Some(container), true) = (container, profile.absent_container_metric_fails()) {
        answer = old_client(profile, container, &pods, answer);
    }
    if let MetricAnswer::Failed(error) = &answer {
        return Ok(json!({"error": format!("{}: {error}", context(recorded))}));
    }
    let of_pods = |resource: &str, wanted| {
        let MetricAnswer::Pods(samples) = &answer else {
            return Err("no values by pod are recorded".to_owned());
        };
        Ok(per_pod::compute(
            profile,
            &Question { now: NOW, tolerance, current, resource, wanted },
            pods.iter(),
            samples,
        ))
    };
    let (computed, usage) = match call {
        "resourceUtilization" => {
            let percent = read::int32(&case["targetUtilizationPercent"])?;
            let resource = case["resource"].as_str().unwrap_or_default();
            let wanted = Wanted::Utilization { percent, container };
            return Ok(match of_pods(resource, wanted)? {
                Ok(Computed {
                    replicas, usage: Usage::Utilization { percent, average_milli, .. }, ..
                }) => json!({
                    "replicas": replicas,
                    "utilizationPercent": percent,
                    "rawAverageMilli": average_milli,
                }),
                Ok(_) => json!({"error": "no utilisation"}),
                Err(error) => json!({"error": error.to_string()}),
            });
        }
        "podsAverageValue" => (of_pods("", Wanted::Average { milli: target()? })?, None),
        "resourceAverageValue" => {
            let resource = case["resource"].as_str().unwrap_or_default();
            (of_pods(resource, Wanted::Average { milli: target()? })?, None)
        }
        "objectValue" | "externalValue" => {
            let milli = match &answer {
                MetricAnswer::Value(milli) => *milli,
                MetricAnswer::Values(values) => single::sum_for_value(values, profile.guards_value()),
                _ => return Err("no value is recorded".to_owned()),
            };
            let guarded = profile.guards_value();
            return Ok(match single::value(tolerance, guarded, current, milli, target()?, pods.iter()) {
                Ok(computed) => json!({"replicas": computed.replicas, "usageMilli": milli}),
                Err(error) => json!({"error": format!("unable to calculate ready pods: {error}")}),
            });
        }
        "objectAverageValue" | "externalAverageValue" => {
            let external = call == "externalAverageValue";
            let guarded = external && profile.guards_external_average();
            let milli = match &answer {
                MetricAnswer::Value(milli) => *milli,
                MetricAnswer::Values(values) => single::sum_for_average(values, guarded),
                _ => return Err("no value is recorded".to_owned()),
            };
            let computed = single::average(tolerance, guarded, current, milli, target()?);
            (Ok(computed), Some(single::reported_average(milli, current, guarded)))
        }
        _ => return Err(format!("the call '{call}' is not known")),
    };
    Ok(match computed {
        Err(error) => json!({"error": error.to_string()}),
        Ok(computed) => {
            let milli = match computed.usage {
                Usage::Average { milli, .. } | Usage::Total { milli, .. } | Usage::Shared { milli, .. } => {
                    milli
                }
                Usage::Utilization { average_milli, .. } => average_milli,
            };
            json!({"replicas": computed.replicas, "usageMilli": usage.unwrap_or(milli)})
        }
    })
}

/// What a metrics client up to 1.32 makes of the pods' metrics: the recording has what newer ones keep of them.
fn old_client(profile: &Profile, container: &str, pods: &[Pod], answer: MetricAnswer) -> MetricAnswer {
    let MetricAnswer::Pods(samples) = &answer else { return answer };
    let of_pods: Vec<_> = pods
        .iter()
        .map(|pod| {
            let own = samples.iter().find(|(name, _)| *name == pod.name).map(|(_, sample)| *sample);
            let others = pod.containers.iter().filter(|other| other.name != container);
            let empty = Sample { milli: 0, time: NOW, window: Span(0) };
            let mut values: Vec<_> = others.map(|other| (other.name.clone(), empty)).collect();
            values.extend(own.map(|sample| (container.to_owned(), sample)));
            (&pod.name, values)
        })
        .collect();
    let of_pods = of_pods.iter().map(|(name, values)| (*name, values.as_slice()));
    match Samples::of_container(profile, NAMESPACE, container, of_pods) {
        Ok(samples) => MetricAnswer::Pods(samples),
        Err(error) => MetricAnswer::Failed(error),
    }
}

fn group(profile: &Profile, case: &Value) -> Result<Value> {
    let MetricAnswer::Pods(samples) = read::answer(&case["metrics"][0], NOW)? else {
        return Err("no values by pod are recorded".to_owned());
    };
    let (mut ready, mut unready, mut missing, mut ignored) = (0, Vec::new(), Vec::new(), Vec::new());
    for pod in pods(case)? {
        let sample = samples.iter().find(|(name, _)| *name == pod.name).map(|(_, sample)| sample);
        match per_pod::group(profile, NOW, &pod, sample, case["resource"] == "cpu") {
            PodGroup::Ready => ready += 1,
            PodGroup::Unready => unready.push(pod.name),
            PodGroup::Missing => missing.push(pod.name),
            PodGroup::Ignored => ignored.push(pod.name),
        }
    }
    for names in [&mut unready, &mut missing, &mut ignored] {
        names.sort();
    }
    Ok(json!({"readyPodCount": ready, "unready": unready, "missing": missing, "ignored": ignored}))
}

fn rules(value: &Value) -> Result<ScalingRules> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

fn rate_limit(profile: &Profile, case: &Value) -> Result<Value> {
    let behavior =
        Behavior { scale_up: Some(rules(&case["scaleUp"])?), scale_down: Some(rules(&case["scaleDown"])?) };
    let defaults = DefaultPolicies::default();
    let up = Rules::up(&behavior, &defaults);
    let down = Rules::down(&behavior, &defaults, &profile.settings);
    let bounds = Bounds {
        current: read::int32(&case["currentReplicas"])?,
        min: read::int32(&case["minReplicas"])?,
        max: read::int32(&case["maxReplicas"])?,
    };
    let (ups, downs) = (read::events(&case["scaleUpEvents"])?, read::events(&case["scaleDownEvents"])?);
    let desired = read::int32(&case["desiredReplicas"])?;
    let (replicas, limit) =
        limits::limit_with_behavior(NOW, bounds, desired, (&ups, &downs), (&up, &down), &mut Vec::new());
    Ok(json!({"replicas": replicas, "reason": limit.reason}))
}

fn stabilize(case: &Value) -> Result<Value> {
    let mut recommendations = read::recommendations(&case["recommendations"])?;
    let window = read::span(&case["downscaleStabilizationSeconds"])?;
    let desired = read::int32(&case["desiredReplicas"])?;
    let replicas = limits::stabilize(NOW, window, &mut recommendations, desired, &mut Vec::new());
    Ok(json!({"replicas": replicas, "storedCount": recommendations.len()}))
}

fn stabilize_with_behavior(case: &Value) -> Result<Value> {
    let mut recommendations = read::recommendations(&case["recommendations"])?;
    let windows = (
        read::span(&case["scaleUpStabilizationSeconds"])?,
        read::span(&case["scaleDownStabilizationSeconds"])?,
    );
    let current = read::int32(&case["currentReplicas"])?;
    let desired = read::int32(&case["desiredReplicas"])?;
    let replicas = limits::stabilize_with_behavior(
        NOW,
        windows,
        &mut recommendations,
        current,
        desired,
        &mut Vec::new(),
    );
    let stored: Vec<_> = recommendations.iter().map(|recommendation| recommendation.replicas).collect();
    Ok(json!({"replicas": replicas, "storedRecommendations": stored}))
}

fn legacy_limit(case: &Value) -> Result<Value> {
    let mut profile = Profile::newest();
    read::settings(case, &mut profile)?;
    let bounds = Bounds {
        current: read::int32(&case["currentReplicas"])?,
        min: read::int32(&case["minReplicas"])?,
        max: read::int32(&case["maxReplicas"])?,
    };
    let desired = read::int32(&case["desiredReplicas"])?;
    let (replicas, limit) = limits::limit(&profile.settings, bounds, desired, &mut Vec::new());
    Ok(json!({"replicas": replicas, "reason": limit.reason}))
}

fn store(case: &Value) -> Result<Value> {
    let policies: Option<Vec<ScalingPolicy>> =
        serde_json::from_value(case["policies"].clone()).map_err(|error| error.to_string())?;
    let change = read::int32(&case["replicaChange"])?;
    let previous = read::events(&case["previousEvents"])?;
    let changed = limits::changed_within(NOW, 60, &previous);
    let mut both = Vec::new();
    for growing in [true, false] {
        let (mut ups, mut downs) = (previous.clone(), previous.clone());
        if let Some(policies) = &policies {
            let rules = ScalingRules { policies: Some(policies.clone()), ..ScalingRules::default() };
            let behavior = Behavior { scale_up: Some(rules.clone()), scale_down: Some(rules) };
            let defaults = DefaultPolicies::default();
            let up = Rules::up(&behavior, &defaults);
            let down = Rules::down(&behavior, &defaults, &Profile::newest().settings);
            let to = if growing { 10 + change } else { 10 - change };
            limits::store_rescale(NOW, (&up, &down), (&mut ups, &mut downs), 10, to);
        }
        let stored: Vec<_> = if growing { ups } else { downs }
            .iter()
            .map(|event| json!({"change": event.change, "outdated": event.outdated}))
            .collect();
        both.push(json!({"changeInLast60s": changed, "storedEvents": stored}));
    }
    let down = both.pop().unwrap_or_default();
    let up = both.pop().unwrap_or_default();
    if up == down { Ok(up) } else { Err(format!("growing stores {up}, shrinking {down}")) }
}

fn requests(mut profile: Profile, case: &Value) -> Result<Value> {
    profile.gates.pod_level_resources = case["podLevelResourcesGate"] == true;
    let pod = read::pod(&case["pod"], &Value::Null, &Labels::new())?;
    let container = case["container"].as_str().filter(|container| !container.is_empty());
    let resource = case["resource"].as_str().unwrap_or_default();
    Ok(match pod_request(&profile, &pod, resource, container) {
        Ok(milli) => json!({"requestMilli": milli}),
        Err(error) => json!({"error": error.to_string()}),
    })
}

fn tolerance(case: &Value) -> Result<Value> {
    let number = |name: &str| case[name].as_f64().ok_or_else(|| format!("{name} is no number"));
    let ratio = number("current")? / number("target")?;
    let tolerance = number("tolerance")?;
    let within = |by_bounds| Tolerance { down: tolerance, up: tolerance, by_bounds }.admits(ratio);
    Ok(json!({"withinFrom1.33": within(true), "withinUpTo1.32": within(false)}))
}
