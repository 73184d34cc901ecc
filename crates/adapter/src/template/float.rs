//! Floats printed as Go's `strconv.FormatFloat` prints them.
//!
//! Not about width, sign flags or padding; see `format.rs`.
//!
//! **Invariant:** output is at most [`MAX_PRECISION`] digits and the digits of the value long.

use std::fmt::Write as _;

/// Most digits after the point that are printed; more are cut to it.
pub(super) const MAX_PRECISION: usize = 1_000_000;

/// Formats `value` under `verb`, one of `b e E f g G x X`; without a precision with as few digits as identify it.
pub(super) fn format(value: f64, verb: u8, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let precision = precision.map(|precision| precision.min(MAX_PRECISION));
    let text = match verb {
        b'b' => binary(value),
        b'x' | b'X' => hexadecimal(value, precision),
        b'e' | b'E' => exponential(value, precision),
        b'g' | b'G' => general(value, precision),
        _ => match precision {
            // The formatting machinery of std takes precisions up to 65535.
            Some(precision) => {
                let exact = precision.min(1100);
                let mut text = format!("{value:.exact$}");
                text.extend(std::iter::repeat_n('0', precision - exact));
                text
            }
            None => format!("{value}"),
        },
    };
    if verb.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}

/// Go writes at least two digits of exponent, with a sign.
fn exponential(value: f64, precision: Option<usize>) -> String {
    let (digits, exponent) = scientific(value, precision);
    with_exponent(digits, 'e', exponent)
}

fn with_exponent(mut digits: String, mark: char, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    // Writing to a String does not fail.
    let _ = write!(digits, "{mark}{sign}{:02}", exponent.unsigned_abs());
    digits
}

/// Sign, digits and point, and the decimal exponent.
fn scientific(value: f64, precision: Option<usize>) -> (String, i32) {
    let text = match precision {
        Some(precision) => {
            let exact = precision.min(1100);
            format!("{value:.exact$e}")
        }
        None => format!("{value:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits = digits.to_owned();
    if let Some(more) = precision.and_then(|precision| precision.checked_sub(1100)) {
        digits.extend(std::iter::repeat_n('0', more));
    }
    (digits, exponent.parse().unwrap_or(0))
}

fn general(value: f64, precision: Option<usize>) -> String {
    let (text, exponent) = scientific(value, precision.map(|precision| precision.max(1) - 1));
    let significant = text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    let length = significant.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1) as i32;
    // Without a precision the exponent appears from 1e6 on, whatever the number of digits.
    let limit = match precision.map(|precision| i32::try_from(precision.max(1)).unwrap_or(i32::MAX)) {
        None => 6,
        Some(limit) if limit > length && length > exponent => length,
        Some(limit) => limit,
    };
    if value != 0.0 && (exponent < -4 || exponent >= limit) {
        let trimmed =
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return with_exponent(trimmed.to_owned(), 'e', exponent);
    }
    let decimals = (length - exponent - 1).max(0) as usize;
    match precision {
        Some(_) => format!("{value:.decimals$}"),
        None => format!("{value}"),
    }
}

/// Mantissa bits and exponent, such that the value is mantissa × 2^exponent.
fn parts(value: f64) -> (bool, u64, i32) {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1);
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let negative = value.is_sign_negative();
    if exponent == 0 { (negative, mantissa, -1074) } else { (negative, mantissa | 1 << 52, exponent - 1075) }
}

fn binary(value: f64) -> String {
    let (negative, mantissa, exponent) = parts(value);
    format!("{}{mantissa}p{exponent:+}", if negative { "-" } else { "" })
}

fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let (negative, mut mantissa, exponent) = parts(value);
    let sign = if negative { "-" } else { "" };
    // One bit before the point, sixty after it.
    let mut exponent = exponent + 52;
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros() - 3;
        mantissa <<= shift;
        exponent -= shift as i32 - 8;
    }
    if let Some(precision) = precision.filter(|&precision| precision < 15) {
        let shift = 60 - 4 * precision;
        let rest = mantissa & ((1 << shift) - 1);
        mantissa >>= shift;
        let half = 1_u64 << (shift - 1);
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= shift;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let all = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => all.trim_end_matches('0').to_owned(),
        Some(precision) => {
            let mut digits = all;
            digits.truncate(precision.min(15));
            digits.extend(std::iter::repeat_n('0', precision.saturating_sub(15)));
            digits
        }
    };
    let point = if fraction.is_empty() { "" } else { "." };
    with_exponent(format!("{sign}0x{}{point}{fraction}", mantissa >> 60), 'p', exponent)
}
