//! What is found again is what asking every target would find.

use plimsoll_model::series::SeriesSource;
use plimsoll_tsdb::{Store, Writer};

use crate::reading::{everything, matcher, read, read_ids, series, store};

const TARGETS: usize = 45;

/// A store that keeps what was found, and one that does not; both are told the same.
struct Both {
    stores: [Store; 2],
    writers: Vec<Option<[Writer; 2]>>,
    at: i64,
}

impl Both {
    fn new(retention: i64) -> Self {
        let stores = [4 << 20, 0].map(|bytes| {
            store(|options| {
                options.kept_lookups = bytes;
                options.retention = retention;
            })
        });
        let mut both = Self { stores, writers: (0..TARGETS).map(|_| None).collect(), at: 0 };
        (0..TARGETS).for_each(|target| both.scrape(target, target, 0));
        both
    }

    /// A scrape of some series, some of them new with each `age`. Targets of the same `instance` have series in common.
    fn scrape(&mut self, target: usize, instance: usize, age: usize) {
        self.at += 1;
        let key = format!("t{target}");
        let (at, stores) = (self.at, &self.stores);
        let writers = self.writers[target]
            .get_or_insert_with(|| [0, 1].map(|store: usize| stores[store].writer(&key).unwrap()));
        for writer in writers {
            let mut scrape = writer.begin(at).unwrap();
            for pod in 0..3 + target % 3 {
                let labels = [
                    ("__name__", ["m", "n"][pod % 2]),
                    ("instance", &format!("i{instance}")),
                    ("job", "nodes"),
                    ("pod", &format!("{}", pod + age)),
                ];
                let reference = series(&mut scrape, &labels);
                scrape.set(reference, at as f64).unwrap();
            }
            scrape.commit();
        }
    }

    fn compare(&self) {
        let [kept, plain] = [0, 1].map(|store: usize| self.stores[store].view());
        let selectors = [
            vec![matcher("__name__", "=", "m")],
            vec![matcher("job", "=", "nodes"), matcher("pod", "=~", "[0-4]")],
            vec![matcher("pod", "!=", "1")],
            vec![],
        ];
        for selector in &selectors {
            let ids = plain.select(selector, everything());
            assert_eq!(kept.select(selector, everything()), ids, "{selector:?} at {}", self.at);
            assert_eq!(
                read_ids(&kept, &ids, everything()),
                read(&plain, selector, everything()),
                "{selector:?} at {}",
                self.at
            );
        }
    }
}

#[test]
fn series_that_come_and_go_anywhere_are_found_as_by_asking_all() {
    let mut both = Both::new(400);
    both.compare();
    let mut random = 7u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    for round in 0..80 {
        for _ in 0..below(4) {
            let target = below(TARGETS);
            match below(12) {
                // Gone, later with all it had; its number may become another target's.
                0 => both.writers[target] = None,
                // The series of another target.
                1 => both.scrape(target, (target + 1) % TARGETS, round),
                2 | 3 => both.scrape(target, target, round),
                _ => both.scrape(target, target, 0),
            }
        }
        if below(5) == 0 {
            for store in &both.stores {
                store.maintain(both.at);
            }
        }
        both.compare();
    }
}

#[test]
fn a_new_target_with_the_series_of_another_is_noticed() {
    let mut both = Both::new(400);
    both.compare();
    let series = |both: &Both| both.stores[0].view().select(&[], everything()).len();
    let before = series(&both);
    both.writers.push(None);
    both.scrape(TARGETS, 3, 0);
    both.compare();
    assert_eq!(series(&both), before);
    both.scrape(TARGETS, 3, 100);
    both.compare();
    assert_eq!(series(&both), before + 3);
}

#[test]
fn more_changes_than_are_noted_are_not_overlooked() {
    let mut both = Both::new(60);
    both.compare();
    for round in 1..=4100 {
        both.scrape(0, 0, round);
    }
    both.scrape(1, 1, 5000);
    both.compare();
}

#[test]
fn a_view_of_before_finds_what_was_there_before() {
    let mut both = Both::new(400);
    let all = [matcher("job", "=", "nodes")];
    let old = [0, 1].map(|store: usize| both.stores[store].view());
    both.scrape(3, 3, 100);
    both.compare();
    assert!(both.stores[0].view().select(&all, everything()).len() > 3 * TARGETS);
    let [kept, plain] = old.map(|view| read(&view, &all, everything()));
    assert_eq!(kept, plain);
}

#[test]
fn what_is_kept_counts_as_held_and_stays_within_its_bound() {
    let mut both = Both::new(400);
    both.compare();
    let [kept, plain] = [0, 1].map(|store: usize| both.stores[store].bytes());
    assert!(kept > plain, "{kept} bytes with, {plain} without");
    let small = store(|options| options.kept_lookups = 2000);
    both.stores[0] = small.clone();
    both.writers = (0..TARGETS).map(|_| None).collect();
    both.stores[1] = store(|options| options.kept_lookups = 0);
    (0..TARGETS).for_each(|target| both.scrape(target, target, 0));
    both.compare();
    assert!(both.stores[0].bytes() <= both.stores[1].bytes() + 2000);
}
