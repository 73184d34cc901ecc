//! The Kubernetes `Status` object: how every failure looks on the wire.
//!
//! This is the one place where errors get their code, reason and standard wording. It does not choose an
//! encoding; [`crate::encode`] does.
//!
//! **Invariant:** members are written in the order of `k8s.io/apimachinery/pkg/apis/meta/v1.Status`, and
//! texts are those of `k8s.io/apimachinery/pkg/api/errors` where that package has one.

use http::StatusCode;
use plimsoll_model::quote::quote;
use prost::Message as _;
use serde::Serialize;

use crate::encode::KubeObject;
use crate::identity::{Attributes, User};
use crate::wire;

/// A failed request, as `meta/v1.Status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    kind: &'static str,
    api_version: &'static str,
    metadata: NoMetadata,
    status: &'static str,
    /// For a person. The HPA controller copies it into conditions and events.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// A machine-readable word such as `NotFound`; empty when upstream gives none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    /// Upstream writes an empty object for some failures and nothing for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// The HTTP status.
    pub code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct NoMetadata {}

/// What a [`Status`] is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// A resource name, in spite of the member's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds; clients of Kubernetes wait this long before they try again.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// One of several things that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    pub message: String,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl Status {
    /// A failure with the given code, reason (may be empty) and message, without details.
    pub fn failure(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: "Status",
            api_version: "v1",
            metadata: NoMetadata {},
            status: "Failure",
            message: message.into(),
            reason,
            details: None,
            code: code.as_u16(),
        }
    }

    fn with_details(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The HTTP status of this failure.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// 400 with the given message.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 401: the credentials are not good.
    pub fn unauthorized() -> Self {
        Self::failure(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 403 in the words of `apiserver/pkg/endpoints/handlers/responsewriters/errors.go`.
    pub fn forbidden(user: &User, attributes: &Attributes, reason: &str) -> Self {
        let mut message = forbidden_message(user, attributes);
        if !reason.is_empty() {
            message.push_str(": ");
            message.push_str(reason);
        }
        let (message, details) = match &attributes.resource {
            None => (format!("forbidden: {message}"), Details::default()),
            Some(resource) => {
                let details = Details {
                    name: resource.name.clone(),
                    group: resource.group.clone(),
                    kind: resource.resource.clone(),
                    ..Details::default()
                };
                let subject = qualified(&resource.resource, &resource.group);
                let message = match (resource.resource.is_empty(), resource.name.is_empty()) {
                    (true, _) => format!("forbidden: {message}"),
                    (false, true) => format!("{subject} is forbidden: {message}"),
                    (false, false) => {
                        format!("{subject} {} is forbidden: {message}", quote(resource.name.as_bytes()))
                    }
                };
                (message, details)
            }
        };
        Self::failure(StatusCode::FORBIDDEN, "Forbidden", message).with_details(details)
    }

    /// 404 for a path below a served group that names nothing.
    pub fn path_not_found() -> Self {
        Self::failure(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
            .with_details(Details::default())
    }

    /// 404 for one object: `pods "web-1" not found`, or with a group `podmetrics.metrics.k8s.io "a/b" not found`.
    pub fn object_not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {} not found", qualified(resource, group), quote(name.as_bytes()));
        Self::failure(StatusCode::NOT_FOUND, "NotFound", message).with_details(Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: resource.to_owned(),
            ..Details::default()
        })
    }

    /// 404 without details, for a metric that is not there (custom-metrics-apiserver `provider/errors.go`).
    pub fn metric_not_found(message: impl Into<String>) -> Self {
        Self::failure(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// 405 for a method that no route of the path knows.
    pub fn method_not_allowed() -> Self {
        Self::failure(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(Details::default())
    }

    /// 405 for an action (`watch`) that a resource does not support.
    pub fn action_not_supported(action: &str, group: &str, resource: &str) -> Self {
        let subject = quote(qualified(resource, group).as_bytes());
        Self::failure(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("{action} is not supported on resources of kind {subject}"),
        )
        .with_details(Details {
            group: group.to_owned(),
            kind: resource.to_owned(),
            ..Details::default()
        })
    }

    /// 406 when no clause of `Accept` names a representation of the route.
    pub fn no_representation(available: &str) -> Self {
        Self::failure(
            StatusCode::NOT_ACCEPTABLE,
            "NotAcceptable",
            format!("406: Not Acceptable\n\nAvailable representations: {available}"),
        )
        .with_details(Details::default())
    }

    /// 406 when the media types match but the conversion that was asked for is not offered.
    pub fn no_conversion() -> Self {
        Self::failure(
            StatusCode::NOT_ACCEPTABLE,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf",
        )
    }

    /// 415 with the given message.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
            .with_details(Details::default())
    }

    /// 414: the request target exceeds `limit` bytes.
    pub fn uri_too_long(limit: usize) -> Self {
        Self::failure(
            StatusCode::URI_TOO_LONG,
            "BadRequest",
            format!("the request target is longer than the {limit} bytes this server reads"),
        )
    }

    /// 429; clients of Kubernetes try again after a second.
    pub fn too_many_requests() -> Self {
        Self::failure(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Too many requests, please try again later.",
        )
        .with_details(Details { retry_after_seconds: 1, ..Details::default() })
    }

    /// 500 whose message is also its cause (`apierrors.NewInternalError`).
    pub fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        Self::failure(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            format!("Internal error occurred: {message}"),
        )
        .with_details(Details { causes: vec![Cause { message }], ..Details::default() })
    }

    /// 500 without a reason, as upstream gives for errors it has no type for.
    pub fn unexplained(message: impl Into<String>) -> Self {
        Self::failure(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// 504 for a request that took too long. Upstream writes it without kind and apiVersion.
    pub fn timeout() -> Self {
        Self::failure(
            StatusCode::GATEWAY_TIMEOUT,
            "Timeout",
            "Timeout: request did not complete within the allotted timeout",
        )
        .with_details(Details::default())
    }

    /// Compact JSON without the members `kind` and `apiVersion`, with a trailing newline.
    pub fn to_untyped_json(&self) -> Vec<u8> {
        let typed = serde_json::to_vec(self).unwrap_or_default();
        let prefix = br#"{"kind":"Status","apiVersion":"v1","#;
        let mut out = b"{".to_vec();
        out.extend_from_slice(typed.get(prefix.len()..).unwrap_or_default());
        out.push(b'\n');
        out
    }
}

impl KubeObject for Status {
    fn kind(&self) -> &str {
        self.kind
    }

    fn api_version(&self) -> &str {
        self.api_version
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let details = self.details.as_ref().map(|details| wire::StatusDetails {
            name: details.name.clone(),
            group: details.group.clone(),
            kind: details.kind.clone(),
            causes: details
                .causes
                .iter()
                .map(|cause| wire::StatusCause { message: cause.message.clone(), ..Default::default() })
                .collect(),
            retry_after_seconds: details.retry_after_seconds.try_into().unwrap_or(i32::MAX),
        });
        let status = wire::Status {
            metadata: Some(wire::ListMeta::default()),
            status: self.status.to_owned(),
            message: self.message.clone(),
            reason: self.reason.to_owned(),
            details,
            code: i32::from(self.code),
        };
        Some(status.encode_to_vec())
    }
}

fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

fn forbidden_message(user: &User, attributes: &Attributes) -> String {
    let name = quote(user.name.as_bytes());
    let verb = &attributes.verb;
    let message = match &attributes.resource {
        None => format!("User {name} cannot {verb} path {}", quote(attributes.path.as_bytes())),
        Some(resource) => {
            let what = if resource.subresource.is_empty() {
                quote(resource.resource.as_bytes())
            } else {
                quote(format!("{}/{}", resource.resource, resource.subresource).as_bytes())
            };
            let place = if resource.namespace.is_empty() {
                "at the cluster scope".to_owned()
            } else {
                format!("in the namespace {}", quote(resource.namespace.as_bytes()))
            };
            let group = quote(resource.group.as_bytes());
            format!("User {name} cannot {verb} resource {what} in API group {group} {place}")
        }
    };
    escape_markup(&message)
}

/// Replaces the characters that a browser would read as markup, as upstream does for texts that repeat the
/// request.
pub fn escape_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
