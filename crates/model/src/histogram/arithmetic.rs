//! Histograms added, subtracted and scaled.
//!
//! Matches Prometheus' `FloatHistogram.Add`, `Sub`, `Mul`, `Div`, except that buckets without observations are
//! dropped at once.
//!
//! **Invariant:** two histograms are brought to the coarser schema, the wider zero bucket and the common custom bounds
//! before they are combined.

use std::sync::Arc;

use super::buckets::{bound, spans_of};
use super::sum::compensated_add;
use super::{CUSTOM_BUCKETS, Histogram, ResetHint};

/// One histogram has computed bounds and the other listed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
pub struct Incompatible;

/// What has to be said about a sum or difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One side knows of a reset and the other knows of none.
    pub reset_collision: bool,
    /// Custom bounds differed, and only the common ones were kept.
    pub bounds_reconciled: bool,
}

/// The hint of a sum, and whether the two contradict each other.
pub(super) fn combined_hint(one: ResetHint, other: ResetHint) -> (ResetHint, bool) {
    match (one, other) {
        (one, other) if one == other => (one, false),
        (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
        (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
        _ => (ResetHint::Unknown, true),
    }
}

/// The index of the bucket of a coarser schema that holds a bucket.
pub(super) fn reduce(index: i32, from: i32, to: i32) -> i32 {
    (index.wrapping_sub(1) >> (from - to).clamp(0, 31)) + 1
}

/// Bounds that both have.
pub(super) fn common_bounds(one: &[f64], other: &[f64]) -> Arc<[f64]> {
    one.iter().copied().filter(|bound| other.contains(bound)).collect()
}

/// Buckets of some bounds as buckets of a subset of these bounds.
pub(super) fn map_to_bounds<'a>(
    entries: impl Iterator<Item = (i32, f64)> + 'a,
    from: &'a [f64],
    to: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + 'a {
    entries.map(move |(index, count)| {
        let upper = bound(index, CUSTOM_BUCKETS, from);
        (to.partition_point(|bound| *bound < upper) as i32, count)
    })
}

impl Histogram {
    /// Observations in a zero bucket widened to `threshold`, what was lost to rounding when they were added up, and the
    /// threshold that this really takes: a populated bucket is never split.
    pub(super) fn zero_count_within(&self, threshold: f64) -> (f64, f64, f64) {
        let mut threshold = threshold;
        if threshold <= self.zero_threshold {
            return (self.zero_count, 0.0, self.zero_threshold.max(threshold));
        }
        let mut compensation = 0.0;
        // Widening for the negative buckets can reach further positive ones.
        'again: loop {
            let mut count = self.zero_count;
            let positive = self.positive_entries().map(|entry| (entry, false));
            let negative = self.negative_entries().map(|entry| (entry, true));
            for ((index, bucket), is_negative) in positive.chain(negative) {
                if bound(index.saturating_sub(1), self.schema, &[]) >= threshold {
                    continue;
                }
                (count, compensation) = compensated_add(bucket, count, compensation);
                let upper = bound(index, self.schema, &[]);
                if upper > threshold && bucket != 0.0 {
                    threshold = upper;
                    if is_negative {
                        continue 'again;
                    }
                }
            }
            return (count, compensation, threshold);
        }
    }

    fn widen_zero(&mut self, threshold: f64) {
        let (count, _, threshold) = self.zero_count_within(threshold);
        self.zero_count = count;
        self.zero_threshold = threshold;
        let schema = self.schema;
        let outside = |(index, _): &(i32, f64)| bound(index.saturating_sub(1), schema, &[]) >= threshold;
        let positive: Vec<_> = self.positive_entries().filter(outside).collect();
        let negative: Vec<_> = self.negative_entries().filter(outside).collect();
        (self.positive_spans, self.positive) = spans_of(positive.into_iter());
        (self.negative_spans, self.negative) = spans_of(negative.into_iter());
    }

    /// Adds another histogram.
    pub fn add(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, 1.0)
    }

    /// Subtracts another histogram.
    pub fn subtract(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<Combined, Incompatible> {
        if self.has_custom_bounds() != other.has_custom_bounds() {
            return Err(Incompatible);
        }
        let mut combined = Combined::default();
        (self.reset_hint, combined.reset_collision) = combined_hint(self.reset_hint, other.reset_hint);
        self.count += sign * other.count;
        self.sum += sign * other.sum;
        if self.has_custom_bounds() {
            if self.custom_bounds == other.custom_bounds {
                let merged = merge(self.positive_entries(), other.positive_entries(), sign);
                (self.positive_spans, self.positive) = spans_of(merged.into_iter());
            } else {
                combined.bounds_reconciled = true;
                let bounds = common_bounds(&self.custom_bounds, &other.custom_bounds);
                let mine = map_to_bounds(self.positive_entries(), &self.custom_bounds, &bounds);
                let theirs = map_to_bounds(other.positive_entries(), &other.custom_bounds, &bounds);
                let merged = merge(mine, theirs, sign);
                (self.positive_spans, self.positive) = spans_of(merged.into_iter());
                self.custom_bounds = bounds;
            }
            return Ok(combined);
        }
        let mut other_zero = other.zero_count;
        let mut threshold = other.zero_threshold;
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (other_zero, _, threshold) = other.zero_count_within(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                self.widen_zero(threshold);
            }
        }
        self.zero_count += sign * other_zero;
        let schema = self.schema.min(other.schema);
        let zero_threshold = self.zero_threshold;
        let outside = move |(index, _): &(i32, f64)| bound(*index, schema, &[]) > zero_threshold;
        // Each is reduced on its own first: the order of additions shows in the last digit.
        let positive = merge(
            reduced(self.positive_entries(), self.schema, schema).into_iter(),
            reduced(other.positive_entries(), other.schema, schema).into_iter().filter(outside),
            sign,
        );
        let negative = merge(
            reduced(self.negative_entries(), self.schema, schema).into_iter(),
            reduced(other.negative_entries(), other.schema, schema).into_iter().filter(outside),
            sign,
        );
        (self.positive_spans, self.positive) = spans_of(positive.into_iter());
        (self.negative_spans, self.negative) = spans_of(negative.into_iter());
        self.schema = schema;
        Ok(combined)
    }

    /// The same with a coarser schema.
    #[must_use]
    pub fn with_schema(&self, schema: i32) -> Self {
        let mut copy = self.clone();
        if schema >= self.schema || self.has_custom_bounds() || schema == CUSTOM_BUCKETS {
            return copy;
        }
        let positive = reduced(self.positive_entries(), self.schema, schema);
        let negative = reduced(self.negative_entries(), self.schema, schema);
        (copy.positive_spans, copy.positive) = spans_of(positive.into_iter());
        (copy.negative_spans, copy.negative) = spans_of(negative.into_iter());
        copy.schema = schema;
        copy.reset_hint = ResetHint::Unknown;
        copy
    }

    fn counts_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        [&mut self.zero_count, &mut self.count, &mut self.sum]
            .into_iter()
            .chain(self.positive.iter_mut())
            .chain(self.negative.iter_mut())
    }

    /// Multiplies all counts and the sum. A negative factor makes it a gauge.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        self.counts_mut().for_each(|count| *count *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        self
    }

    /// Divides all counts and the sum. Division by zero leaves no bucket; a negative divisor makes it a gauge.
    #[must_use]
    pub fn divided(mut self, divisor: f64) -> Self {
        if divisor == 0.0 {
            self.positive = Vec::new();
            self.negative = Vec::new();
            self.positive_spans = Vec::new();
            self.negative_spans = Vec::new();
        }
        self.counts_mut().for_each(|count| *count /= divisor);
        if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        self
    }
}

/// Buckets of one schema as buckets of a coarser one.
pub(super) fn reduced(entries: impl Iterator<Item = (i32, f64)>, from: i32, to: i32) -> Vec<(i32, f64)> {
    merge(entries.map(|(index, count)| (reduce(index, from, to), count)), std::iter::empty(), 1.0)
}

/// Two lists of indices and counts as one; each on its own may name an index several times in a row.
fn merge(
    one: impl Iterator<Item = (i32, f64)>,
    other: impl Iterator<Item = (i32, f64)>,
    sign: f64,
) -> Vec<(i32, f64)> {
    let mut merged: Vec<(i32, f64)> = Vec::new();
    let (mut one, mut other) = (one.peekable(), other.map(|(i, c)| (i, sign * c)).peekable());
    loop {
        let next = match (one.peek(), other.peek()) {
            (Some(a), Some(b)) if a.0 <= b.0 => one.next(),
            (_, Some(_)) => other.next(),
            (Some(_), None) => one.next(),
            (None, None) => break,
        };
        let Some((index, count)) = next else { break };
        match merged.last_mut() {
            Some(last) if last.0 == index => last.1 += count,
            _ => merged.push((index, count)),
        }
    }
    merged.retain(|(_, count)| *count != 0.0);
    merged
}
