//! The configuration file of prometheus-adapter: strict loading, with errors that name place and fix.
//!
//! [`Config::parse`] turns text into plain types and reports every mistake of the file at once. What needs
//! more than the file to judge (regular expressions, templates, resource names) is left to whoever
//! compiles the rules; each string knows where it stands so that they can point at it.
//!
//! Types follow `pkg/config/config.go` of prometheus-adapter 0.12, loading follows `pkg/config/loader.go`.
//!
//! **Invariant:** every [`Position`] refers to the text as it was given, also through anchors and merge keys.

mod advice;
#[cfg(test)]
mod bounds;
mod code;
mod decode;
mod decode_scalar;
mod finding;
mod foreign;
mod load;
mod mismatch;
#[cfg(test)]
mod mistakes;
mod node;
#[cfg(test)]
mod recorded;
mod reference;
mod scalar;
mod schema;
mod syntax;
mod text;
mod trace;

use std::fmt;
use std::time::Duration;

pub(crate) use advice::is_similar;
pub use code::{Code, Severity};
pub use finding::{ConfigError, Excerpt, Finding, Rendered};
pub use reference::reference;
pub use text::{Position, Text};

/// A configuration file, decoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Rules for `custom.metrics.k8s.io`, in the order of the file.
    pub rules: Vec<DiscoveryRule>,
    /// Rules for `external.metrics.k8s.io`, in the order of the file.
    pub external_rules: Vec<DiscoveryRule>,
    /// Rules for `metrics.k8s.io`; `None` when the key is absent or null.
    pub resource_rules: Option<ResourceRules>,
}

/// A configuration that loaded, and what deserves attention in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The decoded file.
    pub config: Config,
    /// Things that work but probably not as meant, in the order of the file.
    pub warnings: Vec<Finding>,
    /// The text as it was given, for excerpts in later messages.
    pub source: std::sync::Arc<str>,
}

/// The list a rule stands in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// `rules`
    #[default]
    Rules,
    /// `externalRules`
    ExternalRules,
    /// `resourceRules.cpu`
    Cpu,
    /// `resourceRules.memory`
    Memory,
}

/// Which rule something is about. `Display` gives `rule 2 of externalRules`, or `resourceRules.cpu`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The list.
    pub section: Section,
    /// Position in the list, from 1; 1 for resource rules.
    pub number: usize,
    /// Where the rule begins.
    pub position: Position,
}

/// How series become metrics: one entry of `rules` or `externalRules`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DiscoveryRule {
    /// Where the rule stands.
    pub place: Place,
    /// `seriesQuery`: a series selector, sent as it is written. May be empty.
    pub series_query: Text,
    /// `seriesFilters`, in order.
    pub series_filters: Vec<SeriesFilter>,
    /// `resources`
    pub resources: ResourceMapping,
    /// `name`
    pub name: NameMapping,
    /// `metricsQuery`: a template that yields PromQL. May be empty.
    pub metrics_query: Text,
}

/// An entry of `seriesFilters`. Exactly one of both must be set, which the loader does not check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesFilter {
    /// Where the entry begins.
    pub position: Position,
    /// `is`: keep series whose name this regular expression finds.
    pub is: Text,
    /// `isNot`: drop series whose name this regular expression finds.
    pub is_not: Text,
}

/// `resources`: which labels name which Kubernetes objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceMapping {
    /// Where the mapping begins (its rule, when absent).
    pub position: Position,
    /// `template`: yields the label of a resource from `.Group` and `.Resource`. May be empty.
    pub template: Text,
    /// `overrides`, in the order of the file; labels are unique.
    pub overrides: Vec<Override>,
    /// `namespaced`: `None` when absent or null, which means true.
    pub namespaced: Option<bool>,
}

/// An entry of `overrides`: `label: {group, resource}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Override {
    /// The label's name.
    pub label: Text,
    /// `group`: an API group or a prefix of one; empty for core or unspecified.
    pub group: Text,
    /// `resource`: singular or plural, any case.
    pub resource: Text,
}

/// `name`: how the name of a series becomes the name of a metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NameMapping {
    /// Where the mapping begins (its rule, when absent).
    pub position: Position,
    /// `matches`: a regular expression; empty means `.*`.
    pub matches: Text,
    /// `as`: the expansion of a match; empty means `$0` or `$1`, by the number of groups.
    pub replacement: Text,
}

/// `resourceRules`: CPU and memory usage for `metrics.k8s.io`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceRules {
    /// Where the mapping begins.
    pub position: Position,
    /// `cpu`, in cores.
    pub cpu: ResourceRule,
    /// `memory`, in bytes.
    pub memory: ResourceRule,
    /// `window`: the range that the queries look back, reported with each answer; zero when absent.
    pub window: Duration,
}

/// `cpu` or `memory` of [`ResourceRules`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceRule {
    /// Where the rule stands.
    pub place: Place,
    /// `containerQuery`: a template that yields PromQL for containers. May be empty.
    pub container_query: Text,
    /// `nodeQuery`: a template that yields PromQL for nodes. May be empty.
    pub node_query: Text,
    /// `resources`: must map pods, namespaces and nodes.
    pub resources: ResourceMapping,
    /// `containerLabel`: the label that names the container. May be empty.
    pub container_label: Text,
}

impl Section {
    /// The key of the section as it is written in the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::ExternalRules => "externalRules",
            Self::Cpu => "resourceRules.cpu",
            Self::Memory => "resourceRules.memory",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.section {
            Section::Rules | Section::ExternalRules => {
                write!(out, "rule {} of {}", self.number, self.section.key())
            }
            Section::Cpu | Section::Memory => out.write_str(self.section.key()),
        }
    }
}

impl Config {
    /// Decodes a configuration file: YAML as go-yaml v2 reads it in strict mode, or JSON.
    ///
    /// An empty text is an empty configuration. Only the first document counts. At most 1 MiB is read, which is
    /// what a ConfigMap can hold, and aliases may not expand it beyond 8 MiB of text and nodes.
    ///
    /// # Errors
    /// All mistakes that the file alone shows.
    pub fn parse(text: &str) -> Result<Loaded, ConfigError> {
        load::load(text)
    }
}
