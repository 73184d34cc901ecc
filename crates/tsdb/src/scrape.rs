//! One scrape being written: samples for slots, series that are new, and what was refused.
//!
//! A scrape that is dropped without [`Scrape::commit`] leaves no trace.
//!
//! **Invariant:** nothing of a scrape is visible before its commit, and all of it is after.

use std::sync::{Arc, MutexGuard};

use hashbrown::{HashMap, HashTable};
use thiserror::Error;

use crate::row::{Row, SHARED};
use crate::segment::{Segment, SegmentBuilder, hash_labels, same_labels};
use crate::store::Shared;
use crate::symbols::Interner;
use crate::target::{State, Target};
use crate::value::{ABSENT, HISTOGRAM, STALE, is_absent, number};
use crate::view::Metadata;
use plimsoll_model::histogram::Histogram;

/// Most labels of one series.
pub const MAX_LABELS: usize = 256;
/// Most bytes of a label name or value.
pub const MAX_LABEL_BYTES: usize = 1 << 16;
/// Most bytes of label text that one scrape may bring anew.
const MAX_NEW_TEXT: usize = 256 << 20;

/// A series of one target, resolved once and then used for every scrape. It stays valid until the series is reclaimed,
/// which its next use reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesRef {
    pub(crate) slot: u32,
    pub(crate) born: u32,
}

/// Why a series cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SeriesError {
    /// The labels are not in ascending order of distinct names.
    #[error("label {name:?} is out of order or given twice: a series has each label once, sorted by name")]
    Unsorted {
        /// The label at fault.
        name: String,
    },
    /// Too many labels, or one that is too long.
    #[error("a series has more than {MAX_LABELS} labels or a label of more than {MAX_LABEL_BYTES} bytes")]
    TooLarge,
    /// The target has as many series as it may have.
    #[error(
        "the target has {limit} series, the most it may have; drop metrics by relabelling or raise the limit"
    )]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The store holds more than its budget and takes no new series.
    #[error("the store exceeds its memory budget of {budget} bytes and takes no new series")]
    OverBudget {
        /// The budget in bytes.
        budget: usize,
    },
}

/// Why a sample is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SampleError {
    /// The series has been reclaimed: resolve it again.
    #[error("the series no longer exists and must be resolved again")]
    Reclaimed,
    /// The series has another sample at this time.
    #[error("the series has another sample at this time")]
    Duplicate,
    /// The sample is older than late samples may be.
    #[error("the sample is older than the window for late samples")]
    TooOld,
    /// The target holds as many late samples as it may.
    #[error("the target has too many late samples")]
    TooManyLate,
}

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Samples written, staleness markers not counted.
    pub samples: usize,
    /// Series that did not exist before.
    pub new_series: usize,
    /// Samples older than the newest one of their series.
    pub late: usize,
}

#[derive(Debug)]
struct Pending {
    slot: u32,
    hash: u64,
    start: usize,
    end: usize,
}

/// Series that exist from this scrape's commit on.
#[derive(Debug, Default)]
struct NewSeries {
    interner: Interner,
    labels: Vec<(u32, u32)>,
    series: Vec<Pending>,
    table: HashTable<u32>,
}

/// A scrape being written. Holds the target's write lock.
#[derive(Debug)]
pub struct Scrape<'w> {
    shared: &'w Shared,
    target: &'w Target,
    state: MutexGuard<'w, State>,
    at: i64,
    values: Vec<f64>,
    offsets: Option<Vec<i32>>,
    histograms: Vec<(u32, Arc<Histogram>)>,
    late: HashMap<(u32, i64), f64>,
    new: NewSeries,
    metadata: Vec<(String, Metadata)>,
    samples: usize,
    committed: bool,
}

impl<'w> Scrape<'w> {
    pub(crate) fn begin(
        shared: &'w Shared,
        target: &'w Target,
        state: MutexGuard<'w, State>,
        at: i64,
    ) -> Self {
        let values = state.view.next_row(state.born.len());
        Self {
            shared,
            target,
            state,
            at,
            values,
            offsets: None,
            histograms: Vec::new(),
            late: HashMap::new(),
            new: NewSeries::default(),
            metadata: Vec::new(),
            samples: 0,
            committed: false,
        }
    }

    /// The time of this scrape.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// The series with these labels, which come sorted by name and without empty values. One that does not exist is made.
    pub fn series<'a>(
        &mut self,
        labels: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<SeriesRef, SeriesError> {
        let hash = hash_labels(labels.clone());
        let State { view, born, .. } = &*self.state;
        for segment in view.segments.iter() {
            if let Some(series) = segment.find(hash, labels.clone()) {
                let slot = segment.slots[series as usize];
                return Ok(SeriesRef { slot, born: born[slot as usize] });
            }
        }
        let NewSeries { interner, labels: all, series, table } = &self.new;
        let same = |at: &u32| {
            let Pending { start, end, hash: other, .. } = &series[*at as usize];
            let known =
                all[*start..*end].iter().map(|(name, value)| (interner.get(*name), interner.get(*value)));
            *other == hash && same_labels(known, labels.clone())
        };
        if let Some(at) = table.find(hash, same) {
            let slot = series[*at as usize].slot;
            return Ok(SeriesRef { slot, born: born[slot as usize] });
        }
        self.add(hash, labels)
    }

    fn add<'a>(
        &mut self,
        hash: u64,
        labels: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<SeriesRef, SeriesError> {
        let (mut count, mut last) = (0, None);
        for (name, value) in labels.clone() {
            count += 1;
            if last.is_some_and(|last| last >= name) {
                return Err(SeriesError::Unsorted { name: name.chars().take(200).collect() });
            }
            if count > MAX_LABELS || name.len() > MAX_LABEL_BYTES || value.len() > MAX_LABEL_BYTES {
                return Err(SeriesError::TooLarge);
            }
            last = Some(name);
        }
        let limit = self.shared.options.max_series_per_target;
        if self.state.born.len() - self.state.free.len() >= limit
            || self.new.interner.text_len() > MAX_NEW_TEXT
        {
            return Err(SeriesError::TooMany { limit });
        }
        if self.shared.refuses_series() {
            return Err(SeriesError::OverBudget { budget: self.shared.options.memory_budget });
        }
        self.state.serial = self.state.serial.wrapping_add(1);
        let serial = self.state.serial;
        let slot = match self.state.free.pop() {
            Some(slot) => {
                self.state.born[slot as usize] = serial;
                slot
            }
            None => {
                let slot = self.state.born.len() as u32;
                self.state.born.push(serial);
                self.values.push(f64::from_bits(ABSENT));
                if let Some(times) = &mut self.state.last_times {
                    times.push(i64::MIN);
                }
                slot
            }
        };
        let NewSeries { interner, labels: all, series, table } = &mut self.new;
        let start = all.len();
        all.extend(labels.map(|(name, value)| (interner.intern(name), interner.intern(value))));
        series.push(Pending { slot, hash, start, end: all.len() });
        table.insert_unique(hash, series.len() as u32 - 1, |at| series[*at as usize].hash);
        Ok(SeriesRef { slot, born: serial })
    }

    /// Writes a sample at the scrape's time.
    #[inline]
    pub fn set(&mut self, series: SeriesRef, value: f64) -> Result<(), SampleError> {
        let slot = self.slot(series)?;
        if !matches!(self.values[slot].to_bits(), ABSENT | STALE) {
            return Err(SampleError::Duplicate);
        }
        if self.state.last_times.is_some() {
            return self.set_at(series, self.at, value);
        }
        self.values[slot] = number(value);
        self.samples += 1;
        Ok(())
    }

    /// Writes a sample that brings its own time. The same sample once more is no error and changes nothing, as a target shows
    /// its last value until it has a newer one.
    pub fn set_at(&mut self, series: SeriesRef, time: i64, value: f64) -> Result<(), SampleError> {
        let slot = self.slot(series)?;
        let last = self.last_time(series.slot);
        let offset = time.checked_sub(self.at).and_then(|offset| i32::try_from(offset).ok());
        let offset = offset.filter(|offset| *offset != SHARED);
        let taken = !matches!(self.values[slot].to_bits(), ABSENT | STALE);
        let Some(offset) = offset.filter(|_| !taken && last < time) else {
            return self.set_late(series.slot, time, value);
        };
        self.values[slot] = number(value);
        self.note_time(slot, time, offset);
        self.samples += 1;
        Ok(())
    }

    /// Writes a native histogram at the scrape's time.
    pub fn set_histogram(&mut self, series: SeriesRef, histogram: Arc<Histogram>) -> Result<(), SampleError> {
        let slot = self.slot(series)?;
        if !matches!(self.values[slot].to_bits(), ABSENT | STALE) {
            return Err(SampleError::Duplicate);
        }
        if self.state.last_times.is_some() {
            if self.last_time(series.slot) >= self.at {
                return Err(SampleError::TooOld);
            }
            self.note_time(slot, self.at, 0);
        }
        self.values[slot] = f64::from_bits(HISTOGRAM);
        self.histograms.push((series.slot, histogram));
        self.samples += 1;
        Ok(())
    }

    /// Says what is known of a metric family.
    pub fn set_metadata(&mut self, family: &str, metadata: Metadata) {
        if self.state.view.metadata.get(family) != Some(&metadata) {
            self.metadata.push((family.to_owned(), metadata));
        }
    }

    /// Makes the scrape visible: its samples, its new series, and a staleness marker for each series that the scrape before had and this one
    /// has not. Seals and expires what is due.
    pub fn commit(mut self) -> Committed {
        self.committed = true;
        let done =
            Committed { samples: self.samples, new_series: self.new.series.len(), late: self.late.len() };
        if let Some(times) = &mut self.state.last_times {
            // A staleness marker is a sample too: nothing may come before it any more.
            for (time, value) in times.iter_mut().zip(&self.values) {
                if value.to_bits() == STALE {
                    *time = self.at.max(*time);
                }
            }
        }
        let segment = self.take_segment();
        let mut histograms = std::mem::take(&mut self.histograms);
        histograms.sort_unstable_by_key(|(slot, _)| *slot);
        let row = Row::new(
            self.at,
            std::mem::take(&mut self.values).into(),
            self.offsets.take().map(Into::into),
            histograms.into(),
        );
        let late = std::mem::take(&mut self.late);
        let metadata = std::mem::take(&mut self.metadata);
        self.state.append(self.shared, self.target, row, segment, late, metadata);
        done
    }

    fn take_segment(&mut self) -> Option<Segment> {
        let new = std::mem::take(&mut self.new);
        if new.series.is_empty() {
            return None;
        }
        let mut builder = SegmentBuilder::default();
        let source = builder.add_interner(&new.interner);
        for series in &new.series {
            builder.push(
                source,
                series.slot,
                series.hash as u32,
                new.labels[series.start..series.end].iter().copied(),
            );
        }
        Some(builder.build())
    }

    #[inline]
    fn slot(&self, series: SeriesRef) -> Result<usize, SampleError> {
        let slot = series.slot as usize;
        if self.state.born.get(slot) == Some(&series.born) { Ok(slot) } else { Err(SampleError::Reclaimed) }
    }

    /// The time of the last sample of a slot, rows and this scrape included.
    fn last_time(&mut self, slot: u32) -> i64 {
        let State { last_times, view, born, .. } = &mut *self.state;
        let times = last_times.get_or_insert_with(|| vec![i64::MIN; born.len()]);
        let last = &mut times[slot as usize];
        if *last == i64::MIN {
            *last = view.last_time(slot).unwrap_or(i64::MIN);
            // The first sample with a time of its own may come behind samples of this very scrape.
            if !matches!(self.values[slot as usize].to_bits(), ABSENT | STALE) {
                *last = self.at;
            }
        }
        *last
    }

    fn note_time(&mut self, slot: usize, time: i64, offset: i32) {
        if let Some(times) = &mut self.state.last_times {
            times[slot] = time;
        }
        if time == self.at {
            return;
        }
        let offsets = self.offsets.get_or_insert_with(Vec::new);
        if offsets.len() <= slot {
            offsets.resize(slot + 1, SHARED);
        }
        offsets[slot] = offset;
    }

    fn set_late(&mut self, slot: u32, time: i64, value: f64) -> Result<(), SampleError> {
        let options = &self.shared.options;
        let value = number(value);
        // What the series has at this time already, in this scrape or before.
        let mut present = None;
        self.state.view.samples(slot, time, time, |_, value, _| present = Some(value));
        if !matches!(self.values[slot as usize].to_bits(), ABSENT | STALE) {
            let offset = self.offsets.as_ref().and_then(|offsets| offsets.get(slot as usize));
            let own = offset.filter(|offset| **offset != SHARED).map_or(0, |offset| i64::from(*offset));
            if self.at.saturating_add(own) == time {
                present = Some(self.values[slot as usize]);
            }
        }
        present = present.or_else(|| self.late.get(&(slot, time)).copied());
        if let Some(present) = present {
            if present.to_bits() != value.to_bits() {
                return Err(SampleError::Duplicate);
            }
            self.goes_on(slot);
            return Ok(());
        }
        if time < self.at.saturating_sub(options.late_window)
            || time > self.at.saturating_add(i64::from(i32::MAX))
        {
            return Err(SampleError::TooOld);
        }
        if self.state.late_held + self.late.len() >= options.max_late_samples {
            return Err(SampleError::TooManyLate);
        }
        self.late.insert((slot, time), value);
        self.goes_on(slot);
        Ok(())
    }

    /// A series whose sample is not new is not stale.
    fn goes_on(&mut self, slot: u32) {
        let value = &mut self.values[slot as usize];
        if value.to_bits() == STALE {
            *value = f64::from_bits(ABSENT);
        }
    }
}

impl Drop for Scrape<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // The slots of series that never came to be, so that the next scrape takes the same.
            let slots: Vec<u32> = self.new.series.iter().rev().map(|series| series.slot).collect();
            self.state.free.extend(slots);
            // Times that were noted are of samples that never came to be; they are looked up again.
            self.state.last_times.iter_mut().flatten().for_each(|time| *time = i64::MIN);
            debug_assert!(
                self.state.free.iter().all(|slot| self
                    .state
                    .view
                    .rows
                    .last()
                    .is_none_or(|row| is_absent(row.value(*slot))))
            );
        }
    }
}
