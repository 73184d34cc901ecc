//! From a scenario back to a story.
//!
//! Not the words that a person would choose: pods are told one by one, and every value of them.
//!
//! **Invariant:** what is told reads into a scenario in which the controller does the same; what cannot be told is an
//! error, never something else.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use plimsoll_model::duration::format_go;
use plimsoll_model::selector::Selector;

use super::Story;
use super::expect::Expectation;
use super::metric::Source;
use super::phrase::{self, quoted};
use super::pods::labels_for;
use crate::decide::Decision;
use crate::inputs::{Labels, MetricAnswer, Phase, Pod, Sample, ScaleError};
use crate::profile::Profile;
use crate::scenario::{Played, Scenario, Step};
use crate::status::HpaStatus;
use crate::time::{Span, Time};

/// Why a scenario cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// Something for which stories have no words, mostly because the API server would refuse it.
    #[error("stories have no words for {0}")]
    NoWords(String),
    /// What was told does not read.
    #[error("what was told does not read, as when it is longer than a story may be")]
    Unreadable(#[from] super::StoryError),
    /// The controller would do something else in what was told.
    #[error("in what was told, the turn at {at} goes another way: {found}")]
    Different {
        /// The instant of the turn on the story's clock.
        at: String,
        /// What it does there.
        found: String,
    },
}

type Told<T> = Result<T, TellError>;

pub(super) fn no_words<T>(what: impl Into<String>) -> Told<T> {
    Err(TellError::NoWords(what.into()))
}

/// What a scenario tells, as a story; `expected` has the expectations of each turn.
///
/// # Errors
/// Scenarios that stories have no words for, and turns without an expectation.
pub fn tell(about: &str, scenario: &Scenario, expected: &[Vec<Expectation>]) -> Told<String> {
    let mut writer = Writer {
        text: String::new(),
        scenario,
        now: Time(0),
        labels: Labels::new(),
        template: template(scenario)?,
        told: Vec::new(),
    };
    writer.whole(about, expected)?;
    let text = writer.text;
    let story = Story::read(&text)?;
    let mut plays = scenario.play().zip(story.scenario.play());
    // Not the whole of a decision: a ratio in its derivation may be no number, which equals nothing.
    let differs = |(ours, told): &(Played, Played)| {
        let done = |played: &Played| {
            let Decision { rescale, status, events, metric_calls, error, .. } = played.decision.clone();
            (rescale, status, events, metric_calls, error, played.state.clone())
        };
        done(ours) != done(told)
    };
    match plays.find(differs) {
        None => Ok(text),
        Some((_, told)) => {
            Err(TellError::Different { at: format_go(told.now.0), found: told.decision.to_string() })
        }
    }
}

struct Writer<'a> {
    text: String,
    scenario: &'a Scenario,
    now: Time,
    /// What new pods are labelled with.
    labels: Labels,
    /// What most pods are made of; empty where pods are told with all they have.
    template: Vec<String>,
    /// The last line on each metric.
    told: Vec<String>,
}

impl<'a> Writer<'a> {
    fn line(&mut self, indent: usize, words: impl AsRef<str>) {
        let _ = writeln!(self.text, "{:indent$}{}", "", words.as_ref());
    }

    fn whole(&mut self, about: &str, expected: &[Vec<Expectation>]) -> Told<()> {
        for line in about.lines() {
            self.line(0, format!("# {line}"));
        }
        self.profile()?;
        let hpa = &self.scenario.hpa;
        for other in &self.scenario.others {
            let selector = match &other.selector {
                None => "nothing".to_owned(),
                Some(selector) => quoted(&selector.to_string()),
            };
            self.line(0, format!("other hpa {} selects {selector}", phrase::name(&other.name)?));
        }
        self.line(0, "");
        let header = phrase::size_and_target(&hpa.spec)?;
        let (name, namespace) = (phrase::name(&hpa.name)?, phrase::name(&hpa.namespace)?);
        let namespace = if namespace == "default" { String::new() } else { format!(" in {namespace}") };
        self.line(0, format!("hpa {name}{namespace}: {header}"));
        if hpa.generation != 1 {
            self.line(2, format!("generation {}", hpa.generation));
        }
        for line in phrase::spec(&hpa.spec)? {
            self.line(2, line);
        }
        if hpa.status != HpaStatus::default() {
            self.status(&hpa.status)?;
        }
        self.line(0, "");
        let first = self.scenario.steps.first().cloned().unwrap_or_default();
        if !self.template.is_empty() {
            self.line(0, "template");
            for line in self.template.clone() {
                self.line(2, line);
            }
        }
        self.selector(0, first.selector.as_deref().unwrap_or_default());
        self.line(0, format!("replicas {}", first.spec_replicas.unwrap_or_default()));
        self.line(0, format!("status replicas {}", first.status_replicas.unwrap_or_default()));
        let mut spec = &hpa.spec;
        let (mut pods, mut metrics): (&[Pod], &[MetricAnswer]) = (&[], &[]);
        let mut selector = first.selector.clone().unwrap_or_default();
        for (at, step) in self.scenario.steps.iter().enumerate() {
            if step.advance <= Span(0) && at > 0 {
                return no_words("two turns at the same instant");
            }
            self.now = self.now + step.advance;
            self.line(0, "");
            self.line(0, format!("at {}", format_go(self.now.0)));
            if let Some((_, edited)) = &step.edit {
                spec = edited;
            }
            self.happenings(step, at == 0)?;
            if let Some(told) = &step.selector {
                selector.clone_from(told);
            }
            if let Some(list) = &step.pods {
                pods = list;
                self.pods(list)?;
            } else if at == 0 {
                self.line(2, "pods: none");
            }
            metrics = step.metrics.as_deref().unwrap_or(metrics);
            let sources = Source::all(spec);
            if sources.len() != spec.metrics.len() {
                return no_words("a metric without its source");
            }
            self.metrics(&sources, metrics, pods, Selector::parse(&selector).ok().as_ref())?;
            for expectation in expected.get(at).into_iter().flatten() {
                self.line(2, format!("-> {}", expectation.words(&sources)?));
            }
        }
        Ok(())
    }

    fn profile(&mut self) -> Told<()> {
        let profile = &self.scenario.profile;
        let version = format!("1.{}", profile.minor());
        self.line(0, format!("kubernetes {version}"));
        let Ok(defaults) = Profile::of_version(&version) else { return no_words("this version") };
        let gates = |profile: &Profile| {
            let gates = profile.gates;
            [
                ("HPAConfigurableTolerance", gates.configurable_tolerance),
                ("HPAScaleToZero", gates.scale_to_zero),
                ("PodLevelResources", gates.pod_level_resources),
                ("HPAGeneration", gates.generation),
                ("HPAOptimizedSelectorStore", gates.optimized_selector_store),
            ]
        };
        for ((name, set), (_, default)) in gates(profile).into_iter().zip(gates(&defaults)) {
            if set != default {
                self.line(0, format!("gate {name} {}", if set { "on" } else { "off" }));
            }
        }
        let (settings, default) = (&profile.settings, &defaults.settings);
        let limits = (settings.scale_up_limit_factor, settings.scale_up_limit_minimum);
        if limits != (default.scale_up_limit_factor, default.scale_up_limit_minimum) {
            return no_words("another limit of growth than the controller's");
        }
        let flags = [
            ("downscale-stabilization", settings.downscale_stabilization, default.downscale_stabilization),
            ("cpu-initialization-period", settings.cpu_initialization, default.cpu_initialization),
            ("initial-readiness-delay", settings.initial_readiness_delay, default.initial_readiness_delay),
        ];
        if settings.tolerance != default.tolerance {
            self.line(0, format!("flag --horizontal-pod-autoscaler-tolerance={}", settings.tolerance));
        }
        for (name, set, default) in flags {
            if set != default {
                self.line(0, format!("flag --horizontal-pod-autoscaler-{name}={}", format_go(set.0)));
            }
        }
        Ok(())
    }

    fn status(&mut self, status: &HpaStatus) -> Told<()> {
        if !status.current_metrics.is_empty() {
            return no_words("current metrics before the first turn");
        }
        self.line(0, "hpa status");
        self.line(2, format!("current replicas {}", status.current_replicas));
        self.line(2, format!("desired replicas {}", status.desired_replicas));
        if let Some(generation) = status.observed_generation {
            self.line(2, format!("observed generation {generation}"));
        }
        if let Some(time) = status.last_scale_time {
            self.line(2, format!("last scale {}", ago(Time(0), time)));
        }
        for condition in &status.conditions {
            let told = phrase::condition(condition);
            let Some(Expectation::Condition { kind, status, reason, message }) = told else {
                return no_words(format!("the condition {} {}", condition.kind, condition.reason));
            };
            let Some(since) = condition.last_transition_time else {
                return no_words("a condition without a time");
            };
            let (status, message) = (status.as_str(), quoted(&message.unwrap_or_default()));
            let since = ago(Time(0), since);
            self.line(2, format!("condition {kind} {status} {reason} {message} since {since}"));
        }
        Ok(())
    }

    fn selector(&mut self, indent: usize, text: &str) {
        let plain = text.trim() == text && !text.is_empty() && !text.contains(['#', '"', '\n', '\r', '\t']);
        let selector = Selector::parse(text).ok().filter(|_| !text.is_empty());
        let told = if plain && selector.is_some() { text.to_owned() } else { quoted(text) };
        self.labels = labels_for(selector.as_ref());
        self.line(indent, format!("selector {told}"));
    }

    fn happenings(&mut self, step: &Step, first: bool) -> Told<()> {
        if step.restart {
            self.line(2, "the controller restarts");
        }
        if let Some((generation, spec)) = &step.edit {
            self.line(2, format!("hpa edited: {}", phrase::size_and_target(spec)?));
            self.line(4, format!("generation {generation}"));
            for line in phrase::spec(spec)? {
                self.line(4, line);
            }
            if spec.behavior.is_none() {
                self.line(4, "no behavior");
            }
        }
        if !first {
            if let Some(replicas) = step.spec_replicas {
                self.line(2, format!("somebody scales to {replicas}"));
            }
            if let Some(replicas) = step.status_replicas {
                self.line(2, format!("status replicas {replicas}"));
            }
            if let Some(selector) = &step.selector {
                self.selector(2, selector);
            }
        }
        match &step.scale_error {
            Some(ScaleError::Get(error)) => self.line(2, format!("scale read fails {}", quoted(error))),
            Some(ScaleError::Mapping(error)) => self.line(2, format!("kind lookup fails {}", quoted(error))),
            None => {}
        }
        for put in &step.puts {
            let how = if put.conflict { "conflicts" } else { "fails" };
            self.line(2, format!("scale write {how} {}", quoted(&put.message)));
        }
        if let Some(error) = &step.status_error {
            self.line(2, format!("status write fails {}", quoted(error)));
        }
        Ok(())
    }

    /// The list anew; neighbours that are alike share a line.
    fn pods(&mut self, list: &[Pod]) -> Told<()> {
        self.line(2, "pods: none");
        let mut rest = list;
        while let Some(first) = rest.first() {
            let (state, parts) = (self.state(first)?, phrase::parts(first)?);
            let mut alike = 1;
            while let Some(pod) = rest.get(alike) {
                if !follows(&first.name, alike, &pod.name)
                    || self.state(pod)? != state
                    || phrase::parts(pod)? != parts
                {
                    break;
                }
                alike += 1;
            }
            let name = match (alike, rest.get(alike - 1)) {
                (2.., Some(last)) => format!("{} to {}", phrase::name(&first.name)?, last.name),
                _ => phrase::name(&first.name)?,
            };
            self.line(2, format!("pod {name}: {state}"));
            for line in parts.iter().filter(|_| parts != self.template).cloned().collect::<Vec<_>>() {
                self.line(4, line);
            }
            rest = &rest[alike..];
        }
        Ok(())
    }

    fn state(&self, pod: &Pod) -> Told<String> {
        let mut words = phrase::state(pod.phase, pod.ready.map(|(ready, _)| ready));
        if let Some((_, since)) = pod.ready.filter(|(_, since)| *since != Time::ZERO) {
            let _ = write!(words, " since {}", ago(self.now, since));
        }
        match (pod.started, pod.phase) {
            (None, Phase::Pending) | (Some(Time::ZERO), _) => {}
            (None, _) => words.push_str(" not started"),
            (Some(started), _) => {
                let _ = write!(words, " started {}", ago(self.now, started));
            }
        }
        if pod.deleting {
            words.push_str(" deleting");
        }
        if pod.labels != self.labels {
            if pod.labels.is_empty() {
                words.push_str(" unlabelled");
            } else {
                words.push_str(" labelled");
            }
            for (key, value) in &pod.labels {
                let _ = write!(words, " {key}={value}");
            }
        }
        Ok(words)
    }

    fn metrics(
        &mut self,
        sources: &[Source],
        answers: &[MetricAnswer],
        pods: &[Pod],
        selector: Option<&Selector>,
    ) -> Told<()> {
        let mut lines: Vec<String> = Vec::new();
        for (at, (source, answer)) in sources.iter().zip(answers).enumerate() {
            let mut before = sources.iter().zip(answers).take(at);
            if before.any(|(other, told)| other == source && told != answer) {
                return no_words("two answers to the same question");
            }
            let told = match (source, answer) {
                (_, MetricAnswer::Failed(error)) => format!("fails {}", quoted(error)),
                (Source::Object { .. }, MetricAnswer::Value(milli)) => {
                    format!("is {}", phrase::milli(*milli)?)
                }
                (Source::External { .. }, MetricAnswer::Values(values)) if values.is_empty() => {
                    "is nothing".into()
                }
                (Source::External { .. }, MetricAnswer::Values(values)) => {
                    let values: Vec<_> =
                        values.iter().map(|milli| phrase::milli(*milli)).collect::<Told<_>>()?;
                    format!("is {}", values.join(", "))
                }
                (Source::Resource { .. } | Source::Pods { .. }, MetricAnswer::Pods(samples)) => {
                    let samples: Vec<_> =
                        samples.iter().map(|(name, sample)| (name.as_ref(), *sample)).collect();
                    self.samples(&samples, pods, selector)?
                }
                _ => return no_words(format!("an answer to {} that is of another kind", source.name())),
            };
            lines.push(format!("{} {told}", phrase::metric(source)?));
        }
        // Metrics that ask the same question have one answer, and one line.
        for (at, line) in lines.iter().enumerate() {
            if !self.told.contains(line) && !lines[..at].contains(line) {
                self.line(2, line);
            }
        }
        self.told = lines;
        Ok(())
    }

    fn samples(&self, samples: &[(&str, Sample)], pods: &[Pod], selector: Option<&Selector>) -> Told<String> {
        let value = |sample: &Sample, on: &str| {
            let mut words = format!("{} on {on}", phrase::milli(sample.milli)?);
            if sample.time != self.now {
                let _ = write!(words, " measured {}", ago(self.now, sample.time));
            }
            if sample.window != Span::seconds(60) {
                let _ = write!(words, " over {}", format_go(sample.window.0));
            }
            Ok::<_, TellError>(words)
        };
        let Some((_, first)) = samples.first() else { return Ok("is nothing".to_owned()) };
        let runs = |pod: &&Pod| {
            let selected =
                |selector: &Selector| selector.matches(|key| pod.labels.get(key).map(String::as_str));
            pod.phase == Phase::Running && selector.is_some_and(selected)
        };
        let mut running: Vec<&str> = pods.iter().filter(runs).map(|pod| pod.name.as_ref()).collect();
        running.sort_unstable();
        let same = samples.iter().all(|(_, sample)| sample == first);
        if same && samples.iter().map(|(name, _)| *name).eq(running) {
            return Ok(format!("is {}", value(first, "each pod")?));
        }
        // Pods with the same value share a clause.
        let there: HashSet<&str> = pods.iter().map(|pod| pod.name.as_ref()).collect();
        let mut groups: Vec<(Sample, bool, Vec<String>)> = Vec::new();
        for (name, sample) in samples {
            let gone = !there.contains(name);
            let name = phrase::name(name)?;
            match groups.iter_mut().find(|(same, also, _)| (*same, *also) == (*sample, gone)) {
                Some((_, _, names)) => names.push(name),
                None => groups.push((*sample, gone, vec![name])),
            }
        }
        let clauses = groups.iter().map(|(sample, gone, names)| {
            let gone = if *gone { "gone " } else { "" };
            value(sample, &format!("{gone}{}", names.join(" and ")))
        });
        Ok(format!("is {}", clauses.collect::<Told<Vec<_>>>()?.join(", ")))
    }
}

/// `20s ago` or `20s ahead`.
fn ago(now: Time, then: Time) -> String {
    let span = now.since(then).0;
    let way = if span < 0 { "ahead" } else { "ago" };
    format!("{} {way}", format_go(span.saturating_abs()))
}

/// Whether `name` is `first` with its number grown by `by`, which then tells both.
fn follows(first: &str, by: usize, name: &str) -> bool {
    let prefix = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &first[prefix.len()..];
    let number = digits.parse::<u32>().ok().filter(|_| digits == "0" || !digits.starts_with('0'));
    let plain = phrase::name(first).is_ok_and(|told| told == first);
    number
        .and_then(|number| number.checked_add(by as u32))
        .is_some_and(|next| plain && format!("{prefix}{next}") == name)
}

/// The lines of what most pods are made of, or none if some pods are made of nothing.
fn template(scenario: &Scenario) -> Told<Vec<String>> {
    let mut counts: HashMap<Vec<String>, usize> = HashMap::new();
    for pod in scenario.steps.iter().flat_map(|step| step.pods.iter().flatten()) {
        *counts.entry(phrase::parts(pod)?).or_default() += 1;
    }
    if counts.contains_key(&Vec::new()) {
        return Ok(Vec::new());
    }
    let most = counts.into_iter().max_by(|(a, times), (b, than)| times.cmp(than).then_with(|| b.cmp(a)));
    Ok(most.map(|(parts, _)| parts).unwrap_or_default())
}
