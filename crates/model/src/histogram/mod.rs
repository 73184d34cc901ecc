//! Native histograms with float counts, as Prometheus stores and computes with them.
//!
//! Not classic histograms: those are ordinary series with an `le` label. Integer histograms are read into this form.
//! The shape matches Prometheus' `histogram.FloatHistogram`.
//!
//! **Invariant:** buckets hold absolute counts, one per bucket that the spans name, in their order.

mod arithmetic;
mod buckets;
mod compare;
mod sum;
mod trim;

use std::sync::Arc;

pub use arithmetic::{Combined, Incompatible};
pub use buckets::{Bucket, bound};
pub use sum::{RunningHistogram, compensated_add};

/// The schema of histograms whose bucket bounds are listed rather than computed.
pub const CUSTOM_BUCKETS: i32 = -53;
/// The coarsest exponential schema.
pub const MIN_SCHEMA: i32 = -4;
/// The finest exponential schema.
pub const MAX_SCHEMA: i32 = 8;

/// What is known of a counter reset between this histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ResetHint {
    /// Nothing: the two have to be compared.
    #[default]
    Unknown,
    /// There was a reset.
    Reset,
    /// There was none.
    NotReset,
    /// It is a gauge, which cannot reset.
    Gauge,
}

/// A run of consecutive buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Of the first span: the index of its first bucket. Of others: the gap to the span before, in buckets.
    pub offset: i32,
    /// Number of buckets.
    pub length: u32,
}

/// One histogram at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// What is known of a reset before this one.
    pub reset_hint: ResetHint,
    /// Resolution: 2^schema buckets per power of two, −4 to 8; or [`CUSTOM_BUCKETS`].
    pub schema: i32,
    /// Half the width of the bucket around zero, at least 0.
    pub zero_threshold: f64,
    /// Observations in the bucket around zero.
    pub zero_count: f64,
    /// Number of observations.
    pub count: f64,
    /// Sum of observations. A staleness marker has the stale NaN here.
    pub sum: f64,
    /// Which positive buckets exist. With custom bounds: indices into them, from 0.
    pub positive_spans: Vec<Span>,
    /// Which negative buckets exist.
    pub negative_spans: Vec<Span>,
    /// Counts of the positive buckets.
    pub positive: Vec<f64>,
    /// Counts of the negative buckets.
    pub negative: Vec<f64>,
    /// Upper bounds of custom buckets, ascending, without the infinite one. Empty with other schemas.
    pub custom_bounds: Arc<[f64]>,
}

impl Histogram {
    /// Whether the bounds are listed.
    pub fn has_custom_bounds(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }
}
