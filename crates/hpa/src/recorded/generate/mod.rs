//! Sequences of turns that nobody thought of, in the shape of the recorded ones.
//!
//! Not expectations: those come from the real controller.
//!
//! **Invariant:** a sequence is one that the real controller survives and whose outcome does not hang on the order of
//! a Go map: one rival at most, one label at most of those that a selector refuses.

mod draw;
mod spec;
mod world;

use serde_json::{Map, Value, json};

pub use self::draw::Draw;
use self::world::Periods;

/// Most turns of a sequence.
const LONGEST: i64 = 8;

/// The shape of a sequence without what each turn adds.
struct Course {
    now: i64,
    /// Whether the controller has a list of recommendations, whose first entry needs a millisecond of its own.
    initialised: bool,
    generation: i64,
    spec: Value,
    replicas: i64,
    pods: Vec<Value>,
    periods: Periods,
    /// Without rivals, whose order in a text decides by chance whether a status is written.
    alone: bool,
    /// Writes of the scale may fail. The real controller waits before it tries again, 50 ms in all, so that no two turns
    /// may lie a whole number of seconds apart.
    refused: bool,
}

/// Milliseconds that keep turns apart from whole seconds, for up to 8 turns.
const OFF_THE_EDGE: i64 = 120;

/// A sequence of 3 to 8 turns, for a minor version of Kubernetes 1.
pub fn sequence(draw: &mut Draw<'_>, id: &str, minor: u32) -> Value {
    let params = params(draw);
    let period =
        |name: &str, usual: i64| params[name].as_f64().map_or(usual, |seconds| (seconds * 1000.0) as i64);
    let periods = Periods {
        initialization: period("cpuInitializationPeriodSeconds", 300_000),
        delay: period("initialReadinessDelaySeconds", 30_000),
    };
    let spec = spec::spec(draw);
    let generation = draw.between(1, 3);
    let mut hpa = json!({"generation": generation, "spec": spec});
    if draw.chance(25) {
        hpa["status"] = status(draw);
    }
    let template = world::template(draw);
    let mut others: Vec<Value> = Vec::new();
    if draw.chance(8) {
        let selector = draw.pick(&["app=x", "!nope", "tier=web", "app in (x,y)"]);
        others.push(json!({"name": draw.pick(&["z", "a"]), "selector": selector}));
        others.push(json!({"name": "never", "selector": "app=never"}));
    }
    let alone = others.is_empty();
    let refused = draw.chance(20);
    let mut course = Course {
        now: 0,
        initialised: false,
        generation,
        spec,
        replicas: 0,
        pods: Vec::new(),
        periods,
        alone,
        refused,
    };
    let turns = draw.between(3, LONGEST);
    let steps: Vec<_> = (0..turns).map(|at| course.step(draw, at == 0)).collect();
    json!({
        "kind": "sequence", "id": id, "profile": {"version": format!("1.{minor}"), "gates": gates(draw, minor)}, "params": params,
        "hpa": hpa, "podTemplate": template, "otherHpas": others, "steps": steps,
    })
}

/// Gates that differ from the version's defaults; the tolerance cannot be turned off from 1.37.
fn gates(draw: &mut Draw<'_>, minor: u32) -> Value {
    let mut gates = Map::new();
    let tolerance = if (33..37).contains(&minor) { Some("HPAConfigurableTolerance") } else { None };
    for gate in ["HPAScaleToZero", "HPAGeneration", "PodLevelResources"].into_iter().chain(tolerance) {
        let on = match gate {
            "HPAConfigurableTolerance" => minor >= 35,
            "PodLevelResources" => minor >= 34,
            _ => minor >= 37,
        };
        if draw.chance(if on { 5 } else { 30 }) {
            gates.insert(gate.to_owned(), json!(!on));
        }
    }
    Value::Object(gates)
}

fn params(draw: &mut Draw<'_>) -> Value {
    let mut params = Map::new();
    if draw.chance(15) {
        params.insert("tolerance".to_owned(), json!(draw.pick(&[0.05, 0.2, 0.0, 0.5, 1.0, 0.01])));
    }
    for (name, choices) in [
        ("downscaleStabilizationSeconds", [0, 15_000, 60_000, 30_000, 7500]),
        ("cpuInitializationPeriodSeconds", [60_000, 0, 120_000, 30_000, 1]),
        ("initialReadinessDelaySeconds", [0, 10_000, 60_000, 5000, 2500]),
    ] {
        if draw.chance(20) {
            params.insert(name.to_owned(), world::seconds(draw.pick(&choices)));
        }
    }
    Value::Object(params)
}

/// A status from before the first turn.
fn status(draw: &mut Draw<'_>) -> Value {
    let mut conditions = Vec::new();
    let mut add = |draw: &mut Draw<'_>, kind: &str, reason: &str, message: &str, true_in_100: u64| {
        let status = if draw.chance(true_in_100) { "True" } else { "False" };
        conditions
            .push(json!({"type": kind, "status": status, "reason": reason, "message": message, "t": -100}));
    };
    if draw.chance(70) {
        add(draw, "AbleToScale", "ReadyForNewScale", "recommended size matches current size", 70);
    }
    if draw.chance(60) {
        add(draw, "ScaledToZero", "ScaledToZero", "the HPA controller scaled the workload to zero", 80);
    }
    if draw.chance(50) {
        add(draw, "ScalingLimited", "TooFewReplicas", "some older text", 50);
    }
    if draw.chance(10) {
        add(draw, "Foreign", "Unheard", "of", 50);
    }
    let mut status = json!({
        "currentReplicas": draw.between(0, 10), "desiredReplicas": draw.between(0, 10), "conditions": conditions,
    });
    if draw.chance(50) {
        status["lastScaleT"] = json!(-50);
    }
    if draw.chance(30) {
        status["observedGeneration"] = json!(draw.between(0, 3));
    }
    status
}

impl Course {
    fn step(&mut self, draw: &mut Draw<'_>, first: bool) -> Value {
        let mut step = Map::new();
        let restart = !first && draw.chance(3);
        self.initialised &= !restart;
        let spread = if self.refused { OFF_THE_EDGE } else { 0 };
        let advance = if first { 0 } else { self.advance(draw) + spread };
        self.now += advance;
        step.insert("advanceSeconds".to_owned(), json!(advance as f64 / 1000.0));
        if restart {
            step.insert("restart".to_owned(), json!(true));
        }
        let edited = !first && draw.chance(12);
        if edited {
            self.generation += 1;
            spec::edit(draw, &mut self.spec);
            step.insert("hpa".to_owned(), json!({"generation": self.generation, "spec": self.spec}));
        }
        let scale = self.scale(draw, first);
        let readable = scale.get("error").is_none()
            && scale.get("mappingError").is_none()
            && self.spec["scaleTargetRef"]["apiVersion"]
                .as_str()
                .is_none_or(|version| version.matches('/').count() < 2);
        self.initialised |= readable;
        if !scale.is_empty() {
            step.insert("scale".to_owned(), Value::Object(scale));
        }
        if first || draw.chance(35) {
            self.pods = world::pods(draw, self.now, self.periods);
            step.insert("pods".to_owned(), json!(self.pods));
        }
        if first || edited || !draw.chance(15) {
            let answers = world::answers(draw, &self.spec, &self.pods, self.replicas, self.now);
            step.insert("metrics".to_owned(), json!(answers));
        }
        if draw.chance(6) && self.alone {
            step.insert("statusUpdateError".to_owned(), json!("the object has been modified"));
        }
        Value::Object(step)
    }

    /// Milliseconds since the turn before.
    fn advance(&self, draw: &mut Draw<'_>) -> i64 {
        match draw.below(4) {
            0 if self.initialised => draw.pick(&[0, 2, 1000, 5000, 14_999]),
            0 | 1 => draw.pick(&[
                15_000, 15_001, 16_000, 29_999, 30_000, 30_001, 59_999, 60_000, 60_001, 299_999, 300_000,
                300_001, 600_000, 3_600_000, 45_000, 1_800_000, 86_400_000,
            ]),
            _ => 15_000,
        }
    }

    fn scale(&mut self, draw: &mut Draw<'_>, first: bool) -> Map<String, Value> {
        let mut scale = Map::new();
        if first || draw.chance(15) {
            self.replicas = match draw.below(10) {
                0 => 0,
                1 => self.spec["maxReplicas"].as_i64().unwrap_or(1) + draw.between(-1, 1),
                2 => self.spec["minReplicas"].as_i64().unwrap_or(1) + draw.between(-1, 1),
                3..=5 if !self.pods.is_empty() => self.pods.len() as i64,
                _ => draw.size(),
            }
            .clamp(0, i64::from(i32::MAX));
            if draw.chance(1) {
                self.replicas = draw.pick(&[-1, i64::from(i32::MIN), -7]);
            }
            scale.insert("specReplicas".to_owned(), json!(self.replicas));
        }
        if first || draw.chance(40) {
            let replicas = if draw.chance(25) { draw.size() } else { self.replicas };
            scale.insert("statusReplicas".to_owned(), json!(replicas));
        }
        if first || draw.chance(2) {
            let selector = match draw.below(25) {
                0 => draw.pick(&[
                    "",
                    "a b",
                    "app=x y",
                    "app in (x",
                    "app=x,",
                    "=x",
                    "app==x,,tier",
                    "-k=v",
                    "app in ()",
                    "k=-v-",
                    ",",
                    "app=x, tier in (a b)",
                    "!",
                    "a/b/c=d",
                    "app>x",
                    "app notin x",
                ]),
                1 => draw.pick(&["app in (x,y)", "app=x,tier!=web", "!nope", "app", "tier=web", "app==x"]),
                _ => "app=x",
            };
            scale.insert("selector".to_owned(), json!(selector));
        }
        if draw.chance(2) {
            scale.insert("error".to_owned(), json!("deployments.apps \"x\" not found"));
        } else if draw.chance(1) {
            scale.insert("mappingError".to_owned(), json!("no matches for kind \"Foo\" in group \"bar\""));
        }
        if self.refused && draw.chance(30) {
            let conflicts = draw.chance(40);
            let errors: Vec<_> = (0..draw.between(1, 7))
                .map(|_| {
                    let code = if conflicts { 409 } else { draw.pick(&[409, 409, 409, 500, 422, 403]) };
                    json!({"code": code, "message": format!("answer {code} with 100%")})
                })
                .collect();
            scale.insert("updateErrors".to_owned(), json!(errors));
            if draw.chance(30) {
                scale.insert("regetReplicas".to_owned(), json!(draw.between(0, 9)));
            }
        }
        scale
    }
}
