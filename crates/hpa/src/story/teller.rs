//! What has been told up to a line of a story, and the lines that stand before the first turn as well as in one.
//!
//! Not the order of turns.
//!
//! **Invariant:** what a line tells holds until another one tells it anew.

use std::collections::HashMap;

use plimsoll_model::selector::Selector;

use super::advice::{nearest, one_of};
use super::answers::{self, Answer, text_cost};
use super::lines::Line;
use super::metric::{self, Source};
use super::pods::{Budget, Pods};
use super::words::{Read, Word, Words, error};
use super::{Place, StoryError, Turn};
use crate::inputs::{Hpa, MetricAnswer, OtherHpa, Phase};
use crate::profile::Profile;
use crate::scenario::Step;
use crate::time::Time;

/// What has been told so far.
pub(super) struct Teller {
    pub(super) profile: Profile,
    pub(super) hpa: Option<Hpa>,
    pub(super) others: Vec<OtherHpa>,
    pub(super) sources: Vec<Source>,
    pub(super) answers: Vec<Option<Answer>>,
    pub(super) pods: Pods,
    pub(super) selector: (String, Option<Selector>),
    /// `status replicas`, once they are told; otherwise they are counted.
    pub(super) status_replicas: Option<i32>,
    /// The line on which the present turn begins; 0 before the first.
    pub(super) block: u32,
    /// The lines that told what since the last turn.
    pub(super) said: HashMap<String, u32>,
    pub(super) budget: Budget,
    pub(super) now: Time,
    /// What the next step changes.
    pub(super) step: Step,
    pub(super) answers_changed: bool,
    pub(super) steps: Vec<Step>,
    pub(super) turns: Vec<Turn>,
}

impl Teller {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            hpa: None,
            others: Vec::new(),
            sources: Vec::new(),
            answers: Vec::new(),
            pods: Pods::default(),
            selector: (String::new(), None),
            status_replicas: None,
            block: 0,
            said: HashMap::new(),
            budget: Budget::whole(),
            now: Time(0),
            step: Step::default(),
            answers_changed: true,
            steps: Vec::new(),
            turns: Vec::new(),
        }
    }

    pub(super) fn once(&mut self, what: impl Into<String>, place: Place) -> Read<()> {
        let what = what.into();
        match self.said.get(&what) {
            Some(line) => error(place, format!("{what} is told twice, first on line {line}")),
            None => {
                self.said.insert(what, place.line);
                Ok(())
            }
        }
    }

    pub(super) fn hpa_at(&mut self, place: Place) -> Read<&mut Hpa> {
        match &mut self.hpa {
            Some(hpa) => Ok(hpa),
            None => error(
                place,
                "the hpa comes before this: 'hpa web: 2 to 10 replicas of Deployment/web', with metrics under it",
            ),
        }
    }

    /// A line that stands before the first turn as well as in one.
    pub(super) fn world(&mut self, line: &Line<'_>, known: &[&str]) -> Read<()> {
        let mut words = line.words.clone();
        let place = words.place();
        let now = self.now;
        match (words.peek(), words.peek_second()) {
            ("template", "") => {
                self.once("the template", place)?;
                return self.pods.template(line);
            }
            ("pods", second) if second != "metric" => {
                words.expect("pods")?;
                self.once("the list of pods", place)?;
                let target = self.hpa_at(place)?.spec.scale_target_ref.name.clone();
                self.pods.anew(words, &target, now, &mut self.budget)?;
            }
            ("pod", _) => {
                words.expect("pod")?;
                self.hpa_at(place)?;
                return self.pods.single(line, words, now, &mut self.budget);
            }
            ("no", "pod") => {
                words.expect("no")?;
                words.expect("pod")?;
                self.pods.gone(words, &mut self.budget)?;
            }
            ("status", "replicas") => {
                words.expect("status")?;
                words.expect("replicas")?;
                self.once("the replicas of the status", place)?;
                let replicas = words.replicas()?;
                words.end()?;
                self.status_replicas = Some(replicas);
                self.step.status_replicas = Some(replicas);
            }
            ("selector", _) => {
                words.expect("selector")?;
                self.once("the selector", place)?;
                self.hpa_at(place)?;
                if self.said.get("the list of pods").is_some_and(|line| *line >= self.block) {
                    return error(place, "pods are labelled for the selector: write it before them");
                }
                self.selector = selector_text(&mut words)?;
                self.pods.label_for(self.selector.1.as_ref());
                self.step.selector = Some(self.selector.0.clone());
            }
            _ => self.metric(words, known)?,
        }
        line.alone()
    }

    /// `queue_depth is 45`.
    pub(super) fn metric(&mut self, mut words: Words<'_>, known: &[&str]) -> Read<()> {
        let place = words.place();
        let word = words.peek();
        let reference = metric::reference(&mut words);
        let follows = matches!(words.peek(), "is" | "fails");
        let reference = match reference {
            Ok(reference) if follows => reference,
            Ok(_) if self.sources.iter().any(|source| source.name() == word) => {
                return words.choose("'is' or 'fails'", &["is", "fails"]).map(drop);
            }
            // Not said of a metric: the first word is the mistake, if there is a better one.
            _ if known.contains(&word) => {
                let text =
                    format!("'{}' is not known here, although lines may begin with '{word}'", words.whole());
                return error(place, text);
            }
            _ => {
                let names = self.sources.iter().map(Source::name);
                let near = nearest(word, known.iter().copied().chain(names));
                let hint = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("write {}, or 'METRIC is VALUE'", one_of(known)),
                };
                return error(place, format!("'{word}' begins no line here: {hint}"));
            }
        };
        self.hpa_at(place)?;
        let metrics = reference.among(&self.sources)?;
        let source = &self.sources[metrics[0]];
        let what = source.words();
        let answer = answers::answer(&mut words, source, &mut self.budget)?;
        self.once(format!("what '{what}' is (metric {})", metrics[0] + 1), place)?;
        self.answers_changed = true;
        for at in metrics {
            self.answers[at] = Some(answer.clone());
        }
        Ok(())
    }

    /// The step of the turn that is now, and makes ready for the next.
    pub(super) fn emit(&mut self, place: Place) -> Read<Step> {
        let mut step = std::mem::take(&mut self.step);
        let begins = self.turns.is_empty();
        if self.status_replicas.is_none() && (self.pods.changed || step.selector.is_some() || begins) {
            step.status_replicas = Some(self.count());
        }
        if self.pods.changed || begins {
            self.budget.parts(self.pods.list().len(), place)?;
            step.pods = Some(self.pods.list().to_vec());
        }
        if begins {
            let counted = step.status_replicas.unwrap_or_default();
            step.spec_replicas = Some(step.spec_replicas.unwrap_or(counted));
            step.selector = Some(self.selector.0.clone());
        }
        let of_time = self.answers.iter().flatten().any(|answer| matches!(answer, Answer::Pods(_)));
        if of_time || self.answers_changed {
            let mut answers = Vec::with_capacity(self.answers.len());
            for answer in &self.answers {
                answers.push(match answer {
                    Some(answer) => {
                        answer.at(place, self.now, &self.pods, self.selector.1.as_ref(), &mut self.budget)?
                    }
                    None => MetricAnswer::Failed("the story has not told what this metric is".to_owned()),
                });
            }
            step.metrics = Some(answers);
        }
        for text in step.puts.iter().map(|put| &put.message).chain(&step.status_error) {
            self.budget.values(text_cost(text), place)?;
        }
        self.answers_changed = false;
        self.pods.turn_ends();
        Ok(step)
    }

    /// Pods that `status.replicas` of a scale counts: those of the selector that neither ended nor are going.
    pub(super) fn count(&self) -> i32 {
        let Some(selector) = &self.selector.1 else { return 0 };
        let pods = self.pods.list().iter().filter(|pod| {
            !pod.deleting
                && !matches!(pod.phase, Phase::Failed | Phase::Succeeded)
                && selector.matches(|key| pod.labels.get(key).map(String::as_str))
        });
        pods.count() as i32
    }
}

/// A selector to the end of the line; one that is broken, or empty, in quotes.
pub(super) fn selector_text(words: &mut Words<'_>) -> Read<(String, Option<Selector>)> {
    if words.peek() == "\"" {
        let text = words.quoted("a selector")?;
        let selector = Selector::parse(&text).ok().filter(|_| !text.is_empty());
        words.end()?;
        return Ok((text, selector));
    }
    let Word { text, place } = words.rest();
    match Selector::parse(text) {
        Ok(selector) if !text.is_empty() => Ok((text.to_owned(), Some(selector))),
        Ok(_) => error(place, "a selector such as app=web is due here; an empty one is written \"\""),
        Err(refused) => Err(StoryError {
            place,
            message: format!(
                "'{text}' is no selector: {refused}; if the story is about that, put it in quotes"
            ),
        }),
    }
}

/// An instant as it would be written.
pub(super) fn shown(time: Time) -> String {
    plimsoll_model::duration::format_go(time.0)
}
