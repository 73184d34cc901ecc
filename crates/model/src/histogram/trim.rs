//! Histograms cut off at a value: the operators `</` and `>/`.
//!
//! Matches Prometheus' `FloatHistogram.TrimBuckets`.
//!
//! **Invariant:** a histogram from which nothing is cut keeps its count and sum.

use super::{Bucket, Histogram};

impl Histogram {
    /// Keeps the observations below (`upper`) or above `limit`, as far as buckets tell them apart.
    #[must_use]
    pub fn trimmed(&self, limit: f64, upper: bool) -> Self {
        let mut out = self.clone();
        let custom = self.has_custom_bounds();
        let (mut count, mut sum, mut cut) = (0.0, 0.0, false);
        let mut side = |bucket: Bucket, positive: bool| -> f64 {
            if bucket.count == 0.0 {
                return 0.0;
            }
            let whole = if upper { bucket.upper <= limit } else { bucket.lower >= limit };
            let partly = if upper { bucket.lower < limit } else { bucket.upper > limit };
            let (kept, middle) = if whole {
                (bucket.count, midpoint(bucket.lower, bucket.upper, positive, custom))
            } else if partly {
                split(&bucket, limit, upper, positive, custom)
            } else {
                cut = true;
                return 0.0;
            };
            cut |= kept != bucket.count;
            count += kept;
            sum += middle * kept;
            kept
        };
        out.positive = self.positive_buckets().map(|bucket| side(bucket, true)).collect();
        out.negative = self.negative_buckets().map(|bucket| side(bucket, false)).collect();
        if self.zero_count > 0.0 {
            let has = |counts: &[f64]| counts.iter().any(|count| *count != 0.0);
            let (kept, middle) = split_zero(self, limit, upper, has(&self.negative), has(&self.positive));
            cut |= kept != self.zero_count;
            out.zero_count = kept;
            count += kept;
            sum += middle * kept;
        }
        if !cut {
            return self.clone();
        }
        out.count = count;
        out.sum = sum;
        out.compacted()
    }
}

fn split_zero(h: &Histogram, limit: f64, upper: bool, negative: bool, positive: bool) -> (f64, f64) {
    let low = if positive && !negative { 0.0 } else { -h.zero_threshold };
    let high = if negative && !positive { 0.0 } else { h.zero_threshold };
    let whole = (h.zero_count, (low + high) / 2.0);
    if limit <= low {
        return if upper { (0.0, 0.0) } else { whole };
    }
    if limit >= high {
        return if upper { whole } else { (0.0, 0.0) };
    }
    let (from, to) = if upper { (low, limit) } else { (limit, high) };
    (h.zero_count * ((to - from) / (high - low)), (from + to) / 2.0)
}

/// How much of a bucket is kept, and the middle of that part.
fn split(bucket: &Bucket, limit: f64, upper: bool, positive: bool, linear: bool) -> (f64, f64) {
    let finite = |value: f64| if value.is_infinite() { 0.0 } else { value };
    if bucket.lower == f64::NEG_INFINITY {
        // How observations spread towards infinity is not known. Where the other end is positive, zero is taken as
        // the lower end, as for the first bucket of a classic histogram.
        let from_zero = bucket.upper > limit && bucket.upper.is_finite();
        return match upper {
            true if limit >= bucket.upper => (bucket.count, 0.0),
            true if limit > 0.0 && from_zero => (bucket.count * limit / bucket.upper, limit / 2.0),
            true if bucket.upper <= 0.0 => (bucket.count, limit),
            false if limit <= bucket.lower => (bucket.count, 0.0),
            false if limit >= 0.0 && from_zero => {
                (bucket.count * (1.0 - limit / bucket.upper), (limit + bucket.upper) / 2.0)
            }
            _ => (0.0, finite(bucket.upper)),
        };
    }
    if bucket.upper == f64::INFINITY {
        return if !upper && limit >= bucket.lower {
            (bucket.count, limit)
        } else {
            (0.0, finite(bucket.lower))
        };
    }
    let fraction = if limit <= bucket.lower {
        0.0
    } else if limit >= bucket.upper {
        1.0
    } else if linear {
        (limit - bucket.lower) / (bucket.upper - bucket.lower)
    } else {
        let log = |value: f64| value.abs().log2();
        let (low, high, at) = (log(bucket.lower), log(bucket.upper), log(limit));
        if positive { (at - low) / (high - low) } else { 1.0 - (at - high) / (low - high) }
    };
    let under = bucket.count * fraction;
    if upper {
        (under, midpoint(bucket.lower, limit, positive, linear))
    } else {
        (bucket.count - under, midpoint(limit, bucket.upper, positive, linear))
    }
}

fn midpoint(low: f64, high: f64, positive: bool, linear: bool) -> f64 {
    match (low.is_infinite(), high.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if high > 0.0 => high / 2.0,
        (true, false) => high,
        (false, true) => low,
        _ if linear => (low + high) / 2.0,
        _ => {
            let mean = (low * high).abs().sqrt();
            if positive { mean } else { -mean }
        }
    }
}
