//! `info()`: labels of info series added to the series that they describe.
//!
//! Follows Prometheus' `info.go`.
//!
//! **Invariant:** an info series describes what has its `instance` and `job`.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::labels::{Label, Labels, METRIC_NAME};
use plimsoll_model::matcher::{MatchOp, Matcher};
use plimsoll_model::series::{SeriesId, TimeRange, is_stale};

use super::EvalError;
use super::evaluator::Evaluator;
use super::grid::{Collector, Grid};
use crate::syntax::ast::{At, Call, Expr, Shift};

const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// An info series: at each step, the time of its sample.
struct InfoSeries {
    labels: Labels,
    key: Labels,
    times: Vec<Option<i64>>,
}

impl Evaluator<'_> {
    pub(crate) fn info(&mut self, call: &Call) -> Result<Grid, EvalError> {
        let grid = self.eval_grid(&call.args[0])?;
        let given: &[Matcher] = match call.args.get(1).map(Expr::unwrapped) {
            Some(Expr::Vector(vector)) => &vector.matchers,
            _ => &[],
        };
        let names = self.info_names(given)?;
        let data: Vec<&Matcher> = given.iter().filter(|matcher| matcher.name() != METRIC_NAME).collect();
        let is_info = |labels: &Labels| names.iter().all(|matcher| matcher.matches(labels.get(METRIC_NAME)));
        let ignored: Vec<bool> = grid.labels.iter().map(is_info).collect();
        let info = self.info_series(&grid, &ignored, &names, &data, &call.args[0])?;
        let mut out = Collector::new(grid.steps);
        out.strict = true;
        for step in 0..grid.steps {
            let mut latest: BTreeMap<&Labels, &InfoSeries> = BTreeMap::new();
            for series in &info {
                let Some(time) = series.times[step] else { continue };
                match latest.get(&series.key).and_then(|other| Some((other, other.times[step]?))) {
                    Some((other, other_time)) if other_time == time => {
                        return self.fail(format!(
                            "found duplicate series for info metric: existing {} @ {other_time}, new {} @ {time}",
                            other.labels, series.labels
                        ));
                    }
                    Some((_, other_time)) if other_time > time => {}
                    _ => {
                        latest.insert(&series.key, series);
                    }
                }
            }
            for row in 0..grid.rows() {
                let Some(cell) = grid.get(row, step) else { continue };
                let base = &grid.labels[row];
                if ignored[row] {
                    out.put(base, grid.drop_name[row], step, cell)?;
                    continue;
                }
                let mut added: BTreeMap<&str, &Label> = BTreeMap::new();
                let mut found = false;
                for series in latest.values().filter(|series| describes(&series.labels, base)) {
                    found = true;
                    for label in &series.labels {
                        let wanted = data.is_empty() || data.iter().any(|m| m.name() == &*label.name);
                        if *label.name == *METRIC_NAME || !wanted {
                            continue;
                        }
                        if added.get(&*label.name).is_some_and(|other| other.value != label.value) {
                            return self.fail(format!("conflicting label: {}", label.name));
                        }
                        if !base.has(&label.name) {
                            added.insert(&label.name, label);
                        }
                    }
                }
                if !found && data.iter().any(|matcher| !matcher.matches_absent()) {
                    continue;
                }
                let mut labels: Vec<Label> = base.iter().cloned().collect();
                labels.extend(added.into_values().cloned());
                out.put(&Labels::new(labels), grid.drop_name[row], step, cell)?;
            }
        }
        Ok(out.grid)
    }

    /// Which names an info series has.
    fn info_names(&self, given: &[Matcher]) -> Result<Vec<Matcher>, EvalError> {
        let mut names: Vec<Matcher> =
            given.iter().filter(|matcher| matcher.name() == METRIC_NAME).cloned().collect();
        if names.is_empty() {
            return Ok(vec![Matcher::equal(METRIC_NAME, "target_info")]);
        }
        if !names.iter().any(|matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex)) {
            match Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info") {
                Ok(matcher) => names.push(matcher),
                Err(error) => return self.fail(error.to_string()),
            }
        }
        Ok(names)
    }

    fn info_series(
        &mut self,
        grid: &Grid,
        ignored: &[bool],
        names: &[Matcher],
        data: &[&Matcher],
        base: &Expr,
    ) -> Result<Vec<InfoSeries>, EvalError> {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (labels, _) in grid.labels.iter().zip(ignored).filter(|(_, ignored)| !**ignored) {
            for name in IDENTIFYING {
                let value = labels.get(name);
                if !value.is_empty() {
                    values.entry(name).or_default().insert(value);
                }
            }
        }
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let mut matchers: Vec<Matcher> = names.to_vec();
        matchers.extend(data.iter().map(|matcher| (*matcher).clone()));
        let lookback = self.options.lookback;
        let steps = self.steps;
        // What is described is looked at as of some time, and so are its descriptions.
        let (at, offset) = reference(base).unwrap_or_default();
        let time_of = move |step: usize| at.unwrap_or_else(|| steps.time(step)).saturating_sub(offset);
        let last = time_of(steps.count.saturating_sub(1));
        let range = TimeRange { start: time_of(0).saturating_sub(lookback - 1), end: last };
        let ids = self.select(&matchers, range)?;
        let ids: Vec<SeriesId> = ids
            .into_iter()
            .filter(|id| {
                let labels = self.source.labels(*id);
                values.iter().all(|(name, values)| values.contains(labels.get(name)))
            })
            .collect();
        let mut all = Vec::new();
        let (source, mut result) = (self.source, Ok(()));
        source.read(&ids, range, &mut |index, columns| {
            let labels = source.labels(ids[index]);
            let mut times = vec![None; steps.count];
            for (step, found) in times.iter_mut().enumerate() {
                let time = time_of(step);
                let behind = columns.timestamps.partition_point(|at| *at <= time);
                let Some(at) = behind.checked_sub(1) else { continue };
                if columns.timestamps[at] <= time.saturating_sub(lookback) || is_stale(columns.values[at]) {
                    continue;
                }
                if columns.histograms.binary_search_by_key(&(at as u32), |(row, _)| *row).is_ok() {
                    result =
                        self.fail(format!("this should be an info metric, with float samples: {labels}"));
                    return false;
                }
                *found = Some(columns.timestamps[at]);
            }
            let key =
                labels.retain(|label| *label.name == *METRIC_NAME || IDENTIFYING.contains(&&*label.name));
            all.push(InfoSeries { labels, key, times });
            true
        });
        result?;
        Ok(all)
    }
}

fn describes(info: &Labels, base: &Labels) -> bool {
    IDENTIFYING.iter().all(|name| info.get(name) == base.get(name))
}

/// The fixed time of the first selector, if it has one, and how far back it looks, in milliseconds. The time of a
/// subquery is that of what is inside of it, unless that has its own.
fn reference(expr: &Expr) -> Option<(Option<i64>, i64)> {
    let of = |shift: &Shift| {
        let at = match shift.at {
            Some(At::Time(time)) => Some(time),
            _ => None,
        };
        (at, shift.offset / 1_000_000)
    };
    match expr {
        Expr::Vector(vector) => Some(of(&vector.shift)),
        Expr::Matrix(matrix) => Some(of(&matrix.vector.shift)),
        Expr::Subquery(subquery) => {
            let inner = reference(&subquery.expr)?;
            let (at, offset) = of(&subquery.shift);
            Some(if inner.0.is_some() { inner } else { (at, inner.1 + offset) })
        }
        other => other.children().into_iter().find_map(reference),
    }
}
