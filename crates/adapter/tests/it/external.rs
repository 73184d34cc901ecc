//! External metrics.

use plimsoll_adapter::answers::external::ExternalError;
use plimsoll_adapter::backend::QueryResult;

use crate::world::{NOW, World, vector};

const RULE: &str = r#"
externalRules:
- seriesQuery: 'depth'
  resources: {namespaced: false}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (name)'
"#;

async fn world() -> World {
    World::start(RULE, &[("depth", &["depth{name}"])]).await
}

#[tokio::test(start_paused = true)]
async fn every_sample_is_a_value_with_its_labels() {
    let world = world().await;
    world
        .prometheus
        .answer(r#"sum(depth{name=~"a|b"}) by (name)"#, vector(&[("name=b", 2.5), ("name=a", 7.0)]));
    let answer = world.external("depth", "name in (a,b)").await.unwrap();
    let values: Vec<String> = answer.values.iter().map(|value| value.value.to_string()).collect();
    assert_eq!(values, ["2500m", "7"]);
    assert_eq!(answer.values[0].labels.as_deref(), Some(&[("name".into(), "b".into())][..]));
}

#[tokio::test(start_paused = true)]
async fn a_scalar_is_one_value_without_labels() {
    let world = world().await;
    world.prometheus.answer("sum(depth{}) by (name)", QueryResult::Scalar { time: NOW, value: 3.0 });
    let answer = world.external("depth", "").await.unwrap();
    assert_eq!((answer.values.len(), &answer.values[0].labels), (1, &None));
}

#[tokio::test(start_paused = true)]
async fn infinity_among_several_samples_is_an_error_because_the_hpa_adds_them() {
    let world = world().await;
    let query = "sum(depth{}) by (name)";
    world.prometheus.answer(query, vector(&[("name=a", 1.0), ("name=b", f64::INFINITY)]));
    assert_eq!(
        world.external("depth", "").await.unwrap_err().to_string(),
        "rule 1 of externalRules (depth): 1 of 2 samples are infinite or beyond 9.2e15, so their sum is unknown: check \
         for a division by zero"
    );
    world.prometheus.answer(query, vector(&[("name=a", 1.0), ("name=b", f64::NAN)]));
    assert_eq!(world.external("depth", "").await.unwrap().values.len(), 1, "NaN is no load");
    world.prometheus.answer(query, vector(&[("name=b", f64::NEG_INFINITY)]));
    let alone = world.external("depth", "").await.unwrap();
    assert!(alone.values.is_empty());
    assert_eq!(
        alone.why.unwrap().to_string(),
        "1 sample of rule 1 of externalRules (depth) has no finite value (±Inf, a histogram, or beyond 9.2e15): check \
         for a division by zero"
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_client_lower_cased_is_found_when_it_is_the_only_one() {
    let config = r#"
externalRules:
- seriesQuery: '{job="gpu"}'
  resources: {namespaced: false}
  metricsQuery: '<<.Series>>'
"#;
    let selector = r#"{job="gpu"}"#;
    let world = World::start(config, &[(selector, &["DCGM_FI_X{}", "Depth{}", "DEPTH{}"])]).await;
    world.prometheus.answer("DCGM_FI_X", vector(&[("", 1.0)]));
    let answer = world.external("dcgm_fi_x", "").await.unwrap();
    assert_eq!((answer.values.len(), answer.found_as.as_deref()), (1, Some("DCGM_FI_X")));
    assert!(matches!(world.external("Dcgm_Fi_X", "").await, Err(ExternalError::NotFound { .. })));
    assert_eq!(
        world.external("depth", "").await.unwrap_err().to_string(),
        "the metric depth could be any of DEPTH, Depth: rename one in its rule"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rule_without_a_namespace_label_serves_every_namespace_and_says_so() {
    let config = r#"
externalRules:
- seriesQuery: 'depth'
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>, x="y"})'
- seriesQuery: 'other'
  resources: {overrides: {namespace: {resource: namespace}, queue: {resource: queue.sqs.aws}}}
  metricsQuery: '<<.Series>>{<<.LabelMatchers>>}'
"#;
    let world = World::start(config, &[("depth", &["depth{}"]), ("other", &["other{}"])]).await;
    let _ = world.external("depth", "").await.unwrap();
    let _ = world.external("other", "").await.unwrap();
    assert_eq!(
        world.prometheus.take_queries(),
        [r#"sum(depth{ x="y"})"#, r#"other{namespace="default"}"#],
        "a comma that would lead is dropped"
    );
    let problems: Vec<String> = world
        .adapter
        .state()
        .catalogue
        .rules
        .iter()
        .flat_map(|status| status.problems.clone())
        .map(|problem| problem.text)
        .collect();
    assert_eq!(
        problems,
        [
            "no label is mapped to namespaces, so its metrics are served to every namespace; say `namespaced: false` \
             under `resources`, or map one with `overrides: {namespace: {resource: namespace}}`",
            "resources.overrides[\"queue\"] is ignored: `queue.sqs.aws` holds a group; write `group: sqs.aws` and \
             `resource: queue`",
        ]
    );
}
