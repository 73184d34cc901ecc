//! What readers see while writers write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plimsoll_model::series::SeriesSource;
use plimsoll_tsdb::{BeginError, SampleError, SeriesError, WriterError};

use crate::reading::{everything, float, matcher, read, series, store};

#[test]
fn a_scrape_is_seen_whole_or_not_at_all_new_series_included() {
    let store = store(|options| options.retention = 400);
    let done = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (store, done) = (store.clone(), Arc::clone(&done));
        move || {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) || reads == 0 {
                let view = store.view();
                let all = read(&view, &[matcher("__name__", "=", "m")], everything());
                // Every scrape n writes n % 7 + 3 series at time n, all with the value n.
                for time in
                    all.values().flat_map(|samples| samples.keys()).collect::<std::collections::BTreeSet<_>>()
                {
                    let at = all.values().filter_map(|samples| samples.get(time));
                    let count = at.filter(|value| **value == float(*time as f64)).count();
                    assert_eq!(count as i64, time % 7 + 3, "at {time}");
                }
                reads += 1;
            }
        }
    });
    let mut writer = store.writer("t").unwrap();
    for at in 0..4000i64 {
        let mut scrape = writer.begin(at).unwrap();
        for number in 0..at % 7 + 3 {
            // Names change, so that series come, go and are reclaimed.
            let pod = format!("{}-{number}", at / 50);
            let reference = series(&mut scrape, &[("__name__", "m"), ("pod", &pod)]);
            scrape.set(reference, at as f64).unwrap();
        }
        scrape.commit();
    }
    done.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    assert!(store.series() < 500, "{} series are left: the gone ones were not reclaimed", store.series());
}

#[test]
fn targets_are_written_read_and_removed_at_once() {
    let store = store(|options| options.retention = 50);
    let writers: Vec<_> = (0..3)
        .map(|number| {
            let store = store.clone();
            std::thread::spawn(move || {
                for round in 0..40i64 {
                    // A target lives for one round; its end falls anywhere into the others' scrapes.
                    let key = format!("{number}-{}", round % 5);
                    let mut writer = store.writer(&key).unwrap();
                    for step in 0..20 {
                        let at = round * 100 + step;
                        let mut scrape = writer.begin(at).unwrap();
                        for pod in 0..5 + step % 3 {
                            let pod = format!("{round}-{pod}");
                            let reference =
                                series(&mut scrape, &[("__name__", "m"), ("key", &key), ("pod", &pod)]);
                            scrape.set(reference, step as f64).unwrap();
                        }
                        scrape.commit();
                    }
                    drop(writer);
                    store.maintain(round * 100 + 30);
                }
            })
        })
        .collect();
    while !writers.iter().all(std::thread::JoinHandle::is_finished) {
        let view = store.view();
        let all = read(&view, &[matcher("__name__", "=", "m")], everything());
        let stale = float(plimsoll_model::series::stale_marker());
        let mut counts = std::collections::BTreeMap::new();
        for (labels, samples) in &all {
            for (time, _) in samples.iter().filter(|(_, value)| **value != stale) {
                *counts.entry((labels.get("key").to_owned(), *time)).or_insert(0) += 1;
            }
        }
        for ((key, time), count) in counts {
            assert_eq!(count, 5 + time % 100 % 3, "{key} at {time}");
        }
        std::thread::yield_now();
    }
    for writer in writers {
        writer.join().unwrap();
    }
    store.maintain(1_000_000);
    assert!(store.bytes() < 1000, "{} bytes are left", store.bytes());
    assert!(read(&store.view(), &[], everything()).is_empty());
}

#[test]
fn a_view_does_not_change_once_it_has_been_read() {
    let store = store(|_| ());
    let mut writer = store.writer("t").unwrap();
    let mut write = |at: i64, name: &str| {
        let mut scrape = writer.begin(at).unwrap();
        let reference = series(&mut scrape, &[("__name__", name)]);
        scrape.set(reference, 1.0).unwrap();
        scrape.commit();
    };
    write(1, "a");
    let (touched, untouched) = (store.view(), store.view());
    let before = read(&touched, &[], everything());
    write(2, "b");
    write(3, "c");
    assert_eq!(read(&touched, &[], everything()), before);
    // One that touches the target later only sees what its generation has.
    assert_eq!(read(&untouched, &[], everything()), before);
    assert!(store.view().generation() > untouched.generation());
    assert_eq!(read(&store.view(), &[], everything()).len(), 3);
}

#[test]
fn an_aborted_scrape_leaves_no_trace() {
    let store = store(|_| ());
    let mut writer = store.writer("t").unwrap();
    {
        let mut scrape = writer.begin(5).unwrap();
        let reference = series(&mut scrape, &[("__name__", "a")]);
        scrape.set(reference, 1.0).unwrap();
    }
    assert_eq!(store.series(), 0);
    assert!(read(&store.view(), &[], everything()).is_empty());
    writer.begin(5).unwrap().commit();
}

#[test]
fn a_series_that_vanishes_gets_one_staleness_marker_and_a_failed_scrape_marks_all() {
    let store = store(|_| ());
    let mut writer = store.writer("t").unwrap();
    for at in 0..20i64 {
        let mut scrape = writer.begin(at).unwrap();
        if at < 3 || at == 10 {
            let reference = series(&mut scrape, &[("__name__", "a")]);
            scrape.set(reference, 1.0).unwrap();
        }
        scrape.commit();
    }
    let all = read(&store.view(), &[], everything());
    let samples = all.values().next().unwrap();
    let stale = float(plimsoll_model::series::stale_marker());
    let marked: Vec<i64> =
        samples.iter().filter(|(_, value)| **value == stale).map(|(time, _)| *time).collect();
    assert_eq!(marked, [3, 11]);
    assert_eq!(samples.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 10, 11]);
}

#[test]
fn what_a_scrape_refuses_says_why() {
    let store = store(|options| {
        options.max_series_per_target = 2;
        options.late_window = 100;
        options.max_late_samples = 1;
    });
    let mut writer = store.writer("t").unwrap();
    assert!(matches!(store.writer("t"), Err(WriterError::Claimed { .. })));
    assert_eq!(store.writer(&"k".repeat(5000)).unwrap_err(), WriterError::KeyTooLong);
    let mut scrape = writer.begin(1000).unwrap();
    let a = series(&mut scrape, &[("__name__", "a")]);
    series(&mut scrape, &[("__name__", "b")]);
    assert_eq!(series(&mut scrape, &[("__name__", "a")]), a, "the same labels are the same series");
    let mut refused = |labels: &[(&str, &str)]| scrape.series(labels.iter().copied()).unwrap_err();
    assert_eq!(refused(&[("__name__", "c")]), SeriesError::TooMany { limit: 2 });
    assert!(matches!(refused(&[("b", "1"), ("a", "1")]), SeriesError::Unsorted { name } if name == "a"));
    assert!(matches!(refused(&[("a", "1"), ("a", "1")]), SeriesError::Unsorted { .. }));
    assert_eq!(refused(&[("a", &"x".repeat(70_000))]), SeriesError::TooLarge);
    scrape.set(a, 1.0).unwrap();
    assert_eq!(scrape.set(a, 1.0), Err(SampleError::Duplicate));
    assert_eq!(scrape.set_at(a, 100, 1.0), Err(SampleError::TooOld));
    scrape.set_at(a, 950, 1.0).unwrap();
    assert_eq!(scrape.set_at(a, 951, 1.0), Err(SampleError::TooManyLate));
    scrape.commit();
    assert_eq!(writer.begin(1000).unwrap_err(), BeginError::NotAfter { at: 1000, last: 1000 });
    drop(writer);
    assert!(store.writer("t").is_ok(), "a target whose writer is gone takes another");
}
