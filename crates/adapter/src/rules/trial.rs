//! Renders each rule once at load, for the requests that may come, so that what would fail in the middle of the
//! night is said in the morning.
//!
//! Not a PromQL check: the text is only looked at for what its template did.
//!
//! **Invariant:** advice never stops a rule; a request answers as it would have without it.

use plimsoll_model::selector::Selector;

use super::Rule;
use super::compile::{Site, offset};
use super::query::{Names, QueryError, Subject};
use crate::config::{DiscoveryRule, Finding, Section};

/// What is asked for in words, the namespace's label and name, and the objects' names.
type Trial<'a> = (&'a str, Option<(&'a str, &'a str)>, Option<&'a [&'a str]>);

/// What is likely not meant in `rule`.
pub(super) fn advice(rule: &Rule, written: &DiscoveryRule, source: &str) -> Vec<Finding> {
    let site = Site { place: rule.place, series_query: &rule.series_query, source };
    let mut found = Vec::new();
    let selector = Selector::default();
    let series = "example_series";
    let label: [Box<str>; 1] = ["example_label".into()];
    let (one, two): (&[&str], &[&str]) = (&["example"], &["example", "another"]);
    let namespace = Some(("example_namespace", "default"));
    let trials: &[Trial<'_>] = match rule.place.section {
        Section::Rules => &[
            ("one object", namespace, Some(one)),
            ("all objects of a namespace", namespace, Some(two)),
            ("an object outside namespaces", None, Some(one)),
        ],
        _ => &[("a namespace", namespace, None), ("any namespace", None, None)],
    };
    for &(what, namespace, objects) in trials {
        let subject = Subject {
            series,
            selector: &selector,
            namespace,
            objects: objects.map(|names| (&*label[0], Names::Listed(names))),
            group_by: if objects.is_some() { &label } else { &[] },
        };
        let Err(error) = rule.query(&subject) else { continue };
        let text = &written.metrics_query;
        found.push(match error {
            QueryError::Template(error) => site
                .finding(
                    "query-template",
                    text.position_at(offset(text, error.line, error.column)),
                    error.at.chars().count(),
                    format!("metricsQuery cannot be rendered for {what}: {}", error.message),
                )
                .with_fix(
                    "correct it; until then every such request fails with \"could not find the metric\"",
                ),
            error => site.finding("query-template", text.position(), 1, format!("{error} for {what}")),
        });
        break;
    }
    found
}
