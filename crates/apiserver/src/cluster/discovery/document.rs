//! What discovery documents say, aggregated or one per group version, as resource types in mapper order.
//!
//! Pure: bytes in, types out. Order follows client-go (`restmapper/discovery.go`): core first, then groups as
//! listed, in each group the preferred version first.
//!
//! **Invariant:** a group version that could not be read never takes another one's resources away.

use plimsoll_adapter::cluster::ApiResource;
use serde::Deserialize;

/// The groups whose "resources" are metric names, not objects. They are this program's own.
const METRIC_GROUPS: [&str; 2] = ["custom.metrics.k8s.io", "external.metrics.k8s.io"];

/// A served version of a group, and its resources or why they are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupVersion {
    /// Empty for core.
    pub group: String,
    pub version: String,
    pub resources: Result<Vec<ApiResource>, String>,
}

impl GroupVersion {
    /// `v1` or `apps/v1`.
    pub fn name(&self) -> String {
        group_version(&self.group, &self.version)
    }
}

/// `v1` for core, `apps/v1` otherwise.
pub fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// An answer of `/api` or `/apis`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// Everything in one document.
    Aggregated(Vec<GroupVersion>),
    /// Only names, as (group, version): the resources have to be asked for one by one.
    Names(Vec<(String, String)>),
}

/// Reads an answer of `/api` or `/apis`, whichever form the server chose.
pub fn read_root(body: &[u8]) -> Result<Root, serde_json::Error> {
    let wire: WireRoot = serde_json::from_slice(body)?;
    if wire.kind == "APIGroupDiscoveryList" {
        return Ok(Root::Aggregated(wire.items.into_iter().flat_map(aggregated_group).collect()));
    }
    let core = wire.versions.into_iter().map(|version| (String::new(), version));
    let named = wire.groups.into_iter().filter(|group| is_of_objects(&group.name)).flat_map(legacy_group);
    Ok(Root::Names(core.chain(named).collect()))
}

/// Reads the `APIResourceList` of one group version.
pub fn read_resources(
    group: &str,
    version: &str,
    body: &[u8],
) -> Result<Vec<ApiResource>, serde_json::Error> {
    let wire: WireResourceList = serde_json::from_slice(body)?;
    Ok(wire
        .resources
        .into_iter()
        .filter(|resource| is_type(&resource.name, &resource.kind))
        .map(|resource| ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: resource.name,
            singular: resource.singular_name,
            kind: resource.kind,
            namespaced: resource.namespaced,
            short_names: resource.short_names,
        })
        .collect())
}

/// Whether a group serves objects; the metric groups do not.
fn is_of_objects(group: &str) -> bool {
    !METRIC_GROUPS.contains(&group)
}

/// Whether a discovery entry is a resource type: not a subresource, and of a known kind.
fn is_type(name: &str, kind: &str) -> bool {
    !name.is_empty() && !kind.is_empty() && !name.contains('/')
}

fn legacy_group(group: WireGroup) -> Vec<(String, String)> {
    let preferred = group.preferred_version.map(|preferred| preferred.version).unwrap_or_default();
    let mut versions: Vec<String> = group.versions.into_iter().map(|version| version.version).collect();
    if let Some(at) = versions.iter().position(|version| *version == preferred) {
        versions[..=at].rotate_right(1);
    }
    versions.into_iter().map(|version| (group.name.clone(), version)).collect()
}

fn aggregated_group(group: WireAggregatedGroup) -> Vec<GroupVersion> {
    let name = group.metadata.name;
    if !is_of_objects(&name) {
        return Vec::new();
    }
    group.versions.into_iter().map(|version| aggregated_version(&name, version)).collect()
}

fn aggregated_version(group: &str, version: WireAggregatedVersion) -> GroupVersion {
    let resources = if version.freshness == "Stale" {
        Err("the API server holds only an old discovery document of it".to_owned())
    } else {
        let types = version.resources.into_iter().filter_map(|resource| {
            let kind = resource.response_kind.map(|of| of.kind).unwrap_or_default();
            is_type(&resource.resource, &kind).then(|| ApiResource {
                group: group.to_owned(),
                version: version.version.clone(),
                plural: resource.resource,
                singular: resource.singular_resource,
                kind,
                namespaced: resource.scope == "Namespaced",
                short_names: resource.short_names,
            })
        });
        Ok(types.collect())
    };
    GroupVersion { group: group.to_owned(), version: version.version, resources }
}

/// All types in order. A group version that failed keeps the types it had in `previous`.
pub fn assemble(versions: Vec<GroupVersion>, previous: &[ApiResource]) -> Vec<ApiResource> {
    let mut types = Vec::new();
    for served in versions {
        match served.resources {
            Ok(resources) => types.extend(resources),
            Err(_) => {
                let was = |had: &&ApiResource| had.group == served.group && had.version == served.version;
                types.extend(previous.iter().filter(was).cloned());
            }
        }
    }
    types
}

#[derive(Deserialize)]
struct WireRoot {
    #[serde(default)]
    kind: String,
    /// Of an `APIGroupDiscoveryList`.
    #[serde(default)]
    items: Vec<WireAggregatedGroup>,
    /// Of an `APIGroupList`.
    #[serde(default)]
    groups: Vec<WireGroup>,
    /// Of `APIVersions`.
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireGroup {
    name: String,
    #[serde(default)]
    versions: Vec<WireVersion>,
    preferred_version: Option<WireVersion>,
}

#[derive(Deserialize)]
struct WireVersion {
    version: String,
}

#[derive(Deserialize)]
struct WireResourceList {
    #[serde(default)]
    resources: Vec<WireResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResource {
    name: String,
    #[serde(default)]
    singular_name: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    short_names: Vec<String>,
}

#[derive(Deserialize)]
struct WireAggregatedGroup {
    #[serde(default)]
    metadata: WireName,
    #[serde(default)]
    versions: Vec<WireAggregatedVersion>,
}

#[derive(Deserialize, Default)]
struct WireName {
    /// Absent for core.
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct WireAggregatedVersion {
    version: String,
    #[serde(default)]
    resources: Vec<WireAggregatedResource>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAggregatedResource {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    scope: String,
    response_kind: Option<WireKind>,
    #[serde(default)]
    short_names: Vec<String>,
}

#[derive(Deserialize)]
struct WireKind {
    #[serde(default)]
    kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(types: &[ApiResource]) -> Vec<String> {
        types.iter().map(|t| format!("{}/{}", group_version(&t.group, &t.version), t.plural)).collect()
    }

    #[test]
    fn the_preferred_version_of_a_group_comes_first() {
        let body = br#"{"kind":"APIGroupList","groups":[{"name":"g","versions":[{"version":"v1"},{"version":"v2"},
            {"version":"v3"}],"preferredVersion":{"version":"v2"}},{"name":"h","versions":[{"version":"v1"}]}]}"#;
        let Root::Names(names) = read_root(body).expect("readable") else { panic!("aggregated") };
        let names: Vec<_> = names.iter().map(|(g, v)| group_version(g, v)).collect();
        assert_eq!(names, ["g/v2", "g/v1", "g/v3", "h/v1"]);
    }

    #[test]
    fn an_aggregated_document_lists_types_and_leaves_subresources_out() {
        let body = br#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[
            {"metadata":{"name":"apps"},"versions":[{"version":"v1","freshness":"Current","resources":[
              {"resource":"deployments","responseKind":{"group":"","version":"","kind":"Deployment"},
               "scope":"Namespaced","singularResource":"deployment","subresources":[{"subresource":"scale"}]},
              {"resource":"kindless","scope":"Namespaced"}]}]},
            {"metadata":{"name":"custom.metrics.k8s.io"},"versions":[{"version":"v1beta1","resources":[
              {"resource":"pods","responseKind":{"kind":"MetricValueList"},"scope":"Namespaced"}]}]}]}"#;
        let Root::Aggregated(versions) = read_root(body).expect("readable") else { panic!("names") };
        let types = assemble(versions, &[]);
        assert_eq!(names(&types), ["apps/v1/deployments"]);
        assert_eq!(types[0].kind, "Deployment");
        assert_eq!(types[0].singular, "deployment");
        assert!(types[0].namespaced);
    }

    #[test]
    fn the_core_group_of_an_aggregated_document_has_no_name() {
        let body = br#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"creationTimestamp":null},"versions":[
            {"version":"v1","resources":[{"resource":"nodes","responseKind":{"kind":"Node"},"scope":"Cluster"}]}]}]}"#;
        let Root::Aggregated(versions) = read_root(body).expect("readable") else { panic!("names") };
        let types = assemble(versions, &[]);
        assert_eq!(names(&types), ["v1/nodes"]);
        assert!(!types[0].namespaced);
    }

    #[test]
    fn a_stale_version_keeps_what_was_known_of_it() {
        let had = read_resources("g", "v1", br#"{"resources":[{"name":"widgets","kind":"Widget"}]}"#)
            .expect("readable");
        let body = br#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"g"},"versions":[
            {"version":"v1","freshness":"Stale","resources":[]}]}]}"#;
        let Root::Aggregated(versions) = read_root(body).expect("readable") else { panic!("names") };
        assert_eq!(names(&assemble(versions.clone(), &had)), ["g/v1/widgets"]);
        assert_eq!(names(&assemble(versions, &[])), [""; 0]);
    }

    #[test]
    fn a_resource_list_leaves_subresources_out() {
        let body = br#"{"kind":"APIResourceList","groupVersion":"v1","resources":[
            {"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["list"]},
            {"name":"pods/status","singularName":"","namespaced":true,"kind":"Pod","verbs":["get"]}]}"#;
        assert_eq!(names(&read_resources("", "v1", body).expect("readable")), ["v1/pods"]);
    }
}
