//! Groups of labels: which series belong together in an aggregation or a binary operation.
//!
//! **Invariant:** two series have one number exactly if the labels that count are equal.

use hashbrown::HashMap;
use plimsoll_model::labels::{Labels, METRIC_NAME};

use super::grid::Grid;

/// The labels that count for `on (…)` or `ignoring (…)`.
pub(crate) fn match_labels(labels: &Labels, on: bool, names: &[String]) -> Labels {
    let listed = |name: &str| names.iter().any(|listed| listed == name);
    if on {
        labels.retain(|label| listed(&label.name))
    } else {
        labels.retain(|label| *label.name != *METRIC_NAME && !listed(&label.name))
    }
}

/// Numbers for groups of series.
#[derive(Default)]
pub(crate) struct Groups {
    numbers: HashMap<Labels, usize>,
}

impl Groups {
    /// The number of each row's group.
    pub fn number(&mut self, grid: &Grid, on: bool, names: &[String]) -> Vec<usize> {
        grid.labels
            .iter()
            .map(|labels| {
                let next = self.numbers.len();
                *self.numbers.entry(match_labels(labels, on, names)).or_insert(next)
            })
            .collect()
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }
}
