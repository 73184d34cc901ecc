//! Numbers as Go reads and prints them.
//!
//! **Invariant:** a printed number reads back to the same bits (NaN aside).

/// Reads a number: decimal, hexadecimal, octal or binary integer, or float, with `_` between digits
/// (Go: `ParseInt` with base 0, then `ParseFloat`).
pub fn parse_number(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    let lower = digits.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let clean = lower.replace('_', "");
    let radix = |prefix: &str, radix| {
        clean.strip_prefix(prefix).and_then(|rest| i64::from_str_radix(rest, radix).ok())
    };
    if let Some(value) = radix("0x", 16).or_else(|| radix("0b", 2)).or_else(|| radix("0o", 8)) {
        return Some(sign * value as f64);
    }
    if clean.len() > 1 && clean.starts_with('0') && clean.bytes().all(|byte| byte.is_ascii_digit()) {
        // A leading zero means octal where that reads, and decimal where it does not.
        if let Ok(value) = i64::from_str_radix(&clean, 8) {
            return Some(sign * value as f64);
        }
    }
    if !clean.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value: f64 = clean.parse().ok()?;
    // Rust rounds what is too large to infinity; Go refuses it.
    value.is_finite().then_some(sign * value)
}

/// A sample value: `1.5`, `NaN`, `+Inf` (Go: `FormatFloat` with `'f', -1`).
pub fn format_value(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

/// With an exponent where it is shorter (Go: `%g`).
pub fn format_g(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format_value(value);
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    } else {
        format!("{value}")
    }
}

/// How far a number or duration reaches, and whether it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Bytes that were looked at; an error shows them.
    pub length: usize,
    pub complete: bool,
}

/// A number at the start of `text` (Prometheus: `scanNumber`).
pub fn scan_number(text: &str) -> Scanned {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let stop = |length| Scanned { length, complete: false };
    let mut index = 0;
    let mut hexadecimal = false;
    if at(0) == b'0' {
        index = 1;
        if matches!(at(1), b'x' | b'X') {
            hexadecimal = true;
            index = if at(2) == b'_' { 3 } else { 2 };
        }
    }
    let digit = |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    if at(index) == b'.' {
        index += 1;
    }
    if digit(at(index)) {
        index += 1;
    }
    let (mut dot, mut exponent) = (false, false);
    loop {
        match at(index) {
            // In a hexadecimal number, too.
            b'e' | b'E' => {
                if exponent {
                    return stop(index + 1);
                }
                exponent = true;
                index += 1;
                if matches!(at(index), b'+' | b'-') {
                    index += 1;
                }
                if matches!(at(index), b'.' | b'_' | b'e' | b'E') {
                    return stop(index + 1);
                }
                if index >= bytes.len() {
                    return stop(index);
                }
            }
            b'.' => {
                index += 1;
                if dot {
                    return stop(index);
                }
                dot = true;
                if matches!(at(index), b'_' | b'.') {
                    return stop(index + 1);
                }
                if hexadecimal {
                    return stop(index);
                }
            }
            b'_' => {
                index += 1;
                if matches!(at(index), b'.' | b'_' | b'e' | b'E') {
                    return stop(index + 1);
                }
                if index >= bytes.len() {
                    return stop(index);
                }
            }
            byte if digit(byte) => {
                while digit(at(index)) {
                    index += 1;
                }
            }
            _ => break,
        }
    }
    let complete = index > 0 && !is_word(at(index));
    Scanned { length: index, complete }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A duration whose first number ends at `from` (Prometheus: `acceptRemainingDuration`).
pub fn scan_duration(text: &str, from: usize) -> Scanned {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let stop = |length| Scanned { length, complete: false };
    let mut index = from;
    if !b"smhdwy".contains(&at(index)) {
        return stop(index);
    }
    loop {
        index += 1;
        if at(index) == b's' {
            index += 1;
        }
        if !at(index).is_ascii_digit() {
            let complete = !is_word(at(index));
            let shown = if complete { index } else { index + 1 };
            return Scanned { length: shown, complete };
        }
        while at(index).is_ascii_digit() {
            index += 1;
        }
        if !b"smhdw".contains(&at(index)) {
            return stop(index);
        }
    }
}
