//! Values as Go reads and OpenMetrics prints them.
//!
//! **Invariant:** what Go's `ParseFloat` refuses is refused, such as numbers that are too large.

use plimsoll_model::series::NAN_BITS;

/// A value; every NaN is the ordinary one.
pub(super) fn value(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Some(sign * f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::from_bits(NAN_BITS));
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    // Rust rounds what is too large to infinity.
    value.is_finite().then_some(value)
}

/// Seconds of OpenMetrics in milliseconds, cut off towards zero.
pub(super) fn milliseconds(text: &[u8]) -> Option<i64> {
    let seconds = value(text).filter(|seconds| seconds.is_finite())?;
    // The cast saturates, as no time beyond is one.
    Some((seconds * 1000.0) as i64)
}

/// A bound of a bucket or a quantile in OpenMetrics' form, so that `1` and `1.0` are the same label
/// (Prometheus: `FormatOpenMetricsFloat`).
pub(super) fn normal(text: &str) -> Option<String> {
    let value = value(text.as_bytes())?;
    if value.is_nan() {
        return Some("NaN".to_owned());
    }
    if value.is_infinite() {
        return Some(if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned());
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    // Go's %g for the shortest digits: an exponent from a million on, and below a ten-thousandth.
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return Some(format!("{mantissa}e{sign}{:02}", exponent.abs()));
    }
    let plain = format!("{value}");
    Some(if plain.contains('.') { plain } else { plain + ".0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_go() {
        for (text, wanted) in [
            ("1", Some(1.0)),
            ("-1.5e3", Some(-1500.0)),
            ("+.5", Some(0.5)),
            ("5.", Some(5.0)),
            ("+Inf", Some(f64::INFINITY)),
            ("-infinity", Some(f64::NEG_INFINITY)),
            ("1e400", None),
            ("1e-400", Some(0.0)),
            ("0x1p-2", None),
            ("1_000", None),
            ("+NaN", None),
            ("", None),
            (".", None),
            ("e5", None),
            ("1\r", None),
        ] {
            assert_eq!(value(text.as_bytes()), wanted, "{text:?}");
        }
        assert_eq!(value(b"nAn").map(f64::to_bits), Some(NAN_BITS));
    }

    #[test]
    fn bounds_have_one_form() {
        for (text, wanted) in [
            ("1", "1.0"),
            ("1.0", "1.0"),
            ("0.10", "0.1"),
            ("+inf", "+Inf"),
            ("0", "0.0"),
            ("-0", "-0.0"),
            ("100000", "100000.0"),
            ("1e6", "1e+06"),
            ("1234567", "1.234567e+06"),
            ("0.00001", "1e-05"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(wanted), "{text}");
        }
    }
}
