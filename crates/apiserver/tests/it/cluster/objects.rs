//! Watch caches: filled on first use, followed, broken, refused, unused.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use plimsoll_adapter::cluster::{ApiResource, ListError, ObjectMeta, Objects, Scope};
use plimsoll_apiserver::cluster::{ClusterMetrics, ObjectCache, ObjectSettings};
use plimsoll_model::selector::Selector;
use serde_json::json;

use super::api::{FakeApi, failure, object, until};

const PODS: &str = "/api/v1/namespaces/default/pods";
const ALL_PODS: &str = "/api/v1/pods";

fn cache(api: &FakeApi) -> ObjectCache {
    ObjectCache::new(api.client(), ObjectSettings::default(), ClusterMetrics::default())
}

fn resource(group: &str, plural: &str, namespaced: bool) -> ApiResource {
    ApiResource {
        group: group.into(),
        version: "v1".into(),
        plural: plural.into(),
        singular: String::new(),
        kind: String::new(),
        namespaced,
        short_names: Vec::new(),
    }
}

fn pods() -> ApiResource {
    resource("", "pods", true)
}

fn within(namespace: &str) -> Scope<'_> {
    Scope { namespace: Some(namespace), running: false }
}

const EVERYWHERE: Scope<'static> = Scope { namespace: None, running: false };

async fn list(cache: &ObjectCache, of: &ApiResource, scope: Scope<'_>) -> Result<Vec<String>, ListError> {
    select(cache, of, scope, "").await
}

async fn select(
    cache: &ObjectCache,
    of: &ApiResource,
    scope: Scope<'_>,
    selector: &str,
) -> Result<Vec<String>, ListError> {
    let selector = Selector::parse(selector).expect("a selector");
    let names = |objects: Vec<Arc<ObjectMeta>>| objects.iter().map(|o| o.name.to_string()).collect();
    cache.list(of, scope, &selector).await.map(names)
}

/// Waits until the cache answers `want`.
async fn settles(cache: &ObjectCache, scope: Scope<'_>, want: &[&str]) {
    for _ in 0..6_000 {
        if list(cache, &pods(), scope).await.is_ok_and(|names| names == want) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let now = list(cache, &pods(), scope).await;
    panic!("{want:?} expected, {now:?} after a minute");
}

#[tokio::test(start_paused = true)]
async fn objects_come_in_list_order_and_selectors_are_evaluated_here() {
    let api = FakeApi::new();
    api.objects(
        PODS,
        "10",
        &[
            ("default/web-2", &[("app", "web")]),
            ("default/web-1", &[("app", "web"), ("canary", "")]),
            ("default/db-0", &[("app", "db")]),
        ],
    );
    let cache = cache(&api);
    assert_eq!(list(&cache, &pods(), within("default")).await.unwrap(), ["web-2", "web-1", "db-0"]);
    assert_eq!(select(&cache, &pods(), within("default"), "app=web").await.unwrap(), ["web-2", "web-1"]);
    assert_eq!(select(&cache, &pods(), within("default"), "app=web,!canary").await.unwrap(), ["web-2"]);
    assert_eq!(select(&cache, &pods(), within("default"), "app notin (web)").await.unwrap(), ["db-0"]);
    let asked = api.asked(PODS);
    assert_eq!(asked.len(), 1, "one list answers every selector");
    assert!(asked[0].headers["accept"].to_str().unwrap().contains("as=PartialObjectMetadataList"));
    assert!(!asked[0].query.contains("labelSelector"));
}

#[tokio::test(start_paused = true)]
async fn many_first_requests_share_one_list() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/web-1", &[])]);
    let cache = cache(&api);
    let of = pods();
    let answers = join_all((0..50).map(|_| list(&cache, &of, within("default")))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|names| names == &["web-1"])));
    assert_eq!(api.asked(PODS).len(), 1);
    until("the watch is open", || api.watches(PODS) == 1).await;
}

#[tokio::test(start_paused = true)]
async fn changes_arrive_by_watch() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[]), ("default/c", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a", "c"]).await;
    until("the watch is open", || api.watches(PODS) == 1).await;
    assert!(api.watched(PODS)[0].query.contains("resourceVersion=10"));
    api.emit(PODS, "ADDED", object("default/b", &[("app", "x")], "11"));
    settles(&cache, within("default"), &["a", "b", "c"]).await;
    assert_eq!(select(&cache, &pods(), within("default"), "app=x").await.unwrap(), ["b"]);
    api.emit(PODS, "MODIFIED", object("default/b", &[("app", "y")], "12"));
    api.emit(PODS, "DELETED", object("default/a", &[], "13"));
    settles(&cache, within("default"), &["b", "c"]).await;
    assert!(select(&cache, &pods(), within("default"), "app=x").await.unwrap().is_empty());
    assert_eq!(api.asked(PODS).len(), 1, "no second list");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_goes_on_from_its_last_event() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    until("the watch is open", || api.watches(PODS) == 1).await;
    api.emit(
        PODS,
        "BOOKMARK",
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "42"}}),
    );
    api.emit(PODS, "ADDED", object("default/b", &[], "43"));
    settles(&cache, within("default"), &["a", "b"]).await;
    api.close(PODS);
    until("the watch is open again", || api.watches(PODS) == 1).await;
    assert!(api.watched(PODS)[1].query.contains("resourceVersion=43"), "{:?}", api.watched(PODS)[1]);
    assert_eq!(api.asked(PODS).len(), 1, "no second list");
}

#[tokio::test(start_paused = true)]
async fn a_lost_history_leads_to_a_new_list_and_the_old_one_answers_meanwhile() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    until("the watch is open", || api.watches(PODS) == 1).await;
    api.refuse(PODS, 503, "ServiceUnavailable", "restarting");
    api.emit(PODS, "ERROR", failure(410, "Expired", "too old resource version"));
    until("a second list is tried", || api.asked(PODS).len() >= 2).await;
    assert_eq!(list(&cache, &pods(), within("default")).await.unwrap(), ["a"]);
    api.objects(PODS, "90", &[("default/z", &[])]);
    settles(&cache, within("default"), &["z"]).await;
    until("the new list is watched", || {
        api.watched(PODS).last().is_some_and(|asked| asked.query.contains("resourceVersion=90"))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_is_not_asked_in_a_loop() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    until("the watch is open", || api.watches(PODS) == 1).await;
    api.refuse_watch(PODS, 500, "InternalError", "etcd is away");
    api.close(PODS);
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(list(&cache, &pods(), within("default")).await.unwrap(), ["a"]);
    }
    let tries = api.watched(PODS).len();
    assert!((5..25).contains(&tries), "{tries} watches in five minutes");
    api.allow_watch(PODS);
    until("it is followed again", || api.watches(PODS) == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_list_reaches_the_caller_and_is_tried_again_soon() {
    let api = FakeApi::new();
    let forbidden = r#"pods is forbidden: User "x" cannot list resource "pods""#;
    api.refuse(PODS, 403, "Forbidden", forbidden);
    let cache = cache(&api);
    let refused = ListError::Refused { code: 403, reason: "Forbidden".into(), message: forbidden.into() };
    assert_eq!(list(&cache, &pods(), within("default")).await, Err(refused.clone()));
    assert_eq!(list(&cache, &pods(), within("default")).await, Err(refused));
    assert_eq!(api.asked(PODS).len(), 1, "a failure is the answer for a second");
    api.objects(PODS, "10", &[("default/a", &[])]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(list(&cache, &pods(), within("default")).await.unwrap(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_come_is_waited_for_ten_seconds() {
    let api = FakeApi::new();
    api.hang(PODS);
    let cache = cache(&api);
    let began = tokio::time::Instant::now();
    let answer = list(&cache, &pods(), within("default")).await;
    assert!(
        matches!(&answer, Err(ListError::Unreachable(text)) if text.contains("pods in default")),
        "{answer:?}"
    );
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn pages_make_one_list() {
    let api = FakeApi::new();
    api.decide(PODS, |asked| {
        let (next, name) =
            if asked.query.contains("continue=more") { ("", "default/b") } else { ("more", "default/a") };
        (200, json!({"metadata": {"resourceVersion": "7", "continue": next}, "items": [object(name, &[], "1")]}))
    });
    let cache = cache(&api);
    assert_eq!(list(&cache, &pods(), within("default")).await.unwrap(), ["a", "b"]);
    let asked = api.asked(PODS);
    assert!(asked[0].query.contains("limit=500"), "{}", asked[0].query);
    assert_eq!(asked.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_comes_too_late_starts_the_list_anew() {
    let api = FakeApi::new();
    let tries = std::sync::atomic::AtomicUsize::new(0);
    api.decide(PODS, move |asked| {
        if asked.query.contains("continue=more") {
            return (410, failure(410, "Expired", "the continue token is too old"));
        }
        let first = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        let next = if first { "more" } else { "" };
        (200, json!({"metadata": {"resourceVersion": "7", "continue": next}, "items": [object("default/a", &[], "1")]}))
    });
    assert_eq!(list(&cache(&api), &pods(), within("default")).await.unwrap(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn running_pods_are_a_cache_of_their_own() {
    let api = FakeApi::new();
    api.decide(PODS, |asked| {
        let items = if asked.query.contains("fieldSelector=status.phase%3DRunning") {
            vec![object("default/runs", &[], "1")]
        } else {
            vec![object("default/runs", &[], "1"), object("default/waits", &[], "1")]
        };
        (200, json!({"metadata": {"resourceVersion": "7"}, "items": items}))
    });
    let cache = cache(&api);
    let running = Scope { namespace: Some("default"), running: true };
    assert_eq!(list(&cache, &pods(), running).await.unwrap(), ["runs"]);
    assert_eq!(list(&cache, &pods(), within("default")).await.unwrap(), ["runs", "waits"]);
    until("both are watched", || api.watches(PODS) == 2).await;
    assert!(api.watched(PODS).iter().any(|w| w.query.contains("status.phase%3DRunning")));
}

#[tokio::test(start_paused = true)]
async fn more_than_a_few_namespaces_are_followed_as_one() {
    let api = FakeApi::new();
    api.objects(ALL_PODS, "9", &[("n1/w1", &[]), ("n5/w5", &[]), ("n6/w6", &[])]);
    for n in 1..=6 {
        let name = format!("n{n}/w{n}");
        api.objects(&format!("/api/v1/namespaces/n{n}/pods"), "9", &[(name.as_str(), &[])]);
    }
    let cache = cache(&api);
    for n in 1..=4 {
        assert_eq!(list(&cache, &pods(), within(&format!("n{n}"))).await.unwrap(), [format!("w{n}")]);
    }
    assert!(api.asked(ALL_PODS).is_empty());
    assert_eq!(list(&cache, &pods(), within("n5")).await.unwrap(), ["w5"]);
    until("all pods are watched", || api.watches(ALL_PODS) == 1).await;
    assert_eq!(list(&cache, &pods(), within("n6")).await.unwrap(), ["w6"]);
    assert!(api.asked("/api/v1/namespaces/n6/pods").is_empty());
    until("single namespaces are no longer watched", || api.watches("/api/v1/namespaces/n1/pods") == 0).await;
    assert_eq!(list(&cache, &pods(), within("n1")).await.unwrap(), ["w1"]);
}

#[tokio::test(start_paused = true)]
async fn with_rights_in_single_namespaces_each_is_followed() {
    let api = FakeApi::new();
    api.refuse(ALL_PODS, 403, "Forbidden", "not at cluster scope");
    for n in 1..=8 {
        let name = format!("n{n}/w{n}");
        api.objects(&format!("/api/v1/namespaces/n{n}/pods"), "9", &[(name.as_str(), &[])]);
    }
    let cache = cache(&api);
    for round in 0..3 {
        for n in 1..=8 {
            let names = list(&cache, &pods(), within(&format!("n{n}"))).await;
            assert_eq!(names.unwrap(), [format!("w{n}")], "round {round}");
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
    assert_eq!(api.asked(ALL_PODS).len(), 1, "the refusal is remembered");
    let everywhere = list(&cache, &pods(), EVERYWHERE).await;
    assert!(matches!(everywhere, Err(ListError::Refused { code: 403, .. })), "{everywhere:?}");
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_may_not_be_watched_is_listed_again_and_again() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    api.refuse_watch(PODS, 403, "Forbidden", "cannot watch");
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    api.objects(PODS, "11", &[("default/b", &[])]);
    settles(&cache, within("default"), &["b"]).await;
    let lists = api.asked(PODS).len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!((5..=7).contains(&(api.asked(PODS).len() - lists)));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_for_is_no_longer_followed() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(300)).await;
        settles(&cache, within("default"), &["a"]).await;
    }
    assert_eq!(api.asked(PODS).len(), 1, "a cache in use stays");
    tokio::time::sleep(Duration::from_secs(700)).await;
    assert_eq!(api.watches(PODS), 0);
    settles(&cache, within("default"), &["a"]).await;
    assert_eq!(api.asked(PODS).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_type_that_is_gone_has_no_objects_any_more() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    until("the watch is open", || api.watches(PODS) == 1).await;
    api.refuse(PODS, 404, "NotFound", "the server could not find the requested resource");
    api.refuse_watch(PODS, 404, "NotFound", "the server could not find the requested resource");
    api.close(PODS);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let answer = list(&cache, &pods(), within("default")).await;
    assert!(matches!(answer, Err(ListError::Refused { code: 404, .. })), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn names_that_are_no_namespaces_never_reach_a_path() {
    let api = FakeApi::new();
    let cache = cache(&api);
    for odd in ["../../secrets", "a%2Fb", "..", ""] {
        let answer = list(&cache, &pods(), within(odd)).await;
        assert!(matches!(answer, Err(ListError::Refused { code: 404, .. })), "{odd}: {answer:?}");
    }
    for empty in ["*", "Default", "a?b=c", "-a"] {
        assert_eq!(list(&cache, &pods(), within(empty)).await.unwrap(), [""; 0], "{empty}");
    }
    let nodes = resource("", "nodes", false);
    assert!(matches!(
        list(&cache, &nodes, within("default")).await,
        Err(ListError::Refused { code: 404, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn types_of_groups_and_of_the_cluster_have_their_paths() {
    let api = FakeApi::new();
    api.objects("/apis/apps/v1/namespaces/default/deployments", "1", &[("default/web", &[])]);
    api.objects("/api/v1/nodes", "1", &[("n1", &[])]);
    let cache = cache(&api);
    let deployments = resource("apps", "deployments", true);
    assert_eq!(list(&cache, &deployments, within("default")).await.unwrap(), ["web"]);
    assert_eq!(list(&cache, &resource("", "nodes", false), EVERYWHERE).await.unwrap(), ["n1"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_cache_ends_its_watches() {
    let api = FakeApi::new();
    api.objects(PODS, "10", &[("default/a", &[])]);
    let cache = cache(&api);
    settles(&cache, within("default"), &["a"]).await;
    until("the watch is open", || api.watches(PODS) == 1).await;
    drop(cache);
    until("the watch is closed", || api.watches(PODS) == 0).await;
}
