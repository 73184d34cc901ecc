//! The samples of one series, and windows over them.
//!
//! **Invariant:** staleness markers are gone; numbers and histograms are apart, each ascending by time.

use std::borrow::Cow;
use std::sync::Arc;

use plimsoll_model::histogram::{Histogram, ResetHint};
use plimsoll_model::labels::{Labels, METRIC_NAME};
use plimsoll_model::series::{Columns, is_stale};

use super::Millis;
use super::evaluator::Steps;
use super::grid::Grid;
use crate::syntax::ast::Edges;

/// The samples of a series.
#[derive(Debug, Default)]
pub(crate) struct Samples<'a> {
    pub float_times: Cow<'a, [i64]>,
    pub floats: Cow<'a, [f64]>,
    /// Empty, or one per number.
    pub float_starts: Cow<'a, [i64]>,
    pub histogram_times: Vec<i64>,
    pub histograms: Vec<Arc<Histogram>>,
    pub histogram_starts: Vec<i64>,
}

impl<'a> Samples<'a> {
    pub fn of_columns(columns: Columns<'a>, stats_only: bool) -> Self {
        let plain = columns.histograms.is_empty() && !has_stale(columns.values);
        if plain {
            return Self {
                float_times: Cow::Borrowed(columns.timestamps),
                floats: Cow::Borrowed(columns.values),
                float_starts: Cow::Borrowed(columns.starts),
                ..Self::default()
            };
        }
        let mut samples = Samples::default();
        let (times, floats, starts) =
            (samples.float_times.to_mut(), samples.floats.to_mut(), samples.float_starts.to_mut());
        let mut histograms = columns.histograms.iter().peekable();
        let mut previous: Option<&Histogram> = None;
        for (row, (time, value)) in columns.timestamps.iter().zip(columns.values).enumerate() {
            let start = columns.starts.get(row);
            if let Some((_, histogram)) = histograms.next_if(|(at, _)| *at as usize == row) {
                if is_stale(histogram.sum) {
                    continue;
                }
                samples.histogram_times.push(*time);
                samples.histogram_starts.extend(start);
                samples.histograms.push(if stats_only {
                    Arc::new(stats(histogram, previous))
                } else {
                    histogram.clone()
                });
                previous = Some(histogram);
            } else if !is_stale(*value) {
                times.push(*time);
                floats.push(*value);
                starts.extend(start);
            }
        }
        samples
    }

    /// A row of a subquery. Hints of resets are forgotten: they were about other neighbours.
    pub fn of_row(grid: &Grid, row: usize, steps: Steps) -> Samples<'static> {
        let mut samples = Samples::default();
        let (times, floats) = (samples.float_times.to_mut(), samples.floats.to_mut());
        for step in 0..grid.steps {
            if let Some(value) = grid.float(row, step) {
                times.push(steps.time(step));
                floats.push(value);
            } else if let Some(histogram) = grid.histogram(row, step) {
                samples.histogram_times.push(steps.time(step));
                samples.histograms.push(match histogram.reset_hint {
                    ResetHint::Reset | ResetHint::NotReset => {
                        Arc::new(Histogram { reset_hint: ResetHint::Unknown, ..histogram.as_ref().clone() })
                    }
                    _ => histogram.clone(),
                });
            }
        }
        samples
    }
}

/// Whether there is a staleness marker. Without an early end, so that it is a few vector instructions.
pub(crate) fn has_stale(values: &[f64]) -> bool {
    values.iter().fold(false, |stale, value| stale | is_stale(*value))
}

/// Count and sum of a histogram, with what its buckets tell of a reset.
pub(crate) fn stats(histogram: &Histogram, previous: Option<&Histogram>) -> Histogram {
    let reset_hint = match (histogram.reset_hint, previous) {
        (ResetHint::Unknown, Some(previous)) if histogram.is_reset_from(previous) => ResetHint::Reset,
        (ResetHint::Unknown, Some(_)) => ResetHint::NotReset,
        (hint, _) => hint,
    };
    Histogram {
        reset_hint,
        schema: histogram.schema,
        count: histogram.count,
        sum: histogram.sum,
        ..Histogram::default()
    }
}

/// What a function over a range sees at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub labels: &'a Labels,
    /// The step.
    pub time: Millis,
    /// The window without its widening, the start excluded.
    pub start: Millis,
    pub end: Millis,
    /// Length in seconds.
    pub seconds: f64,
    pub edges: Edges,
    pub float_times: &'a [i64],
    pub floats: &'a [f64],
    pub float_starts: &'a [i64],
    pub histogram_times: &'a [i64],
    pub histograms: &'a [Arc<Histogram>],
    pub histogram_starts: &'a [i64],
}

/// A window without its samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub start: Millis,
    pub end: Millis,
    /// Length in seconds.
    pub seconds: f64,
}

impl<'a> Window<'a> {
    pub fn bounds(&self) -> Bounds {
        Bounds { start: self.start, end: self.end, seconds: self.seconds }
    }

    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    pub fn weight(&self) -> usize {
        self.floats.len() + self.histograms.iter().map(|histogram| histogram.weight()).sum::<usize>()
    }

    pub fn is_mixed(&self) -> bool {
        !self.floats.is_empty() && !self.histograms.is_empty()
    }

    pub fn metric(&self) -> &'a str {
        self.labels.get(METRIC_NAME)
    }
}

/// Finds the samples of windows whose ends never go back.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    floats: (usize, usize),
    histograms: (usize, usize),
}

impl Cursor {
    /// The indices of the samples in `(from, to]`: of numbers, and of histograms.
    pub fn seek(
        &mut self,
        samples: &Samples<'_>,
        from: Millis,
        to: Millis,
    ) -> ((usize, usize), (usize, usize)) {
        advance(&samples.float_times, &mut self.floats, from, to);
        advance(&samples.histogram_times, &mut self.histograms, from, to);
        (self.floats, self.histograms)
    }
}

/// Moves the indices `(first, behind)` on to the samples in `(from, to]`.
pub(crate) fn advance(times: &[i64], (first, behind): &mut (usize, usize), from: Millis, to: Millis) {
    *first += times[*first..].partition_point(|time| *time <= from);
    *behind = (*behind).max(*first);
    *behind += times[*behind..].partition_point(|time| *time <= to);
    if from >= to {
        *behind = *first;
    }
}
