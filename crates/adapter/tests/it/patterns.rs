//! The recorded cases whose metric names and pattern errors can be checked without a server.

use std::collections::BTreeSet;

use plimsoll_model::regexp::GoRegexp;
use serde_json::Value as Json;

#[test]
fn recorded_patterns_select_and_name_the_recorded_metrics() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/cases/adapter/adapter_cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return skip("the recorded cases are not here");
    };
    let (mut named, mut refused) = (0, 0);
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("a recorded case is JSON");
        let tags = ["naming", "regex", "seriesFilters"];
        let tagged =
            case["tags"].as_array().into_iter().flatten().any(|tag| tags.iter().any(|name| tag == name));
        let Some(config) = case["config"].as_str().filter(|_| tagged) else { continue };
        let Ok(config) = serde_saphyr::from_str::<Json>(config) else { continue };
        let Some([rule]) = config["rules"].as_array().map(Vec::as_slice) else { continue };
        if let Some(message) = case["fatal"]["message"].as_str() {
            let Some((_, recorded)) = message.split_once("unable to compile series filter ") else {
                continue;
            };
            let recorded = recorded.split_once(": ").map_or(recorded, |(_, error)| error);
            let errors: Vec<_> = patterns(rule).filter_map(|pattern| GoRegexp::new(pattern).err()).collect();
            let texts: Vec<_> = errors
                .iter()
                .map(|error| format!("error parsing regexp: {}: `{}`", error.problem, error.part))
                .collect();
            assert!(
                texts.iter().any(|text| recorded.ends_with(text.as_str())),
                "{}: {recorded} {texts:?}",
                case["id"]
            );
            refused += 1;
            continue;
        }
        let discovery = case["requests"].as_array().into_iter().flatten().find(|request| {
            request["path"] == "/apis/custom.metrics.k8s.io/v1beta1" && request["set"].is_null()
        });
        let Some(resources) = discovery.and_then(|request| request["body"]["resources"].as_array()) else {
            continue;
        };
        if rule["resources"]["template"] != "<<.Resource>>" {
            continue;
        }
        let expected: BTreeSet<&str> = resources
            .iter()
            .filter_map(|resource| resource["name"].as_str()?.split_once('/').map(|(_, name)| name))
            .collect();
        let series = case["series"].as_object().into_iter().flat_map(|by_query| by_query.values());
        let names = series.flat_map(|list| list.as_array().into_iter().flatten());
        let actual: BTreeSet<String> = names
            .filter_map(|labels| rename(rule, labels["__name__"].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(actual.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{}", case["id"]);
        named += 1;
    }
    assert!(named > 50 && refused > 15, "only {named} namings and {refused} refusals were checked");
}

fn patterns(rule: &Json) -> impl Iterator<Item = &str> {
    let filters = rule["seriesFilters"].as_array().into_iter().flatten();
    let filters = filters.flat_map(|filter| [filter["is"].as_str(), filter["isNot"].as_str()]);
    filters.chain([rule["name"]["matches"].as_str()]).flatten()
}

/// The name under which a rule serves a series, if it does.
fn rename(rule: &Json, series: &str) -> Option<String> {
    let compile = |pattern: &str| GoRegexp::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for filter in rule["seriesFilters"].as_array().into_iter().flatten() {
        let is = filter["is"].as_str().is_none_or(|pattern| compile(pattern).is_match(series));
        let is_not = filter["isNot"].as_str().is_none_or(|pattern| !compile(pattern).is_match(series));
        if !is || !is_not {
            return None;
        }
    }
    let matches = compile(rule["name"]["matches"].as_str().unwrap_or(".*"));
    let default = if matches.groups() == 0 { "$0" } else { "$1" };
    let template = rule["name"]["as"].as_str().filter(|template| !template.is_empty()).unwrap_or(default);
    Some(matches.expand(template, &matches.captures(series)?))
}

#[allow(clippy::print_stderr)]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
