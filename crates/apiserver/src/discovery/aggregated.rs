//! Aggregated discovery (`apidiscovery.k8s.io`, KEP-3352): all groups and resources in one document.
//!
//! **Invariant:** a name with a slash is a subresource, as `k8s.io/apiserver`
//! `endpoints/discovery/aggregated` turns it; a parent that is no resource itself has an empty response kind,
//! which clients leave out of their lists.

use serde::Serialize;

use crate::encode::KubeObject;
use crate::route::{GroupVersion, Served};

/// `APIGroupDiscoveryList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupDiscoveryList {
    kind: &'static str,
    api_version: String,
    metadata: NoMetadata,
    items: Vec<Group>,
}

#[derive(Serialize)]
struct NoMetadata {}

#[derive(Serialize)]
struct Named {
    name: &'static str,
}

#[derive(Serialize)]
struct Group {
    metadata: Named,
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    resources: Vec<Resource>,
    freshness: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    response_kind: ResponseKind,
    scope: &'static str,
    singular_resource: &'static str,
    verbs: &'static [&'static str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subresources: Vec<Subresource>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subresource {
    subresource: String,
    response_kind: ResponseKind,
    verbs: &'static [&'static str],
}

#[derive(Clone, Copy, Default, Serialize)]
struct ResponseKind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
}

impl GroupDiscoveryList {
    /// `version` is the version of `apidiscovery.k8s.io` in which the list is written; both have the same shape.
    pub(super) fn new(served: &Served, version: &str) -> Self {
        let mut items: Vec<Group> = Vec::new();
        for served_version in &served.versions {
            let version = Version::new(served_version);
            match items.iter_mut().find(|group| group.metadata.name == served_version.group) {
                Some(group) => group.versions.push(version),
                None => items
                    .push(Group { metadata: Named { name: served_version.group }, versions: vec![version] }),
            }
        }
        Self {
            kind: "APIGroupDiscoveryList",
            api_version: format!("apidiscovery.k8s.io/{version}"),
            metadata: NoMetadata {},
            items,
        }
    }
}

impl Version {
    fn new(served: &GroupVersion) -> Self {
        let mut resources: Vec<Resource> = Vec::new();
        let mut positions = hashbrown::HashMap::new();
        for entry in &*served.resources {
            let (name, subresource) = match entry.name.split_once('/') {
                Some((name, subresource)) => (name, Some(subresource)),
                None => (&*entry.name, None),
            };
            let response_kind =
                ResponseKind { group: served.group, version: served.version, kind: entry.kind };
            let position = *positions.entry(name).or_insert_with(|| {
                resources.push(Resource {
                    resource: name.to_owned(),
                    response_kind: ResponseKind::default(),
                    scope: if entry.namespaced { "Namespaced" } else { "Cluster" },
                    singular_resource: "",
                    verbs: &[],
                    subresources: Vec::new(),
                });
                resources.len() - 1
            });
            let resource = &mut resources[position];
            match subresource {
                None => {
                    resource.response_kind = response_kind;
                    resource.verbs = entry.verbs;
                }
                Some(subresource) => resource.subresources.push(Subresource {
                    subresource: subresource.to_owned(),
                    response_kind,
                    verbs: entry.verbs,
                }),
            }
        }
        Self { version: served.version, resources, freshness: "Current" }
    }
}

impl KubeObject for GroupDiscoveryList {
    fn kind(&self) -> &str {
        self.kind
    }

    fn api_version(&self) -> &str {
        &self.api_version
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        None
    }
}
