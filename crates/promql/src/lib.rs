//! PromQL: a query's text, its types, and its evaluation over any source of series.
//!
//! Not a store and not a server. [`syntax`] reads and prints, [`eval`] evaluates over a
//! [`SeriesSource`](plimsoll_model::series::SeriesSource), [`plan`] remembers what a query that is asked again has found, [`promqltest`] runs test files in Prometheus' language.
//!
//! **Invariant:** no I/O, no task, no clock but for deadlines: the time of a query is an argument.

pub mod annotations;
pub mod eval;
pub mod plan;
pub mod promqltest;
pub mod syntax;
