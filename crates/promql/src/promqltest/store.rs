//! Series in memory, for tests and for small questions.
//!
//! Not the store of the project: nothing is compressed, nothing is ever dropped.
//!
//! **Invariant:** samples of a series are ascending by time; a later one at the same time replaces the earlier.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use plimsoll_model::histogram::{CUSTOM_BUCKETS, Histogram, ResetHint, Span};
use plimsoll_model::labels::{BUCKET_BOUND, Labels, METRIC_NAME};
use plimsoll_model::matcher::{MatchOp, Matcher};
use plimsoll_model::series::{Columns, SeriesId, SeriesSource, TimeRange};

use super::script::{Command, Load, parse};
use super::sequence::SequenceValue;

/// A set of series that is filled and then asked.
#[derive(Debug, Default)]
pub struct MemorySource {
    series: Vec<Series>,
    by_labels: HashMap<Labels, usize>,
    /// The series of each metric name: what most selectors ask for.
    by_name: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<(u32, Arc<Histogram>)>,
    starts: Vec<i64>,
}

impl MemorySource {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the `load` commands of a test file put into a store; other commands are refused.
    ///
    /// # Errors
    /// A command that is no `load`, or that cannot be read, with its line.
    pub fn loaded(text: &str) -> Result<Self, String> {
        let mut source = Self::new();
        for command in parse(text) {
            match command {
                Command::Load(load) => source.load(&load),
                Command::Malformed(error) => return Err(format!("line {}: {}", error.line, error.message)),
                Command::Clear | Command::Eval(_) => return Err("only load commands are expected".to_owned()),
            }
        }
        Ok(source)
    }

    fn series(&mut self, labels: &Labels) -> &mut Series {
        let at = *self.by_labels.entry(labels.clone()).or_insert_with(|| {
            self.series.push(Series {
                labels: labels.clone(),
                timestamps: Vec::new(),
                values: Vec::new(),
                histograms: Vec::new(),
                starts: Vec::new(),
            });
            let at = self.series.len() - 1;
            self.by_name.entry(labels.get(METRIC_NAME).to_owned()).or_default().push(at);
            at
        });
        &mut self.series[at]
    }

    /// Adds a number.
    pub fn append(&mut self, labels: &Labels, time: i64, value: f64) {
        self.series(labels).insert(time, 0, value, None);
    }

    /// Adds a native histogram.
    pub fn append_histogram(&mut self, labels: &Labels, time: i64, histogram: Arc<Histogram>) {
        self.series(labels).insert(time, 0, 0.0, Some(histogram));
    }

    pub(crate) fn load(&mut self, load: &Load) {
        for loaded in &load.series {
            let series = self.series(&loaded.labels);
            for (index, value) in loaded.values.iter().enumerate() {
                let time = load.step.saturating_mul(index as i64);
                let offset = loaded.starts.as_ref().and_then(|starts| starts.get(index).copied().flatten());
                let start = offset.map_or(0, |offset| time + offset);
                match value {
                    SequenceValue::Omitted => {}
                    SequenceValue::Float(value) => series.insert(time, start, *value, None),
                    SequenceValue::Histogram(histogram, _) => {
                        series.insert(time, start, 0.0, Some(histogram.clone()));
                    }
                }
            }
        }
        if load.with_custom_buckets {
            self.load_custom_buckets(load);
        }
    }

    /// Classic histograms once more, as native ones with custom bounds.
    fn load_custom_buckets(&mut self, load: &Load) {
        #[derive(Default)]
        struct Parts {
            buckets: Vec<(f64, f64)>,
            count: Option<f64>,
            sum: f64,
        }
        let mut found: BTreeMap<Labels, BTreeMap<i64, Parts>> = BTreeMap::new();
        for loaded in &load.series {
            let name = loaded.labels.get(METRIC_NAME);
            let Some((base, part)) =
                ["_bucket", "_count", "_sum"].iter().find_map(|end| Some((name.strip_suffix(end)?, *end)))
            else {
                continue;
            };
            let bound = loaded.labels.get(BUCKET_BOUND).parse::<f64>().ok().filter(|bound| !bound.is_nan());
            if part == "_bucket" && bound.is_none() {
                continue;
            }
            let labels = loaded.labels.with(METRIC_NAME, base).with(BUCKET_BOUND, "");
            let times = found.entry(labels).or_default();
            for (index, value) in loaded.values.iter().enumerate() {
                let SequenceValue::Float(value) = value else { continue };
                let parts = times.entry(load.step * index as i64).or_default();
                match (part, bound) {
                    ("_bucket", Some(bound)) => parts.buckets.push((bound, *value)),
                    ("_count", _) => parts.count = Some(*value),
                    _ => parts.sum = *value,
                }
            }
        }
        for (labels, times) in found {
            for (time, mut parts) in times {
                parts.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                parts.buckets.dedup_by(|a, b| a.0 == b.0);
                let last = parts.buckets.last().copied();
                let count = parts.count.or(last.map(|(_, count)| count)).unwrap_or(0.0);
                if last.is_none_or(|(bound, _)| bound != f64::INFINITY) {
                    parts.buckets.push((f64::INFINITY, count));
                }
                let mut before = 0.0;
                let positive: Vec<f64> = parts
                    .buckets
                    .iter()
                    .map(|(_, count)| *count - std::mem::replace(&mut before, *count))
                    .collect();
                let histogram = Histogram {
                    schema: CUSTOM_BUCKETS,
                    count,
                    sum: parts.sum,
                    positive_spans: vec![Span { offset: 0, length: positive.len() as u32 }],
                    positive,
                    custom_bounds: parts.buckets[..parts.buckets.len() - 1].iter().map(|(b, _)| *b).collect(),
                    ..Histogram::default()
                };
                self.series(&labels).insert(time, 0, 0.0, Some(Arc::new(histogram.compacted())));
            }
        }
    }
}

impl Series {
    fn insert(&mut self, time: i64, start: i64, value: f64, histogram: Option<Arc<Histogram>>) {
        let at = self.timestamps.partition_point(|known| *known < time);
        if self.timestamps.get(at) == Some(&time) {
            self.values[at] = value;
            self.starts[at] = start;
            self.histograms.retain(|(row, _)| *row as usize != at);
        } else {
            self.timestamps.insert(at, time);
            self.values.insert(at, value);
            self.starts.insert(at, start);
            for (row, _) in self.histograms.iter_mut().filter(|(row, _)| *row as usize >= at) {
                *row += 1;
            }
        }
        if let Some(histogram) = histogram {
            let histogram = self.as_stored(at, &histogram);
            let place = self.histograms.partition_point(|(row, _)| (*row as usize) < at);
            self.histograms.insert(place, (at as u32, Arc::new(histogram)));
        }
    }

    /// With the hint that a store gives: it knows that there was no reset behind a histogram of the same chunk, and
    /// starts a chunk where there may have been one.
    fn as_stored(&self, at: usize, histogram: &Histogram) -> Histogram {
        let before = self.histograms.iter().rev().find(|(row, _)| (*row as usize) < at);
        let continues = before.is_some_and(|(row, previous)| {
            *row as usize + 1 == at
                && previous.reset_hint != ResetHint::Gauge
                && histogram.reset_hint != ResetHint::Reset
                && histogram.schema == previous.schema
                && histogram.zero_threshold == previous.zero_threshold
                && histogram.custom_bounds == previous.custom_bounds
                && !Histogram { reset_hint: ResetHint::Unknown, ..histogram.clone() }.is_reset_from(previous)
        });
        let reset_hint = match histogram.reset_hint {
            ResetHint::Gauge => ResetHint::Gauge,
            _ if continues => ResetHint::NotReset,
            _ => ResetHint::Unknown,
        };
        Histogram { reset_hint, ..histogram.clone() }
    }
}

impl SeriesSource for MemorySource {
    fn generation(&self) -> u64 {
        self.series.len() as u64
    }

    fn select(&self, matchers: &[Matcher], _range: TimeRange) -> Vec<SeriesId> {
        let fits = |series: &&Series| {
            matchers.iter().all(|matcher| matcher.matches(series.labels.get(matcher.name())))
        };
        let name = matchers
            .iter()
            .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
            .map(Matcher::value);
        let mut found: Vec<&Series> = match name {
            Some(name) => {
                let named = self.by_name.get(name).into_iter().flatten();
                named.filter_map(|at| self.series.get(*at)).filter(fits).collect()
            }
            None => self.series.iter().filter(fits).collect(),
        };
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
            .into_iter()
            .filter_map(|series| Some(SeriesId(*self.by_labels.get(&series.labels)? as u64)))
            .collect()
    }

    fn labels(&self, id: SeriesId) -> Labels {
        self.series.get(id.0 as usize).map(|series| series.labels.clone()).unwrap_or_default()
    }

    fn read(&self, ids: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(usize, Columns<'_>) -> bool) {
        for (index, id) in ids.iter().enumerate() {
            let Some(series) = self.series.get(id.0 as usize) else { continue };
            let from = series.timestamps.partition_point(|time| *time < range.start);
            let to = series.timestamps.partition_point(|time| *time <= range.end).max(from);
            let histograms: Vec<(u32, Arc<Histogram>)> = series
                .histograms
                .iter()
                .filter(|(row, _)| (from..to).contains(&(*row as usize)))
                .map(|(row, histogram)| (*row - from as u32, histogram.clone()))
                .collect();
            let columns = Columns {
                timestamps: &series.timestamps[from..to],
                values: &series.values[from..to],
                histograms: &histograms,
                starts: &series.starts[from..to],
            };
            if !visit(index, columns) {
                return;
            }
        }
    }
}
