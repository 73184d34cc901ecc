//! Follows one collection of the API server: list, then watch, then list again when the thread is lost.
//!
//! Metadata only, by plain LIST and WATCH: streaming lists are newer than the oldest server spoken to. kube's
//! own watcher is not used because it starts a watch again at once whenever one ends, and cannot fall back
//! to listing where only `list` is permitted.
//!
//! **Invariant:** between two lists, and between two watches that ended early, there is a pause that grows.

use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use tokio::time::{Instant, sleep, timeout};

use super::cache::Cache;
use super::index::Index;
use super::wire::{Object, Page};
use crate::cluster::client::{CallError, call};
use crate::cluster::metrics::{ClusterMetrics, Operation, Outcome};

/// Objects per page of a list, as client-go asks for.
const PAGE: u32 = 500;
/// How long one page, or the head of a watch, may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// How long the server keeps a watch open.
const WATCH_SECONDS: u32 = 290;
/// A watch without a sign for longer than this is dead: the server should have closed it.
const WATCH_LIMIT: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 5);
/// A list or watch that lasted shorter than this counts as a failure when the pause is chosen.
const STEADY: Duration = Duration::from_secs(5);
/// How often a collection is listed that may not be watched.
const POLL: Duration = Duration::from_secs(10);
/// Lists started anew because a page came too late for its list.
const LIST_ATTEMPTS: usize = 3;

/// What is followed.
#[derive(Debug, Clone)]
pub struct Collection {
    /// For example `/api/v1/pods` or `/apis/apps/v1/namespaces/team-a/deployments`.
    pub path: String,
    /// Only what this selects.
    pub field_selector: Option<&'static str>,
}

/// Follows `collection` into `cache` until its first list fails, or nobody has read for `idle`.
pub async fn follow(
    client: Client,
    collection: Collection,
    cache: &Cache,
    idle: Duration,
    metrics: ClusterMetrics,
) {
    let follower = Follower { client, collection, cache, metrics };
    tokio::select! {
        () = follower.run() => {}
        () = unused(cache, idle) => {
            tracing::info!(collection = cache.name, "no longer followed: nobody asks for it");
            cache.end();
        }
    }
}

/// Returns when nobody has read for `idle`.
async fn unused(cache: &Cache, idle: Duration) {
    loop {
        let until = cache.used() + idle;
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

/// The pauses between attempts.
#[derive(Debug)]
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);

    fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Waits unless the attempt that began at `began` was steady.
    async fn after(&mut self, began: Instant) {
        if began.elapsed() >= STEADY {
            self.0 = Self::FIRST;
        } else {
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(Self::LONGEST);
    }
}

struct Follower<'a> {
    client: Client,
    collection: Collection,
    cache: &'a Cache,
    metrics: ClusterMetrics,
}

impl Follower<'_> {
    async fn run(&self) {
        let mut pause = Pause::new();
        let mut told = false;
        loop {
            match self.list().await {
                Ok((index, version)) => {
                    tracing::debug!(collection = self.cache.name, objects = index.len(), "listed");
                    self.cache.fill(index);
                    let began = Instant::now();
                    if let Err(Unwatchable(reason)) = self.watch(version).await {
                        if !std::mem::replace(&mut told, true) {
                            tracing::warn!(
                                collection = self.cache.name,
                                reason,
                                "cannot be watched; it is listed every {} s instead, allow `watch` to avoid that",
                                POLL.as_secs()
                            );
                        }
                        sleep(POLL).await;
                    } else {
                        pause.after(began).await;
                    }
                }
                Err(error) => {
                    if self.cache.fail(error.into()) {
                        return;
                    }
                    pause.wait().await;
                }
            }
        }
    }

    /// Reads the whole list, page by page.
    async fn list(&self) -> Result<(Index, String), CallError> {
        let mut expired = None;
        for _ in 0..LIST_ATTEMPTS {
            match self.list_once().await {
                Err(error) if error.code() == 410 => expired = Some(error),
                result => return result,
            }
        }
        Err(expired.unwrap_or_else(|| CallError::Unreachable("the list expired".to_owned())))
    }

    async fn list_once(&self) -> Result<(Index, String), CallError> {
        let mut index = Index::default();
        let mut params = ListParams {
            field_selector: self.collection.field_selector.map(str::to_owned),
            limit: Some(PAGE),
            ..ListParams::default()
        };
        loop {
            let request = kube::core::Request::new(&self.collection.path)
                .list_metadata(&params)
                .map_err(|error| CallError::Unreachable(error.to_string()))?;
            let page: Page =
                self.metrics.timed(Operation::List, call(&self.client, request, CALL_LIMIT)).await?;
            for object in page.items.into_iter().flatten() {
                index.push(object.into_identity());
            }
            if page.metadata.next.is_empty() {
                index.settle();
                return Ok((index, page.metadata.resource_version));
            }
            params.continue_token = Some(page.metadata.next);
        }
    }

    /// Watches from `version` on, through as many watches as it takes, until a new list is needed.
    async fn watch(&self, mut version: String) -> Result<(), Unwatchable> {
        if version.is_empty() {
            return Err(Unwatchable("the list has no resourceVersion".to_owned()));
        }
        let mut pause = Pause::new();
        loop {
            let began = Instant::now();
            match self.watch_once(&mut version).await {
                Ended::Quietly => pause.after(began).await,
                Ended::Broken(reason) => {
                    self.cache.interrupt(&reason);
                    pause.wait().await;
                }
                Ended::Lost(reason) => {
                    tracing::debug!(collection = self.cache.name, reason, "listing again");
                    return Ok(());
                }
                Ended::Refused(reason) => return Err(Unwatchable(reason)),
            }
        }
    }

    async fn watch_once(&self, version: &mut String) -> Ended {
        let params = WatchParams {
            field_selector: self.collection.field_selector.map(str::to_owned),
            timeout: Some(WATCH_SECONDS),
            ..WatchParams::default()
        };
        let request = match kube::core::Request::new(&self.collection.path).watch_metadata(&params, version) {
            Ok(request) => request,
            Err(error) => return Ended::Refused(error.to_string()),
        };
        let opened = match timeout(CALL_LIMIT, self.client.request_events::<Object>(request)).await {
            Ok(opened) => opened.map_err(CallError::from),
            Err(_) => Err(CallError::Unreachable("the watch does not start".to_owned())),
        };
        self.metrics.count(Operation::Watch, Outcome::of(&opened));
        let events = match opened {
            Ok(events) => events,
            Err(error) => {
                return match error.code() {
                    410 => Ended::Lost(error.to_string()),
                    400 | 403..=406 | 501 => Ended::Refused(error.to_string()),
                    _ => Ended::Broken(error.to_string()),
                };
            }
        };
        self.cache.renew();
        futures::pin_mut!(events);
        loop {
            let Ok(next) = timeout(WATCH_LIMIT, events.next()).await else { return Ended::Quietly };
            match next {
                None => return Ended::Quietly,
                Some(Err(error)) => return Ended::Lost(CallError::from(error).to_string()),
                Some(Ok(WatchEvent::Error(status))) => return Ended::Lost(status.message),
                Some(Ok(WatchEvent::Bookmark(mark))) => *version = mark.metadata.resource_version,
                Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                    version.replace_range(.., object.version());
                    self.cache.apply(object.into_identity());
                }
                Some(Ok(WatchEvent::Deleted(object))) => {
                    version.replace_range(.., object.version());
                    self.cache.remove(&object.into_identity());
                }
            }
            if version.is_empty() {
                return Ended::Lost("an event has no resourceVersion".to_owned());
            }
        }
    }
}

/// How a watch ended.
enum Ended {
    /// By the server or the network; it can go on from where it was.
    Quietly,
    /// It could not start; later perhaps.
    Broken(String),
    /// Events may be missing: a new list is needed.
    Lost(String),
    /// The server does not let this be watched.
    Refused(String),
}

/// The collection can be listed and not watched.
struct Unwatchable(String);
