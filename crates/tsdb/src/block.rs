//! One series' values over a run of rows, in as few bytes as stay exact.
//!
//! Metrics are decimal numbers written by people's programs: counts, sizes, seconds with a few digits. A float's bits
//! hide that; `m / 10^e` shows it. A block stores the integers `m`, their common step removed, bit-packed at one width, so that
//! decoding is a loop without branches. Values that are no short decimals go through an exclusive-or with their predecessor.
//! [The crate's page](crate) gives the bytes.
//!
//! **Invariant:** decoding gives back the bits that were encoded, and any bytes at all decode to values or to an error.

use thiserror::Error;

use crate::bits::{MAX_WIDTH, pack, packed_len, put_signed, take_signed, unpack, unpack_all};
use crate::value::{self, ABSENT, HISTOGRAM, STALE};

/// The most rows that one block may cover.
pub(crate) const MAX_ROWS: usize = 128;

const PLAIN: u8 = 0;
const DELTA: u8 = 1;
const DELTA_OF_DELTA: u8 = 2;
const CONSTANT: u8 = 3;
const XOR: u8 = 4;
const RAW_CONSTANT: u8 = 5;
const NO_NUMBERS: u8 = 6;
const GAPS: u8 = 0x08;

const HAS_SHIFT: u8 = 0x40;

/// Powers of ten that a float holds exactly, as far as the four bits of the exponent reach.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Scaled values stay below this magnitude, so that adding [`ROUND`] rounds them to an integer.
const LIMIT: f64 = (1i64 << 51) as f64;
const ROUND: f64 = (3i64 << 51) as f64;

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlockError {
    /// The block ends before its last value.
    #[error("a block of samples ends early")]
    Short,
    /// A header has a value that no writer writes.
    #[error("a block of samples has an unknown header")]
    Header,
}

/// Encodes blocks; holds the scratch space that they share.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    numbers: Vec<f64>,
    integers: Vec<i64>,
    xor: Vec<u8>,
}

impl Encoder {
    /// Appends the block of `values` (at most [`MAX_ROWS`]) to `out`. Nothing at all when every value is absent.
    pub(crate) fn encode(&mut self, values: &[f64], out: &mut Vec<u8>) {
        debug_assert!(values.len() <= MAX_ROWS);
        if values.iter().all(|value| value.is_nan() && value.to_bits() == ABSENT) {
            return;
        }
        self.numbers.clear();
        let gaps = values.iter().any(|value| value.is_nan() && code(*value) != 0);
        if gaps {
            self.numbers.extend(values.iter().copied().filter(|value| code(*value) == 0));
        } else {
            self.numbers.extend_from_slice(values);
        }
        let start = out.len();
        out.push(if gaps { GAPS } else { 0 });
        if gaps {
            pack(values.iter().map(|value| code(*value)), 2, out);
        }
        let tag = self.encode_numbers(out);
        out[start] |= tag;
    }

    /// Appends the numbers and returns what the first byte must say about them.
    fn encode_numbers(&mut self, out: &mut Vec<u8>) -> u8 {
        let Some(&first) = self.numbers.first() else { return NO_NUMBERS };
        let constant = self.numbers.iter().all(|value| value.to_bits() == first.to_bits());
        if constant {
            return match (0..POWERS.len()).find_map(|e| Some((e, exact(first, POWERS[e])?))) {
                Some((exponent, integer)) => {
                    put_signed(integer, out);
                    CONSTANT | (exponent as u8) << 4
                }
                None => {
                    out.extend_from_slice(&first.to_le_bytes());
                    RAW_CONSTANT
                }
            };
        }
        let Some(exponent) = self.scale_numbers() else {
            self.xor.clear();
            encode_xor(&self.numbers, &mut self.xor);
            out.extend_from_slice(&self.xor);
            return XOR;
        };
        let start = out.len();
        let tag = encode_integers(&mut self.integers, out);
        // Wide fields: the floats' own bits may be the shorter way.
        if out.len() - start > 3 * self.numbers.len() {
            self.xor.clear();
            encode_xor(&self.numbers, &mut self.xor);
            if self.xor.len() < out.len() - start {
                out.truncate(start);
                out.extend_from_slice(&self.xor);
                return XOR;
            }
        }
        tag | (exponent as u8) << 4
    }

    /// Fills `integers` with the numbers times the smallest power of ten that makes them all whole, exactly.
    fn scale_numbers(&mut self) -> Option<usize> {
        let mut exponent = 0;
        'exponents: loop {
            let power = *POWERS.get(exponent)?;
            self.integers.clear();
            for &number in &self.numbers {
                match exact(number, power) {
                    Some(integer) => self.integers.push(integer),
                    None => {
                        // The next exponent at which this one number is whole; others are tried again from there.
                        exponent =
                            (exponent + 1..POWERS.len()).find(|e| exact(number, POWERS[*e]).is_some())?;
                        continue 'exponents;
                    }
                }
            }
            return Some(exponent);
        }
    }
}

/// 0 for a number, else which of the three marks it is.
fn code(value: f64) -> u64 {
    match value.to_bits() {
        ABSENT => 1,
        STALE => 2,
        HISTOGRAM => 3,
        _ => 0,
    }
}

/// `value × power` when that is an integer from which the same division gives back the same bits.
#[inline]
fn exact(value: f64, power: f64) -> Option<i64> {
    let scaled = value * power;
    if scaled.abs() < LIMIT {
        let whole = (scaled + ROUND) - ROUND;
        if (whole / power).to_bits() == value.to_bits() {
            return Some(whole as i64);
        }
    }
    None
}

/// Appends integers as the shortest of: themselves, their differences, the differences of their differences; each less the
/// smallest one and shifted right by the zero bits that all of them end in.
fn encode_integers(integers: &mut [i64], out: &mut Vec<u8>) -> u8 {
    let ored = integers.iter().fold(0i64, |all, integer| all | integer);
    let shift = if ored == 0 { 0 } else { ored.trailing_zeros().min(62) };
    // A shift costs a byte; it must win at least that.
    let shift = if shift as usize * integers.len() > 16 { shift } else { 0 };
    if shift > 0 {
        integers.iter_mut().for_each(|integer| *integer >>= shift);
    }
    let count = integers.len();
    let (mut low, mut high) = (integers[0], integers[0]);
    let (mut delta_low, mut delta_high) = (i64::MAX, i64::MIN);
    let (mut second_low, mut second_high) = (i64::MAX, i64::MIN);
    let mut last_delta = None;
    for pair in integers.windows(2) {
        low = low.min(pair[1]);
        high = high.max(pair[1]);
        let delta = pair[1] - pair[0];
        delta_low = delta_low.min(delta);
        delta_high = delta_high.max(delta);
        if let Some(last) = last_delta {
            second_low = second_low.min(delta - last);
            second_high = second_high.max(delta - last);
        }
        last_delta = Some(delta);
    }
    let width = |low: i64, high: i64| if low > high { 0 } else { 64 - (high.abs_diff(low)).leading_zeros() };
    let widths = [width(low, high), width(delta_low, delta_high), width(second_low, second_high)];
    let sizes = [
        packed_len(count, widths[0]),
        packed_len(count - 1, widths[1]),
        if widths[2] > MAX_WIDTH || count < 3 { usize::MAX } else { 1 + packed_len(count - 2, widths[2]) },
    ];
    let mut tag = PLAIN;
    for other in [DELTA, DELTA_OF_DELTA] {
        if sizes[usize::from(other)] < sizes[usize::from(tag)] {
            tag = other;
        }
    }
    let width = widths[usize::from(tag)];
    out.push(width as u8 | if shift > 0 { HAS_SHIFT } else { 0 });
    if shift > 0 {
        out.push(shift as u8);
    }
    match tag {
        PLAIN => {
            put_signed(low, out);
            pack(integers.iter().map(|integer| integer.abs_diff(low)), width, out);
        }
        DELTA => {
            put_signed(integers[0], out);
            put_signed(delta_low, out);
            pack(integers.windows(2).map(|pair| (pair[1] - pair[0]).abs_diff(delta_low)), width, out);
        }
        _ => {
            put_signed(integers[0], out);
            put_signed(integers[1] - integers[0], out);
            put_signed(second_low, out);
            let second = |three: &[i64]| (three[2] - three[1]) - (three[1] - three[0]);
            pack(integers.windows(3).map(|three| second(three).abs_diff(second_low)), width, out);
        }
    }
    tag
}

/// Appends the first number's bits, then each number's difference in bits from its predecessor without the zero bytes at either end.
fn encode_xor(numbers: &[f64], out: &mut Vec<u8>) {
    let mut last = 0u64;
    for (index, number) in numbers.iter().enumerate() {
        let bits = number.to_bits();
        if index == 0 {
            out.extend_from_slice(&bits.to_le_bytes());
        } else {
            let difference = bits ^ last;
            let leading = difference.leading_zeros() / 8;
            let trailing = if difference == 0 { 0 } else { difference.trailing_zeros() / 8 };
            out.push((leading << 4 | trailing) as u8);
            let bytes = (difference >> (8 * trailing)).to_le_bytes();
            out.extend_from_slice(&bytes[..(8 - leading - trailing) as usize]);
        }
        last = bits;
    }
}

/// Reads the block that starts at `start` in `bytes` and covers as many rows as `out` is long.
///
/// `bytes` may go on behind the block (that makes reading faster); the block itself must end at or before `end`. An empty block means that
/// all values are absent. Says whether some rows have no number but a mark.
pub(crate) fn decode(bytes: &[u8], start: usize, end: usize, out: &mut [f64]) -> Result<bool, BlockError> {
    if start == end {
        out.fill(f64::from_bits(ABSENT));
        return Ok(true);
    }
    let bound = bytes.get(..end).ok_or(BlockError::Short)?;
    let tag = *bound.get(start).ok_or(BlockError::Short)?;
    let mut at = start + 1;
    if tag & GAPS == 0 {
        decode_numbers(bytes, bound, tag, at, out)?;
        return Ok(false);
    }
    let codes_at = at;
    at += packed_len(out.len(), 2);
    let codes = bound.get(codes_at..at).ok_or(BlockError::Short)?;
    let mut numbers = [0.0; MAX_ROWS];
    let count = (0..out.len()).filter(|index| unpack(codes, *index, 2) == 0).count();
    let numbers = numbers.get_mut(..count).ok_or(BlockError::Header)?;
    decode_numbers(bytes, bound, tag, at, numbers)?;
    let mut next = numbers.iter();
    for (index, value) in out.iter_mut().enumerate() {
        *value = match unpack(codes, index, 2) {
            0 => next.next().copied().unwrap_or(f64::from_bits(ABSENT)),
            1 => f64::from_bits(ABSENT),
            2 => f64::from_bits(STALE),
            _ => f64::from_bits(HISTOGRAM),
        };
    }
    Ok(true)
}

fn decode_numbers(
    bytes: &[u8],
    bound: &[u8],
    tag: u8,
    mut at: usize,
    out: &mut [f64],
) -> Result<(), BlockError> {
    let power = POWERS[usize::from(tag >> 4)];
    let kind = tag & 0x07;
    match kind {
        PLAIN | DELTA | DELTA_OF_DELTA => {
            let head = *bound.get(at).ok_or(BlockError::Short)?;
            at += 1;
            let width = u32::from(head & 0x3f);
            if width > MAX_WIDTH || head & 0x80 != 0 {
                return Err(BlockError::Header);
            }
            let shift = if head & HAS_SHIFT != 0 {
                at += 1;
                u32::from(*bound.get(at - 1).ok_or(BlockError::Short)?)
            } else {
                0
            };
            if shift > 62 {
                return Err(BlockError::Header);
            }
            let signed = |at: &mut usize| take_signed(bound, at).ok_or(BlockError::Short);
            let mut current = signed(&mut at)?;
            let mut delta = if kind == PLAIN { 0 } else { signed(&mut at)? };
            let step = if kind == DELTA_OF_DELTA { signed(&mut at)? } else { 0 };
            let skipped = usize::from(kind);
            let packed = packed_len(out.len().saturating_sub(skipped), width);
            if bound.len() < at + packed {
                return Err(BlockError::Short);
            }
            let packed = &bytes[at..];
            let number = move |integer: i64| integer.wrapping_shl(shift) as f64;
            if kind == PLAIN {
                unpack_all(packed, width, out, move |field| number(current.wrapping_add(field as i64)));
            } else {
                let (first, rest) = out.split_at_mut(skipped.min(out.len()));
                for (index, value) in first.iter_mut().enumerate() {
                    if index > 0 {
                        current = current.wrapping_add(delta);
                    }
                    *value = number(current);
                }
                if kind == DELTA {
                    unpack_all(packed, width, rest, move |field| {
                        current = current.wrapping_add(delta.wrapping_add(field as i64));
                        number(current)
                    });
                } else {
                    unpack_all(packed, width, rest, move |field| {
                        delta = delta.wrapping_add(step.wrapping_add(field as i64));
                        current = current.wrapping_add(delta);
                        number(current)
                    });
                }
            }
            if power != 1.0 {
                out.iter_mut().for_each(|value| *value /= power);
            }
        }
        CONSTANT => {
            let integer = take_signed(bound, &mut at).ok_or(BlockError::Short)?;
            out.fill(integer as f64 / power);
        }
        RAW_CONSTANT => {
            let raw = bound.get(at..at + 8).ok_or(BlockError::Short)?;
            out.fill(number(u64::from_le_bytes(raw.try_into().unwrap_or([0; 8]))));
        }
        XOR => {
            let raw = bound.get(at..at + 8).ok_or(BlockError::Short)?;
            at += 8;
            let mut bits = u64::from_le_bytes(raw.try_into().unwrap_or([0; 8]));
            for (index, value) in out.iter_mut().enumerate() {
                if index > 0 {
                    let control = *bound.get(at).ok_or(BlockError::Short)?;
                    let (leading, trailing) = (usize::from(control >> 4), usize::from(control & 0x0f));
                    let length = 8usize.checked_sub(leading + trailing).ok_or(BlockError::Header)?;
                    let part = bound.get(at + 1..at + 1 + length).ok_or(BlockError::Short)?;
                    at += 1 + length;
                    let mut eight = [0u8; 8];
                    eight[trailing..trailing + length].copy_from_slice(part);
                    bits ^= u64::from_le_bytes(eight);
                }
                *value = number(bits);
            }
        }
        NO_NUMBERS if out.is_empty() => {}
        _ => return Err(BlockError::Header),
    }
    Ok(())
}

/// A number from bits that may have been tampered with: a mark in its place would speak of samples that are not there.
fn number(bits: u64) -> f64 {
    value::number(f64::from_bits(bits))
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
