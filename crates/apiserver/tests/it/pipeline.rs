//! The way of a request: identity, permission, deadline, failures.

use std::time::Duration;

use plimsoll_apiserver::AlwaysAllow;
use plimsoll_apiserver::identity::Decision;
use plimsoll_apiserver::serve::Limits;
use serde_json::json;

use crate::stand::{Plan, Stand, until};

const METRIC: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/web-1/m";

#[tokio::test]
async fn a_request_reaches_its_group_with_decoded_segments_and_the_raw_query() {
    let stand = Stand::start(Plan::default()).await;
    let target = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/d%2Ax//pods%2Fweb-1/m/?labelSelector=a%3Db";
    let reply = stand.get(target).await;
    assert_eq!(reply.status, 200);
    let segments = r#"["namespaces", "d*x", "", "pods", "web-1", "m"]"#;
    assert_eq!(reply.text(), format!("GET {segments} ?labelSelector=a%3Db"));
    assert_eq!(reply.header("cache-control"), "no-cache, private");
    assert_eq!(reply.header("audit-id").len(), 36);
}

#[tokio::test]
async fn an_audit_id_of_the_client_comes_back() {
    let stand = Stand::start(Plan::default()).await;
    let reply = stand.ask("GET", "/healthz", &[("Audit-ID", "from-me")]).await;
    assert_eq!(reply.header("audit-id"), "from-me");
}

#[tokio::test]
async fn a_bad_token_is_refused_on_every_path() {
    let stand = Stand::start(Plan::default()).await;
    for (token, target) in [("Bearer wrong", METRIC), ("Bearer wrong", "/healthz"), ("Bearer later", "/nope")]
    {
        let reply = stand.ask("GET", target, &[("Authorization", token)]).await;
        assert_eq!(reply.status, 401, "{target}");
        let expected = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
        assert_eq!(reply.text(), format!("{expected}\n"));
    }
    assert!(stand.decisions.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_says_who_may_not_do_what() {
    let stand = Stand::start(Plan::default()).await;
    *stand.decisions.decision.lock().unwrap() = Decision::Denied { reason: "because".to_owned() };
    let reply = stand.ask("GET", METRIC, &[]).await;
    assert_eq!(reply.status, 403);
    let message = "pods.custom.metrics.k8s.io \"web-1\" is forbidden: User \"system:anonymous\" cannot get \
                   resource \"pods/m\" in API group \"custom.metrics.k8s.io\" in the namespace \"default\": because";
    assert_eq!(reply.json()["message"], message);
    assert!(stand.groups.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_comes_in_the_representation_that_the_client_reads() {
    use plimsoll_apiserver::wire;
    use prost::Message as _;

    use crate::messages;
    let stand = Stand::start(Plan::default()).await;
    *stand.decisions.decision.lock().unwrap() = Decision::Denied { reason: String::new() };
    let ask = async |accept| stand.ask("GET", METRIC, &[("Accept", accept)]).await;
    let reply = ask("application/vnd.kubernetes.protobuf, */*").await;
    assert_eq!((reply.status, reply.header("content-type")), (403, "application/vnd.kubernetes.protobuf"));
    let unknown = messages::Unknown::decode(reply.body.strip_prefix(wire::MAGIC).unwrap()).unwrap();
    assert_eq!(unknown.type_meta.unwrap().kind, "Status");
    let status = messages::Status::decode(unknown.raw).unwrap();
    assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    assert_eq!(status.details.unwrap().name, "web-1");
    let reply = ask("application/yaml").await;
    assert!(
        reply.text().starts_with("apiVersion: v1\ncode: 403\ndetails:\n  group: custom"),
        "{}",
        reply.text()
    );
    // Nothing that this client accepts: the failure is still told, in indented JSON.
    let reply = ask("text/html").await;
    assert!(reply.text().starts_with("{\n  \"kind\": \"Status\",\n"), "{}", reply.text());
}

#[tokio::test]
async fn an_undecided_permission_is_an_internal_error() {
    let stand = Stand::start(Plan::default()).await;
    *stand.decisions.decision.lock().unwrap() = Decision::Undecided { error: "no <answer>".to_owned() };
    let reply = stand.ask("GET", "/version?a=b", &[]).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.text(), "Internal Server Error: \"/version?a=b\": no &lt;answer&gt;\n");
    assert!(stand.groups.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn probes_need_no_permission_and_more_paths_can_be_opened() {
    let always_allow = AlwaysAllow::parse(["/healthz", "/debug/*"]).unwrap();
    let stand = Stand::start(Plan { always_allow, ..Plan::default() }).await;
    *stand.decisions.decision.lock().unwrap() = Decision::Denied { reason: String::new() };
    assert_eq!(stand.ask("GET", "/healthz", &[]).await.text(), "ok");
    assert_eq!(stand.ask("GET", "/debug/rules?a=b", &[]).await.text(), "rules a=b");
    assert_eq!(stand.ask("GET", "/readyz", &[]).await.status, 403);
    assert_eq!(stand.ask("GET", "/debug/other", &[]).await.status, 404);
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered_and_the_server_lives() {
    let stand = Stand::start(Plan::default()).await;
    let mut connection = stand.connect().await;
    let admin = [("Authorization", "Bearer admin")];
    let target = "/apis/metrics.k8s.io/v1beta1/panic";
    let reply = connection.ask("GET", target, &admin).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.json()["reason"], "InternalError");
    assert_eq!(connection.ask("GET", "/healthz", &admin).await.text(), "ok");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_504() {
    let stand = Stand::start(Plan::default()).await;
    let reply = stand.get("/apis/metrics.k8s.io/v1beta1/never?timeout=50ms").await;
    assert_eq!(reply.status, 504);
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    let expected = json!({"metadata": {}, "status": "Failure", "reason": "Timeout", "details": {}, "code": 504,
        "message": "Timeout: request did not complete within the allotted timeout"});
    assert_eq!(reply.json(), expected);
    let limits = Limits { request_timeout: Duration::from_millis(50), ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    assert_eq!(stand.get("/apis/metrics.k8s.io/v1beta1/never?timeout=1h").await.status, 504);
}

#[tokio::test]
async fn too_many_requests_in_flight_are_sent_away_for_a_second() {
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let joe = [("Authorization", "Bearer joe")];
    let mut first = stand.connect().await;
    let target = "/apis/metrics.k8s.io/v1beta1/wait";
    let held = first.ask("GET", target, &joe);
    let others = async {
        let mut waiting = stand.groups.waiting.subscribe();
        waiting.wait_for(|count| *count == 1).await.unwrap();
        let reply = stand.ask("GET", METRIC, &joe).await;
        assert_eq!(reply.status, 429);
        assert_eq!(reply.header("retry-after"), "1");
        assert_eq!(reply.json()["reason"], "TooManyRequests");
        // The availability probe of the aggregator comes from this group.
        assert_eq!(stand.get(METRIC).await.status, 200);
        stand.groups.release.notify_one();
    };
    let (held, ()) = tokio::join!(held, others);
    assert_eq!(held.status, 200);
    until("the place is free again", async || stand.ask("GET", METRIC, &joe).await.status == 200).await;
}

#[tokio::test]
async fn requests_that_wait_for_an_authenticator_are_limited_too() {
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut connection = stand.connect().await;
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hang\r\n\r\n").await;
        held.push(connection);
    }
    until("all of them wait", async || stand.tokens.peers.lock().unwrap().len() == 8).await;
    assert_eq!(stand.get("/healthz").await.status, 429);
    held.clear();
    until("they are gone", async || stand.get("/healthz").await.status == 200).await;
}

#[tokio::test]
async fn targets_that_cannot_be_read_are_refused() {
    let limits = Limits { uri_bytes: 1000, header_bytes: 8192, ..Limits::default() };
    let stand = Stand::start(Plan { limits, ..Plan::default() }).await;
    assert_eq!(stand.get("/apis/%zz").await.status, 400);
    assert_eq!(stand.get("/healthz?timeout=abc").await.status, 400);
    let reply = stand.get(&format!("/healthz?{}", "x".repeat(1001))).await;
    assert_eq!(reply.status, 414);
    assert!(reply.json()["message"].as_str().unwrap().contains("1000 bytes"));
    let large = "x".repeat(9000);
    let reply = stand.ask("GET", "/healthz", &[("X-Large", &large)]).await;
    assert_eq!(reply.status, 431);
    let mut connection = stand.connect().await;
    connection.send(b"this is not HTTP\r\n\r\n").await;
    assert_eq!(connection.read(false).await.map(|reply| reply.status), Some(400));
    assert!(connection.closed().await);
    assert_eq!(stand.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn large_bodies_are_compressed_for_clients_that_accept_it() {
    use std::io::Read as _;
    let stand = Stand::start(Plan::default()).await;
    let target = "/apis/metrics.k8s.io/v1beta1/large";
    let headers = [("Authorization", "Bearer admin"), ("Accept-Encoding", "deflate, gzip")];
    let reply = stand.ask("GET", target, &headers).await;
    assert_eq!(reply.header("content-encoding"), "gzip");
    assert_eq!(reply.header("vary"), "Accept-Encoding");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&*reply.body).read_to_end(&mut plain).unwrap();
    assert_eq!(plain.len(), 200 * 1024);
    assert_eq!(stand.get(target).await.body.len(), 200 * 1024);
    let small = stand.ask("GET", METRIC, &headers).await;
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn warnings_travel_as_headers() {
    let stand = Stand::start(Plan::default()).await;
    let reply = stand.get("/apis/metrics.k8s.io/v1beta1/warn").await;
    assert_eq!(reply.header("warning"), r#"299 - "say \"hello\"""#);
}

#[tokio::test]
async fn the_server_counts_what_it_answers_without_labels_from_clients() {
    let stand = Stand::start(Plan::default()).await;
    stand.get(METRIC).await;
    stand.get("/apis/custom.metrics.k8s.io/v1beta1/namespaces/d/made-up/x/m").await;
    stand.get("/apis/made-up/v1/things").await;
    let reply = stand.get("/metrics").await;
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = reply.text();
    let pods = "apiserver_request_total{verb=\"GET\",group=\"custom.metrics.k8s.io\",version=\"v1beta1\",\
                resource=\"pods\",code=\"200\"} 1\n";
    assert!(text.contains(pods), "{text}");
    assert!(text.contains("resource=\"other\""), "{text}");
    assert!(!text.contains("made-up"), "{text}");
    assert!(text.contains("apiserver_request_duration_seconds_bucket{"), "{text}");
}
