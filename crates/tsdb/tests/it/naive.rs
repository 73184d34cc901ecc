//! The store's rules with nothing clever: what the real one is compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::Labels;
use plimsoll_model::matcher::Matcher;
use plimsoll_model::series::{TimeRange, stale_marker};

use crate::reading::{Samples, Value, float};

#[derive(Clone, Debug, Default)]
pub struct Series {
    pub samples: Samples,
    /// Time of the newest sample that was not late.
    last: Option<i64>,
    /// The last scrape had a sample of it under the scrape's own time.
    due: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Target {
    pub series: BTreeMap<Labels, Series>,
    /// The newest time that the last scrape wrote.
    last_end: i64,
}

/// A sample as a scrape brings it.
#[derive(Clone, Debug)]
pub enum Incoming {
    Float(f64),
    /// With its own time, so many milliseconds after the scrape's.
    Explicit(i64, f64),
    Histogram(Arc<Histogram>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    Refused,
}

impl Target {
    /// Adds a whole scrape and says of each sample what became of it.
    pub fn scrape(&mut self, at: i64, samples: &[(Labels, Incoming)], late_window: i64) -> Vec<Outcome> {
        self.last_end = at;
        let mut seen: BTreeMap<&Labels, bool> = BTreeMap::new();
        let mut outcomes = Vec::new();
        for (labels, incoming) in samples {
            let series = self.series.entry(labels.clone()).or_default();
            let taken = seen.contains_key(labels);
            let (time, value) = match incoming {
                Incoming::Float(value) => (at, float(*value)),
                Incoming::Explicit(offset, value) => (at + offset, float(*value)),
                Incoming::Histogram(histogram) => (at, Value::Histogram(Arc::clone(histogram))),
            };
            let outcome = if !taken && series.last.is_none_or(|last| last < time) {
                series.samples.insert(time, value);
                series.last = Some(time);
                self.last_end = self.last_end.max(time);
                seen.insert(labels, time == at);
                Outcome::Taken
            } else if matches!(incoming, Incoming::Histogram(_))
                || taken && matches!(incoming, Incoming::Float(_))
            {
                Outcome::Refused
            } else {
                let outcome = match series.samples.get(&time) {
                    Some(before) if *before == value => Outcome::Taken,
                    Some(_) => Outcome::Refused,
                    None if time < at - late_window => Outcome::Refused,
                    None => {
                        series.samples.insert(time, value);
                        Outcome::Taken
                    }
                };
                if outcome == Outcome::Taken {
                    series.due = false;
                }
                outcome
            };
            outcomes.push(outcome);
        }
        for (labels, series) in &mut self.series {
            match seen.get(labels) {
                Some(shared) => series.due = *shared,
                None if series.due => {
                    series.due = false;
                    series.samples.insert(at, float(stale_marker()));
                    series.last = series.last.max(Some(at));
                }
                None => {}
            }
        }
        outcomes
    }
}

impl Target {
    /// Forgets the last scrape when all of it is before `horizon`: what it had will not be marked stale.
    pub fn expire(&mut self, horizon: i64) {
        if self.last_end < horizon {
            self.series.values_mut().for_each(|series| series.due = false);
        }
    }
}

/// What a store of these targets answers.
pub fn read(
    targets: &BTreeMap<String, Target>,
    matchers: &[Matcher],
    range: TimeRange,
) -> BTreeMap<Labels, Samples> {
    let mut all = BTreeMap::new();
    for (labels, series) in targets.values().flat_map(|target| &target.series) {
        if range.start <= range.end
            && matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name())))
        {
            let samples: Samples = series
                .samples
                .range(range.start..=range.end)
                .map(|(time, value)| (*time, value.clone()))
                .collect();
            if !samples.is_empty() {
                all.insert(labels.clone(), samples);
            }
        }
    }
    all
}
