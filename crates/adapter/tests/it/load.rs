//! What is said of a configuration when it is loaded.

use plimsoll_adapter::config::Config;
use plimsoll_adapter::mapper::RestMapper;
use plimsoll_adapter::rules::{Dialect, RuleSet};

use crate::world::{cluster, rules};

fn refused(config: &str) -> String {
    let loaded = Config::parse(config).unwrap_or_else(|error| panic!("{error}"));
    RuleSet::compile(&loaded).expect_err("a mistake in the rules").to_string()
}

#[test]
fn a_template_mistake_is_shown_at_its_character() {
    let text = refused(
        r#"rules:
- seriesQuery: 'm'
  metricsQuery: |
    sum(<<.Series>>{<<.LabelMatchers>>})
    by (<<.GroupBy)
"#,
    );
    assert!(text.starts_with("line 5, column"), "{text}");
    assert!(text.contains("in rule 1 of rules (seriesQuery m)"), "{text}");
}

#[test]
fn every_mistake_of_a_file_is_reported_at_once() {
    let text = refused(
        r#"rules:
- seriesQuery: 'a'
  seriesFilters: [{is: "(?<!x)y"}]
  name: {matches: "^(a)_(b)$"}
- seriesQuery: 'b'
  seriesFilters: [{}]
- seriesQuery: 'c'
  name: {matches: "^(a)_(b)$"}
- seriesQuery: 'd'
  resources: {template: "k_<<.Group>>"}
"#,
    );
    assert_eq!(text.matches("in rule").count(), 5, "{text}");
    assert!(text.contains("seriesFilters[0] needs exactly one of `is` and `isNot`"), "{text}");
    assert!(
        text.contains(
            "name.matches \"^(a)_(b)$\" has 2 capture groups, so `as` must say which make the name, for example as: \
             \"${1}_${2}\""
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "resources.template must contain <<.Resource>>, or every label would stand for the same resource"
        ),
        "{text}"
    );
}

#[test]
fn a_field_that_does_not_exist_is_found_by_rendering_each_rule_at_load() {
    let compiled = rules(
        r#"rules:
- seriesQuery: 'm'
  resources: {template: "<<.Resource>>"}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchersByName>>})'
"#,
    );
    let [warning] = compiled.warnings.as_slice() else { panic!("one warning: {:?}", compiled.warnings) };
    let text = warning.to_string();
    assert!(text.contains("metricsQuery cannot be rendered for one object"), "{text}");
    assert!(text.contains("LabelMatchersByName"), "{text}");
    assert!(text.contains(".LabelValuesByName"), "the available names are listed: {text}");
    assert!(text.contains("column 36"), "{text}");
}

#[test]
fn a_resource_name_that_can_never_work_is_told_from_one_that_may_appear() {
    let mapper = RestMapper::new(cluster());
    let compiled = rules(
        r#"rules:
- seriesQuery: 'm'
  resources: {overrides: {pod: {group: apps, resource: pod}, thing: {resource: thing}}}
  metricsQuery: 'm'
"#,
    );
    let [mistake] = compiled.mistakes(&mapper).try_into().expect("one mistake");
    assert_eq!(
        mistake.message,
        "label `pod` is mapped to a resource that cannot exist: group `apps` has no `pod`; `pods` belongs to the core \
         group: leave `group` out"
    );
    assert!(compiled.mistakes(&RestMapper::default()).is_empty(), "nothing is known before discovery");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    /// Whatever a template gives, what is said about it points into the file.
    #[test]
    fn no_template_makes_loading_panic(
        selector in r#"(up|a-b|a\.b|\{|\}|\(|\)|=|~|"|'|,| |é|\[5m\]|rate|offset 5m|__name__|\n){0,8}"#,
        query in r#"(<<\.Series>>|<<\.LabelMatchers>>|<<\.GroupBy>>|<<range \.GroupBySlice>>|<<end>>|<<|>>|sum|rate|by|on|x|\{|\}|\(|\)|\[5m\]|[-+*/=~,"' é]|\n|🦀){0,16}"#,
    ) {
        let config = serde_json::json!({
            "rules": [{
                "seriesQuery": selector, "metricsQuery": query,
                "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
            }],
            "externalRules": [{"seriesQuery": selector, "metricsQuery": query}],
            "resourceRules": {"cpu": {"containerQuery": query, "resources": {"template": "<<.Resource>>"}}},
        });
        let text = serde_json::to_string_pretty(&config).unwrap();
        let loaded = Config::parse(&text).unwrap();
        for dialect in [Dialect::Prometheus, Dialect::GoogleManaged] {
            let (rules, findings) = RuleSet::examine(&loaded, dialect);
            for finding in rules.warnings.iter().chain(&findings) {
                let line = text.lines().nth(finding.position.line as usize - 1);
                let line = line.expect("a line of the file");
                proptest::prop_assert!(finding.position.column as usize <= line.chars().count() + 1, "{finding}");
                proptest::prop_assert!(finding.excerpt.is_some() && !finding.render_with_code("c").is_empty());
            }
        }
    }
}
