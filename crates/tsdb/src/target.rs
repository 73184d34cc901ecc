//! One scrape target: a small store of its own, with one writer.
//!
//! A target is what is scraped, what goes stale, and what vanishes as a whole when its pod does. So it has its own slots, its own index
//! and its own blocks, and scrapes of different targets never wait for each other.
//!
//! **Invariant:** a target does not know its store: the store holds it through the directory, and whoever writes passes what the targets share.
//! **Invariant:** `State` changes under its lock only, and readers never take that lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use thiserror::Error;

use crate::block::Encoder;
use crate::row::Row;
use crate::scrape::Scrape;
use crate::sealed::Sealed;
use crate::segment::{Segment, SegmentBuilder};
use crate::store::Shared;
use crate::twins::common;
use crate::view::{Metadata, View};

/// Merging segments stops where their text would no longer be addressable.
const MAX_SEGMENT_TEXT: usize = 1 << 31;

/// A target and its samples.
#[derive(Debug)]
pub(crate) struct Target {
    pub key: String,
    pub id: u32,
    pub view: ArcSwap<View>,
    state: Mutex<State>,
    pub claimed: AtomicBool,
    bytes: AtomicUsize,
}

/// What the writer knows beyond the view.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub view: Arc<View>,
    /// Per slot, which series it was last given to.
    pub born: Vec<u32>,
    /// Slots without a series.
    pub free: Vec<u32>,
    pub serial: u32,
    /// Per slot the time of its last sample, kept from the first sample that brings its own time; `i64::MIN` when not looked up yet.
    pub last_times: Option<Vec<i64>>,
    pub late_held: usize,
    /// How many labels the directory lists for this target, including those that are gone.
    listed: usize,
    encoder: Encoder,
}

/// Why a scrape cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BeginError {
    /// Time went backwards.
    #[error("the scrape at {at} ms is not after the target's last one at {last} ms")]
    NotAfter {
        /// The time asked for.
        at: i64,
        /// The time of the last scrape.
        last: i64,
    },
}

impl Target {
    pub(crate) fn new(key: String, id: u32) -> Self {
        Self {
            key,
            id,
            view: ArcSwap::default(),
            state: Mutex::default(),
            claimed: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
        }
    }

    /// The write lock. A writer that panicked has published nothing of what it was writing, so its state is as good as before.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Approximate bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Makes `view` the current one. When its index is not the one before, it becomes a new generation: readers of an older one will not
    /// see the rows that came with it.
    fn publish(&self, shared: &Shared, state: &mut State, mut view: View, index_changed: bool) {
        if index_changed {
            view.common = common(&view.segments);
        }
        let bytes = size_of::<Self>()
            + view.bytes()
            + (state.born.capacity() + state.free.capacity()) * 4
            + state.last_times.as_ref().map_or(0, |times| times.capacity() * 8);
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        shared.bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        let turn = index_changed.then(|| shared.next_generation());
        if turn.is_some() {
            view.generation = shared.generation.load(Ordering::Relaxed) + 1;
        }
        let generation = view.generation;
        // A row that is new is not shared yet; one that is shared has its generation.
        if let Some(row) = view.rows.last_mut().and_then(Arc::get_mut) {
            row.generation = generation;
        }
        state.view = Arc::new(view);
        self.view.store(Arc::clone(&state.view));
        if turn.is_some() {
            shared.changes.note(generation, self.id);
            shared.generation.store(generation, Ordering::Release);
        }
    }

    /// Tells the directory of labels that are new.
    fn list_labels(&self, shared: &Shared, state: &mut State, hashes: &[u64]) {
        if !hashes.is_empty() {
            state.listed += hashes.len();
            shared.change_directory(|directory| directory.add(self.id, hashes.iter().copied()));
        }
    }

    /// Takes over what a snapshot holds.
    pub(crate) fn restore(&self, shared: &Shared, mut view: View, slots: usize) {
        let state = &mut *self.lock();
        state.born = vec![0; slots];
        state.serial = 0;
        state.late_held = view.late.values().map(|late| late.len()).sum();
        // Series with samples of their own times are recognised again by looking them up.
        let explicit = view.rows.iter().any(|row| row.offsets.is_some())
            || view.sealed.iter().any(|sealed| sealed.offsets.is_some())
            || state.late_held > 0;
        state.last_times = explicit.then(|| vec![i64::MIN; slots]);
        state.find_free(&view);
        view.index_bytes = view.segments.iter().map(|segment| segment.bytes()).sum();
        self.list_labels(shared, state, &label_hashes(&view));
        self.publish(shared, state, view, true);
    }

    /// Drops what is older than `horizon`. Returns whether the target is empty.
    pub(crate) fn expire(&self, shared: &Shared, horizon: i64) -> bool {
        let state = &mut *self.lock();
        let view = &state.view;
        let due = view.sealed.first().is_some_and(|sealed| sealed.span.1 < horizon)
            || view.rows.first().is_some_and(|row| row.span.1 < horizon)
            || view.late.values().any(|late| late.first().is_some_and(|(time, _)| *time < horizon));
        if due {
            let mut next = view.copy();
            state.drop_before(&mut next, horizon, 0);
            let changed = state.reclaim(shared, self, &mut next);
            self.publish(shared, state, next, changed);
        }
        state.view.rows.is_empty() && state.view.sealed.is_empty() && state.view.late.is_empty()
    }

    /// The end of the oldest part that [`Target::evict`] would drop.
    pub(crate) fn oldest(&self) -> Option<i64> {
        let view = self.view.load();
        let row = (view.rows.len() > 2).then(|| view.rows[0].span.1);
        view.sealed.first().map(|sealed| sealed.span.1).or(row)
    }

    /// Drops the oldest block, or the oldest row when there is no block and more than two rows.
    pub(crate) fn evict(&self, shared: &Shared) {
        let state = &mut *self.lock();
        let mut next = state.view.copy();
        if next.sealed.is_empty() {
            if next.rows.len() > 2 {
                next.rows.remove(0);
            }
        } else {
            next.sealed = next.sealed.iter().skip(1).cloned().collect();
        }
        let changed = state.reclaim(shared, self, &mut next);
        self.publish(shared, state, next, changed);
    }
}

fn label_hashes(view: &View) -> Vec<u64> {
    view.segments.iter().flat_map(|segment| segment.label_hashes()).map(|(hash, ..)| hash).collect()
}

impl State {
    /// Adds a scrape and publishes it.
    pub(crate) fn append(
        &mut self,
        shared: &Shared,
        target: &Target,
        row: Row,
        segment: Option<Segment>,
        late: HashMap<(u32, i64), f64>,
        metadata: Vec<(String, Metadata)>,
    ) {
        let options = &shared.options;
        let mut next = self.view.copy();
        let mut index_changed = segment.is_some();
        let at = row.at;
        next.rows.push(Arc::new(row));
        if let Some(segment) = segment {
            let old = &self.view.segments;
            let fresh = |name: &str, value: &str| !old.iter().any(|segment| segment.has_label(name, value));
            let labels = segment.label_hashes().filter(|(_, name, value)| fresh(name, value));
            let labels: Vec<u64> = labels.map(|(hash, ..)| hash).collect();
            target.list_labels(shared, self, &labels);
            next.segments = merged(&next.segments, segment);
            next.index_bytes = next.segments.iter().map(|segment| segment.bytes()).sum();
        }
        if !late.is_empty() {
            next.late = Arc::new(with_late(&next.late, late));
        }
        if !metadata.is_empty() {
            let mut all = BTreeMap::clone(&next.metadata);
            all.extend(metadata);
            next.metadata = Arc::new(all);
        }
        let mut changed = self.drop_before(&mut next, at.saturating_sub(options.retention), 1);
        if next.rows.len() >= options.hot_rows + options.sealed_rows {
            let run = Sealed::fitting(&next.rows[..options.sealed_rows]);
            let sealed = Sealed::from_rows(&next.rows[..run], &mut self.encoder);
            next.rows.drain(..run);
            next.sealed = next.sealed.iter().cloned().chain([Arc::new(sealed)]).collect();
            changed = true;
        }
        if changed {
            index_changed |= self.reclaim(shared, target, &mut next);
        }
        self.late_held = next.late.values().map(|late| late.len()).sum();
        target.publish(shared, self, next, index_changed);
    }

    /// Drops runs, rows and late samples that end before `horizon`, but keeps the last `keep` rows: the next scrape needs one to
    /// know which series went stale. Says whether anything was dropped.
    fn drop_before(&mut self, next: &mut View, horizon: i64, keep: usize) -> bool {
        let mut dropped = false;
        let runs = next.sealed.iter().take_while(|sealed| sealed.span.1 < horizon).count();
        if runs > 0 {
            next.sealed = next.sealed.iter().skip(runs).cloned().collect();
            dropped = true;
        }
        if next.sealed.is_empty() {
            let rows = next.rows.iter().take_while(|row| row.span.1 < horizon).count();
            let rows = rows.min(next.rows.len().saturating_sub(keep));
            next.rows.drain(..rows);
            dropped |= rows > 0;
        }
        if dropped && !next.late.is_empty() || keep == 0 {
            let late = next.late.iter().filter_map(|(slot, late)| {
                let rest = &late[late.partition_point(|(time, _)| *time < horizon)..];
                (!rest.is_empty()).then(|| (*slot, rest.into()))
            });
            next.late = Arc::new(late.collect());
            self.late_held = next.late.values().map(|late| late.len()).sum();
            dropped = true;
        }
        dropped
    }

    /// Takes series without samples out of the index once they are a quarter of a segment, and frees their slots. Says whether the
    /// index changed.
    fn reclaim(&mut self, shared: &Shared, target: &Target, next: &mut View) -> bool {
        let alive = next.alive(self.born.len());
        let keep = |slot: u32| alive.get(slot as usize).copied().unwrap_or(false);
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(next.segments.len());
        let mut changed = false;
        for segment in next.segments.iter() {
            let living = segment.slots.iter().filter(|slot| keep(**slot)).count();
            if (segment.len() - living) * 4 < segment.len().max(1) {
                segments.push(Arc::clone(segment));
                continue;
            }
            changed = true;
            if living > 0 {
                let mut builder = SegmentBuilder::default();
                builder.add_segment(segment, keep);
                segments.push(Arc::new(builder.build()));
            }
        }
        if !changed {
            return false;
        }
        next.segments = segments.into();
        next.index_bytes = next.segments.iter().map(|segment| segment.bytes()).sum();
        self.find_free(next);
        let labels = label_hashes(next);
        if self.listed > 2 * labels.len() + 1024 {
            self.listed = labels.len();
            shared.change_directory(|directory| directory.replace(target.id, labels.into_iter()));
        }
        true
    }

    /// Lists the slots that no series of `view` has; those at the end cease to exist.
    fn find_free(&mut self, view: &View) {
        let mut used = vec![false; self.born.len()];
        for slot in view.segments.iter().flat_map(|segment| &segment.slots) {
            used[*slot as usize] = true;
        }
        let slots = used.iter().rposition(|used| *used).map_or(0, |last| last + 1);
        self.born.truncate(slots);
        if self.born.capacity() > 2 * slots + 64 {
            self.born.shrink_to_fit();
        }
        // Popped from the end: low slots come first, so that rows can become shorter.
        self.free = (0..slots as u32).rev().filter(|slot| !used[*slot as usize]).collect();
        self.serial = self.serial.wrapping_add(1);
        for slot in &self.free {
            // A reference to the series that was here must no longer fit.
            self.born[*slot as usize] = self.serial;
        }
        if let Some(times) = &mut self.last_times {
            times.truncate(slots);
            for slot in &self.free {
                times[*slot as usize] = i64::MIN;
            }
        }
    }
}

/// The segments and a new one, merged so that each is at least twice as large as the next: adding costs little, and there are
/// few to search.
fn merged(old: &[Arc<Segment>], new: Segment) -> Arc<[Arc<Segment>]> {
    let mut size = new.len();
    let mut text = new.text_len();
    let mut first = old.len();
    while first > 0 && old[first - 1].len() < 2 * size && old[first - 1].text_len() + text < MAX_SEGMENT_TEXT
    {
        first -= 1;
        size += old[first].len();
        text += old[first].text_len();
    }
    let last = if first == old.len() {
        new
    } else {
        let mut builder = SegmentBuilder::default();
        for segment in &old[first..] {
            builder.add_segment(segment, |_| true);
        }
        builder.add_segment(&new, |_| true);
        builder.build()
    };
    old[..first].iter().cloned().chain([Arc::new(last)]).collect()
}

fn with_late(old: &crate::view::Late, new: HashMap<(u32, i64), f64>) -> crate::view::Late {
    let mut by_slot: HashMap<u32, Vec<(i64, f64)>> = HashMap::new();
    for ((slot, time), value) in new {
        by_slot.entry(slot).or_default().push((time, value));
    }
    let mut all = old.clone();
    for (slot, mut samples) in by_slot {
        if let Some(before) = old.get(&slot) {
            samples.extend(before.iter().copied());
        }
        samples.sort_unstable_by_key(|(time, _)| *time);
        all.insert(slot, samples.into());
    }
    all
}

/// The one writer of a target. Dropping it lets another one take its place.
#[derive(Debug)]
pub struct Writer {
    pub(crate) target: Arc<Target>,
    pub(crate) shared: Arc<Shared>,
}

impl Writer {
    /// The target's key.
    pub fn key(&self) -> &str {
        &self.target.key
    }

    /// Starts a scrape at `at` milliseconds since the epoch, which must be after the last one's.
    ///
    /// A scrape that is committed without samples is a failed one: every series of the target goes stale.
    pub fn begin(&mut self, at: i64) -> Result<Scrape<'_>, BeginError> {
        let state = self.target.lock();
        if let Some(last) = state.view.last_at().filter(|last| *last >= at) {
            return Err(BeginError::NotAfter { at, last });
        }
        Ok(Scrape::begin(&self.shared, &self.target, state, at))
    }

    /// How many series the target has.
    pub fn series(&self) -> usize {
        self.target.view.load().series()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.target.claimed.store(false, Ordering::Release);
    }
}
