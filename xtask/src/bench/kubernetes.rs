//! A Kubernetes API that says yes to everyone and has a namespace for each number of pods.
//!
//! **Invariant:** it changes nothing by itself, so that every watch stays quiet.

use std::{fmt::Write as _, sync::Arc};

use serde_json::{Value, json};

use super::http::{Handler, Reply, Request};

const PODS: &str = "/api/v1/namespaces/";
/// Groups of custom resources, so that discovery is as large as in a cluster that is used.
const CUSTOM_GROUPS: usize = 40;

/// The stub.
pub struct Kubernetes {
    core: String,
    groups: String,
    trust: String,
    trust_list: String,
}

impl Kubernetes {
    /// One whose front proxies and clients are vouched for by these authorities (PEM).
    pub fn new(front_proxy: &str, clients: &str) -> Arc<Self> {
        let map = json!({
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {
                "name": "extension-apiserver-authentication",
                "namespace": "kube-system",
                "resourceVersion": "10",
            },
            "data": {
                "client-ca-file": clients,
                "requestheader-client-ca-file": front_proxy,
                "requestheader-allowed-names": r#"["front-proxy-client"]"#,
                "requestheader-username-headers": r#"["X-Remote-User"]"#,
                "requestheader-group-headers": r#"["X-Remote-Group"]"#,
                "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
            },
        });
        let list = json!({
            "kind": "ConfigMapList",
            "apiVersion": "v1",
            "metadata": { "resourceVersion": "10" },
            "items": [map],
        });
        Arc::new(Self {
            core: discovery(vec![group(
                "",
                &[
                    ("pods", "Pod", true),
                    ("services", "Service", true),
                    ("namespaces", "Namespace", false),
                    ("nodes", "Node", false),
                ],
            )])
            .to_string(),
            groups: discovery(
                std::iter::once(group(
                    "apps",
                    &[("deployments", "Deployment", true), ("replicasets", "ReplicaSet", true)],
                ))
                .chain((0..CUSTOM_GROUPS).map(|n| {
                    group(
                        &format!("group{n}.example.com"),
                        &[
                            ("widgets", "Widget", true),
                            ("gadgets", "Gadget", true),
                            ("racks", "Rack", false),
                            ("claims", "Claim", true),
                        ],
                    )
                }))
                .collect(),
            )
            .to_string(),
            trust: map.to_string(),
            trust_list: list.to_string(),
        })
    }
}

impl Handler for Kubernetes {
    fn answer(&self, request: &Request<'_>) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        let watch = query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1");
        match path {
            "/api" => Reply::json(self.core.as_bytes()),
            "/apis" => Reply::json(self.groups.as_bytes()),
            "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication" => {
                Reply::json(self.trust.as_bytes())
            }
            _ if watch => Reply::Quiet,
            "/api/v1/namespaces/kube-system/configmaps" => Reply::json(self.trust_list.as_bytes()),
            "/apis/authorization.k8s.io/v1/subjectaccessreviews" => Reply::json(
                br#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{},"status":{"allowed":true}}"#,
            ),
            "/apis/authentication.k8s.io/v1/tokenreviews" => Reply::json(
                br#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{},"status":{"authenticated":true,"user":{"username":"someone"}}}"#,
            ),
            _ => match path.strip_prefix(PODS).and_then(|rest| rest.strip_suffix("/pods")) {
                Some(namespace) => Reply::json(pods(namespace).as_bytes()),
                None => Reply::missing(),
            },
        }
    }
}

/// The namespace with so many pods.
pub fn namespace(pods: usize) -> String {
    format!("with-{pods}")
}

/// The name of a pod.
pub fn pod(number: usize) -> String {
    format!("web-7d4b9c6f58-{number:05}")
}

fn pods(namespace: &str) -> String {
    let count = namespace.rsplit('-').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut text = String::from(
        r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"10"},"items":["#,
    );
    for number in 0..count {
        let comma = if number == 0 { "" } else { "," };
        let name = pod(number);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{comma}{{"metadata":{{"name":"{name}","namespace":"{namespace}","uid":"1d2f3c4b-0000-4000-8000-{number:012}","resourceVersion":"5","labels":{{"app":"web","pod-template-hash":"7d4b9c6f58"}},"annotations":{{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}}}}}"#
        );
    }
    text.push_str("]}");
    text
}

fn discovery(groups: Vec<Value>) -> Value {
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups,
    })
}

fn group(name: &str, resources: &[(&str, &str, bool)]) -> Value {
    let resources: Vec<Value> = resources
        .iter()
        .map(|(plural, kind, namespaced)| {
            json!({
                "resource": plural,
                "responseKind": { "group": name, "version": "v1", "kind": kind },
                "scope": if *namespaced { "Namespaced" } else { "Cluster" },
                "singularResource": kind.to_lowercase(),
                "verbs": ["get", "list", "watch"],
            })
        })
        .collect();
    json!({
        "metadata": { "name": name },
        "versions": [{ "version": "v1", "freshness": "Current", "resources": resources }],
    })
}
