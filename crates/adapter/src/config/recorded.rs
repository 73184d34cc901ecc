//! Loading compared with recordings: of the original program, and of its YAML decoder.

use std::path::Path;
use std::time::Duration;

use plimsoll_model::duration::format_prometheus;
use serde_json::{Value, json};

use super::{Config, DiscoveryRule, ResourceMapping, ResourceRule, Text};

/// A configuration in the original's JSON form, without empty members.
fn as_json(config: &Config) -> Value {
    let rule = |rule: &DiscoveryRule| {
        let filters = rule.series_filters.iter();
        json!({
            "seriesQuery": text(&rule.series_query),
            "seriesFilters": filters
                .map(|filter| json!({"is": text(&filter.is), "isNot": text(&filter.is_not)}))
                .collect::<Vec<_>>(),
            "resources": mapping(&rule.resources),
            "name": {"matches": text(&rule.name.matches), "as": text(&rule.name.replacement)},
            "metricsQuery": text(&rule.metrics_query),
        })
    };
    let resource_rule = |rule: &ResourceRule| {
        json!({
            "containerQuery": text(&rule.container_query),
            "nodeQuery": text(&rule.node_query),
            "resources": mapping(&rule.resources),
            "containerLabel": text(&rule.container_label),
        })
    };
    pruned(json!({
        "rules": config.rules.iter().map(rule).collect::<Vec<_>>(),
        "externalRules": config.external_rules.iter().map(rule).collect::<Vec<_>>(),
        "resourceRules": config.resource_rules.as_ref().map(|rules| json!({
            "cpu": resource_rule(&rules.cpu),
            "memory": resource_rule(&rules.memory),
            "window": format_prometheus(rules.window),
        })),
    }))
}

fn text(text: &Text) -> Value {
    json!(text.as_str())
}

fn mapping(resources: &ResourceMapping) -> Value {
    let resource = |entry: &super::Override| {
        let resource = json!({"group": text(&entry.group), "resource": text(&entry.resource)});
        (entry.label.to_string(), resource)
    };
    json!({
        "template": text(&resources.template),
        "overrides": resources.overrides.iter().map(resource).collect::<serde_json::Map<_, _>>(),
        "namespaced": resources.namespaced,
    })
}

/// Without members that are null, empty texts, empty lists or empty objects.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, pruned(value)))
            .filter(|(key, value)| !(value.is_null() || key == "overrides" && *value == json!({})))
            .collect(),
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        Value::String(text) if text.is_empty() => Value::Null,
        other => other,
    }
}

fn lines_of(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What differs between the recording and what we make of the same text; `None` if nothing does.
fn difference(case: &Value) -> Option<String> {
    let (id, source) = (case["id"].as_str().unwrap(), case["text"].as_str().unwrap());
    let refused = case["error"].as_str().unwrap();
    match Config::parse(source) {
        Ok(_) if !refused.is_empty() => Some(format!("{id}: accepted, but {refused}\n{source}")),
        Ok(loaded) => {
            let (ours, theirs) = (as_json(&loaded.config), pruned(case["config"].clone()));
            (ours != theirs).then(|| format!("{id}: decoded\n  {ours}\nnot\n  {theirs}\n{source}"))
        }
        Err(error) if refused.is_empty() => Some(format!("{id}: refused\n{error}\n{source}")),
        Err(_) => None,
    }
}

/// `testdata/config/decoded.jsonl` was recorded from go-yaml 2.4.0 in strict mode with the types of
/// prometheus-adapter 0.12.0. `differs` gives the reason where we knowingly differ.
#[test]
fn files_decode_as_the_original_decoder_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config/decoded.jsonl");
    let path = std::env::var_os("PLIMSOLL_DECODED").map_or(path, Into::into);
    let mut wrong = Vec::new();
    for case in lines_of(&path) {
        match (difference(&case), case["differs"].as_str()) {
            (Some(difference), None) => wrong.push(difference),
            (None, Some(reason)) => wrong.push(format!("{}: no longer differs: {reason}", case["id"])),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} files differ:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn recorded_configurations_load_or_fail_as_in_the_original() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/adapter/adapter_cases.jsonl");
    if !path.exists() {
        println!("skipped: recorded cases are not here");
        return;
    }
    let mut wrong = Vec::new();
    let mut refused = 0;
    for case in lines_of(&path) {
        let Some(source) = case["config"].as_str() else { continue };
        let message = case["fatal"]["message"].as_str().unwrap_or_default();
        let id = case["id"].as_str().unwrap();
        let decoder_refuses = message.contains("unable to parse metrics discovery config")
            || message.contains("duration string")
            || message.contains("in duration");
        match Config::parse(source) {
            Ok(_) if decoder_refuses => wrong.push(format!("{id}: accepted, but {message}\n{source}")),
            Err(error) if !decoder_refuses => wrong.push(format!("{id}: refused\n{error}\n{source}")),
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                for finding in &error.findings {
                    assert!(!finding.fix.is_empty(), "{id} gives no advice: {finding}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(refused > 20, "only {refused} recorded refusals were compared");
}

#[test]
fn the_window_of_resource_rules_is_a_prometheus_duration() {
    let window = |text: &str| {
        let loaded = Config::parse(&format!("resourceRules: {{window: {text}}}")).unwrap();
        loaded.config.resource_rules.unwrap().window
    };
    assert_eq!(window("5m30s"), Duration::from_secs(330));
    assert_eq!(window("0"), Duration::ZERO);
    assert_eq!(window(""), Duration::ZERO);
}
