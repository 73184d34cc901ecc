//! Rules: a section of the configuration, compiled.
//!
//! A rule turns series into API metrics (`naming`, `labels`) and requests into PromQL (`query`). It knows its place
//! in the file, because every message about it must.
//!
//! **Invariant:** compiling needs no cluster and no Prometheus; what depends on a cluster is resolved later, and
//! again whenever the cluster changes.

mod compile;
mod discovery;
pub mod labels;
pub mod meaning;
pub mod naming;
pub mod oddity;
pub mod query;
pub mod resource;
mod trial;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::{Code, Finding, Place, Position};
use crate::mapper::{RestMapper, Unmapped};
use crate::template::Template;
use labels::LabelMapping;
use naming::Naming;
use oddity::Told;
use query::{Query, QueryError, Subject};
use resource::ResourceRules;

/// One compiled rule of `rules` or `externalRules`.
#[derive(Debug)]
pub struct Rule {
    /// Its place in the file.
    pub place: Place,
    /// The selector that discovers its series, verbatim.
    pub series_query: String,
    /// `namespaced`, which matters to external rules only.
    pub namespaced: bool,
    /// Series name → API name.
    pub naming: Naming,
    /// Labels ↔ resources.
    pub labels: LabelMapping,
    metrics_query: Option<Template>,
    /// Where each override stands, in their order.
    override_positions: Vec<Position>,
    /// Set once the server has refused bare names and taken quoted ones.
    prefers_quoted: AtomicBool,
    /// What has been said of its answers.
    pub told: Told,
}

/// What the server is known not to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Prometheus, and whatever answers at least as much.
    #[default]
    Prometheus,
    /// Google Cloud Managed Service for Prometheus.
    GoogleManaged,
}

/// All rules of one configuration.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// `rules`, in file order.
    pub custom: Vec<Arc<Rule>>,
    /// `externalRules`, in file order.
    pub external: Vec<Arc<Rule>>,
    /// `resourceRules`.
    pub resource: Option<Arc<ResourceRules>>,
    /// What is legal but probably not meant, in file order.
    pub warnings: Vec<Finding>,
    /// The file's text, for excerpts.
    source: Arc<str>,
}

impl RuleSet {
    /// Overrides of `rules` that name a resource type which cannot appear later: short names, a type of another
    /// group, text that is no name. Empty while discovery has not answered.
    pub fn mistakes(&self, mapper: &RestMapper) -> Vec<Finding> {
        if mapper.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for rule in &self.custom {
            for (label, reason) in rule.labels.resolve(mapper).unmapped {
                if !reason.is_mistake() {
                    continue;
                }
                let message = format!("label `{label}` is mapped to a resource that cannot exist: {reason}");
                found.push(self.override_finding(rule, &label, Code::ResourceName, message));
            }
        }
        found
    }

    /// A finding about the whole of `rule`, which belongs to this set.
    pub fn finding(&self, rule: &Rule, code: Code, message: impl Into<String>) -> Finding {
        Finding::new(code, rule.place.position, message)
            .in_rule(rule.place, &rule.series_query)
            .with_excerpt(&self.source, usize::MAX)
    }

    /// A finding about the override of `label` in `rule`.
    pub fn override_finding(
        &self,
        rule: &Rule,
        label: &str,
        code: Code,
        message: impl Into<String>,
    ) -> Finding {
        let position = rule.labels.override_index(label).and_then(|index| rule.override_positions.get(index));
        Finding::new(code, position.copied().unwrap_or(rule.place.position), message)
            .in_rule(rule.place, &rule.series_query)
            .with_excerpt(&self.source, label.chars().count())
    }

    /// The distinct selectors of all rules, in file order.
    pub fn selectors(&self) -> Vec<&str> {
        let mut seen = Vec::new();
        for rule in self.custom.iter().chain(&self.external) {
            if !seen.contains(&rule.series_query.as_str()) {
                seen.push(rule.series_query.as_str());
            }
        }
        seen
    }
}

impl Rule {
    /// The PromQL for `subject`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn query(&self, subject: &Subject<'_>) -> Result<Query, QueryError> {
        let template = self.metrics_query.as_ref().ok_or(QueryError::Empty)?;
        let mut query = query::render(template, subject)?;
        if self.prefers_quoted.load(Ordering::Relaxed)
            && let Some(quoted) = query.quoted.take()
        {
            query.text = quoted;
        }
        Ok(query)
    }

    /// Remembers that the server takes quoted names only.
    pub fn prefer_quoted(&self) {
        self.prefers_quoted.store(true, Ordering::Relaxed);
    }
}

/// `rule 2 of rules (http_requests_total{…})`: short enough for an event of an HPA.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 60;
        let line = self.series_query.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{} (", self.place)?;
        match line.char_indices().nth(MOST) {
            Some((end, _)) => write!(f, "{}…)", &line[..end]),
            None => write!(f, "{line})"),
        }
    }
}

/// The reason why a rule of a running server serves nothing for now.
pub(crate) fn waiting_for(unmapped: &[(Box<str>, Unmapped)]) -> String {
    let named: Vec<String> =
        unmapped.iter().map(|(label, reason)| format!("label `{label}`: {reason}")).collect();
    format!("inactive until the cluster serves its resources: {}", named.join("; "))
}
