//! `custom.metrics.k8s.io` v1beta1 and v1beta2.
//!
//! Paths and checks follow custom-metrics-apiserver's `pkg/apiserver/endpoints/handlers/get.go`; an empty segment
//! names nothing here, where upstream takes an empty name for all objects.
//!
//! **Invariant:** both versions carry the same values; only their shape differs.

use http::StatusCode;
use plimsoll_adapter::answers::custom::{CustomAnswer, CustomError, CustomRequest, Target};
use plimsoll_model::selector::Selector;

use super::explain;
use super::options::{Options, metric_selector};
use super::wire::{
    LabelSelector, List, ListMeta, MetricIdentifier, MetricValueV1beta1, MetricValueV1beta2, Moment,
    ObjectReference, Printed,
};
use super::{Context, Failure, Refused};
use crate::encode::Encoding;
use crate::route::{Answer, ApiRequest};
use crate::status::Status;

/// What a path names.
struct Path<'a> {
    namespace: Option<&'a str>,
    resource: &'a str,
    name: &'a str,
    metric: &'a str,
}

pub(super) async fn answer(context: &Context<'_>) -> Result<Answer, Failure> {
    let path = path(&context.request.segments)?;
    let wanted = match context.encoding_of_values() {
        Ok(wanted) => wanted,
        Err(Refused::Answer(refused)) => return Ok(refused),
        Err(Refused::Status(status)) => return Err(status.into()),
    };
    let Some(path) = path else { return Err(Status::bad_request("invalid request path").into()) };
    let options = Options::parse(&context.request.query)?;
    if !options.fields.is_empty() && options.fields.exact_name() != Some(path.name) {
        return Err(Status::bad_request("fieldSelector metadata.name doesn't match requested name").into());
    }
    let series = metric_selector(&context.request.query)?;
    let request = CustomRequest {
        resource: path.resource,
        namespace: path.namespace,
        target: if path.name == "*" {
            Target::All
        } else {
            Target::One { name: path.name, raw: raw_name(context.request, &path) }
        },
        metric: path.metric,
        objects: &options.labels,
        series: &series,
        at: context.now,
        limit: context.limit,
        explain: explain::shown_to_people(&context.request.headers),
    };
    let found = context.adapter.custom(&request).await.map_err(failure)?;
    Ok(match wanted {
        Ok(encoding) => list(context, encoding, &path, &series, &found),
        Err(refused) => refused,
    })
}

/// The name of the object in bytes, as the path has it.
fn raw_name<'a>(request: &'a ApiRequest, path: &Path<'a>) -> &'a [u8] {
    match &request.undecodable {
        // Names come last but one, except in `namespaces/{ns}/metrics/{m}`.
        Some(bytes) if path.resource != "namespaces" => {
            let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
            bytes[..end].rsplit(|byte| *byte == b'/').nth(1).unwrap_or_default()
        }
        _ => path.name.as_bytes(),
    }
}

/// `None` for a path that has a route but names no object.
fn path(segments: &[String]) -> Result<Option<Path<'_>>, Status> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match *segments {
        ["namespaces", _, _] => Ok(None),
        ["namespaces", namespace, "metrics", metric] if !namespace.is_empty() && !metric.is_empty() => {
            Ok(Some(Path { namespace: None, resource: "namespaces", name: namespace, metric }))
        }
        ["namespaces", namespace, resource, name, metric]
            if resource != "metrics" && [resource, name, metric].iter().all(|part| !part.is_empty()) =>
        {
            // Upstream takes an empty namespace for none, too.
            let namespace = (!namespace.is_empty()).then_some(namespace);
            Ok(Some(Path { namespace, resource, name, metric }))
        }
        [resource, name, metric] if [resource, name, metric].iter().all(|part| !part.is_empty()) => {
            Ok(Some(Path { namespace: None, resource, name, metric }))
        }
        _ => Err(Status::path_not_found()),
    }
}

fn list(
    context: &Context<'_>,
    encoding: Encoding,
    path: &Path<'_>,
    series: &Selector,
    found: &CustomAnswer,
) -> Answer {
    let api_version = format!("{}/{}", found.resource.group, found.resource.version);
    let timestamp = Moment::from_unix(context.now);
    let selector = LabelSelector::echo(series);
    let object = |name| ObjectReference {
        kind: &found.resource.kind,
        namespace: path.namespace.unwrap_or_default(),
        name,
        api_version: &api_version,
    };
    let values = found.values.iter().map(|(described, value)| (described.name(), *value));
    let mut answer = if context.request.version == "v1beta1" {
        encoding.answer(
            StatusCode::OK,
            &List {
                kind: "MetricValueList",
                api_version: "custom.metrics.k8s.io/v1beta1",
                metadata: ListMeta {},
                items: values
                    .map(|(name, value)| MetricValueV1beta1 {
                        described_object: object(name),
                        metric_name: path.metric,
                        timestamp: &timestamp,
                        value: Printed(value),
                        selector: selector.as_ref(),
                    })
                    .collect(),
            },
        )
    } else {
        encoding.answer(
            StatusCode::OK,
            &List {
                kind: "MetricValueList",
                api_version: "custom.metrics.k8s.io/v1beta2",
                metadata: ListMeta {},
                items: values
                    .map(|(name, value)| MetricValueV1beta2 {
                        described_object: object(name),
                        metric: MetricIdentifier { name: path.metric, selector: selector.as_ref() },
                        timestamp: &timestamp,
                        value: Printed(value),
                    })
                    .collect(),
            },
        )
    };
    // An empty list is an error to the HPA, so it needs its reason; a few missing objects are everyday life.
    if found.values.is_empty() {
        answer.warnings.extend(found.why.as_ref().map(ToString::to_string));
    }
    answer
}

/// The one place where errors of custom metrics become a `Status`.
fn failure(error: CustomError) -> Failure {
    let message = error.to_string();
    match error {
        CustomError::NotFound { why, .. } => Failure::because(Status::metric_not_found(message), why),
        CustomError::Objects { error: Some(error) } => Failure::because(Status::internal(message), error),
        CustomError::Objects { error: None } => Failure::because(
            Status::internal(message),
            "the cluster has no such resource type: use its plural name, with its group after a dot if it has one",
        ),
        CustomError::Fetch { error } => {
            tracing::warn!(error = %error, "fetching a custom metric failed");
            Failure::because(Status::internal(message), error)
        }
    }
}
