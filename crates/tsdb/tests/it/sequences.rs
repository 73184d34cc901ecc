//! Random sequences of scrapes, failures, aborts and maintenance against the naive store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use plimsoll_model::histogram::{Histogram, Span};
use plimsoll_model::labels::Labels;
use plimsoll_model::matcher::Matcher;
use plimsoll_model::series::{Columns, Grouping, SeriesId, SeriesSource, TimeRange};
use plimsoll_tsdb::{Options, SampleError, SeriesRef, Store, StoreView, Writer};
use proptest::prelude::*;

use crate::naive::{self, Incoming, Outcome};
use crate::reading::{everything, matcher, read, read_ids};

const RETENTION: i64 = 200_000;
const LATE: i64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    Scrape {
        target: usize,
        after: i64,
        samples: Vec<(usize, Incoming)>,
    },
    Abort {
        target: usize,
        series: Vec<usize>,
    },
    Maintain {
        after: i64,
    },
    /// The store goes through a snapshot, and only that is left.
    Restart,
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0i32..1000).prop_map(|m| f64::from(m) / 10.0),
        2 => (0i64..1 << 40).prop_map(|m| m as f64),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-0.0),
        1 => any::<f64>().prop_filter("a marker is no sample", |v| v.to_bits() != plimsoll_model::series::STALE_BITS),
    ]
}

fn incoming() -> impl Strategy<Value = Incoming> {
    prop_oneof![
        6 => value().prop_map(Incoming::Float),
        // Few distinct times, so that samples repeat, collide and come late.
        2 => (-7i64..3, 0i32..3).prop_map(|(offset, value)| Incoming::Explicit(offset * 10_000, f64::from(value))),
        1 => (0u32..50).prop_map(|count| Incoming::Histogram(Arc::new(Histogram {
            count: f64::from(count),
            sum: 1.5,
            positive_spans: vec![Span { offset: 0, length: 1 }],
            positive: vec![f64::from(count)],
            ..Histogram::default()
        }))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let target = 0usize..3;
    prop_oneof![
        8 => (target.clone(), 1i64..4, prop::collection::vec((0usize..14, incoming()), 0..14))
            .prop_map(|(target, after, samples)| Step::Scrape { target, after: after * 10_000, samples }),
        1 => (target, prop::collection::vec(0usize..20, 0..5)).prop_map(|(target, series)| Step::Abort { target, series }),
        1 => (0i64..12).prop_map(|after| Step::Maintain { after: after * 10_000 }),
        1 => Just(Step::Restart),
    ]
}

fn labels(target: usize, series: usize) -> Labels {
    let (name, pod) = (format!("m{}", series % 4), format!("pod-{series}"));
    let target = format!("t{target}");
    let all = [("__name__", name.as_str()), ("instance", &target), ("pod", &pod), ("zone", "a")];
    // Some series lack a label that others have.
    Labels::from_pairs(all.into_iter().take(if series.is_multiple_of(3) { 3 } else { 4 }))
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> + Clone {
    labels.iter().map(|label| (&*label.name, &*label.value))
}

struct Both {
    store: Store,
    writers: Vec<Writer>,
    refs: HashMap<(usize, usize), SeriesRef>,
    naive: BTreeMap<String, naive::Target>,
    now: i64,
}

impl Both {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Restart => {
                let mut bytes = Vec::new();
                let saved = self.store.save(&mut bytes).unwrap();
                let (store, loaded) = Store::load(options(), &mut bytes.as_slice()).unwrap();
                assert_eq!(saved, loaded);
                let live = read(&self.store.view(), &[], everything());
                assert_eq!(read(&store.view(), &[], everything()), live);
                self.refs.clear();
                self.writers = writers(&store);
                self.store = store;
            }
            Step::Scrape { target, after, samples } => {
                self.now += after;
                let at = self.now;
                let expected: Vec<_> = samples
                    .iter()
                    .map(|(series, incoming)| (labels(*target, *series), incoming.clone()))
                    .collect();
                let wanted = self.naive.entry(format!("t{target}")).or_default().scrape(at, &expected, LATE);
                let writer = &mut self.writers[*target];
                let mut scrape = writer.begin(at).unwrap();
                for ((series, incoming), wanted) in samples.iter().zip(wanted) {
                    let labels = labels(*target, *series);
                    let mut set = |reference: SeriesRef| match incoming {
                        Incoming::Float(value) => scrape.set(reference, *value),
                        Incoming::Explicit(offset, value) => scrape.set_at(reference, at + offset, *value),
                        Incoming::Histogram(histogram) => {
                            scrape.set_histogram(reference, Arc::clone(histogram))
                        }
                    };
                    let cached = self.refs.get(&(*target, *series)).copied();
                    let outcome = match cached.map(&mut set) {
                        None | Some(Err(SampleError::Reclaimed)) => {
                            let reference = scrape.series(pairs(&labels)).unwrap();
                            self.refs.insert((*target, *series), reference);
                            match incoming {
                                Incoming::Float(value) => scrape.set(reference, *value),
                                Incoming::Explicit(offset, value) => {
                                    scrape.set_at(reference, at + offset, *value)
                                }
                                Incoming::Histogram(histogram) => {
                                    scrape.set_histogram(reference, Arc::clone(histogram))
                                }
                            }
                        }
                        Some(outcome) => outcome,
                    };
                    let outcome = if outcome.is_ok() { Outcome::Taken } else { Outcome::Refused };
                    assert_eq!(outcome, wanted, "{labels} at {at}: {incoming:?}");
                }
                scrape.commit();
            }
            Step::Abort { target, series } => {
                let mut scrape = self.writers[*target].begin(self.now + 1).unwrap();
                for series in series {
                    let reference = scrape.series(pairs(&labels(*target, *series))).unwrap();
                    let _ = scrape.set(reference, 666.0);
                }
            }
            Step::Maintain { after } => {
                self.now += after;
                self.store.maintain(self.now);
                self.naive.values_mut().for_each(|target| target.expire(self.now - RETENTION));
            }
        }
    }

    /// Compares what both answer, as far back as every sample must still be there.
    fn compare(&self) {
        let view = self.store.view();
        let horizon = self.now - RETENTION;
        let ranges = [
            TimeRange { start: horizon, end: i64::MAX },
            TimeRange { start: self.now - 45_000, end: self.now },
            TimeRange { start: self.now - 95_000, end: self.now - 40_000 },
            TimeRange { start: self.now, end: self.now - 1 },
        ];
        compare_groups(&view);
        let selectors = [
            vec![],
            vec![matcher("__name__", "=", "m1")],
            vec![matcher("__name__", "=~", "m1|m2"), matcher("instance", "!=", "t1")],
            vec![matcher("pod", "=~", "pod-.*[02468]"), matcher("zone", "=", "")],
            vec![matcher("zone", "!=", ""), matcher("__name__", "!~", "m[03]")],
            vec![matcher("nothing", "=", "")],
            vec![matcher("nothing", "!=", "")],
            vec![matcher("pod", "=", "pod-5"), matcher("zone", "=~", "a|")],
        ];
        for range in ranges {
            compare_last(&view, range);
            for selector in &selectors {
                assert_eq!(
                    read(&view, selector, range),
                    naive::read(&self.naive, selector, range),
                    "{selector:?} in {range:?}"
                );
            }
        }
    }
}

/// A view that groups as any source does.
struct Plain<'a>(&'a StoreView);

impl SeriesSource for Plain<'_> {
    fn generation(&self) -> u64 {
        self.0.generation()
    }

    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Vec<SeriesId> {
        self.0.select(matchers, range)
    }

    fn labels(&self, id: SeriesId) -> Labels {
        self.0.labels(id)
    }

    fn read(&self, ids: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(usize, Columns<'_>) -> bool) {
        self.0.read(ids, range, visit);
    }
}

/// Compares last samples with the ends of all samples.
fn compare_last(view: &StoreView, range: TimeRange) {
    let ids = view.select(&[], range);
    let last = |source: &dyn SeriesSource| {
        let mut all = Vec::new();
        source.read_last(&ids, range, &mut |index, columns| {
            let values: Vec<u64> = columns.values.iter().map(|value| value.to_bits()).collect();
            all.push((index, columns.timestamps.to_vec(), values, columns.histograms.to_vec()));
            true
        });
        all
    };
    assert_eq!(last(view), last(&Plain(view)), "{range:?}");
}

/// Compares groups by symbols with groups by labels, of series in the order of their selection and in another.
fn compare_groups(view: &StoreView) {
    let mut ids = view.select(&[], everything());
    for _ in 0..2 {
        for names in [&[][..], &["pod"], &["zone", "instance"], &["__name__", "nothing"]] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            for without in [false, true] {
                let by = Grouping { names: &names, without };
                assert_eq!(view.group(&ids, by), Plain(view).group(&ids, by), "{by:?}");
            }
        }
        // Every third one first: targets and segments take turns.
        ids = (0..3).flat_map(|start| ids.iter().copied().skip(start).step_by(3)).rev().collect();
    }
}

fn options() -> Options {
    Options { retention: RETENTION, late_window: LATE, hot_rows: 2, sealed_rows: 3, ..Options::default() }
}

fn writers(store: &Store) -> Vec<Writer> {
    (0..3).map(|target| store.writer(&format!("t{target}")).unwrap()).collect()
}

fn both() -> Both {
    let store = Store::new(options()).unwrap();
    Both {
        writers: writers(&store),
        store,
        refs: HashMap::new(),
        naive: BTreeMap::new(),
        now: 1_700_000_000_000,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_reads_like_the_naive_store(steps in prop::collection::vec(step(), 1..60)) {
        let mut both = both();
        for step in &steps {
            both.apply(step);
            both.compare();
        }
    }

    #[test]
    fn a_plan_of_one_generation_reads_like_a_fresh_one(steps in prop::collection::vec(step(), 1..60)) {
        let mut both = both();
        let mut plan: Option<(u64, Vec<_>)> = None;
        for step in &steps {
            both.apply(step);
            let view = both.store.view();
            let range = TimeRange { start: both.now - RETENTION, end: i64::MAX };
            let fresh = view.select(&[], range);
            if matches!(step, Step::Restart) {
                plan = None;
            }
            if let Some((generation, ids)) = &plan
                && *generation == view.generation()
            {
                prop_assert_eq!(read_ids(&view, ids, range), read_ids(&view, &fresh, range));
            }
            plan = Some((view.generation(), fresh));
        }
    }
}
