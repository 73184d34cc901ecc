//! The store: targets by key, retention, the memory budget.
//!
//! It starts no task and reads no clock: whoever owns it calls [`Store::maintain`] now and then.
//!
//! **Invariant:** what is over the budget leaves oldest first, and nothing that is asked of the store can make it fail for want of memory
//! before it has evicted what it may.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::block::MAX_ROWS;
use crate::directory::Directory;
use crate::lookup::{Changes, Lookups};
use crate::source::StoreView;
use crate::target::{Target, Writer};
use crate::twins::Twins;

/// The most series that a target may be allowed to have: positions in a sealed buffer take 32 bits.
pub const MAX_SERIES_PER_TARGET: usize = 2 << 20;
/// The most bytes of a target's key.
pub const MAX_KEY_BYTES: usize = 4096;

/// How much is kept, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long samples are kept, in milliseconds.
    pub retention: i64,
    /// Approximate bytes that the store may hold. Beyond it [`Store::maintain`] evicts the oldest blocks; an eighth beyond it, new
    /// series are refused.
    pub memory_budget: usize,
    /// Scrapes that always stay unsealed: what short windows read fastest. At least 1.
    pub hot_rows: usize,
    /// Scrapes per sealed block, 1 to 128. More of them pack better and cost more unsealed rows.
    pub sealed_rows: usize,
    /// Most series of one target, at most [`MAX_SERIES_PER_TARGET`].
    pub max_series_per_target: usize,
    /// How much older than its scrape a late sample may be, in milliseconds.
    pub late_window: i64,
    /// Most late samples that one target holds.
    pub max_late_samples: usize,
    /// Most bytes of series found in many targets that are kept for whoever looks them up again. 0 keeps none.
    pub kept_lookups: usize,
}

impl Default for Options {
    /// One hour, one GiB; unsealed rows for four to twelve minutes at 15 seconds.
    fn default() -> Self {
        Self {
            retention: 3_600_000,
            memory_budget: 1 << 30,
            hot_rows: 16,
            sealed_rows: 30,
            max_series_per_target: 1 << 20,
            late_window: 3_600_000,
            max_late_samples: 100_000,
            kept_lookups: 4 << 20,
        }
    }
}

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{option} is {given}; it must be from {least} to {most}")]
pub struct OptionsError {
    option: &'static str,
    given: i128,
    least: i128,
    most: i128,
}

impl Options {
    fn check(&self) -> Result<(), OptionsError> {
        let all = [
            ("retention", i128::from(self.retention), 1, 1i128 << 50),
            ("hot_rows", self.hot_rows as i128, 1, 1 << 16),
            ("sealed_rows", self.sealed_rows as i128, 1, MAX_ROWS as i128),
            ("max_series_per_target", self.max_series_per_target as i128, 1, MAX_SERIES_PER_TARGET as i128),
            ("late_window", i128::from(self.late_window), 0, 1 << 50),
        ];
        match all.into_iter().find(|(_, given, least, most)| given < least || given > most) {
            Some((option, given, least, most)) => Err(OptionsError { option, given, least, most }),
            None => Ok(()),
        }
    }
}

/// Why a target has no writer for the caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WriterError {
    /// Somebody else writes this target.
    #[error("target {key:?} already has a writer")]
    Claimed {
        /// The target's key.
        key: String,
    },
    /// The key is too long.
    #[error("the key of a target has more than {MAX_KEY_BYTES} bytes")]
    KeyTooLong,
}

/// What [`Store::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Targets that had nothing left.
    pub removed_targets: usize,
    /// Blocks and rows dropped for the budget before their time.
    pub evicted: usize,
    /// Approximate bytes held afterwards.
    pub bytes: usize,
    /// Still more than the budget: the newest samples and the index alone are too much.
    pub over_budget: bool,
}

/// What all targets share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub options: Options,
    pub directory: ArcSwap<Directory>,
    /// What was last found out about series with the same labels.
    pub twins: ArcSwap<Twins>,
    /// What was last looked up in many targets.
    pub lookups: ArcSwap<Lookups>,
    pub changes: Changes,
    directory_lock: Mutex<()>,
    /// The newest generation that is published.
    pub generation: AtomicU64,
    generation_lock: Mutex<()>,
    /// Approximate bytes of all targets.
    pub bytes: AtomicUsize,
}

impl Shared {
    /// Changes the directory. Readers see it before or after, never in between.
    pub(crate) fn change_directory(&self, change: impl FnOnce(&mut Directory)) {
        let _one = self.directory_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Directory::clone(&self.directory.load());
        change(&mut next);
        self.directory.store(Arc::new(next));
    }

    /// The right to publish the next generation: it is one more than [`Shared::generation`], which the holder sets when done.
    pub(crate) fn next_generation(&self) -> MutexGuard<'_, ()> {
        self.generation_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store is too far over its budget for more series.
    pub(crate) fn refuses_series(&self) -> bool {
        let budget = self.options.memory_budget;
        self.bytes.load(Ordering::Relaxed) > budget.saturating_add(budget / 8)
    }
}

/// An in-memory store of series. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    keys: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Store {
    /// An empty store.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        options.check()?;
        let shared = Shared { options, ..Shared::default() };
        Ok(Self { shared: Arc::new(shared), keys: Arc::default() })
    }

    /// The writer of the target with this key, which is made when it does not exist. One at a time.
    pub fn writer(&self, key: &str) -> Result<Writer, WriterError> {
        // Claimed while the keys are held, so that maintenance does not remove it in between.
        let mut keys = self.keys();
        let target = self.target_of(&mut keys, key)?;
        if target.claimed.swap(true, Ordering::Acquire) {
            return Err(WriterError::Claimed { key: key.to_owned() });
        }
        Ok(Writer { target, shared: Arc::clone(&self.shared) })
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn target(&self, key: &str) -> Result<Arc<Target>, WriterError> {
        self.target_of(&mut self.keys(), key)
    }

    fn target_of(&self, keys: &mut BTreeMap<String, u32>, key: &str) -> Result<Arc<Target>, WriterError> {
        if key.len() > MAX_KEY_BYTES {
            return Err(WriterError::KeyTooLong);
        }
        let directory = self.shared.directory.load();
        if let Some(target) = keys.get(key).and_then(|id| directory.targets.get(*id as usize)?.clone()) {
            return Ok(target);
        }
        let free = directory.targets.iter().position(Option::is_none);
        let id = free.unwrap_or(directory.targets.len()) as u32;
        let target = Arc::new(Target::new(key.to_owned(), id));
        self.shared.change_directory(|directory| {
            let mut targets = Vec::clone(&directory.targets);
            match targets.get_mut(id as usize) {
                Some(place) => *place = Some(Arc::clone(&target)),
                None => targets.push(Some(Arc::clone(&target))),
            }
            directory.targets = Arc::new(targets);
        });
        keys.insert(key.to_owned(), id);
        Ok(target)
    }

    /// What there is to read right now. Cheap; make one per evaluation and drop it after: it keeps what it has read in memory, and a target
    /// that it first reads more than [`Options::hot_rows`] scrapes later may show it newer ones.
    pub fn view(&self) -> StoreView {
        StoreView::new(&self.shared)
    }

    /// How many series all targets have.
    pub fn series(&self) -> usize {
        self.targets().iter().map(|target| target.view.load().series()).sum()
    }

    /// Approximate bytes that the store holds.
    pub fn bytes(&self) -> usize {
        let shared = &self.shared;
        shared.bytes.load(Ordering::Relaxed) + shared.directory.load().bytes() + shared.lookups.load().bytes()
    }

    pub(crate) fn targets(&self) -> Vec<Arc<Target>> {
        self.shared.directory.load().targets.iter().flatten().cloned().collect()
    }

    /// Drops what is older than the retention at `now` (milliseconds since the epoch), targets that have nothing left and no writer, and, while the
    /// store holds more than its budget, the oldest blocks. Waits for scrapes that are under way, so it is not for a thread that has one.
    pub fn maintain(&self, now: i64) -> Maintained {
        let mut done = Maintained::default();
        let horizon = now.saturating_sub(self.shared.options.retention);
        let targets = self.targets();
        let empty: Vec<&Arc<Target>> =
            targets.iter().filter(|target| target.expire(&self.shared, horizon)).collect();
        if !empty.is_empty() {
            done.removed_targets = self.remove(&empty);
        }
        let budget = self.shared.options.memory_budget;
        let mut oldest: BinaryHeap<Reverse<(i64, usize)>> = targets
            .iter()
            .enumerate()
            .filter_map(|(at, target)| Some(Reverse((target.oldest()?, at))))
            .collect();
        while self.bytes() > budget {
            let Some(Reverse((_, at))) = oldest.pop() else { break };
            targets[at].evict(&self.shared);
            done.evicted += 1;
            if let Some(next) = targets[at].oldest() {
                oldest.push(Reverse((next, at)));
            }
        }
        done.bytes = self.bytes();
        done.over_budget = done.bytes > budget;
        done
    }

    fn remove(&self, empty: &[&Arc<Target>]) -> usize {
        // While the keys are held nobody gets a new writer; one who has one keeps the target.
        let mut keys = self.keys();
        let mut gone = Vec::new();
        for target in empty {
            // Another thread's maintenance may have removed it, and its number may be another's by now.
            let directory = self.shared.directory.load();
            let there = directory.targets.get(target.id as usize).and_then(Option::as_ref);
            if there.is_none_or(|there| !Arc::ptr_eq(there, target)) {
                continue;
            }
            // Without a writer there is no scrape under way, and so nobody who holds the lock and might wait for the keys.
            if !target.claimed.load(Ordering::Acquire) && target.lock().view.rows.is_empty() {
                keys.remove(&target.key);
                gone.push(target.id);
                self.shared.bytes.fetch_sub(target.bytes(), Ordering::Relaxed);
            }
        }
        self.shared.change_directory(|directory| {
            let mut targets = Vec::clone(&directory.targets);
            for id in &gone {
                targets[*id as usize] = None;
            }
            directory.targets = Arc::new(targets);
            directory.forget_gone();
        });
        gone.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_store_gives_back_its_memory() {
        let store = Store::new(Options::default()).unwrap();
        let mut writer = store.writer("a").unwrap();
        let mut scrape = writer.begin(1).unwrap();
        let series = scrape.series([("__name__", "m")].into_iter()).unwrap();
        scrape.set(series, 1.0).unwrap();
        scrape.commit();
        let (shared, target) = (Arc::downgrade(&store.shared), Arc::downgrade(&writer.target));
        drop((store, writer));
        assert!(shared.upgrade().is_none() && target.upgrade().is_none());
    }
}
