//! Functions that look at each sample on its own, and those that make or order vectors.
//!
//! **Invariant:** a function of numbers leaves histograms out, and one of histograms numbers.

use plimsoll_model::histogram::{Histogram, compensated_add};

use super::evaluator::{Evaluated, Evaluator};
use super::grid::Grid;
use super::prepare::{maximum, minimum};
use super::quantile::nan_first;
use super::{EvalError, calendar};
use crate::syntax::ast::{Call, Expr};

impl Evaluator<'_> {
    pub(crate) fn element_call(&mut self, call: &Call) -> Result<Evaluated, EvalError> {
        let name = call.function.name;
        let count = self.steps.count;
        match name {
            "time" => {
                let times = (0..count).map(|step| self.steps.time(step) as f64 / 1000.0).collect();
                return Ok(Evaluated::Scalar(times));
            }
            "pi" => return Ok(Evaluated::Scalar(vec![std::f64::consts::PI; count])),
            "max_of" | "min_of" => {
                let (one, two) = (self.eval_scalar(&call.args[0])?, self.eval_scalar(&call.args[1])?);
                let choose = if name == "max_of" { maximum } else { minimum };
                return Ok(Evaluated::Scalar(one.into_iter().zip(two).map(|(a, b)| choose(a, b)).collect()));
            }
            "vector" => {
                let values = self.eval_scalar(&call.args[0])?;
                return Ok(Evaluated::Grid(self.as_grid(Evaluated::Scalar(values))));
            }
            "scalar" => {
                let grid = self.eval_grid(&call.args[0])?;
                let only = |step: usize| {
                    let mut floats = (0..grid.rows()).filter_map(|row| grid.float(row, step));
                    match (floats.next(), floats.next()) {
                        (Some(value), None) => value,
                        _ => f64::NAN,
                    }
                };
                return Ok(Evaluated::Scalar((0..count).map(only).collect()));
            }
            _ => {}
        }
        if let Some(part) = calendar::part(name) {
            return Ok(Evaluated::Grid(if call.args.is_empty() {
                let values = (0..count).map(|step| part(self.steps.time(step).div_euclid(1000))).collect();
                self.as_grid(Evaluated::Scalar(values))
            } else {
                self.eval_grid(&call.args[0])?.map_floats(|seconds| part(calendar::whole_seconds(seconds)))
            }));
        }
        let grid = self.eval_grid(&call.args[0])?;
        if let Some(function) = number_function(name) {
            return Ok(Evaluated::Grid(grid.map_floats(function)));
        }
        if let Some(function) = histogram_function(name) {
            return Ok(Evaluated::Grid(map_histograms(&grid, function)));
        }
        Ok(Evaluated::Grid(match name {
            "clamp" | "clamp_min" | "clamp_max" => {
                let first = self.eval_scalar(&call.args[1])?;
                let (low, high) = match name {
                    "clamp" => (first, self.eval_scalar(&call.args[2])?),
                    "clamp_min" => (first, vec![f64::INFINITY; count]),
                    _ => (vec![f64::NEG_INFINITY; count], first),
                };
                map_steps(&grid, |step, value| {
                    (high[step] >= low[step] || high[step].is_nan() || low[step].is_nan())
                        .then(|| maximum(low[step], minimum(high[step], value)))
                })
            }
            "round" => {
                let nearest = match call.args.get(1) {
                    Some(arg) => self.eval_scalar(arg)?,
                    None => vec![1.0; count],
                };
                map_steps(&grid, |step, value| {
                    // By the inverse, which loses less.
                    let inverse = 1.0 / nearest[step];
                    Some((value * inverse + 0.5).floor() / inverse)
                })
            }
            "sort" => sorted_by_value(&grid, false),
            "sort_desc" => sorted_by_value(&grid, true),
            "sort_by_label" | "sort_by_label_desc" => {
                let labels: Vec<&str> = call.args[1..]
                    .iter()
                    .filter_map(|arg| match arg.unwrapped() {
                        Expr::String { value, .. } => Some(value.as_str()),
                        _ => None,
                    })
                    .collect();
                sorted_by_label(&grid, &labels, name == "sort_by_label_desc")
            }
            other => return self.fail(format!("the function {other} cannot be evaluated here")),
        }))
    }
}

fn map_steps(grid: &Grid, change: impl Fn(usize, f64) -> Option<f64>) -> Grid {
    let mut out = Grid::with_capacity(grid.steps, grid.rows());
    for row in 0..grid.rows() {
        let to = out.push_row(grid.labels[row].clone(), true);
        for step in 0..grid.steps {
            if let Some(value) = grid.float(row, step).and_then(|value| change(step, value)) {
                out.set_float(to, step, value);
            }
        }
        out.pop_if_empty();
    }
    out
}

fn map_histograms(grid: &Grid, change: fn(&Histogram) -> f64) -> Grid {
    let mut out = Grid::with_capacity(grid.steps, grid.rows());
    for row in 0..grid.rows() {
        let to = out.push_row(grid.labels[row].clone(), true);
        for step in 0..grid.steps {
            if let Some(histogram) = grid.histogram(row, step) {
                out.set_float(to, step, change(histogram));
            }
        }
        out.pop_if_empty();
    }
    out
}

fn in_order(grid: &Grid, rows: &[usize]) -> Grid {
    let mut out = Grid::with_capacity(grid.steps, rows.len());
    rows.iter().for_each(|row| out.copy_row(grid, *row));
    out
}

/// Numbers sorted, NaN last. With many steps the order is of no consequence, but histograms go in any case.
fn sorted_by_value(grid: &Grid, descending: bool) -> Grid {
    let mut floats = Grid::with_capacity(grid.steps, grid.rows());
    for row in 0..grid.rows() {
        let to = floats.push_row(grid.labels[row].clone(), grid.drop_name[row]);
        for step in 0..grid.steps {
            if let Some(value) = grid.float(row, step) {
                floats.set_float(to, step, value);
            }
        }
        floats.pop_if_empty();
    }
    if grid.steps != 1 {
        return floats;
    }
    let value = |row: &usize| floats.float(*row, 0).unwrap_or(f64::NAN);
    let mut rows: Vec<usize> = (0..floats.rows()).collect();
    rows.sort_by(|a, b| {
        let (a, b) = (value(a), value(b));
        if a.is_nan() || b.is_nan() || descending { nan_first(&b, &a) } else { nan_first(&a, &b) }
    });
    in_order(&floats, &rows)
}

fn sorted_by_label(grid: &Grid, labels: &[&str], descending: bool) -> Grid {
    let mut rows: Vec<usize> = (0..grid.rows()).collect();
    rows.sort_by(|a, b| {
        let (a, b) = (&grid.labels[*a], &grid.labels[*b]);
        let by_label = labels
            .iter()
            .map(|label| (a.get(label), b.get(label)))
            .find(|(one, two)| one != two)
            .map(|(one, two)| natural_order(one, two));
        let order = by_label.unwrap_or_else(|| a.cmp(b));
        if descending { order.reverse() } else { order }
    });
    in_order(grid, &rows)
}

/// Text with runs of digits compared as numbers.
fn natural_order(a: &str, b: &str) -> std::cmp::Ordering {
    let (a_chunks, b_chunks) = (chunks(a), chunks(b));
    for (one, two) in a_chunks.iter().zip(&b_chunks) {
        let order = match (one.parse::<i64>(), two.parse::<i64>()) {
            (Ok(one), Ok(two)) => one.cmp(&two),
            _ => one.cmp(two),
        };
        if order.is_ne() {
            return order;
        }
    }
    a_chunks.len().cmp(&b_chunks.len())
}

fn chunks(text: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        chunks.push(&rest[..end]);
        rest = &rest[end..];
    }
    chunks
}

fn number_function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |value| value * std::f64::consts::PI / 180.0,
        "deg" => |value| value * 180.0 / std::f64::consts::PI,
        "sgn" => |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        },
        _ => return None,
    })
}

fn histogram_function(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_count" => |h| h.count,
        "histogram_sum" => |h| h.sum,
        "histogram_avg" => |h| h.sum / h.count,
        "histogram_stdvar" => variance,
        "histogram_stddev" => |h| variance(h).sqrt(),
        _ => return None,
    })
}

fn variance(h: &Histogram) -> f64 {
    let mean = h.sum / h.count;
    let mut sum = (0.0, 0.0);
    for bucket in h.all_buckets() {
        if bucket.count == 0.0 {
            continue;
        }
        let middle = if h.has_custom_bounds() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = middle - mean;
        sum = compensated_add(bucket.count * delta * delta, sum.0, sum.1);
    }
    (sum.0 + sum.1) / h.count
}
