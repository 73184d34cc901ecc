//! Which metrics the API serves now, computed from the rules, the series that exist and the resource types of the
//! cluster.
//!
//! Matches the registries of prometheus-adapter (`pkg/custom-provider/series_registry.go`,
//! `pkg/external-provider/external_series_registry.go`): of several rules for one name the last wins, per resource.
//!
//! **Invariant:** a catalogue is never changed; a new one replaces it.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::backend::SeriesShape;
use crate::config::Code;
use crate::mapper::{GroupResource, RestMapper};
use crate::rules::labels::is_cluster_scoped;
use crate::rules::{Rule, RuleSet, waiting_for};

/// How a custom metric of one resource type is answered.
#[derive(Debug, Clone)]
pub struct CustomEntry {
    /// The type that the metric describes.
    pub resource: GroupResource,
    /// Whether requests name a namespace.
    pub namespaced: bool,
    /// Whether discovery lists it; a few are answered for compatibility only.
    pub advertised: bool,
    /// The series behind it.
    pub series: Box<str>,
    /// The rule behind it.
    pub rule: Arc<Rule>,
    /// The label that holds object names.
    pub label: Box<str>,
    /// The label that holds namespaces, if one is mapped.
    pub namespace_label: Option<Box<str>>,
}

/// How an external metric is answered.
#[derive(Debug, Clone)]
pub struct ExternalEntry {
    /// The series behind it.
    pub series: Box<str>,
    /// The rule behind it.
    pub rule: Arc<Rule>,
    /// The label that holds namespaces; `None` when requests are not confined to theirs.
    pub namespace_label: Option<Box<str>>,
}

/// What became of one rule.
#[derive(Debug, Clone)]
pub struct RuleStatus {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Distinct (name, label names) among its series; `None` before the first answer.
    pub shapes: Option<usize>,
    /// How many of these passed the filters.
    pub named: usize,
    /// How many API metrics it makes.
    pub metrics: usize,
    /// Why it makes fewer than one might expect.
    pub problems: Vec<Problem>,
    /// Why its series have never been listed, if that was tried.
    pub unlisted: Option<String>,
}

/// Why a rule makes fewer metrics than one might expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about.
    pub code: Code,
    /// In one sentence, with what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// All that is served.
#[derive(Debug, Default)]
pub struct Catalogue {
    custom: HashMap<Box<str>, Vec<CustomEntry>>,
    external: HashMap<Box<str>, ExternalEntry>,
    /// One status per rule, custom rules first, in file order.
    pub rules: Vec<RuleStatus>,
}

/// What the name of an external metric leads to.
#[derive(Debug)]
pub enum ExternalMatch<'a> {
    /// Served under exactly this name.
    Exact(&'a ExternalEntry),
    /// client-go lower-cased the name; one metric has it in other letters.
    IgnoringCase(&'a str, &'a ExternalEntry),
    /// Several metrics have it in other letters.
    Ambiguous(Vec<&'a str>),
    /// Nothing of that name.
    Unknown,
}

impl Catalogue {
    /// Computes what `rules` serve, given the shapes known for each selector.
    pub fn build<'a>(
        rules: &RuleSet,
        mapper: &RestMapper,
        shapes: impl Fn(&str) -> Option<&'a [SeriesShape]>,
    ) -> Self {
        let mut catalogue = Self::default();
        for rule in &rules.custom {
            let status = catalogue.add_custom(rule, mapper, shapes(&rule.series_query));
            catalogue.rules.push(status);
        }
        for rule in &rules.external {
            let status = catalogue.add_external(rule, mapper, shapes(&rule.series_query));
            catalogue.rules.push(status);
        }
        catalogue
    }

    fn add_custom(
        &mut self,
        rule: &Arc<Rule>,
        mapper: &RestMapper,
        shapes: Option<&[SeriesShape]>,
    ) -> RuleStatus {
        let mut status = RuleStatus::new(rule, shapes);
        if rule.labels.is_empty() {
            status.problem(
                Code::NoLabelMapped,
                "no label is mapped to a resource: add `resources.template` or `resources.overrides`"
                    .to_owned(),
            );
        }
        let resolved = rule.labels.resolve(mapper);
        if !resolved.unmapped.is_empty() {
            status.problem(Code::ResourceUnknown, waiting_for(&resolved.unmapped));
            return status;
        }
        for (unused, used) in &resolved.shadowed {
            let text = format!(
                "labels `{unused}` and `{used}` are mapped to the same resource; queries use `{used}`, the last"
            );
            status.problem(Code::LabelShadowed, text);
        }
        let namespace_label = rule.labels.label_for(&GroupResource::namespaces(), &resolved, mapper);
        let mut labels: HashMap<GroupResource, Option<Box<str>>> = HashMap::new();
        for shape in shapes.unwrap_or_default() {
            let Some(metric) = rule.naming.api_name(&shape.name) else { continue };
            status.named += 1;
            let described = rule.labels.describe(shape, &resolved, mapper);
            for found in described.resources {
                let resource = found.resource;
                let label = labels
                    .entry(resource.clone())
                    .or_insert_with(|| rule.labels.label_for(&resource, &resolved, mapper));
                let Some(label) = label.clone() else { continue };
                let guessed = described.namespaced && !is_cluster_scoped(&resource);
                // Upstream never asks for the real scope. Where an override names a cluster-scoped type, its objects
                // are reached at the root, and still where upstream answered.
                let real = !found.by_override
                    || mapper
                        .resolve(&resource.group, &resource.resource)
                        .is_ok_and(|found| found.namespaced);
                let scopes: &[(bool, bool)] =
                    if guessed && !real { &[(true, true), (false, false)] } else { &[(guessed, true)] };
                for &(namespaced, advertised) in scopes {
                    if namespaced && namespace_label.is_none() {
                        let text = format!(
                            "`{metric}` for {resource} cannot be asked for: no label is mapped to namespaces; add one \
                             to `resources.overrides`"
                        );
                        status.problem(Code::NamespaceNotMapped, text);
                        continue;
                    }
                    status.metrics += 1;
                    let entry = CustomEntry {
                        resource: resource.clone(),
                        namespaced,
                        advertised,
                        series: shape.name.clone(),
                        rule: Arc::clone(rule),
                        label: label.clone(),
                        namespace_label: namespace_label.clone(),
                    };
                    let entries = self.custom.entry_ref(metric.as_str()).or_default();
                    match entries.iter_mut().find(|known| {
                        known.resource == entry.resource && known.namespaced == entry.namespaced
                    }) {
                        Some(known) => *known = entry,
                        None => entries.push(entry),
                    }
                }
            }
        }
        status
    }

    fn add_external(
        &mut self,
        rule: &Arc<Rule>,
        mapper: &RestMapper,
        shapes: Option<&[SeriesShape]>,
    ) -> RuleStatus {
        let mut status = RuleStatus::new(rule, shapes);
        let resolved = rule.labels.resolve(mapper);
        for (label, reason) in &resolved.unmapped {
            let text = format!("resources.overrides[{label:?}] is ignored: {reason}");
            status.problem(Code::OverrideIgnored, text);
        }
        let namespace_label = if rule.namespaced {
            let label = rule.labels.label_for(&GroupResource::namespaces(), &resolved, mapper);
            if label.is_none() {
                status.problem(
                    Code::ExternalNamespace,
                    "no label is mapped to namespaces, so its metrics are served to every namespace; say \
                     `namespaced: false` under `resources`, or map one with `overrides: {namespace: {resource: \
                     namespace}}`"
                        .to_owned(),
                );
            }
            label
        } else {
            None
        };
        for shape in shapes.unwrap_or_default() {
            let Some(metric) = rule.naming.api_name(&shape.name) else { continue };
            status.named += 1;
            let entry = ExternalEntry {
                series: shape.name.clone(),
                rule: Arc::clone(rule),
                namespace_label: namespace_label.clone(),
            };
            if self.external.insert(metric.into(), entry).is_none() {
                status.metrics += 1;
            }
        }
        status
    }

    /// Notes for each rule whose series were never listed why that failed, as `failure` knows it for a selector.
    pub fn note_failures(&mut self, failure: impl Fn(&str) -> Option<String>) {
        for status in self.rules.iter_mut().filter(|status| status.shapes.is_none()) {
            status.unlisted = failure(&status.rule.series_query);
        }
    }

    /// The entry of `metric` for `resource`.
    pub fn custom(&self, metric: &str, resource: &GroupResource, namespaced: bool) -> Option<&CustomEntry> {
        self.custom_entries(metric)
            .iter()
            .find(|entry| entry.namespaced == namespaced && entry.resource == *resource)
    }

    /// Everything served under the name `metric`.
    pub fn custom_entries(&self, metric: &str) -> &[CustomEntry] {
        self.custom.get(metric).map(Vec::as_slice).unwrap_or_default()
    }

    /// The external metric that `metric` leads to.
    pub fn external(&self, metric: &str) -> ExternalMatch<'_> {
        if let Some(entry) = self.external.get(metric) {
            return ExternalMatch::Exact(entry);
        }
        if metric.chars().any(char::is_uppercase) {
            return ExternalMatch::Unknown;
        }
        let mut others: Vec<(&str, &ExternalEntry)> = self
            .external
            .iter()
            .filter(|(name, _)| name.len() == metric.len() && name.to_lowercase() == metric)
            .map(|(name, entry)| (&**name, entry))
            .collect();
        match (others.pop(), others.is_empty()) {
            (None, _) => ExternalMatch::Unknown,
            (Some((name, entry)), true) => ExternalMatch::IgnoringCase(name, entry),
            (Some((name, _)), false) => {
                let mut names: Vec<&str> = others.into_iter().map(|(name, _)| name).chain([name]).collect();
                names.sort_unstable();
                ExternalMatch::Ambiguous(names)
            }
        }
    }

    /// (resource, metric, namespaced) of all advertised custom metrics, sorted.
    pub fn custom_list(&self) -> Vec<(&GroupResource, &str, bool)> {
        let mut list: Vec<_> = self
            .custom
            .iter()
            .flat_map(|(metric, entries)| entries.iter().map(move |entry| (metric, entry)))
            .filter(|(_, entry)| entry.advertised)
            .map(|(metric, entry)| (&entry.resource, &**metric, entry.namespaced))
            .collect();
        list.sort_unstable();
        list
    }

    /// Names of all external metrics, sorted.
    pub fn external_list(&self) -> Vec<&str> {
        let mut list: Vec<&str> = self.external.keys().map(|name| &**name).collect();
        list.sort_unstable();
        list
    }
}

impl RuleStatus {
    fn new(rule: &Arc<Rule>, shapes: Option<&[SeriesShape]>) -> Self {
        Self {
            rule: Arc::clone(rule),
            shapes: shapes.map(<[_]>::len),
            named: 0,
            metrics: 0,
            problems: Vec::new(),
            unlisted: None,
        }
    }

    /// Notes a problem once, and at most a handful of them.
    fn problem(&mut self, code: Code, text: String) {
        const MOST: usize = 8;
        let problem = Problem { code, text };
        if self.problems.len() < MOST && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}
