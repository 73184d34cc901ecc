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
    /// Segments after the version, split after percent-decoding (`pods%2Fweb` is two). Empty segments between
    /// others are kept; slashes at the end of the path count for nothing. Never empty.
    pub segments: Vec<String>,
    /// The decoded path in bytes, when these are no UTF-8 and `segments` hold replacement characters.
    pub undecodable: Option<Vec<u8>>,
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
    /// What is served now, from memory. The server keeps documents per value: return the same `Arc` until
    /// something changes.
    fn served(&self) -> Arc<Served>;

    /// What is served to requests that come through kube-apiserver's aggregator: a group that is registered there must
    /// be found, or its APIService turns unavailable. The same `Arc` as [`Self::served`] while nothing differs.
    fn served_to_aggregator(&self) -> Arc<Served> {
        self.served()
    }

    /// Answers a request of a served group version: 404, 405 and 406 included, in this order.
    async fn answer(&self, request: ApiRequest) -> Answer;
}

/// Pages under `/debug/`, for people.
#[async_trait]
pub trait DebugPages: Send + Sync {
    /// Answers a request whose decoded path starts with `/debug/`; `None` if there is no such page. The client
    /// has been authenticated and may `get` the path.
    async fn page(&self, path: &str, raw_query: &str) -> Option<Answer>;
}
