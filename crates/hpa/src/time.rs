//! Instants and spans as whole nanoseconds.
//!
//! Not a calendar: an instant is a distance from an origin that the caller chooses, usually the Unix epoch.
//!
//! **Invariant:** arithmetic saturates; Go's zero time ([`Time::ZERO`]) lies more than a century before the origin.

use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};

const NANOS: f64 = 1e9;

/// A signed span in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

/// An instant in nanoseconds since the caller's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Span {
    /// A span of whole seconds, saturating.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// A span of whole milliseconds, saturating.
    pub const fn millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Whole seconds, truncated.
    pub const fn as_seconds(self) -> i64 {
        self.0 / 1_000_000_000
    }
}

impl Time {
    /// Go's zero time: infinitely old.
    pub const ZERO: Self = Self(i64::MIN / 2);

    /// An instant in milliseconds since the origin, saturating.
    pub const fn millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The span since `earlier`, saturating.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Time {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// Seconds, with a fraction where there is one.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / NANOS)
    }
}

/// Seconds since the origin; null for Go's zero time.
impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::ZERO {
            serializer.serialize_none()
        } else {
            serializer.serialize_f64(self.0 as f64 / NANOS)
        }
    }
}
