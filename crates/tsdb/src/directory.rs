//! Which targets have a label: what keeps a question about one service from asking every target.
//!
//! Entries are a hash of the label (upper 32 bits) and a target's number (lower 32 bits), in sorted runs of falling length. A hash is
//! enough, because the target's own index decides; a wrong candidate costs a look-up, never an answer.
//!
//! **Invariant:** a label of a live target's series is never missing. Labels and targets that are gone may remain for a while.

use std::sync::Arc;

use crate::target::Target;

/// Targets by number, and their labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    pub targets: Arc<Vec<Option<Arc<Target>>>>,
    runs: Vec<Arc<[u64]>>,
}

fn entry(hash: u64, target: u32) -> u64 {
    hash & !0xffff_ffff | u64::from(target)
}

impl Directory {
    /// Adds labels of a target.
    pub(crate) fn add(&mut self, target: u32, hashes: impl Iterator<Item = u64>) {
        let mut run: Vec<u64> = hashes.map(|hash| entry(hash, target)).collect();
        if run.is_empty() {
            return;
        }
        while let Some(last) = self.runs.pop_if(|last| last.len() < 2 * run.len()) {
            run.extend_from_slice(&last);
        }
        run.sort();
        run.dedup();
        self.runs.push(run.into());
    }

    /// Replaces all labels of a target; `hashes` may be empty.
    pub(crate) fn replace(&mut self, target: u32, hashes: impl Iterator<Item = u64>) {
        let others =
            self.runs.iter().flat_map(|run| run.iter().copied()).filter(|entry| *entry as u32 != target);
        let mut run: Vec<u64> = others.chain(hashes.map(|hash| entry(hash, target))).collect();
        run.sort();
        run.dedup();
        self.runs = vec![run.into()];
    }

    /// Drops the labels of targets that are gone.
    pub(crate) fn forget_gone(&mut self) {
        let targets = &self.targets;
        let there = |entry: &u64| targets.get(*entry as u32 as usize).is_some_and(Option::is_some);
        let mut run: Vec<u64> = self.runs.iter().flat_map(|run| run.iter().copied()).filter(there).collect();
        run.sort();
        self.runs = vec![run.into()];
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.len() * 8).sum::<usize>() + self.targets.len() * 8
    }

    /// The numbers of targets that have, for each of `matchers`, one of its labels; or seem to.
    pub(crate) fn candidates(&self, matchers: impl Iterator<Item = Vec<u64>>) -> Vec<u32> {
        let mut found: Option<Vec<u32>> = None;
        for hashes in matchers {
            let mut targets = Vec::new();
            for hash in hashes {
                for run in &self.runs {
                    let first = run.partition_point(|entry| entry >> 32 < hash >> 32);
                    let same = run[first..].iter().take_while(|entry| *entry >> 32 == hash >> 32);
                    targets.extend(same.map(|entry| *entry as u32));
                }
            }
            targets.sort_unstable();
            targets.dedup();
            found = Some(match found {
                None => targets,
                Some(mut before) => {
                    before.retain(|target| targets.binary_search(target).is_ok());
                    before
                }
            });
        }
        found.unwrap_or_else(|| (0..self.targets.len() as u32).collect())
    }
}
