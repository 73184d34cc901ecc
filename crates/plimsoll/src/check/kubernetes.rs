//! The resource types that every Kubernetes has, for checks without a cluster.
//!
//! Not discovery: what a cluster has beyond these is guessed where a rule names it.
//!
//! **Invariant:** in discovery order, so that a name leads to the same type as on a cluster.

use plimsoll_adapter::cluster::ApiResource;
use plimsoll_adapter::mapper::{RestMapper, Unmapped};
use plimsoll_adapter::rules::RuleSet;

/// Group, version, plural, kind, whether namespaced, short name.
const TYPES: [(&str, &str, &str, &str, bool, &str); 40] = [
    ("", "v1", "bindings", "Binding", true, ""),
    ("", "v1", "componentstatuses", "ComponentStatus", false, "cs"),
    ("", "v1", "configmaps", "ConfigMap", true, "cm"),
    ("", "v1", "endpoints", "Endpoints", true, "ep"),
    ("", "v1", "events", "Event", true, "ev"),
    ("", "v1", "limitranges", "LimitRange", true, "limits"),
    ("", "v1", "namespaces", "Namespace", false, "ns"),
    ("", "v1", "nodes", "Node", false, "no"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, "pvc"),
    ("", "v1", "persistentvolumes", "PersistentVolume", false, "pv"),
    ("", "v1", "pods", "Pod", true, "po"),
    ("", "v1", "podtemplates", "PodTemplate", true, ""),
    ("", "v1", "replicationcontrollers", "ReplicationController", true, "rc"),
    ("", "v1", "resourcequotas", "ResourceQuota", true, "quota"),
    ("", "v1", "secrets", "Secret", true, ""),
    ("", "v1", "serviceaccounts", "ServiceAccount", true, "sa"),
    ("", "v1", "services", "Service", true, "svc"),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService", false, ""),
    ("apps", "v1", "controllerrevisions", "ControllerRevision", true, ""),
    ("apps", "v1", "daemonsets", "DaemonSet", true, "ds"),
    ("apps", "v1", "deployments", "Deployment", true, "deploy"),
    ("apps", "v1", "replicasets", "ReplicaSet", true, "rs"),
    ("apps", "v1", "statefulsets", "StatefulSet", true, "sts"),
    ("events.k8s.io", "v1", "events", "Event", true, "ev"),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true, "hpa"),
    ("batch", "v1", "cronjobs", "CronJob", true, "cj"),
    ("batch", "v1", "jobs", "Job", true, ""),
    ("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", false, "csr"),
    ("networking.k8s.io", "v1", "ingressclasses", "IngressClass", false, ""),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", true, "ing"),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true, "netpol"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true, "pdb"),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false, ""),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", true, ""),
    ("storage.k8s.io", "v1", "csidrivers", "CSIDriver", false, ""),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", false, "sc"),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false, "crd"),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false, "pc"),
    ("coordination.k8s.io", "v1", "leases", "Lease", true, ""),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true, ""),
];

fn known() -> Vec<ApiResource> {
    TYPES
        .map(|(group, version, plural, kind, namespaced, short)| ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            kind: kind.to_owned(),
            namespaced,
            short_names: if short.is_empty() { Vec::new() } else { vec![short.to_owned()] },
        })
        .to_vec()
}

/// The types of a cluster without extensions.
pub(super) fn plain() -> RestMapper {
    RestMapper::new(known())
}

/// The types of a cluster that has, besides, whatever `rules` map labels to.
pub(super) fn with_types_of(rules: &RuleSet) -> RestMapper {
    let plain = plain();
    let mut types = known();
    for rule in &rules.custom {
        for (_, reason) in rule.labels.resolve(&plain).unmapped {
            let Unmapped::Unknown(name) = reason else { continue };
            let (resource, group) = name.split_once('.').unwrap_or((&name, ""));
            let resource = resource.to_lowercase();
            if types.iter().any(|known| known.group == group && known.plural == resource) {
                continue;
            }
            types.push(ApiResource {
                group: group.to_owned(),
                version: "v1".to_owned(),
                kind: resource.clone(),
                singular: resource.clone(),
                plural: resource,
                namespaced: true,
                short_names: Vec::new(),
            });
        }
    }
    RestMapper::new(types)
}
