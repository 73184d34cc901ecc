//! OpenAPI documents of what is served: enough for the aggregator to merge and for `kubectl explain` to describe.
//!
//! Metrics are not listed one by one; the paths are the patterns under which they are asked for.
//!
//! **Invariant:** every path in a document is answered by this server.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::discovery::{Reply, etag};
use crate::negotiate::{accept, clauses};
use crate::query;
use crate::route::{Answer, GroupVersion, Served};

/// The documents for one [`Served`] value.
pub(crate) struct OpenApi {
    v2: Bytes,
    v3_index: Bytes,
    /// Path below `/openapi/v3/`, hash, document.
    v3: Vec<(String, String, Bytes)>,
}

impl OpenApi {
    pub(crate) fn new(served: &Served, title: &str, version: &str) -> Self {
        let info = json!({"title": title, "version": version});
        let mut paths = Map::new();
        let mut definitions = Map::new();
        let mut index = Map::new();
        let mut v3 = Vec::new();
        for one in &served.versions {
            let group_version = Describe { group: one.group, version: one.version };
            let found = group_version.patterns(one);
            for (path, kind, action) in &found {
                paths.insert(path.clone(), group_version.v2_path(path, kind, action));
            }
            let kinds = group_version.kinds(&found);
            for kind in &kinds {
                let schema = group_version.schema(kind, "#/definitions/");
                definitions.insert(group_version.schema_name(kind), schema);
            }
            let document = group_version.v3(&info, &found, &kinds);
            let body = Bytes::from(document.to_string());
            let name = format!("apis/{}/{}", one.group, one.version);
            let hash = etag(&body).to_str().unwrap_or_default().trim_matches('"').to_owned();
            index.insert(
                name.clone(),
                json!({"serverRelativeURL": format!("/openapi/v3/{name}?hash={hash}")}),
            );
            v3.push((name, hash, body));
        }
        let v2 = json!({"swagger": "2.0", "info": info, "paths": paths, "definitions": definitions});
        let index = json!({ "paths": index });
        Self { v2: v2.to_string().into(), v3_index: index.to_string().into(), v3 }
    }

    /// `/openapi/v2`.
    pub(crate) fn v2(&self, headers: &HeaderMap) -> Reply {
        json_only(&self.v2, headers)
    }

    /// `/openapi/v3`.
    pub(crate) fn v3_index(&self, headers: &HeaderMap) -> Reply {
        json_only(&self.v3_index, headers)
    }

    /// `/openapi/v3/{name}`. With `?hash=` of this document it may be cached for ever; with that of another one
    /// the client is sent to this one.
    pub(crate) fn v3(&self, name: &str, headers: &HeaderMap, raw_query: &str) -> Option<Reply> {
        let (_, hash, body) = self.v3.iter().find(|(known, _, _)| known == name)?;
        let asked = query::first(raw_query, "hash").filter(|asked| !asked.is_empty());
        Some(match asked {
            Some(asked) if asked != *hash => {
                let location = format!("/openapi/v3/{name}?hash={hash}");
                let answer = Answer {
                    status: StatusCode::MOVED_PERMANENTLY,
                    content_type: "text/plain; charset=utf-8",
                    body: Bytes::new(),
                    warnings: Vec::new(),
                };
                match HeaderValue::from_str(&location) {
                    Ok(location) => Reply::from(answer).with(header::LOCATION, location),
                    Err(_) => json_only(body, headers),
                }
            }
            Some(_) => {
                let mut reply = json_only(body, headers);
                reply.headers.retain(|(name, _)| name != header::CACHE_CONTROL);
                reply.with(
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("public, immutable, max-age=31536000"),
                )
            }
            None => json_only(body, headers),
        })
    }
}

/// JSON for everyone who can read it, 406 for clients that want protobuf alone (the aggregator then asks again or
/// goes without).
fn json_only(body: &Bytes, headers: &HeaderMap) -> Reply {
    let accept = accept(headers);
    let readable =
        accept.is_empty() || clauses(accept).iter().any(|clause| clause.covers("application", "json"));
    if !readable {
        return Reply::from(Answer {
            status: StatusCode::NOT_ACCEPTABLE,
            content_type: "text/plain; charset=utf-8",
            body: Bytes::from_static(b"only application/json is served here\n"),
            warnings: Vec::new(),
        });
    }
    let answer = Answer {
        status: StatusCode::OK,
        content_type: "application/json",
        body: body.clone(),
        warnings: Vec::new(),
    };
    Reply::from(answer).tagged(headers, Some("Accept"))
}

struct Describe<'a> {
    group: &'a str,
    version: &'a str,
}

/// A path, the kind it answers with, and the Kubernetes action (`get`, `list`).
type Pattern = (String, &'static str, &'static str);

impl Describe<'_> {
    fn patterns(&self, served: &GroupVersion) -> Vec<Pattern> {
        let root = format!("/apis/{}/{}", self.group, self.version);
        let mut found: Vec<Pattern> = Vec::new();
        let mut add = |path: String, kind: &'static str, action: &'static str| {
            if !found.iter().any(|(known, _, _)| *known == path) {
                found.push((path, kind, action));
            }
        };
        for resource in &*served.resources {
            let kind = resource.kind;
            let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
            let lists = resource.verbs.contains(&"list");
            if resource.name.contains('/') {
                add(format!("{root}{scope}/{{resource}}/{{name}}/{{metric}}"), kind, "get");
                if resource.name.starts_with("namespaces/") {
                    add(format!("{root}/namespaces/{{namespace}}/metrics/{{metric}}"), kind, "get");
                }
            } else if lists {
                let list = list_kind(kind);
                add(format!("{root}/{}", resource.name), list, "list");
                if resource.namespaced {
                    add(format!("{root}{scope}/{}", resource.name), list, "list");
                }
                add(format!("{root}{scope}/{}/{{name}}", resource.name), kind, "get");
            } else {
                add(format!("{root}{scope}/{{metric}}"), kind, "list");
            }
        }
        found
    }

    fn kinds(&self, patterns: &[Pattern]) -> Vec<&'static str> {
        let mut kinds: Vec<&'static str> = patterns.iter().map(|(_, kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    fn schema_name(&self, kind: &str) -> String {
        let package = self.group.trim_end_matches(".k8s.io").replace('.', "_");
        format!("io.k8s.metrics.pkg.apis.{package}.{}.{kind}", self.version)
    }

    fn schema(&self, kind: &str, references: &str) -> Value {
        let mut properties = json!({
            "apiVersion": {"type": "string", "description": "Version of the schema of this object."},
            "kind": {"type": "string", "description": "Kind of this object."},
            "metadata": {"type": "object", "description": "Metadata of the object or list."},
        });
        if kind.ends_with("List") {
            let item = kind.trim_end_matches("List");
            let items = if matches!(item, "PodMetrics" | "NodeMetrics") {
                json!({"$ref": format!("{references}{}", self.schema_name(item))})
            } else {
                json!({"type": "object", "description": "A value of a metric, and what it describes."})
            };
            properties["items"] = json!({"type": "array", "items": items});
        } else {
            properties["timestamp"] = json!({"type": "string", "format": "date-time"});
            properties["window"] = json!({"type": "string"});
        }
        json!({
            "type": "object",
            "properties": properties,
            "x-kubernetes-group-version-kind": [self.kind(kind)],
        })
    }

    fn kind(&self, kind: &str) -> Value {
        json!({"group": self.group, "version": self.version, "kind": kind})
    }

    fn operation_id(&self, path: &str, action: &str) -> String {
        let words = path.split(['/', '.', '{', '}', '-']).filter(|word| !word.is_empty());
        let mut id = action.to_owned();
        for word in words {
            let mut letters = word.chars();
            id.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
            id.push_str(letters.as_str());
        }
        id
    }

    fn v2_path(&self, path: &str, kind: &str, action: &str) -> Value {
        let parameters: Vec<Value> = parameter_names(path)
            .map(|name| json!({"name": name, "in": "path", "required": true, "type": "string"}))
            .collect();
        json!({
            "get": {
                "description": format!("{action} {kind}"),
                "operationId": self.operation_id(path, action),
                "produces": ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"],
                "schemes": ["https"],
                "responses": {"200": {
                    "description": "OK",
                    "schema": {"$ref": format!("#/definitions/{}", self.schema_name(kind))},
                }},
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": self.kind(kind),
            },
            "parameters": parameters,
        })
    }

    fn v3(&self, info: &Value, patterns: &[Pattern], kinds: &[&'static str]) -> Value {
        let mut paths = Map::new();
        for (path, kind, action) in patterns {
            let parameters: Vec<Value> = parameter_names(path)
                .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
                .collect();
            let reference = json!({"$ref": format!("#/components/schemas/{}", self.schema_name(kind))});
            let operation = json!({
                "get": {
                    "description": format!("{action} {kind}"),
                    "operationId": self.operation_id(path, action),
                    "responses": {"200": {
                        "description": "OK",
                        "content": {"application/json": {"schema": reference}},
                    }},
                    "x-kubernetes-action": action,
                    "x-kubernetes-group-version-kind": self.kind(kind),
                },
                "parameters": parameters,
            });
            paths.insert(path.clone(), operation);
        }
        let schemas: Map<String, Value> = kinds
            .iter()
            .map(|kind| (self.schema_name(kind), self.schema(kind, "#/components/schemas/")))
            .collect();
        json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})
    }
}

fn list_kind(kind: &'static str) -> &'static str {
    match kind {
        "PodMetrics" => "PodMetricsList",
        "NodeMetrics" => "NodeMetricsList",
        other => other,
    }
}

fn parameter_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}
