//! What the controller did for the HPA `web` of a namespace, turn by turn, out of its requests.
//!
//! Not what it thought: a turn that asks and writes nothing more leaves only its look at the scale.
//!
//! **Invariant:** a turn begins with a look at the target's scale, unless that look follows a failed write of it.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use jiff::Timestamp;
use plimsoll_testkit::{audit::Entry, fakes::metrics::Exchange};
use serde_json::{Value, json};

/// The target, and the HPA.
pub const NAME: &str = "web";

/// One turn.
#[derive(Debug, Clone)]
pub struct Turn {
    /// When the look at the scale was answered.
    pub time: Timestamp,
    /// The last of its requests.
    pub end: Timestamp,
    /// The scale, or the error's text.
    pub scale: Result<Value, String>,
    /// Writes of the scale: the size, and what was wrong with it.
    pub puts: Vec<(i64, Option<Refusal>)>,
    /// The status that was written.
    pub status: Option<Value>,
    /// What the metrics APIs answered.
    pub exchanges: Vec<Exchange>,
}

/// An answer that is an error.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// HTTP.
    pub code: u16,
    /// The text.
    pub message: String,
}

/// The turns in the requests `entries`, with the questions to the metrics APIs between them.
///
/// # Errors
/// A write without a turn.
pub fn turns(entries: &[Entry], exchanges: &[Exchange]) -> Result<Vec<Turn>> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut refused = false;
    for entry in entries {
        let object = &entry.object_ref;
        if object.name != NAME {
            continue;
        }
        let refusal = (entry.response_status.code >= 300).then(|| Refusal {
            code: entry.response_status.code,
            message: entry.response_status.message.clone(),
        });
        match (entry.verb.as_str(), object.resource.as_str(), object.subresource.as_str()) {
            ("get", "deployments", "scale") if !refused => turns.push(Turn {
                time: entry.stage_timestamp,
                end: entry.stage_timestamp,
                scale: match refusal {
                    None => Ok(entry.response_object.clone()),
                    Some(refusal) => Err(refusal.message),
                },
                puts: Vec::new(),
                status: None,
                exchanges: Vec::new(),
            }),
            ("get", "deployments", "scale") => refused = false,
            ("update", "deployments", "scale") => {
                refused = refusal.is_some();
                // Zero is left out.
                let size = entry.request_object["spec"]["replicas"].as_i64().unwrap_or(0);
                last(&mut turns)?.puts.push((size, refusal));
            }
            ("update", "horizontalpodautoscalers", "status") => {
                if let Some(Refusal { message, .. }) = refusal {
                    bail!("a status was refused, which no script wants: {message}");
                }
                last(&mut turns)?.status = Some(entry.request_object["status"].clone());
            }
            _ => continue,
        }
        last(&mut turns)?.end = entry.stage_timestamp;
    }
    for exchange in exchanges {
        if let Some(turn) = turns.iter_mut().rev().find(|turn| turn.time <= exchange.time) {
            turn.end = turn.end.max(exchange.time);
            turn.exchanges.push(exchange.clone());
        }
    }
    Ok(turns)
}

fn last(turns: &mut [Turn]) -> Result<&mut Turn> {
    match turns.last_mut() {
        Some(turn) => Ok(turn),
        None => bail!("the controller wrote something before it looked at the scale"),
    }
}

/// The events on the HPA, in order. One that was recorded before is counted up by a patch.
pub fn events(entries: &[Entry]) -> Vec<Value> {
    let ours = entries.iter().filter(|entry| entry.object_ref.resource == "events");
    let events =
        ours.map(|entry| &entry.response_object).filter(|event| event["involvedObject"]["name"] == NAME);
    events
        .map(|event| {
            let message = sorted(event["message"].as_str().unwrap_or_default());
            json!({"type": event["type"], "reason": event["reason"], "message": message})
        })
        .collect()
}

/// What begins the text on rival HPAs.
pub const RIVALS: &str = "are controlled by more than one HPA";

/// A text whose two rival HPAs are in order: theirs come out of a Go map.
pub fn sorted(text: &str) -> String {
    let rivals = || {
        let (before, rest) = text.split_once('[')?;
        let (names, after) = rest.split_once(']')?;
        let names: BTreeSet<&str> = names.split(' ').collect();
        Some(format!("{before}[{}]{after}", names.into_iter().collect::<Vec<_>>().join(" ")))
    };
    if text.contains(RIVALS) { rivals().unwrap_or_else(|| text.to_owned()) } else { text.to_owned() }
}
