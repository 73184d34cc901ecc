//! From the names people write for a resource type to the type itself, as client-go's discovery
//! REST mapper does (`restmapper/discovery.go`, `meta/restmapper.go`).
//!
//! Not a client: it is built from what discovery returned, and replaced when that changes.
//!
//! **Invariant:** where several types answer to a name, the one that discovery listed first wins.

use std::borrow::Cow;

use hashbrown::HashMap;

use crate::cluster::ApiResource;

/// The identity of a resource type without its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupResource {
    /// API group, empty for core.
    pub group: Box<str>,
    /// Plural name.
    pub resource: Box<str>,
}

impl GroupResource {
    /// The resource `plural` of `group`.
    pub fn new(group: &str, plural: &str) -> Self {
        Self { group: group.into(), resource: plural.into() }
    }

    /// `namespaces` of the core group.
    pub fn namespaces() -> Self {
        Self::new("", "namespaces")
    }

    /// Whether this is the core group's `plural`.
    pub fn is_core(&self, plural: &str) -> bool {
        self.group.is_empty() && *self.resource == *plural
    }
}

impl std::fmt::Display for GroupResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}

/// Why a resource name maps to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    /// Nothing was named.
    #[error("no resource is named")]
    Empty,
    /// The text cannot be the name of any resource type.
    #[error("{0}")]
    Malformed(String),
    /// A short name, which the mapper does not know.
    #[error("`{short}` is a short name; write `{plural}`")]
    ShortName { short: String, plural: String },
    /// The type exists, in another group.
    #[error("group `{group}` has no `{resource}`; {elsewhere}")]
    OtherGroup { group: String, resource: String, elsewhere: String },
    /// The cluster does not serve such a type (yet).
    #[error("the cluster has no resource type `{0}`")]
    Unknown(String),
}

impl Unmapped {
    /// Whether waiting cannot help: the name is wrong whatever is installed later.
    pub fn is_mistake(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// Resource types by name.
#[derive(Debug, Default)]
pub struct RestMapper {
    resources: Vec<ApiResource>,
    by_name: HashMap<Box<str>, Vec<u32>>,
}

impl RestMapper {
    /// `resources` in discovery order: core first, within a group the preferred version first.
    pub fn new(resources: Vec<ApiResource>) -> Self {
        let mut by_name: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        for (index, resource) in resources.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let singular = singular_of(resource);
            for name in [resource.plural.as_str(), &singular] {
                let indices = by_name.entry_ref(name).or_default();
                if indices.last() != Some(&index) {
                    indices.push(index);
                }
            }
        }
        Self { resources, by_name }
    }

    /// Whether discovery has not delivered anything yet.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The type called `resource` (plural or singular, any case) in `group`: the group of that exact name, else the
    /// first whose name starts with it; an empty group means any.
    ///
    /// # Errors
    /// [`Unmapped`] says whether the name is wrong or merely unknown now.
    pub fn resolve(&self, group: &str, resource: &str) -> Result<&ApiResource, Unmapped> {
        self.find(group, resource).ok_or_else(|| self.explain(group, resource))
    }

    /// As [`Self::resolve`] for `resource[.group]`, the form of request paths.
    pub fn resolve_dotted(&self, text: &str) -> Option<&ApiResource> {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        self.find(group, resource)
    }

    /// The singular name of a known type, as templates use it.
    pub fn singular(&self, of: &GroupResource) -> Option<Cow<'_, str>> {
        self.find(&of.group, &of.resource).map(singular_of)
    }

    fn find(&self, group: &str, resource: &str) -> Option<&ApiResource> {
        let lower: Cow<'_, str> = if resource.bytes().any(|byte| byte.is_ascii_uppercase()) {
            resource.to_ascii_lowercase().into()
        } else {
            resource.into()
        };
        let candidates =
            || self.by_name.get(&*lower).into_iter().flatten().map(|&i| &self.resources[i as usize]);
        candidates()
            .find(|candidate| group.is_empty() || candidate.group == group)
            .or_else(|| candidates().find(|candidate| candidate.group.starts_with(group)))
    }

    fn explain(&self, group: &str, resource: &str) -> Unmapped {
        if resource.is_empty() {
            return Unmapped::Empty;
        }
        if let Some((name, rest)) = resource.split_once('.') {
            return Unmapped::Malformed(format!(
                "`{resource}` holds a group; write `group: {rest}` and `resource: {name}`"
            ));
        }
        if let Some((version, name)) = resource.rsplit_once('/') {
            return Unmapped::Malformed(format!("`{resource}` holds `{version}`; write `resource: {name}`"));
        }
        if !resource.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Unmapped::Malformed(format!("`{resource}` cannot be the name of a resource type"));
        }
        let lower = resource.to_ascii_lowercase();
        if let Some(owner) = self.resources.iter().find(|candidate| {
            candidate.short_names.contains(&lower) && (group.is_empty() || candidate.group.starts_with(group))
        }) {
            return Unmapped::ShortName { short: resource.to_owned(), plural: owner.plural.clone() };
        }
        let group_known = self.resources.iter().any(|candidate| candidate.group == group);
        if group_known && let Some(other) = self.find("", resource) {
            let elsewhere = if other.group.is_empty() {
                format!("`{}` belongs to the core group: leave `group` out", other.plural)
            } else {
                format!("`{}` belongs to group `{}`", other.plural, other.group)
            };
            return Unmapped::OtherGroup {
                group: group.to_owned(),
                resource: resource.to_owned(),
                elsewhere,
            };
        }
        Unmapped::Unknown(GroupResource::new(group, resource).to_string())
    }
}

/// The singular name from discovery, or upstream's guess from the kind (`meta.UnsafeGuessKindToResource`).
fn singular_of(resource: &ApiResource) -> Cow<'_, str> {
    if resource.singular.is_empty() {
        resource.kind.to_ascii_lowercase().into()
    } else {
        Cow::Borrowed(&resource.singular)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small cluster for tests of this crate.
    pub(crate) fn sample_resources() -> Vec<ApiResource> {
        [
            ("", "v1", "events", "event", "Event", true, "ev"),
            ("", "v1", "namespaces", "namespace", "Namespace", false, "ns"),
            ("", "v1", "nodes", "node", "Node", false, "no"),
            ("", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", false, "pv"),
            ("", "v1", "pods", "pod", "Pod", true, "po"),
            ("", "v1", "services", "service", "Service", true, "svc"),
            ("apps", "v1", "deployments", "deployment", "Deployment", true, "deploy"),
            ("events.k8s.io", "v1", "events", "event", "Event", true, "ev"),
            ("batch", "v1", "jobs", "job", "Job", true, ""),
            ("networking.k8s.io", "v1", "ingresses", "", "Ingress", true, "ing"),
            ("cheese.io", "v1", "brands", "brand", "Brand", false, ""),
        ]
        .map(|(group, version, plural, singular, kind, namespaced, short)| ApiResource {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            singular: singular.into(),
            kind: kind.into(),
            namespaced,
            short_names: if short.is_empty() { vec![] } else { vec![short.to_owned()] },
        })
        .to_vec()
    }

    #[test]
    fn a_type_answers_to_plural_and_singular_in_any_case_and_to_a_prefix_of_its_group() {
        let mapper = RestMapper::new(sample_resources());
        for (text, found) in [
            ("pods", Some("pods")),
            ("Pod", Some("pods")),
            ("PODS", Some("pods")),
            ("pods.", Some("pods")),
            ("pods.core", None),
            ("po", None),
            ("deployment", Some("deployments.apps")),
            ("Deployments.apps", Some("deployments.apps")),
            ("deployments.APPS", None),
            ("deployments.v1.apps", None),
            ("ingress.networking", Some("ingresses.networking.k8s.io")),
            ("ingresses", Some("ingresses.networking.k8s.io")),
            ("events", Some("events")),
            ("events.events", Some("events.events.k8s.io")),
            ("*", None),
        ] {
            let got =
                mapper.resolve_dotted(text).map(|r| GroupResource::new(&r.group, &r.plural).to_string());
            assert_eq!(got.as_deref(), found, "{text}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_from_one_that_may_still_appear() {
        let mapper = RestMapper::new(sample_resources());
        for (group, resource, message, mistake) in [
            ("", "", "no resource is named", true),
            ("apps", "deploy", "`deploy` is a short name; write `deployments`", true),
            (
                "apps",
                "pod",
                "group `apps` has no `pod`; `pods` belongs to the core group: leave `group` out",
                true,
            ),
            (
                "batch",
                "deployments",
                "group `batch` has no `deployments`; `deployments` belongs to group `apps`",
                true,
            ),
            (
                "",
                "deployments.apps",
                "`deployments.apps` holds a group; write `group: apps` and `resource: deployments`",
                true,
            ),
            ("", "v1/pods", "`v1/pods` holds `v1`; write `resource: pods`", true),
            ("", "foo", "the cluster has no resource type `foo`", false),
            ("example.com", "widgets", "the cluster has no resource type `widgets.example.com`", false),
        ] {
            let error = mapper.resolve(group, resource).expect_err(resource);
            assert_eq!(error.to_string(), message);
            assert_eq!(error.is_mistake(), mistake, "{message}");
        }
    }
}
