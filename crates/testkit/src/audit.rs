//! What one user asked of the API server and was answered, from the server's audit log.
//!
//! Not a trace of the server's own work: one entry per request, when it is answered.
//!
//! **Invariant:** entries come in the order in which requests were answered, and none is lost: the server writes each
//! before it answers the next of the connection.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// One request with its answer (`audit.k8s.io/v1` `Event`, level `RequestResponse`).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `get`, `update`, `create`, `patch`, ….
    pub verb: String,
    /// The path with its query.
    #[serde(rename = "requestURI")]
    pub uri: String,
    /// What it was about.
    #[serde(default)]
    pub object_ref: ObjectRef,
    /// How it went.
    #[serde(default)]
    pub response_status: ResponseStatus,
    /// The body of the request.
    #[serde(default)]
    pub request_object: Value,
    /// The body of the answer.
    #[serde(default)]
    pub response_object: Value,
    /// When it arrived.
    pub request_received_timestamp: Timestamp,
    /// When it was answered.
    pub stage_timestamp: Timestamp,
}

/// The object of a request; what does not apply is empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ObjectRef {
    /// Such as `deployments`.
    pub resource: String,
    /// Such as `scale`.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Such as `apps`.
    #[serde(rename = "apiGroup")]
    pub group: String,
}

/// How a request went.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ResponseStatus {
    /// The HTTP status code.
    pub code: u16,
    /// What went wrong.
    pub message: String,
}

/// The log, read as it grows.
#[derive(Debug)]
pub struct Log {
    reader: BufReader<File>,
    /// The beginning of a line that is not complete yet.
    begun: String,
}

impl Log {
    /// Opens the log at its beginning.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { reader: BufReader::new(file), begun: String::new() })
    }

    /// What was written since the last look.
    ///
    /// # Errors
    /// When the log cannot be read, or a line is no entry.
    pub fn news(&mut self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while self.reader.read_line(&mut self.begun)? > 0 {
            if self.begun.ends_with('\n') {
                let entry = serde_json::from_str(&self.begun);
                entries.push(entry.with_context(|| format!("no audit entry: {}", self.begun))?);
                self.begun.clear();
            }
        }
        Ok(entries)
    }
}

/// Where the log of a control plane in `folder` is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("audit.log")
}

/// The flags of kube-apiserver that log each request of `user`; writes the policy that they name.
pub(crate) fn flags(folder: &Path, user: &str) -> Result<[String; 3]> {
    let policy = folder.join("audit-policy.json");
    let text = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{ "level": "RequestResponse", "users": [user], "verbs": ["get", "create", "update", "patch"] }],
    });
    fs::write(&policy, text.to_string()).with_context(|| format!("cannot write {}", policy.display()))?;
    Ok([
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", path(folder).display()),
        // As soon as the request is answered, and not in batches.
        "--audit-log-mode=blocking".to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_line_that_is_written_in_two_pieces_is_read_once_it_is_whole() -> Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        let line = json!({
            "verb": "get",
            "requestURI": "/x",
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z",
            "stageTimestamp": "2026-01-01T00:00:00.000002Z",
        });
        let line = format!("{line}\n");
        let mut log = Log::open(file.path())?;
        file.write_all(&line.as_bytes()[..10])?;
        assert!(log.news()?.is_empty());
        file.write_all(&line.as_bytes()[10..])?;
        let news = log.news()?;
        assert_eq!(news.len(), 1);
        assert_eq!(news[0].uri, "/x");
        assert!(log.news()?.is_empty());
        Ok(())
    }
}
