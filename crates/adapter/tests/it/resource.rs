//! Resource metrics.

use std::time::Duration;

use plimsoll_adapter::answers::resource::Timing;
use plimsoll_adapter::backend::{BackendError, QueryResult, Sample};
use plimsoll_model::selector::Selector;

use crate::world::{NOW, World, vector};

const RULES: &str = r#"
resourceRules:
  cpu:
    containerQuery: 'cpu{<<.LabelMatchers>>} by (<<.GroupBy>>)'
    nodeQuery: 'ncpu{<<.LabelMatchers>>} by (<<.GroupBy>>)'
    resources: {template: "<<.Resource>>"}
    containerLabel: container
  memory:
    containerQuery: 'mem{<<.LabelMatchers>>} by (<<.GroupBy>>)'
    nodeQuery: 'nmem{<<.LabelMatchers>>} by (<<.GroupBy>>)'
    resources: {template: "<<.Resource>>"}
    containerLabel: container
  window: 5m
"#;

const CPU: &str = r#"cpu{namespace="default",pod=~"web-1|web-2"} by (pod,container)"#;
const MEMORY: &str = r#"mem{namespace="default",pod=~"web-1|web-2"} by (pod,container)"#;
const TIMING: Timing = Timing { at: NOW, limit: Duration::from_secs(5) };

async fn usage(world: &World) -> Result<Vec<String>, String> {
    let pods = world.adapter.pods(None, &Selector::default()).await.map_err(|error| error.to_string())?;
    let (usage, window) = world.adapter.pod_usage(&pods, TIMING).await.map_err(|error| error.to_string())?;
    assert_eq!(window, Duration::from_secs(300));
    Ok(usage
        .iter()
        .flat_map(|pod| {
            pod.containers
                .iter()
                .map(|(name, cpu, memory)| format!("{}/{name} {cpu} {memory} at {}", pod.pod.name, pod.time))
        })
        .collect())
}

#[tokio::test(start_paused = true)]
async fn a_pod_appears_with_a_sample_of_each_resource_and_its_earliest_time() {
    let world = World::start(RULES, &[]).await;
    let QueryResult::Vector(mut samples) =
        vector(&[("pod=web-1,container=app", 0.25), ("pod=web-2,container=app", 1.0)])
    else {
        unreachable!("vector() makes vectors")
    };
    samples.push(Sample {
        labels: vec![("pod".into(), "web-1".into()), ("container".into(), "side".into())],
        time: NOW - 30.0,
        value: Some(-1.0),
    });
    world.prometheus.answer(CPU, QueryResult::Vector(samples));
    world.prometheus.answer(MEMORY, vector(&[("pod=web-1,container=app", 1_048_576.0)]));
    assert_eq!(
        usage(&world).await.unwrap(),
        ["web-1/app 250m 1Mi at 1699999970", "web-1/side 0 0 at 1699999970"],
        "web-2 has no memory sample; a negative value counts as none"
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_prometheus_is_an_error_and_half_of_one_an_empty_answer() {
    let world = World::start(RULES, &[]).await;
    let broken = BackendError::Unreachable {
        server: "http://prometheus.test".to_owned(),
        reason: "refused".to_owned(),
    };
    world.prometheus.fail(CPU, broken.clone());
    assert_eq!(usage(&world).await.unwrap(), [""; 0]);
    world.prometheus.fail(MEMORY, broken);
    assert_eq!(usage(&world).await.unwrap_err(), "unable to fetch pods metrics");
}
