//! The parts of the `plimsoll` binary that can be used and tested without running it.
//!
//! **Invariant:** nothing here prints or exits; `main` does.

pub mod arguments;
pub mod logging;
pub mod reload;
pub mod serve;
