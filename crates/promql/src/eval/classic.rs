//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction` over both kinds of histograms.
//!
//! **Invariant:** a classic and a native histogram of one name and labels at one time give nothing but a warning.

use std::collections::HashMap;

use plimsoll_model::labels::{BUCKET_BOUND, Labels, METRIC_NAME};

use super::EvalError;
use super::evaluator::Evaluator;
use super::grid::{Cell, Collector, Grid};
use super::quantile::{ClassicBucket, classic_fraction, classic_quantile, native_fraction, native_quantile};
use crate::syntax::ast::{Call, Expr};
use crate::syntax::{Span, format_g};

/// The histograms of one step.
struct Histograms {
    /// Rows of the grid.
    native: Vec<usize>,
    classic: Vec<(Labels, Vec<ClassicBucket>)>,
}

impl Evaluator<'_> {
    fn histograms(&mut self, grid: &Grid, bases: &[Labels], step: usize, span: Span) -> Histograms {
        let mut index: HashMap<&Labels, usize> = HashMap::new();
        let mut found = Histograms { native: Vec::new(), classic: Vec::new() };
        for row in 0..grid.rows() {
            if grid.histogram(row, step).is_some() {
                found.native.push(row);
                continue;
            }
            let Some(count) = grid.float(row, step) else { continue };
            let labels = &grid.labels[row];
            let text = labels.get(BUCKET_BOUND);
            let Some(upper) = parse_bound(text) else {
                self.annotations.bad_bucket(span, labels.get(METRIC_NAME), text);
                continue;
            };
            let at = *index.entry(&bases[row]).or_insert_with(|| {
                found.classic.push((bases[row].clone(), Vec::new()));
                found.classic.len() - 1
            });
            found.classic[at].1.push(ClassicBucket { upper, count });
        }
        found.native.retain(|row| {
            let Some(at) = index.get(&grid.labels[*row]) else { return true };
            self.annotations.mixed_classic_native(span, grid.labels[*row].get(METRIC_NAME));
            found.classic[*at].1.clear();
            false
        });
        found.classic.retain(|(_, buckets)| !buckets.is_empty());
        found
    }

    pub(crate) fn histogram_quantile(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let quantiles = vec![self.eval_scalar(&call.args[0])?];
        let spans = [call.args[0].unwrapped().span()];
        self.quantiles(&call.args[1], &quantiles, &spans, None)
    }

    pub(crate) fn histogram_quantiles(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let Expr::String { value: label, .. } = call.args[1].unwrapped() else {
            return self.fail("expected a label name as the second argument of histogram_quantiles");
        };
        let mut quantiles = Vec::new();
        for arg in &call.args[2..] {
            quantiles.push(self.eval_scalar(arg)?);
        }
        let spans: Vec<Span> = call.args[2..].iter().map(|arg| arg.unwrapped().span()).collect();
        self.quantiles(&call.args[0], &quantiles, &spans, Some(label))
    }

    fn quantiles(
        &mut self,
        vector: &Expr,
        quantiles: &[Vec<f64>],
        spans: &[Span],
        label: Option<&str>,
    ) -> Result<Grid, EvalError> {
        let grid = self.eval_grid(vector)?;
        let span = vector.unwrapped().span();
        let bases = bases(&grid);
        let mut out = Collector::new(grid.steps);
        // A range of one step is no instant: what falls together is noticed at once.
        out.strict = self.steps.start != self.steps.end;
        for step in 0..grid.steps {
            for (values, quantile_span) in quantiles.iter().zip(spans) {
                if !(0.0..=1.0).contains(&values[step]) {
                    self.annotations.invalid_quantile(*quantile_span, values[step]);
                }
            }
            let found = self.histograms(&grid, &bases, step, span);
            // The first quantile repairs the buckets for the others.
            let mut noted = vec![false; found.classic.len()];
            for values in quantiles {
                let q = values[step];
                let labelled = |labels: &Labels| match label {
                    Some(label) => labels.with(label, &open_metrics(q)),
                    None => labels.clone(),
                };
                for row in &found.native {
                    let labels = &grid.labels[*row];
                    let Some(histogram) = grid.histogram(*row, step) else { continue };
                    let metric = labels.get(METRIC_NAME);
                    let value = native_quantile(q, histogram, &mut self.annotations, span, metric);
                    out.put(&labelled(labels), true, step, Cell::Float(value))?;
                }
                for (at, (labels, buckets)) in found.classic.iter().enumerate() {
                    let (value, repaired) = classic_quantile(q, buckets.clone());
                    if let Some(repaired) = repaired
                        && !std::mem::replace(&mut noted[at], true)
                    {
                        self.annotations.forced_monotonicity(
                            span,
                            labels.get(METRIC_NAME),
                            self.steps.time(step),
                            repaired.buckets,
                            repaired.most,
                        );
                    }
                    out.put(&labelled(labels), true, step, Cell::Float(value))?;
                }
            }
        }
        Ok(out.grid)
    }

    pub(crate) fn histogram_fraction(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let lower = self.eval_scalar(&call.args[0])?;
        let upper = self.eval_scalar(&call.args[1])?;
        let grid = self.eval_grid(&call.args[2])?;
        let span = call.args[2].unwrapped().span();
        let bases = bases(&grid);
        let mut out = Collector::new(grid.steps);
        // A range of one step is no instant: what falls together is noticed at once.
        out.strict = self.steps.start != self.steps.end;
        for step in 0..grid.steps {
            let (lower, upper) = (lower[step], upper[step]);
            let found = self.histograms(&grid, &bases, step, span);
            for row in &found.native {
                let labels = &grid.labels[*row];
                let Some(histogram) = grid.histogram(*row, step) else { continue };
                let metric = labels.get(METRIC_NAME);
                let value = native_fraction(lower, upper, histogram, &mut self.annotations, span, metric);
                out.put(labels, true, step, Cell::Float(value))?;
            }
            for (labels, buckets) in &found.classic {
                let value = classic_fraction(lower, upper, buckets.clone());
                out.put(labels, true, step, Cell::Float(value))?;
            }
        }
        Ok(out.grid)
    }
}

fn bases(grid: &Grid) -> Vec<Labels> {
    grid.labels.iter().map(|labels| labels.retain(|label| *label.name != *BUCKET_BOUND)).collect()
}

fn parse_bound(text: &str) -> Option<f64> {
    if text.is_empty() || text.starts_with("0x") {
        return text.parse().ok();
    }
    text.parse::<f64>().ok()
}

/// A number as OpenMetrics writes it: with a point, or an exponent.
fn open_metrics(value: f64) -> String {
    let text = format_g(value);
    if value.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}
