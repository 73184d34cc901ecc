//! The library in the controller's place: the same turns at the same instants, and what it would have written.
//!
//! Not a tolerant comparison: sizes, texts, events and statuses are equal or the script fails. Times are equal to the
//! second, which is what the API writes; one second of difference is rounding.
//!
//! **Invariant:** where a difference of [`SLACK`] in the instant of a turn would change the decision, nothing is
//! concluded: the script must be played again.

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use plimsoll_hpa::{
    Decision, Hpa, HpaSpec, HpaStatus, Inputs, OtherHpa, Pod, PutError, Replies, ScaleError, Span, State,
    decide,
};
use serde_json::{Value, json};

use crate::{
    observed::{RIVALS, Turn},
    plane, wire,
};

/// How exactly the instant of a turn is known. It lies between the look at the scale and the next request.
const SLACK: Span = Span::millis(100);

/// What a turn saw apart from the scale and the metrics, and since when.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// When the change to it was begun.
    pub began: Timestamp,
    /// When that change was acknowledged.
    pub since: Timestamp,
    /// Whether it was an edit of the HPA, which itself makes the controller look.
    pub edited: bool,
    /// `metadata.generation` of the HPA.
    pub generation: i64,
    /// `spec` of the HPA, with the API's defaults.
    pub spec: HpaSpec,
    /// The pods of the namespace.
    pub pods: Vec<Pod>,
    /// The other HPAs.
    pub others: Vec<OtherHpa>,
}

/// How a comparison ended that found no difference.
#[derive(Debug)]
pub enum Verdict {
    /// So many turns are equal.
    Equal(usize),
    /// A turn lay too near an edge.
    Unclear(String),
}

/// Plays `turns` with the library.
///
/// # Errors
/// The first difference, with both sides.
pub fn compare(
    namespace: &str,
    turns: &[Turn],
    history: &[Surroundings],
    events: &[Value],
    settled: jiff::SignedDuration,
) -> Result<Verdict> {
    let profile = plane::profile();
    let mut state = State::default();
    let mut status = HpaStatus::default();
    let mut expected_events = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        let place = || format!("turn {} at {}", at + 1, turn.time);
        let surroundings = history.iter().rev().find(|surroundings| surroundings.began <= turn.time);
        let surroundings = surroundings.with_context(|| format!("{}: nothing was there yet", place()))?;
        if !surroundings.edited && turn.time.duration_since(surroundings.since) < settled {
            return Ok(Verdict::Unclear(format!(
                "{}: the controller may not have seen the last change",
                place()
            )));
        }
        if history.iter().any(|other| other.began > turn.time && other.began <= turn.end) {
            return Ok(Verdict::Unclear(format!("{}: something changed meanwhile", place())));
        }
        let hpa = Hpa {
            namespace: namespace.to_owned(),
            name: crate::observed::NAME.to_owned(),
            generation: surroundings.generation,
            spec: surroundings.spec.clone(),
            status: status.clone(),
        };
        let scale = turn.scale.as_ref().map(wire::scale).map_err(|error| ScaleError::Get(error.clone()));
        let metrics = wire::answers(&hpa.spec, &turn.exchanges).with_context(place)?;
        let inputs = Inputs {
            hpa: &hpa,
            scale: scale.as_ref(),
            pods: &surroundings.pods,
            others: &surroundings.others,
            metrics: &metrics,
        };
        let refusals = turn.puts.iter().filter_map(|(_, refusal)| refusal.as_ref());
        let refusals: Vec<PutError> = refusals
            .map(|refusal| PutError { conflict: refusal.code == 409, message: refusal.message.clone() })
            .collect();
        let replies = Replies { puts: &refusals, status_error: None };
        let play = |now| decide(&profile, state.clone(), now, &inputs, &replies);
        let now = wire::time(turn.time);
        let (decision, after) = play(now);
        let clear = outcome(&decision);
        if [now - SLACK, now + SLACK].into_iter().any(|moved| outcome(&play(moved).0) != clear) {
            return Ok(Verdict::Unclear(format!("{}: it lies at the edge of a span", place())));
        }
        let ours = ours(&decision);
        let theirs = theirs(turn, &decision, &ours)?;
        if ours != theirs {
            bail!(
                "{} differs\nthe controller wrote {theirs:#}\nthe library        {ours:#}\nbecause\n{decision}\nwith {inputs:#?}",
                place()
            );
        }
        expected_events.extend(decision.events.iter().map(|event| {
            json!({"type": event.kind, "reason": event.reason, "message": crate::observed::sorted(&event.message)})
        }));
        if decision.status_changed {
            status = decision.status;
        }
        state = after;
    }
    if events != expected_events {
        bail!("events differ\nthe controller's {events:#?}\nthe library's {expected_events:#?}");
    }
    Ok(Verdict::Equal(turns.len()))
}

/// A decision without its times.
fn outcome(decision: &Decision) -> Value {
    let conditions = decision.status.conditions.iter();
    let conditions: Vec<_> = conditions.map(|condition| json!([condition.kind, condition.reason])).collect();
    json!({
        "scale": sizes(decision),
        "questions": decision.metric_calls,
        "conditions": conditions,
        "metrics": decision.status.current_metrics,
    })
}

/// The size in each write of the scale.
fn sizes(decision: &Decision) -> Vec<i32> {
    let rescale = decision.rescale.as_ref();
    rescale.map(|rescale| vec![rescale.to; rescale.puts as usize]).unwrap_or_default()
}

fn ours(decision: &Decision) -> Value {
    json!({
        "scale": sizes(decision),
        "questions": decision.metric_calls,
        "status": if decision.status_changed { wire::status(&decision.status) } else { Value::Null },
    })
}

fn theirs(turn: &Turn, decision: &Decision, ours: &Value) -> Result<Value> {
    let mut status = match &turn.status {
        Some(status) => wire::written(status)?,
        None => Value::Null,
    };
    round(&mut status, &ours["status"]);
    if ours["status"].is_null() {
        // The names of rivals come in random order, and an order that is new is written.
        let mut unchanged = wire::status(&decision.status);
        round(&mut unchanged, &status);
        if status == unchanged && status.to_string().contains(RIVALS) {
            status = Value::Null;
        }
    }
    Ok(json!({
        "scale": turn.puts.iter().map(|(size, _)| size).collect::<Vec<_>>(),
        "questions": turn.exchanges.len(),
        "status": status,
    }))
}

/// Takes over the other side's times where they are at most a second away.
fn round(status: &mut Value, other: &Value) {
    let near = |time: &mut Value, other: &Value| {
        if let (Some(a), Some(b)) = (time.as_i64(), other.as_i64())
            && (a - b).abs() <= 1
        {
            *time = other.clone();
        }
    };
    if status.is_null() || other.is_null() {
        return;
    }
    near(&mut status["lastScaleTime"], &other["lastScaleTime"]);
    for (at, condition) in status["conditions"].as_array_mut().into_iter().flatten().enumerate() {
        near(&mut condition["lastTransitionTime"], &other["conditions"][at]["lastTransitionTime"]);
    }
}
