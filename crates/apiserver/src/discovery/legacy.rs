//! The discovery documents of `meta/v1`: `APIGroupList`, `APIGroup`, `APIResourceList`.
//!
//! **Invariant:** what clients of prometheus-adapter read here is what they read before: the group list has no
//! `apiVersion`, and `custom.metrics.k8s.io` names only `v1beta1`, though `v1beta2` is served.

use prost::Message as _;
use serde::Serialize;

use crate::encode::KubeObject;
use crate::route::{GroupVersion, Resource, Served};
use crate::wire;

/// Group versions that are served but not named in the document of their group.
///
/// A client that picks the version from this server itself, and not from kube-apiserver, must find the version
/// it found before.
const UNNAMED: [(&str, &str); 1] = [("custom.metrics.k8s.io", "v1beta2")];

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
    version: &'static str,
}

/// `APIGroup`, alone or in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    api_version: &'static str,
    name: &'static str,
    versions: Vec<Version>,
    preferred_version: Option<Version>,
    #[serde(rename = "serverAddressByClientCIDRs", skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Address>,
}

#[derive(Serialize)]
struct Address {
    #[serde(rename = "clientCIDR")]
    client_cidr: &'static str,
    #[serde(rename = "serverAddress")]
    server_address: String,
}

impl Group {
    fn new(name: &'static str, served: &Served) -> Self {
        let versions: Vec<Version> = served
            .versions
            .iter()
            .filter(|v| v.group == name && !UNNAMED.contains(&(v.group, v.version)))
            .map(|v| Version { group_version: format!("{}/{}", v.group, v.version), version: v.version })
            .collect();
        Self {
            kind: "",
            api_version: "",
            name,
            preferred_version: versions.first().cloned(),
            versions,
            addresses: Vec::new(),
        }
    }

    pub(super) fn single(name: &'static str, served: &Served) -> Self {
        Self { kind: "APIGroup", api_version: "v1", ..Self::new(name, served) }
    }

    fn to_wire(&self) -> wire::ApiGroup {
        let version = |v: &Version| wire::GroupVersionForDiscovery {
            group_version: v.group_version.clone(),
            version: v.version.to_owned(),
        };
        let address = |a: &Address| wire::ServerAddressByClientCidr {
            client_cidr: a.client_cidr.to_owned(),
            server_address: a.server_address.clone(),
        };
        wire::ApiGroup {
            name: self.name.to_owned(),
            versions: self.versions.iter().map(version).collect(),
            preferred_version: self.preferred_version.as_ref().map(version),
            server_address_by_client_cidrs: self.addresses.iter().map(address).collect(),
        }
    }
}

impl KubeObject for Group {
    fn kind(&self) -> &str {
        "APIGroup"
    }

    fn api_version(&self) -> &str {
        "v1"
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.to_wire().encode_to_vec())
    }
}

/// `APIGroupList`.
#[derive(Serialize)]
pub(super) struct GroupList {
    kind: &'static str,
    groups: Vec<Group>,
}

impl GroupList {
    pub(super) fn new(names: &[&'static str], served: &Served, port: u16) -> Self {
        let address = || Address { client_cidr: "0.0.0.0/0", server_address: format!(":{port}") };
        let group = |name: &&'static str| Group { addresses: vec![address()], ..Group::new(name, served) };
        Self { kind: "APIGroupList", groups: names.iter().map(group).collect() }
    }
}

impl KubeObject for GroupList {
    fn kind(&self) -> &str {
        self.kind
    }

    fn api_version(&self) -> &str {
        "v1"
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let groups = self.groups.iter().map(Group::to_wire).collect();
        Some(wire::ApiGroupList { groups }.encode_to_vec())
    }
}

/// `APIResourceList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceList {
    kind: &'static str,
    api_version: &'static str,
    group_version: String,
    resources: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    singular_name: &'static str,
    namespaced: bool,
    kind: &'static str,
    verbs: &'static [&'static str],
}

impl ResourceList {
    pub(super) fn new(version: &GroupVersion) -> Self {
        let entry = |resource: &Resource| Entry {
            name: resource.name.clone(),
            singular_name: "",
            namespaced: resource.namespaced,
            kind: resource.kind,
            verbs: resource.verbs,
        };
        Self {
            kind: "APIResourceList",
            api_version: "v1",
            group_version: format!("{}/{}", version.group, version.version),
            resources: version.resources.iter().map(entry).collect(),
        }
    }
}

impl KubeObject for ResourceList {
    fn kind(&self) -> &str {
        self.kind
    }

    fn api_version(&self) -> &str {
        self.api_version
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let resource = |entry: &Entry| wire::ApiResource {
            name: entry.name.clone(),
            namespaced: entry.namespaced,
            kind: entry.kind.to_owned(),
            verbs: Some(wire::Verbs { items: entry.verbs.iter().map(|verb| (*verb).to_owned()).collect() }),
            singular_name: entry.singular_name.to_owned(),
        };
        let list = wire::ApiResourceList {
            group_version: self.group_version.clone(),
            resources: self.resources.iter().map(resource).collect(),
        };
        Some(list.encode_to_vec())
    }
}
