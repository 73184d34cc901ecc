//! Series that were found before, so that whoever asks the same again need not ask every target.
//!
//! Where thousands of targets match, a look-up is that many walks through small indexes, each far from the others in memory. What it found
//! stays true of every target whose index has not changed since; so the store notes which target each generation changed, and only those are
//! asked again.
//!
//! **Invariant:** what is found this way is what asking all targets would give. A target whose change is no longer noted leads to asking all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use plimsoll_model::matcher::Matcher;
use plimsoll_model::series::SeriesId;

/// Generations whose target is noted.
const NOTED: usize = 4096;
/// Look-ups that are kept.
const MAX_LOOKUPS: usize = 16;
/// Look-ups in fewer targets are not kept: they are quick.
pub(crate) const MIN_TARGETS: usize = 32;

/// Which target each of the last generations changed.
#[derive(Debug)]
pub(crate) struct Changes {
    targets: Box<[AtomicU32]>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { targets: (0..NOTED).map(|_| AtomicU32::new(0)).collect() }
    }
}

impl Changes {
    fn place(&self, generation: u64) -> &AtomicU32 {
        &self.targets[(generation % NOTED as u64) as usize]
    }

    /// Notes the target of a generation, before that is published. Generations are noted in order.
    pub(crate) fn note(&self, generation: u64, target: u32) {
        self.place(generation).store(target, Ordering::Release);
    }

    /// The targets that changed after the generation `from` up to `to`, ascending, unless they are no longer known or more
    /// than `most`. `newest` is the newest published generation.
    pub(crate) fn between(&self, from: u64, to: u64, most: usize, newest: &AtomicU64) -> Option<Vec<u32>> {
        if to.checked_sub(from)? >= NOTED as u64 {
            return None;
        }
        let noted = (from + 1..=to).map(|generation| self.place(generation).load(Ordering::Acquire));
        let mut targets: Vec<u32> = noted.collect();
        // Whoever overwrote a place had seen the generation before its own published.
        if newest.load(Ordering::Acquire) - from >= NOTED as u64 {
            return None;
        }
        targets.sort_unstable();
        targets.dedup();
        (targets.len() <= most).then_some(targets)
    }
}

/// Neighbouring series of one target: the first one's number and how many. A family's series mostly are neighbours.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    len: u32,
}

impl Run {
    fn target(self) -> u32 {
        (self.first >> 32) as u32
    }
}

/// Series by target, as runs.
#[derive(Debug, Default)]
pub(crate) struct Found {
    runs: Vec<Run>,
    series: usize,
}

impl Found {
    /// Adds a series; targets come in ascending order.
    #[inline]
    pub(crate) fn push(&mut self, target: u32, slot: u32) {
        let id = u64::from(target) << 32 | u64::from(slot);
        self.series += 1;
        match self.runs.last_mut() {
            Some(run) if run.first + u64::from(run.len) == id && run.target() == target => run.len += 1,
            _ => self.runs.push(Run { first: id, len: 1 }),
        }
    }

    fn push_run(&mut self, run: Run) {
        self.runs.push(run);
        self.series += run.len as usize;
    }

    /// The series, in the order in which they were found.
    pub(crate) fn ids(&self) -> Vec<SeriesId> {
        let mut ids = Vec::with_capacity(self.series);
        for run in &self.runs {
            ids.extend((run.first..run.first + u64::from(run.len)).map(SeriesId));
        }
        ids
    }

    /// The same, with what `ask` finds in the `changed` targets, which ascend, in place of what was found there.
    pub(crate) fn with(&self, changed: &[u32], mut ask: impl FnMut(u32, &mut Found)) -> Self {
        let mut found = Self { runs: Vec::with_capacity(self.runs.len() + 8), series: 0 };
        let mut rest = self.runs.as_slice();
        for target in changed {
            let before = rest.partition_point(|run| run.target() < *target);
            rest[..before].iter().for_each(|run| found.push_run(*run));
            rest = &rest[before..];
            rest = &rest[rest.partition_point(|run| run.target() == *target)..];
            ask(*target, &mut found);
        }
        rest.iter().for_each(|run| found.push_run(*run));
        found
    }

    fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }
}

/// One question, and what it found in which generation.
#[derive(Debug)]
pub(crate) struct Lookup {
    matchers: Box<[Matcher]>,
    pub generation: u64,
    pub found: Found,
}

impl Lookup {
    pub(crate) fn new(matchers: &[Matcher], generation: u64, mut found: Found) -> Self {
        found.runs.shrink_to_fit();
        Self { matchers: matchers.into(), generation, found }
    }

    fn bytes(&self) -> usize {
        let text = |matcher: &Matcher| size_of::<Matcher>() + matcher.name().len() + matcher.value().len();
        size_of::<Self>() + self.found.bytes() + self.matchers.iter().map(text).sum::<usize>()
    }
}

/// What was looked up last, oldest first. Never changed, but replaced by another.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    kept: Vec<Arc<Lookup>>,
}

impl Lookups {
    /// What these matchers found last.
    pub(crate) fn of(&self, matchers: &[Matcher]) -> Option<&Arc<Lookup>> {
        self.kept.iter().rev().find(|lookup| *lookup.matchers == *matchers)
    }

    /// These and one more, within `most` bytes.
    pub(crate) fn with(&self, lookup: Lookup, most: usize) -> Self {
        let others = self.kept.iter().filter(|other| other.matchers != lookup.matchers).cloned();
        let mut kept: Vec<Arc<Lookup>> = others.collect();
        kept.push(Arc::new(lookup));
        let bytes = |kept: &[Arc<Lookup>]| kept.iter().map(|lookup| lookup.bytes()).sum::<usize>();
        while kept.len() > MAX_LOOKUPS || bytes(&kept) > most {
            kept.remove(0);
        }
        Self { kept }
    }

    /// Bytes on the heap, approximately.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.iter().map(|lookup| lookup.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(places: &[(u32, u32)]) -> Found {
        let mut found = Found::default();
        places.iter().for_each(|(target, slot)| found.push(*target, *slot));
        found
    }

    #[test]
    fn what_changed_is_replaced_where_it_stood() {
        let before = found(&[(1, 0), (1, 1), (3, 7), (5, 2), (5, 4)]);
        let asked = |changed: &[u32]| {
            before
                .with(changed, |target, to| {
                    if target != 3 {
                        to.push(target, 9)
                    }
                })
                .ids()
        };
        let ids = |places: &[(u32, u32)]| found(places).ids();
        assert_eq!(asked(&[]), before.ids());
        assert_eq!(asked(&[0, 3]), ids(&[(0, 9), (1, 0), (1, 1), (5, 2), (5, 4)]));
        assert_eq!(asked(&[1, 2, 5, 6]), ids(&[(1, 9), (2, 9), (3, 7), (5, 9), (6, 9)]));
    }

    #[test]
    fn the_last_slot_of_a_target_and_the_first_of_the_next_are_not_neighbours() {
        let found = found(&[(1, u32::MAX), (2, 0)]);
        assert_eq!(found.runs.len(), 2);
    }

    #[test]
    fn changes_that_are_no_longer_noted_are_unknown() {
        let (changes, newest) = (Changes::default(), AtomicU64::new(0));
        for generation in 1..=NOTED as u64 + 10 {
            changes.note(generation, generation as u32 % 7);
            newest.store(generation, Ordering::Release);
        }
        let newest_known = newest.load(Ordering::Relaxed);
        let between = |from, to| changes.between(from, to, 100, &newest);
        assert_eq!(between(newest_known - 2, newest_known).map(|targets| targets.len()), Some(2));
        assert_eq!(between(newest_known, newest_known), Some(vec![]));
        assert_eq!(between(11, 12), Some(vec![12 % 7]));
        assert_eq!(between(10, 12), None);
        assert_eq!(between(0, newest_known), None);
        assert_eq!(between(newest_known, newest_known - 1), None);
        assert_eq!(changes.between(newest_known - 6, newest_known, 3, &newest), None);
    }
}
