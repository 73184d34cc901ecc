//! Kubernetes quantities read from text (`1500m`, `100Mi`, `2e3`), with the arithmetic of
//! `k8s.io/apimachinery/pkg/api/resource` (`quantity.go`, `amount.go`, `scale_int.go`).
//!
//! Not a number type for computing: it is read, converted to thousandths and printed again.
//!
//! **Invariant:** no text makes it panic, and a text of more than 64 bytes is refused.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MilliBytes;

/// Longest text that is read, in bytes.
pub const MAX_LENGTH: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Format {
    Decimal,
    Exponent,
    Binary,
}

/// A parsed quantity: `number × 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantity {
    number: i128,
    scale: i32,
    format: Format,
    /// Upstream holds numbers of few digits as an `int64` and all others as a decimal of any size; the two
    /// overflow and round differently.
    wide: bool,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not `<sign><digits>.<digits><suffix>`.
    #[error("'{0}' is no quantity: write a number with an optional suffix, as in 500m, 2, 1k or 100Mi")]
    Format(String),
    /// A suffix that Kubernetes does not know.
    #[error(
        "the suffix of '{0}' is not known: use n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or e<exponent>"
    )]
    Suffix(String),
    /// Too many digits to be held.
    #[error("the quantity has too many digits: write it with at most 30")]
    TooLong,
}

const DECIMAL: [(i32, &str); 10] =
    [(-9, "n"), (-6, "u"), (-3, "m"), (0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"), (15, "P"), (18, "E")];
const BINARY: [(u32, &str); 6] = [(10, "Ki"), (20, "Mi"), (30, "Gi"), (40, "Ti"), (50, "Pi"), (60, "Ei")];

fn pow10(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// Divides, rounding away from zero.
fn divide_away(number: i128, by: i128) -> i128 {
    let quotient = number / by;
    if number % by == 0 { quotient } else { quotient + number.signum() }
}

impl Quantity {
    /// A quantity of thousandths that prints with decimal suffixes.
    pub fn from_milli(milli: i64) -> Self {
        Self { number: i128::from(milli), scale: -3, format: Format::Decimal, wide: false }
    }

    /// Reads a quantity as Kubernetes does.
    ///
    /// # Errors
    /// Texts that `ParseQuantity` refuses, and those too long to be meant.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.len() > MAX_LENGTH {
            return Err(QuantityError::TooLong);
        }
        let malformed = || QuantityError::Format(text.to_owned());
        if text.is_empty() {
            return Err(malformed());
        }
        let (negative, rest) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let digits_end =
            |text: &str| text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (whole, rest) = rest.split_at(digits_end(rest));
        let whole = whole.trim_start_matches('0');
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(digits_end(rest)),
            None => ("", rest),
        };
        let (exponent, format) = read_suffix(suffix).ok_or_else(|| {
            if suffix.bytes().all(|byte| b"eEinumkKMGTP+-0123456789".contains(&byte)) {
                QuantityError::Suffix(text.to_owned())
            } else {
                malformed()
            }
        })?;
        let digits = format!("{whole}{fraction}");
        let number: i128 = if digits.is_empty() {
            0
        } else {
            digits.parse().ok().filter(|_| digits.len() <= 30).ok_or(QuantityError::TooLong)?
        };
        let number = if negative { -number } else { number };
        let whole_digits = whole.len().max(1) as i32;
        let fraction_digits = fraction.len() as i32;
        let (mantissa, scale, precision) = match format {
            Format::Binary if fraction.is_empty() => {
                let precision = 15 - whole_digits - (exponent as f32 * 3.0 / 10.0) as i32 - 1;
                (1_i128 << exponent, 0, precision)
            }
            Format::Binary => (1_i128 << exponent, 0, -1),
            _ => (1, exponent, 18 - whole_digits - fraction_digits),
        };
        let Some(product) = number.checked_mul(mantissa) else {
            // Binary quantities beyond an int64 are capped anyway; only a long fraction makes a small one so long.
            let whole = pow10(fraction_digits.unsigned_abs()).map_or(0, |one| number / one);
            if whole.abs() <= i128::from(i64::MAX) / mantissa {
                return Err(QuantityError::TooLong);
            }
            let number = number.signum() * i128::from(i64::MAX);
            return Ok(Self { number, scale: 0, format, wide: true });
        };
        let scale = scale - fraction_digits;
        if precision >= 0 && scale >= -9 && i64::try_from(product).is_ok() {
            return Ok(Self { number: product, scale, format, wide: false });
        }
        Self::widen(product, scale, format)
    }

    fn widen(mut number: i128, mut scale: i32, mut format: Format) -> Result<Self, QuantityError> {
        if number != 0 && scale < -9 {
            let excess = (-9_i32).saturating_sub(scale).unsigned_abs();
            number = pow10(excess).map_or(number.signum(), |by| divide_away(number, by));
            scale = -9;
        }
        if format == Format::Binary {
            let one = pow10(scale.unsigned_abs()).filter(|_| scale <= 0);
            let magnitude = number.abs();
            if one.is_some_and(|one| magnitude / one > i128::from(i64::MAX)) {
                number = number.signum() * i128::from(i64::MAX);
                scale = 0;
            }
            if magnitude > 0 && one.is_some_and(|one| magnitude < one) {
                format = Format::Decimal;
            }
        }
        Ok(Self { number, scale, format, wide: true })
    }

    /// The value in thousandths, rounded away from zero, with upstream's silent overflow: beyond an `int64` the
    /// result wraps or is 0, as `MilliValue` does.
    pub fn milli(&self) -> i64 {
        let exponent = self.scale.saturating_add(3);
        if self.wide {
            return self.wide_milli(exponent);
        }
        let number = self.number as i64;
        if exponent < 0 {
            return match pow10(exponent.unsigned_abs()) {
                Some(by) => divide_away(self.number, by) as i64,
                None => self.number.signum() as i64,
            };
        }
        let factor = pow10(exponent.unsigned_abs()).and_then(|by| i64::try_from(by).ok());
        match (exponent, factor) {
            (0 | 1 | 2 | 3 | 6 | 9, Some(factor)) => number.wrapping_mul(factor),
            (_, Some(factor)) => number.checked_mul(factor).unwrap_or(0),
            (_, None) => 0,
        }
    }

    fn wide_milli(&self, exponent: i32) -> i64 {
        const NANOS_IN_MILLI: i64 = 1_000_000;
        let low = |power: i32| (self.number as i64).wrapping_mul(10_i64.wrapping_pow(power.unsigned_abs()));
        // What was capped is held as it is; everything else as a number of billionths.
        if self.format == Format::Binary && self.scale == 0 && self.number.abs() == i128::from(i64::MAX) {
            return low(3);
        }
        // The cheap way, which upstream also goes with what is below an int64: it forgets all but the low bits.
        if self.number < 0 {
            let nanos = low(self.scale.saturating_add(9));
            return nanos / NANOS_IN_MILLI + i64::from(nanos % NANOS_IN_MILLI != 0);
        }
        if exponent >= 0 {
            return low(exponent);
        }
        match pow10(exponent.unsigned_abs()) {
            Some(by) if self.number % by == 0 => (self.number / by) as i64,
            Some(by) => (self.number / by + 1) as i64,
            None => 1,
        }
    }

    /// The value as a double, as `AsApproximateFloat64` computes it.
    pub fn as_f64(&self) -> f64 {
        let number = self.number as f64;
        let power = 10_f64.powi(self.scale.abs());
        match self.scale {
            0 => number,
            1.. => number * power,
            _ => number * (1.0 / power),
        }
    }
}

fn read_suffix(suffix: &str) -> Option<(i32, Format)> {
    if let Some(&(exponent, _)) = DECIMAL.iter().find(|(_, name)| *name == suffix) {
        return Some((exponent, Format::Decimal));
    }
    if let Some(&(exponent, _)) = BINARY.iter().find(|(_, name)| *name == suffix) {
        return Some((exponent as i32, Format::Binary));
    }
    let digits = suffix.strip_prefix(['e', 'E'])?;
    let exponent: i32 = digits.parse().ok()?;
    (-64..=64).contains(&exponent).then_some((exponent, Format::Exponent))
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.number == 0 {
            return f.write_str("0");
        }
        if self.format == Format::Binary && self.scale >= -3 {
            // Whole bytes print with a binary suffix; the sizes that fit thousandths are all there are in practice.
            let milli = pow10((self.scale + 3).unsigned_abs())
                .and_then(|by| self.number.checked_mul(by))
                .and_then(|milli| i64::try_from(milli).ok());
            if let Some(milli) = milli {
                return MilliBytes(milli).fmt(f);
            }
            for (exponent, name) in BINARY.iter().rev() {
                if self.scale == 0 && self.number % (1_i128 << exponent) == 0 {
                    return write!(f, "{}{name}", self.number >> exponent);
                }
            }
        }
        let (mut number, mut scale) = (self.number, self.scale);
        while number % 10 == 0 {
            number /= 10;
            scale += 1;
        }
        while scale % 3 != 0 {
            number = number.saturating_mul(10);
            scale -= 1;
        }
        match DECIMAL.iter().find(|(exponent, _)| *exponent == scale) {
            Some((_, name)) if self.format != Format::Exponent => write!(f, "{number}{name}"),
            _ if scale == 0 => write!(f, "{number}"),
            _ => write!(f, "{number}e{scale}"),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// Reads a string, or a plain number as the API accepts it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as 500m, 2, 1k or 100Mi")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
                Quantity::parse(text).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quantity, E> {
                Quantity::parse(&number.to_string()).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quantity, E> {
                Quantity::parse(&number.to_string()).map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Quantity, E> {
                Quantity::parse(&number.to_string()).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_round_away_from_zero_and_overflow_as_upstream_does() {
        for (text, milli) in [
            ("0", 0),
            ("1", 1000),
            ("100n", 1),
            ("-1500u", -2),
            ("1.5", 1500),
            (".5", 500),
            ("1k", 1_000_000),
            ("1Ki", 1_024_000),
            ("2e3", 2_000_000),
            ("9223372036854775", 9_223_372_036_854_775_000),
            ("10P", 0),
            ("1E", 0),
            ("9Ei", -1000),
            ("-9Ei", 1000),
            ("34471902437683529509109.3Pi", -1000),
            ("-99999999999999999999999Ei", 1000),
            // Negative with more than 18 digits: only the low bits of the billionths are seen.
            ("-8675221432170143625m", 5_604_534_352_857),
            ("-9223372036854775807m", 1),
        ] {
            assert_eq!(Quantity::parse(text).map(|quantity| quantity.milli()), Ok(milli), "{text}");
        }
        assert!(Quantity::parse("9223372036854776").is_ok_and(|quantity| quantity.milli() < 0));
    }

    #[test]
    fn quantities_print_canonically() {
        for (text, printed) in [
            ("0.5", "500m"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("1Mi", "1Mi"),
            ("1024Ki", "1Mi"),
            ("0.5Gi", "512Mi"),
            ("1000m", "1"),
            ("12e3", "12e3"),
            ("007", "7"),
            ("1500M", "1500M"),
            ("0.1Ki", "102400m"),
        ] {
            assert_eq!(
                Quantity::parse(text).map(|quantity| quantity.to_string()),
                Ok(printed.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_that_are_no_quantity_are_refused() {
        for text in ["", "abc", "1x", "1 ", "--1", "1.2.3", "1KiB", "e", "é", "1e999999999999", "1e99"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
        assert_eq!(Quantity::parse(&"9".repeat(40)), Err(QuantityError::TooLong));
    }

    #[test]
    fn a_tolerance_becomes_the_same_double_as_upstream() {
        for (text, value) in [("0.1", 0.1), ("50m", 0.05), ("0.34", 0.34), ("1", 1.0), ("0", 0.0)] {
            let quantity = Quantity::parse(text);
            assert!(quantity.is_ok_and(|quantity| (quantity.as_f64() - value).abs() < 1e-15), "{text}");
        }
    }
}
