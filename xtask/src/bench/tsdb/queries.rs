//! The queries that are timed, and how.
//!
//! **Invariant:** each run reads a view of its own, as a server's request does.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_promql::eval::{Options, Outcome, Query, SampleValue, Stop, Value, When};
use plimsoll_promql::plan::Plans;
use plimsoll_tsdb::Store;
use tokio::time::Instant;

/// A query, and what is expected of it.
pub struct Timed {
    /// What it stands for.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Milliseconds in this process, plan included, and with a plan that is there already.
    pub targets: (Option<f64>, Option<f64>),
    /// How many times faster than Prometheus it has to be.
    pub ratio: Option<f64>,
}

/// Fan-in over all targets, small selections, a long window.
pub const QUERIES: [Timed; 9] = [
    Timed {
        name: "Q1",
        text: "sum(rate(container_cpu_usage_seconds_total[2m])) by (namespace,pod)",
        targets: (Some(5.0), None),
        ratio: Some(10.0),
    },
    Timed {
        name: "Q2",
        text: "sum(rate(container_cpu_usage_seconds_total{namespace=\"namespace-0\"}[2m])) by (pod)",
        targets: (None, None),
        ratio: Some(3.0),
    },
    Timed {
        name: "Q3",
        text: "sum(rate(container_cpu_usage_seconds_total{namespace=\"namespace-0\",pod=~\"service-0-.*\"}[2m])) by (pod)",
        targets: (None, None),
        ratio: Some(3.0),
    },
    Timed {
        name: "Q4",
        text: "sum(rate(container_cpu_usage_seconds_total{namespace=\"namespace-0\",service=\"service-0\"}[2m]))",
        targets: (Some(0.04), Some(0.005)),
        ratio: Some(3.0),
    },
    Timed {
        name: "Q5",
        text: "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket[2m])) by (le,namespace))",
        targets: (None, None),
        ratio: Some(10.0),
    },
    Timed {
        name: "Q6",
        text: "sum(kube_pod_status_phase) by (namespace,pod)",
        targets: (None, None),
        ratio: Some(10.0),
    },
    Timed {
        name: "Q7",
        text: "avg(avg_over_time(queue_depth[5m])) by (namespace,service)",
        targets: (None, None),
        ratio: Some(10.0),
    },
    Timed { name: "Q8", text: "count({job=\"nodes\"})", targets: (None, None), ratio: None },
    Timed {
        name: "1 h",
        text: "rate(container_cpu_usage_seconds_total[1h])",
        targets: (Some(60.0), None),
        ratio: None,
    },
];

/// Times of many runs of one thing.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The shortest.
    pub least: Duration,
    /// The one in the middle.
    pub middle: Duration,
}

impl Spread {
    /// Runs for about `budget`, at least 5 and at most 200 times, and takes each time by `clock`. What is too short for
    /// the clock is run many times over.
    pub fn of(
        budget: Duration,
        clock: impl Fn() -> Duration,
        mut run: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        let begun = clock();
        run()?;
        let once = clock().saturating_sub(begun).max(Duration::from_nanos(100));
        let batch = (Duration::from_micros(200).as_nanos() / once.as_nanos()).clamp(1, 2000) as u32;
        let (started, mut times) = (Instant::now(), Vec::new());
        while times.len() < 5 || (times.len() < 200 && started.elapsed() < budget) {
            let begun = clock();
            for _ in 0..batch {
                run()?;
            }
            times.push(clock().saturating_sub(begun) / batch);
        }
        times.sort();
        Ok(Self { least: times[0], middle: times[times.len() / 2] })
    }
}

/// What a query takes in this process.
pub struct Took {
    /// From the text: read, series looked up and grouped, evaluated.
    pub cold: Spread,
    /// With a plan.
    pub planned: Spread,
    /// With a plan, and written as Prometheus' JSON.
    pub written: Spread,
    /// Series of the result.
    pub series: usize,
    /// Bytes of JSON.
    pub bytes: usize,
    /// The sum of the result's numbers.
    pub sum: f64,
}

/// Times a query.
pub fn time(store: &Store, text: &str, at: i64, clock: impl Fn() -> Duration + Copy) -> Result<Took> {
    let (options, plans, budget) = (Options::default(), Plans::default(), Duration::from_millis(1500));
    let ask = || plans.evaluate(text, &store.view(), When::Instant(at), &options, Stop::default());
    let outcome = ask().context(text.to_owned())?;
    let Value::Vector(samples) = &outcome.value else { anyhow::bail!("{text} gives no vector") };
    ensure!(!samples.is_empty(), "{text} gives nothing");
    let float = |value: &SampleValue| if let SampleValue::Float(value) = value { *value } else { 0.0 };
    let sum = samples.iter().map(|sample| float(&sample.value)).sum();
    let mut json = String::new();
    write_json(&outcome, at, &mut json);
    Ok(Took {
        series: samples.len(),
        bytes: json.len(),
        sum,
        cold: Spread::of(budget, clock, || {
            let query = Query::new(text)?;
            query.evaluate(&store.view(), When::Instant(at), &options, Stop::default())?;
            Ok(())
        })?,
        planned: Spread::of(budget, clock, || {
            std::hint::black_box(ask()?);
            Ok(())
        })?,
        written: Spread::of(budget, clock, || {
            json.clear();
            write_json(&ask()?, at, &mut json);
            Ok(())
        })?,
    })
}

/// Writes a vector as Prometheus' HTTP API does.
fn write_json(outcome: &Outcome, at: i64, to: &mut String) {
    use std::fmt::Write as _;
    let Value::Vector(samples) = &outcome.value else { return };
    to.push_str(r#"{"status":"success","data":{"resultType":"vector","result":["#);
    for (index, sample) in samples.iter().enumerate() {
        to.push_str(if index == 0 { r#"{"metric":{"# } else { r#",{"metric":{"# });
        for (index, label) in sample.labels.iter().enumerate() {
            if index > 0 {
                to.push(',');
            }
            write_text(&label.name, to);
            to.push(':');
            write_text(&label.value, to);
        }
        let SampleValue::Float(value) = &sample.value else { continue };
        // Writing to a String cannot fail.
        let _ = write!(to, r#"}},"value":[{}.{:03},"{value}"]}}"#, at / 1000, at % 1000);
    }
    to.push_str("]}}");
}

fn write_text(text: &str, to: &mut String) {
    to.push('"');
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        text.chars().for_each(|letter| to.extend(letter.escape_default()));
    } else {
        to.push_str(text);
    }
    to.push('"');
}
