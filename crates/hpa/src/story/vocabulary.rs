//! The conditions and events that the controller can make (`pkg/controller/podautoscaler/horizontal.go`).
//!
//! Not their messages.
//!
//! **Invariant:** every pair of type and reason that a turn can end with is here.

use crate::status::{ConditionStatus, EventKind};

/// A reason, and the statuses that go with it.
pub(super) type Reason = (&'static str, &'static [ConditionStatus]);

const YES: &[ConditionStatus] = &[ConditionStatus::True];
const NO: &[ConditionStatus] = &[ConditionStatus::False];
const BOTH: &[ConditionStatus] = &[ConditionStatus::True, ConditionStatus::False];

/// Every condition that the controller sets: types with their reasons, and the status that goes with each.
pub(super) const CONDITIONS: [(&str, &[Reason]); 4] = [
    (
        "AbleToScale",
        &[
            ("SucceededGetScale", YES),
            ("ReadyForNewScale", YES),
            ("ScaleDownStabilized", YES),
            ("ScaleUpStabilized", YES),
            ("SucceededRescale", YES),
            ("FailedGetScale", NO),
            ("FailedUpdateScale", NO),
        ],
    ),
    (
        "ScalingActive",
        &[
            ("ValidMetricFound", YES),
            ("ScalingDisabled", NO),
            ("InvalidSelector", NO),
            ("AmbiguousSelector", NO),
            ("FailedGetResourceMetric", NO),
            ("FailedGetContainerResourceMetric", NO),
            ("FailedGetPodsMetric", NO),
            ("FailedGetObjectMetric", NO),
            ("FailedGetExternalMetric", NO),
            ("InvalidMetricSourceType", NO),
        ],
    ),
    (
        "ScalingLimited",
        &[
            ("DesiredWithinRange", NO),
            ("TooFewReplicas", BOTH),
            ("TooManyReplicas", BOTH),
            ("ScaleUpLimit", BOTH),
            ("ScaleDownLimit", BOTH),
        ],
    ),
    ("ScaledToZero", &[("ScaledToZero", YES), ("NotScaledToZero", NO)]),
];

/// A condition that the controller sets, in the words of the tables.
pub(super) fn known_condition(
    kind: &str,
    status: ConditionStatus,
    reason: &str,
) -> Option<(&'static str, &'static str)> {
    let (kind, reasons) = CONDITIONS.iter().find(|(known, _)| *known == kind)?;
    let (reason, _) =
        reasons.iter().find(|(known, statuses)| *known == reason && statuses.contains(&status))?;
    Some((kind, reason))
}

/// Every event that the controller makes.
pub(super) const EVENTS: [(&str, EventKind); 14] = [
    ("SuccessfulRescale", EventKind::Normal),
    ("FailedRescale", EventKind::Warning),
    ("FailedGetScale", EventKind::Warning),
    ("FailedComputeMetricsReplicas", EventKind::Warning),
    ("SelectorRequired", EventKind::Warning),
    ("InvalidSelector", EventKind::Warning),
    ("AmbiguousSelector", EventKind::Warning),
    ("FailedGetResourceMetric", EventKind::Warning),
    ("FailedGetContainerResourceMetric", EventKind::Warning),
    ("FailedGetPodsMetric", EventKind::Warning),
    ("FailedGetObjectMetric", EventKind::Warning),
    ("FailedGetExternalMetric", EventKind::Warning),
    ("InvalidMetricSourceType", EventKind::Warning),
    ("FailedUpdateStatus", EventKind::Warning),
];
