//! Whether a turn did what a story expects of it.
//!
//! Not a diff of everything: what a story does not say is not compared.
//!
//! **Invariant:** a failure carries the whole explanation of the decision, so that the reader need not run it again.

use std::fmt;

use super::expect::CurrentText;
use super::{Expectation, Expected, Place, SizeResult, Turn};
use crate::columns::targets_cell;
use crate::decide::Decision;
use crate::derivation::MetricOutcome;
use crate::inputs::Hpa;
use crate::profile::Profile;
use crate::scenario::Played;
use crate::status::{Condition, Event};
use crate::time::Time;

/// An expectation that does not hold. `Display` is for people: place, expectation, what was instead, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where the expectation stands, or the turn if it is about no one expectation.
    pub place: Place,
    /// The turn's instant on the story's clock.
    pub now: Time,
    /// What was expected, in the story's words.
    pub expected: String,
    /// What was instead.
    pub found: String,
    /// The explanation of the decision, in lines.
    pub decision: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, now, expected, found, decision } = self;
        let at = plimsoll_model::duration::format_go(now.0);
        writeln!(f, "{place}: at {at} expected: {expected}")?;
        writeln!(f, "  but: {found}")?;
        write!(f, "  the decision:")?;
        for line in decision.lines() {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// What does not hold of a turn.
pub(super) fn failures(profile: &Profile, played: &Played, turn: &Turn) -> Vec<Failure> {
    let decision = &played.decision;
    let failure = |place, expected: &str, found| Failure {
        place,
        now: played.now,
        expected: expected.to_owned(),
        found,
        decision: decision.to_string(),
    };
    let mut failures = Vec::new();
    if decision.metric_calls > 0 && !turn.untold.is_empty() {
        let found = format!("the story has not told what '{}' is", turn.untold.join("', '"));
        failures.push(failure(turn.place, "an answer to every metric that is asked for", found));
    }
    // Events are looked for behind the one that was found last.
    let mut events = decision.events.iter();
    for Expected { place, text, what } in turn.expected.iter() {
        if let Err(found) = holds(profile, played, what, &mut events) {
            failures.push(failure(*place, text, found));
        }
    }
    failures
}

fn holds<'d>(
    profile: &Profile,
    played: &'d Played,
    what: &Expectation,
    events: &mut (impl Iterator<Item = &'d Event> + Clone),
) -> Result<(), String> {
    let decision = &played.decision;
    let status = &decision.status;
    match what {
        Expectation::Size(expected) => size(decision, expected),
        Expectation::Condition { kind, status: wanted, reason, message } => match status.condition(kind) {
            Some(condition)
                if condition.status == *wanted
                    && condition.reason == *reason
                    && message.as_ref().is_none_or(|message| *message == condition.message) =>
            {
                Ok(())
            }
            Some(condition) => Err(shown(condition)),
            None => Err(format!("there is no condition {kind}")),
        },
        Expectation::NoCondition(kind) => {
            status.condition(kind).map_or(Ok(()), |condition| Err(shown(condition)))
        }
        Expectation::Event { kind, reason, message } => {
            let is = |event: &Event| {
                event.kind == *kind
                    && event.reason == *reason
                    && message.as_ref().is_none_or(|message| *message == event.message)
            };
            let mut left = events.clone();
            if left.by_ref().any(is) {
                *events = left;
                return Ok(());
            }
            Err(listed(&events.clone().collect::<Vec<_>>()))
        }
        Expectation::NoEvents if decision.events.is_empty() => Ok(()),
        Expectation::NoEvents => Err(listed(&decision.events.iter().collect::<Vec<_>>())),
        Expectation::Current { metric, value } => {
            let found = status.current_metrics.get(*metric).and_then(Option::as_ref);
            let found = found.map(|metric| &metric.current);
            if found.map(CurrentText::of) == *value {
                return Ok(());
            }
            Err(match found {
                None => "the status shows nothing".to_owned(),
                Some(current) => {
                    let part =
                        |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
                    let parts = [
                        part("utilization", current.average_utilization.map(|percent| format!("{percent}%"))),
                        part("average value", current.average_value.map(|amount| amount.to_string())),
                        part("value", current.value.map(|amount| amount.to_string())),
                    ];
                    format!("the status shows {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
                }
            })
        }
        Expectation::Proposes { metric, replicas } => {
            match decision.derivation.metrics.get(*metric).map(|metric| &metric.outcome) {
                Some(MetricOutcome::Proposed(found)) if found == replicas => Ok(()),
                Some(MetricOutcome::Proposed(found)) => Err(format!("it proposes {found}")),
                Some(MetricOutcome::Failed(error)) => Err(format!("it failed: {error}")),
                None => Err("metrics were not computed".to_owned()),
            }
        }
        Expectation::Targets(cell) => {
            // As kubectl would show it after the turn.
            let hpa = Hpa { status: status.clone(), ..played.hpa.clone() };
            same(cell, &targets_cell(profile, &hpa))
        }
        Expectation::DesiredReplicas(replicas) => same(replicas, &status.desired_replicas),
        Expectation::CurrentReplicas(replicas) => same(replicas, &status.current_replicas),
        Expectation::ObservedGeneration(generation) => match &status.observed_generation {
            Some(found) => same(generation, found),
            None => Err("no generation is observed".to_owned()),
        },
        Expectation::MetricCalls(calls) => same(calls, &decision.metric_calls),
        Expectation::ScaleWrites(writes) => {
            same(writes, &decision.rescale.as_ref().map_or(0, |rescale| rescale.puts))
        }
        Expectation::NoStatusWrite if decision.status_changed => {
            Err("the status changed and is written".to_owned())
        }
        Expectation::NoStatusWrite => Ok(()),
        Expectation::Error(text) => match &decision.error {
            Some(found) => same(text, found),
            None => Err("the turn ends without an error".to_owned()),
        },
        Expectation::NoError => match &decision.error {
            Some(found) => Err(format!("the turn ends with: {found}")),
            None => Ok(()),
        },
    }
}

fn same<T: PartialEq + fmt::Display>(expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("it is {found}")) }
}

fn shown(condition: &Condition) -> String {
    let Condition { kind, status, reason, message, .. } = condition;
    format!("{kind} {} {reason} \"{message}\"", status.as_str())
}

fn listed(events: &[&Event]) -> String {
    if events.is_empty() {
        return "there are no more events".to_owned();
    }
    let events: Vec<String> = events
        .iter()
        .map(|event| format!("{:?} {} \"{}\"", event.kind, event.reason, event.message))
        .collect();
    format!("the events are {}", events.join("; "))
}

/// What became of the size.
pub(super) fn result(decision: &Decision) -> SizeResult {
    let derivation = &decision.derivation;
    let from = derivation.current;
    match &decision.rescale {
        Some(rescale) => {
            let (to, reason) = (rescale.to, Some(rescale.reason.clone()));
            if rescale.error.is_some() {
                SizeResult::CannotScale { from, to, reason }
            } else {
                SizeResult::Scales { from, to, reason }
            }
        }
        None if derivation.failure.is_some() => SizeResult::CannotDecide,
        None => SizeResult::Stays { at: from },
    }
}

fn size(decision: &Decision, expected: &SizeResult) -> Result<(), String> {
    let mut found = result(decision);
    if let (
        SizeResult::Scales { reason, .. } | SizeResult::CannotScale { reason, .. },
        SizeResult::Scales { reason: None, .. } | SizeResult::CannotScale { reason: None, .. },
    ) = (&mut found, expected)
    {
        *reason = None;
    }
    if found == *expected {
        return Ok(());
    }
    Err(match result(decision) {
        SizeResult::Scales { from, to, reason } => {
            format!("scales {from} to {to}: \"{}\"", reason.unwrap_or_default())
        }
        SizeResult::CannotScale { from, to, reason } => {
            format!("cannot scale {from} to {to}: \"{}\"", reason.unwrap_or_default())
        }
        SizeResult::Stays { at } => format!("stays at {at}"),
        SizeResult::CannotDecide => match &decision.derivation.failure {
            Some(failure) => format!("cannot decide: {failure}"),
            None => "cannot decide".to_owned(),
        },
    })
}
