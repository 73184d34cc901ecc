//! Kubernetes quantities printed from integers, in the canonical form of
//! `k8s.io/apimachinery/pkg/api/resource` (`quantity.go`, `suffix.go`).
//!
//! Not a general quantity type: metric values are integers of thousandths, and this prints them. Quantities written
//! by people are read by [`Quantity`].
//!
//! **Invariant:** printing never loses a fraction; the largest suffix that keeps it exact is used.

mod parse;

use std::fmt;

pub use parse::{MAX_LENGTH, Quantity, QuantityError};

/// A value in thousandths, printed with decimal suffixes: `1500` is `1500m`, `1_000_000` is `1k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Milli(pub i64);

/// A value in thousandths of a byte, printed with binary suffixes where that is exact: `1Mi`.
///
/// Values below 1024 and values with a fraction print as [`Milli`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MilliBytes(pub i64);

/// Why a floating-point value has no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoQuantity {
    /// Not a number.
    #[error("the value is NaN")]
    NotANumber,
    /// Infinite, or beyond ±9.22e15.
    #[error("the value does not fit a 64-bit number of thousandths")]
    OutOfRange,
}

impl Milli {
    /// Truncates `value * 1000` toward zero, as prometheus-adapter does (`1.005` becomes `1004m`).
    ///
    /// # Errors
    /// NaN, ±Inf and values whose thousandths do not fit an `i64`.
    pub fn from_f64(value: f64) -> Result<Self, NoQuantity> {
        if value.is_nan() {
            return Err(NoQuantity::NotANumber);
        }
        let thousandths = value * 1000.0;
        // 2^63 is exact in f64, so the comparison admits just the values that the cast keeps.
        if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&thousandths) {
            Ok(Self(thousandths as i64))
        } else {
            Err(NoQuantity::OutOfRange)
        }
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SUFFIXES: [&str; 8] = ["m", "", "k", "M", "G", "T", "P", "E"];
        if self.0 == 0 {
            return f.write_str("0");
        }
        let (mut number, mut suffix) = (self.0, 0);
        while number % 1000 == 0 && suffix + 1 < SUFFIXES.len() {
            number /= 1000;
            suffix += 1;
        }
        write!(f, "{number}{}", SUFFIXES[suffix])
    }
}

impl fmt::Display for MilliBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let bytes = self.0 / 1000;
        if self.0 % 1000 != 0 || bytes.unsigned_abs() < 1024 {
            return Milli(self.0).fmt(f);
        }
        let (mut number, mut suffix) = (bytes, 0);
        while number % 1024 == 0 && suffix + 1 < SUFFIXES.len() {
            number /= 1024;
            suffix += 1;
        }
        write!(f, "{number}{}", SUFFIXES[suffix])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_with_the_largest_exact_decimal_suffix() {
        for (value, printed) in [
            (0.0, "0"),
            (1.0, "1"),
            (12.5, "12500m"),
            (0.0015, "1m"),
            (-0.0001, "0"),
            (0.9999, "999m"),
            (1.0009, "1"),
            (1.005, "1004m"),
            (4.35, "4350m"),
            (-3.25, "-3250m"),
            (1000.0, "1k"),
            (1024.0, "1024"),
            (1500.0, "1500"),
            (100_000.0, "100k"),
            (1e6, "1M"),
            (1_500_000.0, "1500k"),
            (1_234_567.891, "1234567891m"),
            (1e15, "1P"),
            (9.2e15, "9200T"),
        ] {
            assert_eq!(
                Milli::from_f64(value).map(|milli| milli.to_string()),
                Ok(printed.to_owned()),
                "{value}"
            );
        }
    }

    #[test]
    fn values_that_are_no_number_of_thousandths_are_refused() {
        assert_eq!(Milli::from_f64(f64::NAN), Err(NoQuantity::NotANumber));
        for value in [f64::INFINITY, f64::NEG_INFINITY, 9.3e15, -9.3e15] {
            assert_eq!(Milli::from_f64(value), Err(NoQuantity::OutOfRange), "{value}");
        }
        assert_eq!(Milli::from_f64(-9_223_372_036_854_775.808), Ok(Milli(i64::MIN)));
    }

    #[test]
    fn bytes_print_with_binary_suffixes_where_that_is_exact() {
        for (thousandths, printed) in [
            (0, "0"),
            (1000, "1"),
            (1_023_000, "1023"),
            (1_000_000, "1k"),
            (1_024_000, "1Ki"),
            (1_025_000, "1025"),
            (1_000_500, "1000500m"),
            (1_048_576_000, "1Mi"),
            (8_589_934_592_000, "8Gi"),
            (123_456_789_000, "123456789"),
            (-2_048_000, "-2Ki"),
        ] {
            assert_eq!(MilliBytes(thousandths).to_string(), printed, "{thousandths}");
        }
    }
}
