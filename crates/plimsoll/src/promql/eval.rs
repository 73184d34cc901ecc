//! `plimsoll promql eval`.
//!
//! **Invariant:** an evaluation ends: its time is bounded, and the engine bounds the rest.

use std::io::Read;
use std::time::Duration;

use plimsoll_adapter::rules::meaning;
use plimsoll_promql::annotations::{Annotations, Level};
use plimsoll_promql::eval::{EvalError, Options, Outcome, Query, Stop, Value, When};
use serde_json::json;
use tokio::time::Instant;

use super::{print, shown, text_of};
use crate::arguments::{Expression, Input, Moment, Output};
use crate::printed::Printed;
use crate::series_file::{Form, SeriesError, SeriesFile};

/// How long an evaluation may take, which is Prometheus' default.
const LIMIT: Duration = Duration::from_secs(120);

/// Most samples that an evaluation may hold at once.
const MOST_SAMPLES: usize = 10_000_000;

/// Most steps of a range query: those of Prometheus' HTTP API.
const MOST_STEPS: i64 = 11_000;

pub(super) fn run(
    expr: &Expression,
    load: &Input,
    when: Moment,
    output: Output,
    now: i64,
    stdin: &mut dyn Read,
) -> Result<Printed, SeriesError> {
    let text = text_of(expr, stdin)?;
    let query = match Query::new(&text) {
        Ok(query) => query,
        Err(error) => return Ok(failed(output, "bad_data", &shown(&text, &error), &error.to_string())),
    };
    let at = if let Moment::Instant(at) = when { at } else { None };
    let file = SeriesFile::read(load, stdin, at, now)?;
    let when = match moment(when, &file) {
        Ok(when) => when,
        Err(message) => return Ok(failed(output, "bad_data", &message, &message)),
    };
    match evaluate(&query, &file, when) {
        Ok(outcome) => Ok(succeeded(&query, &file, when, outcome, output)),
        Err(error) => {
            let kind = match error {
                EvalError::Timeout => "timeout",
                EvalError::Cancelled => "canceled",
                _ => "execution",
            };
            Ok(failed(output, kind, &error.to_string(), &error.to_string()))
        }
    }
}

/// The times to evaluate at, or why there are none.
fn moment(when: Moment, file: &SeriesFile) -> Result<When, String> {
    if !file.has_values() {
        return Err("the file lists series without values, and a query needs values\n  fix: give what /metrics of a target \
                    shows, or a load block"
            .to_owned());
    }
    match when {
        Moment::Instant(at) => Ok(When::Instant(at.or(file.latest).unwrap_or_default())),
        Moment::Range { .. } if file.unstamped => Err(
            "the samples of the file have no times, and a range query needs some\n  fix: use --time, or give a load block, or \
             samples with times"
                .to_owned(),
        ),
        Moment::Range { start, end, step } => {
            let steps = (end - start) / step + 1;
            if steps > MOST_STEPS {
                return Err(format!(
                    "{steps} steps are asked for, at most {MOST_STEPS} are evaluated\n  fix: use a longer --step or a shorter \
                     range"
                ));
            }
            Ok(When::Range { start, end, step })
        }
    }
}

/// Evaluates `query` on the series of `file`.
pub(crate) fn evaluate(query: &Query, file: &SeriesFile, when: When) -> Result<Outcome, EvalError> {
    let begun = Instant::now();
    let clock = || begun.elapsed();
    let options = Options { max_samples: MOST_SAMPLES, ..Options::default() };
    let stop = Stop { clock: Some(&clock), deadline: Some(LIMIT), cancelled: None };
    query.evaluate(&file.source, when, &options, stop)
}

/// Why a result may be empty although series exist.
pub(crate) fn needs_two_samples(query: &Query, file: &SeriesFile) -> Option<String> {
    let functions = meaning::needing_two_samples(query.expr());
    if functions.is_empty() || !matches!(file.form, Form::Exposition(_)) {
        return None;
    }
    let names: Vec<String> = functions.iter().map(|name| format!("{name}()")).collect();
    let verb = if names.len() == 1 { "needs" } else { "need" };
    Some(format!(
        "{} {verb} two samples of a series in the window, and what a target exposes is one of each: give a load block",
        names.join(" and ")
    ))
}

fn failed(output: Output, kind: &str, message: &str, plain: &str) -> Printed {
    match output {
        Output::Text => Printed::mistake(message),
        Output::Json => {
            let value = json!({"status": "error", "errorType": kind, "error": plain});
            Printed::result(format!("{value:#}\n"), false)
        }
    }
}

fn succeeded(query: &Query, file: &SeriesFile, when: When, outcome: Outcome, output: Output) -> Printed {
    let time = match when {
        When::Instant(time) => time,
        When::Range { end, .. } => end,
    };
    let mut notes = file.notes.clone();
    let empty = match &outcome.value {
        Value::Vector(samples) => samples.is_empty(),
        Value::Matrix(series) => series.is_empty(),
        Value::Scalar(_) | Value::String(_) => false,
    };
    if empty {
        let why = needs_two_samples(query, file).map(|why| format!(": {why}")).unwrap_or_default();
        notes.push(format!("the result is empty at {}{why}", print::moment(time)));
    }
    let said = |level| said(query, &outcome.annotations, level);
    let mut printed = match output {
        Output::Text => Printed::result(print::text(&outcome.value, time), true),
        Output::Json => {
            let data = print::json(&outcome.value, time);
            let mut value = json!({"status": "success", "data": data});
            for (name, texts) in [("warnings", said(Level::Warning)), ("infos", said(Level::Info))] {
                if !texts.is_empty() {
                    value[name] = json!(texts);
                }
            }
            Printed::result(format!("{value:#}\n"), true)
        }
    };
    if output == Output::Text {
        notes.extend(said(Level::Warning));
        notes.extend(said(Level::Info));
    }
    printed.err = notes.iter().map(|note| format!("note: {note}\n")).collect();
    printed
}

fn said(query: &Query, annotations: &Annotations, level: Level) -> Vec<String> {
    let of_level = annotations.iter().filter(|annotation| annotation.level == level);
    of_level.map(|annotation| annotation.shown(query.text())).collect()
}
