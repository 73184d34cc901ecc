//! The decision of the HorizontalPodAutoscaler (`autoscaling/v2`) as a pure function, equal to
//! kube-controller-manager's to the last thousandth and word.
//!
//! Not a controller: nothing here reads a clock, talks to an API server or starts a task. A caller fills
//! [`Inputs`], calls [`decide`] (or [`plan`] and [`Plan::settle`] when it writes the scale itself) and keeps the
//! [`State`] that comes back.
//!
//! **Invariant:** the same profile, state, instant and inputs give the same decision, and no input makes it panic.

mod columns;
mod decide;
mod derivation;
mod describe;
mod explain;
mod inputs;
mod label_selector;
pub mod limits;
mod multi;
pub mod per_pod;
mod profile;
#[cfg(feature = "recorded")]
pub mod recorded;
pub mod requests;
pub mod scenario;
mod single;
mod spec;
mod state;
mod status;
pub mod story;
mod time;

pub use columns::{Columns, columns, targets_cell};
pub use decide::{Decision, Plan, Rescale, decide, plan};
pub use derivation::{
    Adjustment, Assumption, Basis, Derivation, LimitStep, MetricDerivation, MetricOutcome, PodCounts,
    PodGroup, Route, ToleranceTest, Usage,
};
pub use describe::{Facts, MetricFact, facts};
pub use inputs::{
    Container, Hpa, Inputs, Labels, MetricAnswer, OtherHpa, Phase, Pod, PutError, Ready, Replies, Requests,
    Sample, Samples, Scale, ScaleError, ScaleWrite,
};
pub use label_selector::{LabelSelector, LabelSelectorError, LabelSelectorRequirement};
pub use profile::{Gates, Profile, ProfileError, Settings};
pub use spec::{
    Behavior, ContainerResourceSource, CrossVersionObjectReference, ExternalSource, HpaSpec,
    MetricIdentifier, MetricSpec, MetricTarget, ObjectSource, PodsSource, ResourceSource, ScalingPolicy,
    ScalingRules,
};
pub use state::{Recommendation, ScaleEvent, State};
pub use status::{
    Amount, Condition, ConditionStatus, CurrentValue, Event, EventKind, HpaStatus, MetricStatus, StatusSource,
};
pub use time::{Span, Time};
