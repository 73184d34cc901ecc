//! A test file run against the engine.
//!
//! **Invariant:** neither a failed evaluation nor a malformed command ends the run.

use super::compare::{self, Difference};
use super::recheck::ways_to_ask;
use super::script::{Command, Eval, parse};
use super::store::MemorySource;
use crate::eval::{EvalError, Options, Outcome, Query, Sample, Stop, Value, When};

/// An evaluation that did not give what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the evaluation, from 1.
    pub line: usize,
    /// The expression as it was asked.
    pub expr: String,
    /// How it was asked.
    pub how: String,
    /// What was wanted.
    pub wanted: String,
    /// What came out.
    pub got: String,
}

/// What a file gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Line and expression of each evaluation that passed.
    pub passed: Vec<(usize, String)>,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// The options of Prometheus' own tests.
fn options() -> Options {
    Options { max_samples: 10_000, ..Options::default() }
}

/// Runs a test file.
pub fn run(text: &str) -> Report {
    let mut source = MemorySource::new();
    let mut report = Report::default();
    for command in parse(text) {
        match command {
            Command::Clear => source = MemorySource::new(),
            Command::Load(load) => source.load(&load),
            Command::Eval(eval) => match check(&source, &eval) {
                Ok(()) => report.passed.push((eval.line, eval.expr.clone())),
                Err(failure) => report.failures.push(failure),
            },
            Command::Malformed(error) => report.failures.push(Failure {
                line: error.line,
                expr: error.command,
                how: "when read".to_owned(),
                wanted: "a command of the test language".to_owned(),
                got: error.message,
            }),
        }
    }
    report
}

fn ask(source: &MemorySource, query: &str, when: When) -> Result<Outcome, EvalError> {
    Query::new(query)?.evaluate(source, when, &options(), Stop::default())
}

fn check(source: &MemorySource, eval: &Eval) -> Result<(), Failure> {
    let failure = |query: &str, how: String| {
        let (line, expr) = (eval.line, query.to_owned());
        move |(wanted, got): Difference| Failure { line, expr, how, wanted, got }
    };
    let Some(at) = eval.at else {
        let when = When::Range { start: eval.start, end: eval.end, step: eval.step };
        let how = format!("from {} to {} step {}", eval.start, eval.end, eval.step);
        let outcome = ask(source, &eval.expr, when);
        return outcome_matches(eval, &eval.expr, outcome).map_err(failure(&eval.expr, how));
    };
    for (query, time) in ways_to_ask(&eval.expr, at) {
        let outcome = ask(source, &query, When::Instant(time));
        let scalar = matches!(&outcome, Ok(outcome) if matches!(outcome.value, Value::Scalar(_)));
        let failed = outcome.is_err();
        outcome_matches(eval, &query, outcome).map_err(failure(&query, format!("at {time} ms")))?;
        let context = ["start()", "end()", "range()", "step()"].iter().any(|word| query.contains(word));
        if failed || eval.special || context {
            continue;
        }
        let when = When::Range { start: time - 60_000, end: time + 60_000, step: 60_000 };
        let how = format!("in the middle of a range query at {time} ms");
        let result = match ask(source, &query, when) {
            Err(error) => Err(("a result".to_owned(), error.to_string())),
            Ok(_) if eval.expect.ordered => Ok(()),
            Ok(outcome) => compare::value(eval, &middle(outcome.value, time, scalar)),
        };
        result.map_err(failure(&query, how))?;
    }
    Ok(())
}

/// The value at one step.
fn middle(value: Value, time: i64, scalar: bool) -> Value {
    let Value::Matrix(series) = value else { return value };
    let samples: Vec<Sample> = series
        .into_iter()
        .filter_map(|series| {
            let point = series.points.into_iter().find(|point| point.time == time)?;
            Some(Sample { labels: series.labels, value: point.value })
        })
        .collect();
    match samples.first().map(|sample| &sample.value) {
        Some(crate::eval::SampleValue::Float(value)) if scalar => Value::Scalar(*value),
        _ => Value::Vector(samples),
    }
}

fn outcome_matches(eval: &Eval, query: &str, outcome: Result<Outcome, EvalError>) -> Result<(), Difference> {
    match (outcome, &eval.expect.fail) {
        (Err(error), Some(wanted)) => {
            let got = error.to_string();
            if wanted.matches(&got) { Ok(()) } else { Err((format!("error {:?}", wanted.as_str()), got)) }
        }
        (Err(error), None) => Err(("a result".to_owned(), format!("error: {error}"))),
        (Ok(_), Some(wanted)) => Err((format!("error {:?}", wanted.as_str()), "a result".to_owned())),
        (Ok(outcome), None) => {
            compare::annotations(eval, query, &outcome.annotations)?;
            compare::value(eval, &outcome.value)
        }
    }
}
