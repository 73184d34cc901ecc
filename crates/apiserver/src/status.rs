//! The Kubernetes `Status` object: how every failure looks on the wire.
//!
//! This is the one place where errors get their code, reason and standard wording. It does not choose an
//! encoding; [`crate::encode`] does.
//!
//! **Invariant:** members are written in the order of `k8s.io/apimachinery/pkg/apis/meta/v1.Status`, and
//! texts are those of `k8s.io/apimachinery/pkg/api/errors` where that package has one.

use http::StatusCode;
use plimsoll_model::quote::quote;
use serde::Serialize;

use crate::encode::KubeObject;
use crate::identity::{Attributes, User};
use crate::protobuf::Message;

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cause {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub field: &'static str,
}

/// A member of an object, or a parameter, that cannot be as it is (apimachinery `field.Error`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    field: &'static str,
    reason: &'static str,
    body: String,
}

impl Invalid {
    /// A member that must not be there; `why` is a sentence.
    pub fn forbidden(field: &'static str, why: &str) -> Self {
        Self { field, reason: "FieldValueForbidden", body: format!("Forbidden: {why}") }
    }

    /// A value that is none of the known ones; `what` is the quoted value and the list of those.
    pub fn unsupported(field: &'static str, what: String) -> Self {
        Self { field, reason: "FieldValueNotSupported", body: format!("Unsupported value: {what}") }
    }
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

    /// 422 for an object (here: the parameters of a list) with invalid members (`apierrors.NewInvalid`).
    pub fn invalid(group: &str, kind: &str, name: &str, invalid: &[Invalid]) -> Self {
        let texts: Vec<String> = invalid.iter().map(|one| format!("{}: {}", one.field, one.body)).collect();
        let texts = match texts.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let message = format!("{} {} is invalid: {texts}", qualified(kind, group), quote(name.as_bytes()));
        let cause = |one: &Invalid| Cause { reason: one.reason, message: one.body.clone(), field: one.field };
        Self::failure(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with_details(Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            causes: invalid.iter().map(cause).collect(),
            ..Details::default()
        })
    }

    /// 406 for one of the shapes of `meta.k8s.io` that the object cannot have; `what` says what it is.
    pub fn no_shape(shape: &str, what: &str) -> Self {
        Self::failure(
            StatusCode::NOT_ACCEPTABLE,
            "NotAcceptable",
            format!("you requested {shape}, but the requested object is {what}"),
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
        .with_details(Details { causes: vec![Cause { message, ..Cause::default() }], ..Details::default() })
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

    /// Fields are those of `meta/v1/generated.proto`.
    fn protobuf(&self) -> Option<Vec<u8>> {
        let mut status = Message::default();
        status.message(1, |metadata| {
            metadata.string(1, "").string(2, "").string(3, "");
        });
        status.string(2, self.status).string(3, &self.message).string(4, self.reason);
        if let Some(details) = &self.details {
            status.message(5, |message| {
                message.string(1, &details.name).string(2, &details.group).string(3, &details.kind);
                for cause in &details.causes {
                    message.message(4, |message| {
                        message.string(1, cause.reason).string(2, &cause.message).string(3, cause.field);
                    });
                }
                message.int64(5, i64::from(details.retry_after_seconds)).string(6, "");
            });
        }
        status.int64(6, i64::from(self.code));
        Some(status.into_bytes())
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
