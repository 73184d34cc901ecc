//! Metrics that do not come from the pods: `Object` and `External` (`replica_calculator.go`).
//!
//! Not where their values come from; a metrics API answered already.
//!
//! **Invariant:** overflow saturates only where the version's code guards it.

use crate::derivation::{Basis, Usage};
use crate::inputs::{Phase, Pod, Ready};
use crate::per_pod::{Computed, PerPodError, Tolerance, to_i32, to_i64};

/// The value of an external metric with a `Value` target: positive overflow stops the sum from 1.35.
pub fn sum_for_value(values: &[i64], guarded: bool) -> i64 {
    let mut sum = 0_i64;
    for &value in values {
        if guarded && value > 0 && sum > i64::MAX - value {
            return i64::MAX;
        }
        sum = sum.wrapping_add(value);
    }
    sum
}

/// The value of an external metric with an `AverageValue` target: from 1.34 a sum below 0 is taken for an overflow.
pub fn sum_for_average(values: &[i64], guarded: bool) -> i64 {
    let mut sum = 0_i64;
    for &value in values {
        sum = sum.wrapping_add(value);
        if guarded && sum < 0 {
            return i64::MAX;
        }
    }
    sum
}

/// The proposal for a `Value` target.
///
/// # Errors
/// No pods at all, unless the target is at zero or the ratio is within the tolerance.
pub fn value<'p>(
    tolerance: Tolerance,
    guarded: bool,
    current: i32,
    milli: i64,
    target_milli: i64,
    pods: impl ExactSizeIterator<Item = &'p Pod>,
) -> Result<Computed, PerPodError> {
    let ratio = milli as f64 / target_milli as f64;
    let test = tolerance.test(ratio);
    let (replicas, basis) = if current == 0 {
        (to_i32(ratio.ceil()), Basis::FromZero)
    } else if test.within {
        (current, Basis::Stays)
    } else {
        if pods.len() == 0 {
            return Err(PerPodError::NoPods);
        }
        let ready = pods
            .filter(|pod| pod.phase == Phase::Running && matches!(pod.ready, Some((Ready::True, _))))
            .count() as i64;
        let product = ratio * ready as f64;
        let guard = guarded && product > f64::from(i32::MAX);
        (if guard { i32::MAX } else { to_i32(product.ceil()) }, Basis::ReadyPods(ready))
    };
    Ok(computed(replicas, Usage::Total { milli, target_milli }, ratio, test, basis))
}

/// The proposal for an `AverageValue` target.
pub fn average(
    tolerance: Tolerance,
    guarded: bool,
    status_replicas: i32,
    milli: i64,
    target_milli: i64,
) -> Computed {
    let ratio = milli as f64 / (target_milli as f64 * f64::from(status_replicas));
    let test = tolerance.test(ratio);
    let (replicas, basis) = if test.within {
        (status_replicas, Basis::Stays)
    } else {
        let share = (milli as f64 / target_milli as f64).ceil();
        let guard = guarded && share > f64::from(i32::MAX);
        (if guard { i32::MAX } else { to_i32(share) }, Basis::Share)
    };
    computed(replicas, Usage::Shared { milli, target_milli }, ratio, test, basis)
}

/// The average that the status reports; from 1.34 an external value at the `int64` limit stays there.
pub fn reported_average(milli: i64, status_replicas: i32, guarded: bool) -> i64 {
    if guarded && milli as f64 >= i64::MAX as f64 {
        return i64::MAX;
    }
    to_i64((milli as f64 / f64::from(status_replicas)).ceil())
}

fn computed(
    replicas: i32,
    usage: Usage,
    ratio: f64,
    tolerance: crate::derivation::ToleranceTest,
    basis: Basis,
) -> Computed {
    Computed {
        replicas,
        usage,
        ratio,
        tolerance,
        pods: None,
        assumptions: Vec::new(),
        adjustment: None,
        basis,
    }
}
