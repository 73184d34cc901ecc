//! Aggregations of a selector, or of a function over one's windows, in one pass: `sum by (pod) (rate(x[2m]))`.
//!
//! The values of single series are added to their groups as they are computed: no grid of them is made, and no series is asked for
//! its labels. Histograms, start times and anything unusual make it give up, and the general way is taken.
//!
//! **Invariant:** where it answers, the answer, its annotations and the count of samples are bit for bit those of the general way.

use plimsoll_model::labels::{Labels, METRIC_NAME};
use plimsoll_model::matcher::MatchOp;
use plimsoll_model::series::{Columns, TimeRange, is_stale};

use super::accumulate::Running;
use super::call::{RangeCall, is_counter_name};
use super::evaluator::Evaluator;
use super::grid::{Cell, Grid};
use super::rate::Extrapolation;
use super::window::{Bounds, Window, advance, has_stale};
use super::{EvalError, Millis, over_time, rate};
use crate::syntax::ast::{Aggregate, Call, Edges, Expr, VectorSelector};

/// Most groups times steps: 32 bytes each, taken before the first sample is counted.
const MAX_RUNNING: usize = 1 << 22;
/// Series between two looks at whether to stop.
const BETWEEN_CHECKS: usize = 4096;

/// A function of a window of numbers.
#[derive(Clone, Copy)]
enum Reduce {
    /// `rate`, `increase`, `delta`: what is the same for all series of a target is computed once.
    Extrapolated { counter: bool, per_second: bool },
    /// As the general way calls it.
    Any(fn(&Window<'_>, &mut RangeCall<'_>) -> Result<Option<Cell>, EvalError>),
}

/// A function over a range, and what is to be known of it.
struct Over<'e> {
    call: &'e Call,
    reduce: Reduce,
    /// Length of the window in seconds.
    seconds: f64,
    /// Length of the window in nanoseconds.
    range: i64,
    /// Whether it knows what a start time is.
    uses_starts: bool,
    /// The metric's name, where it does not sound like a counter and should.
    doubtful: Option<&'e str>,
}

/// What stands below the aggregation.
struct Source<'e> {
    vector: &'e VectorSelector,
    over: Option<Over<'e>>,
}

fn source(expr: &Expr) -> Option<Source<'_>> {
    match expr.unwrapped() {
        Expr::Vector(vector) if vector.edges == Edges::Plain => Some(Source { vector, over: None }),
        Expr::Call(call) => {
            let [arg] = call.args.as_slice() else { return None };
            let Expr::Matrix(matrix) = arg.unwrapped() else { return None };
            let vector = &matrix.vector;
            if vector.edges != Edges::Plain {
                return None;
            }
            let (reduce, uses_starts) = reduction(call.function.name)?;
            let mut doubtful = None;
            if matches!(call.function.name, "rate" | "increase") {
                let name = vector
                    .matchers
                    .iter()
                    .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)?
                    .value();
                doubtful = (!name.is_empty() && !is_counter_name(name)).then_some(name);
            }
            Some(Source {
                vector,
                over: Some(Over {
                    call,
                    reduce,
                    seconds: matrix.range as f64 / 1e9,
                    range: matrix.range,
                    uses_starts,
                    doubtful,
                }),
            })
        }
        _ => None,
    }
}

/// The function of that name, and whether it looks at start times.
fn reduction(name: &str) -> Option<(Reduce, bool)> {
    Some(match name {
        "rate" => (Reduce::Extrapolated { counter: true, per_second: true }, true),
        "increase" => (Reduce::Extrapolated { counter: true, per_second: false }, true),
        "delta" => (Reduce::Extrapolated { counter: false, per_second: false }, false),
        "irate" => (Reduce::Any(|window, call| rate::instant_value(window, call, true)), true),
        "idelta" => (Reduce::Any(|window, call| rate::instant_value(window, call, false)), false),
        "sum_over_time" => (Reduce::Any(over_time::sum), false),
        "avg_over_time" => (Reduce::Any(over_time::average), false),
        "count_over_time" => (Reduce::Any(|window, _| over_time::count(window)), false),
        "min_over_time" => (
            Reduce::Any(|window, call| over_time::extreme(window, call, |new, best| new < best, false)),
            false,
        ),
        "max_over_time" => (
            Reduce::Any(|window, call| over_time::extreme(window, call, |new, best| new > best, false)),
            false,
        ),
        _ => return None,
    })
}

/// The numbers of one series without staleness markers.
#[derive(Default)]
struct Numbers {
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Numbers {
    fn of<'b>(&'b mut self, columns: &Columns<'b>) -> (&'b [i64], &'b [f64]) {
        if !has_stale(columns.values) {
            return (columns.timestamps, columns.values);
        }
        self.times.clear();
        self.values.clear();
        for (time, value) in columns.timestamps.iter().zip(columns.values) {
            if !is_stale(*value) {
                self.times.push(*time);
                self.values.push(*value);
            }
        }
        (&self.times, &self.values)
    }
}

/// First time, last time and number of samples: what an extrapolation depends on besides the window.
type Sampled = (i64, i64, usize);

/// The groups while series are added.
struct Totals<'g> {
    of: &'g [u32],
    steps: usize,
    running: Vec<Running>,
    /// Groups in the order of their first series that has samples.
    order: Vec<u32>,
    started: Vec<bool>,
    cells: usize,
    /// No function of numbers says anything about a metric by its name.
    nameless: Labels,
    /// Per step the extrapolation of the last series, and what it is for.
    extrapolation: Vec<Option<(Sampled, Extrapolation)>>,
}

impl Totals<'_> {
    #[inline]
    fn add(&mut self, aggregate: &Aggregate, series: usize, step: usize, value: f64) {
        let group = self.of[series] as usize;
        if !self.started[group] {
            self.started[group] = true;
            self.order.push(group as u32);
        }
        let running = &mut self.running[group * self.steps + step];
        running.add(aggregate.op, value, running.count == 0.0);
        self.cells += 1;
    }
}

impl Evaluator<'_> {
    /// The aggregation, if this way is open to it.
    pub(crate) fn fused(&mut self, aggregate: &Aggregate) -> Result<Option<Grid>, EvalError> {
        // A trace is to show each part of the query.
        if !Running::holds(aggregate.op) || self.options.trace {
            return Ok(None);
        }
        let Some(source) = source(&aggregate.expr) else { return Ok(None) };
        self.stop.check()?;
        let steps = self.steps;
        let vector = source.vector;
        let (lookback, length) = match &source.over {
            Some(over) => (0, over.range / 1_000_000),
            None => (self.options.lookback, self.options.lookback),
        };
        let ends: Vec<Millis> = (0..steps.count).map(|step| self.window_end(&vector.shift, step)).collect();
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else { return Ok(None) };
        let range = TimeRange { start: first.saturating_sub(length - 1), end: *last };
        let selection = self.selection(vector, range)?;
        let groups = selection.groups(self.source, aggregate);
        if groups.labels.len().saturating_mul(steps.count) > MAX_RUNNING {
            return Ok(None);
        }
        let mut totals = Totals {
            of: &groups.of,
            steps: steps.count,
            running: vec![Running::default(); groups.labels.len() * steps.count],
            order: Vec::with_capacity(groups.labels.len()),
            started: vec![false; groups.labels.len()],
            cells: 0,
            nameless: Labels::default(),
            extrapolation: vec![None; steps.count],
        };
        let (reader, stop) = (self.source, self.stop);
        let (mut result, mut numbers) = (Ok(true), Numbers::default());
        let mut visit = |series: usize, columns: Columns<'_>| {
            result = match &source.over {
                Some(over) => {
                    self.add_windows(aggregate, over, &ends, series, &columns, &mut numbers, &mut totals)
                }
                None => self.add_last(aggregate, lookback, &ends, series, &columns, &mut totals),
            };
            if matches!(result, Ok(true))
                && series % BETWEEN_CHECKS == BETWEEN_CHECKS - 1
                && let Err(error) = stop.check()
            {
                result = Err(error);
            }
            matches!(result, Ok(true))
        };
        if source.over.is_none() && steps.count == 1 {
            reader.read_last(&selection.ids, range, &mut visit);
        } else {
            reader.read(&selection.ids, range, &mut visit);
        }
        let cells = totals.cells;
        if source.over.is_none() {
            self.release(cells);
        }
        if !result? {
            return Ok(None);
        }
        if let Some(Over { call, doubtful: Some(metric), .. }) = &source.over
            && cells > 0
        {
            let span = RangeCall::new(&mut self.annotations, &call.args).span();
            self.annotations.possible_non_counter(span, metric);
        }
        self.hold(cells)?;
        let drop_name = source.over.is_some();
        let mut out = Grid::with_capacity(steps.count, totals.order.len());
        for group in &totals.order {
            let row = out.push_row(groups.labels[*group as usize].clone(), drop_name);
            let running = &totals.running[*group as usize * steps.count..][..steps.count];
            for (step, running) in running.iter().enumerate().filter(|(_, running)| running.count > 0.0) {
                out.set_float(row, step, running.result(aggregate.op));
            }
        }
        out.distinct = true;
        self.release(cells);
        let weight = out.weight();
        self.hold(weight)?;
        self.release(weight);
        Ok(Some(out))
    }

    /// Adds a function of each step's window. Says no when the general way must be taken.
    #[expect(clippy::too_many_arguments, reason = "the parts of one loop, which would be a struct used once")]
    fn add_windows(
        &mut self,
        aggregate: &Aggregate,
        over: &Over<'_>,
        ends: &[Millis],
        series: usize,
        columns: &Columns<'_>,
        numbers: &mut Numbers,
        totals: &mut Totals<'_>,
    ) -> Result<bool, EvalError> {
        let starts = over.uses_starts && columns.starts.iter().any(|start| *start != 0);
        if !columns.histograms.is_empty() || starts {
            return Ok(false);
        }
        let (times, values) = numbers.of(columns);
        let length = over.range / 1_000_000;
        let mut place = (0, values.len());
        for (step, end) in ends.iter().enumerate() {
            let start = end.saturating_sub(length);
            if ends.len() > 1 {
                if step == 0 {
                    place.1 = 0;
                }
                advance(times, &mut place, start, *end);
            }
            let (from, to) = place;
            if from == to {
                continue;
            }
            self.hold(to - from)?;
            self.release(to - from);
            if let Reduce::Extrapolated { counter, per_second } = over.reduce {
                let (times, values) = (&times[from..to], &values[from..to]);
                if values.len() < 2 {
                    continue;
                }
                let key = (times[0], times[times.len() - 1], times.len());
                let extrapolation = match &totals.extrapolation[step] {
                    Some((other, known)) if *other == key => *known,
                    _ => {
                        let bounds = Bounds { start, end: *end, seconds: over.seconds };
                        let fresh = Extrapolation::new(bounds, times, None, per_second);
                        totals.extrapolation[step] = Some((key, fresh));
                        fresh
                    }
                };
                totals.add(aggregate, series, step, extrapolation.of(values, counter));
                continue;
            }
            let Reduce::Any(reduce) = over.reduce else { continue };
            let window = Window {
                labels: &totals.nameless,
                time: self.steps.time(step),
                start,
                end: *end,
                seconds: over.seconds,
                edges: Edges::Plain,
                float_times: &times[from..to],
                floats: &values[from..to],
                float_starts: &[],
                histogram_times: &[],
                histograms: &[],
                histogram_starts: &[],
            };
            let mut call = RangeCall::new(&mut self.annotations, &over.call.args);
            if let Some(Cell::Float(value)) = reduce(&window, &mut call)? {
                totals.add(aggregate, series, step, value);
            }
        }
        Ok(true)
    }

    /// Adds the last sample at each step. Says no when the general way must be taken.
    fn add_last(
        &mut self,
        aggregate: &Aggregate,
        lookback: Millis,
        ends: &[Millis],
        series: usize,
        columns: &Columns<'_>,
        totals: &mut Totals<'_>,
    ) -> Result<bool, EvalError> {
        if !columns.histograms.is_empty() {
            return Ok(false);
        }
        let before = totals.cells;
        let mut behind = 0;
        for (step, end) in ends.iter().enumerate() {
            behind += columns.timestamps[behind..].partition_point(|time| time <= end);
            let Some(at) = behind.checked_sub(1) else { continue };
            if columns.timestamps[at] > end.saturating_sub(lookback) && !is_stale(columns.values[at]) {
                totals.add(aggregate, series, step, columns.values[at]);
            }
        }
        self.hold(totals.cells - before)?;
        Ok(true)
    }
}
