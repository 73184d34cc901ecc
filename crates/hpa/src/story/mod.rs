//! Scenarios as people tell them: objects, what changes over time, and what the controller is to do about it.
//!
//! One file is one story. The language is described by example in `docs/reference/stories.md`, which is itself read
//! and played by a test. Not a simulation of the workload: pods and values are told, as in
//! [`Scenario`], which a story becomes.
//!
//! **Invariant:** a story can fail: every turn expects something, and a word that is not known is refused with its
//! place. No text makes reading panic or allocate beyond [`limits`](LIMITS).

mod advice;
mod answers;
mod before;
mod check;
mod expect;
mod hpa;
mod lines;
mod metric;
mod outcome;
mod phrase;
mod pod;
mod pods;
mod selector;
mod tell;
mod teller;
mod turns;
mod vocabulary;
mod words;

use std::fmt;
use std::sync::Arc;

pub use check::Failure;
pub use expect::{CurrentText, Expectation, Expected, SizeResult};
pub use outcome::observed;
pub use tell::{TellError, tell};

use crate::scenario::Scenario;
use crate::time::Time;

/// How much a story may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Bytes of one line.
    pub line_bytes: usize,
    /// Turns, those of `every … until …` included.
    pub turns: usize,
    /// Pods at a time.
    pub pods: usize,
    /// Pods, their containers, labels and requests, counted whenever a line makes or changes them.
    pub pod_parts: usize,
    /// Values of pods, counted in every turn.
    pub values: usize,
    /// Metrics of an HPA, policies of a direction, containers of a pod and resources of a container.
    pub entries: usize,
}

/// The limits of every story.
pub const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    line_bytes: 4096,
    turns: 5000,
    pods: 10_000,
    pod_parts: 500_000,
    values: 1_000_000,
    entries: 32,
};

/// A place in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Why a text is no story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct StoryError {
    /// Where.
    pub place: Place,
    /// What was read there, and what would be right.
    pub message: String,
}

/// A story: what happens, and what is expected of each turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The comment that it opens with, in one line.
    pub about: String,
    /// What happens.
    pub scenario: Scenario,
    /// What is expected, one entry per step of the scenario.
    pub turns: Vec<Turn>,
}

/// One turn of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Where its `at` stands.
    pub place: Place,
    /// Its instant on the story's clock.
    pub now: Time,
    /// What is expected of it; never empty.
    pub expected: Arc<[Expected]>,
    /// Names of the metrics of which the story has said nothing up to here.
    pub untold: Arc<[String]>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Story {
    /// Reads a story.
    ///
    /// # Errors
    /// The first thing in it that cannot be understood, with its place.
    pub fn read(text: &str) -> Result<Self, StoryError> {
        turns::read(text)
    }

    /// What a line may begin with, unless it begins with a metric.
    pub fn first_words() -> Vec<String> {
        let arrows = expect::KNOWN.iter().map(|word| format!("-> {word}"));
        let words = before::BEFORE.iter().chain(&turns::DURING).map(|word| (*word).to_owned());
        words.chain(arrows).collect()
    }

    /// Plays it and says which expectations do not hold, in the order of the turns; none when all do. It plays as far as
    /// the iterator is asked.
    pub fn check(&self) -> impl Iterator<Item = Failure> {
        let turns = self.scenario.play().zip(&self.turns);
        turns.flat_map(|(played, turn)| check::failures(&self.scenario.profile, &played, turn))
    }
}
