//! How many turns a second one core decides: `cargo bench -p plimsoll-hpa`.
//!
//! Not a statistic: each figure is the best of several rounds, which is what the code can do when it is not disturbed.
//!
//! **Invariant:** the memory that a turn leaves goes into the next one, as in a controller.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::disallowed_types, reason = "it measures real time")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use plimsoll_hpa::{
    Container, Hpa, HpaSpec, Inputs, MetricAnswer, Pod, Profile, Replies, Requests, Sample, Samples, Scale,
    Span, State, Time, decide,
};

const ROUNDS: u32 = 9;

struct Case {
    name: &'static str,
    pods: usize,
    spec: &'static str,
    least: f64,
}

const CASES: [Case; 4] = [
    Case {
        name: "10 pods, 1 metric (Pods)",
        pods: 10,
        spec: r#"{"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"10"}}}"#,
        least: 1e6,
    },
    Case {
        name: "10 pods, 1 metric (cpu utilisation)",
        pods: 10,
        spec: r#"{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}"#,
        least: 1e6,
    },
    Case {
        name: "1,000 pods, 3 metrics (cpu utilisation, Pods, External)",
        pods: 1000,
        spec: r#"{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}},
            {"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"10"}}},
            {"type":"External","external":{"metric":{"name":"queue"},"target":{"type":"AverageValue","averageValue":"5"}}}"#,
        least: 2e4,
    },
    Case {
        name: "1,000 pods, 3 metrics (cpu and memory utilisation, Pods)",
        pods: 1000,
        spec: r#"{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}},
            {"type":"Resource","resource":{"name":"memory","target":{"type":"Utilization","averageUtilization":50}}},
            {"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"10"}}}"#,
        least: 2e4,
    },
];

fn main() {
    for case in &CASES {
        run(case);
    }
}

fn run(case: &Case) {
    let profile = Profile::newest();
    let pods: Vec<Pod> = (0..case.pods)
        .map(|at| {
            let mut pod = Pod::named(format!("web-{at:04}"));
            pod.labels.insert("app".into(), "web".into());
            pod.containers.push(Container {
                name: "app".into(),
                requests: Requests(vec![("cpu".into(), 1000), ("memory".into(), 1000)]),
                restarts_always: false,
            });
            pod
        })
        .collect();
    let spec = format!(
        r#"{{"scaleTargetRef":{{"kind":"Deployment","name":"web","apiVersion":"apps/v1"}},"minReplicas":1,"maxReplicas":5000,"metrics":[{}]}}"#,
        case.spec
    );
    let spec: HpaSpec = serde_json::from_str(&spec).unwrap_or_default();
    let size = case.pods as i32;
    let values = |milli| {
        let sample = Sample { milli, time: Time(0), window: Span::seconds(60) };
        MetricAnswer::Pods(Samples::new(pods.iter().map(|pod| (Arc::clone(&pod.name), sample))))
    };
    let answers: Vec<_> = spec
        .metrics
        .iter()
        .map(|metric| match metric.kind.as_str() {
            "Pods" => values(10_000),
            "External" => MetricAnswer::Values(vec![i64::from(size) * 5000]),
            _ => values(500),
        })
        .collect();
    let mut hpa = Hpa { namespace: "shop".into(), name: "web".into(), generation: 1, spec, ..Hpa::default() };
    let scale = Scale { spec_replicas: size, status_replicas: size, selector: "app=web".into() };
    let (mut state, mut now) = (State::default(), Time(0));
    let turns = if case.pods > 100 { 500 } else { 20_000 };
    let mut best = 0.0_f64;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..turns {
            now = now + Span::seconds(15);
            let inputs = Inputs { hpa: &hpa, scale: Ok(&scale), pods: &pods, others: &[], metrics: &answers };
            let (decision, after) = decide(&profile, state, now, black_box(&inputs), &Replies::default());
            state = after;
            hpa.status = black_box(decision).status;
        }
        best = best.max(f64::from(turns) / began.elapsed().as_secs_f64());
    }
    println!("{:<60} {best:>12.0} decisions/s (at least {:.0})", case.name, case.least);
}
