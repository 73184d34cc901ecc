//! From text to [`Config`]: size, syntax, shape, decoding, and then plain types.
//!
//! **Invariant:** a configuration either loads as a whole or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Code;
use super::advice::unrendered_line;
use super::decode::{Decoder, Fields, Value};
use super::finding::{ConfigError, Finding};
use super::foreign::foreign_file;
use super::node::Tree;
use super::schema::FILE;
use super::syntax::syntax_finding;
use super::text::{Position, Text};
use super::{
    Config, DiscoveryRule, Loaded, NameMapping, Override, Place, ResourceMapping, ResourceRule,
    ResourceRules, Section, SeriesFilter,
};

/// Largest text, in bytes: what a ConfigMap can hold.
pub(super) const LARGEST: usize = 1 << 20;

pub(super) fn load(text: &str) -> Result<Loaded, ConfigError> {
    let refuse = |finding: Finding| ConfigError { findings: vec![finding] };
    if text.len() > LARGEST {
        let message = format!("the file has {} bytes; at most {LARGEST} are read", text.len());
        let finding = Finding::new(Code::TooLarge, Position::default(), message);
        return Err(refuse(
            finding.with_fix("a ConfigMap cannot hold more either: check that this is the right file"),
        ));
    }
    let tree = Tree::read(text).map_err(|error| refuse(syntax_finding(text, &error)))?;
    let mut warnings = Vec::new();
    if let Some(position) = tree.further {
        warnings.push(
            Finding::new(Code::FurtherDocument, position, "only the first document of the file is read")
                .with_fix("move what follows `---` into the first document")
                .with_excerpt(text, 3),
        );
    }
    let Some(root) = tree.root else {
        return Ok(Loaded { config: Config::default(), warnings, source: Arc::from(text) });
    };
    if let Some(finding) = foreign_file(&tree, root) {
        let width = word_width(text, finding.position);
        return Err(refuse(finding.with_excerpt(text, width)));
    }
    let mut decoder = Decoder::new(&tree);
    let fields = decoder.file(root, &FILE);
    let mut findings = decoder.findings;
    if !findings.is_empty() {
        findings.sort_by_key(|finding| finding.position);
        return Err(ConfigError { findings });
    }
    let config = config(fields);
    warnings.extend(placeholders(&config, text));
    warnings.sort_by_key(|finding| finding.position);
    Ok(Loaded { config, warnings, source: Arc::from(text) })
}

/// Characters of the word at `position`.
fn word_width(text: &str, position: Position) -> usize {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let line = text.lines().nth(index(position.line)).unwrap_or_default();
    let word = line.chars().skip(index(position.column));
    word.take_while(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).count()
}

fn config(mut fields: Fields) -> Config {
    Config {
        rules: rules(&mut fields, "rules", Section::Rules),
        external_rules: rules(&mut fields, "externalRules", Section::ExternalRules),
        resource_rules: match fields.values.remove("resourceRules") {
            Some(Value::Record(fields)) => Some(resource_rules(fields)),
            _ => None,
        },
    }
}

fn rules(fields: &mut Fields, key: &'static str, section: Section) -> Vec<DiscoveryRule> {
    let rule = |(index, mut fields): (usize, Fields)| DiscoveryRule {
        place: Place { section, number: index + 1, position: fields.position },
        series_query: fields.text("seriesQuery"),
        series_filters: fields.list("seriesFilters").into_iter().map(filter).collect(),
        resources: resources(fields.record("resources")),
        name: name(fields.record("name")),
        metrics_query: fields.text("metricsQuery"),
    };
    fields.list(key).into_iter().enumerate().map(rule).collect()
}

fn filter(mut fields: Fields) -> SeriesFilter {
    SeriesFilter { position: fields.position, is: fields.text("is"), is_not: fields.text("isNot") }
}

fn resources(mut fields: Fields) -> ResourceMapping {
    let overrides = match fields.values.remove("overrides") {
        Some(Value::Table(table)) => table.entries,
        _ => Vec::new(),
    };
    let an_override = |(label, mut fields): (Text, Fields)| Override {
        label,
        group: fields.text("group"),
        resource: fields.text("resource"),
    };
    ResourceMapping {
        position: fields.position,
        template: fields.text("template"),
        overrides: overrides.into_iter().map(an_override).collect(),
        namespaced: match fields.values.remove("namespaced") {
            Some(Value::Boolean(flag)) => Some(flag),
            _ => None,
        },
    }
}

fn name(mut fields: Fields) -> NameMapping {
    NameMapping { position: fields.position, matches: fields.text("matches"), replacement: fields.text("as") }
}

fn resource_rules(mut fields: Fields) -> ResourceRules {
    ResourceRules {
        position: fields.position,
        cpu: resource_rule(fields.record("cpu"), Section::Cpu),
        memory: resource_rule(fields.record("memory"), Section::Memory),
        window: match fields.values.remove("window") {
            Some(Value::Duration(window)) => window,
            _ => Duration::ZERO,
        },
    }
}

fn resource_rule(mut fields: Fields, section: Section) -> ResourceRule {
    ResourceRule {
        place: Place { section, number: 1, position: fields.position },
        container_query: fields.text("containerQuery"),
        node_query: fields.text("nodeQuery"),
        resources: resources(fields.record("resources")),
        container_label: fields.text("containerLabel"),
    }
}

impl Fields {
    fn text(&mut self, key: &'static str) -> Text {
        match self.values.remove(key) {
            Some(Value::Text(text)) => text,
            _ => Text::absent(self.position),
        }
    }

    fn record(&mut self, key: &'static str) -> Self {
        match self.values.remove(key) {
            Some(Value::Record(fields)) => fields,
            _ => Self { position: self.position, values: BTreeMap::new() },
        }
    }

    fn list(&mut self, key: &'static str) -> Vec<Self> {
        match self.values.remove(key) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }
}

/// Warnings about placeholders of template tools inside quoted texts, where YAML cannot notice them.
fn placeholders(config: &Config, source: &str) -> Vec<Finding> {
    let mut warnings = Vec::new();
    let mut look = |text: &Text, place: Place, query: &str| {
        let Some(offset) = text.find("{{") else { return };
        if let Some(finding) = unrendered_line(source, text.position_at(offset).line) {
            warnings.push(finding.in_rule(place, query).with_excerpt(source, 2));
        }
    };
    for rule in config.rules.iter().chain(&config.external_rules) {
        for text in [
            &rule.series_query,
            &rule.metrics_query,
            &rule.name.matches,
            &rule.name.replacement,
            &rule.resources.template,
        ] {
            look(text, rule.place, &rule.series_query);
        }
    }
    for rule in config.resource_rules.iter().flat_map(|rules| [&rules.cpu, &rules.memory]) {
        for text in [&rule.container_query, &rule.node_query] {
            look(text, rule.place, "");
        }
    }
    warnings
}
