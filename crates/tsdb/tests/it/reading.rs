//! Reads everything that a view shows into plain maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::Labels;
use plimsoll_model::matcher::{MatchOp, Matcher};
use plimsoll_model::series::{SeriesId, SeriesSource, TimeRange};
use plimsoll_tsdb::{Options, Scrape, SeriesRef, Store, StoreView};

/// A sample that compares bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Float(u64),
    Histogram(Arc<Histogram>),
}

pub type Samples = BTreeMap<i64, Value>;

pub fn float(value: f64) -> Value {
    Value::Float(value.to_bits())
}

pub fn store(change: impl FnOnce(&mut Options)) -> Store {
    let mut options = Options { hot_rows: 2, sealed_rows: 3, ..Options::default() };
    change(&mut options);
    Store::new(options).unwrap()
}

pub fn matcher(name: &str, op: &str, value: &str) -> Matcher {
    let op = match op {
        "=" => MatchOp::Equal,
        "!=" => MatchOp::NotEqual,
        "=~" => MatchOp::Regex,
        _ => MatchOp::NotRegex,
    };
    Matcher::new(name, op, value).unwrap()
}

pub fn everything() -> TimeRange {
    TimeRange { start: i64::MIN, end: i64::MAX }
}

/// The series with labels `(name, value)` in name order.
pub fn series(scrape: &mut Scrape<'_>, labels: &[(&str, &str)]) -> SeriesRef {
    scrape.series(labels.iter().copied()).unwrap()
}

/// All series that match and have samples in the range, with these samples. Fails when columns break their promises.
pub fn read(view: &StoreView, matchers: &[Matcher], range: TimeRange) -> BTreeMap<Labels, Samples> {
    let ids = view.select(matchers, range);
    read_ids(view, &ids, range)
}

pub fn read_ids(view: &StoreView, ids: &[SeriesId], range: TimeRange) -> BTreeMap<Labels, Samples> {
    let mut all = BTreeMap::new();
    view.read(ids, range, &mut |index, columns| {
        assert_eq!(columns.timestamps.len(), columns.values.len());
        assert!(
            columns.timestamps.is_sorted_by(|a, b| a < b),
            "times ascend strictly: {:?}",
            columns.timestamps
        );
        assert!(columns.timestamps.iter().all(|time| (range.start..=range.end).contains(time)));
        let mut samples: Samples = columns
            .timestamps
            .iter()
            .copied()
            .zip(columns.values.iter().map(|value| float(*value)))
            .collect();
        for (row, histogram) in columns.histograms {
            let before =
                samples.insert(columns.timestamps[*row as usize], Value::Histogram(Arc::clone(histogram)));
            assert_eq!(before, Some(float(0.0)), "a row that is a histogram holds 0");
        }
        if !samples.is_empty() {
            let labels = view.labels(ids[index]);
            assert!(all.insert(labels, samples).is_none(), "each series is listed once");
        }
        true
    });
    all
}
