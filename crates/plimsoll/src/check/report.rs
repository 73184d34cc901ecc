//! The report of a check, for people and for programs.
//!
//! **Invariant:** `schemaVersion` grows when a member changes its meaning or goes; members may be added at any time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_adapter::config::{Finding, Section, Severity};
use plimsoll_adapter::rules::Dialect;
use plimsoll_model::quote::quote;
use serde::Serialize;

use super::findings::Examined;
use super::observed::{Answer, Of, RuleOutcome, Valued};
use crate::arguments::CheckSettings;
use crate::promql::moment;
use crate::series_file::SeriesFile;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<On>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<Vec<Tried>>,
}

/// The series that the rules were tried on.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct On {
    file: String,
    format: &'static str,
    count: usize,
    has_values: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tried {
    section: &'static str,
    number: usize,
    /// In words.
    #[serde(skip)]
    rule: String,
    /// Whether it has a selector.
    #[serde(skip)]
    selects: bool,
    /// `null` when the selector is none.
    series: Option<usize>,
    metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    name: String,
    series: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    query: Option<String>,
    values: Vec<MetricValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct MetricValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
    value: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl On {
    pub(super) fn new(file: String, series: &SeriesFile, time: i64) -> Self {
        Self {
            file,
            format: series.described(),
            count: series.series().len(),
            has_values: series.has_values(),
            time: series.has_values().then(|| moment(time)),
        }
    }
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
    pub(super) fn new(
        settings: &CheckSettings,
        examined: &Examined,
        tried: Option<(&On, &[RuleOutcome])>,
    ) -> Self {
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
            series: tried.map(|(on, _)| on.clone()),
            tried: tried.map(|(_, outcomes)| outcomes.iter().map(Tried::from).collect()),
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
        if let (Some(on), Some(tried)) = (&self.series, &self.tried) {
            self.tried(&mut text, on, tried);
        }
        text.push_str(&self.summary());
        text
    }

    fn tried(&self, text: &mut String, on: &On, tried: &[Tried]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "tried on {} of {} ({})", counted(on.count, "series"), on.file, on.format);
        let _ = match &on.time {
            Some(time) => writeln!(text, " at {time}\n"),
            None => writeln!(text, ", which have no values\n"),
        };
        for rule in tried {
            let _ = match rule.series {
                Some(count) => writeln!(text, "{}: {}", rule.rule, counted(count, "series")),
                None if rule.selects => {
                    writeln!(text, "{}: not asked for, as the selector is none", rule.rule)
                }
                None => writeln!(text, "{}:", rule.rule),
            };
            for metric in &rule.metrics {
                metric.text(text, on.has_values);
            }
            if rule.left_out > 0 {
                let _ = writeln!(text, "  and {}", counted(rule.left_out, "more metric"));
            }
            text.push('\n');
        }
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

impl Metric {
    fn text(&self, text: &mut String, has_values: bool) {
        let inside =
            self.namespace.as_deref().map(|name| format!(" in namespace {name}")).unwrap_or_default();
        let what = self.resource.as_deref().unwrap_or("external metric");
        let _ = writeln!(text, "  {} ({what}{inside})", self.name);
        if let Some(query) = &self.query {
            let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(text, "    query: {line}");
        }
        let whose: Vec<String> = self.values.iter().map(MetricValue::whose).collect();
        let width = whose.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        for (name, MetricValue { value, .. }) in whose.iter().zip(&self.values) {
            let _ = writeln!(text, "    {name:width$}  {value}");
        }
        if let Some(why) = &self.why {
            let kind = if self.values.is_empty() { "no value" } else { "not all" };
            let _ = writeln!(text, "    {kind}: {why}");
        }
        if self.left_out > 0 {
            let kind = if has_values { "values" } else { "objects" };
            let _ = writeln!(text, "    and {} more {kind} or namespaces", self.left_out);
        }
    }
}

impl MetricValue {
    fn whose(&self) -> String {
        match (&self.object, &self.labels) {
            (Some(object), _) => object.clone(),
            (None, Some(labels)) if labels.is_empty() => "(no labels)".to_owned(),
            (None, Some(labels)) => {
                let pairs: Vec<String> = labels
                    .iter()
                    .map(|(name, value)| format!("{name}={}", quote(value.as_bytes())))
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            (None, None) => String::new(),
        }
    }
}

impl From<&RuleOutcome> for Tried {
    fn from(outcome: &RuleOutcome) -> Self {
        let RuleOutcome { place, rule, series, answers, more } = outcome;
        Self {
            section: place.section.key(),
            number: place.number,
            rule: rule.clone(),
            selects: matches!(place.section, Section::Rules | Section::ExternalRules),
            series: *series,
            metrics: answers.iter().map(Metric::from).collect(),
            left_out: *more,
        }
    }
}

impl From<&Answer> for Metric {
    fn from(answer: &Answer) -> Self {
        let value = |valued: &Valued| {
            let (object, labels) = match &valued.of {
                Of::Object(name) => (Some(name.clone()), None),
                Of::Labels(labels) => (None, Some(labels.clone())),
            };
            MetricValue { object, labels, value: valued.value.clone() }
        };
        Self {
            name: answer.metric.clone(),
            series: answer.series.clone(),
            resource: answer.resource.clone(),
            namespace: answer.namespace.clone(),
            query: answer.query.clone(),
            values: answer.values.iter().map(value).collect(),
            why: answer.why.clone(),
            left_out: answer.more,
        }
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

/// `1 rule`, `2 rules`, `2 series`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 || noun.ends_with('s') { "" } else { "s" })
}
