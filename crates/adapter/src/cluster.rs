//! What the rules need to know of a cluster: its resource types and the objects of a type.
//!
//! **Invariant:** plain data and one trait; whoever talks to a real API server implements it.

use std::sync::Arc;

use async_trait::async_trait;
use plimsoll_model::selector::Selector;

/// A resource type as discovery describes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiResource {
    /// API group, empty for core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural name, lower case.
    pub plural: String,
    /// Singular name; discovery may leave it empty.
    pub singular: String,
    /// Kind.
    pub kind: String,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Short names, which kubectl accepts and configurations must not use; known so that advice can name them.
    pub short_names: Vec<String>,
}

/// The labels of an object, sorted by key. Objects of one owner usually share one set.
pub type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// The identity of an object that metrics describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its labels, sorted by key.
    pub labels: Labels,
}

impl ObjectMeta {
    /// The value of the label `key`.
    pub fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.labels[at].1)
    }
}

/// Why the objects of a type could not be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The API server answered with a `Status`.
    #[error("the Kubernetes API answered {code} {reason}: {message}")]
    Refused { code: u16, reason: String, message: String },
    /// No answer, or none in time.
    #[error("the Kubernetes API cannot be reached: {0}")]
    Unreachable(String),
}

/// Which objects of a resource type are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope<'a> {
    /// Only objects of this namespace; `None` for cluster-scoped types or all namespaces.
    pub namespace: Option<&'a str>,
    /// Only pods whose `status.phase` is `Running` (metadata alone does not carry the phase).
    pub running: bool,
}

/// The objects of a cluster, from a cache that follows it.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Lists the objects of `resource` in `scope` that match `selector`, in the API server's list order.
    /// The first call for a type may wait for its cache to fill; later ones answer from memory.
    async fn list(
        &self,
        resource: &ApiResource,
        scope: Scope<'_>,
        selector: &Selector,
    ) -> Result<Vec<Arc<ObjectMeta>>, ListError>;
}
