//! Durations as Go writes them (`10m0s`) and as Prometheus writes them (`5m30s`, `1w`).
//!
//! Go: `time.ParseDuration` and `Duration.String`. Prometheus: `ParseDuration` and `Duration.String` of
//! `github.com/prometheus/common/model` 0.46. Grammar, limits and error texts follow them.
//!
//! **Invariant:** reading what was printed gives the same duration (for Prometheus, to the millisecond).

use std::fmt;
use std::time::Duration;

/// Why a text is no Go duration. `Display` gives Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoDurationError {
    /// No number where one must be, or more than 292 years.
    #[error("time: invalid duration {}", Quoted(.text))]
    Invalid { text: String },
    /// A number at the end, such as `5`.
    #[error("time: missing unit in duration {}", Quoted(.text))]
    MissingUnit { text: String },
    /// Letters that are no unit.
    #[error("time: unknown unit {} in duration {}", Quoted(.unit), Quoted(.text))]
    UnknownUnit { unit: String, text: String },
}

/// Why a text is no Prometheus duration. `Display` gives the words of `prometheus/common`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrometheusDurationError {
    /// Nothing at all.
    #[error("empty duration string")]
    Empty,
    /// A sign, a fraction, a number without unit, or units out of order.
    #[error("not a valid duration string: {}", Quoted(.text))]
    Invalid { text: String },
    /// Letters that are no unit.
    #[error("unknown unit {} in duration {}", Quoted(.unit), Quoted(.text))]
    UnknownUnit { unit: String, text: String },
    /// More than 292 years.
    #[error("duration out of range")]
    OutOfRange,
}

/// Units of Go in nanoseconds. Both spellings of micro are `µ` (U+00B5) and `μ` (U+03BC).
const GO_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Units of Prometheus in milliseconds, in the only order in which they may follow each other.
const PROMETHEUS_UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// One more than the largest number of nanoseconds that Go's `Duration` holds.
const LIMIT: u64 = 1 << 63;

/// Reads a Go duration such as `1h2m3.5s`, `-1.5h` or `300ms`; returns nanoseconds.
///
/// `0` needs no unit. Fractions finer than a nanosecond are cut off.
pub fn parse_go(text: &str) -> Result<i64, GoDurationError> {
    let invalid = || GoDurationError::Invalid { text: text.to_owned() };
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_length =
            after.find(|next: char| next == '.' || next.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let amount = leading_number(whole).ok_or_else(invalid)?;
        if unit.is_empty() {
            return Err(GoDurationError::MissingUnit { text: text.to_owned() });
        }
        let Some((_, size)) = GO_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(GoDurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
        };
        let mut part = amount.checked_mul(*size).filter(|part| *part <= LIMIT).ok_or_else(invalid)?;
        part += fraction_of(fraction, *size);
        total = total.checked_add(part).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        // -2^63 is representable, 2^63 is not.
        return Ok(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Prints nanoseconds as Go does: `1h2m3.5s`, `10m0s`, `1.5ms`, `0s`.
pub fn format_go(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let amount = nanoseconds.unsigned_abs();
    if amount == 0 {
        return "0s".to_owned();
    }
    if amount < 1_000_000_000 {
        let (unit, size) = match amount {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("\u{b5}s", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(amount, size));
    }
    let seconds = amount % 60_000_000_000;
    let minutes = amount / 60_000_000_000;
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let mut text = sign.to_owned();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    text.push_str(&decimal(seconds, 1_000_000_000));
    text.push('s');
    text
}

/// Reads a Prometheus duration such as `5m`, `1h30m` or `1w`. `0` needs no unit.
pub fn parse_prometheus(text: &str) -> Result<Duration, PrometheusDurationError> {
    let invalid = || PrometheusDurationError::Invalid { text: text.to_owned() };
    match text {
        "0" => return Ok(Duration::ZERO),
        "" => return Err(PrometheusDurationError::Empty),
        _ => {}
    }
    let mut rest = text;
    let mut units = PROMETHEUS_UNITS.as_slice();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (digits, after) = split_digits(rest);
        let amount: u64 = digits.parse().map_err(|_| invalid())?;
        let unit_length = after.find(|next: char| next.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(known) = PROMETHEUS_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(PrometheusDurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            });
        };
        let index = units.iter().position(|(name, _)| *name == unit).ok_or_else(invalid)?;
        units = &units[index + 1..];
        let part = amount.checked_mul(known.1 * 1_000_000).filter(|part| *part <= LIMIT);
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total < LIMIT)
            .ok_or(PrometheusDurationError::OutOfRange)?;
        rest = after;
    }
    Ok(Duration::from_nanos(total))
}

/// Prints a duration as Prometheus does, to the millisecond: `5m30s`, `1w`, `90d`, `0s`.
///
/// Years and weeks are used only when nothing remains.
pub fn format_prometheus(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in PROMETHEUS_UNITS {
        let size = u128::from(size);
        let whole_only = matches!(unit, "y" | "w");
        if rest < size || (whole_only && !rest.is_multiple_of(size)) {
            continue;
        }
        text.push_str(&format!("{}{unit}", rest / size));
        rest %= size;
    }
    text
}

/// The longest run of digits at the start, and what follows.
fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len()))
}

/// `None` above 2^63, like Go's `leadingInt`.
fn leading_number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().filter(|number| *number <= LIMIT)
}

/// `0.digits` of `size`, with the precision and rounding of Go's `leadingFraction`.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fraction_of(digits: &str, size: u64) -> u64 {
    let (mut number, mut scale): (u64, f64) = (0, 1.0);
    for digit in digits.bytes().map(|byte| u64::from(byte - b'0')) {
        let Some(next) = number.checked_mul(10).and_then(|shifted| shifted.checked_add(digit)) else { break };
        if number > (LIMIT - 1) / 10 || next > LIMIT {
            break;
        }
        (number, scale) = (next, scale * 10.0);
    }
    (number as f64 * (size as f64 / scale)) as u64
}

/// `amount / size` as a decimal number without trailing zeros.
fn decimal(amount: u64, size: u64) -> String {
    let (whole, rest) = (amount / size, amount % size);
    if rest == 0 {
        return whole.to_string();
    }
    let width = size.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// A text in double quotes, with control characters escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn go_durations_read_as_in_go() {
        let table = [
            ("0", 0),
            ("-0", 0),
            ("+0", 0),
            ("0s", 0),
            ("5s", 5 * SECOND),
            ("+5s", 5 * SECOND),
            ("-5s", -5 * SECOND),
            ("1478s", 1478 * SECOND),
            ("5.0s", 5 * SECOND),
            ("5.6s", 5_600_000_000),
            ("5.s", 5 * SECOND),
            (".5s", SECOND / 2),
            ("-.5s", -SECOND / 2),
            ("1.004s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("10ns", 10),
            ("11us", 11_000),
            ("12\u{b5}s", 12_000),
            ("12\u{3bc}s", 12_000),
            ("13ms", 13_000_000),
            ("15m", 900 * SECOND),
            ("3h30m", 12_600 * SECOND),
            ("10.5s4m", 250_500_000_000),
            ("-2m3.4s", -123_400_000_000),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("9007199254.740993ms", 9_007_199_254_740_993),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("9223372036s775ms807us", 9_223_372_036_775_807_000),
            ("0.3333333333333333333h", 1_200 * SECOND),
            ("0.100000000000000000000h", 360 * SECOND),
            ("0.9223372036854775807h", 3_320_413_933_267),
        ];
        for (text, expected) in table {
            assert_eq!(parse_go(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        let table = [
            ("", "time: invalid duration \"\""),
            ("3", "time: missing unit in duration \"3\""),
            ("-", "time: invalid duration \"-\""),
            ("s", "time: invalid duration \"s\""),
            (".", "time: invalid duration \".\""),
            ("-.", "time: invalid duration \"-.\""),
            (".s", "time: invalid duration \".s\""),
            ("+.s", "time: invalid duration \"+.s\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("1m 2s", "time: unknown unit \"m \" in duration \"1m 2s\""),
            ("5M", "time: unknown unit \"M\" in duration \"5M\""),
            ("3000000h", "time: invalid duration \"3000000h\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("99999999999999999999s", "time: invalid duration \"99999999999999999999s\""),
            ("-9223372036854775809ns", "time: invalid duration \"-9223372036854775809ns\""),
        ];
        for (text, expected) in table {
            assert_eq!(parse_go(text).map_err(|error| error.to_string()), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn go_durations_print_as_in_go() {
        let table = [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245 * SECOND, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (600 * SECOND, "10m0s"),
            (3_600 * SECOND, "1h0m0s"),
            (-SECOND, "-1s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ];
        for (nanoseconds, expected) in table {
            assert_eq!(format_go(nanoseconds), expected);
        }
    }

    #[test]
    fn prometheus_durations_read_and_print() {
        let table = [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("324ms", 324, "324ms"),
            ("1500ms", 1_500, "1s500ms"),
            ("3s", 3_000, "3s"),
            ("90s", 90_000, "1m30s"),
            ("5m30s", 330_000, "5m30s"),
            ("5m", 300_000, "5m"),
            ("60m", 3_600_000, "1h"),
            ("1h", 3_600_000, "1h"),
            ("1d", 86_400_000, "1d"),
            ("4d1h", 349_200_000, "4d1h"),
            ("14d", 1_209_600_000, "2w"),
            ("3w2d1h", 1_990_800_000, "23d1h"),
            ("2w", 1_209_600_000, "2w"),
            ("8w2d", 5_011_200_000, "58d"),
            ("10y", 315_360_000_000, "10y"),
            ("1y2w", 32_745_600_000, "379d"),
        ];
        for (text, milliseconds, printed) in table {
            let duration = parse_prometheus(text);
            assert_eq!(duration, Ok(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(format_prometheus(Duration::from_millis(milliseconds)), printed, "{text}");
        }
    }

    #[test]
    fn what_prometheus_refuses_is_refused_in_its_words() {
        let table = [
            ("", "empty duration string"),
            ("5", "not a valid duration string: \"5\""),
            ("-5m", "not a valid duration string: \"-5m\""),
            ("1.5h", "unknown unit \".\" in duration \"1.5h\""),
            ("5m5h", "not a valid duration string: \"5m5h\""),
            ("5m5m", "not a valid duration string: \"5m5m\""),
            ("m5", "not a valid duration string: \"m5\""),
            ("5M", "unknown unit \"M\" in duration \"5M\""),
            ("5 m", "unknown unit \" m\" in duration \"5 m\""),
            ("300y", "duration out of range"),
            ("99999999999999999999s", "not a valid duration string: \"99999999999999999999s\""),
            ("292y200d", "duration out of range"),
        ];
        for (text, expected) in table {
            let message = parse_prometheus(text).map_err(|error| error.to_string());
            assert_eq!(message, Err(expected.to_owned()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn go_durations_survive_printing_and_reading(nanoseconds: i64) {
            proptest::prop_assert_eq!(parse_go(&format_go(nanoseconds)), Ok(nanoseconds));
        }

        #[test]
        fn prometheus_durations_survive_printing_and_reading(milliseconds in 0_u64..9_223_372_036_854) {
            let duration = Duration::from_millis(milliseconds);
            proptest::prop_assert_eq!(parse_prometheus(&format_prometheus(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_reading_panic(text in "[-+]?[0-9.]{0,22}[a-zµ]{0,2}[0-9.]{0,5}\\PC{0,3}") {
            let _ = parse_go(&text);
            let _ = parse_prometheus(&text);
        }
    }
}
