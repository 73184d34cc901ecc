//! Recorded cases of prometheus-adapter, as far as the server answers by itself.
//!
//! What is served is taken from the resource lists in a case. Requests that a group answers are only checked to
//! reach it, with the attributes that the recorded access review has.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use plimsoll_apiserver::identity::{Attributes, Decision, User};
use plimsoll_apiserver::route::{Resource, Served};
use serde_json::{Value, json};

use crate::stand::{Plan, Stand, resource, version};

fn cases() -> Option<Vec<Value>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/adapter/adapter_cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(&format!("there are no recorded cases at {}", path.display()));
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[expect(clippy::print_stderr, reason = "a test that compares nothing says why")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// The cases this test is about.
fn concerns_transport(case: &Value) -> bool {
    let id = case["id"].as_str().unwrap_or_default();
    let prefixes = ["err-", "auth-", "disc-", "neg-", "ext-p", "rm-paths", "rm-table", "sel-params", "slow-"];
    // How a bearer token is read is the authenticator's affair.
    prefixes.iter().any(|prefix| id.starts_with(prefix)) && id != "auth-basic" && case["requests"].is_array()
}

fn served(case: &Value) -> Served {
    let requests = case["requests"].as_array().unwrap();
    let list = |group_version: &str| {
        let found = requests.iter().find(|r| r["body"]["groupVersion"] == group_version);
        let resources = found.and_then(|r| r["body"]["resources"].as_array()).cloned().unwrap_or_default();
        let each = |r: &Value| {
            let kind = match r["kind"].as_str().unwrap() {
                "MetricValueList" => "MetricValueList",
                "ExternalMetricValueList" => "ExternalMetricValueList",
                "NodeMetrics" => "NodeMetrics",
                other => {
                    assert_eq!(other, "PodMetrics");
                    "PodMetrics"
                }
            };
            resource(r["name"].as_str().unwrap(), r["namespaced"].as_bool().unwrap(), kind)
        };
        resources.iter().map(each).collect::<Arc<[Resource]>>()
    };
    // A group is there if a request of the case reaches it or a group list names it.
    let asked = |group: &str| {
        requests.iter().any(|r| {
            let path = r["path"].as_str().unwrap();
            path.starts_with(&format!("/apis/{group}")) && r["body"]["paths"].is_null()
                || r["body"]["groups"].as_array().is_some_and(|all| all.iter().any(|g| g["name"] == group))
        })
    };
    let mut versions = Vec::new();
    let custom = list("custom.metrics.k8s.io/v1beta1");
    if asked("custom.metrics.k8s.io") {
        versions.push(version("custom.metrics.k8s.io", "v1beta1", custom));
        versions.push(version("custom.metrics.k8s.io", "v1beta2", list("custom.metrics.k8s.io/v1beta2")));
    }
    if asked("external.metrics.k8s.io") {
        versions.push(version("external.metrics.k8s.io", "v1beta1", list("external.metrics.k8s.io/v1beta1")));
    }
    if asked("metrics.k8s.io") {
        versions.push(version("metrics.k8s.io", "v1beta1", list("metrics.k8s.io/v1beta1")));
    }
    Served { versions }
}

fn with_port(mut value: Value, port: u16) -> Value {
    match &mut value {
        Value::String(text) if text == ":<port>" => *text = format!(":{port}"),
        Value::Array(items) => items.iter_mut().for_each(|item| *item = with_port(item.take(), port)),
        Value::Object(members) => members.values_mut().for_each(|item| *item = with_port(item.take(), port)),
        _ => {}
    }
    value
}

/// An access review in the form of the recording.
fn review(user: &User, attributes: &Attributes) -> Value {
    let mut out = json!({"user": user.name, "groups": user.groups});
    match &attributes.resource {
        None => out["nonResourceAttributes"] = json!({"path": attributes.path, "verb": attributes.verb}),
        Some(r) => {
            let members = [
                ("namespace", &r.namespace),
                ("verb", &attributes.verb),
                ("group", &r.group),
                ("version", &r.version),
                ("resource", &r.resource),
                ("subresource", &r.subresource),
                ("name", &r.name),
            ];
            let written = members.into_iter().filter(|(_, value)| !value.is_empty());
            out["resourceAttributes"] =
                written.map(|(key, value)| (key.to_owned(), Value::from(value.as_str()))).collect();
        }
    }
    out
}

#[tokio::test]
async fn recorded_requests_are_answered_as_recorded() {
    let Some(cases) = cases() else { return };
    let mut wrong = Vec::new();
    let (mut compared, mut passed_on, mut reviews) = (0, 0, 0);
    for case in cases.iter().filter(|case| concerns_transport(case)) {
        let stand = Stand::start(Plan { served: served(case), ..Plan::default() }).await;
        *stand.decisions.decision.lock().unwrap() = match case["kube"]["sar"].as_str() {
            Some("deny") => Decision::Denied { reason: String::new() },
            Some("deny-reason") => Decision::Denied { reason: "fake reason".to_owned() },
            Some("error") => Decision::Undecided { error: "fake authorizer failure".to_owned() },
            _ => Decision::Allowed,
        };
        for request in case["requests"].as_array().unwrap() {
            let path = request["path"].as_str().unwrap();
            // Who a certificate belongs to is not the transport's business; a # in a target is no HTTP.
            if request["cert"].is_string() || path.contains('#') || path.contains("timeout=1s") {
                continue;
            }
            let mut headers: Vec<(String, String)> = Vec::new();
            for (name, value) in request["headers"].as_object().into_iter().flatten() {
                headers.extend(value.as_str().map(|value| (name.clone(), value.to_owned())));
            }
            let has_token = headers.iter().any(|(name, _)| name == "Authorization");
            let token = match request.get("token") {
                None if !has_token => Some("admin"),
                Some(Value::String(token)) => Some(token.as_str()),
                _ => None,
            };
            headers.extend(token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}"))));
            if request["send"].is_string() {
                headers.push(("Content-Length".to_owned(), "0".to_owned()));
            }
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let method = request["method"].as_str().unwrap_or("GET");
            stand.groups.asked.lock().unwrap().clear();
            stand.decisions.asked.lock().unwrap().clear();
            let reply = stand.ask(method, path, &headers).await;
            let at = format!("{} {method} {path} {headers:?}", case["id"]);

            let expected: Vec<&Value> = request["expect_upstream"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|call| &call["sar"])
                .filter(|sar| sar.is_object())
                .collect();
            let asked = stand.decisions.asked.lock().unwrap().clone();
            if let Some(expected) = expected.first() {
                reviews += 1;
                let asked = asked.first().map(|(user, attributes)| review(user, attributes));
                if asked.as_ref() != Some(expected) {
                    wrong.push(format!("{at}: access review\n  got      {asked:?}\n  expected {expected}"));
                }
            }
            if !stand.groups.asked.lock().unwrap().is_empty() {
                passed_on += 1;
                // Only what names a group can be for a group to answer.
                let text = request["body"]["paths"].is_array() || reply.status != 200;
                if text || [401, 403].contains(&request["status"].as_u64().unwrap()) {
                    wrong.push(format!("{at}: went to the group, expected {}", request["status"]));
                }
                continue;
            }
            if case["deviate"].is_string() || request["deviate"].is_string() {
                continue;
            }
            compared += 1;
            if json!(reply.status) != request["status"] {
                wrong.push(format!("{at}: status {}, expected {}", reply.status, request["status"]));
                continue;
            }
            if reply.header("content-type") != request["content_type"].as_str().unwrap() {
                let expected = &request["content_type"];
                wrong.push(format!("{at}: type {}, expected {expected}", reply.header("content-type")));
            }
            let body = with_port(request["body"].clone(), stand.address.port());
            let by_status = request["compare"] == "status";
            if !by_status && body.is_object() && reply.json() != body {
                wrong.push(format!("{at}: body\n  got      {}\n  expected {body}", reply.json()));
            }
            if let Some(text) = request["body_text"].as_str().filter(|_| !by_status) {
                let text = text.replace("<port>", &stand.address.port().to_string());
                if reply.text() != text {
                    wrong.push(format!("{at}: text\n  got      {:?}\n  expected {text:?}", reply.text()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    let counts = format!("{compared} compared, {passed_on} passed on, {reviews} reviews");
    assert!(compared > 60 && passed_on > 100 && reviews > 20, "too few recorded requests: {counts}");
}

#[test]
fn recorded_yaml_is_written_byte_for_byte() {
    let Some(cases) = cases() else { return };
    let mut compared = 0;
    for request in cases.iter().flat_map(|case| case["requests"].as_array().into_iter().flatten()) {
        let yaml = request["content_type"] == "application/yaml";
        let Some(text) = request["body_text"].as_str().filter(|_| yaml) else { continue };
        let text = text.replace("<now>", "2026-11-21T18:00:00Z").replace("<sample>", "2023-11-14T22:13:20Z");
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(plimsoll_apiserver::yaml::to_string(&value), text);
        compared += 1;
    }
    assert!(compared >= 4, "too few recorded YAML bodies: {compared}");
}

#[test]
fn every_recorded_kind_of_group_document_is_in_the_cases() {
    let Some(cases) = cases() else { return };
    let kinds: BTreeSet<String> = cases
        .iter()
        .filter(|case| concerns_transport(case))
        .flat_map(|case| case["requests"].as_array().unwrap())
        .filter_map(|request| request["body"]["kind"].as_str().map(str::to_owned))
        .collect();
    for kind in ["APIGroup", "APIGroupList", "APIResourceList", "Status"] {
        assert!(kinds.contains(kind), "{kind}");
    }
}
