//! Queries evaluated over a source of series.
//!
//! Neither a store nor a server: the source is borrowed, the time is an argument. Follows Prometheus' `engine.go`, with
//! delayed removal of names and with start timestamps.
//!
//! **Invariant:** an evaluation ends: samples, steps and time are bounded, and each bound has its own error.
#![expect(clippy::needless_range_loop, reason = "rows and steps index several columns at once")]

mod accumulate;
mod aggregate;
mod aggregate_pick;
mod binary;
pub(crate) mod bound;
mod calendar;
mod call;
mod classic;
mod element;
pub(crate) mod evaluator;
mod fused;
mod grid;
mod info;
mod label_functions;
mod matching;
mod over_time;
pub(crate) mod prepare;
mod quantile;
mod rate;
mod rate_extended;
mod rate_histogram;
mod result;
mod selector;
mod trace;
mod trend;
mod window;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plimsoll_model::series::SeriesSource;

pub(crate) use prepare::depends_on_time;
pub(crate) use quantile::nearly_equal;
pub use result::{Outcome, Point, RangeSeries, Sample, SampleValue, Value};
pub use trace::Trace;

use crate::syntax::ast::Expr;
use crate::syntax::{self, ParseError};

/// Milliseconds.
pub(crate) type Millis = i64;

/// What does not change from query to query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How old a sample may be to still count, in milliseconds.
    pub lookback: Millis,
    /// Step of a subquery that names none, in milliseconds.
    pub default_step: Millis,
    /// Most samples that may be held at once.
    pub max_samples: usize,
    /// Most steps of a range query or subquery.
    pub max_steps: usize,
    /// Most series that one selector may match.
    pub max_series: usize,
    /// Whether to keep a trace of the evaluation. Each part is then evaluated by itself, which is slower.
    pub trace: bool,
}

impl Default for Options {
    /// As Prometheus: 5 minutes of lookback, steps of a minute, 50 million samples.
    fn default() -> Self {
        Self {
            lookback: 300_000,
            default_step: 60_000,
            max_samples: 50_000_000,
            max_steps: 100_000,
            max_series: 2_000_000,
            trace: false,
        }
    }
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The query is not PromQL.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The query cannot be evaluated on this data.
    #[error("{0}")]
    Execution(String),
    /// Too many samples at once.
    #[error(
        "query processing would load too many samples into memory in query execution: more than {limit}; ask for fewer series, a shorter range or a longer step"
    )]
    TooManySamples {
        /// The bound.
        limit: usize,
    },
    /// Too many series over too many steps.
    #[error(
        "{series} series over {steps} steps are more than the {limit} values that are kept room for; ask for fewer series, a shorter range or a longer step"
    )]
    TooMuchRoom {
        /// What a selector matches.
        series: usize,
        /// The steps of the query or subquery.
        steps: usize,
        /// The bound.
        limit: usize,
    },
    /// Too many series of one selector.
    #[error("the selector {selector} matches {series} series, at most {limit} are read; add matchers to it")]
    TooManySeries {
        /// The selector.
        selector: String,
        /// What it matches.
        series: usize,
        /// The bound.
        limit: usize,
    },
    /// Too many steps.
    #[error(
        "{steps} steps are asked for, at most {limit} are evaluated; use a longer step or a shorter range"
    )]
    TooManySteps {
        /// What is asked for.
        steps: u64,
        /// The bound.
        limit: usize,
    },
    /// The deadline has passed.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// Whoever asked no longer wants to know.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
}

/// The time that a query asks about, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// One moment.
    Instant(Millis),
    /// Steps from `start` to at most `end`.
    Range {
        /// First step.
        start: Millis,
        /// No step after this.
        end: Millis,
        /// Distance of the steps, over 0.
        step: Millis,
    },
}

impl When {
    /// Start, end and step; 0 is the step of one moment.
    fn bounds(self) -> (Millis, Millis, Millis) {
        match self {
            Self::Instant(time) => (time, time, 0),
            Self::Range { start, end, step } => (start, end, step.max(1)),
        }
    }
}

/// A clock: time since some moment, never going back.
pub type Clock<'a> = &'a dyn Fn() -> Duration;

/// When to give up.
#[derive(Clone, Copy, Default)]
pub struct Stop<'a> {
    /// Needed for the deadline, and for times in a trace.
    pub clock: Option<Clock<'a>>,
    /// Not after this time of the clock.
    pub deadline: Option<Duration>,
    /// Not once this is true.
    pub cancelled: Option<&'a AtomicBool>,
}

impl Stop<'_> {
    pub(crate) fn now(&self) -> Duration {
        self.clock.map(|clock| clock()).unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Result<(), EvalError> {
        if self.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(EvalError::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| self.now() >= deadline) {
            return Err(EvalError::Timeout);
        }
        Ok(())
    }
}

/// A query that is read and checked, to be evaluated as often as needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    text: Box<str>,
    expr: Expr,
}

impl Query {
    /// Reads and checks a query.
    pub fn new(text: &str) -> Result<Self, ParseError> {
        Ok(Self { text: text.into(), expr: syntax::parse(text)? })
    }

    /// The query as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Evaluates the query.
    pub fn evaluate(
        &self,
        source: &dyn SeriesSource,
        when: When,
        options: &Options,
        stop: Stop<'_>,
    ) -> Result<Outcome, EvalError> {
        stop.check()?;
        evaluator::run(&evaluator::prepared(self, when)?, None, source, when, options, stop)
    }
}
