//! A Kubernetes API as an aggregated API server needs it: resource types, objects, the two authorities, token and
//! access reviews.
//!
//! **Invariant:** a token that was not given to a user is not valid, and whoever it was given to may do anything
//! until [`Kubernetes::permit`] says otherwise.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};

use super::listener::{self, Asked, Reply};
use crate::certificates::Authority;

/// The credential of the program under test, which is no user's.
pub const OWN_TOKEN: &str = "the-adapters-own-token";

/// A server under way.
#[derive(Clone)]
pub struct Kubernetes {
    /// `http://` and host:port.
    pub url: String,
    /// Vouches for clients.
    pub clients: Arc<Authority>,
    /// Vouches for the front proxy.
    pub front_proxy: Arc<Authority>,
    state: Arc<Mutex<State>>,
}

/// How access reviews end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Allowed.
    Given,
    /// Denied.
    Refused,
    /// The review itself fails.
    Broken,
}

#[derive(Debug)]
struct State {
    types: Vec<Value>,
    objects: Vec<Value>,
    users: HashMap<String, Value>,
    permission: Permission,
    errors: HashMap<String, Reply>,
    everything: Option<Reply>,
    authorities: Value,
    asked: Vec<Asked>,
}

impl Kubernetes {
    /// Starts a server with the usual types, and the tokens `admin` (of `system:masters`) and `joe`.
    ///
    /// # Errors
    /// No port is free, or no key can be generated.
    pub async fn start() -> Result<Self> {
        let (clients, front_proxy) = (Authority::new("clients")?, Authority::new("front-proxy")?);
        let state = State {
            types: usual_types(),
            objects: Vec::new(),
            users: HashMap::from([
                ("admin".to_owned(), json!({"username": "admin", "groups": ["system:masters"]})),
                ("joe".to_owned(), json!({"username": "joe", "groups": ["devs"]})),
            ]),
            permission: Permission::Given,
            errors: HashMap::new(),
            everything: None,
            authorities: json!({
                "client-ca-file": clients.pem(),
                "requestheader-client-ca-file": front_proxy.pem(),
                "requestheader-username-headers": "[\"X-Remote-User\"]",
                "requestheader-group-headers": "[\"X-Remote-Group\"]",
                "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
                "requestheader-allowed-names": "[\"front-proxy-client\"]",
            }),
            asked: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let address = listener::serve(move |asked| {
            let reply = lock(&shared).reply(asked);
            async move { reply }
        })
        .await?;
        Ok(Self {
            url: format!("http://{address}"),
            clients: Arc::new(clients),
            front_proxy: Arc::new(front_proxy),
            state,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Writes a kubeconfig that leads here.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<()> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": OWN_TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        });
        Ok(std::fs::write(path, config.to_string())?)
    }

    /// Replaces the resource types: `{groupVersion, resources: [{name, singular, kind, namespaced, short}], broken}`.
    pub fn types(&self, types: Vec<Value>) {
        self.state().types = types;
    }

    /// Adds objects: `{resource, groupVersion (v1), namespace, name, labels, phase (Running)}`.
    pub fn objects(&self, objects: impl IntoIterator<Item = Value>) {
        self.state().objects.extend(objects);
    }

    /// Adds running pods of the namespace `default`.
    pub fn pods(&self, names: &[&str]) {
        let pod = |name: &&str| json!({"resource": "pods", "namespace": "default", "name": name});
        self.objects(names.iter().map(pod));
    }

    /// How access reviews end from now on.
    pub fn permit(&self, permission: Permission) {
        self.state().permission = permission;
    }

    /// The answer to requests for `path` from now on.
    pub fn at(&self, path: &str, reply: Reply) {
        self.state().errors.insert(path.to_owned(), reply);
    }

    /// The answer to whatever is asked, until it is `None` again.
    pub fn everything(&self, reply: Option<Reply>) {
        self.state().everything = reply;
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn reply(&mut self, asked: Asked) -> Reply {
        let reply = match (&self.everything, self.errors.get(&asked.path)) {
            (Some(reply), _) | (None, Some(reply)) => reply.clone(),
            (None, None) if asked.method == "POST" => self.review(&asked),
            (None, None) => self.read(&asked),
        };
        self.asked.push(asked);
        reply
    }

    fn review(&self, asked: &Asked) -> Reply {
        let mut review: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        if asked.path.ends_with("/tokenreviews") {
            let user = review["spec"]["token"].as_str().and_then(|token| self.users.get(token));
            review["status"] = match user {
                Some(user) => json!({"authenticated": true, "user": user}),
                None => {
                    json!({"authenticated": false, "error": "the token has expired or is for another audience"})
                }
            };
            return Reply::json(201, &review);
        }
        match self.permission {
            Permission::Broken => failure(500, "InternalError", "fake authorizer failure"),
            permission => {
                review["status"] = json!({"allowed": permission == Permission::Given});
                Reply::json(201, &review)
            }
        }
    }

    fn read(&self, asked: &Asked) -> Reply {
        let path = asked.path.as_str();
        if asked.query.contains("watch=true") {
            return Reply::Stuck(Bytes::new());
        }
        if path.ends_with("/configmaps") || path.ends_with("/configmaps/extension-apiserver-authentication") {
            return self.authorities(path.ends_with("/configmaps"));
        }
        match path {
            "/api" => Reply::json(200, &json!({"kind": "APIVersions", "versions": ["v1"]})),
            "/apis" => self.groups(),
            _ => {
                let group = self.types.iter().find(|group| {
                    let version = group["groupVersion"].as_str().unwrap_or_default();
                    path == format!("/api/{version}") || path == format!("/apis/{version}")
                });
                match group {
                    Some(group) if group["broken"] == true => {
                        Reply::text(503, "text/plain", "service unavailable\n")
                    }
                    Some(group) => Reply::json(200, &resource_list(group)),
                    None => self.list(asked),
                }
            }
        }
    }

    fn authorities(&self, list: bool) -> Reply {
        let map = json!({
            "kind": "ConfigMap", "apiVersion": "v1", "data": self.authorities,
            "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system",
                         "resourceVersion": "1"},
        });
        let maps = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
                          "items": [map]});
        Reply::json(200, if list { &maps } else { &map })
    }

    fn groups(&self) -> Reply {
        let mut groups: Vec<Value> = Vec::new();
        for (version, (group, number)) in self.types.iter().filter_map(|group| {
            let version = group["groupVersion"].as_str()?;
            Some((version, version.split_once('/')?))
        }) {
            let entry = json!({"groupVersion": version, "version": number});
            match groups.iter_mut().find(|known| known["name"] == group) {
                Some(known) => {
                    known["versions"].as_array_mut().into_iter().for_each(|all| all.push(entry.clone()))
                }
                None => groups.push(json!({"name": group, "versions": [entry], "preferredVersion": entry})),
            }
        }
        Reply::json(200, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
    }

    fn list(&self, asked: &Asked) -> Reply {
        let parts: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        let (version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return not_found(),
        };
        let (namespace, resource) = match rest {
            ["namespaces", namespace, resource] => (Some(*namespace), *resource),
            [resource] => (None, *resource),
            _ => return not_found(),
        };
        let known = self.types.iter().filter(|group| group["groupVersion"] == version.as_str());
        let mut resources = known.flat_map(|group| group["resources"].as_array().into_iter().flatten());
        if !resources.any(|known| known["name"] == resource) {
            return not_found();
        }
        let phase = asked
            .parameter("fieldSelector")
            .and_then(|it| Some(it.strip_prefix("status.phase=")?.to_owned()));
        let text =
            |object: &Value, key: &str, default: &str| object[key].as_str().unwrap_or(default).to_owned();
        let items: Vec<Value> = self
            .objects
            .iter()
            .filter(|object| object["resource"] == resource && text(object, "groupVersion", "v1") == version)
            .filter(|object| namespace.is_none_or(|namespace| object["namespace"] == namespace))
            .filter(|object| phase.as_ref().is_none_or(|phase| text(object, "phase", "Running") == *phase))
            .map(|object| {
                let mut metadata = json!({"name": object["name"], "resourceVersion": "5"});
                for key in ["namespace", "labels"] {
                    if !object[key].is_null() {
                        metadata[key] = object[key].clone();
                    }
                }
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            })
            .collect();
        let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                          "metadata": {"resourceVersion": "10"}, "items": items});
        Reply::json(200, &list)
    }
}

fn resource_list(group: &Value) -> Value {
    let resources = group["resources"].as_array().into_iter().flatten().map(|resource| {
        json!({"name": resource["name"], "singularName": resource["singular"].as_str().unwrap_or_default(),
               "namespaced": resource["namespaced"], "kind": resource["kind"], "verbs": ["get", "list", "watch"],
               "shortNames": resource["short"].as_array().cloned().unwrap_or_default()})
    });
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group["groupVersion"],
           "resources": resources.collect::<Vec<_>>()})
}

/// A `Status` that tells of a failure.
pub fn failure(code: u16, reason: &str, message: &str) -> Reply {
    Reply::json(
        code,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": code}),
    )
}

fn not_found() -> Reply {
    failure(404, "NotFound", "the server could not find the requested resource")
}

fn usual_types() -> Vec<Value> {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singular": kind.to_lowercase(), "kind": kind, "namespaced": namespaced});
    vec![
        json!({"groupVersion": "v1", "resources": [
            resource("namespaces", "Namespace", false), resource("nodes", "Node", false),
            resource("pods", "Pod", true), resource("services", "Service", true)]}),
        json!({"groupVersion": "apps/v1", "resources": [resource("deployments", "Deployment", true)]}),
    ]
}
