//! A story from its first line to its last: what is there before the first turn, and the turns.
//!
//! Not the words of single lines; those are in the modules beside this one.
//!
//! **Invariant:** a line changes what is told from its turn on; only answers to reads and writes are for one turn.

use std::sync::Arc;

use super::before::version;
use super::expect::{self, About, Expected};
use super::hpa;
use super::lines::{self, Line};
use super::metric::Source;
use super::teller::{Teller, shown};
use super::words::{Read, Words, error};
use super::{LIMITS, Place, Story, Turn};
use crate::inputs::{PutError, ScaleError};
use crate::scenario::{Scenario, Step};
use crate::time::{Span, Time};

/// First words of a turn.
pub(super) const DURING: [&str; 12] =
    ["the", "hpa", "template", "pods", "pod", "no", "somebody", "status", "selector", "scale", "kind", "->"];
/// Most answers to writes of the scale that one turn is told; the controller writes at most five times.
const MOST_PUTS: usize = 16;

pub(super) fn read(text: &str) -> Read<Story> {
    let lines = lines::lines(text)?;
    let start = Place { line: 1, column: 1 };
    let mut lines = lines.iter();
    let Some(first) = lines.next() else {
        return error(start, "the story is empty: begin it with 'kubernetes 1.37' and an hpa block");
    };
    let mut teller = Teller::new(version(first)?);
    let mut last = first;
    for line in lines {
        last = line;
        let mut words = line.words.clone();
        if words.accept("at") {
            teller.turn(line, words)?;
        } else if teller.turns.is_empty() {
            teller.before(line)?;
        } else {
            let text = "turns have begun: write an 'at' line with a later time, and indent what happens then under it";
            return error(line.words.place(), text);
        }
    }
    let (Some(hpa), false) = (teller.hpa, teller.turns.is_empty()) else {
        let text = "the story has no turn: add 'at 0s' with '-> stays at 3' or the like indented under it";
        return error(last.words.place(), text);
    };
    let scenario = Scenario { profile: teller.profile, hpa, others: teller.others, steps: teller.steps };
    Ok(Story { about: lines::opening_comment(text), scenario, turns: teller.turns })
}

impl Teller {
    /// An `at` line and what is indented under it.
    fn turn(&mut self, line: &Line<'_>, mut words: Words<'_>) -> Read<()> {
        let place = line.words.place();
        self.hpa_at(place)?;
        let first = Time(0) + words.duration("a time such as 15s")?;
        if !self.turns.is_empty() && first <= self.now {
            let text = format!("turns go forward in time, and this is not after {}", shown(self.now));
            return error(place, text);
        }
        let (mut every, mut until) = (Span(0), first);
        if words.accept("every") {
            let place = words.place();
            every = words.duration("a time such as 15s")?;
            words.expect("until")?;
            until = Time(0) + words.duration("a time such as 5m")?;
            if every == Span(0) || until <= first {
                return error(place, "turns repeat after some time, until a later one");
            }
        }
        words.end()?;
        let before = self.now;
        self.now = first;
        self.block = place.line;
        let expected = self.under(line)?;
        if expected.is_empty() {
            let text =
                format!("the turn at {} expects nothing: add a line such as '-> stays at 3'", shown(first));
            return error(place, text);
        }
        self.first_turn_is_complete(place)?;
        for answer in self.answers.iter().flatten().filter(|_| self.answers_changed) {
            answer.fits(&self.pods)?;
        }
        let untold = self.sources.iter().zip(&self.answers).filter(|(_, answer)| answer.is_none());
        let untold: Arc<[String]> = untold.map(|(source, _)| source.words()).collect();
        let expected: Arc<[Expected]> = expected.into();
        self.step.advance = first.since(before);
        let mut now = first;
        loop {
            if self.turns.len() == LIMITS.turns {
                return error(place, format!("a story has at most {} turns", LIMITS.turns));
            }
            self.now = now;
            let step = self.emit(place)?;
            let next = Step {
                advance: every,
                scale_error: step.scale_error.clone(),
                puts: step.puts.clone(),
                status_error: step.status_error.clone(),
                ..Step::default()
            };
            self.steps.push(step);
            let (expected, untold) = (Arc::clone(&expected), Arc::clone(&untold));
            self.turns.push(Turn { place, now, expected, untold });
            now = now + every;
            if every == Span(0) || now > until {
                break;
            }
            self.step = next;
        }
        self.said.clear();
        Ok(())
    }

    fn first_turn_is_complete(&mut self, place: Place) -> Read<()> {
        if !self.turns.is_empty() {
            return Ok(());
        }
        if !self.pods.changed && (self.status_replicas.is_none() || self.step.spec_replicas.is_none()) {
            let text = "before the first turn, say how many pods there are: 'pods: 3 ready' or 'pods: none'";
            return error(place, text);
        }
        if self.selector.1.is_none() && self.step.selector.is_none() {
            let text = format!(
                "'{}' is no selector: write the target's own, such as 'selector app=web'",
                self.selector.0
            );
            return error(place, text);
        }
        Ok(())
    }

    /// What happens in a turn, and what is expected of it.
    fn under(&mut self, line: &Line<'_>) -> Read<Vec<Expected>> {
        let mut expected: Vec<Expected> = Vec::new();
        for line in &line.under {
            if line.words.peek() == "->" {
                line.alone()?;
                let status = self.hpa.as_ref().map(|hpa| &hpa.status);
                let carried = status.is_some_and(|status| status.condition("ScaledToZero").is_some());
                let about = About { profile: &self.profile, sources: &self.sources, carried };
                let next = expect::expectation(line.words.clone(), about)?;
                if let Some(about) = next.what.about() {
                    self.once(format!("the expectation on {about}"), next.place)?;
                }
                expected.push(next);
            } else if expected.is_empty() {
                self.during(line)?;
            } else {
                let text = "first tell what happens in a turn, then what is expected: move this line up";
                return error(line.words.place(), text);
            }
        }
        Ok(expected)
    }

    /// A line of what happens in a turn.
    fn during(&mut self, line: &Line<'_>) -> Read<()> {
        let mut words = line.words.clone();
        let place = words.place();
        match (words.peek(), words.peek_second()) {
            ("the", _) => {
                words.expect("the")?;
                words.expect("controller")?;
                words.expect("restarts")?;
                self.once("the restart", place)?;
                self.step.restart = true;
            }
            ("hpa", _) => {
                words.expect("hpa")?;
                words.expect("edited")?;
                self.once("the edit of the hpa", place)?;
                return self.edit(line, words);
            }
            ("somebody", _) => {
                words.expect("somebody")?;
                words.expect("scales")?;
                words.expect("to")?;
                self.once("the number of replicas", place)?;
                self.step.spec_replicas = Some(words.replicas()?);
            }
            ("scale", "read") => {
                words.expect("scale")?;
                words.expect("read")?;
                words.expect("fails")?;
                self.once("whether the scale can be read", place)?;
                self.step.scale_error = Some(ScaleError::Get(words.quoted("the error's text")?));
            }
            ("kind", "lookup") => {
                words.expect("kind")?;
                words.expect("lookup")?;
                words.expect("fails")?;
                self.once("whether the scale can be read", place)?;
                self.step.scale_error = Some(ScaleError::Mapping(words.quoted("the error's text")?));
            }
            ("scale", "write") => {
                words.expect("scale")?;
                words.expect("write")?;
                let conflict = words.choose("'fails' or 'conflicts'", &["fails", "conflicts"])? == 1;
                let times = if conflict && words.peek() != "\"" {
                    let times = words.integer("how many times", 2, MOST_PUTS as i64)?;
                    words.expect("times")?;
                    times as usize
                } else {
                    1
                };
                let put = PutError { conflict, message: words.quoted("the error's text")? };
                if self.step.puts.len() + times > MOST_PUTS {
                    return error(place, format!("a turn is told at most {MOST_PUTS} answers to writes"));
                }
                self.step.puts.extend(std::iter::repeat_n(put, times));
            }
            ("status", "write") => {
                words.expect("status")?;
                words.expect("write")?;
                words.expect("fails")?;
                self.once("whether the status can be written", place)?;
                self.step.status_error = Some(words.quoted("the error's text")?);
            }
            _ => return self.world(line, &DURING),
        }
        words.end()?;
        line.alone()
    }

    fn edit(&mut self, line: &Line<'_>, words: Words<'_>) -> Read<()> {
        self.hpa_at(line.words.place())?;
        let Some(hpa) = &self.hpa else { return Ok(()) };
        // The scenario keeps the object as it was before the first turn.
        let (before, spec) = match self.steps.iter().rev().find_map(|step| step.edit.as_ref()) {
            Some((generation, spec)) => (*generation, spec),
            None => (hpa.generation, &hpa.spec),
        };
        let mut edited = spec.clone();
        let told = hpa::edited(line, words, &mut edited)?;
        // As the API server counts: only changes of the spec.
        let generation = told.unwrap_or(if edited == *spec { before } else { before.saturating_add(1) });
        let sources = Source::all(&edited);
        self.answers = sources
            .iter()
            .map(|source| {
                let at = self.sources.iter().position(|known| known == source)?;
                self.answers[at].clone()
            })
            .collect();
        self.sources = sources;
        self.answers_changed = true;
        self.step.edit = Some((generation, edited));
        Ok(())
    }
}
