//! Bounds on time and size, and what the client tells about itself.

use std::time::Duration;

use plimsoll_adapter::backend::{Backend, BackendError};
use plimsoll_adapter::prometheus::{Client, ClientMetrics, ClientSettings};
use prometheus_client::registry::Registry;

use super::fake::{Fake, Reply};
use super::{PATIENCE, ask, client, client_of};

/// Nothing ever comes, so any limit will do; on a busy machine it may end before there is a connection.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_slow_answer_ends_at_the_limit_and_closes_its_connection() {
    for reply in [Reply::Silence, Reply::Stuck(r#"{"status":"#)] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let error = client_of(&fake.url).query("up", 1.0, SHORT).await.expect_err("no answer");
        assert_eq!(error, BackendError::Timeout { server: fake.url.clone(), limit: SHORT });
        fake.until("no connection is left", |_, connections| connections.closed == connections.opened).await;
    }
}

#[tokio::test]
async fn a_slow_list_of_series_ends_at_the_limit() {
    let fake = Fake::start(|_| Reply::Stuck(r#"{"status":"success","data":["#)).await;
    let mut settings = ClientSettings::new(&fake.url);
    settings.limits.series = SHORT;
    let error = client(&settings).series("m", 1.0, 2.0).await.expect_err("no answer");
    assert_eq!(error, BackendError::Timeout { server: fake.url.clone(), limit: SHORT });
    fake.until("no connection is left", |_, connections| connections.closed == connections.opened).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let fake = Fake::start(|_| Reply::Silence).await;
    let client = client_of(&fake.url);
    tokio::select! {
        _ = ask(&client) => panic!("an answer"),
        () = fake.until("the request is there", |asked, _| asked.len() == 1) => {}
    }
    fake.until("the connection is closed", |_, connections| connections.closed == 1).await;
}

#[tokio::test]
async fn answers_without_end_are_cut_at_the_bound() {
    let mut settings = ClientSettings::new("");
    settings.limits.query_bytes = 1 << 20;
    settings.limits.series_bytes = 2 << 20;
    let bomb = Reply::gzip(&vec![b' '; 8 << 20]);
    let space = "                                                                                        ";
    for reply in [Reply::Endless(space), bomb] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let client = client(&ClientSettings { url: fake.url.clone(), ..settings.clone() });
        let query = ask(&client).await.expect_err("no answer");
        assert_eq!(query, BackendError::TooLarge { server: fake.url.clone(), limit: 1 << 20 });
        let series = client.series("m", 1.0, 2.0).await.expect_err("no answer");
        // White space without end is also no series.
        let refused = matches!(series, BackendError::TooLarge { .. } | BackendError::NotPrometheus { .. });
        assert!(refused, "{series:?}");
    }
}

#[tokio::test]
async fn an_answer_as_large_as_the_bound_is_taken() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    let fake = Fake::start(move |_| Reply::json(body)).await;
    let mut settings = ClientSettings::new(&fake.url);
    settings.limits.query_bytes = body.len() as u64;
    ask(&client(&settings)).await.expect("an answer");
    settings.limits.query_bytes -= 1;
    ask(&client(&settings)).await.expect_err("too large");
}

#[tokio::test]
async fn answers_are_measured_and_failures_are_counted() {
    let fake = Fake::start(|asked| match (&*asked.path, asked.parameter("query")) {
        ("/p/api/v1/series", _) => Reply::json(r#"{"status":"success","data":[]}"#),
        (_, Some("up")) => Reply::vector(),
        (_, Some("bad")) => {
            Reply::status(400, "application/json", r#"{"status":"error","errorType":"bad_data"}"#)
        }
        (_, Some("html")) => Reply::status(200, "text/html", "<html>"),
        (_, Some("cut")) => Reply::Cut("{"),
        _ => Reply::Silence,
    })
    .await;
    let mut registry = Registry::default();
    let metrics = ClientMetrics::register(&mut registry);
    let server = format!("{}/p", fake.url);
    let url = server.replace("//", "//me:secret@");
    let client = Client::build(&ClientSettings::new(&url), &metrics).expect("valid settings");
    client.series("m", 1.0, 2.0).await.expect("an answer");
    ask(&client).await.expect("an answer");
    for query in ["bad", "html", "cut"] {
        client.query(query, 1.0, PATIENCE).await.expect_err(query);
    }
    client.query("slow", 1.0, SHORT).await.expect_err("no answer");

    let mut slow = client.query("slower", 1.0, PATIENCE);
    tokio::select! {
        _ = &mut slow => panic!("an answer"),
        () = fake.until("it is asked", |asked, _| asked.iter().any(|asked| asked.parameter("query") == Some("slower"))) => {
            let text = encoded(&registry);
            assert!(text.contains("plimsoll_prometheus_requests_in_flight 1\n"), "{text}");
        }
    }
    drop(slow);
    let text = encoded(&registry);
    let durations = "prometheus_adapter_prometheus_client_request_duration_seconds";
    for line in [
        format!("{durations}_count{{path=\"/api/v1/query\",server=\"{server}\"}} 3\n"),
        format!("{durations}_count{{path=\"/api/v1/series\",server=\"{server}\"}} 1\n"),
        format!("{durations}_bucket{{le=\"0.005\",path=\"/api/v1/series\",server=\"{server}\"}}"),
        format!("{durations}_bucket{{le=\"10.0\",path=\"/api/v1/series\",server=\"{server}\"}} 1\n"),
        "plimsoll_prometheus_errors_total{reason=\"rejected\"} 1\n".into(),
        "plimsoll_prometheus_errors_total{reason=\"not_prometheus\"} 1\n".into(),
        "plimsoll_prometheus_errors_total{reason=\"connection\"} 1\n".into(),
        "plimsoll_prometheus_errors_total{reason=\"timeout\"} 1\n".into(),
        "plimsoll_prometheus_requests_in_flight 0\n".into(),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

fn encoded(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("memory");
    text
}
