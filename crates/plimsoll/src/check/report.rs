//! The report of a check, for people and for programs.
//!
//! **Invariant:** `schemaVersion` grows when a member changes its meaning or goes; members may be added at any time.

use plimsoll_adapter::config::{Finding, Severity};
use plimsoll_adapter::rules::Dialect;
use serde::Serialize;

use super::findings::Examined;
use crate::arguments::CheckSettings;

/// What is printed with `--output=json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    schema_version: u32,
    config: String,
    backend: &'static str,
    rules: Rules,
    counts: Counts,
    findings: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Rules {
    custom: usize,
    external: usize,
    resource: bool,
}

#[derive(Debug, Serialize)]
struct Counts {
    error: usize,
    warning: usize,
    hint: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    code: &'static str,
    severity: &'static str,
    line: u32,
    column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<InRule>,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered: Option<Rendered>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InRule {
    section: &'static str,
    number: usize,
    series_query: String,
}

#[derive(Debug, Serialize)]
struct Rendered {
    query: String,
    line: u32,
    column: u32,
}

impl Report {
    pub(super) fn new(settings: &CheckSettings, examined: &Examined) -> Self {
        let count =
            |severity| examined.findings.iter().filter(|finding| finding.code.severity() == severity).count();
        let (custom, external, resource) = examined.count;
        Self {
            schema_version: 1,
            config: settings.config.name(),
            backend: match settings.dialect {
                Dialect::Prometheus => "prometheus",
                Dialect::GoogleManaged => "gmp",
            },
            rules: Rules { custom, external, resource },
            counts: Counts {
                error: count(Severity::Error),
                warning: count(Severity::Warning),
                hint: count(Severity::Hint),
            },
            findings: examined.findings.iter().map(Found::from).collect(),
        }
    }

    /// Whether nothing has to be corrected.
    pub(super) fn is_good(&self) -> bool {
        self.counts.error == 0 && self.counts.warning == 0
    }

    pub(super) fn json(&self) -> String {
        // Plain types cannot fail.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// `findings` are those of the report.
    pub(super) fn text(&self, findings: &[Finding]) -> String {
        let mut text = String::new();
        for finding in findings {
            text.push_str(&finding.render_with_code(&self.config));
            text.push_str("\n\n");
        }
        text.push_str(&self.summary());
        text
    }

    fn summary(&self) -> String {
        let Self { config, rules, counts, .. } = self;
        let mut parts = Vec::new();
        if rules.custom > 0 {
            parts.push(counted(rules.custom, "rule"));
        }
        if rules.external > 0 {
            parts.push(counted(rules.external, "external rule"));
        }
        if rules.resource {
            parts.push("resource rules".to_owned());
        }
        let what = if parts.is_empty() { "no rules".to_owned() } else { parts.join(", ") };
        let mut told: Vec<String> =
            [(counts.error, "error"), (counts.warning, "warning"), (counts.hint, "hint")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, noun)| counted(count, noun))
                .collect();
        if self.is_good() {
            told.insert(0, "nothing to correct".to_owned());
        }
        format!("{config}: {what}: {}\n", told.join(", "))
    }
}

impl From<&Finding> for Found {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.code.severity().as_str(),
            line: finding.position.line,
            column: finding.position.column,
            rule: finding.place.map(|place| InRule {
                section: place.section.key(),
                number: place.number,
                series_query: finding.series_query.clone(),
            }),
            message: finding.message.clone(),
            fix: finding.fix.clone(),
            rendered: finding.rendered.as_ref().map(|rendered| Rendered {
                query: rendered.text.clone(),
                line: rendered.position.line,
                column: rendered.position.column,
            }),
        }
    }
}

/// `1 rule`, `2 rules`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
