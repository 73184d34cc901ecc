//! Stories on the real controller (`e2e/bin/hpa`): what is told must be what happens there, too.
//!
//! Not a control plane: upstream's package alone, with scripted clients and a fake clock. It is of one version, so
//! stories on others are left out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plimsoll_hpa::recorded::{check, sequence};
use plimsoll_hpa::scenario::{Scenario, Step};
use plimsoll_hpa::story::Story;
use plimsoll_hpa::{
    Container, HpaSpec, HpaStatus, MetricAnswer, Phase, Pod, Profile, Ready, Requests, ScaleError, Time,
};
use serde_json::{Map, Value, json};

use crate::stories::files;

/// The program's HPA has this name.
const NAME: (&str, &str) = ("ns", "h");

fn seconds(nanos: i64) -> Value {
    json!(nanos as f64 / 1e9)
}

/// An instant; "ever" is months before the story begins, since the program takes null for no instant at all.
fn time(time: Time) -> Value {
    const LONG_AGO: f64 = -1e7;
    if time == Time::ZERO { json!(LONG_AGO) } else { seconds(time.0) }
}

fn profile(profile: &Profile) -> (Value, Value) {
    let defaults = Profile::newest();
    let gates = [
        ("HPAScaleToZero", profile.gates.scale_to_zero, defaults.gates.scale_to_zero),
        ("HPAGeneration", profile.gates.generation, defaults.gates.generation),
        (
            "HPAOptimizedSelectorStore",
            profile.gates.optimized_selector_store,
            defaults.gates.optimized_selector_store,
        ),
        ("PodLevelResources", profile.gates.pod_level_resources, defaults.gates.pod_level_resources),
    ];
    let gates: Map<_, _> = gates
        .into_iter()
        .filter(|(_, set, default)| set != default)
        .map(|(name, set, _)| (name.to_owned(), json!(set)))
        .collect();
    let settings = &profile.settings;
    let params = json!({
        "tolerance": settings.tolerance,
        "downscaleStabilizationSeconds": seconds(settings.downscale_stabilization.0),
        "cpuInitializationPeriodSeconds": seconds(settings.cpu_initialization.0),
        "initialReadinessDelaySeconds": seconds(settings.initial_readiness_delay.0),
    });
    (json!({"version": format!("1.{}", profile.minor()), "gates": gates}), params)
}

fn status(status: &HpaStatus) -> Value {
    let conditions = status.conditions.iter().map(|condition| {
        json!({"type": condition.kind, "status": condition.status.as_str(), "reason": condition.reason,
            "message": condition.message, "t": condition.last_transition_time.map(time)})
    });
    let conditions: Vec<Value> = conditions.collect();
    let mut value = json!({"currentReplicas": status.current_replicas, "desiredReplicas": status.desired_replicas,
        "conditions": conditions});
    if let Some(last) = status.last_scale_time {
        value["lastScaleT"] = time(last);
    }
    value
}

fn requests(requests: &Requests) -> Value {
    requests.0.iter().map(|(resource, milli)| (resource.clone(), json!(milli))).collect::<Map<_, _>>().into()
}

fn containers(containers: &[Container]) -> Value {
    let values = containers.iter().map(|container| {
        let mut value = json!({"name": container.name, "requestsMilli": requests(&container.requests)});
        if container.restarts_always {
            value["restartPolicy"] = json!("Always");
        }
        value
    });
    values.collect()
}

fn pod(pod: &Pod) -> Value {
    let phase = match pod.phase {
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Unknown => "Unknown",
    };
    let mut value = json!({"name": pod.name, "labels": pod.labels, "phase": phase, "deleting": pod.deleting,
        "containers": containers(&pod.containers), "initContainers": containers(&pod.init_containers)});
    match pod.ready {
        None => value["noReadyCondition"] = json!(true),
        Some((ready, changed)) => {
            value["ready"] = json!(match ready {
                Ready::True => "True",
                Ready::False => "False",
                Ready::Unknown => "Unknown",
            });
            value["readyTransitionT"] = time(changed);
        }
    }
    match pod.started {
        None => value["noStartTime"] = json!(true),
        Some(started) => value["startT"] = time(started),
    }
    if !pod.pod_requests.0.is_empty() {
        value["podLevelRequestsMilli"] = requests(&pod.pod_requests);
    }
    value
}

fn answer(answer: &MetricAnswer) -> Value {
    match answer {
        MetricAnswer::Failed(error) => json!({"error": error}),
        MetricAnswer::Value(milli) => json!({"valueMilli": milli}),
        MetricAnswer::Values(values) => json!({"valuesMilli": values}),
        MetricAnswer::Pods(samples) => {
            let samples: Map<_, _> = samples
                .iter()
                .map(|(pod, sample)| {
                    let window = seconds(sample.window.0);
                    let value =
                        json!({"valueMilli": sample.milli, "t": time(sample.time), "windowSeconds": window});
                    (pod.to_string(), value)
                })
                .collect();
            json!({"pods": samples})
        }
    }
}

/// A spec with the defaults that the API server fills in.
fn spec(spec: &HpaSpec) -> Value {
    let mut value = json!(spec);
    let Some(behavior) = value.get_mut("behavior") else { return value };
    let policy = |kind: &str, value: i32| json!({"type": kind, "value": value, "periodSeconds": 15});
    let directions = [
        ("scaleUp", Some(0), vec![policy("Pods", 4), policy("Percent", 100)]),
        ("scaleDown", None, vec![policy("Percent", 100)]),
    ];
    for (name, window, policies) in directions {
        let mut rules = behavior.get(name).cloned().unwrap_or_else(|| json!({}));
        let mut default = |field: &str, value: Value| {
            if rules.get(field).is_none() && !value.is_null() {
                rules[field] = value;
            }
        };
        default("stabilizationWindowSeconds", json!(window));
        default("selectPolicy", json!("Max"));
        default("policies", json!(policies));
        behavior[name] = rules;
    }
    value
}

fn step(step: &Step) -> Value {
    let mut scale = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            scale.insert(name.to_owned(), value);
        }
    };
    put("specReplicas", step.spec_replicas.map(Into::into));
    put("statusReplicas", step.status_replicas.map(Into::into));
    put("selector", step.selector.clone().map(Into::into));
    match &step.scale_error {
        Some(ScaleError::Mapping(error)) => put("mappingError", Some(json!(error))),
        Some(ScaleError::Get(error)) => put("error", Some(json!(error))),
        None => {}
    }
    let puts: Vec<Value> = step
        .puts
        .iter()
        .map(|put| json!({"code": if put.conflict { 409 } else { 500 }, "message": put.message}))
        .collect();
    put("updateErrors", (!puts.is_empty()).then_some(json!(puts)));
    let mut value = json!({"advanceSeconds": seconds(step.advance.0), "scale": scale});
    if step.restart {
        value["restart"] = json!(true);
    }
    if let Some((generation, edited)) = &step.edit {
        value["hpa"] = json!({"generation": generation, "spec": spec(edited)});
    }
    if let Some(pods) = &step.pods {
        value["pods"] = pods.iter().map(pod).collect();
    }
    if let Some(metrics) = &step.metrics {
        value["metrics"] = metrics.iter().map(answer).collect();
    }
    if let Some(error) = &step.status_error {
        value["statusUpdateError"] = json!(error);
    }
    value
}

/// A scenario in the shape of a recorded sequence.
fn recorded(id: &str, scenario: &Scenario) -> Value {
    let (profile, params) = profile(&scenario.profile);
    // An HPA whose selector is not known yet is no rival; the program has no way to say it.
    let known = scenario.others.iter().filter_map(|other| Some((&other.name, other.selector.as_ref()?)));
    let others: Vec<Value> =
        known.map(|(name, selector)| json!({"name": name, "selector": selector.to_string()})).collect();
    let steps: Vec<Value> = scenario.steps.iter().map(step).collect();
    let mut hpa = json!({"generation": scenario.hpa.generation, "spec": spec(&scenario.hpa.spec)});
    if scenario.hpa.status != HpaStatus::default() {
        hpa["status"] = status(&scenario.hpa.status);
    }
    json!({"kind": "sequence", "id": id, "profile": profile, "params": params, "hpa": hpa, "podTemplate": {},
        "otherHpas": others, "steps": steps})
}

/// The running program; it ends with this.
struct Upstream(Child);

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(program: &Path) -> Upstream {
    let mut command = Command::new(program);
    command.args(["-test.run=^TestAnswer$", "-test.timeout=60s"]).stderr(Stdio::null());
    Upstream(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts"))
}

#[test]
fn stories_end_on_the_real_controller_as_they_are_told() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("../../e2e/bin/hpa");
    if !program.is_file() {
        eprintln!("skipped: {} is not there; run e2e/build", program.display());
        return;
    }
    let mut upstream = start(&program);
    let mut questions = upstream.0.stdin.take().expect("an input");
    let mut answers = BufReader::new(upstream.0.stdout.take().expect("an output"));
    let (mut asked, mut differences) = (0, Vec::new());
    for (name, text) in files(&root.join("testdata/stories")) {
        let mut scenario = Story::read(&text).expect("a story").scenario;
        if scenario.profile.minor() != Profile::NEWEST {
            continue;
        }
        (scenario.hpa.namespace, scenario.hpa.name) = (NAME.0.to_owned(), NAME.1.to_owned());
        let mut question = recorded(&name, &scenario);
        writeln!(questions, "{question}").expect("the program reads");
        let mut line = String::new();
        answers.read_line(&mut line).expect("the program answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        let turns = answer["turns"].as_array().unwrap_or_else(|| panic!("no answer to {name} but '{line}'"));
        assert_eq!(turns.len(), scenario.steps.len(), "{name}");
        for (step, turn) in question["steps"].as_array_mut().expect("steps").iter_mut().zip(turns) {
            step["expected"] = turn.clone();
        }
        let asked_for = sequence::scenario(&question).expect("our own sequence");
        for (told, asked) in scenario.play().zip(asked_for.play()) {
            let (told, asked) = (told.decision, asked.decision);
            assert_eq!(
                (told.rescale, told.status, told.events),
                (asked.rescale, asked.status, asked.events),
                "{name}"
            );
        }
        differences.extend(
            check(&question).differences.into_iter().map(|difference| format!("{name}: {difference}")),
        );
        asked += 1;
    }
    assert!(asked >= 2, "only {asked} stories are of 1.{}", Profile::NEWEST);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
