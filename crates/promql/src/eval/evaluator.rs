//! The walk over a query.
//!
//! **Invariant:** every node gives its values for the same steps; samples are counted while they are held.

use plimsoll_model::labels::{Label, METRIC_NAME, METRIC_TYPE, METRIC_UNIT};
use plimsoll_model::quote::quote;
use plimsoll_model::series::SeriesSource;

use super::bound::Bound;
use super::grid::Grid;
use super::prepare::{Context, is_step_invariant, mark_stats_only, prepare};
use super::{
    EvalError, Millis, Options, Outcome, Point, Query, RangeSeries, Sample, SampleValue, Stop, Trace, Value,
    When,
};
use crate::annotations::Annotations;
use crate::syntax::ast::{At, Expr, Shift, Subquery, ValueType};

/// The steps of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub start: Millis,
    pub interval: Millis,
    pub count: usize,
    /// Not before the last step, and before the one that would follow.
    pub end: Millis,
}

impl Steps {
    pub fn time(&self, step: usize) -> Millis {
        self.start.saturating_add(self.interval.saturating_mul(step as i64))
    }
}

/// What a node evaluates to.
pub(crate) enum Evaluated {
    Scalar(Vec<f64>),
    Grid(Grid),
    Text,
}

/// Series times steps that always have room, whatever the limit of samples: 9 bytes each.
const LEAST_ROOM: usize = 1 << 20;

pub(crate) struct Evaluator<'a> {
    pub source: &'a dyn SeriesSource,
    pub options: &'a Options,
    pub stop: Stop<'a>,
    pub steps: Steps,
    pub annotations: Annotations,
    /// What is known of the source's series from a time before.
    pub bound: Option<&'a Bound>,
    held: usize,
    peak: usize,
    traces: Vec<Trace>,
}

/// Makes a query ready for its time.
pub(crate) fn prepared(query: &Query, when: When) -> Result<Expr, EvalError> {
    let kind = query.expr().value_type();
    if matches!(when, When::Range { .. }) && !matches!(kind, ValueType::Scalar | ValueType::Vector) {
        return Err(EvalError::Execution(format!(
            "invalid expression type {} for range query, must be Scalar or instant Vector",
            quote(kind.as_str().as_bytes())
        )));
    }
    let (start, end, step) = when.bounds();
    let mut expr = query.expr().clone();
    prepare(&mut expr, &Context { start, end, step })?;
    mark_stats_only(&mut expr);
    Ok(expr)
}

/// Evaluates a [`prepared`] query.
pub(crate) fn run(
    expr: &Expr,
    bound: Option<&Bound>,
    source: &dyn SeriesSource,
    when: When,
    options: &Options,
    stop: Stop<'_>,
) -> Result<Outcome, EvalError> {
    stop.check()?;
    let (start, end, step) = when.bounds();
    let steps = match when {
        When::Instant(_) => Steps { start, interval: 1, count: 1, end },
        When::Range { .. } => {
            Steps { start, interval: step, count: steps_between(start, end, step, options)?, end }
        }
    };
    let mut evaluator = Evaluator {
        source,
        options,
        stop,
        steps,
        annotations: Annotations::default(),
        bound,
        held: 0,
        peak: 0,
        traces: vec![Trace::default()],
    };
    let value = evaluator.answer(expr, when)?;
    let trace = evaluator.traces.pop().and_then(|mut root| root.children.pop()).filter(|_| options.trace);
    Ok(Outcome { value, annotations: evaluator.annotations, peak_samples: evaluator.peak, trace })
}

pub(crate) fn steps_between(
    start: Millis,
    end: Millis,
    step: Millis,
    options: &Options,
) -> Result<usize, EvalError> {
    if end < start {
        return Ok(0);
    }
    let steps = end.abs_diff(start) / step.unsigned_abs().max(1) + 1;
    match usize::try_from(steps) {
        Ok(count) if count <= options.max_steps => Ok(count),
        _ => Err(EvalError::TooManySteps { steps, limit: options.max_steps }),
    }
}

impl Evaluator<'_> {
    /// Counts samples that are held from now on.
    pub fn hold(&mut self, samples: usize) -> Result<(), EvalError> {
        self.held += samples;
        self.peak = self.peak.max(self.held);
        if self.held > self.options.max_samples {
            return Err(EvalError::TooManySamples { limit: self.options.max_samples });
        }
        Ok(())
    }

    /// Whether so many series have room over all steps: each takes its place, with a sample or without one.
    pub fn room(&self, series: usize) -> Result<(), EvalError> {
        let limit = self.options.max_samples.saturating_mul(2).max(LEAST_ROOM);
        let steps = self.steps.count;
        if series.saturating_mul(steps) > limit {
            return Err(EvalError::TooMuchRoom { series, steps, limit });
        }
        Ok(())
    }

    pub fn release(&mut self, samples: usize) {
        self.held = self.held.saturating_sub(samples);
    }

    pub fn fail<T>(&self, message: impl Into<String>) -> Result<T, EvalError> {
        Err(EvalError::Execution(message.into()))
    }

    /// Evaluates with other steps.
    pub fn with_steps<T>(&mut self, steps: Steps, inner: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.steps, steps);
        let result = inner(self);
        self.steps = outer;
        result
    }

    /// The end of a window at a step.
    pub fn window_end(&self, shift: &Shift, step: usize) -> Millis {
        let time = match shift.at {
            Some(At::Time(time)) => time,
            _ => self.steps.time(step),
        };
        time.saturating_sub(shift.offset / 1_000_000)
    }

    fn answer(&mut self, expr: &Expr, when: When) -> Result<Value, EvalError> {
        if let Expr::String { value, .. } = expr.unwrapped() {
            return Ok(Value::String(value.clone()));
        }
        if expr.value_type() == ValueType::Matrix {
            return self.matrix(expr.unwrapped());
        }
        let grid = match self.eval(expr)? {
            Evaluated::Scalar(values) if matches!(when, When::Instant(_)) => {
                return Ok(Value::Scalar(values.first().copied().unwrap_or(f64::NAN)));
            }
            evaluated => self.as_grid(evaluated),
        };
        let mut grid = drop_names(grid)?;
        if matches!(when, When::Instant(_)) {
            let labels = std::mem::take(&mut grid.labels);
            let samples = labels
                .into_iter()
                .enumerate()
                .filter_map(|(row, labels)| Some(Sample { labels, value: sample_value(&grid, row, 0)? }))
                .collect();
            return Ok(Value::Vector(samples));
        }
        Ok(Value::Matrix(self.to_series(&grid)))
    }

    fn to_series(&self, grid: &Grid) -> Vec<RangeSeries> {
        let mut series: Vec<RangeSeries> = (0..grid.rows())
            .map(|row| RangeSeries {
                labels: grid.labels[row].clone(),
                points: (0..grid.steps)
                    .filter_map(|step| {
                        Some(Point { time: self.steps.time(step), value: sample_value(grid, row, step)? })
                    })
                    .collect(),
            })
            .filter(|series| !series.points.is_empty())
            .collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        series
    }

    fn matrix(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        match expr {
            Expr::Matrix(matrix) => {
                let mut series = self.read_matrix(matrix)?;
                series.sort_by(|a, b| a.labels.cmp(&b.labels));
                Ok(Value::Matrix(series))
            }
            Expr::Subquery(subquery) => {
                let (steps, grid) = self.subquery(subquery)?;
                let grid = drop_names(grid)?;
                Ok(Value::Matrix(self.with_steps(steps, |inner| inner.to_series(&grid))))
            }
            _ => self.fail("unexpected range vector"),
        }
    }

    /// A scalar as a grid of one row without labels.
    pub fn as_grid(&self, evaluated: Evaluated) -> Grid {
        match evaluated {
            Evaluated::Grid(grid) => grid,
            Evaluated::Scalar(values) => {
                let mut grid = Grid::with_capacity(self.steps.count, 1);
                let row = grid.push_row(Default::default(), false);
                for (step, value) in values.into_iter().enumerate() {
                    grid.set_float(row, step, value);
                }
                grid
            }
            Evaluated::Text => Grid::new(self.steps.count),
        }
    }

    pub fn eval_grid(&mut self, expr: &Expr) -> Result<Grid, EvalError> {
        let evaluated = self.eval(expr)?;
        Ok(self.as_grid(evaluated))
    }

    pub fn eval_scalar(&mut self, expr: &Expr) -> Result<Vec<f64>, EvalError> {
        match self.eval(expr)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => self.fail("expected a scalar"),
        }
    }

    pub fn eval(&mut self, expr: &Expr) -> Result<Evaluated, EvalError> {
        self.stop.check()?;
        if self.steps.count == 0 {
            return Ok(match expr.value_type() {
                ValueType::Scalar => Evaluated::Scalar(Vec::new()),
                _ => Evaluated::Grid(Grid::new(0)),
            });
        }
        if !self.options.trace {
            return self.eval_once(expr);
        }
        let started = self.stop.now();
        self.traces.push(Trace { expr: expr.to_string(), ..Trace::default() });
        let result = self.eval_once(expr);
        if let Some(mut trace) = self.traces.pop() {
            trace.time = self.stop.now().saturating_sub(started);
            match &result {
                Ok(Evaluated::Grid(grid)) => {
                    trace.series = grid.rows();
                    trace.samples = grid.weight();
                }
                Ok(Evaluated::Scalar(values)) => trace.samples = values.len(),
                _ => {}
            }
            if let Some(parent) = self.traces.last_mut() {
                parent.children.push(trace);
            }
        }
        result
    }

    fn eval_once(&mut self, expr: &Expr) -> Result<Evaluated, EvalError> {
        let steps = self.steps;
        let leaf = matches!(expr, Expr::Number(_) | Expr::String { .. } | Expr::Paren { .. });
        if (steps.count > 1 || steps.end != steps.start) && !leaf && is_step_invariant(expr) {
            // One value for all steps: evaluated once, at the first of them.
            let evaluated = self
                .with_steps(Steps { count: 1, end: steps.start, ..steps }, |inner| inner.eval_node(expr))?;
            return Ok(match evaluated {
                Evaluated::Grid(grid) => {
                    self.room(grid.rows())?;
                    let wide = grid.broadcast(steps.count);
                    let weight = wide.weight();
                    self.hold(weight)?;
                    self.release(weight);
                    Evaluated::Grid(wide)
                }
                Evaluated::Scalar(values) => {
                    Evaluated::Scalar(vec![values.first().copied().unwrap_or(f64::NAN); steps.count])
                }
                text => text,
            });
        }
        self.eval_node(expr)
    }

    fn eval_node(&mut self, expr: &Expr) -> Result<Evaluated, EvalError> {
        let count = self.steps.count;
        Ok(match expr {
            Expr::Number(number) => Evaluated::Scalar(vec![number.value; count]),
            Expr::String { .. } => Evaluated::Text,
            Expr::Paren { expr, .. } | Expr::Plus { expr, .. } => self.eval(expr)?,
            Expr::Vector(vector) => Evaluated::Grid(self.vector(vector)?),
            Expr::Matrix(_) | Expr::Subquery(_) => {
                return self.fail("a range vector is only allowed as the argument of a function");
            }
            Expr::Negate { expr, .. } => match self.eval(expr)? {
                Evaluated::Scalar(values) => {
                    Evaluated::Scalar(values.into_iter().map(|value| -value).collect())
                }
                Evaluated::Grid(mut grid) => {
                    for row in 0..grid.rows() {
                        for step in 0..grid.steps {
                            if let Some(value) = grid.float(row, step) {
                                grid.set_float(row, step, -value);
                            } else if let Some(histogram) = grid.histogram(row, step) {
                                let negated = histogram.as_ref().clone().times(-1.0);
                                grid.set_histogram(row, step, negated.into());
                            }
                        }
                        grid.drop_name[row] = true;
                    }
                    Evaluated::Grid(grid)
                }
                Evaluated::Text => Evaluated::Text,
            },
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Aggregate(aggregate) => Evaluated::Grid(self.aggregate(aggregate)?),
            Expr::Call(call) => self.call(call)?,
        })
    }

    /// Evaluates the inside of a subquery over its own steps.
    pub fn subquery(&mut self, subquery: &Subquery) -> Result<(Steps, Grid), EvalError> {
        let range = subquery.range / 1_000_000;
        let interval =
            if subquery.step == 0 { self.options.default_step } else { subquery.step / 1_000_000 }.max(1);
        let last = self.steps.count.saturating_sub(1);
        let end = self.window_end(&subquery.shift, last);
        let before = self.window_end(&subquery.shift, 0).saturating_sub(range);
        // The first multiple of the step behind the start of the window.
        let mut start = interval * (before / interval);
        if start <= before {
            start += interval;
        }
        let count = steps_between(start, end, interval, self.options)?;
        let steps = Steps { start, interval, count, end };
        if count == 0 {
            return Ok((steps, Grid::new(0)));
        }
        let grid = self.with_steps(steps, |inner| inner.eval_grid(&subquery.expr))?;
        Ok((steps, grid))
    }
}

fn sample_value(grid: &Grid, row: usize, step: usize) -> Option<SampleValue> {
    match grid.float(row, step) {
        Some(value) => Some(SampleValue::Float(value)),
        None => grid.histogram(row, step).map(|histogram| SampleValue::Histogram(histogram.clone())),
    }
}

/// Takes away the names that no longer fit. Series that are told apart by nothing else are an error where they have
/// samples at one time.
pub(crate) fn drop_names(mut grid: Grid) -> Result<Grid, EvalError> {
    let named = |label: &Label| {
        label.name.starts_with("__") && [METRIC_NAME, METRIC_TYPE, METRIC_UNIT].contains(&&*label.name)
    };
    // What differs still differs where the same was taken from all.
    let mut taken: Option<Vec<Label>> = None;
    for row in 0..grid.rows() {
        let labels = &grid.labels[row];
        let going = |label: &&Label| grid.drop_name[row] && named(label);
        if grid.distinct {
            match &taken {
                None => taken = Some(labels.iter().filter(going).cloned().collect()),
                Some(taken) => grid.distinct = labels.iter().filter(going).eq(taken),
            }
        }
        if grid.drop_name[row] {
            grid.labels[row] = labels.retain(|label| !named(label));
        }
    }
    grid.merge_equal()
}
