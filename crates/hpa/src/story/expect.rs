//! What a turn is expected to do: the lines that begin with `->`.
//!
//! Not how that is compared; that is `check`.
//!
//! **Invariant:** only conditions and events that the controller can make are taken.

use super::advice::{nearest, one_of, unknown};
use super::metric::{self, Source};
use super::vocabulary::{CONDITIONS, EVENTS, Reason};
use super::words::{Read, Word, Words, error};
use super::{Place, StoryError};
use crate::profile::Profile;
use crate::status::{ConditionStatus, CurrentValue, EventKind};

/// An expectation and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Where its arrow stands.
    pub place: Place,
    /// It in the story's words, without the arrow.
    pub text: String,
    /// It as a value.
    pub what: Expectation,
}

/// What becomes of the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SizeResult {
    /// It is changed.
    Scales {
        /// `scale.spec.replicas` before the turn.
        from: i32,
        /// What was written.
        to: i32,
        /// Why, as the event tells it; `None`: whatever.
        reason: Option<String>,
    },
    /// It should have been changed, but the write was refused.
    CannotScale {
        /// `scale.spec.replicas` before the turn.
        from: i32,
        /// What should have been written.
        to: i32,
        /// Why, as the event tells it; `None`: whatever.
        reason: Option<String>,
    },
    /// It stays, because that was decided, or because the target is paused at zero.
    Stays {
        /// `scale.spec.replicas`.
        at: i32,
    },
    /// Nothing is decided: the scale, the selector or the metrics failed.
    CannotDecide,
}

/// One thing that is expected of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// What becomes of the size.
    Size(SizeResult),
    /// A condition of the status after the turn.
    Condition {
        /// Its type.
        kind: &'static str,
        /// Whether it holds.
        status: ConditionStatus,
        /// Its reason.
        reason: &'static str,
        /// Its message; `None`: whatever.
        message: Option<String>,
    },
    /// There is no condition of this type.
    NoCondition(&'static str),
    /// An event of the turn, after those that were expected before it.
    Event {
        /// Whether it reports something wrong.
        kind: EventKind,
        /// Its reason.
        reason: &'static str,
        /// Its message; `None`: whatever.
        message: Option<String>,
    },
    /// The turn makes no event.
    NoEvents,
    /// What the status says of a metric; `None`: that its value is not known.
    Current {
        /// Index of the metric in the spec.
        metric: usize,
        /// Its values, all of them.
        value: Option<CurrentText>,
    },
    /// The size that a metric asks for.
    Proposes {
        /// Index of the metric in the spec.
        metric: usize,
        /// The size.
        replicas: i32,
    },
    /// The TARGETS cell of `kubectl get hpa`.
    Targets(String),
    /// `status.desiredReplicas` after the turn.
    DesiredReplicas(i32),
    /// `status.currentReplicas` after the turn.
    CurrentReplicas(i32),
    /// `status.observedGeneration` after the turn.
    ObservedGeneration(i64),
    /// How many questions the metrics APIs are asked.
    MetricCalls(u32),
    /// How often the scale is written, refused writes included.
    ScaleWrites(u32),
    /// The status is as it was, hence not written.
    NoStatusWrite,
    /// The error that the turn ends with.
    Error(String),
    /// The turn ends without an error.
    NoError,
}

/// Current values of a metric in thousandths, however they print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CurrentText {
    /// The value as such.
    pub value: Option<i64>,
    /// The value per pod.
    pub average_value: Option<i64>,
    /// Percent of the requests.
    pub average_utilization: Option<i32>,
}

impl CurrentText {
    /// The values of a status.
    pub fn of(current: &CurrentValue) -> Self {
        Self {
            value: current.value.map(|amount| amount.milli),
            average_value: current.average_value.map(|amount| amount.milli),
            average_utilization: current.average_utilization,
        }
    }
}

/// What an expectation may be about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The controller.
    pub profile: &'a Profile,
    /// The HPA's metrics.
    pub sources: &'a [Source],
    /// Whether a newer controller has left a condition that this one does not know.
    pub carried: bool,
}

/// Reads a line after its arrow.
pub(super) fn expectation(mut words: Words<'_>, about: About<'_>) -> Read<Expected> {
    let place = words.place();
    words.expect("->")?;
    let text = words.clone().rest().text.trim_end().to_owned();
    let what = what(&mut words, about)?;
    words.end()?;
    Ok(Expected { place, text, what })
}

fn what(words: &mut Words<'_>, about: About<'_>) -> Read<Expectation> {
    let place = words.place();
    let what = match words.peek() {
        "scales" => {
            words.expect("scales")?;
            let (from, to, reason) = change(words)?;
            Expectation::Size(SizeResult::Scales { from, to, reason })
        }
        "cannot" => {
            words.expect("cannot")?;
            if words.choose("'scale' or 'decide'", &["scale", "decide"])? == 1 {
                return Ok(Expectation::Size(SizeResult::CannotDecide));
            }
            let (from, to, reason) = change(words)?;
            Expectation::Size(SizeResult::CannotScale { from, to, reason })
        }
        "stays" => {
            words.expect("stays")?;
            words.expect("at")?;
            Expectation::Size(SizeResult::Stays { at: words.replicas()? })
        }
        "condition" => {
            words.expect("condition")?;
            condition(words, about)?
        }
        "event" => {
            words.expect("event")?;
            event(words)?
        }
        "no" => nothing(words, about)?,
        "targets" => {
            words.expect("targets")?;
            Expectation::Targets(words.quoted("the TARGETS cell of kubectl get hpa")?)
        }
        "desired" => {
            words.expect("desired")?;
            words.expect("replicas")?;
            Expectation::DesiredReplicas(words.replicas()?)
        }
        "current" => {
            words.expect("current")?;
            words.expect("replicas")?;
            Expectation::CurrentReplicas(words.replicas()?)
        }
        "observed" => {
            words.expect("observed")?;
            words.expect("generation")?;
            Expectation::ObservedGeneration(words.integer("a generation", 0, i64::MAX)?)
        }
        "metric" => {
            words.expect("metric")?;
            words.expect("calls")?;
            Expectation::MetricCalls(words.integer("a number of calls", 0, i64::from(u32::MAX))? as u32)
        }
        "writes" => {
            words.expect("writes")?;
            words.expect("scale")?;
            let number = words.integer("a number of writes", 0, 5)? as u32;
            words.expect(if number == 1 { "time" } else { "times" })?;
            Expectation::ScaleWrites(number)
        }
        "error" => {
            words.expect("error")?;
            Expectation::Error(words.quoted("the error's text")?)
        }
        _ => return of_metric(words, about.sources).map_err(|refused| advise(words, place, refused)),
    };
    Ok(what)
}

/// First words of expectations that are not about a metric.
pub(super) const KNOWN: [&str; 13] = [
    "scales",
    "cannot",
    "stays",
    "condition",
    "event",
    "no",
    "targets",
    "desired",
    "current",
    "observed",
    "metric",
    "writes",
    "error",
];

/// A line that names no metric may have a misspelt first word.
fn advise(words: &Words<'_>, place: Place, refused: StoryError) -> StoryError {
    let word = words.whole().trim_start_matches("->").split_whitespace().next().unwrap_or_default();
    if CONDITIONS.iter().any(|(kind, _)| *kind == word) {
        return StoryError { place, message: format!("this is a condition: write 'condition {word} …'") };
    }
    if let Some((_, kind)) = EVENTS.iter().find(|(reason, _)| *reason == word) {
        return StoryError { place, message: format!("this is an event: write 'event {kind:?} {word}'") };
    }
    match nearest(word, KNOWN) {
        Some(_) => StoryError { place, message: unknown(word, "an expectation", &KNOWN) },
        None => refused,
    }
}

/// `3 to 5: "reason"`.
fn change(words: &mut Words<'_>) -> Read<(i32, i32, Option<String>)> {
    let from = words.replicas()?;
    words.expect("to")?;
    let place = words.place();
    let to = words.replicas()?;
    if from == to {
        return error(place, format!("this is no change: write 'stays at {from}'"));
    }
    let reason = if words.accept(":") { Some(words.quoted("the reason")?) } else { None };
    Ok((from, to, reason))
}

fn kind(word: Word<'_>, about: About<'_>) -> Read<(&'static str, &'static [Reason])> {
    let Some(found) = CONDITIONS.into_iter().find(|(kind, _)| *kind == word.text) else {
        let known = CONDITIONS.map(|(kind, _)| kind);
        return error(word.place, unknown(word.text, "the type of a condition", &known));
    };
    if found.0 == "ScaledToZero" && !about.carried && !about.profile.knows_scaled_to_zero() {
        let version = about.profile.minor();
        return error(
            word.place,
            format!("Kubernetes 1.{version} has no condition ScaledToZero, which came with 1.36"),
        );
    }
    Ok(found)
}

fn message(words: &mut Words<'_>) -> Read<Option<String>> {
    if words.peek() == "\"" { words.quoted("the message").map(Some) } else { Ok(None) }
}

pub(super) fn condition(words: &mut Words<'_>, about: About<'_>) -> Read<Expectation> {
    let (kind, reasons) = kind(words.word("the type of a condition")?, about)?;
    let place = words.place();
    let status = match words.choose("True or False", &["True", "False"])? {
        0 => ConditionStatus::True,
        _ => ConditionStatus::False,
    };
    let word = words.word("the reason of the condition")?;
    let known: Vec<&'static str> = reasons.iter().map(|(reason, _)| *reason).collect();
    let Some((reason, statuses)) = reasons.iter().find(|(reason, _)| *reason == word.text) else {
        return error(word.place, unknown(word.text, &format!("a reason of {kind}"), &known));
    };
    if !statuses.contains(&status) {
        let right = one_of(&statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>());
        return error(place, format!("{kind} is never {} with {reason}, only {right}", status.as_str()));
    }
    let message = message(words)?;
    Ok(Expectation::Condition { kind, status, reason, message })
}

fn event(words: &mut Words<'_>) -> Read<Expectation> {
    let place = words.place();
    let kind = match words.choose("Normal or Warning", &["Normal", "Warning"])? {
        0 => EventKind::Normal,
        _ => EventKind::Warning,
    };
    let word = words.word("the reason of the event")?;
    let Some((reason, right)) = EVENTS.into_iter().find(|(reason, _)| *reason == word.text) else {
        return error(
            word.place,
            unknown(word.text, "the reason of an event", &EVENTS.map(|(reason, _)| reason)),
        );
    };
    if kind != right {
        return error(place, format!("an event {reason} is always {right:?}"));
    }
    Ok(Expectation::Event { kind, reason, message: message(words)? })
}

fn nothing(words: &mut Words<'_>, about: About<'_>) -> Read<Expectation> {
    words.expect("no")?;
    let options = ["condition", "events", "status", "error"];
    Ok(match words.choose("condition, events, 'status write' or error", &options)? {
        0 => Expectation::NoCondition(kind(words.word("the type of a condition")?, about)?.0),
        1 => Expectation::NoEvents,
        2 => {
            words.expect("write")?;
            Expectation::NoStatusWrite
        }
        _ => Expectation::NoError,
    })
}

/// `queue_depth proposes 6`, `cpu shows utilization 60%, average value 120m`, `cpu shows nothing`.
fn of_metric(words: &mut Words<'_>, sources: &[Source]) -> Read<Expectation> {
    let reference = metric::reference(words)?;
    let metric = reference.among(sources)?[0];
    if words.choose("'proposes' or 'shows'", &["proposes", "shows"])? == 0 {
        return Ok(Expectation::Proposes { metric, replicas: words.replicas()? });
    }
    if words.accept("nothing") {
        return Ok(Expectation::Current { metric, value: None });
    }
    let mut value = CurrentText::default();
    loop {
        let place = words.place();
        let known = ["utilization", "average", "value"];
        let said = match words.choose("utilization, average value or value", &known)? {
            0 => value.average_utilization.replace(metric::percent(words)?).is_some(),
            1 => {
                words.expect("value")?;
                value.average_value.replace(words.quantity("a value")?.milli()).is_some()
            }
            _ => value.value.replace(words.quantity("a value")?.milli()).is_some(),
        };
        if said {
            return error(place, "this is said twice");
        }
        if !words.accept(",") {
            return Ok(Expectation::Current { metric, value: Some(value) });
        }
    }
}

impl Expectation {
    /// What two expectations of one turn may not both be about; `None`: any number may.
    pub(super) fn about(&self) -> Option<String> {
        let about = match self {
            Self::Size(_) => "the size",
            Self::Condition { kind, .. } | Self::NoCondition(kind) => kind,
            Self::Event { .. } => return None,
            Self::NoEvents => "no events",
            Self::Current { metric, .. } => return Some(format!("the values of metric {metric}")),
            Self::Proposes { metric, .. } => return Some(format!("the proposal of metric {metric}")),
            Self::Targets(_) => "the TARGETS cell",
            Self::DesiredReplicas(_) => "the desired replicas",
            Self::CurrentReplicas(_) => "the current replicas",
            Self::ObservedGeneration(_) => "the observed generation",
            Self::MetricCalls(_) => "the metric calls",
            Self::ScaleWrites(_) => "the writes of the scale",
            Self::NoStatusWrite => "the write of the status",
            Self::Error(_) | Self::NoError => "the error",
        };
        Some(about.to_owned())
    }
}
