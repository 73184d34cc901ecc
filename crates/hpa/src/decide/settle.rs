//! The end of a turn: what became of the writes, and the status, events and memory that follow from it.
//!
//! Not the decision itself, which `decide` made before anything was written.
//!
//! **Invariant:** a size that was refused leaves no trace in the memory of rescales, nor in `lastScaleTime`.

use super::{Decision, End, Plan, Rescale};
use crate::inputs::ScaleWrite;
use crate::limits::{self, DefaultPolicies, Rules};
use crate::state::State;
use crate::status::{ConditionStatus, Event, EventKind};

impl Plan<'_> {
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
