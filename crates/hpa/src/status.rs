//! What a turn writes: `status`, its conditions and current metrics, and events.
//!
//! Not wire JSON: amounts stay numbers until they are printed.
//!
//! **Invariant:** conditions keep the order of their first setting.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use plimsoll_model::quantity::{Milli, MilliBytes};
use serde::{Serialize, Serializer};

use crate::spec::{CrossVersionObjectReference, MetricIdentifier};
use crate::time::Time;

/// Text that is mostly one of upstream's constants.
pub type Text = Cow<'static, str>;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows; the controller never writes it.
    Unknown,
    /// Neither, in the nameless condition that the controller writes for a spec without metrics.
    #[serde(rename = "")]
    Blank,
}

/// One condition of the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `AbleToScale`, `ScalingActive`, `ScalingLimited` or `ScaledToZero`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word.
    pub reason: Text,
    /// One sentence.
    pub message: Text,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
}

/// A value in thousandths with the suffixes it prints with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Thousandths.
    pub milli: i64,
    /// Whether whole values print with `Ki`, `Mi`, ...
    pub binary: bool,
}

/// The source of a metric in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StatusSource {
    /// A resource of the pods.
    Resource {
        /// `cpu` or `memory`.
        name: Arc<str>,
    },
    /// A resource of one container.
    ContainerResource {
        /// `cpu` or `memory`.
        name: Arc<str>,
        /// The container.
        container: Arc<str>,
    },
    /// A custom metric of the pods.
    Pods {
        /// Which metric.
        metric: MetricIdentifier,
    },
    /// A custom metric of an object.
    #[serde(rename_all = "camelCase")]
    Object {
        /// Which metric.
        metric: MetricIdentifier,
        /// The object.
        described_object: Arc<CrossVersionObjectReference>,
    },
    /// An external metric.
    External {
        /// Which metric.
        metric: MetricIdentifier,
    },
}

/// What a metric is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrentValue {
    /// The value as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// The value per pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Amount>,
    /// Percent of the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

/// One entry of `currentMetrics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricStatus {
    /// Which metric.
    pub source: StatusSource,
    /// What it is now.
    pub current: CurrentValue,
}

/// `status` of a HorizontalPodAutoscaler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HpaStatus {
    /// The generation that was read, from 1.37.
    pub observed_generation: Option<i64>,
    /// The last rescale.
    pub last_scale_time: Option<Time>,
    /// `scale.spec.replicas` before the turn.
    pub current_replicas: i32,
    /// What the turn wanted.
    pub desired_replicas: i32,
    /// One entry per metric of the spec, `None` for one that failed; empty when metrics were not computed.
    pub current_metrics: Vec<Option<MetricStatus>>,
    /// Conditions in the order of their first setting.
    pub conditions: Vec<Condition>,
}

/// Whether an event reports something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum EventKind {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

/// An event on the HPA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Whether something is wrong.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// One word.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.binary { MilliBytes(self.milli).fmt(f) } else { Milli(self.milli).fmt(f) }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ConditionStatus {
    /// `True`, `False` or `Unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
            Self::Blank => "",
        }
    }
}

impl Event {
    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind: EventKind::Warning, reason, message: message.into() }
    }
}

impl HpaStatus {
    /// The condition of a type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    pub(crate) fn set(
        &mut self,
        now: Time,
        kind: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<Text>,
    ) {
        let (reason, message) = (Text::Borrowed(reason), message.into());
        match self.conditions.iter_mut().find(|condition| condition.kind == kind) {
            Some(condition) => {
                if condition.status != status {
                    condition.last_transition_time = Some(now);
                }
                condition.status = status;
                condition.reason = reason;
                condition.message = message;
            }
            None => self.conditions.push(Condition {
                kind: Text::Borrowed(kind),
                status,
                reason,
                message,
                last_transition_time: (status != ConditionStatus::Blank).then_some(now),
            }),
        }
    }

    pub(crate) fn remove(&mut self, kind: &str) {
        self.conditions.retain(|condition| condition.kind != kind);
    }
}
