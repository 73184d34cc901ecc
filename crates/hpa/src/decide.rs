//! One turn from inputs to decision, in the order of `reconcileAutoscaler` (`horizontal.go`).
//!
//! Not the writing: [`plan`] says what to write, [`Plan::settle`] hears how it went.
//!
//! **Invariant:** conditions and events come in upstream's order; recommendations are stored only when metrics
//! could be computed, rescales only when they were accepted.

use plimsoll_model::selector::Selector;
use serde::Serialize;

use crate::derivation::{Derivation, LimitStep, Route};
use crate::inputs::{Inputs, Pod, Replies, Scale, ScaleError, ScaleWrite};
use crate::label_selector::in_words_of;
use crate::limits::{self, Bounds, DefaultPolicies, Rules};
use crate::multi::{Selected, Turn};
use crate::per_pod::Tolerance;
use crate::profile::Profile;
use crate::state::{Recommendation, State};
use crate::status::{ConditionStatus, Event, EventKind, HpaStatus, MetricStatus};
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

    /// The pods that the scale's selector gives; `None`: all of them.
    fn select(&mut self, scale: &Scale) -> Result<Option<Vec<&'a Pod>>, String> {
        if scale.selector.is_empty() {
            self.events.push(Event::warning("SelectorRequired", "selector is required"));
            let message = "the HPA target's scale is missing a selector";
            self.status.set(self.now, "ScalingActive", ConditionStatus::False, "InvalidSelector", message);
            return Err("selector is required".to_owned());
        }
        let known = self.state.selector.as_ref().is_some_and(|(text, _)| *text == scale.selector);
        if !known {
            match Selector::parse(&scale.selector) {
                Ok(selector) => self.state.selector = Some((scale.selector.clone(), selector)),
                Err(error) => {
                    let error = in_words_of(self.profile, &error);
                    let error = format!(
                        "couldn't convert selector into a corresponding internal selector object: {error}"
                    );
                    self.events.push(Event::warning("InvalidSelector", error.clone()));
                    self.status.set(
                        self.now,
                        "ScalingActive",
                        ConditionStatus::False,
                        "InvalidSelector",
                        error.clone(),
                    );
                    return Err(error);
                }
            }
        }
        let Some((_, selector)) = &self.state.selector else { return Ok(None) };
        let pods = self.inputs.pods;
        Ok(match pods.iter().position(|pod| !matches(selector, pod)) {
            None => None,
            Some(first) => {
                let rest = pods[first..].iter().filter(|pod| matches(selector, pod));
                Some(pods[..first].iter().chain(rest).collect())
            }
        })
    }

    /// Other HPAs that select one of the same pods.
    fn check_rivals(&mut self, scale: &Scale, selected: Selected<'_>) -> Result<(), String> {
        let hpa = self.inputs.hpa;
        let rivals = self.inputs.others.iter().filter(|other| {
            other.selector.as_ref().is_some_and(|selector| selected.iter().any(|pod| matches(selector, pod)))
        });
        let most = if self.profile.names_two_rivals() { 1 } else { usize::MAX };
        let mut names: Vec<&str> = rivals.take(most).map(|rival| rival.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        names.push(&hpa.name);
        // Upstream's order is random.
        names.sort_unstable();
        let keys: Vec<_> = names.iter().map(|name| format!("{}/{name}", hpa.namespace)).collect();
        let (selector, keys) = (&scale.selector, keys.join(" "));
        let error = if self.profile.names_two_rivals() {
            format!("pods by selector {selector} are controlled by more than one HPA (e.g. [{keys}])")
        } else {
            format!("pods by selector {selector} are controlled by multiple HPAs: [{keys}]")
        };
        self.events.push(Event::warning("AmbiguousSelector", error.clone()));
        self.status.set(
            self.now,
            "ScalingActive",
            ConditionStatus::False,
            "AmbiguousSelector",
            error.clone(),
        );
        Err(error)
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

    /// Ends the turn with what became of its writes: that of the scale (if [`Plan::rescale`] asked for one) and that
    /// of the status (`None`: it succeeded, or was not needed).
    pub fn settle(mut self, write: &ScaleWrite, status_error: Option<&str>) -> (Decision, State) {
        let end = std::mem::replace(&mut self.end, End::NoScale { error: String::new() });
        match end {
            End::NoScale { error } => {
                let (changed, status_error) = self.write_status(status_error);
                self.finish(None, changed, status_error, Some(error))
            }
            End::NoProposal { error } => {
                self.fill_status(None);
                let (changed, status_error) = self.write_status(status_error);
                let context = "failed to compute desired number of replicas based on listed metrics for";
                let returned = format!("{context} {}: {error}", self.reference());
                self.events.push(Event::warning("FailedComputeMetricsReplicas", error));
                self.finish(None, changed, status_error, Some(returned))
            }
            End::Decided { rescale: None, error } => self.written(None, status_error, error),
            End::Decided { rescale: Some(rescale), error } => match write {
                ScaleWrite::Accepted { puts } => {
                    let rescale = Rescale { puts: *puts, ..rescale };
                    self.rescaled(&rescale);
                    self.written(Some(rescale), status_error, error)
                }
                ScaleWrite::Refused { puts, error } => {
                    let Rescale { to, reason, .. } = &rescale;
                    let event = format!("New size: {to}; reason: {reason}; error: {error}");
                    self.events.push(Event::warning("FailedRescale", event));
                    let message =
                        format!("the HPA controller was unable to update the target scale: {error}");
                    self.status.set(
                        self.now,
                        "AbleToScale",
                        ConditionStatus::False,
                        "FailedUpdateScale",
                        message,
                    );
                    self.fill_status(None);
                    let (changed, status_error) = self.write_status(status_error);
                    let returned = format!("failed to rescale {}: {error}", self.reference());
                    let rescale = Rescale { puts: *puts, error: Some(error.clone()), ..rescale };
                    self.finish(Some(rescale), changed, status_error, Some(returned))
                }
            },
        }
    }

    fn rescaled(&mut self, rescale: &Rescale) {
        let (now, current, to) = (self.now, self.derivation.current, rescale.to);
        let message = format!("the HPA controller was able to update the target scale to {to}");
        self.status.set(now, "AbleToScale", ConditionStatus::True, "SucceededRescale", message);
        let message = format!("New size: {to}; reason: {}", rescale.reason);
        self.events.push(Event { kind: EventKind::Normal, reason: "SuccessfulRescale", message });
        let spec = &self.inputs.hpa.spec;
        if let Some(behavior) = &spec.behavior {
            let defaults = DefaultPolicies::default();
            let up = Rules::up(behavior, &defaults);
            let down = Rules::down(behavior, &defaults, &self.profile.settings);
            let events = (&mut self.state.scale_ups, &mut self.state.scale_downs);
            limits::store_rescale(now, (&up, &down), events, current, to);
        }
        if !self.profile.knows_scaled_to_zero() {
            return;
        }
        if !self.profile.scale_to_zero() {
            self.status.remove("ScaledToZero");
        } else if current > 0 && to == 0 && spec.min() == 0 && spec.has_metric_without_pods() {
            let message = "the HPA controller scaled the workload to zero";
            self.status.set(now, "ScaledToZero", ConditionStatus::True, "ScaledToZero", message);
        } else {
            let message = "the HPA controller did not scale the workload to zero";
            self.status.set(now, "ScaledToZero", ConditionStatus::False, "NotScaledToZero", message);
        }
    }

    fn written(
        mut self,
        rescale: Option<Rescale>,
        status_error: Option<&str>,
        error: Option<String>,
    ) -> (Decision, State) {
        self.fill_status(Some(rescale.is_some()));
        let (changed, status_error) = self.write_status(status_error);
        let error = match &status_error {
            Some(text) => Some(format!("failed to update status for {}: {text}", self.inputs.hpa.name)),
            None => error,
        };
        self.finish(rescale, changed, status_error, error)
    }

    /// `decided`: whether it rescaled; `None` keeps the desired size of the last turn.
    fn fill_status(&mut self, decided: Option<bool>) {
        self.status.current_replicas = self.derivation.current;
        if decided.is_some() {
            self.status.desired_replicas = self.derivation.desired;
        }
        self.status.current_metrics = std::mem::take(&mut self.metrics);
        self.status.observed_generation =
            self.profile.observes_generation().then_some(self.inputs.hpa.generation);
        if decided == Some(true) {
            self.status.last_scale_time = Some(self.now);
        }
    }

    /// Whether the status is written, and the error of that.
    fn write_status(&mut self, error: Option<&str>) -> (bool, Option<String>) {
        let changed = self.status != self.inputs.hpa.status;
        let error = error.filter(|_| changed);
        if let Some(error) = error {
            self.events.push(Event::warning("FailedUpdateStatus", error));
        }
        (changed, error.map(str::to_owned))
    }

    fn finish(
        self,
        rescale: Option<Rescale>,
        status_changed: bool,
        status_error: Option<String>,
        error: Option<String>,
    ) -> (Decision, State) {
        let decision = Decision {
            rescale,
            status: self.status,
            status_changed,
            status_error,
            events: self.events,
            metric_calls: self.metric_calls,
            error,
            derivation: self.derivation,
        };
        (decision, self.state)
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

fn matches(selector: &Selector, pod: &Pod) -> bool {
    selector.matches(|key| pod.labels.get(key).map(String::as_str))
}

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
