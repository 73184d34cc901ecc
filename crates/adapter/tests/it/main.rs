//! The adapter against servers that run in the same process.

mod prometheus;
