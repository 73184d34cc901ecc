//! Constants of the template language: numbers, characters and strings, read as Go reads its literals.
//!
//! Not an evaluator: signs belong to the literal, there is no arithmetic.
//!
//! **Invariant:** errors carry the words of Go's template parser.

use plimsoll_model::quote::quote;

use super::node::Number;

/// Reads a number (`12`, `0x1F`, `1_000`, `1.5e3`, `0x1p-2`, `2i`, `1+2i`).
pub(super) fn number(text: &str) -> Result<Number, String> {
    let illegal = || format!("illegal number syntax: {}", quote(text.as_bytes()));
    if let Some(imaginary) = text.strip_suffix('i') {
        let bytes = imaginary.as_bytes();
        let splits = |at: &usize| {
            matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[at - 1], b'e' | b'E' | b'p' | b'P')
        };
        let inner = (1..bytes.len()).rev().find(splits);
        let parts = match inner {
            Some(at) => (float(&imaginary[..at]), float(&imaginary[at..])),
            None => (Some(0.0), float(imaginary)),
        };
        return match parts {
            (Some(real), Some(imaginary)) => Ok(Number::Complex(real, imaginary)),
            _ => Err(illegal()),
        };
    }
    if let Some((negative, magnitude)) = integer(text) {
        let signed =
            if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
        match signed {
            Some(value) => return Ok(Number::Integer(value)),
            None if !text.starts_with(['+', '-']) => return Ok(Number::Overflow),
            None => {}
        }
    }
    match float(text) {
        Some(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => {
            Err(format!("integer overflow: {}", quote(text.as_bytes())))
        }
        Some(value) => Ok(Number::Float(value)),
        None => Err(illegal()),
    }
}

/// Whether each underscore stands between digits, the base prefix counting as one.
fn underscores_separate(digits: &str, prefixed: bool) -> bool {
    let mut before = if prefixed { b'0' } else { b' ' };
    for byte in digits.bytes() {
        if byte == b'_' && !before.is_ascii_hexdigit() || before == b'_' && !byte.is_ascii_hexdigit() {
            return false;
        }
        before = byte;
    }
    before != b'_'
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn integer(text: &str) -> Option<(bool, u64)> {
    let (negative, digits) = sign(text);
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits, prefixed) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..], true),
        Some("0b") => (2, &digits[2..], true),
        Some("0o") => (8, &digits[2..], true),
        Some(_) if digits.starts_with('0') => (8, &digits[1..], true),
        _ => (10, digits, false),
    };
    if !underscores_separate(digits, prefixed) || digits.starts_with(['+', '-']) {
        return None;
    }
    let digits = digits.replace('_', "");
    u64::from_str_radix(&digits, base).ok().map(|magnitude| (negative, magnitude))
}

fn float(text: &str) -> Option<f64> {
    let (negative, digits) = sign(text);
    let hexadecimal = digits.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    let digits = if hexadecimal { &digits[2..] } else { digits };
    if !underscores_separate(digits, hexadecimal) || !digits.bytes().any(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.replace('_', "");
    let magnitude = if hexadecimal { hexadecimal_float(&digits)? } else { decimal_float(&digits)? };
    magnitude.is_finite().then_some(if negative { -magnitude } else { magnitude })
}

fn decimal_float(digits: &str) -> Option<f64> {
    // Rust also reads words such as `inf`.
    if digits.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    if digits.starts_with(['+', '-']) { None } else { digits.parse().ok() }
}

fn hexadecimal_float(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let mut exponent: i64 = exponent.parse::<i32>().ok()?.into();
    let (mut value, mut sticky, mut point, mut any) = (0_u64, false, false, false);
    for byte in mantissa.bytes() {
        let Some(digit) = char::from(byte).to_digit(16) else {
            if byte != b'.' || point {
                return None;
            }
            point = true;
            continue;
        };
        any = true;
        if value >> 58 == 0 {
            value = value << 4 | u64::from(digit);
            exponent -= if point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if point { 0 } else { 4 };
        }
    }
    // The lowest bit lies below the precision of a float when digits were dropped.
    let value = (value | u64::from(sticky)) as f64;
    let exponent = exponent.clamp(-2200, 2200) as i32;
    let half = exponent / 2;
    any.then_some(value * f64::from(half).exp2() * f64::from(exponent - half).exp2())
}

/// Reads a character constant with its quotes; the result is its code point.
pub(super) fn character(text: &str) -> Result<Number, String> {
    let inner = text.get(1..).unwrap_or_default();
    let (value, rest) = unquote_one(inner, '\'').ok_or_else(|| "invalid syntax".to_owned())?;
    if rest != "'" {
        return Err(format!("malformed character constant: {text}"));
    }
    Ok(Number::Integer(match value {
        Unquoted::Character(character) => u32::from(character).into(),
        Unquoted::Byte(byte) => byte.into(),
    }))
}

/// Reads a string constant with its quotes.
pub(super) fn string(text: &str) -> Result<Box<[u8]>, String> {
    if let Some(raw) = text.strip_prefix('`') {
        let raw = raw.strip_suffix('`').unwrap_or(raw);
        return Ok(raw.replace('\r', "").into_bytes().into());
    }
    let mut rest = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let value;
        (value, rest) = unquote_one(rest, '"').ok_or_else(|| "invalid syntax".to_owned())?;
        match value {
            Unquoted::Character(character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Unquoted::Byte(byte) => out.push(byte),
        }
    }
    Ok(out.into())
}

enum Unquoted {
    Character(char),
    Byte(u8),
}

/// The first character of `text` with its escape resolved, and what follows it.
fn unquote_one(text: &str, mark: char) -> Option<(Unquoted, &str)> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if first == mark {
        return None;
    }
    if first != '\\' {
        return Some((Unquoted::Character(first), characters.as_str()));
    }
    let escape = characters.next()?;
    let rest = characters.as_str();
    let plain = |character| Some((Unquoted::Character(character), rest));
    let digits = |count: usize, radix| {
        let digits =
            rest.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        Some((u32::from_str_radix(digits, radix).ok()?, &rest[count..]))
    };
    match escape {
        'a' => plain('\x07'),
        'b' => plain('\x08'),
        'f' => plain('\x0c'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\x0b'),
        '\\' => plain('\\'),
        _ if escape == mark => plain(mark),
        'x' => {
            digits(2, 16).and_then(|(value, rest)| Some((Unquoted::Byte(u8::try_from(value).ok()?), rest)))
        }
        'u' => {
            digits(4, 16).and_then(|(value, rest)| Some((Unquoted::Character(char::from_u32(value)?), rest)))
        }
        'U' => {
            digits(8, 16).and_then(|(value, rest)| Some((Unquoted::Character(char::from_u32(value)?), rest)))
        }
        '0'..='7' => {
            let octal = &text[1..];
            let digits =
                octal.get(..3).filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')))?;
            let value = u8::from_str_radix(digits, 8).ok()?;
            Some((Unquoted::Byte(value), &octal[3..]))
        }
        _ => None,
    }
}
