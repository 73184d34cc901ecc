//! Custom metrics: what is asked, what is answered, and why something is missing.

use plimsoll_adapter::answers::custom::CustomError;
use plimsoll_adapter::backend::{BackendError, QueryResult, Sample};

use crate::world::{NOW, World, cluster, resource, shown, vector, why};

const RULE: &str = r#"
rules:
- seriesQuery: 'requests_total'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)'
"#;

const SERIES: &[(&str, &[&str])] = &[("requests_total", &["requests_total{namespace,pod,code}"])];

const ALL: &str = r#"sum(rate(requests_total{namespace="default",pod=~"web-1|web-2"}[2m])) by (pod)"#;
const ONE: &str = r#"sum(rate(requests_total{namespace="default",pod="web-1"}[2m])) by (pod)"#;

#[tokio::test(start_paused = true)]
async fn one_object_and_all_objects_are_answered_from_one_query_each() {
    let world = World::start(RULE, SERIES).await;
    world.prometheus.answer(ALL, vector(&[("pod=web-2", 0.5), ("pod=web-1", 1.0), ("pod=other", 9.0)]));
    world.prometheus.answer(ONE, vector(&[("pod=web-1", 2.0)]));
    assert_eq!(shown(&world.custom("pods", "*", "requests_per_second").await.unwrap()), "web-1=1,web-2=500m");
    assert_eq!(shown(&world.custom("pod", "web-1", "requests_per_second").await.unwrap()), "web-1=2");
    assert_eq!(world.prometheus.take_queries(), [ALL, ONE]);
}

#[tokio::test(start_paused = true)]
async fn a_selector_on_series_comes_first_in_the_query() {
    let world = World::start(RULE, SERIES).await;
    let _ = world
        .custom_with(Some("default"), "pods", "web-1", "requests_per_second", "", "code in (b,a),!x")
        .await;
    assert_eq!(
        world.prometheus.take_queries(),
        [r#"sum(rate(requests_total{code=~"a|b",x="",namespace="default",pod="web-1"}[2m])) by (pod)"#]
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_metric_is_not_found_before_objects_are_listed_and_without_a_query() {
    let world = World::start(RULE, SERIES).await;
    let error = world.custom("secrets", "*", "nope").await.unwrap_err();
    assert_eq!(error.to_string(), "the server could not find the metric nope for secrets");
    assert_eq!(why(error), "no rule serves `nope`: 1 of 1 rules found series");
    assert!(world.prometheus.take_queries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_metric_of_another_type_says_for_which_types_it_is_served() {
    let world = World::start(RULE, SERIES).await;
    let error = world.custom("services", "web", "requests_per_second").await.unwrap_err();
    assert_eq!(
        why(error),
        "its series `requests_total` carries no label that is mapped to services; it is served for `namespaces`, `pods`"
    );
}

#[tokio::test(start_paused = true)]
async fn no_matching_object_names_type_namespace_and_selector() {
    let world = World::start(RULE, SERIES).await;
    let error = world
        .custom_with(Some("default"), "pods", "*", "requests_per_second", "app=none", "")
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the server could not find the metric requests_per_second for pods");
    assert_eq!(why(error), "no pods in namespace `default` match `app=none`");
}

#[tokio::test(start_paused = true)]
async fn a_query_without_result_says_that_the_series_exists() {
    let world = World::start(RULE, SERIES).await;
    let error = world.custom("pods", "web-1", "requests_per_second").await.unwrap_err();
    assert_eq!(error.to_string(), "the server could not find the metric requests_per_second for pods web-1");
    assert_eq!(
        why(error),
        "Prometheus knows the series `requests_total`, but the query of rule 1 of rules (requests_total) gives no \
         sample for it now: none was scraped lately, or a rate() window holds fewer than two samples"
    );
}

#[tokio::test(start_paused = true)]
async fn a_query_without_result_for_a_selector_names_the_selector() {
    let world = World::start(RULE, SERIES).await;
    let error = world
        .custom_with(Some("default"), "pods", "web-1", "requests_per_second", "", "code=500")
        .await
        .unwrap_err();
    assert_eq!(
        why(error),
        "Prometheus knows the series `requests_total`, but the query of rule 1 of rules (requests_total) gives no \
         sample: check that series with `code=500` exist"
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_without_the_resource_label_says_which_labels_it_has() {
    let world = World::start(RULE, SERIES).await;
    world.prometheus.answer(ALL, vector(&[("job=a", 1.0), ("job=b", 2.0)]));
    let answer = world.custom("pods", "*", "requests_per_second").await.unwrap();
    assert_eq!(shown(&answer), "");
    assert_eq!(
        answer.why.unwrap().to_string(),
        "the query of rule 1 of rules (requests_total) gives 2 samples without the label `pod` but with `job`: \
         aggregate with `by (<<.GroupBy>>)`"
    );
}

#[tokio::test(start_paused = true)]
async fn addresses_in_the_resource_label_are_recognised() {
    let world = World::start(RULE, SERIES).await;
    world.prometheus.answer(ALL, vector(&[("pod=10.0.0.7:8080", 1.0)]));
    let answer = world.custom("pods", "*", "requests_per_second").await.unwrap();
    assert_eq!(
        answer.why.unwrap().to_string(),
        "2 of 2 objects have no sample in the answer of rule 1 of rules (requests_total); its label `pod` holds \
         addresses such as `10.0.0.7:8080`, not names: map a label that holds names"
    );
}

#[tokio::test(start_paused = true)]
async fn samples_of_other_namespaces_do_not_describe_the_object() {
    let world = World::start(
        r#"
rules:
- seriesQuery: 'depth'
  resources: {template: "<<.Resource>>"}
  metricsQuery: 'depth'
"#,
        &[("depth", &["depth{namespace,pod}"])],
    )
    .await;
    world.prometheus.answer(
        "depth",
        vector(&[
            ("namespace=default,pod=web-1", 1.0),
            ("namespace=other,pod=web-1", 7.0),
            ("namespace=other,pod=web-2", 8.0),
        ]),
    );
    let answer = world.custom("pods", "*", "depth").await.unwrap();
    assert_eq!(shown(&answer), "web-1=1");
    let error = world.custom("pods", "web-2", "depth").await.unwrap_err();
    assert!(
        why(error).starts_with("the answer of rule 1 of rules (depth) has no sample of it"),
        "web-1 of this namespace is in the answer"
    );
    world.prometheus.answer("depth", vector(&[("namespace=other,pod=web-2", 8.0)]));
    assert_eq!(
        why(world.custom("pods", "web-2", "depth").await.unwrap_err()),
        "the only sample of rule 1 of rules (depth) belongs to another namespace: use <<.LabelMatchers>> in its metricsQuery"
    );
}

#[tokio::test(start_paused = true)]
async fn nan_is_zero_and_infinite_values_and_histograms_are_left_out() {
    let world = World::start(RULE, SERIES).await;
    world.prometheus.answer(ALL, vector(&[("pod=web-1", f64::NAN), ("pod=web-2", f64::INFINITY)]));
    assert_eq!(shown(&world.custom("pods", "*", "requests_per_second").await.unwrap()), "web-1=0");
    let histogram = Sample { labels: vec![("pod".into(), "web-1".into())], time: NOW, value: None };
    world.prometheus.answer(ONE, QueryResult::Vector(vec![histogram]));
    assert_eq!(
        why(world.custom("pods", "web-1", "requests_per_second").await.unwrap_err()),
        "1 sample of rule 1 of rules (requests_total) has no finite value (±Inf, a histogram, or beyond 9.2e15): \
         check for a division by zero"
    );
}

#[tokio::test(start_paused = true)]
async fn failures_of_prometheus_and_of_the_cluster_are_told_apart() {
    let world = World::start(RULE, SERIES).await;
    world
        .prometheus
        .fail(ONE, BackendError::Rejected { kind: "bad_data".to_owned(), message: "parse error".to_owned() });
    let error = world.custom("pods", "web-1", "requests_per_second").await.unwrap_err();
    assert_eq!(error.to_string(), "unable to fetch metrics");
    let CustomError::Fetch { error } = error else { panic!("a failed fetch was expected") };
    assert_eq!(
        error.to_string(),
        "rule 1 of rules (requests_total): bad_data: parse error; the query was `sum(rate(requests_total{namespace=\"default\",pod=\"web-1\"}[2m])) by (pod)`"
    );
    world.prometheus.answer(ONE, QueryResult::Scalar { time: NOW, value: 1.0 });
    let CustomError::Fetch { error } =
        world.custom("pods", "web-1", "requests_per_second").await.unwrap_err()
    else {
        panic!("a failed fetch was expected")
    };
    assert_eq!(
        error.to_string(),
        "rule 1 of rules (requests_total): the query gives a scalar, where an instant vector is needed"
    );
    assert!(matches!(
        world.custom("foos", "*", "m").await.unwrap_err(),
        CustomError::Objects { error: None }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_scoped_type_named_by_an_override_is_reached_at_the_root() {
    let world = World::start(
        r#"
rules:
- seriesQuery: 'm'
  resources: {overrides: {brand: {group: cheese.io, resource: brand}, namespace: {resource: namespace}}}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'
"#,
        &[("m", &["m{brand,namespace}"])],
    )
    .await;
    world.inventory.objects.lock().unwrap().push(("brands", "", "acme", ""));
    world.prometheus.answer(r#"sum(m{brand="acme"}) by (brand)"#, vector(&[("brand=acme", 3.0)]));
    for name in ["acme", "*"] {
        let answer = world.custom_with(None, "brands.cheese.io", name, "m", "", "").await.unwrap();
        assert_eq!(shown(&answer), "acme=3");
    }
    let list = world.adapter.state();
    let advertised: Vec<(String, bool)> = list
        .catalogue
        .custom_list()
        .into_iter()
        .map(|(resource, _, namespaced)| (resource.to_string(), namespaced))
        .collect();
    assert_eq!(
        advertised,
        [("namespaces".to_owned(), false), ("brands.cheese.io".to_owned(), true)],
        "discovery lists it as upstream does"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_metric_without_a_namespace_label_is_not_advertised_and_says_why() {
    let world = World::start(
        r#"
rules:
- seriesQuery: 'm'
  resources: {overrides: {pod: {resource: pod}}}
  metricsQuery: 'm'
"#,
        &[("m", &["m{pod}"])],
    )
    .await;
    let state = world.adapter.state();
    assert!(state.catalogue.custom_list().is_empty());
    assert_eq!(
        state.catalogue.rules[0].problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "`m` for pods cannot be asked for: no label is mapped to namespaces; add one to `resources.overrides`"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_override_for_a_type_that_appears_later_starts_working() {
    let world = World::start(
        r#"
rules:
- seriesQuery: 'm'
  resources: {overrides: {widget: {group: shop.example.com, resource: widget}, namespace: {resource: namespace}}}
  metricsQuery: 'm'
- seriesQuery: 'n'
  resources: {template: "<<.Resource>>"}
  metricsQuery: 'n'
"#,
        &[("m", &["m{widget,namespace}"]), ("n", &["n{pod,namespace}"])],
    )
    .await;
    let before = world.adapter.state();
    assert_eq!(
        before.catalogue.rules[0].problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "inactive until the cluster serves its resources: label `widget`: the cluster has no resource type \
          `widget.shop.example.com`"
        ]
    );
    assert_eq!(before.catalogue.custom_list().len(), 2, "the other rule serves all the same");
    let mut types = cluster();
    types.push(resource("shop.example.com", "widgets", "Widget", true));
    world.resources.send_replace(std::sync::Arc::new(types));
    world
        .wait("the widget's metric is served", |world| {
            world.adapter.state().catalogue.custom_list().len() == 4
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn of_two_labels_for_one_resource_the_last_in_the_file_makes_the_query() {
    let world = World::start(
        r#"
rules:
- seriesQuery: 'm'
  resources: {overrides: {pod_name: {resource: pod}, namespace: {resource: namespace}, pod: {resource: pods}}}
  metricsQuery: 'm{<<.LabelMatchers>>}'
"#,
        &[("m", &["m{pod_name,namespace,pod}"])],
    )
    .await;
    let _ = world.custom("pods", "web-1", "m").await;
    assert_eq!(world.prometheus.take_queries(), [r#"m{namespace="default",pod="web-1"}"#]);
    assert_eq!(
        world.adapter.state().catalogue.rules[0].problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["labels `pod_name` and `pod` are mapped to the same resource; queries use `pod`, the last"]
    );
}

#[tokio::test(start_paused = true)]
async fn names_that_prometheus_3_quotes_are_quoted() {
    let world = World::start(
        r#"
rules:
- seriesQuery: '{__name__=~"http.*"}'
  resources: {overrides: {k8s.namespace.name: {resource: namespace}, k8s.pod.name: {resource: pod}}}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'
"#,
        &[(
            r#"{__name__=~"http.*"}"#,
            &["http.requests{k8s.namespace.name,k8s.pod.name}", "http-load{k8s.namespace.name,k8s.pod.name}"],
        )],
    )
    .await;
    let bare =
        r#"sum(http.requests{"k8s.namespace.name"="default","k8s.pod.name"="web-1"}) by ("k8s.pod.name")"#;
    let quoted =
        r#"sum({"http.requests","k8s.namespace.name"="default","k8s.pod.name"="web-1"}) by ("k8s.pod.name")"#;
    let refusal =
        BackendError::Rejected { kind: "bad_data".to_owned(), message: "unexpected character".to_owned() };
    world.prometheus.fail(bare, refusal);
    world.prometheus.answer(quoted, vector(&[("k8s.pod.name=web-1", 4.0)]));
    assert_eq!(shown(&world.custom("pods", "web-1", "http.requests").await.unwrap()), "web-1=4");
    assert_eq!(world.prometheus.take_queries(), [bare, quoted]);
    assert_eq!(shown(&world.custom("pods", "web-1", "http.requests").await.unwrap()), "web-1=4");
    assert_eq!(world.prometheus.take_queries(), [quoted], "the server's preference is remembered");
    let _ = world.custom("pods", "web-1", "http-load").await;
    assert_eq!(
        world.prometheus.take_queries(),
        [r#"sum({"http-load","k8s.namespace.name"="default","k8s.pod.name"="web-1"}) by ("k8s.pod.name")"#],
        "a bare http-load would be a subtraction"
    );
}

#[tokio::test(start_paused = true)]
async fn a_series_that_is_no_longer_scraped_tells_the_age_of_its_newest_sample_to_people() {
    let mut world = World::start(RULE, SERIES).await;
    let age =
        r#"time() - max(max_over_time(timestamp(requests_total{namespace="default",pod="web-1"})[1h:1m]))"#;
    world.prometheus.answer(age, vector(&[("", 754.0)]));
    let _ = world.custom("pods", "web-1", "requests_per_second").await.unwrap_err();
    assert_eq!(world.prometheus.take_queries(), [ONE], "nobody reads: one query");
    world.explain = true;
    assert_eq!(
        why(world.custom("pods", "web-1", "requests_per_second").await.unwrap_err()),
        "the newest sample of `requests_total` for rule 1 of rules (requests_total) is about 12 minutes old: check that \
         its target is still scraped"
    );
}
