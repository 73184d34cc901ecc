//! `rate`, `increase` and `delta` of native histograms.
//!
//! **Invariant:** the result is a gauge without empty buckets.

use std::sync::Arc;

use plimsoll_model::histogram::{Histogram, Incompatible, ResetHint};

use super::call::RangeCall;
use super::rate::{check_starts, reset_by_start};
use super::rate_extended::{edge_samples, interpolate_histograms};
use super::window::Window;
use crate::annotations::Annotations;
use crate::syntax::Span;
use crate::syntax::ast::Edges;

/// The difference between last and first of at least two histograms, resets added.
pub(crate) fn histogram_rate(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    counter: bool,
) -> Option<Histogram> {
    let mut found = Annotations::default();
    let span = call.span();
    let result = difference(window, &mut found, span, counter);
    match result {
        Ok(_) => call.annotations.merge(found),
        // What was found before is not said then.
        Err(Incompatible) => call.annotations.mixed_schemas(span, window.metric()),
    }
    result.ok().flatten()
}

fn difference(
    window: &Window<'_>,
    found: &mut Annotations,
    span: Span,
    counter: bool,
) -> Result<Option<Histogram>, Incompatible> {
    let points = window.histograms;
    let metric = window.metric();
    let [first, .., last] = points else { return Err(Incompatible) };
    let is_gauge = |histogram: &Histogram| histogram.reset_hint == ResetHint::Gauge;
    if counter && (is_gauge(first) || is_gauge(last)) {
        found.not_counter(span, metric);
    }
    let mut previous = first.clone();
    let second = &points[1];
    if counter
        && (reset_by_start(window.histogram_starts, window.histogram_times, 1) || second.is_reset_from(first))
    {
        // What was before a reset does not count, so its layout does not matter either.
        previous = Arc::new(Histogram {
            schema: second.schema,
            custom_bounds: second.custom_bounds.clone(),
            ..Histogram::default()
        });
    }
    let custom = previous.has_custom_bounds();
    if last.has_custom_bounds() != custom {
        found.mixed_schemas(span, metric);
        return Ok(None);
    }
    let mut schema = last.schema.min(previous.schema);
    if counter {
        for point in &points[1..points.len() - 1] {
            if is_gauge(point) {
                found.not_counter(span, metric);
            }
            schema = schema.min(point.schema);
            if point.has_custom_bounds() != custom {
                return Err(Incompatible);
            }
        }
    }
    let mut result = last.with_schema(schema);
    if result.subtract(&previous)?.bounds_reconciled {
        found.bounds_reconciled(span, "subtraction");
    }
    if counter {
        check_starts(found, span, window);
        for (index, point) in points.iter().enumerate().skip(1) {
            if (reset_by_start(window.histogram_starts, window.histogram_times, index)
                || point.is_reset_from(&previous))
                && result.add(&previous)?.bounds_reconciled
            {
                found.bounds_reconciled(span, "addition");
            }
            previous = point.clone();
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        found.not_gauge(span, metric);
    }
    result.reset_hint = ResetHint::Gauge;
    Ok(Some(result.compacted()))
}

/// The same for windows with edges.
pub(crate) fn extended_histogram_rate(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    counter: bool,
    per_second: bool,
) -> Option<Histogram> {
    let (times, points) = (window.histogram_times, window.histograms);
    let smoothed = window.edges == Edges::Smoothed;
    let (first, last) = edge_samples(times, window.start, window.end, smoothed)?;
    let (span, metric) = (call.span(), window.metric());
    let custom = points[first].has_custom_bounds();
    for point in &points[first..=last.max(first)] {
        if point.has_custom_bounds() != custom {
            call.annotations.mixed_schemas(span, metric);
            return None;
        }
        if counter && point.reset_hint == ResetHint::Gauge {
            call.annotations.not_counter(span, metric);
        }
    }
    let mut between = |one: usize, two: usize, at: i64| {
        let result = interpolate_histograms(
            (times[one], &points[one]),
            (times[two], &points[two]),
            at,
            counter,
            call.annotations,
            span,
        );
        result.map_err(|Incompatible| call.annotations.mixed_schemas(span, metric)).ok()
    };
    let left = if smoothed && times[first] < window.start && first + 1 < points.len() {
        between(first, first + 1, window.start)?
    } else {
        points[first].as_ref().clone()
    };
    let right = if smoothed && last > 0 && times[last] > window.end {
        between(last - 1, last, window.end)?
    } else {
        points[last].as_ref().clone()
    };
    if !counter && (left.reset_hint != ResetHint::Gauge || right.reset_hint != ResetHint::Gauge) {
        call.annotations.not_gauge(span, metric);
    }
    let mut result = right.clone();
    match result.subtract(&left) {
        Ok(combined) if combined.bounds_reconciled => call.annotations.bounds_reconciled(span, "subtraction"),
        Ok(_) => {}
        Err(Incompatible) => {
            call.annotations.mixed_schemas(span, metric);
            return None;
        }
    }
    if counter {
        let mut from = first + 1;
        let mut previous = &left;
        if smoothed
            && times[first] < window.start
            && points.get(first + 1).is_some_and(|next| next.is_reset_from(&points[first]))
        {
            // The value at the edge lies behind this reset already.
            previous = &points[first + 1];
            from += 1;
        }
        if from <= last {
            let mut corrections: Vec<Histogram> = Vec::new();
            for point in &points[from..last] {
                if point.is_reset_from(previous) {
                    corrections.push(previous.clone());
                }
                previous = point;
            }
            if right.is_reset_from(previous) {
                corrections.push(previous.clone());
            }
            let mut total: Option<Histogram> = None;
            let mut add = |to: &mut Histogram, other: &Histogram| match to.add(other) {
                Ok(combined) => {
                    if combined.bounds_reconciled {
                        call.annotations.bounds_reconciled(span, "addition");
                    }
                    Some(())
                }
                Err(Incompatible) => {
                    call.annotations.mixed_schemas(span, metric);
                    None
                }
            };
            for correction in corrections {
                match &mut total {
                    None => total = Some(correction),
                    Some(total) => add(total, &correction)?,
                }
            }
            if let Some(total) = total {
                add(&mut result, &total)?;
            }
        }
    }
    let mut result = if per_second { result.divided(window.seconds) } else { result };
    result.reset_hint = ResetHint::Gauge;
    Some(result.compacted())
}
