//! What a request asks for, in the terms in which permissions are granted.
//!
//! A transcription of the rules of apiserver `endpoints/request/requestinfo.go`; it knows nothing of what is
//! served.
//!
//! **Invariant:** the attributes depend on method, decoded path and query alone, so that the path that is
//! authorised is the path that is answered.

use http::Method;

use crate::identity::{Attributes, ResourceAttributes};
use crate::query;

/// The attributes of a request. `path` is percent-decoded, `raw_query` is not.
pub fn attributes(method: &Method, path: &str, raw_query: &str) -> Attributes {
    match resource(method, path, raw_query) {
        Some((verb, resource)) => {
            Attributes { verb: verb.to_owned(), path: path.to_owned(), resource: Some(resource) }
        }
        None => Attributes {
            verb: match *method {
                Method::GET => "get".to_owned(),
                _ => method.as_str().to_ascii_lowercase(),
            },
            path: path.to_owned(),
            resource: None,
        },
    }
}

fn resource(method: &Method, path: &str, raw_query: &str) -> Option<(&'static str, ResourceAttributes)> {
    let mut segments = path.trim_matches('/').split('/');
    let group = match segments.next()? {
        "apis" => segments.next()?,
        "api" => "",
        _ => return None,
    };
    let version = segments.next()?;
    let mut first = segments.next()?;
    let verb = match first {
        // The verbs that old clients put into the path.
        "proxy" | "watch" => {
            let verb = if first == "proxy" { "proxy" } else { "watch" };
            first = segments.next().unwrap_or_default();
            verb
        }
        _ => match *method {
            Method::GET | Method::HEAD => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "",
        },
    };
    let mut found = ResourceAttributes {
        group: group.to_owned(),
        version: version.to_owned(),
        ..ResourceAttributes::default()
    };
    let mut parts = segments.clone();
    if first == "namespaces"
        && let Some(namespace) = segments.next()
    {
        found.namespace = namespace.to_owned();
        if let Some(next) = segments.next()
            && !matches!(next, "status" | "finalize")
        {
            first = next;
            parts = segments;
        }
    }
    found.resource = first.to_owned();
    found.name = parts.next().unwrap_or_default().to_owned();
    if verb != "proxy" {
        found.subresource = parts.next().unwrap_or_default().to_owned();
    }
    let verb = match verb {
        "get" if found.name.is_empty() => {
            if let Some(name) = exact_name(raw_query) {
                found.name = name;
            }
            if query::flag(raw_query, "watch") { "watch" } else { "list" }
        }
        "delete" if found.name.is_empty() => "deletecollection",
        verb => verb,
    };
    Some((verb, found))
}

/// The one name that `fieldSelector=metadata.name=x` leaves, which upstream authorises as if it were in the path.
fn exact_name(raw_query: &str) -> Option<String> {
    let selector = query::first(raw_query, "fieldSelector")?;
    let name = selector.split(',').find_map(|term| {
        let (key, value) = term.split_once('=')?;
        let value = value.strip_prefix('=').unwrap_or(value);
        (key == "metadata.name" && !value.is_empty()).then(|| value.to_owned())
    })?;
    let a_path_segment = name != "." && name != ".." && !name.contains(['/', '%']);
    a_path_segment.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, target: &str) -> String {
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let found = attributes(&method, path, raw_query);
        match found.resource {
            None => format!("{} {}", found.verb, found.path),
            Some(r) => {
                let subject = format!("{}/{}/{}/{}", r.group, r.version, r.resource, r.subresource);
                format!("{} {subject} name={} ns={}", found.verb, r.name, r.namespace)
            }
        }
    }

    #[test]
    fn requests_are_named_as_upstream_names_them() {
        for (target, expected) in [
            ("/apis/g/v/namespaces/ns/pods/*/m", "get g/v/pods/m name=* ns=ns"),
            ("/apis/g/v/namespaces/ns/metrics/m", "get g/v/metrics/ name=m ns=ns"),
            ("/apis/g/v/nodes/n1/m/", "get g/v/nodes/m name=n1 ns="),
            ("/apis/g/v/namespaces/ns/e", "list g/v/e/ name= ns=ns"),
            ("/apis/g/v/namespaces/ns/e?watch=true", "watch g/v/e/ name= ns=ns"),
            ("/apis/g/v/namespaces//pods/web/m", "get g/v/pods/m name=web ns="),
            ("/apis/g/v/namespaces/ns", "get g/v/namespaces/ name=ns ns=ns"),
            ("/apis/g/v/namespaces/ns/status", "get g/v/namespaces/status name=ns ns=ns"),
            ("/apis/g/v/pods?fieldSelector=metadata.name%3Dx", "list g/v/pods/ name=x ns="),
            ("/api/v1/pods", "list /v1/pods/ name= ns="),
            ("/apis/g/v", "get /apis/g/v"),
            ("/apis/g/v/", "get /apis/g/v/"),
            ("/nope", "get /nope"),
            ("//apis/g/v/pods", "list g/v/pods/ name= ns="),
        ] {
            assert_eq!(of(Method::GET, target), expected, "{target}");
        }
    }

    #[test]
    fn other_methods_become_other_verbs() {
        for (method, target, expected) in [
            (Method::POST, "/apis/g/v/namespaces/ns/pods/web/m", "create g/v/pods/m name=web ns=ns"),
            (Method::DELETE, "/apis/g/v/namespaces/ns/e", "deletecollection g/v/e/ name= ns=ns"),
            (Method::HEAD, "/apis/g/v/namespaces/ns/e", "list g/v/e/ name= ns=ns"),
            (Method::OPTIONS, "/apis/g/v/namespaces/ns/e", " g/v/e/ name= ns=ns"),
            (Method::OPTIONS, "/version", "options /version"),
        ] {
            assert_eq!(of(method, target), expected, "{target}");
        }
    }
}
