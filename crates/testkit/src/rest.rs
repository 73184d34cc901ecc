//! Objects of the API server by path, as JSON.
//!
//! Not typed: tests say and read what they are about.
//!
//! **Invariant:** an error names the request, and its body if it had one.

use anyhow::{Context as _, Result};
use http::{Request, request::Builder};
use kube::Client;
use serde_json::{Value, json};

/// The API server with every right of its client.
#[derive(Clone)]
pub struct Rest(Client);

impl Rest {
    /// As the user of `client`.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// GETs an object or a list.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let request = Request::get(path).body(Vec::new())?;
        self.0.request(request).await.with_context(|| format!("GET {path}"))
    }

    /// Creates an object below `path`.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn create(&self, path: &str, object: &Value) -> Result<()> {
        self.send(Request::post(path), "application/json", object).await
    }

    /// Changes an object or a subresource by a JSON merge patch.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn patch(&self, path: &str, patch: &Value) -> Result<()> {
        self.send(Request::patch(path), "application/merge-patch+json", patch).await
    }

    /// Deletes an object; a pod gets `grace` seconds, if a node is to end it.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn delete(&self, path: &str, grace: u32) -> Result<()> {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": grace});
        self.send(Request::delete(path), "application/json", &options).await
    }

    async fn send(&self, request: Builder, content: &str, body: &Value) -> Result<()> {
        let request = request.header("content-type", content).body(serde_json::to_vec(body)?)?;
        let what = format!("{} {}", request.method(), request.uri());
        let _: Value = self.0.request(request).await.with_context(|| format!("{what} with {body}"))?;
        Ok(())
    }
}
