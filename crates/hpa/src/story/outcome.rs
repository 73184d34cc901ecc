//! What a turn did, as expectations, and expectations in the words of a story.
//!
//! Not whether they hold; that is `check`.
//!
//! **Invariant:** the words read into the expectation that they tell.

use super::check;
use super::expect::{CurrentText, Expectation, SizeResult};
use super::metric::Source;
use super::phrase::{self, quoted};
use super::tell::{TellError, no_words};
use crate::scenario::Played;
use crate::status::ConditionStatus;

type Told<T> = Result<T, TellError>;

/// What a turn did, as expectations: the size, all conditions, all events and the error.
pub fn observed(played: &Played) -> Vec<Expectation> {
    let decision = &played.decision;
    let mut expected = vec![Expectation::Size(check::result(decision))];
    for condition in &decision.status.conditions {
        expected.extend(phrase::condition(condition));
    }
    if decision.events.is_empty() {
        expected.push(Expectation::NoEvents);
    }
    for event in &decision.events {
        let message = Some(event.message.clone());
        expected.push(Expectation::Event { kind: event.kind, reason: event.reason, message });
    }
    expected.push(match &decision.error {
        Some(error) => Expectation::Error(error.clone()),
        None => Expectation::NoError,
    });
    if !decision.status_changed {
        expected.push(Expectation::NoStatusWrite);
    }
    expected
}

impl Expectation {
    /// It in the words of a story.
    pub(super) fn words(&self, sources: &[Source]) -> Told<String> {
        let because = |reason: &Option<String>| {
            reason.as_ref().map_or_else(String::new, |reason| format!(": {}", quoted(reason)))
        };
        let said = |message: &Option<String>| {
            message.as_ref().map_or_else(String::new, |message| format!(" {}", quoted(message)))
        };
        let of = |metric: &usize| match sources.get(*metric) {
            Some(source) => phrase::metric(source),
            None => no_words("an expectation on a metric that is not there"),
        };
        Ok(match self {
            Self::Size(SizeResult::Scales { from, to, reason }) => {
                format!("scales {from} to {to}{}", because(reason))
            }
            Self::Size(SizeResult::CannotScale { from, to, reason }) => {
                format!("cannot scale {from} to {to}{}", because(reason))
            }
            Self::Size(SizeResult::Stays { at }) => format!("stays at {at}"),
            Self::Size(SizeResult::CannotDecide) => "cannot decide".to_owned(),
            Self::Condition { kind, status, reason, message } => {
                if !matches!(status, ConditionStatus::True | ConditionStatus::False) {
                    return no_words("a condition that is neither True nor False");
                }
                format!("condition {kind} {} {reason}{}", status.as_str(), said(message))
            }
            Self::NoCondition(kind) => format!("no condition {kind}"),
            Self::Event { kind, reason, message } => format!("event {kind:?} {reason}{}", said(message)),
            Self::NoEvents => "no events".to_owned(),
            Self::Current { metric, value: None } => format!("{} shows nothing", of(metric)?),
            Self::Current {
                metric,
                value: Some(CurrentText { value, average_value, average_utilization }),
            } => {
                let utilization = average_utilization.map(|percent| Ok(format!("utilization {percent}%")));
                let average =
                    average_value.map(|value| Ok(format!("average value {}", phrase::milli(value)?)));
                let value = value.map(|value| Ok(format!("value {}", phrase::milli(value)?)));
                let parts =
                    [utilization, average, value].into_iter().flatten().collect::<Told<Vec<String>>>()?;
                format!("{} shows {}", of(metric)?, parts.join(", "))
            }
            Self::Proposes { metric, replicas } => format!("{} proposes {replicas}", of(metric)?),
            Self::Targets(cell) => format!("targets {}", quoted(cell)),
            Self::DesiredReplicas(replicas) => format!("desired replicas {replicas}"),
            Self::CurrentReplicas(replicas) => format!("current replicas {replicas}"),
            Self::ObservedGeneration(generation) => format!("observed generation {generation}"),
            Self::MetricCalls(calls) => format!("metric calls {calls}"),
            Self::ScaleWrites(1) => "writes scale 1 time".to_owned(),
            Self::ScaleWrites(writes) => format!("writes scale {writes} times"),
            Self::NoStatusWrite => "no status write".to_owned(),
            Self::Error(error) => format!("error {}", quoted(error)),
            Self::NoError => "no error".to_owned(),
        })
    }
}
