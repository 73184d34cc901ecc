//! Windows with edges: `anchored` takes the sample before the window as its start, `smoothed` the values in between.
//!
//! **Invariant:** the window is measured from edge to edge, nothing is extrapolated.

use std::sync::Arc;

use plimsoll_model::histogram::{Histogram, Incompatible};

use super::window::{Samples, Window};
use super::{Millis, Point, SampleValue};
use crate::annotations::Annotations;
use crate::syntax::Span;
use crate::syntax::ast::Edges;

/// The value between two samples. A counter that fell is taken to have started from zero.
pub(crate) fn interpolate(one: (i64, f64), two: (i64, f64), at: Millis, counter: bool) -> f64 {
    let from = if counter && two.1 < one.1 { 0.0 } else { one.1 };
    from + (two.1 - from) * (at - one.0) as f64 / (two.0 - one.0) as f64
}

pub(crate) fn interpolate_histograms(
    one: (i64, &Arc<Histogram>),
    two: (i64, &Arc<Histogram>),
    at: Millis,
    counter: bool,
    annotations: &mut Annotations,
    span: Span,
) -> Result<Histogram, Incompatible> {
    if at == one.0 {
        return Ok(one.1.as_ref().clone());
    }
    if at == two.0 {
        return Ok(two.1.as_ref().clone());
    }
    let fraction = (at - one.0) as f64 / (two.0 - one.0) as f64;
    if counter && two.1.is_reset_from(one.1) {
        return Ok(two.1.as_ref().clone().times(fraction));
    }
    let mut result = two.1.as_ref().clone();
    if result.subtract(one.1)?.bounds_reconciled {
        annotations.bounds_reconciled(span, "subtraction");
    }
    result = result.times(fraction);
    if result.add(one.1)?.bounds_reconciled {
        annotations.bounds_reconciled(span, "addition");
    }
    Ok(result)
}

/// The indices of the samples at or around the edges; none if there is nothing to measure.
pub(crate) fn edge_samples(
    times: &[i64],
    start: Millis,
    end: Millis,
    smoothed: bool,
) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|time| *time <= start).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|time| *time < end);
    }
    (times[last] > start && !(smoothed && times[first] > end)).then_some((first, last))
}

pub(crate) fn extended_rate(window: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    let (times, values) = (window.float_times, window.floats);
    let smoothed = window.edges == Edges::Smoothed;
    let (mut first, last) = edge_samples(times, window.start, window.end, smoothed)?;
    let left = left_value(times, values, first, window.start, smoothed, counter);
    let right = right_value(times, values, last, window.end, smoothed, counter);
    let mut result = right - left;
    if counter {
        // Resets at the edges are in the values of the edges already.
        if times[first] <= window.start {
            first += 1;
        }
        let mut behind = last + 1;
        if times[last] >= window.end {
            behind = last;
        }
        let (mut correction, mut previous) = (0.0, left);
        for value in values.get(first..behind).unwrap_or_default() {
            if *value < previous {
                correction += previous;
            }
            previous = *value;
        }
        if right < previous {
            correction += previous;
        }
        result += correction;
    }
    Some(if per_second { result / window.seconds } else { result })
}

fn left_value(
    times: &[i64],
    values: &[f64],
    first: usize,
    start: Millis,
    smoothed: bool,
    counter: bool,
) -> f64 {
    match (smoothed && times[first] < start, values.get(first + 1)) {
        (true, Some(next)) => {
            interpolate((times[first], values[first]), (times[first + 1], *next), start, counter)
        }
        _ => values[first],
    }
}

fn right_value(
    times: &[i64],
    values: &[f64],
    last: usize,
    end: Millis,
    smoothed: bool,
    counter: bool,
) -> f64 {
    if smoothed && last > 0 && times[last] > end {
        return interpolate((times[last - 1], values[last - 1]), (times[last], values[last]), end, counter);
    }
    values[last]
}

/// The samples of a window with one at each edge.
pub(crate) fn extended_points(
    samples: &Samples<'_>,
    start: Millis,
    end: Millis,
    smoothed: bool,
) -> Vec<Point> {
    let (times, values) = (&samples.float_times, &samples.floats);
    let Some(mut last) = times.len().checked_sub(1) else { return Vec::new() };
    let first = times[..last].partition_point(|time| *time <= start).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|time| *time < end);
    }
    if times[last] <= start {
        return Vec::new();
    }
    let point = |time: i64, value: f64| Point { time, value: SampleValue::Float(value) };
    let mut points = vec![point(start, left_value(times, values, first, start, smoothed, false))];
    let inside = (first..=last).filter(|at| times[*at] > start && times[*at] < end);
    points.extend(inside.map(|at| point(times[at], values[at])));
    points.push(point(end, right_value(times, values, last, end, smoothed, false)));
    points
}
