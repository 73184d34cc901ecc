//! The formats as targets write them.
mod exposition;
