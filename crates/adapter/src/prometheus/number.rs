//! Sample values: the text of a float as Go's `strconv.ParseFloat` reads it.
//!
//! Prometheus prints only decimal numbers, `NaN`, `+Inf` and `-Inf`; other servers lean on Go's
//! reader and so does this one. It is no JSON number reader.
//!
//! **Invariant:** a text that Go refuses, out-of-range included, gives `None`.

/// Reads `text` as `strconv.ParseFloat(text, 64)` does: decimal and hexadecimal literals with
/// digit-separating underscores, `Inf`, `Infinity` (signed) and `NaN` (unsigned) in any case.
/// A finite literal beyond the range of a float is refused, as Go reports `ErrRange`.
pub(super) fn parse_go_float(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'+' => (false, &text[1..]),
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    let signed = |value: f64| if negative { -value } else { value };
    match unsigned.as_bytes().first()? {
        b'0'..=b'9' | b'.' => {}
        b'i' | b'I' => {
            let infinite = unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity");
            return infinite.then(|| signed(f64::INFINITY));
        }
        _ => return text.eq_ignore_ascii_case("nan").then_some(f64::NAN),
    }
    let value = match unsigned.parse() {
        Ok(value) => value,
        Err(_) => unusual_literal(unsigned)?,
    };
    f64::is_finite(value).then(|| signed(value))
}

/// A literal that Rust does not know: with separators, or hexadecimal.
#[cold]
fn unusual_literal(unsigned: &str) -> Option<f64> {
    if !separators_allowed(unsigned) {
        return None;
    }
    let digits = unsigned.replace('_', "");
    match digits.get(..2) {
        Some("0x" | "0X") => hexadecimal(&digits[2..]),
        _ => digits.parse().ok(),
    }
}

/// Whether each underscore stands between digits, or between a base prefix and a digit.
fn separators_allowed(unsigned: &str) -> bool {
    let bytes = unsigned.as_bytes();
    let hexadecimal = bytes.len() > 1 && bytes[0] == b'0' && bytes[1].eq_ignore_ascii_case(&b'x');
    let digit = |at: usize| {
        bytes.get(at).is_some_and(|byte| match hexadecimal {
            true => byte.is_ascii_hexdigit(),
            false => byte.is_ascii_digit(),
        })
    };
    (0..bytes.len())
        .filter(|&at| bytes[at] == b'_')
        .all(|at| at > 0 && digit(at + 1) && (digit(at - 1) || (hexadecimal && at == 2)))
}

/// A hexadecimal literal after its prefix: digits with an optional point, and a mandatory binary
/// exponent. Rounds half to even.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let (exponent_sign, exponent_digits) = match exponent.as_bytes().first()? {
        b'-' => (-1, &exponent[1..]),
        b'+' => (1, &exponent[1..]),
        _ => (1, exponent),
    };
    if exponent_digits.is_empty() || !exponent_digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Far beyond the range of a float either way, and of any digit count that fits in memory.
    let exponent = exponent_sign * exponent_digits.parse::<i64>().unwrap_or(1 << 40).min(1 << 40);

    let (mut mantissa, mut scale, mut sticky, mut seen_point, mut seen_digit) =
        (0u64, 0i64, false, false, false);
    for byte in digits.bytes() {
        if byte == b'.' {
            if seen_point {
                return None;
            }
            seen_point = true;
            continue;
        }
        let digit = u64::from((byte as char).to_digit(16)?);
        seen_digit = true;
        if mantissa >> 59 == 0 {
            mantissa = mantissa << 4 | digit;
            scale -= if seen_point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            scale += if seen_point { 0 } else { 4 };
        }
    }
    if !seen_digit {
        return None;
    }
    if mantissa == 0 {
        return Some(0.0);
    }
    Some(scaled(mantissa, scale + exponent, sticky))
}

/// `mantissa` (not zero) × 2^`exponent`, rounded half to even; `sticky` says that bits below were lost.
fn scaled(mantissa: u64, exponent: i64, sticky: bool) -> f64 {
    let shift = i64::from(mantissa.leading_zeros());
    let mantissa = mantissa << shift;
    let top = exponent - shift + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    // Normal numbers keep 53 bits; below 2^-1022 each step loses one more.
    let kept = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if kept < 0 {
        return 0.0;
    }
    let dropped = 64 - kept as u32;
    let low = if dropped == 64 { mantissa } else { mantissa & ((1u64 << dropped) - 1) };
    let mut high = if dropped == 64 { 0 } else { mantissa >> dropped };
    let half = 1u64 << (dropped - 1);
    if low > half || (low == half && (sticky || high & 1 == 1)) {
        high += 1;
    }
    // `high` has at most 54 bits and the last factor is exact, so nothing is rounded twice.
    let unit = top - kept + 1;
    let (first, second) = if unit < -1000 { (unit + 100, -100) } else { (unit, 0) };
    high as f64 * power_of_two(first) * power_of_two(second)
}

/// 2^`exponent` for exponents of normal floats.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_texts_are_read_as_go_reads_them() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("1", 1.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E+3", 1000.0),
            ("1.7976931348623157e308", f64::MAX),
            ("4.9e-324", 5e-324),
            ("1e-400", 0.0),
            ("1_23.50_0_0e+1_2", 1.235e14),
        ] {
            let read = parse_go_float(text);
            assert_eq!(read.map(f64::to_bits), Some(value.to_bits()), "{text}: {read:?}");
        }
    }

    #[test]
    fn special_values_are_read_in_any_case() {
        for text in ["NaN", "nan", "NAN"] {
            assert!(parse_go_float(text).is_some_and(f64::is_nan), "{text}");
        }
        for text in ["Inf", "+Inf", "+inf", "INFINITY"] {
            assert_eq!(parse_go_float(text), Some(f64::INFINITY), "{text}");
        }
        assert_eq!(parse_go_float("-Inf"), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn hexadecimal_texts_are_read_as_go_reads_them() {
        for (text, value) in [
            ("0x1p0", 1.0),
            ("0x1.8p1", 3.0),
            ("-0xAp-1", -5.0),
            ("0x_1_2.3_4_5p+1_2", 74565.0),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1p-1074", 5e-324),
            ("0x1p-1076", 0.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000081p0", 1.0000000000000002),
            ("0x1.00000000000018p0", 1.0000000000000004),
            ("0x0p99999999999999999999", 0.0),
        ] {
            assert_eq!(parse_go_float(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "",
            "+",
            "-",
            ".",
            "e5",
            "1e",
            "1e999",
            "-1e999",
            "1x",
            " 1",
            "1 ",
            "+NaN",
            "-nan",
            "infin",
            "0x1",
            "0xp1",
            "0x1p",
            "0x1p1024",
            "0x1.fffffffffffff8p1023",
            "_1",
            "1_",
            "1__0",
            "1_.5",
            "1._5",
            "1e_5",
            "abc",
            "--1",
        ] {
            assert_eq!(parse_go_float(text), None, "{text}");
        }
    }
}
