//! `rate`, `increase`, `delta`, `irate` and `idelta`.
//!
//! **Invariant:** a window with numbers and histograms, or with too few samples, gives nothing.

use plimsoll_model::histogram::ResetHint;

use super::EvalError;
use super::call::RangeCall;
use super::grid::Cell;
use super::rate_extended::extended_rate;
use super::rate_histogram::{extended_histogram_rate, histogram_rate};
use super::window::{Bounds, Window};
use crate::annotations::Annotations;
use crate::syntax::Span;
use crate::syntax::ast::Edges;

/// Whether a sample's start time tells of a reset between it and the sample before.
/// A start of 0 is unknown, and so is one that is not before its sample.
pub(crate) fn start_is_reset(previous_start: i64, previous_time: i64, start: i64, time: i64) -> bool {
    if start == 0 || start >= time || start < previous_time {
        return false;
    }
    if start > previous_time {
        return true;
    }
    // The start is the previous sample itself: a reset for deltas, whose starts are all known, and none for a
    // cumulative series whose first start was not.
    previous_start < previous_time && previous_start != 0
}

/// Whether a start time lies within the time of the sample before without going on from it.
fn has_overlapping_starts(starts: &[i64], times: &[i64]) -> bool {
    (1..starts.len()).any(|at| starts[at] != 0 && starts[at] < times[at - 1] && starts[at] != starts[at - 1])
}

/// Warns of it, once a window.
pub(crate) fn check_starts(annotations: &mut Annotations, span: Span, window: &Window<'_>) {
    if has_overlapping_starts(window.float_starts, window.float_times)
        || has_overlapping_starts(window.histogram_starts, window.histogram_times)
    {
        annotations.overlapping_starts(span, window.metric());
    }
}

/// When the counter of the first sample was at zero, if that is known and within the window.
fn zero_time(window: &Window<'_>, starts: &[i64], times: &[i64]) -> Option<i64> {
    let (start, time) = (*starts.first()?, *times.first()?);
    (start != 0 && start > window.start && start < time).then_some(start)
}

/// Whether the pair ending at `index` is a reset by its start times; `starts` may be empty.
pub(crate) fn reset_by_start(starts: &[i64], times: &[i64], index: usize) -> bool {
    starts.len() > index && start_is_reset(starts[index - 1], times[index - 1], starts[index], times[index])
}

/// `rate` (per second), `increase` and `delta`.
pub(crate) fn extrapolated_rate(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    counter: bool,
    per_second: bool,
) -> Result<Option<Cell>, EvalError> {
    if window.is_mixed() {
        call.annotations.mixed_range(call.span(), window.metric());
        return Ok(None);
    }
    if window.edges != Edges::Plain {
        return Ok(if window.histograms.is_empty() {
            extended_rate(window, counter, per_second).map(Cell::Float)
        } else {
            extended_histogram_rate(window, call, counter, per_second).map(|h| Cell::Histogram(h.into()))
        });
    }
    let zero_at = |starts, times| if counter { zero_time(window, starts, times) } else { None };
    if !window.histograms.is_empty() {
        let times = window.histogram_times;
        let start = zero_at(window.histogram_starts, times);
        let first = &window.histograms[0];
        let mut result = match times.len() {
            1 => None,
            _ => match histogram_rate(window, call, counter) {
                None => return Ok(None),
                rate => rate,
            },
        };
        if start.is_some() {
            match &mut result {
                None => result = Some(first.as_ref().clone()),
                Some(result) => match result.add(first) {
                    Ok(combined) if combined.bounds_reconciled => {
                        call.annotations.bounds_reconciled(call.span(), "addition");
                    }
                    Ok(_) => {}
                    Err(_) => {
                        call.annotations.mixed_schemas(call.span(), window.metric());
                        return Ok(None);
                    }
                },
            }
        }
        let Some(result) = result else { return Ok(None) };
        let zero = (counter && result.count > 0.0 && first.count >= 0.0).then(|| first.count / result.count);
        let factor = Extrapolation::new(window.bounds(), times, start, per_second).factor(zero);
        return Ok(Some(Cell::Histogram(result.times(factor).into())));
    }
    let (values, times) = (window.floats, window.float_times);
    let start = zero_at(window.float_starts, times);
    if values.len() < 2 && (start.is_none() || values.is_empty()) {
        return Ok(None);
    }
    let extrapolation = Extrapolation::new(window.bounds(), times, start, per_second);
    if window.float_starts.is_empty() {
        return Ok(Some(Cell::Float(extrapolation.of(values, counter))));
    }
    let mut result = values[values.len() - 1] - values[0];
    if counter {
        check_starts(call.annotations, call.span(), window);
        for index in 1..values.len() {
            if values[index] < values[index - 1] || reset_by_start(window.float_starts, times, index) {
                result += values[index - 1];
            }
        }
        if start.is_some() {
            result += values[0];
        }
    }
    let zero = (counter && result > 0.0 && values[0] >= 0.0).then(|| values[0] / result);
    Ok(Some(Cell::Float(result * extrapolation.factor(zero))))
}

/// How much more the whole window holds than the time that is sampled. That begins with the first sample, or at the
/// start, where the counter is known to have been at zero. The same for all series with samples at the same times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extrapolation {
    sampled: f64,
    /// Whether the sampled time begins with the counter at zero.
    from_zero: bool,
    to_start: f64,
    to_end: f64,
    /// The factor unless the counter would have been at zero within `to_start`.
    plain: f64,
    /// Length of the window in seconds, if the result is for each of them.
    per: Option<f64>,
}

impl Extrapolation {
    /// Of samples at `times`, at least one, and two without a `start`.
    pub fn new(bounds: Bounds, times: &[i64], start: Option<i64>, per_second: bool) -> Self {
        let (first, last) = (times[0], times[times.len() - 1]);
        let sampled = (last - start.unwrap_or(first)) as f64 / 1000.0;
        let average = match times.len() {
            0 | 1 => 0.0,
            count => (last - first) as f64 / 1000.0 / (count - 1) as f64,
        };
        // Samples close to an edge are taken to reach it; else the series is taken to begin or end within the window, half
        // a distance between samples away.
        let threshold = average * 1.1;
        let reach = |gap: f64| if gap >= threshold { average / 2.0 } else { gap };
        let to_start = if start.is_some() { 0.0 } else { reach((first - bounds.start) as f64 / 1000.0) };
        let to_end = reach((bounds.end - last) as f64 / 1000.0);
        let per = per_second.then_some(bounds.seconds);
        let plain = of_sampled(sampled, to_start, to_end, per);
        Self { sampled, from_zero: start.is_some(), to_start, to_end, plain, per }
    }

    /// The factor. `zero` is how far back, in parts of the sampled time, the counter would have been at zero.
    pub fn factor(&self, zero: Option<f64>) -> f64 {
        let to_zero = zero.map_or(f64::INFINITY, |zero| self.sampled * zero);
        if self.from_zero || to_zero >= self.to_start || to_zero.is_nan() {
            return self.plain;
        }
        of_sampled(self.sampled, to_zero, self.to_end, self.per)
    }

    /// The increase or difference of numbers, at least two and without start times, over the whole window.
    #[inline]
    pub fn of(&self, values: &[f64], counter: bool) -> f64 {
        let (first, last) = (values[0], values[values.len() - 1]);
        let mut result = last - first;
        if counter {
            // Resets are rare; whether there is one is a few vector instructions.
            let falls = values.iter().zip(&values[1..]).fold(false, |falls, (one, two)| falls | (two < one));
            for pair in values.windows(2).filter(|pair| falls && pair[1] < pair[0]) {
                result += pair[0];
            }
        }
        let zero = (counter && result > 0.0 && first >= 0.0).then(|| first / result);
        result * self.factor(zero)
    }
}

fn of_sampled(sampled: f64, to_start: f64, to_end: f64, per: Option<f64>) -> f64 {
    let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    per.map_or(factor, |seconds| factor / seconds)
}

/// `irate` and `idelta`: from the last two samples.
pub(crate) fn instant_value(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    rate: bool,
) -> Result<Option<Cell>, EvalError> {
    let (floats, histograms) = (window.floats.len(), window.histograms.len());
    if floats + histograms < 2 {
        return Ok(None);
    }
    // The last two of both kinds, by time.
    let mut last: Vec<(i64, bool, usize)> = Vec::with_capacity(4);
    last.extend((floats.saturating_sub(2)..floats).map(|at| (window.float_times[at], true, at)));
    last.extend((histograms.saturating_sub(2)..histograms).map(|at| (window.histogram_times[at], false, at)));
    last.sort_by_key(|(time, ..)| *time);
    let [.., first, second] = last[..] else { return Ok(None) };
    let interval = (second.0 - first.0) as f64 / 1000.0;
    if interval == 0.0 {
        return Ok(None);
    }
    match (first.1, second.1) {
        (true, true) => {
            let (one, two) = (window.floats[first.2], window.floats[second.2]);
            let reset =
                rate && (two < one || reset_by_start(window.float_starts, window.float_times, second.2));
            let result = if reset { two } else { two - one };
            Ok(Some(Cell::Float(if rate { result / interval } else { result })))
        }
        (false, false) => {
            let (one, two) = (&window.histograms[first.2], &window.histograms[second.2]);
            let gauges = [one, two].iter().filter(|h| h.reset_hint == ResetHint::Gauge).count();
            let (span, metric) = (call.span(), window.metric());
            if rate && gauges > 0 {
                call.annotations.not_counter(span, metric);
            }
            if !rate && gauges < 2 {
                call.annotations.not_gauge(span, metric);
            }
            let mut result = two.as_ref().clone();
            let reset = rate
                && (reset_by_start(window.histogram_starts, window.histogram_times, second.2)
                    || two.is_reset_from(one));
            if !reset {
                match result.subtract(one) {
                    Err(_) => {
                        call.annotations.mixed_schemas(span, metric);
                        return Ok(None);
                    }
                    Ok(combined) if combined.bounds_reconciled => {
                        call.annotations.bounds_reconciled(span, "subtraction");
                    }
                    Ok(_) => {}
                }
            }
            result.reset_hint = ResetHint::Gauge;
            let result = result.compacted();
            Ok(Some(Cell::Histogram(if rate { result.divided(interval) } else { result }.into())))
        }
        _ => {
            call.annotations.mixed_range(call.span(), window.metric());
            Ok(None)
        }
    }
}
