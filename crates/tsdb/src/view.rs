//! What readers see of one target: its index and its samples as of one scrape.
//!
//! A writer builds the next view and swaps one pointer. A reader loads that pointer once and then reads what will never change, so it sees a
//! whole scrape or nothing of it, new series included, and waits for nobody.
//!
//! **Invariant:** slots in `segments` are those of `rows`, `sealed` and `late` of the same view, and of no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::block::MAX_ROWS;
use crate::row::{Row, SHARED};
use crate::sealed::Sealed;
use crate::segment::Segment;
use crate::twins::Common;
use crate::value::{ABSENT, HISTOGRAM, is_absent};
use plimsoll_model::histogram::Histogram;

/// What is known of a metric family besides its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// The type as the exposition names it (`counter`, `gauge`, …); empty when unknown.
    pub kind: String,
    /// The help text, unescaped.
    pub help: String,
    /// The unit; empty when unknown.
    pub unit: String,
}

/// Samples that came late, per slot, ascending in time.
pub(crate) type Late = HashMap<u32, Arc<[(i64, f64)]>>;

/// One target as of one scrape.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Changes whenever the set of series or a slot's owner changes.
    pub generation: u64,
    pub segments: Arc<[Arc<Segment>]>,
    pub sealed: Arc<[Arc<Sealed>]>,
    pub rows: Vec<Arc<Row>>,
    pub late: Arc<Late>,
    pub metadata: Arc<BTreeMap<String, Metadata>>,
    /// The labels that all series have.
    pub common: Common,
    /// Bytes of the index.
    pub index_bytes: usize,
}

impl View {
    /// Bytes on the heap, approximately.
    pub(crate) fn bytes(&self) -> usize {
        self.index_bytes
            + self.sealed.iter().map(|sealed| sealed.bytes + 16).sum::<usize>()
            + self.rows.iter().map(|row| row.bytes + 24).sum::<usize>()
            + self.late.values().map(|late| late.len() * 16 + 48).sum::<usize>()
    }

    /// The same without the rows of later generations than `generation`.
    ///
    /// Series that came with those rows stay in the index and have no samples. Rows that have been sealed since are not told apart: by
    /// then a reader is older than many scrapes.
    pub(crate) fn as_of(&self, generation: u64) -> Self {
        let rows = self.rows.iter().filter(|row| row.generation <= generation).cloned().collect();
        Self { generation, rows, ..self.copy() }
    }

    /// The same view once more; the arrays behind it are shared.
    pub(crate) fn copy(&self) -> Self {
        Self {
            generation: self.generation,
            segments: Arc::clone(&self.segments),
            sealed: Arc::clone(&self.sealed),
            rows: self.rows.clone(),
            late: Arc::clone(&self.late),
            metadata: Arc::clone(&self.metadata),
            common: Arc::clone(&self.common),
            index_bytes: self.index_bytes,
        }
    }

    /// How many series.
    pub(crate) fn series(&self) -> usize {
        self.segments.iter().map(|segment| segment.len()).sum()
    }

    /// The time of the last row.
    pub(crate) fn last_at(&self) -> Option<i64> {
        self.rows.last().map(|row| row.at)
    }

    /// Calls `each` with every sample of a slot from `from` to `to`, both included, ascending in time: its time, its value (which is
    /// a staleness marker or a number) or its histogram.
    pub(crate) fn samples(
        &self,
        slot: u32,
        from: i64,
        to: i64,
        mut each: impl FnMut(i64, f64, Option<&Arc<Histogram>>),
    ) {
        let mut late: &[(i64, f64)] = self.late.get(&slot).map_or(&[], |late| late);
        late = &late[late.partition_point(|(time, _)| *time < from)..];
        late = &late[..late.partition_point(|(time, _)| *time <= to)];
        // Writers see to it that times ascend; a snapshot made by others may not.
        let mut last = None;
        let mut emit = |time: i64, value: f64, histogram: Option<&Arc<Histogram>>| {
            if time < from || time > to || last.is_some_and(|last| last >= time) {
                return;
            }
            last = Some(time);
            while let Some(((early, value), rest)) =
                late.split_first().filter(|((early, _), _)| *early <= time)
            {
                if *early < time {
                    each(*early, *value, None);
                }
                late = rest;
            }
            each(time, value, histogram);
        };
        let mut values = [0.0; MAX_ROWS];
        let mut offsets = [0.0; MAX_ROWS];
        for sealed in self.sealed.iter().filter(|sealed| sealed.span.0 <= to && sealed.span.1 >= from) {
            if !sealed.values.has(slot) {
                continue;
            }
            let rows = sealed.rows();
            // Blocks were checked when they were made or loaded; an unreadable one would hold nothing.
            if sealed.values.decode(slot, &mut values[..rows]).is_err() {
                continue;
            }
            let own_times = match &sealed.offsets {
                Some(column) if column.has(slot) => column.decode(slot, &mut offsets[..rows]).is_ok(),
                _ => false,
            };
            for (row, value) in values[..rows].iter().enumerate() {
                let bits = value.to_bits();
                if bits == ABSENT {
                    continue;
                }
                let mut time = sealed.at(row);
                if own_times && !is_absent(offsets[row]) {
                    time = time.saturating_add(offsets[row] as i64);
                }
                if bits == HISTOGRAM {
                    if let Some(histogram) = sealed.histogram(slot, row) {
                        emit(time, f64::NAN, Some(histogram));
                    }
                } else {
                    emit(time, *value, None);
                }
            }
        }
        for row in self.rows.iter().filter(|row| row.span.0 <= to && row.span.1 >= from) {
            let value = row.value(slot);
            match value.to_bits() {
                ABSENT => {}
                HISTOGRAM => {
                    if let Some(histogram) = row.histogram(slot) {
                        emit(row.time(slot), f64::NAN, Some(histogram));
                    }
                }
                _ => emit(row.time(slot), value, None),
            }
        }
        for (time, value) in late {
            each(*time, *value, None);
        }
    }

    /// The time of the last sample of a slot that is not late.
    pub(crate) fn last_time(&self, slot: u32) -> Option<i64> {
        if let Some(row) = self.rows.iter().rev().find(|row| !is_absent(row.value(slot))) {
            return Some(row.time(slot));
        }
        let mut last = None;
        if self.sealed.iter().any(|sealed| sealed.values.has(slot)) {
            self.samples(slot, i64::MIN, i64::MAX, |time, _, _| last = Some(time));
        }
        last
    }

    /// Which of `slots` slots have any sample.
    pub(crate) fn alive(&self, slots: usize) -> Vec<bool> {
        let mut alive = vec![false; slots];
        for row in &self.rows {
            for (alive, value) in alive.iter_mut().zip(&row.values) {
                *alive |= !is_absent(*value);
            }
        }
        for sealed in self.sealed.iter() {
            for (slot, alive) in alive.iter_mut().enumerate() {
                *alive |= sealed.values.has(slot as u32);
            }
        }
        for slot in self.late.keys() {
            if let Some(alive) = alive.get_mut(*slot as usize) {
                *alive = true;
            }
        }
        alive
    }

    /// The value that the next row starts with: a staleness marker where the last row has a sample under the row's own time.
    pub(crate) fn next_row(&self, slots: usize) -> Vec<f64> {
        let (absent, stale) = (f64::from_bits(ABSENT), f64::from_bits(crate::value::STALE));
        let mut next = Vec::with_capacity(slots + slots / 64);
        if let Some(last) = self.rows.last() {
            let ended = |value: f64| matches!(value.to_bits(), ABSENT | crate::value::STALE);
            next.extend(
                last.values.iter().take(slots).map(|value| if ended(*value) { absent } else { stale }),
            );
            // A sample that brings its own time says nothing of when the next one is due.
            for (value, offset) in next.iter_mut().zip(last.offsets.iter().flatten()) {
                if *offset != SHARED {
                    *value = absent;
                }
            }
        }
        next.resize(slots, absent);
        next
    }
}
