//! Resource types: from one document or many, with groups that fail, and as they change.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_adapter::cluster::ApiResource;
use plimsoll_apiserver::cluster::{ClusterMetrics, Discovery};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::api::{FakeApi, until};

fn start(api: &FakeApi) -> Discovery {
    Discovery::start(api.client(), Duration::from_secs(60), ClusterMetrics::default())
}

/// `group/version/plural` of every type.
fn names(resources: &watch::Receiver<Arc<Vec<ApiResource>>>) -> Vec<String> {
    let name = |of: &ApiResource| format!("{}/{}/{}", of.group, of.version, of.plural);
    resources.borrow().iter().map(name).collect()
}

fn list(group_version: &str, resources: &[(&str, &str, bool)]) -> Value {
    let resource = |(name, kind, namespaced): &(&str, &str, bool)| {
        json!({"name": name, "kind": kind, "namespaced": namespaced,
               "singularName": kind.to_lowercase(), "verbs": ["list"]})
    };
    json!({"kind": "APIResourceList", "groupVersion": group_version,
           "resources": resources.iter().map(resource).collect::<Vec<_>>()})
}

/// A server without aggregated discovery: core, apps, and a group of two versions.
fn legacy() -> FakeApi {
    let api = FakeApi::new();
    api.json("/api", json!({"kind": "APIVersions", "versions": ["v1"]}));
    api.json(
        "/apis",
        json!({"kind": "APIGroupList", "groups": [
        {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
         "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}},
        {"name": "multi.example.com",
         "versions": [{"groupVersion": "multi.example.com/v1", "version": "v1"},
                      {"groupVersion": "multi.example.com/v2", "version": "v2"}],
         "preferredVersion": {"groupVersion": "multi.example.com/v2", "version": "v2"}}]}),
    );
    api.json(
        "/api/v1",
        list("v1", &[("pods", "Pod", true), ("pods/status", "Pod", true), ("nodes", "Node", false)]),
    );
    api.json("/apis/apps/v1", list("apps/v1", &[("deployments", "Deployment", true)]));
    api.json(
        "/apis/multi.example.com/v1",
        list("multi.example.com/v1", &[("gizmos", "Gizmo", true), ("olds", "Old", true)]),
    );
    api.json("/apis/multi.example.com/v2", list("multi.example.com/v2", &[("gizmos", "Gizmo", true)]));
    api
}

fn aggregated(groups: &[(&str, &str, &str, &str)]) -> Value {
    let group = |(group, version, plural, freshness): &(&str, &str, &str, &str)| {
        json!({"metadata": {"name": group}, "versions": [{"version": version, "freshness": freshness, "resources": [
            {"resource": plural, "scope": "Namespaced", "responseKind": {"kind": plural.to_uppercase()}}]}]})
    };
    json!({"kind": "APIGroupDiscoveryList", "items": groups.iter().map(group).collect::<Vec<_>>()})
}

#[tokio::test(start_paused = true)]
async fn a_server_without_aggregated_discovery_is_read_group_by_group() {
    let api = legacy();
    let discovery = start(&api);
    let resources = discovery.resources();
    until("types are known", || !resources.borrow().is_empty()).await;
    assert_eq!(
        names(&resources),
        [
            "/v1/pods",
            "/v1/nodes",
            "apps/v1/deployments",
            "multi.example.com/v2/gizmos",
            "multi.example.com/v1/gizmos",
            "multi.example.com/v1/olds"
        ]
    );
    assert!(discovery.failures().borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fails_costs_only_itself_and_is_reported() {
    let api = legacy();
    api.text("/apis/apps/v1", 503, "service unavailable\n");
    let discovery = start(&api);
    let (resources, failures) = (discovery.resources(), discovery.failures());
    until("types are known", || !resources.borrow().is_empty()).await;
    assert!(!names(&resources).contains(&"apps/v1/deployments".to_owned()));
    assert_eq!(names(&resources).len(), 5);
    assert_eq!(failures.borrow()[0].group_version, "apps/v1");

    api.json("/apis/apps/v1", list("apps/v1", &[("deployments", "Deployment", true)]));
    until("the group is back", || failures.borrow().is_empty()).await;
    assert_eq!(names(&resources)[2], "apps/v1/deployments");

    api.text("/apis/apps/v1", 503, "service unavailable\n");
    until("it fails again", || !failures.borrow().is_empty()).await;
    assert_eq!(names(&resources)[2], "apps/v1/deployments", "what was known stays");
}

#[tokio::test(start_paused = true)]
async fn one_aggregated_document_is_enough_and_is_not_read_twice() {
    let api = FakeApi::new();
    api.tagged("/api", "\"a\"", aggregated(&[("", "v1", "pods", "Current")]));
    api.tagged("/apis", "\"b\"", aggregated(&[("apps", "v1", "deployments", "Current")]));
    let discovery = start(&api);
    let resources = discovery.resources();
    until("a second round", || api.asked("/apis").len() >= 2).await;
    assert_eq!(names(&resources), ["/v1/pods", "apps/v1/deployments"]);
    let asked = api.asked("/apis");
    assert!(
        asked[0].headers["accept"]
            .to_str()
            .unwrap()
            .starts_with("application/json;g=apidiscovery.k8s.io;v=v2;")
    );
    assert!(!asked[0].headers.contains_key("if-none-match"));
    assert_eq!(asked[1].headers["if-none-match"], "\"b\"");
    assert!(api.asked("/apis/apps/v1").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_type_that_appears_later_is_found_soon_after_it_is_missed() {
    let api = FakeApi::new();
    api.json("/api", aggregated(&[("", "v1", "pods", "Current")]));
    api.json("/apis", aggregated(&[]));
    let discovery = start(&api);
    let mut resources = discovery.resources();
    resources.wait_for(|types| types.len() == 1).await.expect("running");
    api.json("/apis", aggregated(&[("shop.example.com", "v1", "widgets", "Current")]));
    let before = tokio::time::Instant::now();
    discovery.refresh();
    resources.wait_for(|types| types.len() == 2).await.expect("running");
    assert!(before.elapsed() <= Duration::from_secs(6), "took {:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn asking_often_does_not_ask_the_api_server_often() {
    let api = FakeApi::new();
    api.json("/api", aggregated(&[("", "v1", "pods", "Current")]));
    api.json("/apis", aggregated(&[]));
    let discovery = start(&api);
    for _ in 0..100 {
        discovery.refresh();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(api.asked("/apis").len() <= 4, "{} rounds in 10 s", api.asked("/apis").len());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_takes_nothing_away() {
    let api = FakeApi::new();
    api.json("/api", aggregated(&[("", "v1", "pods", "Current")]));
    api.json("/apis", aggregated(&[("apps", "v1", "deployments", "Current")]));
    let discovery = start(&api);
    let (resources, failures) = (discovery.resources(), discovery.failures());
    until("types are known", || resources.borrow().len() == 2).await;
    api.text("/api", 500, "");
    api.hang("/apis");
    discovery.refresh();
    until("the failure is seen", || failures.borrow().len() == 2).await;
    assert_eq!(names(&resources), ["/v1/pods", "apps/v1/deployments"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_ends_the_questions() {
    let api = legacy();
    let discovery = start(&api);
    until("a first round", || !discovery.resources().borrow().is_empty()).await;
    drop(discovery);
    let asked = api.asked("/apis").len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(api.asked("/apis").len(), asked);
}
