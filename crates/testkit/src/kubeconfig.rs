//! Kubeconfig files for the identities of a test control plane.
//!
//! **Invariant:** a file carries exactly one identity.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::certificates::Identity;

/// Who a client says it is.
#[derive(Debug, Clone)]
pub enum Credential<'a> {
    /// By a client certificate.
    Certificate(&'a Identity),
    /// By a bearer token.
    Token(&'a str),
}

/// Writes a kubeconfig (JSON, which is YAML too) for `server`, whose certificate `authority` (PEM) signed.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, server: &str, authority: &str, credential: &Credential<'_>) -> Result<()> {
    let user: Value = match credential {
        Credential::Certificate(identity) => json!({
            "client-certificate-data": BASE64_STANDARD.encode(&identity.certificate),
            "client-key-data": BASE64_STANDARD.encode(&identity.key),
        }),
        Credential::Token(token) => json!({ "token": token }),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "cluster",
            "cluster": { "server": server, "certificate-authority-data": BASE64_STANDARD.encode(authority) },
        }],
        "users": [{ "name": "user", "user": user }],
        "contexts": [{ "name": "context", "context": { "cluster": "cluster", "user": "user" } }],
        "current-context": "context",
    });
    fs::write(path, config.to_string()).with_context(|| format!("cannot write {}", path.display()))
}
