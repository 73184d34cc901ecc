//! Everything that is wrong or doubtful in a configuration, in the order of the file.
//!
//! **Invariant:** a finding is that of the adapter, word for word.

use plimsoll_adapter::backend::SeriesShape;
use plimsoll_adapter::catalogue::Catalogue;
use plimsoll_adapter::config::{Code, Config, Finding};
use plimsoll_adapter::mapper::Unmapped;
use plimsoll_adapter::rules::{Dialect, Rule, RuleSet, meaning};
use plimsoll_promql::syntax::{self, ast::Expr};

use super::kubernetes;

/// A configuration and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// The rules that can be used.
    pub rules: RuleSet,
    /// How many entries `rules` and `externalRules` have, and whether there are `resourceRules`.
    pub count: (usize, usize, bool),
    /// In the order of the file.
    pub findings: Vec<Finding>,
}

pub(super) fn examine(text: &str, dialect: Dialect) -> Examined {
    let loaded = match Config::parse(text) {
        Ok(loaded) => loaded,
        Err(error) => return Examined { findings: error.findings, ..Examined::default() },
    };
    let config = &loaded.config;
    let count = (config.rules.len(), config.external_rules.len(), config.resource_rules.is_some());
    let (rules, mut findings) = RuleSet::examine(&loaded, dialect);
    findings.extend(rules.warnings.iter().cloned());
    findings.extend(in_a_cluster(&rules));
    // Stable, so that those of one place stay in the order in which they were found.
    findings.sort_by_key(|finding| finding.position);
    Examined { rules, count, findings }
}

/// What a cluster would say that has nothing but Kubernetes' own types.
fn in_a_cluster(rules: &RuleSet) -> Vec<Finding> {
    let plain = kubernetes::plain();
    let mut found = rules.mistakes(&plain);
    for rule in &rules.custom {
        for (label, reason) in rule.labels.resolve(&plain).unmapped {
            let Unmapped::Unknown(name) = reason else { continue };
            let message = format!(
                "label `{label}` is mapped to `{name}`, which Kubernetes itself does not have: the rule is inactive until the \
                 cluster serves it"
            );
            found.push(rules.override_finding(rule, &label, Code::ResourceUnknown, message));
        }
    }
    let extended = kubernetes::with_types_of(rules);
    let shapes: Vec<(String, Vec<SeriesShape>)> = rules
        .custom
        .iter()
        .filter_map(|rule| Some((rule.series_query.clone(), vec![example(rule)?])))
        .collect();
    let catalogue = Catalogue::build(rules, &extended, |selector| {
        shapes.iter().find(|(known, _)| known == selector).map(|(_, shapes)| &shapes[..])
    });
    for status in &catalogue.rules {
        for problem in &status.problems {
            if problem.code != Code::ResourceUnknown {
                found.push(rules.finding(&status.rule, problem.code, &problem.text));
            }
        }
    }
    found
}

/// A series as the rule must expect it: of the name that its selector names, with every label that it maps.
fn example(rule: &Rule) -> Option<SeriesShape> {
    let Ok(Expr::Vector(selector)) = syntax::parse(&rule.series_query) else { return None };
    let name = meaning::exact_name(&selector)?;
    let mut labels: Vec<Box<str>> = rule.labels.overridden().map(Into::into).collect();
    labels.sort_unstable();
    labels.dedup();
    Some(SeriesShape { name: name.into(), labels: labels.into() })
}
