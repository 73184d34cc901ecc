//! The decision of the HorizontalPodAutoscaler (`autoscaling/v2`) as a pure function, equal to
//! kube-controller-manager's to the last thousandth and word.
//!
//! Not a controller: nothing here reads a clock, talks to an API server or starts a task. A caller fills
//! [`Inputs`], calls [`decide`] (or [`plan`] and [`Plan::settle`] when it writes the scale itself) and keeps the
//! [`State`] that comes back.
//!
//! **Invariant:** the same profile, state, instant and inputs give the same decision, and no input makes it panic.
//!
//! ```
//! use plimsoll_hpa::{Hpa, Inputs, MetricAnswer, Profile, Replies, Scale, State, Time, decide};
//!
//! let spec = serde_json::from_str(
//!     r#"{
//!         "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "worker" },
//!         "maxReplicas": 10,
//!         "metrics": [{ "type": "External", "external": {
//!             "metric": { "name": "jobs" }, "target": { "type": "AverageValue", "averageValue": "10" }
//!         } }]
//!     }"#,
//! )?;
//! let hpa = Hpa { namespace: "shop".into(), name: "worker".into(), spec, ..Hpa::default() };
//! let scale = Scale { spec_replicas: 3, status_replicas: 3, selector: "app=worker".into() };
//! let metrics = [MetricAnswer::Values(vec![45_000])]; // in thousandths: 45 jobs
//! let inputs = Inputs { hpa: &hpa, scale: Ok(&scale), pods: &[], others: &[], metrics: &metrics };
//!
//! let (decision, _memory) =
//!     decide(&Profile::of_version("1.37")?, State::default(), Time(0), &inputs, &Replies::default());
//!
//! assert_eq!(decision.events[0].message, "New size: 5; reason: external metric jobs(nil) above target");
//! assert_eq!(
//!     decision.to_string(),
//!     "scales up from 3 to 5 replicas\n  external metric jobs is 45 in all, target 10 per pod: asks for 5 (45 / 10)\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
