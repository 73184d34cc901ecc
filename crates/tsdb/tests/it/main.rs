//! The store from outside: every test reads through the seam that the query engine reads through.

mod budget;
mod lookups;
mod naive;
mod reading;
mod sequences;
mod snapshots;
mod twins;
mod visibility;
