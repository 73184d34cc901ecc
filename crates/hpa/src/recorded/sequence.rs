//! Sequences of turns of one HPA, with time passing.
//!
//! Not a controller: what carries over is the memory, the written status, the written size and unmentioned inputs.
//!
//! **Invariant:** every field of a step is compared, and nothing more may be there. The two names in the text on
//! rival HPAs are in sorted order on both sides.

use serde_json::{Map, Value, json};

use super::{compare, read, write};
use crate::decide::{Decision, decide};
use crate::inputs::{Hpa, Inputs, Labels, PutError, Replies, Scale, ScaleError};
use crate::profile::Profile;
use crate::state::State;
use crate::time::{Span, Time};

/// Compares all turns of a sequence.
pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let mut differences = Vec::new();
    let ours = replay(case)?;
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
    let version = case["profile"]["version"].as_str().unwrap_or("1.37");
    let mut profile = Profile::of_version(version).map_err(|error| error.to_string())?;
    for (gate, value) in case["profile"]["gates"].as_object().into_iter().flatten() {
        profile.set_gate(gate, value == &Value::Bool(true)).map_err(|error| error.to_string())?;
    }
    read::settings(&case["params"], &mut profile)?;
    let others = read::others(&case["otherHpas"])?;
    let labels = Labels::from([("app".to_owned(), "x".to_owned())]);
    let mut hpa = Hpa {
        namespace: "ns".into(),
        name: "h".into(),
        generation: read::int(&case["hpa"]["generation"])?,
        spec: read::spec(&case["hpa"]["spec"])?,
        status: read::status(&case["hpa"]["status"])?,
    };
    let mut state = State::default();
    let mut now = Time(0);
    let mut scale = Scale::default();
    let mut pods = Vec::new();
    let mut metrics = Vec::new();
    let mut turns = Vec::new();
    for step in read::list(&case["steps"]) {
        now = now + step.get("advanceSeconds").map_or(Ok(Span(0)), read::span)?;
        if step["restart"] == true {
            state = State::default();
        }
        if let Some(edit) = step.get("hpa") {
            hpa.generation = read::int(&edit["generation"])?;
            hpa.spec = read::spec(&edit["spec"])?;
        }
        let given = &step["scale"];
        if let Some(value) = given.get("specReplicas") {
            scale.spec_replicas = read::int32(value)?;
        }
        if let Some(value) = given.get("statusReplicas") {
            scale.status_replicas = read::int32(value)?;
        }
        if let Some(value) = given.get("selector") {
            scale.selector = read::text(value);
        }
        if let Some(given) = step.get("pods") {
            let template = &case["podTemplate"];
            pods = read::list(given)
                .iter()
                .map(|pod| read::pod(pod, template, &labels))
                .collect::<Result<Vec<_>, _>>()?;
        }
        if let Some(given) = step.get("metrics") {
            metrics = read::list(given).to_vec();
        }
        let answers =
            metrics.iter().map(|answer| read::answer(answer, now)).collect::<Result<Vec<_>, _>>()?;
        let puts: Vec<_> = read::list(&given["updateErrors"])
            .iter()
            .map(|error| PutError { conflict: error["code"] == 409, message: read::text(&error["message"]) })
            .collect();
        let scale_error = match (&given["mappingError"], &given["error"]) {
            (Value::String(error), _) => Some(ScaleError::Mapping(error.clone())),
            (_, Value::String(error)) => Some(ScaleError::Get(error.clone())),
            _ => None,
        };
        let inputs = Inputs {
            hpa: &hpa,
            scale: scale_error.as_ref().map_or(Ok(&scale), Err),
            pods: &pods,
            others: &others,
            metrics: &answers,
        };
        let replies = Replies { puts: &puts, status_error: step["statusUpdateError"].as_str() };
        let (decision, after) = decide(&profile, state, now, &inputs, &replies);
        turns.push(expected(&decision, &after));
        if let Some(rescale) = decision.rescale.as_ref().filter(|rescale| rescale.error.is_none()) {
            scale.spec_replicas = rescale.to;
        }
        state = after;
        if decision.status_changed && decision.status_error.is_none() {
            hpa.status = decision.status;
        }
    }
    Ok(turns)
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
