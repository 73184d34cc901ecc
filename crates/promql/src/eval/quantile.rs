//! Quantiles and fractions: of numbers, of classic buckets, of native histograms.
//!
//! Follows Prometheus' `quantile.go`.
//!
//! **Invariant:** an impossible question has an answer: NaN or an infinity, never a panic.

use plimsoll_model::histogram::{Bucket, Histogram};

use crate::annotations::Annotations;
use crate::syntax::Span;

/// Orders numbers with NaN first.
pub(crate) fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
    }
}

/// The quantile of some numbers, between neighbours in proportion.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(nan_first);
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = rank.floor().max(0.0) as usize;
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[(lower + 1).min(last)] * weight
}

/// A bucket of a classic histogram: upper bound and observations up to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClassicBucket {
    pub upper: f64,
    pub count: f64,
}

/// What had to be repaired in buckets whose counts fell.
pub(crate) struct Repaired {
    pub buckets: (f64, f64),
    pub most: f64,
}

fn sorted(mut buckets: Vec<ClassicBucket>) -> Option<Vec<ClassicBucket>> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last().is_none_or(|bucket| bucket.upper != f64::INFINITY) {
        return None;
    }
    let mut merged: Vec<ClassicBucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match merged.last_mut() {
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    Some(merged)
}

/// Whether two numbers agree but for rounding.
pub(crate) fn nearly_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

pub(crate) fn classic_quantile(q: f64, buckets: Vec<ClassicBucket>) -> (f64, Option<Repaired>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, None);
    }
    let Some(mut buckets) = sorted(buckets) else { return (f64::NAN, None) };
    let mut repaired: Option<Repaired> = None;
    let mut previous = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count == previous {
            continue;
        }
        if nearly_equal(previous, bucket.count, 1e-12) {
            bucket.count = previous;
        } else if bucket.count < previous {
            let note =
                repaired.get_or_insert(Repaired { buckets: (f64::INFINITY, f64::NEG_INFINITY), most: 0.0 });
            note.buckets = (note.buckets.0.min(bucket.upper), note.buckets.1.max(bucket.upper));
            note.most = note.most.max(previous - bucket.count);
            bucket.count = previous;
        } else {
            previous = bucket.count;
        }
    }
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if buckets.len() < 2 || observations == 0.0 {
        return (f64::NAN, repaired);
    }
    let mut rank = q * observations;
    let at = (0..last).find(|at| buckets[*at].count >= rank).unwrap_or(last);
    let value = if at == last {
        buckets[last - 1].upper
    } else if at == 0 && buckets[0].upper <= 0.0 {
        buckets[0].upper
    } else {
        let (mut start, mut count) = (0.0, buckets[at].count);
        if at > 0 {
            start = buckets[at - 1].upper;
            count -= buckets[at - 1].count;
            rank -= buckets[at - 1].count;
        }
        start + (buckets[at].upper - start) * (rank / count)
    };
    (value, repaired)
}

pub(crate) fn classic_fraction(lower: f64, upper: f64, buckets: Vec<ClassicBucket>) -> f64 {
    let Some(buckets) = sorted(buckets) else { return f64::NAN };
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let (mut rank, mut low_rank, mut high_rank) = (0.0, None, None);
    let mut low = if buckets[0].upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    for bucket in &buckets {
        let at = |value: f64| {
            if low == f64::NEG_INFINITY {
                return bucket.count;
            }
            rank + (bucket.count - rank) * (value - low) / (bucket.upper - low)
        };
        for (limit, found) in [(lower, &mut low_rank), (upper, &mut high_rank)] {
            if found.is_none() {
                if low >= limit {
                    *found = Some(rank);
                } else if bucket.upper > limit {
                    *found = Some(at(limit));
                }
            }
        }
        rank = bucket.count;
        low = bucket.upper;
    }
    (high_rank.unwrap_or(count).min(count) - low_rank.unwrap_or(count).min(count)) / count
}

fn log(value: f64) -> f64 {
    value.abs().log2()
}

pub(crate) fn native_quantile(
    q: f64,
    h: &Histogram,
    annotations: &mut Annotations,
    span: Span,
    metric: &str,
) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if h.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    let with_nan = h.sum.is_nan();
    // Observations that are NaN are in the count and in no bucket, so only counting from below finds the place then.
    let forward = with_nan || q < 0.5;
    let mut buckets = h.all_buckets();
    if !forward {
        buckets.reverse();
    }
    let mut rank = if forward { q * h.count } else { (1.0 - q) * h.count };
    let mut count = 0.0;
    let mut at = buckets.len();
    let mut last = None;
    for (index, bucket) in buckets.iter().enumerate() {
        last = Some(*bucket);
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            at = index + 1;
            break;
        }
    }
    // Without any bucket it is an empty one at zero.
    let mut bucket = last.unwrap_or(Bucket {
        lower: 0.0,
        upper: 0.0,
        lower_inclusive: false,
        upper_inclusive: false,
        count: 0.0,
        index: 0,
    });
    let custom = h.has_custom_bounds();
    if custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        if h.negative.is_empty() && !h.positive.is_empty() {
            bucket.lower = 0.0;
        } else if h.positive.is_empty() && !h.negative.is_empty() {
            bucket.upper = 0.0;
        }
    }
    count = count.min(h.count);
    if count < rank {
        if with_nan {
            annotations.nan_observations(span, "histogram_quantile", "result is NaN", metric);
            return f64::NAN;
        }
        return bucket.upper;
    }
    if forward {
        rank -= count - bucket.count;
    } else {
        rank = count - rank;
    }
    let mut within = bucket;
    if with_nan {
        // As in Prometheus, whose walk over the rest leaves the last bucket where the one that was found had been.
        within = buckets.last().copied().filter(|_| at < buckets.len()).unwrap_or(bucket);
        count = buckets[at..].iter().fold(count, |count, bucket| count + bucket.count);
        if count < h.count {
            annotations.nan_observations(span, "histogram_quantile", "result is skewed higher", metric);
        }
    }
    let fraction = rank / within.count;
    if custom || within.lower <= 0.0 && within.upper >= 0.0 {
        return within.lower + (within.upper - within.lower) * fraction;
    }
    let (low, high) = (log(within.lower), log(within.upper));
    if within.lower > 0.0 {
        (low + (high - low) * fraction).exp2()
    } else {
        -(high + (low - high) * (1.0 - fraction)).exp2()
    }
}

pub(crate) fn native_fraction(
    lower: f64,
    upper: f64,
    h: &Histogram,
    annotations: &mut Annotations,
    span: Span,
    metric: &str,
) -> f64 {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let custom = h.has_custom_bounds();
    let (mut rank, mut low_rank, mut high_rank) = (0.0, None, None);
    let buckets = h.all_buckets();
    for bucket in &buckets {
        let mut b = *bucket;
        let zero = b.lower <= 0.0 && b.upper >= 0.0;
        if zero {
            if h.negative.is_empty() && !h.positive.is_empty() {
                b.lower = 0.0;
            } else if h.positive.is_empty() && !h.negative.is_empty() {
                b.upper = 0.0;
            }
        }
        let at = |value: f64| {
            if custom || zero {
                if b.lower == f64::NEG_INFINITY {
                    return b.count;
                }
                return rank + b.count * (value - b.lower) / (b.upper - b.lower);
            }
            let (low, high, place) = (log(b.lower), log(b.upper), log(value));
            let fraction =
                if value > 0.0 { (place - low) / (high - low) } else { 1.0 - (place - high) / (low - high) };
            rank + b.count * fraction
        };
        for (limit, found) in [(lower, &mut low_rank), (upper, &mut high_rank)] {
            if found.is_none() {
                if b.lower >= limit {
                    *found = Some(rank);
                } else if b.upper > limit {
                    *found = Some(at(limit));
                }
            }
        }
        rank += b.count;
    }
    let count = if h.sum.is_nan() {
        let total: f64 = buckets.iter().map(|bucket| bucket.count).sum();
        if total < h.count {
            let effect = "which are excluded from all fractions";
            annotations.nan_observations(span, "histogram_fraction", effect, metric);
        }
        total
    } else {
        h.count
    };
    (high_rank.unwrap_or(count).min(count) - low_rank.unwrap_or(count).min(count)) / h.count
}
