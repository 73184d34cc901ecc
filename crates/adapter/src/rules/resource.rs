//! `resourceRules`: the queries behind `metrics.k8s.io`.
//!
//! Matches prometheus-adapter's `pkg/resourceprovider/provider.go` and `pkg/naming/metrics_query.go`.
//!
//! **Invariant:** a missing query or mapping is legal; it makes requests fail, not the process.

use std::time::Duration;

use plimsoll_model::selector::Selector;

use super::compile::{Site, mapping_finding};
use super::labels::LabelMapping;
use super::oddity::Told;
use super::query::{self, Names, Query, QueryError, Subject};
use crate::config::{self, Finding};
use crate::mapper::{GroupResource, RestMapper};
use crate::template::Template;

/// Both halves of `resourceRules`.
#[derive(Debug)]
pub struct ResourceRules {
    /// Processor time, in cores.
    pub cpu: ResourceRule,
    /// Memory, in bytes.
    pub memory: ResourceRule,
    /// The window that answers report.
    pub window: Duration,
    /// What has been said of its answers.
    pub told: Told,
}

/// The queries for one resource.
#[derive(Debug)]
pub struct ResourceRule {
    pub(super) container_query: Option<Template>,
    pub(super) node_query: Option<Template>,
    pub(super) labels: LabelMapping,
    /// The label that holds a container's name; empty when none is configured.
    pub container_label: String,
}

/// The labels by which one cluster's samples are told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceLabels {
    pub pod: Option<Box<str>>,
    pub namespace: Option<Box<str>>,
    pub node: Option<Box<str>>,
}

impl ResourceRules {
    /// Compiles the section.
    ///
    /// # Errors
    /// Templates that do not parse.
    pub fn compile(rules: &config::ResourceRules, source: &str) -> Result<Self, Vec<Finding>> {
        match (ResourceRule::compile(&rules.cpu, source), ResourceRule::compile(&rules.memory, source)) {
            (Ok(cpu), Ok(memory)) => Ok(Self { cpu, memory, window: rules.window, told: Told::default() }),
            (cpu, memory) => Err([cpu.err(), memory.err()].into_iter().flatten().flatten().collect()),
        }
    }
}

impl ResourceRule {
    fn compile(rule: &config::ResourceRule, source: &str) -> Result<Self, Vec<Finding>> {
        let site = Site { place: rule.place, series_query: "", source };
        let template = |field: &str, text: &config::Text| match text.as_str() {
            "" => Ok(None),
            query => Template::parse("metrics-query", query)
                .map(Some)
                .map_err(|error| Box::new(site.template(field, text, &error))),
        };
        let container_query = template("containerQuery", &rule.container_query);
        let node_query = template("nodeQuery", &rule.node_query);
        let labels = LabelMapping::compile(&rule.resources)
            .map_err(|error| mapping_finding(&site, &rule.resources.template, &error));
        match (container_query, node_query, labels) {
            (Ok(container_query), Ok(node_query), Ok(labels)) => Ok(Self {
                container_query,
                node_query,
                labels,
                container_label: rule.container_label.as_str().to_owned(),
            }),
            (container, node, labels) => {
                let unboxed = |finding: Box<Finding>| *finding;
                let templates = [container.err().map(unboxed), node.err().map(unboxed)];
                Err(templates.into_iter().flatten().chain(labels.err()).collect())
            }
        }
    }

    /// The labels that stand for pods, namespaces and nodes in a cluster.
    pub fn labels(&self, mapper: &RestMapper) -> ResourceLabels {
        let resolved = self.labels.resolve(mapper);
        let label = |plural| self.labels.label_for(&GroupResource::new("", plural), &resolved, mapper);
        ResourceLabels { pod: label("pods"), namespace: label("namespaces"), node: label("nodes") }
    }

    /// The query for the containers of `pods` in `namespace`.
    ///
    /// # Errors
    /// A mapping or the query is missing, or the template fails.
    pub fn container_query(
        &self,
        labels: &ResourceLabels,
        namespace: &str,
        pods: &[&str],
    ) -> Result<Query, QueryError> {
        let template = self.container_query.as_ref().ok_or(QueryError::Empty)?;
        let pod = labels.pod.as_deref().ok_or(QueryError::Unmapped("pods"))?;
        let namespace_label = labels.namespace.as_deref().ok_or(QueryError::Unmapped("namespaces"))?;
        let subject = Subject {
            series: "",
            selector: &Selector::default(),
            namespace: Some((namespace_label, namespace)),
            objects: Some((pod, Names::Listed(pods))),
            group_by: &[pod.into(), self.container_label.as_str().into()],
        };
        query::render(template, &subject)
    }

    /// The query for `nodes`.
    ///
    /// # Errors
    /// A mapping or the query is missing, or the template fails.
    pub fn node_query(&self, labels: &ResourceLabels, nodes: &[&str]) -> Result<Query, QueryError> {
        let template = self.node_query.as_ref().ok_or(QueryError::Empty)?;
        let node = labels.node.as_deref().ok_or(QueryError::Unmapped("nodes"))?;
        let subject = Subject {
            series: "",
            selector: &Selector::default(),
            namespace: None,
            objects: Some((node, Names::Listed(nodes))),
            group_by: &[node.into()],
        };
        query::render(template, &subject)
    }
}
