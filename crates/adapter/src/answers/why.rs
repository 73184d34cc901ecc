//! The link that is missing when a metric cannot be found, told to the person who reads `kubectl describe hpa`.
//!
//! Not the error itself: clients see upstream's sentence, and this after it where a person will read it.
//!
//! **Invariant:** every text names what was looked for and what to do next; none holds a changing number such as an
//! age in seconds, or each event of an HPA would be a new one.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use super::Queries;
use crate::backend::QueryResult;
use crate::catalogue::{Catalogue, RuleStatus};
use crate::config::Section;
use crate::rules::query::{self, Subject};
use crate::template::Template;

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The cluster has no such resource type.
    UnknownResource { resource: String },
    /// No rule serves a metric of this name.
    NoMetric { metric: String, rules: String },
    /// The metric exists, but its series carry no label for this type.
    NotMapped { resource: String, series: String, others: Vec<String> },
    /// The metric is served for the type, but inside (or outside) namespaces.
    WrongScope { resource: String, namespaced: bool },
    /// No object matches.
    NoObjects { resource: String, namespace: Option<String>, selector: String },
    /// The rule gives no query.
    Query { rule: String, reason: String },
    /// The query has no result.
    NoSamples { rule: String, series: String, selector: String },
    /// The query has no result now; the newest sample within the last hour is this many minutes old.
    Stale { rule: String, series: String, minutes: u32 },
    /// The result does not say which object a sample belongs to.
    LabelMissing { rule: String, label: String, carried: Vec<String>, samples: usize },
    /// All samples belong to other namespaces.
    OtherNamespace { rule: String, samples: usize },
    /// The request names no namespace, and no sample does.
    NoNamespace { rule: String, label: String },
    /// No sample has a value that a quantity can carry.
    NoFiniteValue { rule: String, samples: usize },
    /// The samples belong to other objects.
    OtherObjects { rule: String, label: String, missing: usize, asked: usize, example: String },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownResource { resource } => write!(
                f,
                "the cluster has no resource type `{resource}`: use its plural name, with its group after a dot if it \
                 has one"
            ),
            Self::NoMetric { metric, rules } => write!(f, "no rule serves `{metric}`: {rules}"),
            Self::NotMapped { resource, series, others } => write!(
                f,
                "its series `{series}` carries no label that is mapped to {resource}; it is served for {}",
                list(others)
            ),
            Self::WrongScope { resource, namespaced: true } => {
                write!(f, "for {resource} it is served inside a namespace; the request names none")
            }
            Self::WrongScope { resource, namespaced: false } => {
                write!(f, "{resource} live outside namespaces; ask without one")
            }
            Self::NoObjects { resource, namespace, selector } => {
                write!(f, "no {resource}")?;
                if let Some(namespace) = namespace {
                    write!(f, " in namespace `{namespace}`")?;
                }
                if selector.is_empty() { f.write_str(" exist") } else { write!(f, " match `{selector}`") }
            }
            Self::Query { rule, reason } => write!(f, "{rule} gives no query: {reason}"),
            Self::NoSamples { rule, series, selector } => {
                write!(f, "Prometheus knows the series `{series}`, but the query of {rule} gives no sample")?;
                if selector.is_empty() {
                    f.write_str(
                        " for it now: none was scraped lately, or a rate() window holds fewer than two samples",
                    )
                } else {
                    write!(f, ": check that series with `{selector}` exist")
                }
            }
            Self::Stale { rule, series, minutes } => write!(
                f,
                "the newest sample of `{series}` for {rule} is about {minutes} minutes old: check that its target is \
                 still scraped"
            ),
            Self::LabelMissing { rule, label, carried, samples } => {
                write!(
                    f,
                    "the query of {rule} gives {} without the label `{label}`",
                    counted(*samples, "sample")
                )?;
                if carried.is_empty() {
                    f.write_str(" or any other")?;
                } else {
                    write!(f, " but with {}", list(carried))?;
                }
                f.write_str(": aggregate with `by (<<.GroupBy>>)`")
            }
            Self::OtherNamespace { rule, samples: 1 } => write!(
                f,
                "the only sample of {rule} belongs to another namespace: use <<.LabelMatchers>> in its metricsQuery"
            ),
            Self::OtherNamespace { rule, samples } => write!(
                f,
                "all {samples} samples of {rule} belong to other namespaces: use <<.LabelMatchers>> in its metricsQuery"
            ),
            Self::NoNamespace { rule, label } => write!(
                f,
                "the request names no namespace, and no sample of {rule} carries the label `{label}` to say which it \
                 belongs to"
            ),
            Self::NoFiniteValue { rule, samples } => write!(
                f,
                "{} of {rule} {} no finite value (±Inf, a histogram, or beyond 9.2e15): check for a division by zero",
                counted(*samples, "sample"),
                if *samples == 1 { "has" } else { "have" }
            ),
            Self::OtherObjects { rule, label, missing, asked, example } => {
                if *asked == 1 {
                    write!(f, "the answer of {rule} has no sample of it")?;
                } else {
                    write!(f, "{missing} of {asked} objects have no sample in the answer of {rule}")?;
                }
                if looks_like_address(example) {
                    write!(
                        f,
                        "; its label `{label}` holds addresses such as `{example}`, not names: map a label that holds \
                         names"
                    )
                } else if !example.is_empty() {
                    write!(f, "; its label `{label}` holds `{example}`, for example")
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// Older than this, Prometheus does not count a sample as current any more (its default look-back).
const LOOK_BACK: f64 = 300.0;

/// How long the search for the newest sample may take.
const AGE_LIMIT: Duration = Duration::from_secs(2);

impl Why {
    /// Where the query of `subject` has no result, looks for the newest sample within the hour before `at`.
    pub(super) async fn with_age(
        self,
        subject: &Subject<'_>,
        queries: &Queries,
        at: f64,
        limit: Duration,
    ) -> Self {
        let Self::NoSamples { rule, series, selector } = self else { return self };
        let age = match age_query(subject) {
            Some(query) => queries.run(query, at, limit.min(AGE_LIMIT)).await.ok(),
            None => None,
        };
        match age.as_deref() {
            Some(QueryResult::Vector(vector)) => match vector.first().and_then(|sample| sample.value) {
                // Whole minutes, at most an hour, so that events of an HPA stay alike for a while.
                Some(age) if age > LOOK_BACK => {
                    Self::Stale { rule, series, minutes: (age / 60.0).clamp(5.0, 60.0) as u32 }
                }
                _ => Self::NoSamples { rule, series, selector },
            },
            _ => Self::NoSamples { rule, series, selector },
        }
    }
}

fn age_query(subject: &Subject<'_>) -> Option<String> {
    static TEMPLATE: OnceLock<Option<Template>> = OnceLock::new();
    const TEXT: &str = "time() - max(max_over_time(timestamp(<<.Series>>{<<.LabelMatchers>>})[1h:1m]))";
    let template = TEMPLATE.get_or_init(|| Template::parse("age", TEXT).ok()).as_ref()?;
    let query = query::render(template, subject).ok()?;
    Some(query.quoted.unwrap_or(query.text))
}

/// One sentence on why no rule of `section` makes a metric: which rules saw series at all.
pub(super) fn rules_summary(catalogue: &Catalogue, section: Section) -> String {
    const MOST: usize = 3;
    let rules: Vec<&RuleStatus> =
        catalogue.rules.iter().filter(|status| status.rule.place.section == section).collect();
    if rules.is_empty() {
        return "the configuration has no rules for this API".to_owned();
    }
    let waiting = rules.iter().filter(|status| status.shapes.is_none() && status.unlisted.is_none()).count();
    let failures: Vec<&str> = rules.iter().filter_map(|status| status.unlisted.as_deref()).collect();
    let empty: Vec<&RuleStatus> = rules.iter().filter(|status| status.shapes == Some(0)).copied().collect();
    let mut text = format!(
        "{} of {} rules found series",
        rules.len() - waiting - failures.len() - empty.len(),
        rules.len()
    );
    if waiting > 0 {
        text.push_str(&format!("; {waiting} still wait for Prometheus"));
    }
    if let Some(first) = failures.first() {
        text.push_str(&format!("; {} cannot be listed: {first}", failures.len()));
    }
    if !empty.is_empty() {
        let queries: Vec<String> =
            empty.iter().take(MOST).map(|status| format!("`{}`", status.rule.series_query)).collect();
        text.push_str(&format!("; nothing matches {}", queries.join(", ")));
        if empty.len() > MOST {
            text.push_str(&format!(" and {} more", empty.len() - MOST));
        }
    }
    text
}

/// `1 sample`, `2 samples`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn list(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 6;
    let mut text: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > MOST {
        text.push(format!("{} more", names.len() - MOST));
    }
    text.join(", ")
}

/// `10.0.0.1:9090` and the like, the usual content of `instance`.
fn looks_like_address(value: &str) -> bool {
    let host = value.rsplit_once(':').map_or(value, |(host, _)| host);
    host.parse::<std::net::IpAddr>().is_ok()
        || value.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}
