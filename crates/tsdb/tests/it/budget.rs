//! Retention, the memory budget, and series that are gone.

use plimsoll_model::series::SeriesSource;
use plimsoll_tsdb::{Options, SeriesError, Store, Writer};

use crate::reading::{everything, matcher, read, series, store};

fn write(writer: &mut Writer, at: i64, pods: std::ops::Range<u32>) {
    let target = writer.key().to_owned();
    let mut scrape = writer.begin(at).unwrap();
    for pod in pods {
        let reference =
            series(&mut scrape, &[("__name__", "m"), ("pod", &pod.to_string()), ("target", &target)]);
        // Digits that do not pack, so that blocks have a size.
        scrape.set(reference, (f64::from(pod) + at as f64).sqrt()).unwrap();
    }
    scrape.commit();
}

#[test]
fn samples_older_than_the_retention_leave_and_a_target_without_any_is_removed() {
    let store = store(|options| options.retention = 100);
    let mut writer = store.writer("t").unwrap();
    for at in 0..50 {
        write(&mut writer, at * 10, 0..3);
    }
    let all = read(&store.view(), &[], everything());
    let first = *all.values().next().unwrap().keys().next().unwrap();
    assert!((300..=390).contains(&first), "the oldest sample is at {first}");
    assert_eq!(store.maintain(1000).removed_targets, 0, "a target with a writer stays");
    assert!(read(&store.view(), &[], everything()).is_empty());
    assert_eq!(store.series(), 0);
    drop(writer);
    let done = store.maintain(1000);
    assert_eq!(done.removed_targets, 1);
    assert!(done.bytes < 1000, "{} bytes are left", done.bytes);
    // Its number goes to the next target.
    let mut writer = store.writer("u").unwrap();
    write(&mut writer, 2000, 0..2);
    assert_eq!(read(&store.view(), &[matcher("pod", "=", "1")], everything()).len(), 1);
}

#[test]
fn over_the_budget_the_oldest_blocks_leave_first_and_the_newest_samples_stay() {
    let store = store(|options| options.memory_budget = 200_000);
    let mut writers = [store.writer("a").unwrap(), store.writer("b").unwrap()];
    for at in 0..200 {
        for writer in &mut writers {
            write(writer, at, 0..100);
        }
        let done = store.maintain(at);
        assert!(!done.over_budget, "at {at}: {done:?}");
        assert!(done.bytes <= 200_000);
    }
    let all = read(&store.view(), &[], everything());
    assert_eq!(all.len(), 200);
    for samples in all.values() {
        assert!(samples.contains_key(&199));
        assert!(!samples.contains_key(&0));
        assert!(samples.len() > 20, "{} samples are left", samples.len());
    }
}

#[test]
fn a_budget_that_cannot_be_held_is_reported_and_refuses_series_but_takes_samples() {
    let store = store(|options| options.memory_budget = 20_000);
    let mut writer = store.writer("t").unwrap();
    for at in 0..20 {
        write(&mut writer, at, 0..1000);
        store.maintain(at);
    }
    assert!(store.maintain(20).over_budget);
    let mut scrape = writer.begin(30).unwrap();
    let refused = scrape.series([("__name__", "new")].into_iter()).unwrap_err();
    assert_eq!(refused, SeriesError::OverBudget { budget: 20_000 });
    let known = series(&mut scrape, &[("__name__", "m"), ("pod", "7"), ("target", "t")]);
    scrape.set(known, 1.0).unwrap();
    scrape.commit();
    assert_eq!(read(&store.view(), &[matcher("pod", "=", "7")], everything()).len(), 1);
}

#[test]
fn churning_pods_are_reclaimed_and_take_no_more_memory_than_the_living_ones() {
    let store = store(|options| options.retention = 100);
    let mut writer = store.writer("t").unwrap();
    let mut high = 0;
    for at in 0..3000u32 {
        // Fifty pods at a time; one is replaced at each scrape.
        write(&mut writer, i64::from(at) * 10, at..at + 50);
        if at == 300 {
            high = store.bytes();
        }
    }
    assert!(store.bytes() < high * 2, "{} bytes now, {high} after 300 scrapes", store.bytes());
    assert!(store.series() < 150, "{} series", store.series());
    let view = store.view();
    assert!(view.select(&[matcher("pod", "=", "10")], everything()).is_empty());
    assert_eq!(view.select(&[matcher("pod", "=", "3010")], everything()).len(), 1);
    assert!(view.label_values("pod", &[]).len() < 150);
    assert_eq!(view.label_names(&[]).into_iter().collect::<Vec<_>>(), ["__name__", "pod", "target"]);
}

#[test]
fn options_out_of_range_are_refused_with_the_range() {
    for (options, text) in [
        (Options { sealed_rows: 129, ..Options::default() }, "sealed_rows is 129; it must be from 1 to 128"),
        (Options { hot_rows: 0, ..Options::default() }, "hot_rows is 0; it must be from 1 to 65536"),
        (
            Options { retention: 0, ..Options::default() },
            "retention is 0; it must be from 1 to 1125899906842624",
        ),
    ] {
        assert_eq!(Store::new(options).unwrap_err().to_string(), text);
    }
}
