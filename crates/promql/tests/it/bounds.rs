//! Evaluations that ask too much end with the bound that they pass.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use plimsoll_model::labels::Labels;
use plimsoll_promql::eval::{EvalError, Options, Query, Stop, Value, When};
use plimsoll_promql::promqltest::MemorySource;

fn source() -> MemorySource {
    let mut source = MemorySource::new();
    for pod in 0..20 {
        let labels = Labels::from_pairs([("__name__", "up"), ("pod", &format!("p{pod}"))]);
        for minute in 0..10 {
            source.append(&labels, minute * 60_000, minute as f64);
        }
    }
    source
}

fn ask(query: &str, when: When, options: &Options, stop: Stop<'_>) -> Result<Value, EvalError> {
    Query::new(query)?.evaluate(&source(), when, options, stop).map(|outcome| outcome.value)
}

const NOW: When = When::Instant(540_000);

#[test]
fn too_many_samples_steps_and_series_are_refused() {
    let options = Options { max_samples: 10, max_steps: 100, max_series: 5, ..Options::default() };
    let series = ask("up", NOW, &options, Stop::default());
    assert!(matches!(series, Err(EvalError::TooManySeries { series: 20, limit: 5, .. })), "{series:?}");
    let options = Options { max_series: 50, ..options };
    assert_eq!(ask("up", NOW, &options, Stop::default()), Err(EvalError::TooManySamples { limit: 10 }));
    let when = When::Range { start: 0, end: 1_000_000, step: 1 };
    let steps = ask("1", when, &options, Stop::default());
    assert_eq!(steps, Err(EvalError::TooManySteps { steps: 1_000_001, limit: 100 }));
    let steps = ask("sum_over_time(vector(1)[1y:1ms])", NOW, &options, Stop::default());
    assert!(matches!(steps, Err(EvalError::TooManySteps { .. })), "{steps:?}");
}

#[test]
fn few_samples_over_very_many_steps_take_no_memory() {
    let options = Options { max_samples: 1_000, ..Options::default() };
    let when = When::Range { start: 0, end: 99_999, step: 1 };
    for query in ["up offset 1y", "rate(up[1m] offset 1y)", "up @ 1", "avg_over_time(up[99s:1ms] offset 1y)"]
    {
        let when = if query.contains("avg") { NOW } else { when };
        let refused = ask(query, when, &options, Stop::default());
        assert!(matches!(refused, Err(EvalError::TooMuchRoom { series: 20, .. })), "{query}: {refused:?}");
    }
}

#[test]
fn a_passed_deadline_and_a_cancellation_end_an_evaluation() {
    let options = Options::default();
    let calls = Cell::new(0);
    let clock = || {
        calls.set(calls.get() + 1);
        Duration::from_secs(calls.get())
    };
    let stop = Stop { clock: Some(&clock), deadline: Some(Duration::from_secs(3)), ..Stop::default() };
    assert_eq!(ask("sum(abs(up)) + 1", NOW, &options, stop), Err(EvalError::Timeout));
    let cancelled = AtomicBool::new(true);
    let stop = Stop { cancelled: Some(&cancelled), ..Stop::default() };
    assert_eq!(ask("up", NOW, &options, stop), Err(EvalError::Cancelled));
}

#[test]
fn a_trace_tells_what_each_part_gave() {
    let options = Options { trace: true, ..Options::default() };
    let outcome =
        Query::new("sum(rate(up[5m]))").unwrap().evaluate(&source(), NOW, &options, Stop::default()).unwrap();
    let trace = outcome.trace.unwrap();
    assert_eq!((trace.expr.as_str(), trace.series), ("sum(rate(up[5m]))", 1));
    assert_eq!((trace.children[0].expr.as_str(), trace.children[0].series), ("rate(up[5m])", 20));
}
