//! The marks that stand in a row where a series has no number.
//!
//! A row is a plain array of floats, one per series, so that a function over a window is a loop over arrays. Three NaNs that no
//! program computes say what else can be there. Only [`STALE`] is seen outside this crate; its bits are Prometheus' (`model/value/value.go`).
//!
//! **Invariant:** a number that comes from outside never has the bits of [`ABSENT`] or [`HISTOGRAM`].

/// No sample in this row.
pub(crate) const ABSENT: u64 = 0x7ff4_0000_0000_0001;
/// The sample is a native histogram, kept beside the row.
pub(crate) const HISTOGRAM: u64 = 0x7ff4_0000_0000_0002;
/// The series ended here: Prometheus' staleness marker.
pub(crate) const STALE: u64 = 0x7ff0_0000_0000_0002;
/// The NaN that a target's NaN becomes: Prometheus' `NormalNaN`.
pub(crate) const NAN: u64 = 0x7ff8_0000_0000_0001;

/// `value`, or an ordinary NaN when its bits are a mark that is ours.
#[inline]
pub(crate) fn number(value: f64) -> f64 {
    if value.is_nan() && matches!(value.to_bits(), ABSENT | HISTOGRAM) { f64::from_bits(NAN) } else { value }
}

/// Whether there is no sample.
#[inline]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT
}
