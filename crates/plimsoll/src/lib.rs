//! The parts of the `plimsoll` binary that can be used and tested without running it.
//!
//! **Invariant:** nothing here prints or exits; `main` does.

pub mod arguments;
pub mod check;
mod input;
pub mod logging;
mod printed;
pub mod promql;
pub mod reload;
mod series_file;
pub mod serve;

pub use printed::Printed;
