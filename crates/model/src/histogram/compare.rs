//! Histograms compared: equality, counter resets, and their printed form.
//!
//! **Invariant:** buckets without observations make no difference.

use std::fmt;

use super::arithmetic::{common_bounds, map_to_bounds, reduce};
use super::buckets::bound;
use super::{Histogram, ResetHint};

impl Histogram {
    /// Whether both hold the same observations, whatever is known of resets (Prometheus: `FloatHistogram.Equals`).
    pub fn same_observations(&self, other: &Self) -> bool {
        let bits = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let side = |a: &mut dyn Iterator<Item = (i32, f64)>, b: &mut dyn Iterator<Item = (i32, f64)>| {
            let mut b = b.filter(|(_, count)| *count != 0.0);
            a.filter(|(_, count)| *count != 0.0).all(|(index, count)| {
                b.next().is_some_and(|(other, value)| other == index && bits(count, value))
            }) && b.next().is_none()
        };
        self.schema == other.schema
            && bits(self.count, other.count)
            && bits(self.sum, other.sum)
            && (!self.has_custom_bounds() || self.custom_bounds == other.custom_bounds)
            && self.zero_threshold == other.zero_threshold
            && bits(self.zero_count, other.zero_count)
            && side(&mut self.positive_entries(), &mut other.positive_entries())
            && side(&mut self.negative_entries(), &mut other.negative_entries())
    }

    /// Whether the counter was reset between `previous` and this (Prometheus: `FloatHistogram.DetectReset`).
    pub fn is_reset_from(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_bounds() {
            if !previous.has_custom_bounds() {
                return true;
            }
            if self.custom_bounds != previous.custom_bounds {
                let bounds = common_bounds(&self.custom_bounds, &previous.custom_bounds);
                let mine = map_to_bounds(self.positive_entries(), &self.custom_bounds, &bounds);
                let theirs = map_to_bounds(previous.positive_entries(), &previous.custom_bounds, &bounds);
                return has_less(&sums(mine), &sums(theirs));
            }
        } else if previous.has_custom_bounds() {
            return true;
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let schema = self.schema;
        if !self.has_custom_bounds() {
            let (zero_count, _, threshold) = previous.zero_count_within(self.zero_threshold);
            if threshold != self.zero_threshold || self.zero_count < zero_count {
                return true;
            }
        }
        let outside = |(index, _): &(i32, f64)| {
            self.has_custom_bounds() || bound(*index, schema, &[]) > self.zero_threshold
        };
        let lower = |(index, count)| (reduce(index, previous.schema, schema), count);
        has_less(
            &sums(self.positive_entries().filter(outside)),
            &sums(previous.positive_entries().map(lower).filter(outside)),
        ) || has_less(
            &sums(self.negative_entries().filter(outside)),
            &sums(previous.negative_entries().map(lower).filter(outside)),
        )
    }
}

/// Counts per index; the entries name equal indices in a row.
fn sums(entries: impl Iterator<Item = (i32, f64)>) -> Vec<(i32, f64)> {
    let mut sums: Vec<(i32, f64)> = Vec::new();
    for (index, count) in entries {
        match sums.last_mut() {
            Some(last) if last.0 == index => last.1 += count,
            _ => sums.push((index, count)),
        }
    }
    sums
}

/// Whether any bucket holds less than it did.
fn has_less(now: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    before.iter().any(|(index, count)| match now.binary_search_by_key(index, |(index, _)| *index) {
        Ok(at) => now[at].1 < *count,
        Err(_) => *count != 0.0,
    })
}

impl fmt::Display for Histogram {
    /// `{count:3, sum:5, (1,2]:3}` (Prometheus: `FloatHistogram.String`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", short(self.count), short(self.sum))?;
        let mut buckets: Vec<_> = self.negative_buckets().collect();
        buckets.reverse();
        if self.zero_count != 0.0 && !self.has_custom_bounds() {
            buckets.push(self.zero_bucket());
        }
        buckets.extend(self.positive_buckets());
        for bucket in buckets.iter().filter(|bucket| bucket.count != 0.0) {
            let open = if bucket.lower_inclusive { '[' } else { '(' };
            let close = if bucket.upper_inclusive { ']' } else { ')' };
            let (lower, upper) = (short(bucket.lower), short(bucket.upper));
            write!(f, ", {open}{lower},{upper}{close}:{}", short(bucket.count))?;
        }
        f.write_str("}")
    }
}

/// A number as Go prints it with `%g`.
fn short(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e').map(|(mantissa, exponent)| (mantissa, exponent.parse::<i32>())) {
        Some((mantissa, Ok(exponent))) if value != 0.0 && !(-4..6).contains(&exponent) => {
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => format!("{value}"),
    }
}
