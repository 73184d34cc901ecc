//! Test files in the language of Prometheus' `promqltest`: load series, ask, compare.
//!
//! Not the tests themselves. Text in, report out: whoever calls reads the file. Each instant evaluation is asked again
//! with its time fixed by `@` at other times, and as the middle of a range query, as Prometheus does.
//!
//! **Invariant:** an evaluation counts once, as passed only if every way of asking agrees.

mod compare;
mod histogram_text;
mod load;
mod recheck;
mod runner;
mod script;
mod sequence;
mod store;

pub use load::{LoadError, Loaded, load};
pub use runner::{Failure, Report, run};
pub use store::MemorySource;
