//! `external.metrics.k8s.io` v1beta1.
//!
//! Paths follow custom-metrics-apiserver's `pkg/apiserver/installer/emhandlers.go`.
//!
//! **Invariant:** an answer has one item per sample, in the order of Prometheus' answer.

use http::StatusCode;
use plimsoll_adapter::answers::external::{ExternalError, ExternalRequest};

use super::explain;
use super::options::Options;
use super::wire::{ExternalMetricValue, List, ListMeta, Moment, Printed};
use super::{Context, EXTERNAL, Failure};
use crate::negotiate::Offers;
use crate::route::Answer;
use crate::status::Status;

pub(super) async fn answer(context: &Context<'_>) -> Result<Answer, Failure> {
    let segments: Vec<&str> = context.request.segments.iter().map(String::as_str).collect();
    let (namespace, metric) = match segments.as_slice() {
        ["namespaces", namespace, metric] if !metric.is_empty() => (*namespace, *metric),
        _ => return Err(Status::path_not_found().into()),
    };
    let encoding = match context.encoding(Offers::METRIC_VALUES)? {
        Ok(encoding) => encoding,
        Err(refused) => return Ok(refused),
    };
    let options = Options::of_list(&context.request.query)?;
    if options.watch {
        return Err(Status::action_not_supported("watch", EXTERNAL, "*").into());
    }
    let request = ExternalRequest {
        namespace,
        metric,
        selector: &options.labels,
        at: context.now,
        limit: context.limit,
        explain: explain::shown_to_people(&context.request.headers),
    };
    let found = context.adapter.external(&request).await.map_err(|error| failure(error, namespace))?;
    let times: Vec<Moment> = found.values.iter().map(|value| Moment::from_unix(value.time)).collect();
    let mut answer = encoding.answer(
        StatusCode::OK,
        &List {
            kind: "ExternalMetricValueList",
            api_version: "external.metrics.k8s.io/v1beta1",
            metadata: ListMeta {},
            items: found
                .values
                .iter()
                .zip(&times)
                .map(|(value, timestamp)| ExternalMetricValue {
                    metric_name: metric,
                    metric_labels: value
                        .labels
                        .as_ref()
                        .map(|labels| labels.iter().map(|(name, value)| (&**name, &**value)).collect()),
                    timestamp,
                    value: Printed(value.value),
                })
                .collect(),
        },
    );
    answer.warnings.extend(found.why.map(|why| why.to_string()));
    if let Some(name) = found.found_as {
        answer.warnings.push(format!(
            "`{metric}` is served as `{name}`: clients lower-case the names of external metrics; rename it in its rule"
        ));
    }
    Ok(answer)
}

/// The one place where errors of external metrics become a `Status`.
fn failure(error: ExternalError, namespace: &str) -> Failure {
    let message = error.to_string();
    match error {
        ExternalError::NotFound { why, .. } => {
            // Upstream looks the namespace up as a resource called `namespaces`, and finds that name for `default`
            // only (provider.go:68-77).
            let resource = if namespace == "default" { "namespaces" } else { "" };
            Failure::because(Status::metric_not_found(format!("{message} for {resource}")), why)
        }
        ExternalError::Ambiguous { .. } => Status::metric_not_found(message).into(),
        ExternalError::Fetch { error } => {
            tracing::warn!(error = %error, "fetching an external metric failed");
            Failure::because(Status::internal(message), error)
        }
        ExternalError::Type { error } => Failure::because(Status::unexplained(message), error),
        ExternalError::Infinite { .. } => Status::internal(message).into(),
    }
}
