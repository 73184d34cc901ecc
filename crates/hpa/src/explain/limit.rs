//! What changed a proposal, and when that ends.
//!
//! Not the `ScalingLimited` condition, which names only the last limit.
//!
//! **Invariant:** a time is told only where it is certain that nothing eases before it by the same rule.

use super::{counted, replicas, span};
use crate::derivation::LimitStep;
use crate::time::{Span, Time};

impl LimitStep {
    /// In a sentence; `now` is the instant of the turn.
    pub(super) fn told(&self, now: Time) -> String {
        match *self {
            Self::HeldUp { from, to, window, since } => {
                held(now, ["down", "higher"], (from, to), window, since)
            }
            Self::HeldDown { from, to, window, since } => {
                held(now, ["up", "lower"], (from, to), window, since)
            }
            Self::DoublingLimit { from, to } => format!(
                "{to} instead of {from}: without behavior a turn at most doubles the size (or reaches 4); the next turn \
                 goes on from there"
            ),
            Self::Policy { from, to, policy: None } => {
                let direction = if from > to { "scaleUp" } else { "scaleDown" };
                format!("{to} instead of {from}: behavior.{direction} has selectPolicy Disabled")
            }
            Self::Policy { from, to, policy: Some(policy) } => {
                let direction = if from > to { "scaleUp" } else { "scaleDown" };
                let value = if policy.percent {
                    format!("{}%", policy.value)
                } else {
                    counted(i64::from(policy.value), "pod")
                };
                let period = Span::seconds(i64::from(policy.period_seconds));
                let start = match policy.oldest {
                    Some(_) => format!(", counted from {}", replicas(policy.start)),
                    None => String::new(),
                };
                let more = (policy.oldest.unwrap_or(now) + period).since(now);
                format!(
                    "{to} instead of {from}: behavior.{direction} allows {value} in {}{start}; more in {}",
                    span(period),
                    span(more)
                )
            }
            Self::Min { from, to } => format!("{to} instead of {from}: minReplicas"),
            Self::Max { from, to } => format!("{to} instead of {from}: maxReplicas"),
        }
    }
}

fn held(
    now: Time,
    [direction, kind]: [&str; 2],
    (from, to): (i32, i32),
    window: Span,
    since: Option<Time>,
) -> String {
    let window_text = span(window);
    let Some(since) = since else {
        return format!("{to} instead of {from}: the stabilisation window of {window_text} holds it");
    };
    format!(
        "{to} instead of {from}: a {kind} size was asked for {}; scaling {direction} waits for another {} at least \
         (window {window_text})",
        ago(now.since(since)),
        span((since + window).since(now))
    )
}

/// How long ago, in whole seconds that have passed.
fn ago(age: Span) -> String {
    match age.as_seconds() {
        0 => "just now".to_owned(),
        seconds => format!("{} ago", span(Span::seconds(seconds))),
    }
}
