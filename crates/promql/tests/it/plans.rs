//! The short ways agree with the long ones: fused with general, planned with fresh.

use std::sync::Arc;

use plimsoll_model::histogram::{Histogram, Span};
use plimsoll_model::labels::Labels;
use plimsoll_model::series::stale_marker;
use plimsoll_promql::eval::{EvalError, Options, Outcome, Query, SampleValue, Stop, Value, When};
use plimsoll_promql::plan::{Limits, Plan, Plans};
use plimsoll_promql::promqltest::MemorySource;
use proptest::prelude::*;

/// One sample to be.
#[derive(Debug, Clone, Copy)]
enum Drawn {
    Up(f64),
    Reset,
    Gap,
    Stale,
    Nan,
    Infinite,
    Huge,
    Histogram,
}

fn drawn(histograms: bool) -> impl Strategy<Value = Drawn> {
    prop_oneof![
        30 => (0.0f64..50.0).prop_map(Drawn::Up),
        2 => Just(Drawn::Reset),
        4 => Just(Drawn::Gap),
        2 => Just(Drawn::Stale),
        1 => Just(Drawn::Nan),
        1 => Just(Drawn::Infinite),
        1 => Just(Drawn::Huge),
        u32::from(histograms) => Just(Drawn::Histogram),
    ]
}

fn labels(number: usize) -> Labels {
    let name = ["requests_total", "requests_total", "depth"][number % 3];
    let (pod, zone) = (format!("p{}", number % 4), format!("z{}", number % 2));
    Labels::from_pairs([
        ("__name__", name),
        ("number", &number.to_string()),
        ("pod", &pod),
        // Some lack it.
        ("zone", if number.is_multiple_of(5) { "" } else { &zone }),
    ])
}

const STEP: i64 = 15_000;

fn fill(source: &mut MemorySource, all: &[Vec<Drawn>], first_series: usize, first_row: usize) {
    let histogram = Arc::new(Histogram {
        count: 3.0,
        sum: 4.0,
        positive_spans: vec![Span { offset: 0, length: 1 }],
        positive: vec![3.0],
        ..Histogram::default()
    });
    for (number, series) in all.iter().enumerate() {
        let labels = labels(first_series + number);
        let mut counter = number as f64 / 7.0;
        for (row, drawn) in series.iter().enumerate() {
            let time = (first_row + row) as i64 * STEP + (number % 3) as i64;
            match drawn {
                Drawn::Up(by) => counter += by,
                Drawn::Reset => counter = 0.5,
                Drawn::Gap => continue,
                Drawn::Histogram => {
                    source.append_histogram(&labels, time, Arc::clone(&histogram));
                    continue;
                }
                _ => {}
            }
            let value = match drawn {
                Drawn::Stale => stale_marker(),
                Drawn::Nan => f64::NAN,
                Drawn::Infinite => f64::INFINITY,
                Drawn::Huge => 1.7e308,
                _ => counter,
            };
            source.append(&labels, time, value);
        }
    }
}

/// Everything that can be seen of a result, numbers by their bits; the order of an instant vector too.
fn shown(outcome: Result<Outcome, EvalError>) -> String {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return error.to_string(),
    };
    let value = |value: &SampleValue| match value {
        SampleValue::Float(value) => format!("{value}/{:016x}", value.to_bits()),
        SampleValue::Histogram(histogram) => histogram.to_string(),
    };
    let mut text = match &outcome.value {
        Value::Vector(samples) => {
            samples.iter().map(|sample| format!("{} {}\n", sample.labels, value(&sample.value))).collect()
        }
        Value::Matrix(series) => series
            .iter()
            .flat_map(|series| series.points.iter().map(move |point| (series, point)))
            .map(|(series, point)| format!("{} {} {}\n", series.labels, point.time, value(&point.value)))
            .collect::<String>(),
        other => format!("{other:?}"),
    };
    for annotation in outcome.annotations.iter() {
        text.push_str(&format!("{} at {:?}\n", annotation.unplaced(), annotation.span));
    }
    text.push_str(&format!("{} samples", outcome.peak_samples));
    text
}

const INNER: &[&str] = &[
    "requests_total",
    "depth",
    "{pod=~\"p[0-2]\"}",
    "depth offset 20s",
    "requests_total @ 200",
    "rate(requests_total[1m])",
    "rate(depth[80s])",
    "rate({number=~\".+\"}[1m])",
    "increase(requests_total{zone=\"z1\"}[2m])",
    "increase(requests_total[1m] @ end())",
    "delta(depth[1m])",
    "irate(requests_total[1m] offset 15s)",
    "idelta(depth[1m])",
    "sum_over_time(depth[47s])",
    "avg_over_time(requests_total[2m])",
    "min_over_time(depth[1m])",
    "max_over_time((depth[1m]))",
    "count_over_time(requests_total[31s])",
    "rate(requests_total[16s])",
    "nothing",
];
const OPS: &[&str] = &["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile", "topk"];
const GROUPINGS: &[&str] = &["", "by (pod, zone)", "by (__name__)", "without (number)", "without ()"];
const AROUND: &[&str] =
    &["", "1 + ", "requests_total * on (pod) group_left () ", "-", "2 * sum(rate(depth[1m])) - "];

fn query() -> impl Strategy<Value = String> {
    let choose = |from: &'static [&'static str]| prop::sample::select(from);
    (choose(AROUND), choose(OPS), choose(GROUPINGS), choose(INNER)).prop_map(
        |(around, op, grouping, inner)| match op {
            "quantile" => format!("{around}{op} {grouping} (0.4, {inner})"),
            "topk" => format!("{around}{op} {grouping} (2, {inner})"),
            _ => format!("{around}{op} {grouping} ({inner})"),
        },
    )
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        (100_000i64..500_000).prop_map(When::Instant),
        (0i64..300_000, 1i64..60_000).prop_map(|(start, step)| When::Range {
            start,
            end: start + 8 * step,
            step
        }),
    ]
}

fn data(histograms: bool) -> impl Strategy<Value = Vec<Vec<Drawn>>> {
    prop::collection::vec(prop::collection::vec(drawn(histograms), 0..30), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 700, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fused_way_gives_what_the_general_way_gives(
        data in any::<bool>().prop_flat_map(data), query in query(), when in when(), limit in 5usize..400,
    ) {
        let mut source = MemorySource::new();
        fill(&mut source, &data, 0, 0);
        let query = Query::new(&query).unwrap();
        for max_samples in [10_000, limit] {
            // Where a trace is asked for, each part is evaluated by itself.
            let options = Options { max_samples, ..Options::default() };
            let fused = query.evaluate(&source, when, &options, Stop::default());
            let general = query.evaluate(&source, when, &Options { trace: true, ..options }, Stop::default());
            prop_assert_eq!(shown(fused), shown(general), "{}", query.text());
        }
    }

    #[test]
    fn a_plan_gives_what_its_query_gives_afresh(
        before in data(true), more in data(true), new in data(true), query in query(), when in when(),
    ) {
        let mut source = MemorySource::new();
        fill(&mut source, &before, 0, 0);
        let (options, plan) = (Options::default(), Plan::new(&query).unwrap());
        let fresh = |source: &MemorySource| {
            shown(Query::new(&query).unwrap().evaluate(source, when, &options, Stop::default()))
        };
        let planned = |source: &MemorySource| shown(plan.evaluate(source, when, &options, Stop::default()));
        // Cold, warm, with new samples of known series and maybe new series, warm again.
        prop_assert_eq!(planned(&source), fresh(&source), "{}", query);
        prop_assert_eq!(planned(&source), fresh(&source), "{}", query);
        fill(&mut source, &more, 0, 30);
        prop_assert_eq!(planned(&source), fresh(&source), "{}", query);
        fill(&mut source, &new, 7, 40);
        prop_assert_eq!(planned(&source), fresh(&source), "{}", query);
        prop_assert_eq!(planned(&source), fresh(&source), "{}", query);
    }
}

#[test]
fn plans_are_bounded_by_number_and_by_what_they_know() {
    let mut source = MemorySource::new();
    fill(&mut source, &vec![vec![Drawn::Up(1.0); 10]; 12], 0, 0);
    let ask = |plans: &Plans, text: &str| {
        let outcome =
            plans.evaluate(text, &source, When::Instant(140_000), &Options::default(), Stop::default());
        outcome.unwrap()
    };
    let plans = Plans::new(Limits { plans: 2, bytes: 1 << 20 });
    let first = plans.plan("sum(requests_total)").unwrap();
    ask(&plans, "sum(depth)");
    ask(&plans, "sum(requests_total)");
    ask(&plans, "count(depth)");
    assert_eq!(plans.len(), 2);
    assert!(
        Arc::ptr_eq(&first, &plans.plan("sum(requests_total)").unwrap()),
        "the oldest went, not this one"
    );
    assert!(plans.bytes() > 0);
    assert!(plans.plan("sum(").is_err());
    assert_eq!(plans.len(), 2, "what is no query is not kept");

    let small = Plans::new(Limits { plans: 10, bytes: 300 });
    for text in ["requests_total", "depth", "sum(requests_total)", "requests_total"] {
        let outcome = ask(&small, text);
        assert!(small.bytes() <= 300, "{} bytes are known after {text}", small.bytes());
        assert_eq!(outcome.value, ask(&plans, text).value);
    }
}
