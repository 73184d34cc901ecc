//! Functions that reduce a window to one value: `sum_over_time` and its like, `changes`, `resets`.
//!
//! **Invariant:** sums are compensated, so that their order of summation hardly shows.

use plimsoll_model::histogram::{Histogram, ResetHint, RunningHistogram, compensated_add};

use super::EvalError;
use super::call::RangeCall;
use super::grid::Cell;
use super::quantile::quantile;
use super::rate::start_is_reset;
use super::window::Window;
use crate::syntax::ast::Edges;

type Reduced = Result<Option<Cell>, EvalError>;

/// Functions of numbers alone: histograms are ignored, with a note if there are numbers too.
fn floats<'a>(window: &Window<'a>, call: &mut RangeCall<'_>) -> Option<&'a [f64]> {
    if window.floats.is_empty() {
        return None;
    }
    if !window.histograms.is_empty() {
        call.annotations.ignored_in_range(call.span(), window.metric());
    }
    Some(window.floats)
}

pub(crate) fn sum(window: &Window<'_>, call: &mut RangeCall<'_>) -> Reduced {
    if window.is_mixed() {
        call.annotations.mixed_range(call.span(), window.metric());
        return Ok(None);
    }
    if window.floats.is_empty() {
        return Ok(sum_histograms(window, call, false));
    }
    let (sum, rest) = window.floats.iter().fold((0.0, 0.0), |(s, c), value| compensated_add(*value, s, c));
    Ok(Some(Cell::Float(if f64::is_infinite(sum) { sum } else { sum + rest })))
}

pub(crate) fn average(window: &Window<'_>, call: &mut RangeCall<'_>) -> Reduced {
    if window.is_mixed() {
        call.annotations.mixed_range(call.span(), window.metric());
        return Ok(None);
    }
    if window.floats.is_empty() {
        return Ok(sum_histograms(window, call, true));
    }
    let mut mean = Mean::new(window.floats[0]);
    window.floats[1..].iter().for_each(|value| mean.add(*value));
    Ok(Some(Cell::Float(mean.value())))
}

/// A mean that turns to the incremental method once the sum would overflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    value: f64,
    rest: f64,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub fn new(first: f64) -> Self {
        Self { value: first, rest: 0.0, count: 1.0, incremental: false }
    }

    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let (sum, rest) = compensated_add(value, self.value, self.rest);
            if !sum.is_infinite() {
                (self.value, self.rest) = (sum, rest);
                return;
            }
            self.incremental = true;
            self.value /= self.count - 1.0;
            self.rest /= self.count - 1.0;
        }
        let part = (self.count - 1.0) / self.count;
        (self.value, self.rest) = compensated_add(value / self.count, part * self.value, part * self.rest);
    }

    /// Sum or mean, what is too small for it, the count, and whether it is the mean.
    pub fn into_parts(self) -> (f64, f64, f64, bool) {
        (self.value, self.rest, self.count, self.incremental)
    }

    /// What [`into_parts`](Self::into_parts) took apart.
    pub fn from_parts((value, rest, count, incremental): (f64, f64, f64, bool)) -> Self {
        Self { value, rest, count, incremental }
    }

    pub fn value(&self) -> f64 {
        if self.incremental {
            self.value + self.rest
        } else {
            self.value / self.count + self.rest / self.count
        }
    }
}

/// The same for histograms.
#[derive(Debug, Clone)]
pub(crate) struct MeanHistogram {
    running: RunningHistogram,
    count: f64,
    incremental: bool,
}

impl MeanHistogram {
    pub fn new(first: &Histogram) -> Self {
        Self { running: RunningHistogram::new(first), count: 1.0, incremental: false }
    }

    pub fn add(&mut self, histogram: &Histogram) -> Result<bool, plimsoll_model::histogram::Incompatible> {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.running.clone();
            let reconciled = sum.add(histogram)?;
            if !sum.has_overflow() {
                self.running = sum;
                return Ok(reconciled);
            }
            self.incremental = true;
            self.running.divide(self.count - 1.0);
        }
        self.running.multiply((self.count - 1.0) / self.count);
        self.running.add(&histogram.clone().divided(self.count))
    }

    pub fn value(mut self) -> Histogram {
        if !self.incremental {
            self.running.divide(self.count);
        }
        self.running.total()
    }
}

fn sum_histograms(window: &Window<'_>, call: &mut RangeCall<'_>, mean: bool) -> Option<Cell> {
    let (first, others) = window.histograms.split_first()?;
    let span = call.span();
    let mut sum = RunningHistogram::new(first);
    let mut average = MeanHistogram::new(first);
    let mut reconciled = false;
    for histogram in others {
        let added = if mean { average.add(histogram) } else { sum.add(histogram) };
        match added {
            Ok(bounds) => reconciled |= bounds,
            Err(_) => {
                call.annotations.mixed_schemas(span, window.metric());
                return None;
            }
        }
    }
    let has = |hint| window.histograms.iter().any(|histogram| histogram.reset_hint == hint);
    if has(ResetHint::Reset) && has(ResetHint::NotReset) {
        call.annotations.reset_collision(span, "aggregation");
    }
    if reconciled {
        call.annotations.bounds_reconciled(span, "aggregation");
    }
    Some(Cell::Histogram(if mean { average.value() } else { sum.total() }.into()))
}

/// `min_over_time` and its like: the value, or its time, that `better` prefers to all before.
pub(crate) fn extreme(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    better: fn(f64, f64) -> bool,
    time: bool,
) -> Reduced {
    let Some(values) = floats(window, call) else { return Ok(None) };
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if better(*value, values[best]) || values[best].is_nan() {
            best = at;
        }
    }
    Ok(Some(Cell::Float(if time { window.float_times[best] as f64 / 1000.0 } else { values[best] })))
}

pub(crate) fn count(window: &Window<'_>) -> Reduced {
    Ok(Some(Cell::Float((window.floats.len() + window.histograms.len()) as f64)))
}

/// `first_over_time` and `last_over_time`.
pub(crate) fn edge(window: &Window<'_>, last: bool, time: bool) -> Reduced {
    let float =
        if last { window.floats.len().checked_sub(1) } else { (!window.floats.is_empty()).then_some(0) };
    let histogram = if last {
        window.histograms.len().checked_sub(1)
    } else {
        (!window.histograms.is_empty()).then_some(0)
    };
    let float_time = float.map(|at| window.float_times[at]);
    let histogram_time = histogram.map(|at| window.histogram_times[at]);
    let takes_float = match (float_time, histogram_time) {
        (Some(f), Some(h)) => (f < h) != last,
        (f, _) => f.is_some(),
    };
    Ok(if time {
        let time = if takes_float { float_time } else { histogram_time };
        time.map(|time| Cell::Float(time as f64 / 1000.0))
    } else if takes_float {
        float.map(|at| Cell::Float(window.floats[at]))
    } else {
        histogram.map(|at| Cell::Histogram(window.histograms[at].clone()))
    })
}

pub(crate) fn variance(window: &Window<'_>, call: &mut RangeCall<'_>, root: bool) -> Reduced {
    let Some(values) = floats(window, call) else { return Ok(None) };
    let (mut count, mut mean, mut aux) = (0.0, (0.0, 0.0), (0.0, 0.0));
    for value in values {
        count += 1.0;
        let delta = value - (mean.0 + mean.1);
        mean = compensated_add(delta / count, mean.0, mean.1);
        aux = compensated_add(delta * (value - (mean.0 + mean.1)), aux.0, aux.1);
    }
    let variance = (aux.0 + aux.1) / count;
    Ok(Some(Cell::Float(if root { variance.sqrt() } else { variance })))
}

pub(crate) fn quantile_over_time(window: &Window<'_>, call: &mut RangeCall<'_>, q: f64) -> Reduced {
    if window.floats.is_empty() {
        return Ok(None);
    }
    let span = call.span();
    if !(0.0..=1.0).contains(&q) {
        call.annotations.invalid_quantile(span, q);
    }
    if !window.histograms.is_empty() {
        call.annotations.ignored_in_range(span, window.metric());
    }
    Ok(Some(Cell::Float(quantile(q, &mut window.floats.to_vec()))))
}

/// The median distance from the median.
pub(crate) fn deviation(window: &Window<'_>, call: &mut RangeCall<'_>) -> Reduced {
    let Some(values) = floats(window, call) else { return Ok(None) };
    if values.iter().any(|value| value.is_nan()) {
        return Ok(Some(Cell::Float(f64::NAN)));
    }
    let median = quantile(0.5, &mut values.to_vec());
    let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    Ok(Some(Cell::Float(quantile(0.5, &mut distances))))
}

/// `changes` and `resets`: neighbours that differ, or of which the second is a reset.
pub(crate) fn neighbours(window: &Window<'_>, resets: bool) -> Reduced {
    if window.is_empty() {
        return Ok(None);
    }
    let mut all: Vec<(i64, i64, Option<f64>, Option<&Histogram>)> = Vec::with_capacity(window.floats.len());
    let start_of = |starts: &[i64], at: usize| starts.get(at).copied().unwrap_or(0);
    for (at, value) in window.floats.iter().enumerate() {
        all.push((window.float_times[at], start_of(window.float_starts, at), Some(*value), None));
    }
    for (at, value) in window.histograms.iter().enumerate() {
        all.push((window.histogram_times[at], start_of(window.histogram_starts, at), None, Some(value)));
    }
    all.sort_by_key(|(time, ..)| *time);
    if window.edges == Edges::Anchored {
        // The last sample before the window is its start, and without one inside there is nothing to measure.
        let inside = all.partition_point(|(time, ..)| *time <= window.start);
        if inside == all.len() {
            return Ok(None);
        }
        all.drain(..inside.saturating_sub(1));
    }
    let differ = |pair: &[(i64, i64, Option<f64>, Option<&Histogram>)]| {
        let [one, two] = pair else { return false };
        let by_start = resets && start_is_reset(one.1, one.0, two.1, two.0);
        match ((one.2, one.3), (two.2, two.3)) {
            ((Some(a), _), (Some(b), _)) if resets => b < a || by_start,
            ((Some(a), _), (Some(b), _)) => a != b && !(a.is_nan() && b.is_nan()),
            ((_, Some(a)), (_, Some(b))) if resets => by_start || b.is_reset_from(a),
            ((_, Some(a)), (_, Some(b))) => !b.same_observations(a),
            _ => true,
        }
    };
    Ok(Some(Cell::Float(all.windows(2).filter(|pair| differ(pair)).count() as f64)))
}
