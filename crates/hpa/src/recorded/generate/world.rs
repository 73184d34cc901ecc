//! What surrounds an HPA in a turn: pods, and what the metrics APIs answer about them.
//!
//! Not random alone: ages lie next to the controller's periods, values next to the targets.
//!
//! **Invariant:** times are whole milliseconds, and every metric of the spec has an answer.

use plimsoll_model::quantity::Quantity;
use serde_json::{Map, Value, json};

use super::draw::Draw;

/// The controller's periods in milliseconds, next to which ages are put.
#[derive(Debug, Clone, Copy)]
pub(super) struct Periods {
    pub initialization: i64,
    pub delay: i64,
}

pub(super) fn seconds(millis: i64) -> Value {
    json!(millis as f64 / 1000.0)
}

fn requests(draw: &mut Draw<'_>) -> Value {
    let cpu = match draw.below(30) {
        0 => draw.milli(),
        1 => 0,
        _ => draw.pick(&[250, 100, 1000, 333, 50]),
    };
    let memory = draw.pick(&[134_217_728_000_i64, 67_108_864_000, 100_000_000_000, 1]);
    match draw.below(24) {
        0 => json!({}),
        1 => json!({"cpu": cpu}),
        2 => json!({"memory": memory}),
        3 => json!({"cpu": cpu, "memory": memory, "nvidia.com/gpu": 2000}),
        _ => json!({"cpu": cpu, "memory": memory}),
    }
}

fn containers(draw: &mut Draw<'_>, names: &[&str]) -> Value {
    names.iter().map(|name| json!({"name": name, "requestsMilli": requests(draw)})).collect()
}

/// Defaults of all pods of a sequence.
pub(super) fn template(draw: &mut Draw<'_>) -> Value {
    let mut template = json!({
        "phase": "Running", "ready": "True", "startT": -4000, "readyTransitionT": -3990,
        "containers": containers(draw, &["app", "side"]),
    });
    if draw.chance(15) {
        let mut list = containers(draw, &["warm", "init"]);
        list[0]["restartPolicy"] = json!("Always");
        template["initContainers"] = list;
    }
    if draw.chance(5) {
        template["overheadMilli"] = requests(draw);
    }
    if draw.chance(12) {
        template["podLevelRequestsMilli"] = pod_level(draw);
    }
    template
}

fn pod_level(draw: &mut Draw<'_>) -> Value {
    match draw.below(5) {
        0 => json!({"hugepages-2Mi": 2_097_152_000}),
        1 => json!({"ephemeral-storage": 1000}),
        2 => json!({"memory": 300_000_000_000_i64}),
        _ => requests(draw),
    }
}

/// A list of pods at an instant in milliseconds.
pub(super) fn pods(draw: &mut Draw<'_>, now: i64, periods: Periods) -> Vec<Value> {
    let count = match draw.below(24) {
        0 => 0,
        1 => draw.between(12, 40),
        _ => draw.between(1, 8),
    };
    let odd = draw.pick(&[0, 0, 10, 30, 70]);
    (0..count).map(|at| pod(draw, at, odd, now, periods)).collect()
}

fn pod(draw: &mut Draw<'_>, at: i64, odd: u64, now: i64, periods: Periods) -> Value {
    let mut pod = json!({"name": format!("p{at}")});
    if !draw.chance(odd) {
        return pod;
    }
    for _ in 0..draw.pick(&[1, 1, 2, 3]) {
        match draw.below(14) {
            0 => {
                pod["phase"] = json!(draw.pick(&["Pending", "Pending", "Failed", "Succeeded", "Unknown", ""]))
            }
            1 => pod["deleting"] = json!(true),
            2 => pod["noStartTime"] = json!(true),
            3 => pod["noReadyCondition"] = json!(true),
            4 => pod["ready"] = json!(draw.pick(&["Unknown", "False", "true"])),
            5 => {
                pod["containers"] = {
                    let names = draw.pick(&[&["app"] as &[_], &["side"], &["app", "side", "x"], &[]]);
                    containers(draw, names)
                }
            }
            6 => {
                let mut list = containers(draw, &["init", "warm", "last"]);
                let policy = draw.pick(&["Always", "Always", "Always", "OnFailure", "Never"]);
                list[draw.below(3) as usize]["restartPolicy"] = json!(policy);
                if draw.chance(30) {
                    list[draw.below(3) as usize]["restartPolicy"] = json!("Always");
                }
                pod["initContainers"] = list;
            }
            7 => {
                pod["podLevelRequestsMilli"] = pod_level(draw);
                if draw.chance(30) {
                    pod["overheadMilli"] = requests(draw);
                }
            }
            8 => {
                pod["labels"] = match draw.below(3) {
                    0 => json!({"app": "y"}),
                    1 => json!({"app": "x", "tier": "web"}),
                    _ => json!({}),
                };
            }
            _ => {
                let edge = draw.pick(&[periods.initialization, periods.initialization, 0, 10_000, 3_600_000]);
                let start = now - edge + draw.pick(&[0, 0, 1, -1, 1000, -1000, 5000]);
                let ready = match draw.below(4) {
                    0 => start + periods.delay + draw.pick(&[0, 1, -1]),
                    1 => now - draw.pick(&[60_000, 15_000, 30_000, 0]) + draw.pick(&[0, 1, -1]),
                    2 => start,
                    _ => start + draw.between(-20_000, 60_000),
                };
                // Null is Go's zero time.
                pod["startT"] = if draw.chance(3) { Value::Null } else { seconds(start) };
                pod["readyTransitionT"] = if draw.chance(3) { Value::Null } else { seconds(ready) };
                pod["ready"] = json!(draw.pick(&["True", "False", "False", "Unknown"]));
            }
        }
    }
    pod
}

/// Parts of a thousand of the target, around both ends of usual tolerances.
const RATIOS: [i64; 24] = [
    1000, 1000, 1100, 1101, 1099, 900, 899, 901, 950, 1050, 1001, 999, 0, 500, 1500, 2000, 1200, 800, 3000,
    10_000, 100, 750, 1250, 667,
];

/// A value so many thousandths of a target, spread over `count`.
fn near(draw: &mut Draw<'_>, target: i64, count: i64) -> i64 {
    let ratio = if draw.chance(30) { draw.between(0, 3000) } else { draw.pick(&RATIOS) };
    let wanted = i128::from(target) * i128::from(ratio) * i128::from(count) / 1000;
    let wanted = wanted.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
    wanted.saturating_add(draw.pick(&[0, 0, 0, 1, -1]))
}

fn milli(target: &Value, field: &str) -> Option<i64> {
    target[field].as_str().and_then(|text| Quantity::parse(text).ok()).map(|quantity| quantity.milli())
}

/// Answers of the metrics APIs, one per metric.
pub(super) fn answers(
    draw: &mut Draw<'_>,
    spec: &Value,
    pods: &[Value],
    replicas: i64,
    now: i64,
) -> Vec<Value> {
    let metrics = spec["metrics"].as_array().map_or(&[][..], Vec::as_slice);
    let failing = draw.pick(&[0, 3, 3, 40]);
    metrics.iter().map(|metric| answer(draw, metric, pods, replicas, now, failing)).collect()
}

fn answer(
    draw: &mut Draw<'_>,
    metric: &Value,
    pods: &[Value],
    replicas: i64,
    now: i64,
    failing: u64,
) -> Value {
    if draw.chance(failing) {
        let texts = [
            "no metrics returned from resource metrics API",
            "unable to fetch metrics from custom metrics API: the server is currently unable to handle the request",
            "100% \"odd\" <text> & äöü %v %d",
            "",
        ];
        return json!({"error": draw.pick(&texts)});
    }
    let kind = metric["type"].as_str().unwrap_or_default();
    let source = match kind {
        "Resource" => &metric["resource"],
        "ContainerResource" => &metric["containerResource"],
        "Pods" => &metric["pods"],
        "Object" => &metric["object"],
        "External" => &metric["external"],
        _ => &Value::Null,
    };
    let target = &source["target"];
    let wild = draw.chance(6);
    let whole = milli(target, "value").or(milli(target, "averageValue")).unwrap_or(1000);
    match kind {
        "Object" | "External" => {
            let averaged = target["averageValue"].is_string();
            let count = if averaged { replicas } else { 1 };
            let value = if wild { draw.milli() } else { near(draw, whole, count) };
            if kind == "Object" {
                return json!({"valueMilli": value});
            }
            let part = value / 3;
            let values: Vec<i64> = match draw.below(12) {
                0 => vec![],
                1..=3 => vec![part, value.wrapping_sub(part)],
                4 => (0..3).map(|_| draw.milli()).collect(),
                _ => vec![value],
            };
            json!({"valuesMilli": values})
        }
        _ => {
            let percent = target["averageUtilization"].as_i64();
            let each = match (milli(target, "averageValue"), percent) {
                (Some(milli), _) => milli,
                // The usual request of a pod's two containers.
                (None, Some(percent)) => percent.saturating_mul(draw.pick(&[5, 5, 3, 1, 1_342_177_280])),
                _ => whole,
            };
            let common = near(draw, each, 1);
            per_pod(draw, pods, common, wild, now)
        }
    }
}

fn per_pod(draw: &mut Draw<'_>, pods: &[Value], common: i64, wild: bool, now: i64) -> Value {
    let missing = draw.pick(&[0, 0, 0, 20, 60, 100]);
    let timed = draw.chance(40);
    let mut samples = Map::new();
    let names = pods.iter().filter_map(|pod| pod["name"].as_str().map(str::to_owned));
    let ghosts = if draw.chance(5) { vec!["ghost".to_owned()] } else { Vec::new() };
    for (name, pod) in names.zip(pods.iter()).chain(ghosts.into_iter().map(|name| (name, &Value::Null))) {
        if draw.chance(missing) {
            continue;
        }
        let value = match draw.below(4) {
            _ if wild => draw.milli(),
            0 => common.saturating_add(draw.between(-50, 50)),
            _ => common,
        };
        if !timed || draw.chance(50) {
            samples.insert(name, json!(value));
            continue;
        }
        let window = draw.pick(&[60_000, 30_000, 15_000, 0, 1]);
        let changed = pod["readyTransitionT"]
            .as_f64()
            .map_or(now - window, |seconds| (seconds * 1000.0).round() as i64);
        let t = draw.pick(&[now, now - 15_000, changed + window, changed + window - 1, changed + window + 1]);
        let mut sample = json!({"valueMilli": value});
        if !draw.chance(10) {
            sample["t"] = seconds(t);
        }
        if !draw.chance(10) {
            sample["windowSeconds"] = seconds(window);
        }
        samples.insert(name, sample);
    }
    let mut answer = json!({"pods": samples});
    if draw.chance(20) {
        answer["t"] = seconds(now - draw.pick(&[0, 1000, 30_000, 60_000]));
        if !draw.chance(20) {
            answer["windowSeconds"] = seconds(draw.pick(&[60_000, 15_000, 30_000]));
        }
    }
    answer
}
