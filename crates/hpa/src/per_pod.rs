//! Metrics of pods: `Resource`, `ContainerResource` and `Pods` (`replica_calculator.go`, `metrics/utilization.go`).
//!
//! Not a map from pods to values: upstream's maps are only ever summed and counted, so sums and counts are kept.
//!
//! **Invariant:** integer sums wrap and truncate as upstream's.

use std::sync::Arc;

use crate::derivation::{Adjustment, Assumption, Basis, PodCounts, PodGroup, ToleranceTest, Usage};
use crate::inputs::{Phase, Pod, Ready, Sample, Samples};
use crate::profile::Profile;
use crate::requests::{RequestError, pod_request};
use crate::time::Time;

/// Why pods give no proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerPodError {
    /// The selector gives no pods.
    #[error("no pods returned by selector while calculating replica count")]
    NoPods,
    /// No value counts.
    #[error("did not receive metrics for targeted pods (pods might be unready)")]
    NoMetrics,
    /// A pod has no request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The requests of pods that have values come to nothing.
    #[error("no metrics returned matched known pods")]
    NoMatch,
}

/// The tolerance of one HPA.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Downwards.
    pub down: f64,
    /// Upwards.
    pub up: f64,
    /// Whether both ends are included (from 1.33).
    pub by_bounds: bool,
}

/// What is wanted of the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// A percentage of the requests, of the pods or of one container.
    Utilization {
        /// Percent.
        percent: i32,
        /// The container, if only it counts.
        container: Option<&'a str>,
    },
    /// An average in thousandths.
    Average {
        /// Thousandths.
        milli: i64,
    },
}

/// What is asked of the pods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question<'a> {
    /// The instant of the turn.
    pub now: Time,
    /// When nothing is done.
    pub tolerance: Tolerance,
    /// `scale.spec.replicas`.
    pub current: i32,
    /// `cpu` and `memory`; empty for custom metrics.
    pub resource: &'a str,
    /// What is wanted.
    pub wanted: Wanted<'a>,
}

/// A proposal with all that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The size.
    pub replicas: i32,
    /// What was measured.
    pub usage: Usage,
    /// Measured to wanted.
    pub ratio: f64,
    /// Its tolerance test.
    pub tolerance: ToleranceTest,
    /// Pods by group.
    pub pods: Option<PodCounts>,
    /// Pods that did not simply count.
    pub assumptions: Vec<Assumption>,
    /// The second look.
    pub adjustment: Option<Adjustment>,
    /// What the ratio was multiplied with.
    pub basis: Basis,
}

impl Tolerance {
    /// Whether the ratio is near enough to 1.
    pub fn admits(&self, ratio: f64) -> bool {
        if self.by_bounds {
            1.0 - self.down <= ratio && ratio <= 1.0 + self.up
        } else {
            (1.0 - ratio).abs() <= self.down
        }
    }

    pub(crate) fn test(&self, ratio: f64) -> ToleranceTest {
        ToleranceTest { down: self.down, up: self.up, within: self.admits(ratio) }
    }
}

/// Converts as amd64 does: what does not fit (and NaN) is the smallest `int32`.
pub fn to_i32(value: f64) -> i32 {
    if value > -2_147_483_649.0 && value < 2_147_483_648.0 { value as i32 } else { i32::MIN }
}

/// Converts as amd64 does: what does not fit (and NaN) is the smallest `int64`.
pub fn to_i64(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// The group of a pod; `resource` is `cpu` for CPU metrics, for which start-up counts.
pub fn group(profile: &Profile, now: Time, pod: &Pod, sample: Option<&Sample>, is_cpu: bool) -> PodGroup {
    if pod.deleting || pod.phase == Phase::Failed {
        return PodGroup::Ignored;
    }
    if pod.phase == Phase::Pending {
        return PodGroup::Unready;
    }
    let Some(sample) = sample else { return PodGroup::Missing };
    if !is_cpu {
        return PodGroup::Ready;
    }
    let (Some((ready, changed)), Some(started)) = (pod.ready, pod.started) else { return PodGroup::Unready };
    let settings = &profile.settings;
    let unready = if started + settings.cpu_initialization > now {
        ready == Ready::False || sample.time < changed + sample.window
    } else {
        ready == Ready::False && started + settings.initial_readiness_delay > changed
    };
    if unready { PodGroup::Unready } else { PodGroup::Ready }
}

/// Sums over the values that count.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Values of pods that have a request (utilisation), or of all (average).
    usage: i64,
    requests: i64,
    /// Entries behind `usage`.
    counted: i64,
    /// All entries, those of unknown pods included.
    entries: i64,
}

impl Sums {
    /// Ratio, percent (or 0) and average.
    fn ratio(&self, wanted: Wanted<'_>) -> Result<(f64, i32, i64), PerPodError> {
        match wanted {
            Wanted::Utilization { percent: target, .. } => {
                if self.requests == 0 || self.counted == 0 {
                    return Err(PerPodError::NoMatch);
                }
                let percent = self.usage.wrapping_mul(100).wrapping_div(self.requests) as i32;
                Ok((f64::from(percent) / f64::from(target), percent, self.usage.wrapping_div(self.counted)))
            }
            Wanted::Average { milli: target } => {
                if self.entries == 0 {
                    return Err(PerPodError::NoMetrics);
                }
                let average = self.usage.wrapping_div(self.entries);
                Ok((average as f64 / target as f64, 0, average))
            }
        }
    }
}

/// Computes the proposal of a metric of pods.
///
/// `pods` are those that the selector gives, in the controller's order.
///
/// # Errors
/// Upstream's, with its texts and in its order.
pub fn compute<'p>(
    profile: &Profile,
    question: &Question<'_>,
    pods: impl ExactSizeIterator<Item = &'p Pod>,
    samples: &Samples,
) -> Result<Computed, PerPodError> {
    if pods.len() == 0 {
        return Err(PerPodError::NoPods);
    }
    let Question { now, tolerance, current, resource, wanted } = *question;
    let is_cpu = resource == "cpu";
    let utilization = match wanted {
        Wanted::Utilization { percent, container } => Some((percent, container)),
        Wanted::Average { .. } => None,
    };
    let mut counts = PodCounts::default();
    let mut odd: Vec<(Arc<str>, PodGroup, i64)> = Vec::new();
    let (mut usage, mut requests, mut removed, mut matched) = (0_i64, 0_i64, 0_i64, 0_usize);
    let mut request_error = None;
    let mut hint = 0;
    for pod in pods {
        let sample = samples.find(&pod.name, &mut hint);
        let group = group(profile, now, pod, sample, is_cpu);
        let request = match utilization {
            Some((_, container)) if request_error.is_none() => pod_request(profile, pod, resource, container)
                .unwrap_or_else(|error| {
                    request_error = Some(error);
                    0
                }),
            _ => 0,
        };
        if let Some(sample) = sample {
            matched += 1;
            match group {
                PodGroup::Ready => usage = usage.wrapping_add(sample.milli),
                _ => removed = removed.wrapping_add(sample.milli),
            }
        }
        match group {
            PodGroup::Ready => {
                counts.ready += 1;
                requests = requests.wrapping_add(request);
                continue;
            }
            PodGroup::Unready => counts.unready += 1,
            PodGroup::Missing => counts.missing += 1,
            PodGroup::Ignored => counts.ignored += 1,
        }
        odd.push((Arc::clone(&pod.name), group, request));
    }
    let unknown = samples.iter().len().saturating_sub(matched);
    counts.unknown = unknown as u32;
    let ready = i64::from(counts.ready);
    let mut sums = Sums { usage, requests, counted: ready, entries: ready + unknown as i64 };
    if sums.entries == 0 {
        return Err(PerPodError::NoMetrics);
    }
    if let Some(error) = request_error {
        return Err(error.into());
    }
    if utilization.is_none() && unknown > 0 {
        // Values of pods that are not listed count in averages.
        let all = samples.iter().fold(0_i64, |sum, (_, sample)| sum.wrapping_add(sample.milli));
        sums.usage = all.wrapping_sub(removed);
    }
    let (ratio, percent, average) = sums.ratio(wanted)?;
    let usage = match wanted {
        Wanted::Utilization { percent: target_percent, .. } => {
            Usage::Utilization { percent, target_percent, average_milli: average }
        }
        Wanted::Average { milli: target_milli } => Usage::Average { milli: average, target_milli },
    };
    let up_with_unready = counts.unready > 0 && ratio > 1.0;
    let look_again = up_with_unready || counts.missing > 0;
    let mut assumptions = Vec::with_capacity(odd.len());
    for (pod, group, request) in odd {
        let assumed_milli = match group {
            PodGroup::Missing if ratio < 1.0 => Some(match wanted {
                Wanted::Utilization { percent, .. } => {
                    request.wrapping_mul(i64::from(percent.max(100))) / 100
                }
                Wanted::Average { milli } => milli,
            }),
            PodGroup::Missing if ratio > 1.0 => Some(0),
            PodGroup::Unready if up_with_unready => Some(0),
            _ => None,
        };
        if let Some(milli) = assumed_milli {
            sums.usage = sums.usage.wrapping_add(milli);
            sums.requests = sums.requests.wrapping_add(request);
            sums.counted += 1;
            sums.entries += 1;
        }
        assumptions.push(Assumption { pod, group, assumed_milli });
    }
    let tolerance_test = tolerance.test(ratio);
    let (replicas, basis, adjustment) = if !look_again {
        if tolerance_test.within {
            (current, Basis::Stays, None)
        } else {
            (to_i32((ratio * ready as f64).ceil()), Basis::ReadyPods(ready), None)
        }
    } else {
        let (second, ..) = sums.ratio(wanted)?;
        let within = tolerance.admits(second);
        let adjustment = Some(Adjustment { ratio: second, within, values: sums.entries as u32 });
        let turned = (ratio < 1.0 && second > 1.0) || (ratio > 1.0 && second < 1.0);
        if within || turned {
            (current, if within { Basis::Stays } else { Basis::Contradiction }, adjustment)
        } else {
            let replicas = to_i32((second * sums.entries as f64).ceil());
            if (second < 1.0 && replicas > current) || (second > 1.0 && replicas < current) {
                (current, Basis::Contradiction, adjustment)
            } else {
                (replicas, Basis::Values(sums.entries), adjustment)
            }
        }
    };
    Ok(Computed {
        replicas,
        usage,
        ratio,
        tolerance: tolerance_test,
        pods: Some(counts),
        assumptions,
        adjustment,
        basis,
    })
}
