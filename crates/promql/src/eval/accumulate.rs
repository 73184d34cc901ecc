//! What the numbers of a group come to: `sum`, `avg`, `min`, `max`, `count`, `group`, `stddev` and `stdvar`.
//!
//! Not histograms, and not the groups themselves. Small and flat, because there is one for each group and step.
//!
//! **Invariant:** the same numbers in the same order give the same bits, however they are brought here.

use plimsoll_model::histogram::compensated_add;

use super::over_time::Mean;
use crate::syntax::ast::AggregateOp;

/// The running value of one group at one step.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Running {
    /// How many samples there were; an aggregation that counts histograms counts them here too.
    pub count: f64,
    /// Sum, extreme, or sum of squares.
    value: f64,
    /// What is too small for the sum; of a deviation the mean.
    rest: f64,
    incremental: bool,
}

impl Running {
    /// Whether `op` needs nothing but this for a group of numbers.
    pub fn holds(op: AggregateOp) -> bool {
        use AggregateOp::{Avg, Count, Group, Max, Min, Stddev, Stdvar, Sum};
        matches!(op, Sum | Avg | Min | Max | Count | Group | Stddev | Stdvar)
    }

    /// Adds a number; `first` says that nothing came before it.
    #[inline]
    pub fn add(&mut self, op: AggregateOp, value: f64, first: bool) {
        if op == AggregateOp::Avg {
            // The mean counts by itself: histograms may have been counted before.
            let mut mean = if self.count == 0.0 { Mean::new(value) } else { self.mean() };
            if self.count != 0.0 {
                mean.add(value);
            }
            (self.value, self.rest, self.count, self.incremental) = mean.into_parts();
            return;
        }
        self.count += 1.0;
        match op {
            AggregateOp::Sum if first => self.value = value,
            AggregateOp::Sum => (self.value, self.rest) = compensated_add(value, self.value, self.rest),
            AggregateOp::Min if first || self.value > value || self.value.is_nan() => self.value = value,
            AggregateOp::Max if first || self.value < value || self.value.is_nan() => self.value = value,
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                if first {
                    self.rest = value;
                    self.value = if value.is_finite() { 0.0 } else { f64::NAN };
                } else {
                    let delta = value - self.rest;
                    self.rest += delta / self.count;
                    self.value += delta * (value - self.rest);
                }
            }
            _ => {}
        }
    }

    fn mean(&self) -> Mean {
        Mean::from_parts((self.value, self.rest, self.count, self.incremental))
    }

    /// What it has come to; there was at least one number.
    pub fn result(&self, op: AggregateOp) -> f64 {
        match op {
            AggregateOp::Sum => self.value + self.rest,
            AggregateOp::Avg => self.mean().value(),
            AggregateOp::Count => self.count,
            AggregateOp::Group => 1.0,
            AggregateOp::Stdvar => self.value / self.count,
            AggregateOp::Stddev => (self.value / self.count).sqrt(),
            _ => self.value,
        }
    }
}
