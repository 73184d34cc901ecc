//! The seam between the server and what it serves: groups, their resources, and answers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// One resource of an API group version, as discovery lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// For example `pods`, or `pods/http_requests` in `custom.metrics.k8s.io`.
    pub name: String,
    pub namespaced: bool,
    pub kind: &'static str,
    pub verbs: &'static [&'static str],
}

/// A served version of an API group with its resources, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupVersion {
    pub group: &'static str,
    pub version: &'static str,
    pub resources: Arc<[Resource]>,
}

/// All that is served, in the order in which discovery lists it. Cheap to clone; replaced as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    pub versions: Vec<GroupVersion>,
}

/// A request under `/apis/{group}/{version}/…` that has been authenticated and authorised.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    pub group: String,
    pub version: String,
    /// Percent-decoded path segments after the version; empty segments are kept.
    pub segments: Vec<String>,
    /// The raw query string, without `?`.
    pub query: String,
    pub method: http::Method,
    pub headers: http::HeaderMap,
}

/// An encoded answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: http::StatusCode,
    pub content_type: &'static str,
    pub body: Bytes,
    /// Texts for `Warning: 299` headers, which kubectl shows on standard error.
    pub warnings: Vec<String>,
}

/// The metrics groups behind the server.
#[async_trait]
pub trait ApiGroups: Send + Sync {
    /// What is served now, from memory.
    fn served(&self) -> Arc<Served>;

    /// Answers a request of a served group version.
    async fn answer(&self, request: ApiRequest) -> Answer;
}
