//! A scenario: one HPA, and what changes around it from turn to turn.
//!
//! Not a simulation of the workload: pods, sizes and metrics are given, only what the controller itself writes
//! carries over.
//!
//! **Invariant:** what a step does not mention stays as it was; what a turn wrote with success is what the next sees.

use crate::decide::{Decision, decide};
use crate::inputs::{Hpa, Inputs, MetricAnswer, OtherHpa, Pod, PutError, Replies, Scale, ScaleError};
use crate::profile::Profile;
use crate::spec::HpaSpec;
use crate::state::State;
use crate::time::{Span, Time};

/// One HPA over several turns. The first turn is at the origin of time plus its own `advance`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The controller.
    pub profile: Profile,
    /// The object before the first turn.
    pub hpa: Hpa,
    /// Other HPAs of the namespace.
    pub others: Vec<OtherHpa>,
    /// The turns.
    pub steps: Vec<Step>,
}

/// What changes before a turn, and how the API server answers in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// Time since the turn before.
    pub advance: Span,
    /// The controller lost its memory.
    pub restart: bool,
    /// The object was edited: its generation and spec.
    pub edit: Option<(i64, HpaSpec)>,
    /// Somebody set the target's size.
    pub spec_replicas: Option<i32>,
    /// The target has so many pods.
    pub status_replicas: Option<i32>,
    /// The target's selector.
    pub selector: Option<String>,
    /// The scale cannot be read in this turn.
    pub scale_error: Option<ScaleError>,
    /// How writes of the scale are answered in this turn; those beyond the list succeed.
    pub puts: Vec<PutError>,
    /// The pods.
    pub pods: Option<Vec<Pod>>,
    /// What the metrics APIs answer, one per metric of the spec.
    pub metrics: Option<Vec<MetricAnswer>>,
    /// The write of the status fails in this turn.
    pub status_error: Option<String>,
}

/// A turn that was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Its instant.
    pub now: Time,
    /// The object as the turn saw it.
    pub hpa: Hpa,
    /// The scale as the turn saw it.
    pub scale: Scale,
    /// What it did.
    pub decision: Decision,
    /// The controller's memory after it.
    pub state: State,
}

/// The turns of a scenario, one after the other.
#[derive(Debug)]
pub struct Play<'a> {
    scenario: &'a Scenario,
    at: usize,
    now: Time,
    hpa: Hpa,
    scale: Scale,
    pods: &'a [Pod],
    metrics: &'a [MetricAnswer],
    state: State,
}

impl Scenario {
    /// Plays it from its start.
    pub fn play(&self) -> Play<'_> {
        Play {
            scenario: self,
            at: 0,
            now: Time(0),
            hpa: self.hpa.clone(),
            scale: Scale::default(),
            pods: &[],
            metrics: &[],
            state: State::default(),
        }
    }
}

impl Iterator for Play<'_> {
    type Item = Played;

    fn next(&mut self) -> Option<Played> {
        let step = self.scenario.steps.get(self.at)?;
        self.at += 1;
        self.now = self.now + step.advance;
        if step.restart {
            self.state = State::default();
        }
        if let Some((generation, spec)) = &step.edit {
            self.hpa.generation = *generation;
            self.hpa.spec = spec.clone();
        }
        self.scale.spec_replicas = step.spec_replicas.unwrap_or(self.scale.spec_replicas);
        self.scale.status_replicas = step.status_replicas.unwrap_or(self.scale.status_replicas);
        if let Some(selector) = &step.selector {
            self.scale.selector.clone_from(selector);
        }
        self.pods = step.pods.as_deref().unwrap_or(self.pods);
        self.metrics = step.metrics.as_deref().unwrap_or(self.metrics);
        let inputs = Inputs {
            hpa: &self.hpa,
            scale: step.scale_error.as_ref().map_or(Ok(&self.scale), Err),
            pods: self.pods,
            others: &self.scenario.others,
            metrics: self.metrics,
        };
        let replies = Replies { puts: &step.puts, status_error: step.status_error.as_deref() };
        let state = std::mem::take(&mut self.state);
        let (decision, state) = decide(&self.scenario.profile, state, self.now, &inputs, &replies);
        self.state = state.clone();
        let played =
            Played { now: self.now, hpa: self.hpa.clone(), scale: self.scale.clone(), decision, state };
        let decision = &played.decision;
        if let Some(rescale) = decision.rescale.as_ref().filter(|rescale| rescale.error.is_none()) {
            self.scale.spec_replicas = rescale.to;
        }
        if decision.status_changed && decision.status_error.is_none() {
            self.hpa.status = decision.status.clone();
        }
        Some(played)
    }
}
