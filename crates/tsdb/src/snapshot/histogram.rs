//! Native histograms as bytes.
//!
//! They are rare and large; their numbers are written as they are.
//!
//! **Invariant:** what is read has one count per bucket that its spans name.

use plimsoll_model::histogram::{CUSTOM_BUCKETS, Histogram, MAX_SCHEMA, MIN_SCHEMA, ResetHint, Span};

use super::read::{Bytes, Fault};
use crate::bits::{put_signed, put_varint};

/// Appends a histogram.
pub(super) fn put(histogram: &Histogram, out: &mut Vec<u8>) {
    out.push(match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    });
    put_signed(histogram.schema.into(), out);
    for number in [histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for (spans, counts) in
        [(&histogram.positive_spans, &histogram.positive), (&histogram.negative_spans, &histogram.negative)]
    {
        put_varint(spans.len() as u64, out);
        for span in spans {
            put_signed(span.offset.into(), out);
            put_varint(span.length.into(), out);
        }
        put_numbers(counts, out);
    }
    put_numbers(&histogram.custom_bounds, out);
}

fn put_numbers(numbers: &[f64], out: &mut Vec<u8>) {
    put_varint(numbers.len() as u64, out);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

/// Reads a histogram.
pub(super) fn take(bytes: &mut Bytes<'_>) -> Result<Histogram, Fault> {
    let reset_hint = match bytes.byte()? {
        0 => ResetHint::Unknown,
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => return Err("a histogram has an unknown reset hint"),
    };
    let schema = i32::try_from(bytes.signed()?).map_err(|_| "a histogram has an unknown schema")?;
    if schema != CUSTOM_BUCKETS && !(MIN_SCHEMA..=MAX_SCHEMA).contains(&schema) {
        return Err("a histogram has an unknown schema");
    }
    let (zero_threshold, zero_count) = (bytes.number()?, bytes.number()?);
    let (count, sum) = (bytes.number()?, bytes.number()?);
    let (positive_spans, positive) = take_buckets(bytes)?;
    let (negative_spans, negative) = take_buckets(bytes)?;
    let custom_bounds = take_numbers(bytes)?.into();
    Ok(Histogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive_spans,
        negative_spans,
        positive,
        negative,
        custom_bounds,
    })
}

fn take_buckets(bytes: &mut Bytes<'_>) -> Result<(Vec<Span>, Vec<f64>), Fault> {
    let count = bytes.count(2)?;
    let mut spans = Vec::with_capacity(count);
    let mut named = 0u64;
    for _ in 0..count {
        let offset = i32::try_from(bytes.signed()?).map_err(|_| "a span of buckets has no valid offset")?;
        let length = u32::try_from(bytes.varint()?).map_err(|_| "a span of buckets is too long")?;
        named += u64::from(length);
        spans.push(Span { offset, length });
    }
    let counts = take_numbers(bytes)?;
    if named == counts.len() as u64 {
        Ok((spans, counts))
    } else {
        Err("a histogram has buckets without counts")
    }
}

fn take_numbers(bytes: &mut Bytes<'_>) -> Result<Vec<f64>, Fault> {
    let count = bytes.count(8)?;
    (0..count).map(|_| bytes.number()).collect()
}
