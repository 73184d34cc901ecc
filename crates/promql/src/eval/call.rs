//! Function calls: which function, over which argument.
//!
//! **Invariant:** every function of the table is dispatched here.

use plimsoll_model::labels::{Label, Labels, METRIC_NAME};
use plimsoll_model::matcher::{MatchOp, Matcher};
use plimsoll_model::series::TimeRange;

use super::evaluator::{Evaluated, Evaluator};
use super::grid::{Cell, Grid};
use super::selector::widening;
use super::window::{Cursor, Samples, Window};
use super::{EvalError, over_time, rate, trend};
use crate::annotations::Annotations;
use crate::syntax::Span;
use crate::syntax::ast::{Call, Edges, Expr, Shift, ValueType};

/// What a function over a range needs besides the window.
pub(crate) struct RangeCall<'a> {
    pub annotations: &'a mut Annotations,
    args: &'a [Expr],
}

impl<'a> RangeCall<'a> {
    pub fn new(annotations: &'a mut Annotations, args: &'a [Expr]) -> Self {
        Self { annotations, args }
    }

    /// Where annotations point: the first argument. A subquery is replaced by its samples, which stand nowhere, so
    /// that they point to the start of the query, as Prometheus' do.
    pub fn span(&self) -> Span {
        match self.args.first().map(Expr::unwrapped) {
            None | Some(Expr::Subquery(_)) => Span::default(),
            Some(arg) => arg.span(),
        }
    }
}

const ANCHORED: &[&str] = &["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: &[&str] = &["delta", "increase", "rate"];

impl Evaluator<'_> {
    pub(crate) fn call(&mut self, call: &Call) -> Result<Evaluated, EvalError> {
        let name = call.function.name;
        if let Some(at) = call.args.iter().position(|arg| arg.value_type() == ValueType::Matrix) {
            return Ok(Evaluated::Grid(self.range_call(call, at)?));
        }
        let grid = match name {
            "timestamp" => self.timestamp(call)?,
            "start_timestamp" => self.start_timestamp(call)?,
            "label_replace" => self.label_replace(call)?,
            "label_join" => self.label_join(call)?,
            "info" => self.info(call)?,
            "histogram_quantile" => self.histogram_quantile(call)?,
            "histogram_quantiles" => self.histogram_quantiles(call)?,
            "histogram_fraction" => self.histogram_fraction(call)?,
            "absent" => self.absent(call)?,
            _ => {
                let result = self.element_call(call);
                let sorts = matches!(name, "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc");
                if sorts && self.steps.start != self.steps.end {
                    self.annotations.warn(
                        call.span,
                        "sort is ineffective for range queries since results are always ordered by labels",
                    );
                }
                return result;
            }
        };
        Ok(Evaluated::Grid(grid))
    }

    fn timestamp(&mut self, call: &Call) -> Result<Grid, EvalError> {
        if let Expr::Vector(vector) = call.args[0].unwrapped() {
            let mut grid = self.vector_times(vector)?;
            grid.drop_name.fill(true);
            return Ok(grid);
        }
        let grid = self.eval_grid(&call.args[0])?;
        let mut times = Grid::with_capacity(grid.steps, grid.rows());
        for row in 0..grid.rows() {
            let to = times.push_row(grid.labels[row].clone(), true);
            for step in (0..grid.steps).filter(|step| grid.is_present(row, *step)) {
                times.set_float(to, step, self.steps.time(step) as f64 / 1000.0);
            }
        }
        Ok(times)
    }

    /// When the counter of each sample started, where that is known. An expression has lost it.
    fn start_timestamp(&mut self, call: &Call) -> Result<Grid, EvalError> {
        if let Expr::Vector(vector) = call.args[0].unwrapped() {
            let mut grid = self.vector_starts(vector)?;
            grid.drop_name.fill(true);
            return Ok(grid);
        }
        self.eval_grid(&call.args[0])?;
        Ok(Grid::new(self.steps.count))
    }

    fn absent(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let grid = self.eval_grid(&call.args[0])?;
        Ok(self.where_absent(&grid, absent_labels(call.args[0].unwrapped()), false))
    }

    fn where_absent(&self, grid: &Grid, labels: Labels, drop_name: bool) -> Grid {
        let mut out = Grid::new(self.steps.count);
        let row = out.push_row(labels, drop_name);
        for step in 0..self.steps.count {
            if !(0..grid.rows()).any(|row| grid.is_present(row, step)) {
                out.set_float(row, step, 1.0);
            }
        }
        out.without_empty_rows()
    }

    /// A function over a range: series by series, step by step.
    fn range_call(&mut self, call: &Call, matrix_at: usize) -> Result<Grid, EvalError> {
        let name = call.function.name;
        let mut scalars = Vec::new();
        for (at, arg) in call.args.iter().enumerate() {
            if at != matrix_at {
                scalars.push(self.eval_scalar(arg)?);
            }
        }
        let drop_name = !matches!(name, "last_over_time" | "first_over_time");
        let steps = self.steps;
        let mut out = Grid::new(steps.count);
        match call.args[matrix_at].unwrapped() {
            Expr::Matrix(matrix) => {
                let vector = &matrix.vector;
                let (edges, allowed, word) = match vector.edges {
                    Edges::Plain => (Edges::Plain, &[][..], ""),
                    Edges::Anchored => (Edges::Anchored, ANCHORED, "anchored"),
                    Edges::Smoothed => (Edges::Smoothed, SMOOTHED, "smoothed"),
                };
                if edges != Edges::Plain && !allowed.contains(&name) {
                    let list = allowed.join(", ");
                    return self
                        .fail(format!("{word} modifier can only be used with: {list} - not with {name}"));
                }
                let length = matrix.range / 1_000_000;
                let (before, after) = widening(edges, self.options.lookback);
                let range = TimeRange {
                    start: self.window_end(&vector.shift, 0).saturating_sub(length + before - 1),
                    end: self.window_end(&vector.shift, steps.count.saturating_sub(1)).saturating_add(after),
                };
                let selection = self.selection(vector, range)?;
                out.distinct = selection.is_distinct(self.source);
                let windows = Windows { shift: &vector.shift, length, nanoseconds: matrix.range, edges };
                let (source, mut result) = (self.source, Ok(()));
                source.read(&selection.ids, range, &mut |index, columns| {
                    if columns.timestamps.is_empty() {
                        return true;
                    }
                    let samples = Samples::of_columns(columns, vector.stats_only);
                    let row = out.push_row(selection.labels(source, index), drop_name);
                    result = self.series_windows(call, &windows, &samples, &scalars, &mut out, row);
                    out.pop_if_empty();
                    result.is_ok()
                });
                result?;
            }
            Expr::Subquery(subquery) => {
                let (inner_steps, grid) = self.subquery(subquery)?;
                let weight = grid.weight();
                self.hold(weight)?;
                let windows = Windows {
                    shift: &subquery.shift,
                    length: subquery.range / 1_000_000,
                    nanoseconds: subquery.range,
                    edges: Edges::Plain,
                };
                for inner in 0..grid.rows() {
                    self.stop.check()?;
                    let samples = Samples::of_row(&grid, inner, inner_steps);
                    let row = out.push_row(grid.labels[inner].clone(), drop_name || grid.drop_name[inner]);
                    self.series_windows(call, &windows, &samples, &scalars, &mut out, row)?;
                    out.pop_if_empty();
                }
                self.release(weight);
            }
            _ => return self.fail("expected a range vector"),
        }
        let weight = out.weight();
        self.hold(weight)?;
        self.release(weight);
        if name == "absent_over_time" {
            return Ok(self.where_absent(&out, absent_labels(call.args[0].unwrapped()), true));
        }
        Ok(out)
    }

    fn series_windows(
        &mut self,
        call: &Call,
        windows: &Windows<'_>,
        samples: &Samples<'_>,
        scalars: &[Vec<f64>],
        out: &mut Grid,
        row: usize,
    ) -> Result<(), EvalError> {
        let name = call.function.name;
        let labels = out.labels[row].clone();
        let (before, after) = widening(windows.edges, self.options.lookback);
        let mut cursor = Cursor::default();
        let uses_starts = matches!(name, "rate" | "irate" | "increase" | "resets");
        for step in 0..self.steps.count {
            let end = self.window_end(windows.shift, step);
            let start = end.saturating_sub(windows.length);
            let (floats, histograms) =
                cursor.seek(samples, start.saturating_sub(before), end.saturating_add(after));
            let starts = |starts: &'_ [i64], (from, to): (usize, usize)| -> Option<(usize, usize)> {
                (uses_starts && starts.len() >= to).then_some((from, to))
            };
            let float_starts = starts(&samples.float_starts, floats);
            let histogram_starts = starts(&samples.histogram_starts, histograms);
            let window = Window {
                labels: &labels,
                time: self.steps.time(step),
                start,
                end,
                seconds: windows.nanoseconds as f64 / 1e9,
                edges: windows.edges,
                float_times: &samples.float_times[floats.0..floats.1],
                floats: &samples.floats[floats.0..floats.1],
                float_starts: float_starts.map_or(&[], |(from, to)| &samples.float_starts[from..to]),
                histogram_times: &samples.histogram_times[histograms.0..histograms.1],
                histograms: &samples.histograms[histograms.0..histograms.1],
                histogram_starts: histogram_starts
                    .map_or(&[], |(from, to)| &samples.histogram_starts[from..to]),
            };
            if window.is_empty() {
                continue;
            }
            let weight = window.weight();
            self.hold(weight)?;
            self.release(weight);
            let arg = |at: usize| scalars.get(at).map_or(f64::NAN, |values| values[step]);
            let mut range = RangeCall { annotations: &mut self.annotations, args: &call.args };
            if let Some(cell) = apply(name, &window, &mut range, &arg)? {
                out.set(row, step, cell);
            }
        }
        if matches!(name, "rate" | "increase") {
            let metric = labels.get(METRIC_NAME);
            let counter = is_counter_name(metric);
            let has_floats = (0..self.steps.count).any(|step| out.float(row, step).is_some());
            if !metric.is_empty() && !counter && has_floats {
                let span = RangeCall { annotations: &mut self.annotations, args: &call.args }.span();
                self.annotations.possible_non_counter(span, metric);
            }
        }
        Ok(())
    }
}

/// Whether the name ends as those of counters do.
pub(crate) fn is_counter_name(metric: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"].iter().any(|end| metric.ends_with(end))
}

struct Windows<'a> {
    shift: &'a Shift,
    /// Milliseconds.
    length: i64,
    nanoseconds: i64,
    edges: Edges,
}

fn apply(
    name: &str,
    window: &Window<'_>,
    call: &mut RangeCall<'_>,
    arg: &dyn Fn(usize) -> f64,
) -> Result<Option<Cell>, EvalError> {
    match name {
        "rate" => rate::extrapolated_rate(window, call, true, true),
        "increase" => rate::extrapolated_rate(window, call, true, false),
        "delta" => rate::extrapolated_rate(window, call, false, false),
        "irate" => rate::instant_value(window, call, true),
        "idelta" => rate::instant_value(window, call, false),
        "sum_over_time" => over_time::sum(window, call),
        "avg_over_time" => over_time::average(window, call),
        "count_over_time" => over_time::count(window),
        "min_over_time" => over_time::extreme(window, call, |new, best| new < best, false),
        "max_over_time" => over_time::extreme(window, call, |new, best| new > best, false),
        "ts_of_min_over_time" => over_time::extreme(window, call, |new, best| new <= best, true),
        "ts_of_max_over_time" => over_time::extreme(window, call, |new, best| new >= best, true),
        "first_over_time" => over_time::edge(window, false, false),
        "last_over_time" => over_time::edge(window, true, false),
        "ts_of_first_over_time" => over_time::edge(window, false, true),
        "ts_of_last_over_time" => over_time::edge(window, true, true),
        "stddev_over_time" => over_time::variance(window, call, true),
        "stdvar_over_time" => over_time::variance(window, call, false),
        "mad_over_time" => over_time::deviation(window, call),
        "quantile_over_time" => over_time::quantile_over_time(window, call, arg(0)),
        "present_over_time" | "absent_over_time" => Ok(Some(Cell::Float(1.0))),
        "changes" => over_time::neighbours(window, false),
        "resets" => over_time::neighbours(window, true),
        "deriv" => trend::deriv(window, call),
        "predict_linear" => trend::predict_linear(window, call, arg(0)),
        "double_exponential_smoothing" => trend::double_exponential_smoothing(window, call, arg(0), arg(1)),
        other => Err(EvalError::Execution(format!("the function {other} takes no range vector"))),
    }
}

/// The labels of what is absent: those that the selector asks for by one equality.
fn absent_labels(expr: &Expr) -> Labels {
    let matchers: &[Matcher] = match expr {
        Expr::Vector(vector) => &vector.matchers,
        Expr::Matrix(matrix) => &matrix.vector.matchers,
        _ => &[],
    };
    // An equality sets its label unless there was one before; any other matcher behind it takes the label away again.
    let mut labels: Vec<Label> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        if matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name()) {
            seen.push(matcher.name());
            labels.push(Label { name: matcher.name().into(), value: matcher.value().into() });
        } else {
            labels.retain(|label| *label.name != *matcher.name());
        }
    }
    Labels::new(labels)
}
