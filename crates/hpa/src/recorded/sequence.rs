//! Sequences of turns of one HPA, with time passing.
//!
//! Not a controller: what carries over is the memory, the written status, the written size and unmentioned inputs.
//!
//! **Invariant:** every field of a step is compared, and nothing more may be there. The two names in the text on
//! rival HPAs are in sorted order on both sides.

use serde_json::{Map, Value, json};

use super::{compare, read, write};
use crate::decide::Decision;
use crate::inputs::{Hpa, Labels, PutError, ScaleError};
use crate::profile::Profile;
use crate::scenario::{Scenario, Step};
use crate::state::State;
use crate::time::Time;

/// Compares all turns of a sequence.
pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let mut differences = Vec::new();
    let ours = replay(case)?;
    if ours.is_empty() {
        return Err("the sequence has no steps".to_owned());
    }
    for (at, (step, ours)) in read::list(&case["steps"]).iter().zip(ours).enumerate() {
        compare(&format!("step {at}"), &ours, &step["expected"], &mut differences);
        if !differences.is_empty() {
            // What follows would only repeat it.
            break;
        }
    }
    Ok(differences)
}

/// What this crate does in each turn of a sequence, in the shape of a recording's `expected`.
///
/// # Errors
/// A sequence that is not of the recorded shape.
pub fn replay(case: &Value) -> Result<Vec<Value>, String> {
    let scenario = scenario(case)?;
    Ok(scenario.play().map(|played| expected(&played.decision, &played.state)).collect())
}

/// A sequence as a scenario.
///
/// # Errors
/// A sequence that is not of the recorded shape.
pub fn scenario(case: &Value) -> Result<Scenario, String> {
    let version = case["profile"]["version"].as_str().unwrap_or("1.37");
    let mut profile = Profile::of_version(version).map_err(|error| error.to_string())?;
    for (gate, value) in case["profile"]["gates"].as_object().into_iter().flatten() {
        profile.set_gate(gate, value == &Value::Bool(true)).map_err(|error| error.to_string())?;
    }
    read::settings(&case["params"], &mut profile)?;
    let hpa = Hpa {
        namespace: "ns".into(),
        name: "h".into(),
        generation: read::int(&case["hpa"]["generation"])?,
        spec: read::spec(&case["hpa"]["spec"])?,
        status: read::status(&case["hpa"]["status"])?,
    };
    let (mut now, mut metrics) = (Time(0), &Value::Null);
    let mut steps = Vec::new();
    for (at, given) in read::list(&case["steps"]).iter().enumerate() {
        let placed = |error: String| format!("step {at}: {error}");
        let step = step(case, given).map_err(placed)?;
        now = now + step.advance;
        // Samples without a time are as old as the turn, also in a turn that does not mention them.
        metrics = given.get("metrics").unwrap_or(metrics);
        let answers = read::list(metrics).iter().map(|answer| read::answer(answer, now));
        let answers = answers.collect::<Result<_, _>>().map_err(placed)?;
        steps.push(Step { metrics: Some(answers), ..step });
    }
    Ok(Scenario { profile, hpa, others: read::others(&case["otherHpas"])?, steps })
}

/// A step without its metrics.
fn step(case: &Value, given: &Value) -> Result<Step, String> {
    let scale = &given["scale"];
    let number = |name: &str| read::field(scale, name, read::int32);
    let edit = match given.get("hpa").filter(|edit| !edit.is_null()) {
        Some(edit) => Some((read::int(&edit["generation"])?, read::spec(&edit["spec"])?)),
        None => None,
    };
    let labels = Labels::from([("app".to_owned(), "x".to_owned())]);
    let pods = given.get("pods").filter(|pods| !pods.is_null()).map(|pods| {
        read::list(pods).iter().map(|pod| read::pod(pod, &case["podTemplate"], &labels)).collect()
    });
    let puts = read::list(&scale["updateErrors"])
        .iter()
        .map(|error| PutError { conflict: error["code"] == 409, message: read::text(&error["message"]) })
        .collect();
    let scale_error = match (&scale["mappingError"], &scale["error"]) {
        (Value::String(error), _) => Some(ScaleError::Mapping(error.clone())),
        (_, Value::String(error)) => Some(ScaleError::Get(error.clone())),
        _ => None,
    };
    Ok(Step {
        advance: read::field(given, "advanceSeconds", read::span)?.unwrap_or_default(),
        restart: given["restart"] == true,
        edit,
        spec_replicas: number("specReplicas")?,
        status_replicas: number("statusReplicas")?,
        selector: scale["selector"].as_str().map(str::to_owned),
        scale_error,
        puts,
        pods: pods.transpose()?,
        metrics: None,
        status_error: given["statusUpdateError"].as_str().map(str::to_owned),
    })
}

/// A turn in the shape of a recording's `expected`.
fn expected(decision: &Decision, state: &State) -> Value {
    let mut turn = Map::new();
    if let Some(rescale) = &decision.rescale {
        turn.insert("scaleUpdatedTo".into(), json!(rescale.to));
        if let Some(error) = &rescale.error {
            turn.insert("scaleUpdateError".into(), json!(error));
        }
        if rescale.puts > 1 {
            turn.insert("scalePuts".into(), json!(rescale.puts));
        }
    }
    if decision.metric_calls > 0 {
        turn.insert("metricCalls".into(), json!(decision.metric_calls));
    }
    write::put(&mut turn, "events", write::events(decision));
    if decision.status_error.is_some() {
        turn.insert("statusWriteFailed".into(), json!(true));
    } else if decision.status_changed {
        let status = &decision.status;
        let mut written = Map::new();
        written.insert("currentReplicas".into(), json!(status.current_replicas));
        written.insert("desiredReplicas".into(), json!(status.desired_replicas));
        if let Some(generation) = status.observed_generation {
            written.insert("observedGeneration".into(), json!(generation));
        }
        if let Some(time) = status.last_scale_time {
            written.insert("lastScaleT".into(), write::seconds(time));
        }
        write::put(&mut written, "conditions", write::conditions(status, true));
        write::put(&mut written, "currentMetrics", write::metrics(status));
        turn.insert("status".into(), Value::Object(written));
    }
    let mut history = Map::new();
    write::put(&mut history, "recommendations", write::recommendations(state));
    write::put(&mut history, "scaleUpEvents", write::scale_events(&state.scale_ups, false));
    write::put(&mut history, "scaleDownEvents", write::scale_events(&state.scale_downs, false));
    write::put(&mut turn, "history", Value::Object(history));
    if let Some(error) = &decision.error {
        turn.insert("error".into(), json!(error));
    }
    Value::Object(turn)
}
