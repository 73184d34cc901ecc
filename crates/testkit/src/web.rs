//! Plain HTTP requests, as a person with curl makes them. No TLS, no redirects.
//!
//! **Invariant:** a request takes at most [`LIMIT`].

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

/// How long a request may take.
pub const LIMIT: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The whole body.
    pub body: String,
}

/// Sends a GET.
///
/// # Errors
/// When there is no answer within [`LIMIT`].
pub async fn get(url: &str) -> Result<Answer> {
    send(Method::GET, url, "").await
}

/// Sends a PUT with a body.
///
/// # Errors
/// When there is no answer within [`LIMIT`].
pub async fn put(url: &str, body: &str) -> Result<Answer> {
    send(Method::PUT, url, body).await
}

async fn send(method: Method, url: &str, body: &str) -> Result<Answer> {
    let request = Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body.to_owned())))?;
    let exchange = async {
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    };
    tokio::time::timeout(LIMIT, exchange)
        .await
        .with_context(|| format!("no answer within {} s from {url}", LIMIT.as_secs()))?
        .with_context(|| format!("no answer from {url}"))
}
