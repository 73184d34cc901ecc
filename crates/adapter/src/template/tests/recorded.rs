//! The recorded cases whose rendered queries and template errors can be checked without a server.

use std::collections::BTreeMap;

use plimsoll_model::selector::{Operator, Selector};
use serde_json::Value as Json;

use super::super::*;

const TEMPLATE_LABELS: &str = "<<.Resource>>";

#[test]
fn recorded_templates_render_the_recorded_queries() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/cases/adapter/adapter_cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return skip("the recorded cases are not here");
    };
    let (mut queries, mut failures, mut refusals) = (0, 0, 0);
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("a recorded case is JSON");
        let Some(config) = case["config"].as_str() else { continue };
        let Ok(config) = serde_saphyr::from_str::<Json>(config) else { continue };
        let all = [rules(&config, "rules"), rules(&config, "externalRules")].concat();
        let [rule] = all[..] else { continue };
        let Some(query) = rule["metricsQuery"].as_str() else { continue };
        if let Some(message) = case["fatal"]["message"].as_str() {
            let Some((_, recorded)) = message.split_once("template: metrics-query:1: ") else { continue };
            // Newer releases of Go accept it, and so do we.
            if case["deviate"].is_string() {
                Template::parse("metrics-query", query)
                    .unwrap_or_else(|error| panic!("{}: {error}", case["id"]));
                continue;
            }
            let error = Template::parse("metrics-query", query).expect_err("a recorded refusal");
            assert_eq!(
                error.message,
                recorded.replace("{{", "<<").replace("}}", ">>"),
                "{}: {query}",
                case["id"]
            );
            refusals += 1;
            continue;
        }
        let is_external = !config["externalRules"].is_null();
        let overrides = &rule["resources"]["overrides"];
        let labels = rule["resources"]["template"].as_str();
        let plain =
            overrides.is_null() && matches!((labels, is_external), (Some(TEMPLATE_LABELS), _) | (None, true));
        if !plain || !rule["name"].is_null() || case["alternation_sorted"].is_boolean() {
            continue;
        }
        let Ok(template) = Template::parse("metrics-query", query) else { continue };
        for request in case["requests"].as_array().into_iter().flatten() {
            if request["alternation_sorted"].is_boolean() || !request["method"].is_null() {
                continue;
            }
            let sent: Vec<&str> = upstream(request, "prometheus")
                .filter_map(|call| call["params"]["query"].as_str().or(call["form"]["query"].as_str()))
                .collect();
            let Some(call) = Call::read(request, is_external, rule) else { continue };
            let rendered = template.render(&call.data());
            let place = format!("{}: {}", case["id"], request["path"]);
            match (&sent[..], request["status"].as_u64()) {
                ([sent], _) => {
                    assert_eq!(rendered.as_deref(), Ok(*sent), "{place}");
                    queries += 1;
                }
                ([], Some(404 | 500)) if case["id"].as_str().is_some_and(|id| id.contains("tpl-")) => {
                    assert!(rendered.as_ref().map_or(true, String::is_empty), "{place}: {rendered:?}");
                    failures += 1;
                }
                _ => {}
            }
        }
    }
    assert!(
        queries > 150 && failures > 10 && refusals > 20,
        "only {queries} queries, {failures} failures and {refusals} refusals were checked"
    );
}

fn rules<'j>(config: &'j Json, key: &str) -> Vec<&'j Json> {
    config[key].as_array().map(|rules| rules.iter().collect()).unwrap_or_default()
}

fn upstream<'j>(request: &'j Json, target: &'static str) -> impl Iterator<Item = &'j Json> {
    request["expect_upstream"].as_array().into_iter().flatten().filter(move |call| call["target"] == target)
}

/// What a request asks of a rule: series, grouping label, and label requirements.
struct Call {
    series: String,
    group_by: Vec<String>,
    matchers: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Call {
    /// `None` for requests whose data cannot be told from the request alone.
    fn read(request: &Json, external: bool, rule: &Json) -> Option<Self> {
        let path = request["path"].as_str()?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let selector = if external { "labelSelector=" } else { "metricLabelSelector=" };
        if query.contains("&") || (!query.is_empty() && !query.starts_with(selector)) {
            return None;
        }
        let selector = decode(query.strip_prefix(selector).unwrap_or_default());
        let selector = Selector::parse(std::str::from_utf8(&selector).ok()?).ok()?;
        let segments: Vec<&str> = path.split('/').collect();
        let mut call = Self {
            series: String::new(),
            group_by: Vec::new(),
            matchers: Vec::new(),
            values: BTreeMap::new(),
        };
        for requirement in &selector.requirements {
            let joined = requirement.values.join("|");
            let (operator, value) = match requirement.operator {
                Operator::Equals | Operator::DoubleEquals => ("=", joined),
                Operator::NotEquals => ("!=", joined),
                Operator::In => ("=~", joined),
                Operator::NotIn => ("!~", joined),
                Operator::Exists => ("!=", String::new()),
                Operator::DoesNotExist => ("=", String::new()),
                Operator::GreaterThan | Operator::LessThan => return None,
            };
            call.require(&requirement.key, operator, value.into_bytes());
        }
        let namespaced = rule["resources"]["namespaced"].as_bool().unwrap_or(true);
        match segments[..] {
            ["", "apis", "external.metrics.k8s.io", "v1beta1", "namespaces", namespace, metric]
                if external =>
            {
                if namespaced {
                    // The label comes from the template; without one the rule cannot answer.
                    rule["resources"]["template"].as_str()?;
                    call.require("namespace", "=", decode(namespace));
                }
                call.series = String::from_utf8(decode(metric)).ok()?;
            }
            ["", "apis", "custom.metrics.k8s.io", _, "namespaces", namespace, "metrics", metric]
                if !external =>
            {
                if namespace == "*" {
                    return None;
                }
                call.require("namespace", "=", decode(namespace));
                call.group_by = vec!["namespace".to_owned()];
                call.series = String::from_utf8(decode(metric)).ok()?;
            }
            ["", "apis", "custom.metrics.k8s.io", _, "namespaces", namespace, resource, name, metric]
                if !external =>
            {
                let singular =
                    resource.strip_suffix('s').filter(|name| matches!(*name, "pod" | "service"))?;
                call.require("namespace", "=", decode(namespace));
                // An empty name asks for all objects, too.
                let names: Vec<Vec<u8>> = if matches!(&*decode(name), b"*" | b"") {
                    let listed = upstream(request, "kube").find_map(|call| call["returned"].as_array())?;
                    listed
                        .iter()
                        .filter_map(|name| name.as_str())
                        .map(|name| name.as_bytes().to_vec())
                        .collect()
                } else {
                    vec![decode(name)]
                };
                let operator = if names.len() == 1 { "=" } else { "=~" };
                call.require(singular, operator, names.join(&b'|'));
                call.group_by = vec![singular.to_owned()];
                call.series = String::from_utf8(decode(metric)).ok()?;
            }
            _ => return None,
        }
        Some(call)
    }

    fn require(&mut self, label: &str, operator: &str, value: Vec<u8>) {
        self.matchers.push(format!("{label}{operator}{}", quote(&value)));
        self.values.insert(label.to_owned(), String::from_utf8_lossy(&value).into_owned());
    }

    fn data(&self) -> Value<'_> {
        Value::record([
            ("Series", Value::from(&*self.series)),
            ("LabelMatchers", Value::from(self.matchers.join(","))),
            ("LabelValuesByName", Value::map(self.values.iter().map(|(key, value)| (&**key, &**value)))),
            ("GroupBy", Value::from(self.group_by.join(","))),
            ("GroupBySlice", Value::strings(self.group_by.iter().map(String::as_str))),
        ])
    }
}

fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, escaped) {
            (b'%', Some(escaped)) => {
                out.push(escaped);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    out
}

#[allow(clippy::print_stderr)]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
