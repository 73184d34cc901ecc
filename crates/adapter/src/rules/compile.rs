//! From the decoded configuration to rules, with every mistake told at its place in the file.
//!
//! **Invariant:** all mistakes of a file are reported at once, in its order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::labels::{LabelMapping, MappingError};
use super::naming::{Naming, NamingError};
use super::oddity::Told;
use super::resource::ResourceRules;
use super::{Dialect, Rule, RuleSet, trial};
use crate::config::{Code, ConfigError, DiscoveryRule, Finding, Loaded, Place, Position, Text};
use crate::template::{ParseError, Template};

/// What a finding of the compiler is about, to place it.
pub(super) struct Site<'a> {
    pub place: Place,
    pub series_query: &'a str,
    pub source: &'a str,
}

impl Site<'_> {
    /// A finding at `position`, with `width` characters marked.
    pub fn finding(&self, code: Code, position: Position, width: usize, message: String) -> Finding {
        Finding::new(code, position, message)
            .in_rule(self.place, self.series_query)
            .with_excerpt(self.source, width)
    }

    /// A template that does not parse, at the very character.
    pub fn template(&self, field: &str, text: &Text, error: &ParseError) -> Finding {
        let position = text.position_at(offset(text, error.line, error.column));
        let finding =
            self.finding(Code::Template, position, 1, format!("{field} is no template: {}", error.message));
        match &error.hint {
            Some(hint) => finding.with_fix(hint.clone()),
            None => finding,
        }
    }
}

/// The byte offset of a line and column (from 1) of `text`.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

impl RuleSet {
    /// Compiles a configuration.
    ///
    /// # Errors
    /// Every rule that cannot be used whatever the cluster looks like.
    pub fn compile(loaded: &Loaded) -> Result<Self, ConfigError> {
        let (rules, findings) = Self::examine(loaded, Dialect::Prometheus);
        if findings.is_empty() { Ok(rules) } else { Err(ConfigError { findings }) }
    }

    /// The rules that can be used, with what is doubtful about them for a server of that `dialect`, and what keeps the
    /// others out.
    pub fn examine(loaded: &Loaded, dialect: Dialect) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut warnings = loaded.warnings.clone();
        let source = &loaded.source;
        let mut compile = |rules: &[DiscoveryRule]| -> Vec<Arc<Rule>> {
            let mut compiled = Vec::with_capacity(rules.len());
            for rule in rules {
                match Rule::compile(rule, source) {
                    Ok(built) => {
                        warnings.extend(trial::advice(&built, rule, source, dialect));
                        compiled.push(Arc::new(built));
                    }
                    Err(mut found) => findings.append(&mut found),
                }
            }
            compiled
        };
        let custom = compile(&loaded.config.rules);
        let external = compile(&loaded.config.external_rules);
        let resource =
            loaded.config.resource_rules.as_ref().and_then(|written| {
                match ResourceRules::compile(written, source) {
                    Ok(rules) => {
                        for (rule, written) in [(&rules.cpu, &written.cpu), (&rules.memory, &written.memory)]
                        {
                            warnings.extend(trial::resource_advice(rule, written, source, dialect));
                        }
                        Some(Arc::new(rules))
                    }
                    Err(mut found) => {
                        findings.append(&mut found);
                        None
                    }
                }
            });
        // True of a whole configuration, and told at its first query.
        let mut told = false;
        warnings
            .retain(|finding| finding.code != Code::GmpAllClusters || !std::mem::replace(&mut told, true));
        (Self { custom, external, resource, warnings, source: Arc::clone(source) }, findings)
    }
}

impl Rule {
    fn compile(rule: &DiscoveryRule, source: &str) -> Result<Self, Vec<Finding>> {
        let site = Site { place: rule.place, series_query: &rule.series_query, source };
        let naming = Naming::compile(&rule.series_filters, &rule.name).map_err(|errors| {
            errors.iter().map(|error| naming_finding(&site, rule, error)).collect::<Vec<_>>()
        });
        let labels = LabelMapping::compile(&rule.resources)
            .map_err(|error| mapping_finding(&site, &rule.resources.template, &error));
        let metrics_query = match rule.metrics_query.as_str() {
            "" => Ok(None),
            text => Template::parse("metrics-query", text)
                .map(Some)
                .map_err(|error| site.template("metricsQuery", &rule.metrics_query, &error)),
        };
        match (naming, labels, metrics_query) {
            (Ok(naming), Ok(labels), Ok(metrics_query)) => Ok(Self {
                place: rule.place,
                series_query: rule.series_query.as_str().to_owned(),
                namespaced: rule.resources.namespaced.unwrap_or(true),
                naming,
                labels,
                metrics_query,
                override_positions: rule
                    .resources
                    .overrides
                    .iter()
                    .map(|entry| entry.label.position())
                    .collect(),
                prefers_quoted: AtomicBool::new(false),
                told: Told::default(),
            }),
            (naming, labels, metrics_query) => {
                let mut found = naming.err().unwrap_or_default();
                found.extend([labels.err(), metrics_query.err()].into_iter().flatten());
                found.sort_by_key(|finding| finding.position);
                Err(found)
            }
        }
    }
}

fn naming_finding(site: &Site<'_>, rule: &DiscoveryRule, error: &NamingError) -> Finding {
    let (position, width) = match error {
        NamingError::FilterKind { index } => {
            (rule.series_filters.get(*index).map_or(rule.place.position, |filter| filter.position), 1)
        }
        NamingError::FilterPattern { index, .. } => {
            let filter = rule.series_filters.get(*index);
            let text = filter.map(|filter| if filter.is.is_empty() { &filter.is_not } else { &filter.is });
            text.map_or((rule.place.position, 1), |text| (text.position(), text.chars().count()))
        }
        NamingError::NamePattern { .. } | NamingError::AsMissing { .. } => {
            (rule.name.matches.position(), rule.name.matches.chars().count())
        }
    };
    site.finding(Code::NamePattern, position, width, error.to_string())
}

pub(super) fn mapping_finding(site: &Site<'_>, template: &Text, error: &MappingError) -> Finding {
    match error {
        MappingError::Parse(error) => site.template("resources.template", template, error),
        other => site.finding(
            Code::LabelTemplate,
            template.position(),
            template.chars().count(),
            other.to_string(),
        ),
    }
}
