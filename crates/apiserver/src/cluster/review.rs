//! Asking the API server to judge: one call to a review resource, repeated as upstream repeats it.
//!
//! **Invariant:** a review that fails is never remembered.

use std::future::Future;
use std::time::Duration;

use http::{Request, header};
use kube::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{CallError, call};
use super::metrics::{ClusterMetrics, Operation};

/// How long one attempt may take (`TokenRequestTimeout`, `ClientTimeout` in
/// `apiserver/pkg/server/options/{authentication,authorization}.go`).
const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);
/// Pauses before the attempts after the first (`DefaultAuthWebhookRetryBackoff`: 500 ms, factor 1.5, five steps).
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_millis(750),
    Duration::from_millis(1_125),
    Duration::from_micros(1_687_500),
];

/// Posts `review` to `path` and reads it back with its status.
pub async fn post<T: Serialize, R: DeserializeOwned>(
    client: &Client,
    metrics: &ClusterMetrics,
    operation: Operation,
    path: &str,
    review: &T,
) -> Result<R, CallError> {
    let body = serde_json::to_vec(review).map_err(|error| CallError::Unreadable(error.to_string()))?;
    persistently(|| async {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(body.clone())
            .map_err(|error| CallError::Unreadable(error.to_string()))?;
        metrics.timed(operation, call(client, request, ATTEMPT_LIMIT)).await
    })
    .await
}

async fn persistently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    for pause in PAUSES {
        match attempt().await {
            Err(error) if is_passing(&error) => tokio::time::sleep(pause).await,
            result => return result,
        }
    }
    attempt().await
}

/// Failures that upstream tries again (`apiserver/pkg/util/webhook/webhook.go`, `DefaultShouldRetry`).
fn is_passing(error: &CallError) -> bool {
    match error {
        CallError::Refused { reason, code, .. } => {
            matches!(reason.as_str(), "InternalError" | "Timeout" | "TooManyRequests") || *code == 429
        }
        CallError::Unreachable(text) => text.contains("reset") || text.contains("closed before"),
        CallError::Unreadable(_) => false,
    }
}
