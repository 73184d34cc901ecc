//! Series with the same labels in several targets are one series.

use std::collections::BTreeMap;

use plimsoll_model::labels::Labels;
use plimsoll_model::series::{SeriesSource, TimeRange, stale_marker};
use plimsoll_tsdb::{Store, Writer};
use proptest::prelude::*;

use crate::reading::{Samples, everything, float, matcher, read, series, store};

fn scrape(writer: &mut Writer, at: i64, all: &[(&[(&str, &str)], f64)]) {
    let mut scrape = writer.begin(at).unwrap();
    for (labels, value) in all {
        let reference = series(&mut scrape, labels);
        scrape.set(reference, *value).unwrap();
    }
    scrape.commit();
}

fn only(store: &Store, name: &str) -> Samples {
    let view = store.view();
    let matchers = [matcher("__name__", "=", name)];
    assert_eq!(view.select(&matchers, everything()).len(), 1, "{name} is listed once");
    read(&view, &matchers, everything()).into_values().next().unwrap()
}

#[test]
fn the_same_labels_in_two_targets_are_one_series_with_the_samples_of_both() {
    let store = store(|_| ());
    let (mut one, mut two) = (store.writer("one").unwrap(), store.writer("two").unwrap());
    let labels: &[(&str, &str)] = &[("__name__", "m"), ("pod", "p")];
    for at in 0..12 {
        scrape(&mut one, at * 10, &[(labels, at as f64), (&[("__name__", "own")], 1.0)]);
        // Every third one at the same time: then the first target's counts.
        scrape(&mut two, at * 10 + i64::from(at % 3 != 0), &[(labels, 100.0 + at as f64)]);
    }
    let samples = only(&store, "m");
    assert_eq!(samples.len(), 20);
    assert_eq!(samples[&30], float(3.0));
    assert_eq!(samples[&41], float(104.0));
    assert_eq!(only(&store, "own").len(), 12);
    // Groups and labels are those of one series too.
    let view = store.view();
    assert_eq!(view.select(&[], everything()).len(), 2);
}

#[test]
fn a_series_that_moves_to_another_target_goes_on_there() {
    let store = store(|_| ());
    let labels: &[(&str, &str)] = &[("__name__", "m"), ("instance", "a")];
    let mut one = store.writer("one").unwrap();
    let generation = store.view().generation();
    scrape(&mut one, 10, &[(labels, 1.0)]);
    scrape(&mut one, 20, &[]);
    let mut two = store.writer("two").unwrap();
    scrape(&mut two, 30, &[(labels, 2.0)]);
    assert!(store.view().generation() > generation);
    let expected = [(10, float(1.0)), (20, float(stale_marker())), (30, float(2.0))];
    assert_eq!(only(&store, "m"), expected.into_iter().collect());
    let range = TimeRange { start: 0, end: 25 };
    let view = store.view();
    let ids = view.select(&[], range);
    let mut last = Vec::new();
    view.read_last(&ids, range, &mut |_, columns| {
        last.extend_from_slice(columns.timestamps);
        true
    });
    assert_eq!(last, [20]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_targets_read_like_one_map_of_series(
        // Whether a target tells its series apart from others' by a label of its own.
        instances in prop::collection::vec(prop::option::of(0u8..3), 4),
        scrapes in prop::collection::vec((0usize..4, 1i64..4, prop::collection::btree_set(0u8..8, 0..8)), 1..60),
    ) {
        let store = store(|_| ());
        let mut writers: Vec<Writer> = (0..4).map(|t| store.writer(&t.to_string()).unwrap()).collect();
        let labels = |target: usize, series: u8| {
            let instance = instances[target].map(|instance| instance.to_string()).unwrap_or_default();
            Labels::from_pairs([("__name__", "m"), ("instance", &instance), ("number", &series.to_string())])
        };
        // By labels, then by time: target and value; what each target had last.
        let mut naive: BTreeMap<Labels, BTreeMap<i64, (usize, f64)>> = BTreeMap::new();
        let mut before: Vec<Vec<u8>> = vec![Vec::new(); 4];
        let mut times = [0; 4];
        for (at, (target, after, present)) in scrapes.iter().enumerate() {
            times[*target] += after;
            let time = times[*target];
            let mut scrape = writers[*target].begin(time).unwrap();
            let mut note = |series: u8, value: f64| {
                let samples = naive.entry(labels(*target, series)).or_default();
                if samples.get(&time).is_none_or(|(other, _)| target <= other) {
                    samples.insert(time, (*target, value));
                }
            };
            for number in present {
                let labels = labels(*target, *number);
                let pairs = labels.iter().map(|label| (&*label.name, &*label.value));
                let reference = scrape.series(pairs).unwrap();
                scrape.set(reference, at as f64).unwrap();
                note(*number, at as f64);
            }
            for gone in before[*target].iter().filter(|number| !present.contains(number)) {
                note(*gone, stale_marker());
            }
            before[*target] = present.iter().copied().collect();
            scrape.commit();
            let expected: BTreeMap<Labels, Samples> = naive
                .iter()
                .map(|(labels, samples)| {
                    let samples = samples.iter().map(|(time, (_, value))| (*time, float(*value)));
                    (labels.clone(), samples.collect())
                })
                .collect();
            // Fails too when one series is listed twice.
            prop_assert_eq!(read(&store.view(), &[], everything()), expected);
        }
    }
}
