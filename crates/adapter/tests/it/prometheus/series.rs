//! Lists of series.

use plimsoll_adapter::backend::{Backend, BackendError, SeriesShape};
use plimsoll_adapter::prometheus::{Client, ClientSettings};

use super::fake::{Fake, Reply};
use super::{client, client_of};

async fn list(client: &Client, selector: &str) -> Result<Vec<String>, BackendError> {
    let shape = |shape: SeriesShape| format!("{}({})", shape.name, shape.labels.join(","));
    Ok(client.series(selector, 1795284096.78, 1795284696.5).await?.into_iter().map(shape).collect())
}

#[tokio::test]
async fn a_list_is_asked_for_with_its_selector_and_both_ends() {
    let body = r#"{"status":"success","data":[{"__name__":"m","pod":"a","ns":"x"},{"__name__":"m","ns":"y","pod":"b"}]}"#;
    let fake = Fake::start(move |_| Reply::gzip(body.as_bytes())).await;
    assert_eq!(list(&client_of(&fake.url), "m{}").await, Ok(vec!["m(ns,pod)".to_owned()]));
    let asked = fake.only();
    assert_eq!((&*asked.method, &*asked.path), ("GET", "/api/v1/series"));
    let parameters: Vec<_> = asked.parameters.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(parameters, [("end", "1795284696.5"), ("match[]", "m{}"), ("start", "1795284096.78")]);
}

#[tokio::test]
async fn a_refused_expression_on_the_name_is_tried_as_the_exact_name() {
    for (status, content_type) in [(400, "application/json"), (403, "text/plain")] {
        let fake = Fake::start(move |asked| match asked.parameter("match[]") {
            Some(r#"{__name__="m"}"#) => Reply::json(r#"{"data":[{"__name__":"m"}]}"#),
            _ => Reply::status(status, content_type, r#"{"status":"error","error":"no regex on names"}"#),
        })
        .await;
        let client = client_of(&fake.url);
        assert_eq!(list(&client, r#"{__name__=~"^m$"}"#).await, Ok(vec!["m()".to_owned()]), "{status}");
        let error = list(&client, r#"{__name__=~"^m.*"}"#).await.expect_err("a refusal");
        assert_eq!(error.to_string(), ": no regex on names");
        assert_eq!(fake.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_second_refusal_leaves_the_first() {
    let fake = Fake::start(|asked| {
        let message = asked.parameter("match[]").unwrap_or_default().len();
        Reply::json(format!(r#"{{"status":"error","errorType":"bad_data","error":"{message} letters"}}"#))
    })
    .await;
    let error = list(&client_of(&fake.url), r#"{__name__=~"^m$"}"#).await.expect_err("a refusal");
    assert_eq!(error.to_string(), "bad_data: 17 letters");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_list_that_is_none_is_an_error() {
    for (body, what) in [
        (r#"{"status":"success","data":null}"#, "JSON without a list of series: `data` is null"),
        (r#"{"status":"success"}"#, "JSON without a list of series: `data` is missing"),
        ("nojson", "text \"nojson\""),
        ("", "an empty body"),
        (r#"{"status":"success","data":[{"__name__":"m"}"#, "truncated JSON at byte 44"),
        (
            r#"{"status":"success","data":[5]}"#,
            "malformed JSON at byte 28: expected a series, which is an object",
        ),
        ("<html><title>Log in</title>", "HTML page titled \"Log in\""),
    ] {
        let fake = Fake::start(move |_| Reply::status(200, "application/json", body)).await;
        let error = list(&client_of(&fake.url), "m").await.expect_err(body);
        let expected =
            format!("{} answered with HTTP 200, but not as a Prometheus API does: {what}", fake.url);
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn more_shapes_than_allowed_end_the_list() {
    let body: String = (0..50).map(|id| format!(r#"{{"__name__":"m{id}"}},"#)).collect();
    let body = format!(r#"{{"data":[{body}{{}}]}}"#);
    let fake = Fake::start(move |_| Reply::json(body.clone())).await;
    let mut settings = ClientSettings::new(&fake.url);
    settings.limits.shapes.shapes = 51;
    assert_eq!(list(&client(&settings), "m").await.map(|shapes| shapes.len()), Ok(51));
    settings.limits.shapes.shapes = 50;
    let error = list(&client(&settings), "m").await.expect_err("too many");
    assert_eq!(error, BackendError::TooManyShapes { server: fake.url.clone(), limit: 50 });
}

#[tokio::test]
async fn a_list_without_end_is_cut_at_the_bound() {
    let mut settings = ClientSettings::new("");
    settings.limits.series_bytes = 2 << 20;
    let mut body = br#"{"data":[{}"#.to_vec();
    body.extend(br#",{"__name__":"m"}"#.repeat(1 << 18));
    let fake = Fake::start(move |_| Reply::gzip(&body)).await;
    let client = client(&ClientSettings { url: fake.url.clone(), ..settings });
    let error = list(&client, "m").await.expect_err("too large");
    assert_eq!(error, BackendError::TooLarge { server: fake.url.clone(), limit: 2 << 20 });
}
