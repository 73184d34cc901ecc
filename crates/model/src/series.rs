//! Where series come from: the seam between stores of samples and the query engine.
//!
//! No store and no engine: only what each may expect of the other. Nothing here does I/O or waits.
//!
//! **Invariant:** a source is one consistent view. While it is borrowed its series and samples do not change, and a
//! scrape is in it either whole or not at all.

use std::collections::HashMap;
use std::sync::Arc;

use crate::histogram::Histogram;
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::Matcher;

/// The bits of the NaN that marks a series as gone (Prometheus: `value.StaleNaN`).
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
/// The bits of every other NaN that is stored (Prometheus: `value.NormalNaN`).
pub const NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// The staleness marker.
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_BITS)
}

/// Whether a value is the staleness marker. Other NaNs are not.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// A series within one source. Means nothing to another source, or once [`SeriesSource::generation`] has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

/// A closed range of time, both ends in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First millisecond.
    pub start: i64,
    /// Last millisecond; before `start` the range is empty.
    pub end: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { start: i64::MIN, end: i64::MAX };
}

/// Which labels tell groups of series apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping<'a> {
    /// The labels that count; or, with `without`, that do not.
    pub names: &'a [String],
    /// All labels count but `names` and the metric's name.
    pub without: bool,
}

impl Grouping<'_> {
    /// Whether a label counts.
    pub fn counts(&self, name: &str) -> bool {
        let named = self.names.iter().any(|other| other == name);
        if self.without { !named && name != METRIC_NAME } else { named }
    }
}

/// Series in groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// The group of each series.
    pub of: Vec<u32>,
    /// The labels of each group, all different. Groups are numbered in the order of their first series.
    pub labels: Vec<Labels>,
}

/// The samples of one series in a range, column by column.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    /// Strictly ascending, in milliseconds since 1970.
    pub timestamps: &'a [i64],
    /// One per timestamp. Staleness markers are in it, of histogram series too. A row that is a histogram holds 0.
    pub values: &'a [f64],
    /// The rows that are histograms: row and histogram, ascending by row. Empty for a float series.
    pub histograms: &'a [(u32, Arc<Histogram>)],
    /// When the counter of each row started, in milliseconds since 1970, 0 where unknown. Empty, or one per row.
    pub starts: &'a [i64],
}

/// One consistent view of a set of series.
pub trait SeriesSource {
    /// Changes whenever any [`select`](Self::select) could list other series, or the same ones under other ids.
    /// New samples of known series do not change it. Plans are cached by it; two views with one generation agree on
    /// every id.
    fn generation(&self) -> u64;

    /// Every series that satisfies all matchers and may have samples in `range`, in no particular order, each once.
    /// The range is a hint: series without samples in it may be listed.
    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Vec<SeriesId>;

    /// The labels of a series from [`select`](Self::select).
    fn labels(&self, id: SeriesId) -> Labels;

    /// Puts series from [`select`](Self::select) into groups by some of their labels. A source that knows equal labels
    /// without looking at their text does better than this, which asks each series for all of its labels.
    fn group(&self, ids: &[SeriesId], by: Grouping<'_>) -> Groups {
        let mut numbers: HashMap<Labels, u32> = HashMap::new();
        let mut groups = Groups::default();
        for id in ids {
            let labels = self.labels(*id).retain(|label| by.counts(&label.name));
            let number = *numbers.entry(labels).or_insert_with_key(|labels| {
                groups.labels.push(labels.clone());
                groups.labels.len() as u32 - 1
            });
            groups.of.push(number);
        }
        groups
    }

    /// Hands the samples of each series in `range` to `visit`, with the index into `ids`, in the order of `ids`.
    /// The columns hold the whole range and nothing else; a series without samples is visited with empty columns.
    /// Stops early when `visit` returns false.
    fn read(&self, ids: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(usize, Columns<'_>) -> bool);

    /// As [`read`](Self::read), but the columns hold no more than the last sample of each series in `range`, be it a
    /// staleness marker.
    fn read_last(
        &self,
        ids: &[SeriesId],
        range: TimeRange,
        visit: &mut dyn FnMut(usize, Columns<'_>) -> bool,
    ) {
        self.read(ids, range, &mut |index, columns| {
            let last = columns.timestamps.len().saturating_sub(1);
            let histogram = columns.histograms.last().filter(|(row, _)| *row as usize == last);
            let histogram = histogram.map(|(_, histogram)| (0, Arc::clone(histogram)));
            let columns = Columns {
                timestamps: columns.timestamps.get(last..).unwrap_or(&[]),
                values: columns.values.get(last..).unwrap_or(&[]),
                histograms: histogram.as_slice(),
                starts: columns.starts.get(last..).unwrap_or(&[]),
            };
            visit(index, columns)
        });
    }
}
