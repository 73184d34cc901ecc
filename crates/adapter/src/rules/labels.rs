//! Which labels of a series stand for which Kubernetes resources, and which label stands for a resource.
//!
//! Matches prometheus-adapter's `pkg/naming/resource_converter.go` and `lbl_res.go`, with two differences: names
//! that the cluster does not know yet are kept for later, and of two overrides for one resource the last in file
//! order makes the queries (upstream picks one at random on each start).
//!
//! **Invariant:** a mapping never changes; what it means is computed against one [`RestMapper`] at a time.

use hashbrown::HashMap;
use plimsoll_model::regexp::GoRegexp;

use crate::backend::SeriesShape;
use crate::config;
use crate::mapper::{GroupResource, RestMapper, Unmapped};
use crate::template::{ExecutionError, ParseError, Template, Value};

/// The `resources` section of a rule.
#[derive(Debug)]
pub struct LabelMapping {
    template: Option<LabelTemplate>,
    overrides: Vec<Override>,
}

#[derive(Debug)]
struct Override {
    label: Box<str>,
    group: Box<str>,
    resource: Box<str>,
}

/// A template such as `kube_<<.Resource>>`, used in both directions.
#[derive(Debug)]
struct LabelTemplate {
    template: Template,
    recognise: GoRegexp,
}

/// Why a `resources` section cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// The template does not parse.
    #[error("resources.template: {0}")]
    Parse(ParseError),
    /// The template cannot be rendered.
    #[error("resources.template fails: {}; it may use .Group and .Resource", .0.message)]
    Fails(ExecutionError),
    /// Labels could not be told apart.
    #[error(
        "resources.template must contain <<.Resource>>, or every label would stand for the same resource"
    )]
    NoResource,
    /// What it gives does not recognise labels.
    #[error(
        "resources.template recognises labels as the regular expression {pattern:?}, which is none: {reason}"
    )]
    Pattern { pattern: String, reason: String },
}

/// A mapping as one cluster understands it.
#[derive(Debug, Default)]
pub struct ResolvedMapping {
    by_label: HashMap<Box<str>, GroupResource>,
    by_resource: HashMap<GroupResource, Box<str>>,
    /// Overrides that name no resource type of the cluster, with the reason.
    pub unmapped: Vec<(Box<str>, Unmapped)>,
    /// Pairs of labels mapped to the same resource: the one that is not used, the one that is.
    pub shadowed: Vec<(Box<str>, Box<str>)>,
}

/// The labels of a request that may come.
#[derive(Debug)]
pub(super) struct ExampleLabels {
    pub namespace: Option<Box<str>>,
    /// Of an object, inside a namespace if there is such.
    pub object: Option<Box<str>>,
    /// Of an object outside namespaces.
    pub outside: Option<Box<str>>,
}

/// What the labels of a series say.
#[derive(Debug, PartialEq, Eq)]
pub struct Described {
    /// The resources that the series describes.
    pub resources: Vec<DescribedResource>,
    /// Upstream's guess whether such a metric is read inside a namespace.
    pub namespaced: bool,
}

/// One of the resources that a series describes.
#[derive(Debug, PartialEq, Eq)]
pub struct DescribedResource {
    /// The type.
    pub resource: GroupResource,
    /// Whether an override names it; otherwise a template happened to recognise the label.
    pub by_override: bool,
}

impl LabelMapping {
    /// Compiles the `resources` section of a rule.
    ///
    /// # Errors
    /// A template that cannot be used in both directions.
    pub fn compile(mapping: &config::ResourceMapping) -> Result<Self, MappingError> {
        let template = match mapping.template.as_str() {
            "" => None,
            text => Some(LabelTemplate::compile(text)?),
        };
        let overrides = mapping
            .overrides
            .iter()
            .map(|entry| Override {
                label: entry.label.as_str().into(),
                group: entry.group.as_str().into(),
                resource: entry.resource.as_str().into(),
            })
            .collect();
        Ok(Self { template, overrides })
    }

    /// Whether nothing is mapped at all.
    pub fn is_empty(&self) -> bool {
        self.template.is_none() && self.overrides.is_empty()
    }

    /// The label that stands for a type, without a cluster: by the names that the overrides use.
    pub(super) fn example(&self, plural: &str, singular: &str) -> Option<Box<str>> {
        let named = |entry: &&Override| {
            [plural, singular].iter().any(|name| entry.resource.eq_ignore_ascii_case(name))
        };
        match self.overrides.iter().rev().find(named) {
            Some(entry) => Some(entry.label.clone()),
            None => self.template.as_ref()?.label("", singular),
        }
    }

    /// Labels of a request that may come, without a cluster.
    pub(super) fn examples(&self) -> ExampleLabels {
        let is = |entry: &Override, names: &[&str]| {
            names.iter().any(|name| entry.resource.eq_ignore_ascii_case(name))
        };
        let outside =
            |entry: &&Override| is(entry, &["node", "nodes", "persistentvolume", "persistentvolumes"]);
        let inside = |entry: &&Override| !outside(entry) && !is(entry, &["namespace", "namespaces"]);
        let label = |entry: &Override| entry.label.clone();
        let namespace = self.example("namespaces", "namespace");
        let outside = self.overrides.iter().find(outside).map(label);
        let object = self.overrides.iter().find(inside).map(label);
        let object = object.or_else(|| self.template.as_ref()?.label("", "pod"));
        ExampleLabels {
            object: object.or_else(|| outside.clone()).or_else(|| namespace.clone()),
            outside: outside.or_else(|| self.template.as_ref()?.label("", "node")),
            namespace,
        }
    }

    /// Whether a template recognises labels.
    pub(super) fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// The labels that have an override, in file order.
    pub fn overridden(&self) -> impl Iterator<Item = &str> {
        self.overrides.iter().map(|entry| &*entry.label)
    }

    /// The place of the override of `label` among the overrides.
    pub fn override_index(&self, label: &str) -> Option<usize> {
        self.overrides.iter().position(|entry| *entry.label == *label)
    }

    /// What the overrides mean in a cluster.
    pub fn resolve(&self, mapper: &RestMapper) -> ResolvedMapping {
        let mut resolved = ResolvedMapping::default();
        for entry in &self.overrides {
            match mapper.resolve(&entry.group, &entry.resource) {
                Err(reason) => resolved.unmapped.push((entry.label.clone(), reason)),
                Ok(found) => {
                    let resource = GroupResource::new(&found.group, &found.plural);
                    resolved.by_label.insert(entry.label.clone(), resource.clone());
                    if let Some(earlier) = resolved.by_resource.insert(resource, entry.label.clone()) {
                        resolved.shadowed.push((earlier, entry.label.clone()));
                    }
                }
            }
        }
        resolved
    }

    /// The resources that a series of this shape describes.
    pub fn describe(
        &self,
        shape: &SeriesShape,
        resolved: &ResolvedMapping,
        mapper: &RestMapper,
    ) -> Described {
        let mut resources: Vec<DescribedResource> = Vec::new();
        let mut namespaced = false;
        for label in shape.labels.iter() {
            let found = match resolved.by_label.get(label) {
                Some(resource) => Some((resource.clone(), true)),
                None => match self.template.as_ref().and_then(|template| template.recognise(label)) {
                    None => None,
                    Some((group, name)) => match mapper.resolve(&group, &name) {
                        Ok(found) => Some((GroupResource::new(&found.group, &found.plural), false)),
                        // As upstream: a label that looks like a resource but is none has no say in the scope.
                        Err(_) => continue,
                    },
                },
            };
            let outside_namespaces = found.as_ref().is_some_and(|(resource, _)| is_cluster_scoped(resource));
            namespaced |= !outside_namespaces;
            if let Some((resource, by_override)) = found
                && !resources.iter().any(|known| known.resource == resource)
            {
                resources.push(DescribedResource { resource, by_override });
            }
        }
        Described { resources, namespaced }
    }

    /// The label whose values are names of `resource`; `None` when neither an override nor a template gives one.
    pub fn label_for(
        &self,
        resource: &GroupResource,
        resolved: &ResolvedMapping,
        mapper: &RestMapper,
    ) -> Option<Box<str>> {
        if let Some(label) = resolved.by_resource.get(resource) {
            return Some(label.clone());
        }
        let singular = mapper.singular(resource)?;
        self.template.as_ref()?.label(&resource.group, &singular)
    }
}

/// The three types that upstream treats as outside namespaces whatever the labels say.
pub fn is_cluster_scoped(resource: &GroupResource) -> bool {
    ["namespaces", "nodes", "persistentvolumes"].iter().any(|plural| resource.is_core(plural))
}

impl LabelTemplate {
    fn compile(text: &str) -> Result<Self, MappingError> {
        let template = Template::parse("resource-label", text).map_err(MappingError::Parse)?;
        let data = Value::record([
            ("Group", Value::from("(?P<group>.+?)")),
            ("Resource", Value::from("(?P<resource>.+?)")),
        ]);
        let pattern = template.render(&data).map_err(MappingError::Fails)?;
        if !pattern.contains("(?P<resource>") {
            return Err(MappingError::NoResource);
        }
        match GoRegexp::new(&format!("^{pattern}$")) {
            Ok(recognise) => Ok(Self { template, recognise }),
            Err(error) => Err(MappingError::Pattern { pattern, reason: error.to_string() }),
        }
    }

    fn recognise(&self, label: &str) -> Option<(String, String)> {
        let captures = self.recognise.captures(label)?;
        let named = |name| self.recognise.named(&captures, name).unwrap_or_default().to_owned();
        Some((named("group"), named("resource")))
    }

    fn label(&self, group: &str, singular: &str) -> Option<Box<str>> {
        let group = group.replace(['.', '-'], "_");
        let data = Value::record([("Group", Value::from(group)), ("Resource", Value::from(singular))]);
        self.template.render(&data).ok().filter(|label| !label.is_empty()).map(Into::into)
    }
}
