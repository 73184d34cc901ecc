//! Bounds and buckets: which observations a bucket counts, and in which order buckets are walked.
//!
//! **Invariant:** a bucket that the spans name twice, or that lies outside of custom bounds, is tolerated: what is read
//! from outside never panics.

use std::sync::LazyLock;

use super::{CUSTOM_BUCKETS, Histogram, MAX_SCHEMA, MIN_SCHEMA, Span};

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower bound; may be negative infinity.
    pub lower: f64,
    /// Upper bound; may be infinity.
    pub upper: f64,
    /// Whether the lower bound belongs to it.
    pub lower_inclusive: bool,
    /// Whether the upper bound belongs to it.
    pub upper_inclusive: bool,
    /// Observations in it.
    pub count: f64,
    /// Index within the schema; 0 for the one around zero.
    pub index: i32,
}

/// The upper bound of the positive bucket with that index (Prometheus: `getBound`).
pub fn bound(index: i32, schema: i32, custom: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(index) => custom.get(index).copied().unwrap_or(f64::INFINITY),
        };
    }
    let schema = schema.clamp(MIN_SCHEMA, MAX_SCHEMA);
    if schema < 0 {
        let exponent = i64::from(index) << -schema;
        // The last bucket of finite numbers ends at the largest of them; the one behind it holds the infinities.
        return if exponent == 1024 { f64::MAX } else { power_of_two(exponent) };
    }
    let fraction = index & ((1 << schema) - 1);
    let exponent = i64::from(index >> schema) + 1;
    if fraction == 0 && exponent == 1025 {
        return f64::MAX;
    }
    let fraction = (fraction as usize) << (MAX_SCHEMA - schema);
    scale(FRACTIONS[fraction % FRACTIONS.len()], exponent)
}

/// The bounds from 0.5 to 1 of the finest schema; those of the coarser ones are among them.
static FRACTIONS: LazyLock<[f64; 1 << MAX_SCHEMA]> = LazyLock::new(|| {
    let mut roots = [2f64; MAX_SCHEMA as usize];
    let mut root = 2f64;
    for each in roots.iter_mut().rev() {
        root = root.sqrt();
        *each = root;
    }
    std::array::from_fn(|index| {
        let bits = (0..roots.len()).rev().filter(|bit| index >> bit & 1 == 1);
        let product: f64 = bits.fold(0.5, |product, bit| product * roots[bit]);
        // Prometheus reads its bounds from a table that lies this much below, in units of the last place. People
        // compare quantiles, and the texts of `count_values`, to the last digit.
        let below = BELOW.iter().find(|(end, _)| index < *end).map_or(0, |(_, below)| *below);
        f64::from_bits(product.to_bits() - below)
    })
});

/// Up to which index, and how far.
const BELOW: [(usize, u64); 7] = [(128, 0), (174, 1), (176, 2), (192, 1), (216, 2), (224, 3), (256, 2)];

fn power_of_two(exponent: i64) -> f64 {
    scale(1.0, exponent)
}

fn scale(mantissa: f64, exponent: i64) -> f64 {
    let exponent = exponent.clamp(-2200, 2200) as i32;
    // In two steps, so that a result near the ends of the range is rounded once.
    let half = exponent / 2;
    mantissa * 2f64.powi(half) * 2f64.powi(exponent - half)
}

/// The indices and counts that spans and buckets stand for.
pub(super) fn entries<'a>(
    spans: &'a [Span],
    counts: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + Clone + use<'a> {
    let mut next = 0i32;
    spans
        .iter()
        .flat_map(move |span| {
            let start = next.saturating_add(span.offset);
            next = start.saturating_add_unsigned(span.length);
            start..next
        })
        .zip(counts.iter().copied())
}

/// Spans and buckets for sorted indices and counts.
pub(super) fn spans_of(entries: impl Iterator<Item = (i32, f64)>) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut counts): (Vec<Span>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut next = 0i32;
    for (index, count) in entries {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            Some(_) => spans.push(Span { offset: index.saturating_sub(next), length: 1 }),
            None => spans.push(Span { offset: index, length: 1 }),
        }
        counts.push(count);
        next = index.saturating_add(1);
    }
    (spans, counts)
}

impl Histogram {
    /// Indices and counts of the positive buckets, ascending.
    pub fn positive_entries(&self) -> impl Iterator<Item = (i32, f64)> + Clone + '_ {
        entries(&self.positive_spans, &self.positive)
    }

    /// Indices and counts of the negative buckets, ascending by index, so descending by bound.
    pub fn negative_entries(&self) -> impl Iterator<Item = (i32, f64)> + Clone + '_ {
        entries(&self.negative_spans, &self.negative)
    }

    pub(super) fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let upper = bound(index, self.schema, &self.custom_bounds);
        let lower = bound(index.saturating_sub(1), self.schema, &self.custom_bounds);
        let custom = self.has_custom_bounds();
        Bucket {
            lower,
            upper,
            lower_inclusive: if custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: custom || upper > 0.0,
            count,
            index,
        }
    }

    pub(super) fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let lower = -bound(index, self.schema, &[]);
        let upper = -bound(index.saturating_sub(1), self.schema, &[]);
        Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count, index }
    }

    /// The positive buckets, ascending.
    pub fn positive_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.positive_entries().map(|(index, count)| self.positive_bucket(index, count))
    }

    /// The negative buckets from the one next to zero downwards.
    pub fn negative_buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.negative_entries().map(|(index, count)| self.negative_bucket(index, count))
    }

    /// The bucket around zero.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// All buckets from the lowest to the highest, those that reach into the bucket around zero cut off at it.
    pub fn all_buckets(&self) -> Vec<Bucket> {
        let mut all: Vec<Bucket> = self.negative_buckets().collect();
        all.reverse();
        if self.zero_count > 0.0 && !self.has_custom_bounds() {
            all.push(self.zero_bucket());
        }
        let zero_at = all.len();
        all.extend(self.positive_buckets());
        for (at, bucket) in all.iter_mut().enumerate() {
            if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
                bucket.upper = -self.zero_threshold;
            } else if at >= zero_at && bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
                bucket.lower = self.zero_threshold;
            }
        }
        all
    }

    /// Drops buckets without observations.
    pub fn compact(&mut self) {
        let needs = |counts: &[f64], spans: &[Span]| {
            counts.contains(&0.0) || spans.iter().any(|span| span.length == 0) || {
                spans.iter().skip(1).any(|span| span.offset == 0)
            }
        };
        if needs(&self.positive, &self.positive_spans) {
            let kept: Vec<_> = self.positive_entries().filter(|(_, count)| *count != 0.0).collect();
            (self.positive_spans, self.positive) = spans_of(kept.into_iter());
        }
        if needs(&self.negative, &self.negative_spans) {
            let kept: Vec<_> = self.negative_entries().filter(|(_, count)| *count != 0.0).collect();
            (self.negative_spans, self.negative) = spans_of(kept.into_iter());
        }
    }

    /// The same without empty buckets.
    #[must_use]
    pub fn compacted(mut self) -> Self {
        self.compact();
        self
    }

    /// How many samples it counts as where samples are limited (Prometheus: `HPoint.size`).
    pub fn weight(&self) -> usize {
        let words = self.positive.len()
            + self.negative.len()
            + self.positive_spans.len()
            + self.negative_spans.len()
            + self.custom_bounds.len();
        (168 + 8 * words + 8) / 16
    }
}
