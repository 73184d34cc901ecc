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
use crate::segment::Segment;
use crate::select::select;
use crate::store::Shared;
use crate::symbols::hash_label;
use crate::value::{ABSENT, HISTOGRAM, is_absent};
use crate::view::{Metadata, View};

/// One consistent view of a store.
#[derive(Debug)]
pub struct StoreView {
    directory: Arc<Directory>,
    generation: u64,
    pinned: Box<[OnceLock<Arc<View>>]>,
}

impl StoreView {
    pub(crate) fn new(shared: &Shared) -> Self {
        // In this order: what the directory lacks is in no view of this generation.
        let generation = shared.generation.load(Ordering::Acquire);
        let directory = shared.directory.load_full();
        let pinned = directory.targets.iter().map(|_| OnceLock::new()).collect();
        Self { directory, generation, pinned }
    }

    fn target(&self, number: u32) -> Option<&Arc<View>> {
        let target = self.directory.targets.get(number as usize)?.as_ref()?;
        Some(self.pinned[number as usize].get_or_init(|| {
            let view = target.view.load_full();
            if view.generation <= self.generation { view } else { Arc::new(view.as_of(self.generation)) }
        }))
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
        let mut ids = Vec::new();
        for target in self.candidates(matchers) {
            let Some(view) = self.target(target) else { continue };
            for segment in view.segments.iter() {
                select(segment, matchers, |slot| {
                    ids.push(SeriesId(u64::from(target) << 32 | u64::from(slot)))
                });
            }
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
        self.each_window(ids, range, |index, window| match window {
            Some((window, slot)) => visit(index, window.read(slot, &mut columns)),
            None => visit(index, Columns::default()),
        });
    }

    fn read_last(
        &self,
        ids: &[SeriesId],
        range: TimeRange,
        visit: &mut dyn FnMut(usize, Columns<'_>) -> bool,
    ) {
        let mut columns = Gathered::default();
        self.each_window(ids, range, |index, window| match window {
            Some((window, slot)) => visit(index, window.read_last(slot, &mut columns)),
            None => visit(index, Columns::default()),
        });
    }
}

impl StoreView {
    /// Calls `each` with every id's index, and its window and slot; until that says no.
    fn each_window(
        &self,
        ids: &[SeriesId],
        range: TimeRange,
        mut each: impl FnMut(usize, Option<(&Window<'_>, u32)>) -> bool,
    ) {
        let mut window: Option<(u32, Window<'_>)> = None;
        for (index, id) in ids.iter().enumerate() {
            let (target, slot) = split(*id);
            if window.as_ref().is_none_or(|(other, _)| *other != target) {
                window = self.target(target).map(|view| (target, Window::new(view, range)));
            }
            if !each(index, window.as_ref().map(|(_, window)| (window, slot))) {
                return;
            }
        }
    }
}

/// The part of a target that lies in a range of time, prepared for reading many series.
struct Window<'v> {
    view: &'v View,
    range: TimeRange,
    /// The times of all rows in the range, when all samples have their row's time.
    times: Vec<i64>,
    /// Sealed runs, and which of their rows are in the range.
    sealed: Vec<(&'v crate::sealed::Sealed, usize, usize)>,
    rows: Vec<&'v [f64]>,
    /// The length of the shortest of these rows.
    shortest: usize,
    /// Some samples bring their own time: each is asked for it.
    own_times: bool,
}

/// Buffers for the columns of one series.
#[derive(Default)]
struct Gathered {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<(u32, Arc<Histogram>)>,
}

impl<'v> Window<'v> {
    fn new(view: &'v View, range: TimeRange) -> Self {
        let mut window = Self {
            view,
            range,
            times: Vec::new(),
            sealed: Vec::new(),
            rows: Vec::new(),
            shortest: usize::MAX,
            own_times: false,
        };
        let within = |span: (i64, i64)| span.0 <= range.end && span.1 >= range.start;
        for sealed in view.sealed.iter().filter(|sealed| within(sealed.span)) {
            window.own_times |= sealed.offsets.is_some();
            let first = (0..sealed.rows()).take_while(|row| sealed.at(*row) < range.start).count();
            let end = first + (first..sealed.rows()).take_while(|row| sealed.at(*row) <= range.end).count();
            window.times.extend((first..end).map(|row| sealed.at(row)));
            window.sealed.push((sealed, first, end));
        }
        for row in view.rows.iter().filter(|row| within(row.span)) {
            window.own_times |= row.offsets.is_some();
            window.times.push(row.at);
            window.rows.push(&row.values);
            window.shortest = window.shortest.min(row.values.len());
        }
        window
    }

    fn read<'b>(&'b self, slot: u32, to: &'b mut Gathered) -> Columns<'b> {
        to.values.clear();
        if self.own_times || self.view.late.contains_key(&slot) || !self.gather(slot, &mut to.values) {
            return self.read_each(slot, to);
        }
        Columns { timestamps: &self.times, values: &to.values, ..Columns::default() }
    }

    /// Gathers one number per row. Says no when there is a row without one.
    fn gather(&self, slot: u32, values: &mut Vec<f64>) -> bool {
        for (sealed, first, end) in &self.sealed {
            // Decoded in place: all of the block, of which the rows outside the range are then cut off.
            let start = values.len();
            values.resize(start + sealed.rows(), 0.0);
            let Ok(marks) = sealed.values.decode(slot, &mut values[start..]) else { return false };
            values.truncate(start + end);
            if *first > 0 {
                values.drain(start..start + first);
            }
            if marks && has_special(&values[start..]) {
                return false;
            }
        }
        if slot as usize >= self.shortest {
            return false;
        }
        let start = values.len();
        values.extend(self.rows.iter().map(|row| row[slot as usize]));
        !has_special(&values[start..])
    }

    /// The last sample of a series, from the newest row that has one.
    fn read_last<'b>(&'b self, slot: u32, to: &'b mut Gathered) -> Columns<'b> {
        if !self.own_times && !self.view.late.contains_key(&slot) {
            let newest = self.rows.iter().enumerate().rev().find_map(|(row, values)| {
                values.get(slot as usize).filter(|value| !is_absent(**value)).map(|value| (row, *value))
            });
            if let Some((row, value)) = newest.filter(|(_, value)| !is_special(*value)) {
                to.values.clear();
                to.values.push(value);
                let row = self.times.len() - self.rows.len() + row;
                return Columns {
                    timestamps: &self.times[row..=row],
                    values: &to.values,
                    ..Columns::default()
                };
            }
        }
        self.read_each(slot, to);
        let Some(last) = to.timestamps.len().checked_sub(1) else { return Columns::default() };
        to.histograms.retain(|(row, _)| *row as usize == last);
        to.histograms.iter_mut().for_each(|(row, _)| *row = 0);
        Columns {
            timestamps: &to.timestamps[last..],
            values: &to.values[last..],
            histograms: &to.histograms,
            starts: &[],
        }
    }

    fn read_each<'b>(&'b self, slot: u32, to: &'b mut Gathered) -> Columns<'b> {
        let Gathered { timestamps, values, histograms } = to;
        timestamps.clear();
        values.clear();
        histograms.clear();
        self.view.samples(slot, self.range.start, self.range.end, |time, value, histogram| {
            if let Some(histogram) = histogram {
                histograms.push((timestamps.len() as u32, Arc::clone(histogram)));
            }
            timestamps.push(time);
            values.push(if histogram.is_some() { 0.0 } else { value });
        });
        Columns { timestamps, values, histograms, starts: &[] }
    }
}

/// Whether there is one. Without an early end, so that it is a few vector instructions.
fn has_special(values: &[f64]) -> bool {
    values.iter().fold(false, |special, value| special | is_special(*value))
}

/// Whether this is the mark of a missing sample or of a histogram, which differ in the lowest two bits.
#[inline]
fn is_special(value: f64) -> bool {
    const { assert!(ABSENT & !3 == HISTOGRAM & !3 && ABSENT & 3 != 0 && HISTOGRAM & 3 != 0) };
    value.to_bits() & !3 == ABSENT & !3
}
