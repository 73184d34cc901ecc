//! What the query engine sees: one consistent view of all targets.
//!
//! A view fixes the directory and the generation when it is made, and each target when it is first touched; a target that has moved on to a newer
//! generation meanwhile is read without the rows that came with that. So two views of one generation never disagree
//! about a series, and making a view costs nothing per series.
//!
//! **Invariant:** a target once touched does not change in a view.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::{Label, Labels};
use plimsoll_model::matcher::Matcher;
use plimsoll_model::series::{Columns, Grouping, Groups, SeriesId, SeriesSource, TimeRange};

use crate::directory::Directory;
use crate::group::{Grouper, Part};
use crate::lookup::{Found, Lookup, MIN_TARGETS};
use crate::segment::Segment;
use crate::select::select;
use crate::store::Shared;
use crate::symbols::hash_label;
use crate::twins::Twins;
use crate::view::{Metadata, View};
use crate::window::{Gathered, Window};

/// One consistent view of a store.
#[derive(Debug)]
pub struct StoreView {
    directory: Arc<Directory>,
    generation: u64,
    shared: Arc<Shared>,
    twins: OnceLock<Arc<Twins>>,
    pinned: Box<[OnceLock<Arc<View>>]>,
}

impl StoreView {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        // In this order: what the directory lacks is in no view of this generation.
        let generation = shared.generation.load(Ordering::Acquire);
        let directory = shared.directory.load_full();
        let pinned = directory.targets.iter().map(|_| OnceLock::new()).collect();
        Self { directory, generation, shared: Arc::clone(shared), twins: OnceLock::new(), pinned }
    }

    /// The series with the same labels in several targets.
    fn twins(&self) -> &Twins {
        self.twins.get_or_init(|| {
            let known = self.shared.twins.load_full();
            if known.generation == self.generation {
                return known;
            }
            let targets = &self.directory.targets;
            let now = |number: u32| Some(targets.get(number as usize)?.as_ref()?.view.load_full());
            let told = self
                .changed_since(known.generation)
                .and_then(|changed| known.after(self.generation, &changed, now));
            let found = Arc::new(told.unwrap_or_else(|| {
                let there = (0..targets.len() as u32).filter_map(|number| Some((number, now(number)?)));
                Twins::search(self.generation, &there.collect::<Vec<_>>())
            }));
            if known.generation < self.generation {
                self.shared.twins.store(Arc::clone(&found));
            }
            found
        })
    }

    fn target(&self, number: u32) -> Option<&Arc<View>> {
        let target = self.directory.targets.get(number as usize)?.as_ref()?;
        Some(self.pinned[number as usize].get_or_init(|| {
            let view = target.view.load_full();
            if view.generation <= self.generation { view } else { Arc::new(view.as_of(self.generation)) }
        }))
    }

    /// The targets that changed after a generation, ascending; nothing if they are no longer known, or so many that
    /// asking all is as quick.
    fn changed_since(&self, generation: u64) -> Option<Vec<u32>> {
        let most = self.directory.targets.len() / 4;
        self.shared.changes.between(generation, self.generation, most, &self.shared.generation)
    }

    /// The series that satisfy all matchers, twins included, by target and in the order of its index.
    fn found(&self, matchers: &[Matcher]) -> Vec<SeriesId> {
        let ask = |target: u32, to: &mut Found| {
            let segments = self.target(target).map_or(&[][..], |view| &view.segments);
            for segment in segments {
                select(segment, matchers, |slot| to.push(target, slot));
            }
        };
        let most = self.shared.options.kept_lookups;
        let known = self.shared.lookups.load();
        let lookup = known.of(matchers);
        let changed = lookup.and_then(|lookup| Some((&lookup.found, self.changed_since(lookup.generation)?)));
        let found = match changed {
            Some((found, changed)) if changed.is_empty() => return found.ids(),
            Some((found, changed)) => found.with(&changed, ask),
            None => {
                let candidates = self.candidates(matchers);
                let mut found = Found::default();
                candidates.iter().for_each(|target| ask(*target, &mut found));
                if candidates.len() < MIN_TARGETS
                    || lookup.is_some_and(|lookup| lookup.generation > self.generation)
                {
                    return found.ids();
                }
                found
            }
        };
        let ids = found.ids();
        if most > 0 {
            let lookup = Lookup::new(matchers, self.generation, found);
            self.shared.lookups.store(Arc::new(known.with(lookup, most)));
        }
        ids
    }

    fn candidates(&self, matchers: &[Matcher]) -> Vec<u32> {
        self.directory.candidates(matchers.iter().filter(|matcher| !matcher.matches_absent()).filter_map(
            |matcher| {
                let values = matcher.listed_values()?;
                Some(values.iter().map(|value| hash_label(matcher.name(), value)).collect())
            },
        ))
    }

    /// The distinct values of a label over the series that satisfy all matchers, sorted.
    pub fn label_values(&self, name: &str, matchers: &[Matcher]) -> BTreeSet<String> {
        let mut values = BTreeSet::new();
        self.each_series(matchers, |view, segment, series| {
            let _ = view;
            for (other, value) in segment.labels(series) {
                if other == name && !values.contains(value) {
                    values.insert(value.to_owned());
                }
            }
        });
        values
    }

    /// The distinct label names of the series that satisfy all matchers, sorted.
    pub fn label_names(&self, matchers: &[Matcher]) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.each_series(matchers, |_, segment, series| {
            for (name, _) in segment.labels(series) {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        });
        names
    }

    fn each_series(&self, matchers: &[Matcher], mut each: impl FnMut(&View, &Segment, u32)) {
        for view in self.candidates(matchers).into_iter().filter_map(|target| self.target(target)) {
            for segment in view.segments.iter() {
                select(segment, matchers, |slot| {
                    if let Ok(series) = segment.slots.binary_search(&slot) {
                        each(view, segment, series as u32);
                    }
                });
            }
        }
    }

    /// What the targets say of their metric families: family and metadata, distinct, sorted by family.
    pub fn metadata(&self) -> Vec<(String, Metadata)> {
        let mut all: Vec<(String, Metadata)> = Vec::new();
        for number in 0..self.directory.targets.len() as u32 {
            let Some(view) = self.target(number) else { continue };
            all.extend(view.metadata.iter().map(|(family, metadata)| (family.clone(), metadata.clone())));
            all.sort();
            all.dedup();
        }
        all
    }
}

fn split(id: SeriesId) -> (u32, u32) {
    ((id.0 >> 32) as u32, id.0 as u32)
}

impl SeriesSource for StoreView {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn select(&self, matchers: &[Matcher], _range: TimeRange) -> Vec<SeriesId> {
        let mut ids = self.found(matchers);
        if ids.len() > 1 && !self.twins().is_empty() {
            self.twins().hide(&mut ids, split);
        }
        ids
    }

    fn labels(&self, id: SeriesId) -> Labels {
        let (target, slot) = split(id);
        let found = self.target(target).and_then(|view| {
            view.segments.iter().find_map(|segment| Some((segment, segment.slots.binary_search(&slot).ok()?)))
        });
        let Some((segment, series)) = found else { return Labels::default() };
        let shared = |symbol| segment.symbols.shared(symbol);
        let labels = segment.symbol_labels(series as u32);
        Labels::from_sorted(labels.map(|(name, value)| Label { name: shared(name), value: shared(value) }))
    }

    fn group(&self, ids: &[SeriesId], by: Grouping<'_>) -> Groups {
        let mut grouper = Grouper::with_capacity(ids.len());
        // Selections list a target's series together, and a segment's in the order of their slots.
        for ids in ids.chunk_by(|a, b| split(*a).0 == split(*b).0) {
            let segments = self.target(split(ids[0]).0).map_or(&[][..], |view| &view.segments);
            let mut parts: Vec<Option<Part<'_>>> = segments.iter().map(|_| None).collect();
            let (mut last, mut next) = (0, 0);
            for id in ids {
                let slot = split(*id).1;
                let near = segments.get(last).is_some_and(|segment| segment.slots.get(next) == Some(&slot));
                if !near {
                    let found = |(at, segment): (usize, &Arc<Segment>)| {
                        Some((at, segment.slots.binary_search(&slot).ok()?))
                    };
                    let Some(found) = segments.iter().enumerate().find_map(found) else {
                        grouper.add_unknown();
                        continue;
                    };
                    (last, next) = found;
                }
                let part = parts[last].get_or_insert_with(|| Part::new(&segments[last], by));
                grouper.add(part, next as u32);
                next += 1;
            }
        }
        grouper.finish()
    }

    fn read(&self, ids: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(usize, Columns<'_>) -> bool) {
        let mut columns = Gathered::default();
        self.each_window(ids, range, |index, found| match found {
            Samples::Series(window, slot) => visit(index, window.read(slot, &mut columns)),
            Samples::Twins(parts) => {
                self.gather_twins(parts, range, &mut columns);
                visit(index, columns.columns())
            }
            Samples::Nothing => visit(index, Columns::default()),
        });
    }

    fn read_last(
        &self,
        ids: &[SeriesId],
        range: TimeRange,
        visit: &mut dyn FnMut(usize, Columns<'_>) -> bool,
    ) {
        let mut columns = Gathered::default();
        self.each_window(ids, range, |index, found| match found {
            Samples::Series(window, slot) => visit(index, window.read_last(slot, &mut columns)),
            Samples::Twins(parts) => {
                self.gather_twins(parts, range, &mut columns);
                visit(index, columns.last())
            }
            Samples::Nothing => visit(index, Columns::default()),
        });
    }
}

impl StoreView {
    /// Calls `each` with every id's index, and where its samples are; until that says no.
    fn each_window(
        &self,
        ids: &[SeriesId],
        range: TimeRange,
        mut each: impl FnMut(usize, Samples<'_, '_>) -> bool,
    ) {
        let twins = Some(self.twins()).filter(|twins| !twins.is_empty());
        let mut window: Option<(u32, Window<'_>)> = None;
        for (index, id) in ids.iter().enumerate() {
            let (target, slot) = split(*id);
            if window.as_ref().is_none_or(|(other, _)| *other != target) {
                window = self.target(target).map(|view| (target, Window::new(view, range)));
            }
            let found = match (twins.and_then(|twins| twins.parts((target, slot))), &window) {
                (Some(parts), _) => Samples::Twins(parts),
                (None, Some((_, window))) => Samples::Series(window, slot),
                (None, None) => Samples::Nothing,
            };
            if !each(index, found) {
                return;
            }
        }
    }

    /// The samples of series that are one; of two at one time that of the first.
    fn gather_twins(&self, parts: &[(u32, u32)], range: TimeRange, to: &mut Gathered) {
        let mut all: Vec<(i64, f64, Option<Arc<Histogram>>)> = Vec::new();
        for (target, slot) in parts {
            let Some(view) = self.target(*target) else { continue };
            view.samples(*slot, range.start, range.end, |time, value, histogram| {
                all.push((time, value, histogram.cloned()));
            });
        }
        all.sort_by_key(|(time, ..)| *time);
        all.dedup_by_key(|(time, ..)| *time);
        to.clear();
        all.iter().for_each(|(time, value, histogram)| to.push(*time, *value, histogram.as_ref()));
    }
}

/// Where the samples of an id are.
enum Samples<'w, 'v> {
    Series(&'w Window<'v>, u32),
    /// In several targets.
    Twins(&'w [(u32, u32)]),
    Nothing,
}
