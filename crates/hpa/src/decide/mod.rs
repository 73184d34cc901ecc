//! One turn from inputs to decision, in the order of `reconcileAutoscaler` (`horizontal.go`).
//!
//! Not the writing: [`plan`] says what to write, [`Plan::settle`] (in `settle`) hears how it went.
//!
//! **Invariant:** conditions and events come in upstream's order; recommendations are stored only when metrics
//! could be computed, rescales only when they were accepted.

mod selection;
mod settle;

use serde::Serialize;

pub(crate) use self::selection::Selected;
use crate::derivation::{Derivation, LimitStep, Route};
use crate::inputs::{Inputs, Replies, Scale, ScaleError, ScaleWrite};
use crate::limits::{self, Bounds, DefaultPolicies, Rules};
use crate::multi::Turn;
use crate::per_pod::Tolerance;
use crate::profile::Profile;
use crate::state::{Recommendation, State};
use crate::status::{ConditionStatus, Event, HpaStatus, MetricStatus};
use crate::time::{Span, Time};

/// The first recommendation is stored within the turn, yet counts as older than the decision.
const JUST_BEFORE: Span = Span::millis(1);

/// A change of the target's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rescale {
    /// The size to write.
    pub to: i32,
    /// Why, as the event tells it; may be empty.
    pub reason: String,
    /// Number of writes of the scale; 0 before they are known.
    pub puts: u32,
    /// Why it was refused, if it was.
    pub error: Option<String>,
}

/// What a turn did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The change of the target's size, if any.
    pub rescale: Option<Rescale>,
    /// The status after the turn.
    pub status: HpaStatus,
    /// Whether it differs from the one before, and therefore is written.
    pub status_changed: bool,
    /// Why writing the status failed, if it did.
    pub status_error: Option<String>,
    /// Events in order.
    pub events: Vec<Event>,
    /// Number of questions to the metrics APIs.
    pub metric_calls: u32,
    /// The error that the turn ends with.
    pub error: Option<String>,
    /// How it came about.
    pub derivation: Derivation,
}

/// What a turn wants to do, before the API server was asked.
#[derive(Debug)]
pub struct Plan<'a> {
    profile: &'a Profile,
    now: Time,
    inputs: Inputs<'a>,
    state: State,
    status: HpaStatus,
    events: Vec<Event>,
    metric_calls: u32,
    derivation: Derivation,
    metrics: Vec<Option<MetricStatus>>,
    end: End,
}

#[derive(Debug)]
enum End {
    /// The scale could not be read.
    NoScale { error: String },
    /// Metrics failed.
    NoProposal { error: String },
    /// A size was decided; `error` comes from some of several metrics.
    Decided { rescale: Option<Rescale>, error: Option<String> },
}

/// Decides one turn: [`plan`], with the API server's answers already known.
pub fn decide(
    profile: &Profile,
    state: State,
    now: Time,
    inputs: &Inputs<'_>,
    replies: &Replies<'_>,
) -> (Decision, State) {
    plan(profile, state, now, inputs)
        .settle(&ScaleWrite::answered(profile, replies.puts), replies.status_error)
}

/// Computes one turn up to its writes.
pub fn plan<'a>(profile: &'a Profile, state: State, now: Time, inputs: &Inputs<'a>) -> Plan<'a> {
    let hpa = inputs.hpa;
    let mut plan = Plan {
        profile,
        now,
        inputs: *inputs,
        state,
        status: hpa.status.clone(),
        events: Vec::new(),
        metric_calls: 0,
        derivation: Derivation {
            now,
            route: Route::NoScale,
            current: hpa.status.current_replicas,
            min: hpa.spec.min(),
            max: hpa.spec.max_replicas,
            metrics: Vec::new(),
            winner: None,
            proposal: None,
            limits: Vec::new(),
            desired: hpa.status.desired_replicas,
            failure: None,
        },
        metrics: Vec::new(),
        end: End::Decided { rescale: None, error: None },
    };
    let target = &hpa.spec.scale_target_ref;
    if target.api_version.matches('/').count() > 1 {
        let error = format!("unexpected GroupVersion string: {}", target.api_version);
        plan.no_scale(&error, "invalid API version in scale target reference");
        return plan;
    }
    match inputs.scale {
        Ok(scale) => plan.with_scale(scale),
        Err(ScaleError::Mapping(error)) => {
            plan.no_scale(error, "unable to determine resource for scale target reference");
        }
        Err(ScaleError::Get(error)) => {
            let context = format!("failed to query scale subresource for {}", plan.reference());
            plan.no_scale(error, &context);
        }
    }
    plan
}

impl<'a> Plan<'a> {
    /// The size to write, if it changes.
    pub fn rescale(&self) -> Option<&Rescale> {
        match &self.end {
            End::Decided { rescale, .. } => rescale.as_ref(),
            _ => None,
        }
    }

    fn reference(&self) -> String {
        let target = &self.inputs.hpa.spec.scale_target_ref;
        format!("{}/{}/{}", target.kind, self.inputs.hpa.namespace, target.name)
    }

    fn no_scale(&mut self, error: &str, context: &str) {
        self.events.push(Event::warning("FailedGetScale", error));
        let message = format!("the HPA controller was unable to get the target's current scale: {error}");
        self.status.set(self.now, "AbleToScale", ConditionStatus::False, "FailedGetScale", message);
        self.derivation.failure = Some(error.to_owned());
        self.end = End::NoScale { error: format!("{context}: {error}") };
    }

    fn with_scale(&mut self, scale: &'a Scale) {
        let (profile, now, spec) = (self.profile, self.now, &self.inputs.hpa.spec);
        let (current, min, max) = (scale.spec_replicas, spec.min(), spec.max_replicas);
        self.derivation.current = current;
        self.status.set(
            now,
            "AbleToScale",
            ConditionStatus::True,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        );
        self.state
            .recommendations
            .get_or_insert_with(|| vec![Recommendation { replicas: current, time: now - JUST_BEFORE }]);
        let scaled_to_zero = profile.scale_to_zero()
            && self
                .inputs
                .hpa
                .status
                .condition("ScaledToZero")
                .is_some_and(|condition| condition.status == ConditionStatus::True);
        if current == 0 {
            let go_on = if profile.knows_scaled_to_zero() {
                scaled_to_zero && (min != 0 || spec.has_metric_without_pods())
            } else {
                min == 0
            };
            if !go_on {
                self.derivation.route = Route::Paused;
                self.derivation.desired = 0;
                self.status.set(
                    now,
                    "ScalingActive",
                    ConditionStatus::False,
                    "ScalingDisabled",
                    "scaling is disabled since the replica count of the target is zero",
                );
                if profile.knows_scaled_to_zero() && !profile.scale_to_zero() {
                    self.status.remove("ScaledToZero");
                }
                self.end = End::Decided { rescale: None, error: None };
                return;
            }
        } else if current > max {
            self.derivation.route = Route::AboveMax;
            self.decided(
                current,
                max,
                "Current number of replicas above Spec.MaxReplicas".to_owned(),
                true,
                None,
            );
            return;
        } else if current < min {
            self.derivation.route = Route::BelowMin;
            self.decided(current, min, BELOW_MIN.to_owned(), true, None);
            return;
        }
        self.derivation.route = Route::Metrics;
        self.with_metrics(scale, scaled_to_zero);
    }

    fn with_metrics(&mut self, scale: &'a Scale, scaled_to_zero: bool) {
        let chosen;
        let selected = match self.select(scale) {
            Ok(None) => Selected::All(self.inputs.pods),
            Ok(Some(pods)) => {
                chosen = pods;
                Selected::Some(&chosen)
            }
            Err(error) => {
                self.no_proposal(error);
                return;
            }
        };
        if let Err(error) = self.check_rivals(scale, selected) {
            self.no_proposal(error);
            return;
        }
        let turn = Turn {
            profile: self.profile,
            now: self.now,
            inputs: self.inputs,
            scale,
            selected,
            tolerance: tolerance(self.profile, self.inputs.hpa),
        };
        let joint = turn.compute(&mut self.events);
        self.metric_calls = joint.calls;
        self.metrics = joint.statuses;
        self.derivation.metrics = joint.derivations;
        self.derivation.winner = joint.winner;
        let Some((proposal, name)) = joint.proposal else {
            if let Some((reason, message)) = joint.condition {
                self.status.set(self.now, "ScalingActive", ConditionStatus::False, reason, message);
            }
            self.no_proposal(joint.error.unwrap_or_default());
            return;
        };
        if self.inputs.hpa.spec.metrics.is_empty() {
            self.status.set(self.now, "", ConditionStatus::Blank, "", "");
        } else {
            let message = format!("the HPA was able to successfully calculate a replica count from {name}");
            self.status.set(self.now, "ScalingActive", ConditionStatus::True, "ValidMetricFound", message);
        }
        self.derivation.proposal = Some(proposal);
        let current = scale.spec_replicas;
        let wanted = proposal.max(0);
        let mut reason = if wanted > current {
            format!("{name} above target")
        } else if wanted < current {
            "All metrics below target".to_owned()
        } else {
            String::new()
        };
        let mut desired = self.normalize(current, wanted);
        let min = self.derivation.min;
        if current == 0 && min != 0 && scaled_to_zero && desired < min {
            self.derivation.limits.push(LimitStep::Min { from: desired, to: min });
            desired = min;
            if reason.is_empty() {
                reason = BELOW_MIN.to_owned();
            }
        }
        self.decided(current, desired, reason, desired != current, joint.error);
    }

    fn no_proposal(&mut self, error: String) {
        self.derivation.failure = Some(error.clone());
        self.end = End::NoProposal { error };
    }

    fn decided(&mut self, current: i32, desired: i32, reason: String, rescale: bool, error: Option<String>) {
        let desired = if rescale { desired } else { current };
        self.derivation.desired = desired;
        let rescale = rescale.then_some(Rescale { to: desired, reason, puts: 0, error: None });
        self.end = End::Decided { rescale, error };
    }

    /// Windows and limits.
    fn normalize(&mut self, current: i32, wanted: i32) -> i32 {
        let (now, settings) = (self.now, &self.profile.settings);
        let recommendations = self.state.recommendations.get_or_insert_default();
        let bounds = Bounds { current, min: self.derivation.min, max: self.derivation.max };
        let steps = &mut self.derivation.limits;
        let (stabilized, held, (desired, limit)) = match &self.inputs.hpa.spec.behavior {
            None => {
                let window = settings.downscale_stabilization;
                let stabilized = limits::stabilize(now, window, recommendations, wanted, steps);
                (stabilized, HELD_UP, limits::limit(settings, bounds, stabilized, steps))
            }
            Some(behavior) => {
                let defaults = DefaultPolicies::default();
                let up = Rules::up(behavior, &defaults);
                let down = Rules::down(behavior, &defaults, settings);
                let windows = (up.window, down.window);
                let stabilized =
                    limits::stabilize_with_behavior(now, windows, recommendations, current, wanted, steps);
                let held = if wanted >= current { HELD_DOWN } else { HELD_UP };
                let events = (self.state.scale_ups.as_slice(), self.state.scale_downs.as_slice());
                let limited =
                    limits::limit_with_behavior(now, bounds, stabilized, events, (&up, &down), steps);
                (stabilized, held, limited)
            }
        };
        let (reason, message) = if stabilized == wanted {
            ("ReadyForNewScale", "recommended size matches current size")
        } else {
            held
        };
        self.status.set(now, "AbleToScale", ConditionStatus::True, reason, message);
        let limited = if desired == stabilized { ConditionStatus::False } else { ConditionStatus::True };
        self.status.set(now, "ScalingLimited", limited, limit.reason, limit.message);
        desired
    }
}

const BELOW_MIN: &str = "Current number of replicas below Spec.MinReplicas";
const HELD_UP: (&str, &str) = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);
const HELD_DOWN: (&str, &str) = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);

/// The tolerances of an HPA: its own where the version honours them, else the controller's.
fn tolerance(profile: &Profile, hpa: &crate::inputs::Hpa) -> Tolerance {
    let global = profile.settings.tolerance;
    let behavior = hpa.spec.behavior.as_ref().filter(|_| profile.configurable_tolerance());
    let own = |rules: Option<&crate::spec::ScalingRules>| {
        rules.and_then(|rules| rules.tolerance).map_or(global, |tolerance| tolerance.as_f64())
    };
    Tolerance {
        down: own(behavior.and_then(|behavior| behavior.scale_down.as_ref())),
        up: own(behavior.and_then(|behavior| behavior.scale_up.as_ref())),
        by_bounds: profile.tolerance_by_bounds(),
    }
}
