//! `deriv`, `predict_linear` and `double_exponential_smoothing`.
//!
//! **Invariant:** two numbers are needed; histograms are ignored with a note.

use plimsoll_model::histogram::compensated_add;

use super::EvalError;
use super::call::RangeCall;
use super::grid::Cell;
use super::window::Window;
use crate::syntax::format_g;

fn enough(window: &Window<'_>, call: &mut RangeCall<'_>) -> bool {
    if !window.floats.is_empty() && !window.histograms.is_empty() {
        call.annotations.ignored_in_range(call.span(), window.metric());
    }
    window.floats.len() >= 2
}

/// Slope per second and value at `time`, by least squares.
fn regression(window: &Window<'_>, time: i64) -> (f64, f64) {
    let first = window.floats[0];
    if window.floats.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let add = |sum: &mut (f64, f64), value: f64| *sum = compensated_add(value, sum.0, sum.1);
    let (mut x, mut y, mut xy, mut xx) = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0));
    for (at, value) in window.float_times.iter().zip(window.floats) {
        let seconds = (at - time) as f64 / 1000.0;
        add(&mut x, seconds);
        add(&mut y, *value);
        add(&mut xy, seconds * value);
        add(&mut xx, seconds * seconds);
    }
    let n = window.floats.len() as f64;
    let (x, y, xy, xx) = (x.0 + x.1, y.0 + y.1, xy.0 + xy.1, xx.0 + xx.1);
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

pub(crate) fn deriv(window: &Window<'_>, call: &mut RangeCall<'_>) -> Result<Option<Cell>, EvalError> {
    if !enough(window, call) {
        return Ok(None);
    }
    Ok(Some(Cell::Float(regression(window, window.float_times[0]).0)))
}

pub(crate) fn predict_linear(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    seconds: f64,
) -> Result<Option<Cell>, EvalError> {
    if !enough(window, call) {
        return Ok(None);
    }
    let (slope, value) = regression(window, window.time);
    Ok(Some(Cell::Float(slope * seconds + value)))
}

pub(crate) fn double_exponential_smoothing(
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    smoothing: f64,
    trend: f64,
) -> Result<Option<Cell>, EvalError> {
    for (name, short, factor) in [("smoothing", "sf", smoothing), ("trend", "tf", trend)] {
        if factor <= 0.0 || factor >= 1.0 {
            let shown = if factor.is_infinite() { format_g(factor) } else { format!("{factor:.6}") };
            return Err(EvalError::Execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {shown}"
            )));
        }
    }
    if !enough(window, call) {
        return Ok(None);
    }
    let values = window.floats;
    let (mut before, mut level, mut slope) = (0.0, values[0], values[1] - values[0]);
    for (at, value) in values.iter().enumerate().skip(1) {
        if at > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Ok(Some(Cell::Float(level)))
}
