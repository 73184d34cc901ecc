//! Selectors: from the source into grids and windows.
//!
//! **Invariant:** a source is asked for no more time than the steps need.

use std::sync::Arc;

use plimsoll_model::labels::METRIC_NAME;
use plimsoll_model::matcher::Matcher;
use plimsoll_model::series::{Columns, SeriesId, TimeRange, is_stale};

use super::bound::Selection;
use super::evaluator::Evaluator;
use super::grid::Grid;
use super::rate_extended::{interpolate, interpolate_histograms};
use super::window::{Cursor, Samples, stats};
use super::{EvalError, Millis, Point, RangeSeries, SampleValue};
use crate::syntax::ast::{Edges, MatrixSelector, VectorSelector};

impl Evaluator<'_> {
    pub(crate) fn select(
        &mut self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<SeriesId>, EvalError> {
        let ids = self.source.select(matchers, range);
        self.check_series(matchers, ids.len())?;
        Ok(ids)
    }

    /// The series of a selector, which a plan may know already.
    pub(crate) fn selection(
        &mut self,
        vector: &VectorSelector,
        range: TimeRange,
    ) -> Result<Arc<Selection>, EvalError> {
        let known =
            self.bound.and_then(|bound| bound.selection(vector.span.start, &vector.matchers, self.source));
        match known {
            Some(selection) => {
                self.check_series(&vector.matchers, selection.ids.len())?;
                Ok(selection)
            }
            None => Ok(Arc::new(Selection::once(self.select(&vector.matchers, range)?))),
        }
    }

    fn check_series(&self, matchers: &[Matcher], series: usize) -> Result<(), EvalError> {
        if series <= self.options.max_series {
            return self.room(series);
        }
        let shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        Err(EvalError::TooManySeries {
            selector: format!("{{{}}}", shown.join(",")),
            series,
            limit: self.options.max_series,
        })
    }

    /// The last sample at each step, if it is not older than the lookback.
    pub(crate) fn vector(&mut self, vector: &VectorSelector) -> Result<Grid, EvalError> {
        if vector.edges == Edges::Smoothed {
            return self.smoothed(vector);
        }
        self.instant_grid(vector, |columns, row| {
            if columns.histograms.is_empty() {
                return Some(SampleValue::Float(columns.values[row]));
            }
            match columns.histograms.binary_search_by_key(&(row as u32), |(at, _)| *at) {
                Ok(at) => {
                    let histogram = &columns.histograms[at].1;
                    if is_stale(histogram.sum) {
                        return None;
                    }
                    Some(SampleValue::Histogram(if vector.stats_only {
                        Arc::new(stats(
                            histogram,
                            at.checked_sub(1).map(|before| &*columns.histograms[before].1),
                        ))
                    } else {
                        histogram.clone()
                    }))
                }
                Err(_) => Some(SampleValue::Float(columns.values[row])),
            }
        })
    }

    /// The times of the samples that [`vector`](Self::vector) gives, in seconds.
    pub(crate) fn vector_times(&mut self, vector: &VectorSelector) -> Result<Grid, EvalError> {
        self.instant_grid(&fixed(vector), |columns, row| {
            let stale = columns
                .histograms
                .binary_search_by_key(&(row as u32), |(at, _)| *at)
                .is_ok_and(|at| is_stale(columns.histograms[at].1.sum));
            (!stale).then(|| SampleValue::Float(columns.timestamps[row] as f64 / 1000.0))
        })
    }

    /// When the counters of the samples that [`vector`](Self::vector) gives started, in seconds.
    pub(crate) fn vector_starts(&mut self, vector: &VectorSelector) -> Result<Grid, EvalError> {
        self.instant_grid(&fixed(vector), |columns, row| {
            let start = columns.starts.get(row).copied().unwrap_or(0);
            Some(SampleValue::Float(start as f64 / 1000.0))
        })
    }

    fn instant_grid(
        &mut self,
        vector: &VectorSelector,
        value: impl Fn(&Columns<'_>, usize) -> Option<SampleValue>,
    ) -> Result<Grid, EvalError> {
        let steps = self.steps;
        let lookback = self.options.lookback;
        let range = TimeRange {
            start: self.window_end(&vector.shift, 0).saturating_sub(lookback - 1),
            end: self.window_end(&vector.shift, steps.count.saturating_sub(1)),
        };
        let selection = self.selection(vector, range)?;
        let ends: Vec<Millis> = (0..steps.count).map(|step| self.window_end(&vector.shift, step)).collect();
        let mut grid = Grid::with_capacity(steps.count, selection.ids.len());
        grid.distinct = selection.is_distinct(self.source);
        let (source, mut result) = (self.source, Ok(()));
        source.read(&selection.ids, range, &mut |index, columns| {
            if columns.timestamps.is_empty() {
                return true;
            }
            let row = grid.push_row(selection.labels(source, index), false);
            let mut behind = 0;
            for (step, end) in ends.iter().enumerate() {
                behind += columns.timestamps[behind..].partition_point(|time| time <= end);
                let Some(at) = behind.checked_sub(1) else { continue };
                if columns.timestamps[at] <= end.saturating_sub(lookback) || is_stale(columns.values[at]) {
                    continue;
                }
                match value(&columns, at) {
                    Some(SampleValue::Float(value)) => grid.set_float(row, step, value),
                    Some(SampleValue::Histogram(histogram)) => grid.set_histogram(row, step, histogram),
                    None => {}
                }
            }
            let weight = grid.count(row);
            grid.pop_if_empty();
            result = self.hold(weight);
            result.is_ok()
        });
        result?;
        let count: usize = (0..grid.rows()).map(|row| grid.count(row)).sum();
        self.release(count);
        let weight = grid.weight();
        self.hold(weight)?;
        self.release(weight);
        Ok(grid)
    }

    /// At each step the value between the samples around it.
    fn smoothed(&mut self, vector: &VectorSelector) -> Result<Grid, EvalError> {
        let steps = self.steps;
        let lookback = self.options.lookback;
        let range = TimeRange {
            start: self.window_end(&vector.shift, 0).saturating_sub(lookback - 1),
            end: self.window_end(&vector.shift, steps.count.saturating_sub(1)).saturating_add(lookback),
        };
        let selection = self.selection(vector, range)?;
        let mut grid = Grid::with_capacity(steps.count, selection.ids.len());
        grid.distinct = selection.is_distinct(self.source);
        let source = self.source;
        source.read(&selection.ids, range, &mut |index, columns| {
            let samples = Samples::of_columns(columns, vector.stats_only);
            let labels = selection.labels(source, index);
            let metric = labels.get(METRIC_NAME).to_owned();
            let row = grid.push_row(labels, false);
            let mut cursor = Cursor::default();
            for step in 0..steps.count {
                let at = self.window_end(&vector.shift, step);
                let (floats, histograms) =
                    cursor.seek(&samples, at.saturating_sub(lookback), at.saturating_add(lookback));
                if floats.0 < floats.1 && histograms.0 < histograms.1 {
                    self.annotations.mixed_range(vector.span, &metric);
                } else if floats.0 < floats.1 {
                    let times = &samples.float_times[floats.0..floats.1];
                    let values = &samples.floats[floats.0..floats.1];
                    let next = times.partition_point(|time| *time < at);
                    match (next.checked_sub(1), times.get(next)) {
                        (_, Some(time)) if *time == at => grid.set_float(row, step, values[next]),
                        (Some(last), Some(_)) => {
                            let value = interpolate(
                                (times[last], values[last]),
                                (times[next], values[next]),
                                at,
                                false,
                            );
                            grid.set_float(row, step, value);
                        }
                        (Some(last), None) => grid.set_float(row, step, values[last]),
                        (None, _) => {}
                    }
                } else if histograms.0 < histograms.1 {
                    let times = &samples.histogram_times[histograms.0..histograms.1];
                    let values = &samples.histograms[histograms.0..histograms.1];
                    let next = times.partition_point(|time| *time < at);
                    match (next.checked_sub(1), times.get(next)) {
                        (_, Some(time)) if *time == at => grid.set_histogram(row, step, values[next].clone()),
                        (Some(last), Some(_))
                            if values[last].has_custom_bounds() != values[next].has_custom_bounds() =>
                        {
                            self.annotations.mixed_schemas(vector.span, &metric);
                        }
                        (Some(last), Some(_)) => {
                            let gauge = plimsoll_model::histogram::ResetHint::Gauge;
                            let counter =
                                values[last].reset_hint != gauge || values[next].reset_hint != gauge;
                            match interpolate_histograms(
                                (times[last], &values[last]),
                                (times[next], &values[next]),
                                at,
                                counter,
                                &mut self.annotations,
                                vector.span,
                            ) {
                                Ok(value) => grid.set_histogram(row, step, value.into()),
                                Err(_) => self.annotations.mixed_schemas(vector.span, &metric),
                            }
                        }
                        (Some(last), None) => {
                            let mut value = values[last].as_ref().clone();
                            value.reset_hint = Default::default();
                            grid.set_histogram(row, step, value.into());
                        }
                        (None, _) => {}
                    }
                }
            }
            grid.pop_if_empty();
            true
        });
        let weight = grid.weight();
        self.hold(weight)?;
        self.release(weight);
        Ok(grid)
    }

    /// All samples of a window, for an instant query that asks for a range vector.
    pub(crate) fn read_matrix(&mut self, matrix: &MatrixSelector) -> Result<Vec<RangeSeries>, EvalError> {
        let vector = &matrix.vector;
        let end = self.window_end(&vector.shift, 0);
        let start = end.saturating_sub(matrix.range / 1_000_000);
        let (before, after) = widening(vector.edges, self.options.lookback);
        let range = TimeRange { start: start.saturating_sub(before - 1), end: end.saturating_add(after) };
        let selection = self.selection(vector, range)?;
        let mut all = Vec::new();
        let (source, mut result) = (self.source, Ok(()));
        source.read(&selection.ids, range, &mut |index, columns| {
            let samples = Samples::of_columns(columns, vector.stats_only);
            let labels = selection.labels(source, index);
            if vector.edges != Edges::Plain && !samples.histograms.is_empty() {
                let word = if vector.edges == Edges::Anchored { "anchored" } else { "smoothed" };
                result = self.fail(format!("{word} modifier is not supported with histograms"));
                return false;
            }
            let mut points: Vec<Point> = if vector.edges == Edges::Plain {
                let floats = samples.float_times.iter().zip(samples.floats.iter());
                floats.map(|(time, value)| Point { time: *time, value: SampleValue::Float(*value) }).collect()
            } else {
                super::rate_extended::extended_points(&samples, start, end, vector.edges == Edges::Smoothed)
            };
            points.extend(samples.histogram_times.iter().zip(&samples.histograms).map(
                |(time, histogram)| Point { time: *time, value: SampleValue::Histogram(histogram.clone()) },
            ));
            points.sort_by_key(|point| point.time);
            if !points.is_empty() {
                result = self.hold(points.len());
                all.push(RangeSeries { labels, points });
            }
            result.is_ok()
        });
        result?;
        self.release(all.iter().map(|series: &RangeSeries| series.points.len()).sum());
        Ok(all)
    }
}

/// As `timestamp` sees a selector in Prometheus: a fixed time wins over an offset.
fn fixed(vector: &VectorSelector) -> VectorSelector {
    let mut vector = vector.clone();
    if vector.shift.at.is_some() {
        vector.shift.offset = 0;
    }
    vector
}

/// How far before and behind a window its edges are looked for.
pub(crate) fn widening(edges: Edges, lookback: Millis) -> (Millis, Millis) {
    match edges {
        Edges::Plain => (0, 0),
        Edges::Anchored => (lookback, 0),
        Edges::Smoothed => (lookback, lookback),
    }
}
