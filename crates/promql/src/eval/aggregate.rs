//! Aggregations that make one series of a group.
//!
//! **Invariant:** groups come out in the order of their first series.

use std::sync::Arc;

use plimsoll_model::histogram::{ResetHint, RunningHistogram};
use plimsoll_model::labels::METRIC_NAME;

use super::EvalError;
use super::accumulate::Running;
use super::evaluator::Evaluator;
use super::grid::{Cell, Collector, Grid};
use super::matching::{Groups, match_labels};
use super::over_time::MeanHistogram;
use super::prepare::{maximum, minimum};
use super::quantile::quantile;
use crate::syntax::ast::{Aggregate, AggregateOp, Expr};
use crate::syntax::format_value;

/// What a group has come to at one step.
#[derive(Default)]
struct Group {
    seen: bool,
    drop_name: bool,
    running: Running,
    values: Vec<f64>,
    has_float: bool,
    has_histogram: bool,
    incompatible: bool,
    histogram: Option<RunningHistogram>,
    histogram_mean: Option<MeanHistogram>,
    reset: bool,
    not_reset: bool,
}

impl Evaluator<'_> {
    pub(crate) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Grid, EvalError> {
        if aggregate.op == AggregateOp::CountValues {
            return self.count_values(aggregate);
        }
        if let Some(grid) = self.fused(aggregate)? {
            return Ok(grid);
        }
        let parameter = match &aggregate.param {
            Some(param) => self.eval_scalar(param.unwrapped())?,
            None => Vec::new(),
        };
        let grid = self.eval_grid(&aggregate.expr)?;
        let weight = grid.weight();
        self.hold(weight)?;
        let mut groups = Groups::default();
        let group_of = groups.number(&grid, !aggregate.without, &aggregate.grouping);
        let out = if aggregate.op.picks_series() {
            self.pick(aggregate, &parameter, &grid, &group_of, groups.len())
        } else {
            self.reduce(aggregate, &parameter, &grid, &group_of, groups.len())
        };
        self.release(weight);
        let out = out?;
        let weight = out.weight();
        self.hold(weight)?;
        self.release(weight);
        Ok(out)
    }

    fn reduce(
        &mut self,
        aggregate: &Aggregate,
        parameter: &[f64],
        grid: &Grid,
        group_of: &[usize],
        groups: usize,
    ) -> Result<Grid, EvalError> {
        if aggregate.op == AggregateOp::Quantile
            && let Some(param) = &aggregate.param
        {
            let span = param.unwrapped().span();
            let worst =
                |better: fn(f64, f64) -> f64, start: f64| parameter.iter().copied().fold(start, better);
            if parameter.iter().any(|q| q.is_nan()) {
                self.annotations.invalid_quantile(span, f64::NAN);
            }
            let (most, least) = (worst(maximum, f64::MIN), worst(minimum, f64::MAX));
            if most > 1.0 {
                self.annotations.invalid_quantile(span, most);
            }
            if least < 0.0 {
                self.annotations.invalid_quantile(span, least);
            }
        }
        let mut out = Grid::with_capacity(grid.steps, groups);
        for (row, group) in group_of.iter().enumerate() {
            if *group == out.rows() {
                let labels = match_labels(&grid.labels[row], !aggregate.without, &aggregate.grouping);
                out.push_row(labels, false);
            }
        }
        let mut state: Vec<Group> = Vec::new();
        for step in 0..grid.steps {
            state.clear();
            state.resize_with(groups, Group::default);
            for (row, group) in group_of.iter().enumerate() {
                if let Some(value) = grid.float(row, step) {
                    add_float(&mut state[*group], aggregate.op, value, grid.drop_name[row]);
                } else if let Some(histogram) = grid.histogram(row, step) {
                    let histogram = histogram.clone();
                    let metric = grid.labels[row].get(METRIC_NAME);
                    self.add_histogram(
                        &mut state[*group],
                        aggregate,
                        &Cell::Histogram(histogram),
                        metric,
                        grid.drop_name[row],
                    );
                }
            }
            for (number, group) in state.iter_mut().enumerate().filter(|(_, group)| group.seen) {
                let q = parameter.get(step).copied().unwrap_or(f64::NAN);
                if let Some(cell) = self.finish(group, aggregate, q) {
                    out.set(number, step, cell);
                    out.drop_name[number] = group.drop_name;
                }
            }
        }
        out.distinct = true;
        Ok(out.without_empty_rows())
    }

    fn add_histogram(
        &mut self,
        group: &mut Group,
        aggregate: &Aggregate,
        cell: &Cell,
        metric: &str,
        drop_name: bool,
    ) {
        let Cell::Histogram(histogram) = cell else { return };
        let span = aggregate.expr.unwrapped().span();
        match aggregate.op {
            AggregateOp::Sum | AggregateOp::Avg => {}
            AggregateOp::Count | AggregateOp::Group => {
                group.seen = true;
                group.drop_name |= drop_name;
                group.running.count += 1.0;
                return;
            }
            op => {
                self.annotations.ignored_in_aggregation(span, op.as_str());
                return;
            }
        }
        if group.incompatible {
            return;
        }
        let first = !group.seen;
        group.seen = true;
        group.drop_name |= drop_name;
        group.has_histogram = true;
        if !first && group.histogram.is_none() && group.histogram_mean.is_none() {
            // A number came first: the result is none in any case.
            return;
        }
        group.reset |= histogram.reset_hint == ResetHint::Reset;
        group.not_reset |= histogram.reset_hint == ResetHint::NotReset;
        if first {
            if aggregate.op == AggregateOp::Sum {
                group.histogram = Some(RunningHistogram::new(histogram));
            } else {
                group.histogram_mean = Some(MeanHistogram::new(histogram));
            }
            return;
        }
        let added = match (&mut group.histogram, &mut group.histogram_mean) {
            (Some(sum), _) => sum.add(histogram),
            (None, Some(mean)) => mean.add(histogram),
            (None, None) => return,
        };
        match added {
            Ok(true) => self.annotations.bounds_reconciled(span, "aggregation"),
            Ok(false) => {}
            Err(_) => {
                self.annotations.mixed_schemas(span, metric);
                group.incompatible = true;
            }
        }
    }

    fn finish(&mut self, group: &mut Group, aggregate: &Aggregate, q: f64) -> Option<Cell> {
        let span = aggregate.expr.unwrapped().span();
        let value = match aggregate.op {
            AggregateOp::Sum | AggregateOp::Avg => {
                if group.has_float && group.has_histogram {
                    self.annotations.mixed_aggregation(span);
                    return None;
                }
                if group.incompatible {
                    return None;
                }
                if group.reset && group.not_reset {
                    self.annotations.reset_collision(span, "aggregation");
                }
                if let Some(sum) = &group.histogram {
                    return Some(Cell::Histogram(Arc::new(sum.total())));
                }
                if let Some(mean) = group.histogram_mean.take() {
                    return Some(Cell::Histogram(Arc::new(mean.value())));
                }
                group.running.result(aggregate.op)
            }
            AggregateOp::Quantile => quantile(q, &mut group.values),
            op => group.running.result(op),
        };
        Some(Cell::Float(value))
    }

    fn count_values(&mut self, aggregate: &Aggregate) -> Result<Grid, EvalError> {
        let Some(Expr::String { value: label, .. }) = aggregate.param.as_ref().map(Expr::unwrapped) else {
            return self.fail("expected a label name as the parameter of count_values");
        };
        if !super::label_functions::is_name(label) {
            return self
                .fail(format!("invalid label name {}", plimsoll_model::quote::quote(label.as_bytes())));
        }
        let grid = self.eval_grid(&aggregate.expr)?;
        let mut names = aggregate.grouping.clone();
        if !aggregate.without {
            names.push(label.clone());
        }
        let mut out = Collector::new(grid.steps);
        for step in 0..grid.steps {
            let mut counts: Vec<(plimsoll_model::labels::Labels, f64)> = Vec::new();
            let mut index = std::collections::HashMap::new();
            for row in 0..grid.rows() {
                let text = match grid.get(row, step) {
                    Some(Cell::Float(value)) => format_value(value),
                    Some(Cell::Histogram(histogram)) => histogram.to_string(),
                    None => continue,
                };
                let labels = match_labels(&grid.labels[row].with(label, &text), !aggregate.without, &names);
                let at = *index.entry(labels.clone()).or_insert(counts.len());
                if at == counts.len() {
                    counts.push((labels, 0.0));
                }
                counts[at].1 += 1.0;
            }
            for (labels, count) in counts {
                out.put(&labels, false, step, Cell::Float(count))?;
            }
        }
        Ok(out.grid)
    }
}

fn add_float(group: &mut Group, op: AggregateOp, value: f64, drop_name: bool) {
    let first = !group.seen;
    if group.incompatible {
        return;
    }
    group.seen = true;
    group.drop_name |= drop_name;
    group.has_float = true;
    if op == AggregateOp::Quantile {
        group.values.push(value);
    } else {
        group.running.add(op, value, first);
    }
}
