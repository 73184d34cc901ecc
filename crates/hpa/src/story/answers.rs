//! What the metrics APIs answer: `queue_depth is 45`, `cpu is 120m on each pod, 900m on web-3`, `rps fails "…"`.
//!
//! Not a store of samples: an answer holds from turn to turn until the story tells another.
//!
//! **Invariant:** values are given only for pods that are there, but for those called gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_model::selector::Selector;

use super::Place;
use super::advice::{nearest, one_of};
use super::metric::Source;
use super::pods::{self, Budget, Pods};
use super::words::{Read, Words, error};
use crate::inputs::{MetricAnswer, Phase, Sample, Samples};
use crate::time::{Span, Time};

/// Length of the window of a sample that does not say it.
const WINDOW: Span = Span::seconds(60);

/// What an API answers for one metric, from turn to turn.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Fixed(MetricAnswer),
    Pods(Vec<Clause>),
}

/// A value and the pods that have it; of several for one pod the last counts.
#[derive(Debug, Clone)]
pub(super) struct Clause {
    place: Place,
    /// Thousandths; `None`: no value.
    milli: Option<i64>,
    which: Which,
    age: Span,
    window: Span,
}

#[derive(Debug, Clone)]
enum Which {
    /// Those of the target that run.
    Each,
    /// These, as far as they are there.
    Named(Vec<Arc<str>>),
    /// These, although they are not there.
    Gone(Vec<Arc<str>>),
}

/// What a text counts that is repeated in every turn.
pub(super) fn text_cost(text: &str) -> usize {
    1 + text.len() / 64
}

/// Reads what follows the name of a metric.
pub(super) fn answer(words: &mut Words<'_>, source: &Source, budget: &mut Budget) -> Read<Answer> {
    let place = words.place();
    if words.choose("'is' or 'fails'", &["is", "fails"])? == 1 {
        let answer = MetricAnswer::Failed(words.quoted("the error's text")?);
        words.end()?;
        return Ok(Answer::Fixed(answer));
    }
    let answer = match source {
        Source::Object { .. } => Answer::Fixed(MetricAnswer::Value(value(words)?)),
        Source::External { .. } if words.accept("nothing") => Answer::Fixed(MetricAnswer::Values(Vec::new())),
        Source::External { .. } => {
            let mut values = vec![value(words)?];
            while words.accept(",") {
                values.push(value(words)?);
            }
            budget.values(values.len(), place)?;
            Answer::Fixed(MetricAnswer::Values(values))
        }
        Source::Resource { .. } | Source::Pods { .. } => Answer::Pods(clauses(words, budget)?),
    };
    words.end()?;
    Ok(answer)
}

fn value(words: &mut Words<'_>) -> Read<i64> {
    Ok(words.quantity("a value")?.milli())
}

fn clauses(words: &mut Words<'_>, budget: &mut Budget) -> Read<Vec<Clause>> {
    let mut clauses = Vec::new();
    if words.peek() == "nothing" && words.peek_second().is_empty() {
        words.expect("nothing")?;
        return Ok(clauses);
    }
    loop {
        let place = words.place();
        let milli = if words.accept("nothing") { None } else { Some(value(words)?) };
        if !words.accept("on") {
            return error(
                words.place(),
                "say which pods have the value: 'on each pod' or 'on web-1 to web-3'",
            );
        }
        let which = if words.accept("each") {
            words.expect("pod")?;
            Which::Each
        } else {
            let gone = words.accept("gone");
            let mut names = Vec::new();
            loop {
                let more = pods::names(words)?;
                budget.values(more.len(), place)?;
                names.extend(more);
                if !words.accept("and") {
                    break;
                }
            }
            if gone { Which::Gone(names) } else { Which::Named(names) }
        };
        let age = if words.accept("measured") { words.ago()? } else { Span(0) };
        let window = if words.accept("over") { words.duration("a window")? } else { WINDOW };
        clauses.push(Clause { place, milli, which, age, window });
        if !words.accept(",") {
            return Ok(clauses);
        }
    }
}

impl Answer {
    /// Every pod that the line names is there, unless it is called gone.
    ///
    /// # Errors
    /// A name that is not, or a gone pod that is there.
    pub(super) fn fits(&self, pods: &Pods) -> Read<()> {
        let Self::Pods(clauses) = self else { return Ok(()) };
        for clause in clauses {
            match &clause.which {
                Which::Each => {}
                Which::Named(names) => {
                    if let Some(name) = names.iter().find(|name| !pods.has(name)) {
                        let hint = match nearest(name, pods.names()) {
                            Some(near) => format!("did you mean {near}?"),
                            None => {
                                let some: Vec<&str> = pods.names().take(3).collect();
                                format!(
                                    "there is {}; write 'on gone {name}' for a value of one that is no longer there",
                                    one_of(&some)
                                )
                            }
                        };
                        return error(clause.place, format!("there is no pod {name} in this turn: {hint}"));
                    }
                }
                Which::Gone(names) => {
                    if let Some(name) = names.iter().find(|name| pods.has(name)) {
                        return error(clause.place, format!("the pod {name} is there: leave 'gone' away"));
                    }
                }
            }
        }
        Ok(())
    }

    /// The answer in a turn.
    pub(super) fn at(
        &self,
        place: Place,
        now: Time,
        pods: &Pods,
        selector: Option<&Selector>,
        budget: &mut Budget,
    ) -> Read<MetricAnswer> {
        let clauses = match self {
            Self::Fixed(answer) => {
                let size = match answer {
                    MetricAnswer::Failed(error) => text_cost(error),
                    MetricAnswer::Values(values) => values.len(),
                    MetricAnswer::Value(_) | MetricAnswer::Pods(_) => 1,
                };
                budget.values(size, place)?;
                return Ok(answer.clone());
            }
            Self::Pods(clauses) => clauses,
        };
        let mut samples: BTreeMap<Arc<str>, Option<Sample>> = BTreeMap::new();
        for clause in clauses {
            let Clause { place, milli, which, age, window } = clause;
            let sample = milli.map(|milli| Sample { milli, time: now - *age, window: *window });
            match which {
                Which::Each => {
                    budget.values(pods.list().len(), *place)?;
                    let selected = |labels: &crate::inputs::Labels| {
                        selector.is_some_and(|selector| {
                            selector.matches(|key| labels.get(key).map(String::as_str))
                        })
                    };
                    let running = pods.list().iter().filter(|pod| pod.phase == Phase::Running);
                    for pod in running.filter(|pod| selected(&pod.labels)) {
                        samples.insert(Arc::clone(&pod.name), sample);
                    }
                }
                Which::Named(names) | Which::Gone(names) => {
                    budget.values(names.len(), *place)?;
                    let gone = matches!(which, Which::Gone(_));
                    for name in names.iter().filter(|name| gone || pods.has(name)) {
                        samples.insert(Arc::clone(name), sample);
                    }
                }
            }
        }
        let samples = samples.into_iter().filter_map(|(name, sample)| Some((name, sample?)));
        Ok(MetricAnswer::Pods(Samples::new(samples)))
    }
}
