//! Permission: what a review says, how long an answer is good, and what happens without one.

use std::time::Duration;

use plimsoll_apiserver::cluster::{AccessReviews, AuthorizationSettings, ClusterMetrics};
use plimsoll_apiserver::identity::{Attributes, Authorizer, Decision, ResourceAttributes, User};
use serde_json::{Value, json};

use super::api::FakeApi;

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

fn api(status: Value) -> FakeApi {
    let api = FakeApi::new();
    api.decide(REVIEWS, move |asked| {
        let mut review = asked.body.clone();
        review["status"] = status.clone();
        (201, review)
    });
    api
}

fn allowing() -> FakeApi {
    api(json!({"allowed": true}))
}

fn reviews(api: &FakeApi) -> AccessReviews {
    AccessReviews::new(api.client(), AuthorizationSettings::default(), ClusterMetrics::default())
}

fn joe() -> User {
    User { name: "joe".into(), groups: vec!["devs".into(), "system:authenticated".into()], ..User::default() }
}

/// A request for `resource/subresource name` of a group, in `namespace`.
fn resource(verb: &str, group: &str, [resource, subresource, name, namespace]: [&str; 4]) -> Attributes {
    Attributes {
        verb: verb.into(),
        path: "/apis/somewhere".into(),
        resource: Some(ResourceAttributes {
            group: group.into(),
            version: "v1beta1".into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            namespace: namespace.into(),
        }),
    }
}

fn path(path: &str) -> Attributes {
    Attributes { verb: "get".into(), path: path.into(), resource: None }
}

const CUSTOM: &str = "custom.metrics.k8s.io";
const EXTERNAL: &str = "external.metrics.k8s.io";

#[tokio::test(start_paused = true)]
async fn a_review_carries_the_attributes_that_upstream_sends() {
    let resource_of = |attributes: Value| json!({"resourceAttributes": attributes});
    let cases = [
        (
            resource("get", CUSTOM, ["pods", "foo", "*", "ns"]),
            resource_of(json!({"namespace": "ns", "verb": "get", "group": CUSTOM, "version": "v1beta1",
                "resource": "pods", "subresource": "foo", "name": "*"})),
        ),
        (
            resource("get", CUSTOM, ["metrics", "", "foo", "ns"]),
            resource_of(json!({"namespace": "ns", "verb": "get", "group": CUSTOM, "version": "v1beta1",
                "resource": "metrics", "name": "foo"})),
        ),
        (
            resource("get", CUSTOM, ["nodes", "foo", "n1", ""]),
            resource_of(json!({"verb": "get", "group": CUSTOM, "version": "v1beta1", "resource": "nodes",
                "subresource": "foo", "name": "n1"})),
        ),
        (
            resource("list", EXTERNAL, ["m", "", "", "ns"]),
            resource_of(json!({"namespace": "ns", "verb": "list", "group": EXTERNAL, "version": "v1beta1",
                "resource": "m"})),
        ),
        (path("/openapi/v2"), json!({"nonResourceAttributes": {"path": "/openapi/v2", "verb": "get"}})),
    ];
    let api = allowing();
    let reviews = reviews(&api);
    for (attributes, mut spec) in cases {
        assert_eq!(reviews.authorize(&joe(), &attributes).await, Decision::Allowed);
        spec["user"] = json!("joe");
        spec["groups"] = json!(["devs", "system:authenticated"]);
        let asked = api.asked(REVIEWS).pop().expect("a review").body;
        let want =
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec});
        assert_eq!(asked, want);
    }
}

#[tokio::test(start_paused = true)]
async fn a_review_carries_uid_and_extra() {
    let api = allowing();
    let bob = User {
        name: "bob".into(),
        uid: "42".into(),
        groups: Vec::new(),
        extra: [("scopes".to_owned(), vec!["a".to_owned()])].into(),
        proxied: false,
    };
    reviews(&api).authorize(&bob, &path("/version")).await;
    let spec = api.asked(REVIEWS)[0].body["spec"].clone();
    assert_eq!(
        spec,
        json!({"nonResourceAttributes": {"path": "/version", "verb": "get"}, "user": "bob", "uid": "42",
               "extra": {"scopes": ["a"]}})
    );
}

#[tokio::test(start_paused = true)]
async fn system_masters_may_do_everything_unasked() {
    let api = api(json!({"allowed": false}));
    let admin = User { groups: vec!["system:masters".into()], ..User::default() };
    assert_eq!(reviews(&api).authorize(&admin, &path("/metrics")).await, Decision::Allowed);
    assert!(api.asked(REVIEWS).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_good_for_ten_seconds() {
    for (status, want) in [
        (json!({"allowed": true}), Decision::Allowed),
        (
            json!({"allowed": false, "reason": "fake reason"}),
            Decision::Denied { reason: "fake reason".into() },
        ),
        (json!({"allowed": false, "denied": true}), Decision::Denied { reason: String::new() }),
    ] {
        let api = api(status);
        let reviews = reviews(&api);
        let pods = resource("get", CUSTOM, ["pods", "foo", "*", "ns"]);
        for _ in 0..10 {
            assert_eq!(reviews.authorize(&joe(), &pods).await, want);
            tokio::time::sleep(Duration::from_millis(999)).await;
        }
        assert_eq!(api.asked(REVIEWS).len(), 1);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(reviews.authorize(&joe(), &pods).await, want);
        assert_eq!(api.asked(REVIEWS).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn users_and_attributes_that_differ_are_asked_about_apart() {
    let api = allowing();
    let reviews = reviews(&api);
    let base = resource("get", CUSTOM, ["pods", "foo", "*", "ns"]);
    let same_under_another_path = Attributes { path: "/apis/elsewhere".into(), ..base.clone() };
    let questions = [
        (joe(), base.clone()),
        (joe(), resource("list", CUSTOM, ["pods", "foo", "*", "ns"])),
        (joe(), resource("get", EXTERNAL, ["pods", "foo", "*", "ns"])),
        (joe(), resource("get", CUSTOM, ["pods", "bar", "*", "ns"])),
        (joe(), resource("get", CUSTOM, ["pods", "foo", "web-1", "ns"])),
        (joe(), resource("get", CUSTOM, ["pods", "foo", "*", "other"])),
        (joe(), path("/apis/somewhere")),
        (joe(), path("/metrics")),
        (User { name: "eve".into(), ..joe() }, base.clone()),
        (User { groups: vec!["devs".into()], ..joe() }, base.clone()),
        (User { uid: "1".into(), ..joe() }, base.clone()),
        (User { extra: [("k".to_owned(), vec![])].into(), ..joe() }, base),
    ];
    for (user, attributes) in &questions {
        reviews.authorize(user, attributes).await;
    }
    assert_eq!(api.asked(REVIEWS).len(), questions.len());
    for (user, attributes) in &questions {
        reviews.authorize(user, attributes).await;
    }
    reviews.authorize(&joe(), &same_under_another_path).await;
    assert_eq!(api.asked(REVIEWS).len(), questions.len());
}

#[tokio::test(start_paused = true)]
async fn simultaneous_equal_questions_share_one_review() {
    let api = allowing();
    let reviews = reviews(&api);
    let (joe, pods) = (joe(), resource("get", CUSTOM, ["pods", "foo", "*", "ns"]));
    let answers = futures::future::join_all((0..100).map(|_| reviews.authorize(&joe, &pods))).await;
    assert!(answers.iter().all(|answer| *answer == Decision::Allowed));
    assert_eq!(api.asked(REVIEWS).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_one_who_asked_first_may_leave() {
    let api = FakeApi::new();
    api.refuse(REVIEWS, 500, "InternalError", "not yet");
    let reviews = reviews(&api);
    let (joe, pods) = (joe(), resource("get", CUSTOM, ["pods", "foo", "*", "ns"]));
    let first = tokio::time::timeout(Duration::from_millis(100), reviews.authorize(&joe, &pods)).await;
    assert!(first.is_err());
    api.json(REVIEWS, json!({"status": {"allowed": true}}));
    assert_eq!(reviews.authorize(&joe, &pods).await, Decision::Allowed);
    assert_eq!(api.asked(REVIEWS).len(), 2, "the second waited for the first one's review");
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_nobody_decides_and_nothing_is_remembered() {
    let api = FakeApi::new();
    let pods = resource("get", CUSTOM, ["pods", "foo", "*", "ns"]);
    api.refuse(REVIEWS, 500, "InternalError", "fake authorizer failure");
    let reviews = reviews(&api);
    let undecided = Decision::Undecided { error: "fake authorizer failure".into() };
    let began = tokio::time::Instant::now();
    assert_eq!(reviews.authorize(&joe(), &pods).await, undecided);
    assert_eq!(api.asked(REVIEWS).len(), 5);
    assert!((4_062..=4_064).contains(&began.elapsed().as_millis()), "the pauses of upstream");
    api.json(REVIEWS, json!({"status": {"allowed": true}}));
    assert_eq!(reviews.authorize(&joe(), &pods).await, Decision::Allowed);
}

#[tokio::test(start_paused = true)]
async fn a_contradiction_is_no_permission() {
    let api = api(json!({"allowed": true, "denied": true}));
    let answer = reviews(&api).authorize(&joe(), &path("/metrics")).await;
    let text = "webhook subject access review returned both allow and deny response";
    assert_eq!(answer, Decision::Undecided { error: text.into() });
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_no_permission() {
    let api = FakeApi::new();
    api.json(REVIEWS, json!({}));
    let answer = reviews(&api).authorize(&joe(), &path("/metrics")).await;
    assert_eq!(answer, Decision::Denied { reason: String::new() });
}

#[tokio::test(start_paused = true)]
async fn very_long_questions_are_asked_every_time() {
    let api = allowing();
    let reviews = reviews(&api);
    let long = path(&"/x".repeat(6_000));
    for _ in 0..2 {
        assert_eq!(reviews.authorize(&joe(), &long).await, Decision::Allowed);
    }
    assert_eq!(api.asked(REVIEWS).len(), 2);
}
