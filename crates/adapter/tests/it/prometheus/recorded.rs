//! Cases recorded from the original adapter: what it sent to Prometheus, and what it made of answers.

use std::path::Path;

use plimsoll_adapter::backend::{Backend, QueryResult};
use plimsoll_adapter::prometheus::{ClientSettings, Verb};
use serde_json::Value;

use super::fake::{Asked, Fake, Reply};
use super::{PATIENCE, ask, client, client_of};

/// The cases whose id begins with `prefix`; none, with a printed reason, where they are not kept.
#[expect(clippy::print_stderr, reason = "tells why nothing was tested")]
fn cases(prefix: &str) -> Vec<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/adapter/adapter_cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: the recorded cases are not at {}", path.display());
        return Vec::new();
    };
    let cases: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a recorded case")).collect();
    let cases: Vec<Value> = cases.into_iter().filter(|case| id(case).starts_with(prefix)).collect();
    assert!(!cases.is_empty(), "no case begins with {prefix}");
    cases
}

fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn reply(answer: &Value) -> Reply {
    if answer["close"] == true {
        return Reply::Hangup;
    }
    let empty = serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    let body = match (&answer["text"], &answer["body"]) {
        (Value::String(text), _) => text.clone(),
        _ if answer.get("body").is_none() => empty.to_string(),
        (_, body) => body.to_string(),
    };
    let status = answer["status"].as_u64().unwrap_or(200) as u16;
    let content_type = answer["content_type"].as_str().unwrap_or("application/json");
    // A server sends no body with this status.
    Reply::status(status, content_type, if status == 204 { String::new() } else { body })
}

#[tokio::test]
async fn answers_to_queries_are_vectors_where_the_original_took_them_so() {
    for case in cases("err-prometheus").iter().chain(&cases("err-result-types")) {
        for request in list(&case["requests"]) {
            for answer in list(&request["answers"]) {
                let response = reply(answer);
                let fake = Fake::start(move |_| response.clone()).await;
                let result = ask(&client_of(&fake.url)).await;
                let taken = matches!(result, Ok(QueryResult::Vector(_)));
                assert_eq!(taken, request["status"] != 500, "{} {answer}: {result:?}", id(case));
            }
        }
    }
}

#[tokio::test]
async fn answers_with_series_are_lists_where_the_original_took_them_so() {
    for case in cases("relist-answer") {
        let response = reply(&case["series_errors"]["m{}"]);
        let fake = Fake::start(move |_| response.clone()).await;
        let result = client_of(&fake.url).series("m{}", 1.0, 2.0).await;
        let known = list(&case["requests"])
            .iter()
            .any(|request| request["status"] == 200 && !list(&request["expect_upstream"]).is_empty());
        assert_eq!(result.is_ok(), known, "{}: {result:?}", id(&case));
    }
}

#[tokio::test]
async fn requests_are_those_of_the_original() {
    for case in cases("flag-").iter().chain(&cases("accepted-flag")) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in case["files"].as_object().into_iter().flatten() {
            std::fs::write(folder.path().join(name), text.as_str().unwrap_or_default()).expect("a file");
        }
        let fake = Fake::start(|asked| match asked.path.ends_with("/series") {
            true => Reply::json(r#"{"status":"success","data":[]}"#),
            false => Reply::vector(),
        })
        .await;
        let client = client(&settings(case, &fake, folder.path()));
        let requests = list(&case["requests"]).iter().flat_map(|request| list(&request["expect_upstream"]));
        let expected = list(&case["relist_upstream"]).iter().chain(requests);
        let expected = expected.filter(|expected| expected["target"] == "prometheus");
        for (seen, expected) in expected.enumerate() {
            let parameters =
                if expected["form"].is_object() { &expected["form"] } else { &expected["params"] };
            if let Some(query) = parameters["query"].as_str() {
                client.query(query, 1700000000.0, PATIENCE).await.expect("an answer");
            } else {
                let selector = parameters["match[]"].as_str().unwrap_or_default();
                client.series(selector, 1700000000.0, 1700000600.0).await.expect("an answer");
            }
            compare(case, expected, parameters, &fake.asked()[seen]);
        }
        if id(case) == "flag-token-newline" {
            ask(&client).await.expect("an answer");
            assert_eq!(fake.only().header("authorization"), ["Bearer sekret"]);
        }
    }
}

fn settings(case: &Value, fake: &Fake, folder: &Path) -> ClientSettings {
    let mut settings = ClientSettings::new(format!("{}/", fake.url));
    settings.user_agent = "Go-http-client/1.1".into();
    let host = fake.url.trim_start_matches("http://");
    for flag in list(&case["flags"]).iter().filter_map(Value::as_str) {
        let flag = flag.replace("${PROMHOST}", host).replace("${PROM}", &fake.url);
        let flag = flag.replace("${DIR}", &folder.display().to_string());
        match flag.split_once('=') {
            Some(("--prometheus-url", url)) => settings.url = url.into(),
            Some(("--prometheus-verb", "POST")) => settings.verb = Verb::Post,
            Some(("--prometheus-token-file", path)) => settings.token_file = Some(path.into()),
            Some(("--prometheus-header", header)) => {
                let (name, value) = header.split_once('=').unwrap_or((header, ""));
                settings.headers.push((name.into(), value.into()));
            }
            _ => {}
        }
    }
    settings
}

fn compare(case: &Value, expected: &Value, parameters: &Value, asked: &Asked) {
    let context = format!("{}: {expected}\n{asked:?}", id(case));
    assert_eq!(expected["verb"], *asked.method, "{context}");
    assert_eq!(expected["path"], *asked.path, "{context}");
    if let Some(query) = expected["url_query"].as_str() {
        assert_eq!(query, asked.query, "{context}");
    }
    let mut names: Vec<_> =
        parameters.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    // Intended differences: `end` for the servers that want it, the remaining time in every query.
    // Times are recorded in the cases about requests only.
    let ours = |name: &str| matches!(name, "end" | "timeout" | "time" | "start");
    names.retain(|name| !ours(name));
    let mut sent: Vec<_> = asked.parameters.iter().map(|(name, _)| name.as_str()).collect();
    sent.retain(|name| !ours(name));
    assert_eq!(names, sent, "{context}");
    for name in names {
        assert_eq!(parameters[name].as_str(), asked.parameter(name), "{context}");
    }
    assert_ne!(asked.parameter("timeout"), Some(""), "{context}");
    for (name, values) in
        expected["headers"].as_object().into_iter().flatten().filter(|(name, _)| *name != "host")
    {
        let values: Vec<_> = list(values).iter().filter_map(Value::as_str).collect();
        assert_eq!(values, asked.header(name), "{name} of {context}");
    }
}
