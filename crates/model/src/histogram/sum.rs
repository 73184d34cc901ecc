//! Sums with compensation, of numbers and of histograms.
//!
//! **Invariant:** the result does not depend on how many histograms went in before an equal state.

use std::sync::Arc;

use super::arithmetic::{Incompatible, common_bounds, map_to_bounds, reduce};
use super::buckets::{bound, spans_of};
use super::{CUSTOM_BUCKETS, Histogram, ResetHint};

/// Adds `value` to `sum` and keeps what is lost to rounding in the second part (Neumaier's variant of Kahan's
/// algorithm; Prometheus: `kahansum.Inc`).
pub fn compensated_add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    let compensation = if total.is_infinite() {
        0.0
    } else if sum.abs() >= value.abs() {
        compensation + ((sum - total) + value)
    } else {
        compensation + ((value - total) + sum)
    };
    (total, compensation)
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum(f64, f64);

impl Sum {
    fn add(&mut self, value: f64) {
        (self.0, self.1) = compensated_add(value, self.0, self.1);
    }

    fn total(self) -> f64 {
        self.0 + self.1
    }
}

/// A sum of histograms, with compensation in every bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningHistogram {
    hint: ResetHint,
    schema: i32,
    zero_threshold: f64,
    zero: Sum,
    count: Sum,
    sum: Sum,
    positive: Vec<(i32, Sum)>,
    negative: Vec<(i32, Sum)>,
    custom_bounds: Arc<[f64]>,
    /// Whether there was a second one: only then is there a compensation to add, which makes 0 of −0.
    added: bool,
}

impl RunningHistogram {
    /// Starts with one histogram.
    pub fn new(first: &Histogram) -> Self {
        let sums = |(index, count)| (index, Sum(count, 0.0));
        Self {
            hint: first.reset_hint,
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            zero: Sum(first.zero_count, 0.0),
            count: Sum(first.count, 0.0),
            sum: Sum(first.sum, 0.0),
            positive: first.positive_entries().map(sums).collect(),
            negative: first.negative_entries().map(sums).collect(),
            custom_bounds: first.custom_bounds.clone(),
            added: false,
        }
    }

    /// Adds a histogram. True if custom bounds differed and only the common ones were kept.
    pub fn add(&mut self, other: &Histogram) -> Result<bool, Incompatible> {
        if (self.schema == CUSTOM_BUCKETS) != other.has_custom_bounds() {
            return Err(Incompatible);
        }
        self.added = true;
        self.hint = super::arithmetic::combined_hint(self.hint, other.reset_hint).0;
        self.count.add(other.count);
        self.sum.add(other.sum);
        if self.schema == CUSTOM_BUCKETS {
            if self.custom_bounds == other.custom_bounds {
                merge(&mut self.positive, other.positive_entries());
                return Ok(false);
            }
            let bounds = common_bounds(&self.custom_bounds, &other.custom_bounds);
            let old = std::mem::take(&mut self.positive);
            let parts = old.iter().flat_map(|(index, sum)| [(*index, sum.0), (*index, sum.1)]);
            let mine: Vec<_> = map_to_bounds(parts, &self.custom_bounds, &bounds).collect();
            merge(&mut self.positive, mine.into_iter());
            let theirs: Vec<_> =
                map_to_bounds(other.positive_entries(), &other.custom_bounds, &bounds).collect();
            merge(&mut self.positive, theirs.into_iter());
            self.custom_bounds = bounds;
            return Ok(true);
        }
        let (mut other_zero, mut other_rest) = (other.zero_count, 0.0);
        let mut threshold = other.zero_threshold;
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (other_zero, other_rest, threshold) = other.zero_count_within(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                self.widen_zero(threshold);
            }
        }
        self.zero.add(other_zero);
        self.zero.add(other_rest);
        let schema = self.schema.min(other.schema);
        if self.schema > schema {
            for side in [&mut self.positive, &mut self.negative] {
                let old = std::mem::take(side);
                for (index, sum) in old {
                    let index = reduce(index, self.schema, schema);
                    merge(side, [(index, sum.0), (index, sum.1)].into_iter());
                }
            }
            self.schema = schema;
        }
        let outside = |(index, _): &(i32, f64)| bound(*index, schema, &[]) > self.zero_threshold;
        let lower = |(index, count)| (reduce(index, other.schema, schema), count);
        merge(&mut self.positive, other.positive_entries().map(lower).filter(outside));
        merge(&mut self.negative, other.negative_entries().map(lower).filter(outside));
        Ok(false)
    }

    fn widen_zero(&mut self, threshold: f64) {
        let (.., threshold) = self.plain().zero_count_within(threshold);
        let schema = self.schema;
        for side in [&mut self.positive, &mut self.negative] {
            let (inside, outside): (Vec<_>, Vec<_>) = side
                .drain(..)
                .partition(|(index, _)| bound(index.saturating_sub(1), schema, &[]) < threshold);
            for (_, sum) in inside {
                self.zero.add(sum.0);
                self.zero.add(sum.1);
            }
            *side = outside;
        }
        self.zero_threshold = threshold;
    }

    fn sums_mut(&mut self) -> impl Iterator<Item = &mut Sum> {
        [&mut self.zero, &mut self.count, &mut self.sum]
            .into_iter()
            .chain(self.positive.iter_mut().chain(&mut self.negative).map(|(_, sum)| sum))
    }

    /// Multiplies everything.
    pub fn multiply(&mut self, factor: f64) {
        for sum in self.sums_mut() {
            sum.0 *= factor;
            sum.1 *= factor;
        }
    }

    /// Divides everything.
    pub fn divide(&mut self, divisor: f64) {
        for sum in self.sums_mut() {
            sum.0 /= divisor;
            sum.1 /= divisor;
        }
    }

    /// Whether any part has grown over all bounds.
    pub fn has_overflow(&mut self) -> bool {
        self.sums_mut().any(|sum| sum.0.is_infinite())
    }

    fn plain(&self) -> Histogram {
        self.build(|sum| sum.0)
    }

    /// The sum, without empty buckets.
    pub fn total(&self) -> Histogram {
        if !self.added {
            return self.plain().compacted();
        }
        self.build(Sum::total).compacted()
    }

    fn build(&self, value: impl Fn(Sum) -> f64) -> Histogram {
        let side = |side: &[(i32, Sum)]| spans_of(side.iter().map(|(index, sum)| (*index, value(*sum))));
        let (positive_spans, positive) = side(&self.positive);
        let (negative_spans, negative) = side(&self.negative);
        Histogram {
            reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: value(self.zero),
            count: value(self.count),
            sum: value(self.sum),
            positive_spans,
            negative_spans,
            positive,
            negative,
            custom_bounds: self.custom_bounds.clone(),
        }
    }
}

fn merge(side: &mut Vec<(i32, Sum)>, other: impl Iterator<Item = (i32, f64)>) {
    for (index, count) in other {
        match side.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(at) => side[at].1.add(count),
            Err(at) => side.insert(at, (index, Sum(count, 0.0))),
        }
    }
}
