//! Input that is broken or hostile: from files, from Prometheus, from clients.
//!
//! | what | test |
//! |---|---|
//! | invalid YAML, unknown or duplicate keys, bad regex or template | `a_mistake_in_the_file_stops_the_start_and_is_shown_where_it_is` (module `advice`); each shape: the adapter's `config/mistakes.rs`, `config/bounds.rs`, `tests/it/load.rs` |
//! | bad PromQL from a template | [`a_query_that_prometheus_refuses_is_shown_as_rendered`] |
//! | a lying Prometheus: HTML, exposition text, 503 | `what_answered_instead_of_prometheus_is_said_everywhere` (module `advice`) |
//! | truncated JSON, 400, 422, 500, unreachable | [`a_prometheus_that_fails_is_told_apart`] |
//! | slow | [`a_query_that_takes_too_long_ends_with_the_clients_patience`]; the adapter's `tests/it/prometheus/limits.rs` |
//! | oversized answers | `answers_without_end_are_cut_at_the_bound`, `more_shapes_than_allowed_end_the_list` (adapter) |
//! | oversized bodies and selectors | [`oversized_bodies_and_selectors_are_answered_and_leave_no_trace`] |
//! | malformed paths and encodings | [`paths_that_make_no_sense_are_answered`]; `targets_that_cannot_be_read_are_refused`, `what_is_no_request_harms_nobody` (apiserver) |
//! | forged front-proxy headers | [`headers_without_the_front_proxys_certificate_count_for_nothing`] |
//! | expired or wrong-audience tokens | [`a_token_that_is_not_good_is_refused_everywhere`] |
//! | secrets in logs | [`no_secret_is_in_the_log_however_much_is_logged`] |

use std::time::Duration;

use anyhow::{Result, ensure};
use plimsoll_testkit::fakes::Reply;
use plimsoll_testkit::fakes::caller::Caller;
use plimsoll_testkit::fakes::kubernetes::{OWN_TOKEN, Permission};
use serde_json::json;

use crate::stand::{Stand, Surroundings};

const RULE: &str = r#"rules:
- seriesQuery: requests
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
"#;

const LIST: &str = "/apis/custom.metrics.k8s.io/v1beta1";
const POD: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/web-1/requests";
const QUERY: &str = "sum(requests{namespace=\"default\",pod=\"web-1\"}) by (pod)";

fn web(around: &Surroundings) {
    let series = json!([{"__name__": "requests", "namespace": "default", "pod": "web-1"}]);
    around.prometheus.series("requests", &series);
    around.prometheus.vector(QUERY, &[(json!({"pod": "web-1"}), "7")]);
    around.kubernetes.pods(&["web-1"]);
}

fn prometheus_error(status: u16, kind: &str, error: &str) -> Reply {
    Reply::json(status, &json!({"status": "error", "errorType": kind, "error": error}))
}

/// The program still answers, and nothing in it has panicked.
async fn is_well(stand: &Stand) -> Result<()> {
    stand.around.prometheus.vector(QUERY, &[(json!({"pod": "web-1"}), "7")]);
    assert_eq!(stand.get(POD).await?.json()["items"][0]["value"], "7");
    let log = stand.log()?;
    ensure!(!log.contains("panic"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_query_that_prometheus_refuses_is_shown_as_rendered() -> Result<()> {
    let stand = Stand::with(&RULE.replace("by (<<", "by <<"), web).await?;
    let query = "sum(requests{namespace=\"default\",pod=\"web-1\"}) by pod)";
    let error = "invalid parameter \"query\": 1:50: parse error: unexpected identifier \"pod\"";
    stand.around.prometheus.answer(query, prometheus_error(400, "bad_data", error));
    let told = format!("rule 1 of rules (requests): bad_data: {error}; the query was `{query}`");
    let (status, message) = stand.told(POD).await?;
    assert_eq!((status, message), (500, format!("Internal error occurred: unable to fetch metrics: {told}")));
    stand.logs(&told).await
}

#[tokio::test]
async fn a_prometheus_that_fails_is_told_apart() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    let shown = format!("; the query was `{QUERY}`");
    for (reply, told) in [
        (prometheus_error(400, "bad_data", "x"), format!("bad_data: x{shown}")),
        (prometheus_error(422, "execution", "y"), format!("execution: y{shown}")),
        (prometheus_error(500, "internal", "z"), format!("internal: z{shown}")),
        (prometheus_error(503, "timeout", "query timed out"), format!("timeout: query timed out{shown}")),
        (
            Reply::Cut("{\"status\":\"succ".into()),
            "<prometheus> cannot be reached: the server cut the connection before the answer was complete (15 bytes \
             came)"
                .to_owned(),
        ),
    ] {
        stand.around.prometheus.answer(QUERY, reply);
        let (status, message) = stand.told(POD).await?;
        let told = format!("Internal error occurred: unable to fetch metrics: rule 1 of rules (requests): {told}");
        assert_eq!((status, stand.named(&message)), (500, told));
    }
    stand.around.prometheus.answer(QUERY, Reply::Hangup);
    let (status, message) = stand.told(POD).await?;
    assert_eq!(status, 500);
    ensure!(
        stand.named(&message).contains("rule 1 of rules (requests): <prometheus> cannot be reached: "),
        "{message}"
    );
    is_well(&stand).await
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends_with_the_clients_patience() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    stand.around.prometheus.answer(QUERY, Reply::Silence);
    let began = tokio::time::Instant::now();
    let answer = stand.get(&format!("{POD}?timeout=1s")).await?;
    assert_eq!(answer.status, 504, "{answer:?}");
    ensure!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    is_well(&stand).await
}

#[tokio::test]
async fn oversized_bodies_and_selectors_are_answered_and_leave_no_trace() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    let admin = stand.admin()?;
    // Nothing reads a body; it may be refused or broken off, but not kept.
    if let Ok(answer) = admin.send("POST", POD, &"x".repeat(64 << 20)).await {
        ensure!((400..500).contains(&answer.status), "{answer:?}");
    }
    let selector = format!("{POD}?metricLabelSelector=a+in+%28{}%29", "v,".repeat(500_000));
    if let Ok(answer) = admin.get(&selector).await {
        ensure!([414, 431].contains(&answer.status), "{}", answer.status);
    }
    let resident = stand.resident_bytes()?;
    ensure!(resident < 256 << 20, "{} MiB are resident", resident >> 20);
    is_well(&stand).await
}

#[tokio::test]
async fn paths_that_make_no_sense_are_answered() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    for (target, statuses) in [
        (format!("{LIST}/namespaces/default/pods/%zz/requests"), &[400][..]),
        (format!("{LIST}/namespaces/default/pods/%00/requests"), &[404]),
        (format!("{LIST}/namespaces/default/pods/%FF%FE/requests"), &[400, 404]),
        (format!("{LIST}/namespaces/default/pods/../../requests"), &[404]),
        (format!("{LIST}/{}", "a/".repeat(2000)), &[404]),
        (format!("{LIST}//////"), &[200, 404]),
        (format!("{POD}?labelSelector=%21%21"), &[400]),
        (format!("{POD}?metricLabelSelector=a+in"), &[400, 500]),
        (format!("{POD}?timeout=soon"), &[400]),
        (format!("{POD}?limit=%"), &[200, 400]),
        ("/apis/nothing.example.com/v1".to_owned(), &[404]),
        ("/debug/pprof/heap".to_owned(), &[404]),
    ] {
        let status = stand.get(&target).await?.status;
        ensure!(statuses.contains(&status), "{status} for {}", &target[..target.len().min(200)]);
    }
    is_well(&stand).await
}

#[tokio::test]
async fn headers_without_the_front_proxys_certificate_count_for_nothing() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    stand.around.kubernetes.permit(Permission::Refused);
    let forged = |caller: Caller| {
        let caller = caller.with_header("x-remote-user", "root");
        caller.with_header("x-remote-group", "system:masters")
    };
    let kubernetes = &stand.around.kubernetes;
    let nobody = forged(Caller::anonymous(stand.address)?).get(POD).await?;
    assert_eq!(nobody.status, 403);
    ensure!(nobody.message().contains("system:anonymous"), "{nobody:?}");
    let joe = forged(Caller::with_token(stand.address, "joe")?).get(POD).await?;
    assert_eq!(joe.status, 403);
    ensure!(joe.message().contains("\"joe\""), "{joe:?}");
    let alice = kubernetes.clients.client("alice", Some("devs"))?;
    let alice = forged(Caller::with_certificate(stand.address, &alice)?).get(POD).await?;
    assert_eq!(alice.status, 403);
    ensure!(alice.message().contains("\"alice\""), "{alice:?}");
    // The right authority, but a name that is not allowed.
    let other = kubernetes.front_proxy.client("someone-else", None)?;
    let other = forged(Caller::with_certificate(stand.address, &other)?).get(POD).await?;
    assert_eq!(other.status, 401);
    assert_eq!(stand.aggregator()?.get(POD).await?.status, 200, "the front proxy itself is believed");
    let log = stand.log()?;
    ensure!(!log.contains("root"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_everywhere() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    let caller = Caller::with_token(stand.address, "expired-or-for-another-audience")?;
    for target in [LIST, POD, "/apis", "/metrics", "/debug/rules", "/healthz"] {
        let answer = caller.get(target).await?;
        assert_eq!((answer.status, answer.message().as_str()), (401, "Unauthorized"), "{target}");
    }
    let asked = stand.around.kubernetes.asked();
    let reviews = asked.iter().filter(|asked| asked.path.ends_with("/tokenreviews"));
    assert_eq!(
        reviews.filter(|asked| asked.body.contains("expired-or-for")).count(),
        1,
        "it is reviewed once"
    );
    ensure!(!stand.log()?.contains("expired-or-for-another-audience"), "the token is in the log");
    Ok(())
}

#[tokio::test]
async fn no_secret_is_in_the_log_however_much_is_logged() -> Result<()> {
    for (flags, sent) in [
        (
            &["--prometheus-token-file=${DIR}/token", "--prometheus-header=X-Api-Key=header-sekret"][..],
            &["file-token-sekret", "header-sekret"][..],
        ),
        (&["--prometheus-url=http://scraper:url-password-sekret@${PROMHOST}/"], &["url-password-sekret"]),
    ] {
        let around = Surroundings::new(RULE).await?.with_flags(["--v=10"]).with_flags(flags);
        web(&around);
        std::fs::write(around.path("token"), "file-token-sekret\n")?;
        let stand = around.serve().await?;
        let client = Caller::with_token(stand.address, "client-token-sekret")?;
        assert_eq!(client.get(POD).await?.status, 401);
        assert_eq!(stand.get(POD).await?.status, 200);
        // A server that repeats what it was sent.
        stand
            .around
            .prometheus
            .answer(QUERY, Reply::text(403, "text/plain", format!("who is {}?", sent.join(" "))));
        let (_, message) = stand.told(POD).await?;
        stand.logs("fetching a custom metric failed").await?;
        let pages = [
            stand.log()?,
            message,
            stand.get("/debug/rules").await?.body,
            stand.get("/metrics").await?.body,
            stand.get("/readyz?verbose").await?.body,
        ];
        for text in &pages {
            for secret in sent.iter().chain(&["client-token-sekret", OWN_TOKEN]) {
                let lines: Vec<&str> = text.lines().filter(|line| line.contains(secret)).collect();
                ensure!(lines.is_empty(), "{secret} is in\n{}", lines.join("\n"));
            }
        }
    }
    Ok(())
}
