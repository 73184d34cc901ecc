//! What is sent: paths, parameters, headers, methods, redirects, connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plimsoll_adapter::backend::{Backend, BackendError, QueryResult};
use plimsoll_adapter::prometheus::{ClientSettings, Verb};

use super::fake::{Fake, Reply};
use super::{PATIENCE, ask, client, client_of, error_of};

#[tokio::test]
async fn a_query_carries_its_text_time_and_remaining_time() {
    let fake = Fake::start(|_| Reply::vector()).await;
    let client = client_of(&fake.url);
    let limit = Duration::from_millis(59_500);
    client.query("sum(rate(m{a=\"b c\"}[5m]))", 1795284096.78, limit).await.expect("an answer");
    let asked = fake.only();
    assert_eq!((&*asked.method, &*asked.path), ("GET", "/api/v1/query"));
    let parameters: Vec<_> = asked.parameters.iter().map(|(key, value)| (&**key, &**value)).collect();
    let expected = [("query", "sum(rate(m{a=\"b c\"}[5m]))"), ("time", "1795284096.78"), ("timeout", "60s")];
    assert_eq!(parameters, expected);
    assert_eq!(asked.header("user-agent"), ["plimsoll/0.1.0"]);
    assert_eq!(asked.header("accept-encoding"), ["gzip"]);
    for absent in ["accept", "authorization", "content-type"] {
        assert_eq!(asked.header(absent), [""; 0], "{absent}");
    }
}

#[tokio::test]
async fn post_puts_the_parameters_into_a_form() {
    let fake = Fake::start(|_| Reply::vector()).await;
    let url = format!("{}//a//b//?tenant=x", fake.url);
    ask(&client(&ClientSettings { verb: Verb::Post, ..ClientSettings::new(&url) })).await.expect("an answer");
    ask(&client(&ClientSettings { verb: Verb::Get, ..ClientSettings::new(&url) })).await.expect("an answer");
    let [post, get] = &fake.asked()[..] else { panic!("{:?}", fake.asked()) };
    assert_eq!((&*post.method, &*post.path, &*post.query), ("POST", "/a/b/api/v1/query", "tenant=x"));
    assert_eq!(post.header("content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(post.parameter("query"), Some("up"));
    assert_eq!((&*get.method, &*get.path, get.parameter("tenant")), ("GET", "/a/b/api/v1/query", None));
}

#[tokio::test]
async fn a_query_too_long_for_a_url_goes_by_post() {
    let fake = Fake::start(|_| Reply::vector()).await;
    let client = client_of(&fake.url);
    let long = format!("m{{pod=~\"{}\"}}", "web-1|".repeat(1000));
    client.query(&long, 1.0, PATIENCE).await.expect("an answer");
    client.query("up", 1.0, PATIENCE).await.expect("an answer");
    let asked = fake.asked();
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].parameter("query"), Some(&*long));
    assert_eq!(asked[1].method, "GET");
}

#[tokio::test]
async fn a_server_that_refuses_post_is_asked_by_get_from_then_on() {
    for status in [403, 405, 501] {
        let fake = Fake::start(move |asked| match &*asked.method {
            "POST" => Reply::status(status, "text/plain", "no POST here"),
            _ => Reply::vector(),
        })
        .await;
        let client = client_of(&fake.url);
        let long = format!("m{{pod=~\"{}\"}}", "web-1|".repeat(1000));
        for _ in 0..3 {
            client.query(&long, 1.0, PATIENCE).await.expect("an answer");
        }
        let methods: Vec<_> = fake.asked().into_iter().map(|asked| asked.method).collect();
        assert_eq!(methods, ["POST", "GET", "GET", "GET"], "{status}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_not_taken_for_one_without_post() {
    let fake = Fake::start(|_| Reply::status(403, "text/plain", "no")).await;
    let client = client_of(&fake.url);
    let long = "x".repeat(5000);
    for _ in 0..2 {
        client.query(&long, 1.0, PATIENCE).await.expect_err("a refusal");
    }
    let methods: Vec<_> = fake.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!(methods, ["POST", "GET", "POST", "GET"]);
}

#[tokio::test]
async fn redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let fake = Fake::start(move |asked| match asked.path.strip_prefix("/moved") {
            Some(_) => Reply::vector(),
            None => Reply::redirect(status, format!("/moved{}?{}", asked.path, asked.query)),
        })
        .await;
        let settings = ClientSettings::new(fake.url.replace("//", "//me:pw@"));
        assert_eq!(ask(&client(&settings)).await, Ok(QueryResult::Vector(vec![])), "{status}");
        let asked = fake.asked();
        assert_eq!(asked[1].parameter("query"), Some("up"));
        assert_eq!(asked[1].header("authorization"), ["Basic bWU6cHc="]);
    }
}

#[tokio::test]
async fn a_form_follows_a_redirect() {
    let fake = Fake::start(|asked| match asked.path.strip_prefix("/moved") {
        Some(_) => Reply::vector(),
        None => Reply::redirect(301, format!("/moved{}", asked.path)),
    })
    .await;
    ask(&client(&ClientSettings { verb: Verb::Post, ..ClientSettings::new(&fake.url) }))
        .await
        .expect("an answer");
    let asked = &fake.asked()[1];
    assert_eq!((&*asked.method, asked.parameter("query")), ("POST", Some("up")));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let target = Fake::start(|_| Reply::vector()).await;
    let location = target.by_name();
    let fake =
        Fake::start(move |asked| Reply::redirect(307, format!("{location}{}?{}", asked.path, asked.query)))
            .await;
    let settings = ClientSettings {
        headers: vec![("X-Api-Key".into(), "key".into()), ("User-Agent".into(), "secret agent".into())],
        bearer_token: Some("sekret".into()),
        ..ClientSettings::new(&fake.url)
    };
    ask(&client(&settings)).await.expect("an answer");
    assert_eq!(fake.only().header("authorization"), ["Bearer sekret"]);
    let asked = target.only();
    for absent in ["authorization", "x-api-key"] {
        assert_eq!(asked.header(absent), [""; 0], "{absent}");
    }
    assert_eq!(asked.header("user-agent"), ["plimsoll/0.1.0"]);
}

#[tokio::test]
async fn redirects_without_end_are_given_up() {
    let fake = Fake::start(|_| Reply::redirect(302, "/again")).await;
    let error = error_of(&client_of(&fake.url)).await;
    assert_eq!(error, format!("{} cannot be reached: it redirects more than 10 times", fake.url));
    assert_eq!(fake.asked().len(), 11);
}

#[tokio::test]
async fn queries_share_a_connection() {
    let fake = Fake::start(|_| Reply::vector()).await;
    let client = client_of(&fake.url);
    for _ in 0..5 {
        ask(&client).await.expect("an answer");
    }
    let connections: Vec<_> = fake.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0; 5]);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_gave_up_is_replaced() {
    let count = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        1 => Reply::Hangup,
        _ => Reply::vector(),
    })
    .await;
    let client = client_of(&fake.url);
    for _ in 0..2 {
        ask(&client).await.expect("an answer");
    }
    let connections: Vec<_> = fake.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_new_connection_that_is_cut_is_not_tried_again() {
    let fake = Fake::start(|_| Reply::Hangup).await;
    let client = client_of(&fake.url);
    let error = ask(&client).await.expect_err("no answer");
    assert!(matches!(&error, BackendError::Unreachable { .. }), "{error:?}");
    assert_eq!(fake.asked().len(), 1);
    let words = "the server cut the connection before the answer was complete";
    assert_eq!(error.to_string(), format!("{} cannot be reached: {words}", fake.url));
}

#[tokio::test]
async fn the_number_of_requests_at_a_time_is_bounded() {
    let fake = Fake::start(|_| Reply::Silence).await;
    let mut settings = ClientSettings::new(&fake.url);
    settings.limits.concurrency = 2;
    let client = std::sync::Arc::new(client(&settings));
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { ask(&client).await })
        })
        .collect();
    fake.until("two are asked", |asked, _| asked.len() == 2).await;
    calls[0].abort();
    calls[1].abort();
    fake.until("the third has its turn", |asked, _| asked.len() == 3).await;
    fake.until("only its connection is left", |_, connections| connections.closed == 2).await;
    calls[2].abort();
    fake.until("none is left", |_, connections| connections.closed == connections.opened).await;
}
