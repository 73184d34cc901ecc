//! What an evaluation did, node by node.
//!
//! **Invariant:** costs nothing unless it is asked for.

use std::time::Duration;

/// One node of an evaluated query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// The expression.
    pub expr: String,
    /// Series that it gave.
    pub series: usize,
    /// Samples that it gave.
    pub samples: usize,
    /// Time that it took, its parts included.
    pub time: Duration,
    /// Its parts.
    pub children: Vec<Trace>,
}
