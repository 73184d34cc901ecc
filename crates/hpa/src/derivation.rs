//! How a decision came about, as data.
//!
//! Not text: `explain` renders it. Not needed for the decision itself.
//!
//! **Invariant:** every number here was used in the decision; nothing is recomputed for show.

use std::sync::Arc;

use serde::Serialize;

use crate::time::{Span, Time};

/// Which way a turn took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Route {
    /// The scale could not be read; nothing was decided.
    NoScale,
    /// The target is at zero and stays there.
    Paused,
    /// More pods than `maxReplicas`: cut at once, no metric is asked for.
    AboveMax,
    /// Fewer pods than `minReplicas`: raised at once, no metric is asked for.
    BelowMin,
    /// Metrics decide.
    Metrics,
}

/// How a pod counts for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PodGroup {
    /// Counts with its value.
    Ready,
    /// Pending, or starting up: its value is dropped.
    Unready,
    /// There is no value for it.
    Missing,
    /// Failed or being deleted: as if it were not there.
    Ignored,
}

/// How many pods are in each group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PodCounts {
    /// Pods that count with their value.
    pub ready: u32,
    /// Pods whose value is dropped.
    pub unready: u32,
    /// Pods without a value.
    pub missing: u32,
    /// Pods that do not count.
    pub ignored: u32,
    /// Values of pods that the selector does not give.
    pub unknown: u32,
}

/// A pod that did not simply count with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The pod.
    pub pod: Arc<str>,
    /// Its group.
    pub group: PodGroup,
    /// The value in thousandths that it was given for the second look; `None`: it was left out.
    pub assumed_milli: Option<i64>,
}

/// What was measured and what it should be, in thousandths unless it is a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Usage {
    /// Percent of the requests.
    #[serde(rename_all = "camelCase")]
    Utilization {
        /// Now, truncated to whole percent.
        percent: i32,
        /// What it should be.
        target_percent: i32,
        /// The average usage behind it.
        average_milli: i64,
    },
    /// An average of the pods.
    #[serde(rename_all = "camelCase")]
    Average {
        /// Now.
        milli: i64,
        /// What it should be.
        target_milli: i64,
    },
    /// One value for all pods.
    #[serde(rename_all = "camelCase")]
    Total {
        /// Now.
        milli: i64,
        /// What it should be.
        target_milli: i64,
    },
    /// One value that the pods share.
    #[serde(rename_all = "camelCase")]
    Shared {
        /// Now, all together.
        milli: i64,
        /// What each pod's share should be.
        target_milli: i64,
    },
}

/// Whether a ratio is near enough to 1 to do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ToleranceTest {
    /// The tolerance downwards.
    pub down: f64,
    /// The tolerance upwards.
    pub up: f64,
    /// Whether the ratio was within.
    pub within: bool,
}

/// What a ratio was multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// The ratio was within the tolerance: the size stays.
    Stays,
    /// The number of ready pods.
    ReadyPods(i64),
    /// The number of values after the second look.
    Values(i64),
    /// Nothing: the value was divided by each pod's share.
    Share,
    /// Nothing: from zero the ratio itself is the size.
    FromZero,
    /// The second look contradicted the first: the size stays.
    Contradiction,
}

/// The second look, with a value assumed for pods that have none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Adjustment {
    /// The ratio with assumed values.
    pub ratio: f64,
    /// Whether it was within the tolerance.
    pub within: bool,
    /// How many values it rests on.
    pub values: u32,
}

/// What a metric came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricOutcome {
    /// A size.
    Proposed(i32),
    /// An error.
    Failed(String),
}

/// How one metric came to its proposal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricDerivation {
    /// The type of the spec.
    pub kind: &'static str,
    /// The metric's or the resource's name.
    pub name: Arc<str>,
    /// Whose: the container, or the object as `Kind/name`; `None` for the other types.
    pub of: Option<Arc<str>>,
    /// What it came to.
    pub outcome: MetricOutcome,
    /// What was measured.
    pub usage: Option<Usage>,
    /// Measured to wanted, before any assumption; absent when it failed earlier.
    pub ratio: Option<f64>,
    /// The tolerance test of that ratio.
    pub tolerance: Option<ToleranceTest>,
    /// Pods by group, for metrics of pods.
    pub pods: Option<PodCounts>,
    /// Pods that did not simply count.
    pub assumptions: Vec<Assumption>,
    /// The second look, if one was taken.
    pub adjustment: Option<Adjustment>,
    /// What the ratio was multiplied with.
    pub basis: Option<Basis>,
}

/// Something that changed, or would have let through, the proposal; in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitStep {
    /// An earlier recommendation within the window held the size up.
    #[serde(rename_all = "camelCase")]
    HeldUp {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
        /// Length of the window.
        window: Span,
        /// When the recommendation was made, if it was an earlier one.
        since: Option<Time>,
    },
    /// An earlier recommendation within the window held the size down.
    #[serde(rename_all = "camelCase")]
    HeldDown {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
        /// Length of the window.
        window: Span,
        /// When the recommendation was made, if it was an earlier one.
        since: Option<Time>,
    },
    /// Without `behavior`: at most doubling (or four) in a turn.
    DoublingLimit {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
    },
    /// A policy of `behavior` was used up.
    Policy {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
        /// The policy; `None` when the direction is disabled.
        policy: Option<PolicyUse>,
    },
    /// `minReplicas`.
    Min {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
    },
    /// `maxReplicas`.
    Max {
        /// The size before.
        from: i32,
        /// The size after.
        to: i32,
    },
}

/// What a policy allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyUse {
    /// Whether the value is in percent.
    pub percent: bool,
    /// Pods or percent.
    pub value: i32,
    /// In how many seconds.
    pub period_seconds: i32,
    /// The size at the start of the period, as events tell.
    pub start: i32,
    /// The size it allows.
    pub limit: i32,
    /// The oldest rescale of the period that was counted: when it is a period old, the policy allows more.
    pub oldest: Option<Time>,
}

/// How a decision came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Derivation {
    /// The instant of the turn.
    pub now: Time,
    /// Which way the turn took.
    pub route: Route,
    /// `scale.spec.replicas`.
    pub current: i32,
    /// `minReplicas`.
    pub min: i32,
    /// `maxReplicas`.
    pub max: i32,
    /// One entry per metric of the spec, when metrics were computed.
    pub metrics: Vec<MetricDerivation>,
    /// The metric whose proposal was taken, as an index.
    pub winner: Option<usize>,
    /// What metrics asked for, if they could.
    pub proposal: Option<i32>,
    /// What changed it, in order.
    pub limits: Vec<LimitStep>,
    /// What came out.
    pub desired: i32,
    /// Why nothing could be decided.
    pub failure: Option<String>,
}
