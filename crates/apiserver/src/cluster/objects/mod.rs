//! The objects of the cluster, from watch caches that start with the first question and end when nobody asks.
//!
//! A type is followed in the namespaces that are asked for, and as a whole once they are more than a few: a
//! first answer costs one namespace, a namespaced Role is enough, and a busy cluster costs one watch per type.
//!
//! **Invariant:** answering from a filled cache asks nobody and copies pointers only.

mod cache;
mod follow;
mod index;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hashbrown::HashMap;
use kube::Client;
use plimsoll_adapter::cluster::{ApiResource, ListError, ObjectMeta, Objects, Scope};
use plimsoll_model::selector::Selector;
use tokio::time::Instant;

use self::cache::{Cache, Reading};
use self::follow::{Collection, follow};
pub use self::index::Snapshot;
use super::background::Background;
use super::metrics::ClusterMetrics;

/// How many namespaces of a type are followed before the whole type is.
const FEW_NAMESPACES: usize = 4;
/// The most namespaces of a type that are followed one by one, where the whole type may not be listed.
const MOST_NAMESPACES: usize = 256;
/// How long a failed first list is the answer before the next request tries again.
const FAILURE_KEPT: Duration = Duration::from_secs(1);
/// How long following a whole type is not tried again after it was forbidden, or failed.
const FORBIDDEN_KEPT: Duration = Duration::from_secs(600);
const WHOLE_FAILURE_KEPT: Duration = Duration::from_secs(30);

/// How long to wait and to keep.
#[derive(Debug, Clone)]
pub struct ObjectSettings {
    /// The longest a request waits for the first list of its type.
    pub first_list: Duration,
    /// How long a type is followed after the last question about it.
    pub idle: Duration,
}

impl Default for ObjectSettings {
    fn default() -> Self {
        Self { first_list: Duration::from_secs(10), idle: Duration::from_secs(600) }
    }
}

/// Watch caches for the resource types that are asked for.
pub struct ObjectCache {
    client: Client,
    settings: ObjectSettings,
    metrics: ClusterMetrics,
    /// Types by whether only running pods are meant.
    types: [Mutex<HashMap<ApiResource, Arc<Followed>>>; 2],
}

impl ObjectCache {
    /// Starts nothing until the first question.
    pub fn new(client: Client, settings: ObjectSettings, metrics: ClusterMetrics) -> Self {
        Self { client, settings, metrics, types: Default::default() }
    }

    /// The objects in `scope`, unfiltered, in list order: one snapshot per namespace.
    pub async fn snapshots(
        &self,
        resource: &ApiResource,
        scope: Scope<'_>,
    ) -> Result<Vec<Snapshot>, ListError> {
        if let Some(namespace) = scope.namespace {
            if !resource.namespaced || !is_path_segment(namespace) {
                return Err(not_found());
            }
            if !is_namespace_name(namespace) {
                return Ok(Vec::new());
            }
        }
        let followed = self.followed(resource, scope.running);
        let deadline = Instant::now() + self.settings.first_list;
        loop {
            let cache = match scope.namespace {
                Some(namespace) => followed.namespace(self, namespace),
                None => followed.whole(self),
            };
            if let Reading::Objects(objects) = cache.read(scope.namespace, deadline).await? {
                return Ok(objects);
            }
        }
    }

    fn followed(&self, resource: &ApiResource, running: bool) -> Arc<Followed> {
        let mut types = self.types[usize::from(running)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(followed) = types.get(resource) {
            return followed.clone();
        }
        let followed =
            Arc::new(Followed { resource: resource.clone(), running, places: Mutex::new(Places::default()) });
        types.insert(resource.clone(), followed.clone());
        followed
    }

    fn start(&self, of: &Followed, namespace: Option<&str>) -> Entry {
        let name = of.name(namespace);
        tracing::debug!(collection = name, "following");
        let cache = Arc::new(Cache::new(name, self.metrics.clone()));
        let collection = Collection {
            path: of.path(namespace),
            field_selector: of.running.then_some("status.phase=Running"),
        };
        let (client, idle, metrics) = (self.client.clone(), self.settings.idle, self.metrics.clone());
        let fed = cache.clone();
        let task = Background::spawn(async move { follow(client, collection, &fed, idle, metrics).await });
        Entry { cache, _task: task }
    }
}

#[async_trait]
impl Objects for ObjectCache {
    async fn list(
        &self,
        resource: &ApiResource,
        scope: Scope<'_>,
        selector: &Selector,
    ) -> Result<Vec<Arc<ObjectMeta>>, ListError> {
        let snapshots = self.snapshots(resource, scope).await?;
        let objects = snapshots.iter().flat_map(|snapshot| snapshot.iter());
        if selector.requirements.is_empty() {
            return Ok(objects.cloned().collect());
        }
        Ok(objects.filter(|object| selector.matches(|key| object.label(key))).cloned().collect())
    }
}

/// One resource type, followed as a whole or in some namespaces.
#[derive(Debug)]
struct Followed {
    resource: ApiResource,
    running: bool,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    whole: Option<Entry>,
    namespaces: HashMap<Box<str>, Entry>,
}

/// A cache and the task that feeds it.
#[derive(Debug)]
struct Entry {
    cache: Arc<Cache>,
    _task: Background,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.cache.end();
    }
}

impl Entry {
    /// Whether a request that comes now should start another one.
    fn is_spent(&self) -> bool {
        match self.cache.failure() {
            Some((_, age)) => age >= FAILURE_KEPT,
            None => self.cache.is_over(),
        }
    }
}

impl Followed {
    /// The cache of the whole type.
    fn whole(&self, of: &ObjectCache) -> Arc<Cache> {
        let mut places = self.places();
        if places.whole.as_ref().is_none_or(Entry::is_spent) {
            places.whole = None;
        }
        places.whole.get_or_insert_with(|| of.start(self, None)).cache.clone()
    }

    /// The cache in which the objects of `namespace` are.
    fn namespace(&self, of: &ObjectCache, namespace: &str) -> Arc<Cache> {
        let mut places = self.places();
        if let Some(whole) = &places.whole
            && whole.cache.is_filled()
        {
            let cache = whole.cache.clone();
            places.namespaces.clear();
            return cache;
        }
        if let Some(entry) = places.namespaces.get(namespace)
            && !entry.is_spent()
        {
            return entry.cache.clone();
        }
        places.namespaces.retain(|_, entry| !entry.is_spent());
        if places.namespaces.len() >= MOST_NAMESPACES {
            drop(places);
            return self.whole(of);
        }
        if places.namespaces.len() >= FEW_NAMESPACES && places.may_try_whole() {
            places.whole = Some(of.start(self, None));
        }
        let entry = of.start(self, Some(namespace));
        let cache = entry.cache.clone();
        places.namespaces.insert(namespace.into(), entry);
        cache
    }

    fn name(&self, namespace: Option<&str>) -> String {
        let ApiResource { group, plural, .. } = &self.resource;
        let mut name = if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") };
        if self.running {
            name.push_str(" (running)");
        }
        if let Some(namespace) = namespace {
            name.push_str(" in ");
            name.push_str(namespace);
        }
        name
    }

    fn path(&self, namespace: Option<&str>) -> String {
        let ApiResource { group, version, plural, .. } = &self.resource;
        let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        match namespace {
            Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{version}/{plural}"),
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Whether the whole type is neither followed nor known to be out of reach.
    fn may_try_whole(&self) -> bool {
        let Some(whole) = &self.whole else { return true };
        match whole.cache.failure() {
            Some((ListError::Refused { code: 401 | 403, .. }, age)) => age >= FORBIDDEN_KEPT,
            Some((_, age)) => age >= WHOLE_FAILURE_KEPT,
            None => whole.cache.is_over(),
        }
    }
}

/// What the API server answers where a path leads nowhere.
fn not_found() -> ListError {
    ListError::Refused {
        code: 404,
        reason: "NotFound".to_owned(),
        message: "the server could not find the requested resource".to_owned(),
    }
}

/// Whether a text may stand between two slashes of a path (`apimachinery/pkg/api/validation/path/name.go`).
fn is_path_segment(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '%'])
}

/// Whether a namespace may have this name (RFC 1123 label). Others have no objects, so nobody need be asked.
fn is_namespace_name(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().all(|byte| inner(&byte) || byte == b'-')
        && text.as_bytes().first().is_some_and(inner)
        && text.as_bytes().last().is_some_and(inner)
}
