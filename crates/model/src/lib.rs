//! Plain types that every crate shares: quantities, durations, label selectors, Go's quoting and regular expressions, and series with their labels,
//! matchers and histograms.
//!
//! Nothing here does I/O, starts a task or reads a clock.
//!
//! **Invariant:** this crate depends on no other crate of the workspace.

pub mod duration;
pub mod histogram;
pub mod labels;
pub mod matcher;
pub mod quantity;
pub mod quote;
pub mod regexp;
pub mod selector;
pub mod series;
