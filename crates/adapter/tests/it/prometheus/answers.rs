//! Answers that are none, and how they are told.

use plimsoll_adapter::backend::{Backend, BackendError, QueryResult};

use super::fake::{Fake, Reply};
use super::{ask, client_of, error_of};

#[tokio::test]
async fn a_vector_is_answered_with_its_samples() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1700000000,"1.5"]}]},"warnings":["w"]}"#;
    for reply in [Reply::json(body), Reply::gzip(body.as_bytes())] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let Ok(QueryResult::Vector(samples)) = ask(&client_of(&fake.url)).await else { panic!("no vector") };
        assert_eq!((samples[0].label("pod"), samples[0].value), (Some("a"), Some(1.5)));
    }
}

#[tokio::test]
async fn answers_that_are_not_of_prometheus_say_what_they_are() {
    let json = "application/json";
    for (status, content_type, body, what) in [
        (200, "text/html", "<html><head><title>Sign in</title>", "HTML page titled \"Sign in\""),
        (
            200,
            "text/plain",
            "# HELP go_gc x\n",
            "Prometheus exposition text: an exporter, not the Prometheus server",
        ),
        (200, json, "", "an empty body"),
        (200, json, "{\"status\":\"success\",\"data\":{", "truncated JSON at byte 28"),
        (200, json, "[]", "a JSON list: []"),
        (200, json, "{}", "JSON without `data`"),
        (401, "text/plain", "unauthorized", "text \"unauthorized\"; it wants other credentials than it got"),
        (404, "text/plain", "nf", "text \"nf\"; the URL may lack a path, or have one too many"),
        (502, "text/html", "<html>bad gateway</html>", "an HTML page without a title"),
        (
            500,
            json,
            "{\"status\":\"success\",\"data\":{}}",
            "JSON without a Prometheus result: {\"status\":\"success\",\"data\":{}}",
        ),
    ] {
        let fake = Fake::start(move |_| Reply::status(status, content_type, body)).await;
        let expected =
            format!("{} answered with HTTP {status}, but not as a Prometheus API does: {what}", fake.url);
        assert_eq!(error_of(&client_of(&fake.url)).await, expected);
    }
}

#[tokio::test]
async fn errors_of_prometheus_are_passed_on_whatever_the_status() {
    for status in [200, 400, 422, 429, 500, 503] {
        let body = r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples"}"#;
        let fake = Fake::start(move |_| Reply::status(status, "application/json", body)).await;
        let error = error_of(&client_of(&fake.url)).await;
        assert_eq!(error, "execution: query processing would load too many samples", "{status}");
    }
}

#[tokio::test]
async fn a_long_error_is_shortened() {
    let body = format!(r#"{{"status":"error","errorType":"bad_data","error":"{}"}}"#, "long ".repeat(1000));
    let fake = Fake::start(move |_| Reply::status(400, "application/json", body.clone())).await;
    assert!(error_of(&client_of(&fake.url)).await.len() < 200);
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer() {
    let fake = Fake::start(|_| Reply::Cut(r#"{"status":"success","data":{"#)).await;
    let error = error_of(&client_of(&fake.url)).await;
    let words = "the server cut the connection before the answer was complete (28 bytes came)";
    assert_eq!(error, format!("{} cannot be reached: {words}", fake.url));
}

#[tokio::test]
async fn damaged_and_unwanted_encodings_are_refused() {
    let Reply::Whole { headers, body, .. } = Reply::gzip(br#"{"status":"success"}"#) else {
        panic!("a body")
    };
    let cut = Reply::Whole { status: 200, headers: headers.clone(), body: body.slice(..body.len() - 6) };
    let noise = Reply::Whole { status: 200, headers, body: "no gzip at all".into() };
    let brotli =
        Reply::Whole { status: 200, headers: vec![("content-encoding", "br".into())], body: "x".into() };
    let wanted = "a body in the encoding \"br\", which was not asked for";
    for (reply, what) in [(cut, "a damaged gzip body"), (noise, "a damaged gzip body"), (brotli, wanted)] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let error = error_of(&client_of(&fake.url)).await;
        assert!(error.ends_with(&format!("not as a Prometheus API does: {what}")), "{error}");
    }
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://me:secret@{}/p", listener.local_addr().expect("an address"));
    drop(listener);
    let client = client_of(&url);
    let words = "connection refused: nothing listens on that port of 127.0.0.1, or a firewall forbids it";
    assert_eq!(error_of(&client).await, format!("{} cannot be reached: {words}", client.describe()));
    assert!(!client.describe().contains("secret"));
}

#[tokio::test]
async fn an_unknown_host_name_is_told() {
    // Too long a label is refused by the resolver itself, without asking a server.
    let host = "x".repeat(80);
    let error = error_of(&client_of(&format!("http://{host}/"))).await;
    let beginning = format!("http://{host} cannot be reached: the host name {host} is unknown (");
    assert!(error.starts_with(&beginning), "{error}");
}

#[tokio::test]
async fn secrets_that_a_server_repeats_are_hidden() {
    let fake = Fake::start(|asked| {
        let echo = asked.header("authorization").join(",");
        match asked.parameter("query") {
            Some("up") => Reply::status(403, "text/plain", format!("no entry for {echo}")),
            _ => Reply::status(400, "application/json", format!(r#"{{"status":"error","error":"{echo}"}}"#)),
        }
    })
    .await;
    let client = client_of(&fake.url.replace("//", "//me:password@"));
    let plain = ask(&client).await.expect_err("no entry");
    let json = client.query("x", 1.0, super::PATIENCE).await.expect_err("no entry");
    for error in [plain, json] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("bWU6") && text.contains("[hidden]"), "{text}");
        assert!(!matches!(error, BackendError::Unreachable { .. }), "{text}");
    }
}
