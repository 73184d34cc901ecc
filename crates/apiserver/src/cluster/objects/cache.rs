//! One followed collection: its objects, how good they are, and those who wait for them.
//!
//! Not the one who follows: `follow` feeds it.
//!
//! **Invariant:** objects and their phase change under one lock, so a reader never sees a cache that is being
//! emptied as a collection without objects.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_adapter::cluster::ListError;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::index::{Identity, Index, Snapshot};
use crate::cluster::metrics::ClusterMetrics;

/// The objects of a collection as the API server last told.
#[derive(Debug)]
pub struct Cache {
    /// The collection, for logs: `pods`, `deployments.apps in team-a`.
    pub name: String,
    state: Mutex<State>,
    changed: Notify,
    metrics: ClusterMetrics,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    index: Index,
    used: Instant,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// The first list is under way.
    Filling,
    /// Follows the API server.
    Current,
    /// Was current until `since` and cannot be followed; the objects are those of then.
    Stale { since: Instant },
    /// The first list failed. Nobody follows any more.
    Failed { at: Instant, error: ListError },
    /// Nobody follows any more.
    Ended,
}

/// What a reader finds.
#[derive(Debug)]
pub enum Reading {
    Objects(Vec<Snapshot>),
    /// The cache is no longer followed; take another.
    Ended,
}

impl Cache {
    pub fn new(name: String, metrics: ClusterMetrics) -> Self {
        let state = State { phase: Phase::Filling, index: Index::default(), used: Instant::now() };
        Self { name, state: Mutex::new(state), changed: Notify::new(), metrics }
    }

    /// The objects of `namespace`, or of all. Waits for the first list until `deadline`.
    pub async fn read(&self, namespace: Option<&str>, deadline: Instant) -> Result<Reading, ListError> {
        let changed = self.changed.notified();
        tokio::pin!(changed);
        loop {
            changed.as_mut().enable();
            if let Some(reading) = self.try_read(namespace)? {
                return Ok(reading);
            }
            if tokio::time::timeout_at(deadline, changed.as_mut()).await.is_err() {
                let text = format!("the first list of {} is not complete in time", self.name);
                return Err(ListError::Unreachable(text));
            }
            changed.set(self.changed.notified());
        }
    }

    fn try_read(&self, namespace: Option<&str>) -> Result<Option<Reading>, ListError> {
        let mut state = self.lock();
        match &state.phase {
            Phase::Filling => {}
            Phase::Failed { error, .. } => return Err(error.clone()),
            Phase::Ended => return Ok(Some(Reading::Ended)),
            Phase::Current | Phase::Stale { .. } => {
                state.used = Instant::now();
                let objects = match namespace {
                    Some(namespace) => vec![state.index.namespace(namespace)],
                    None => state.index.all(),
                };
                return Ok(Some(Reading::Objects(objects)));
            }
        }
        state.used = Instant::now();
        Ok(None)
    }

    /// Whether a reader finds objects at once.
    pub fn is_filled(&self) -> bool {
        matches!(self.lock().phase, Phase::Current | Phase::Stale { .. })
    }

    /// How the first list failed and how long ago, if it did.
    pub fn failure(&self) -> Option<(ListError, Duration)> {
        match &self.lock().phase {
            Phase::Failed { at, error } => Some((error.clone(), at.elapsed())),
            _ => None,
        }
    }

    /// Whether nobody follows any more.
    pub fn is_over(&self) -> bool {
        matches!(self.lock().phase, Phase::Failed { .. } | Phase::Ended)
    }

    /// When somebody last asked.
    pub fn used(&self) -> Instant {
        self.lock().used
    }

    /// Takes a complete list.
    pub fn fill(&self, index: Index) {
        self.metrics.listed();
        let _old = self.change(|state| {
            let old = std::mem::replace(&mut state.index, index);
            state.phase = Phase::Current;
            old
        });
        self.changed.notify_waiters();
    }

    /// The API server answers again.
    pub fn renew(&self) {
        let was = self.change(|state| std::mem::replace(&mut state.phase, Phase::Current));
        if let Phase::Stale { since } = was {
            let age = since.elapsed().as_secs();
            tracing::info!(collection = self.name, age, "the API server can be followed again");
        }
    }

    pub fn apply(&self, object: Identity) {
        self.change(|state| state.index.apply(object));
    }

    pub fn remove(&self, object: &Identity) {
        self.change(|state| state.index.remove(&object.namespace, &object.name));
    }

    /// A list could not be had. True if following should end: there is nothing old to go on with, or the type
    /// is gone.
    pub fn fail(&self, error: ListError) -> bool {
        let gone = matches!(error, ListError::Refused { code: 404, .. });
        if self.is_filled() && !gone {
            self.interrupt(&error.to_string());
            return false;
        }
        // The error is the answer of whoever asked, who knows what it was asked for.
        tracing::debug!(collection = self.name, error = error.to_string(), "objects cannot be listed");
        let _old = self.change(|state| {
            state.phase = Phase::Failed { at: Instant::now(), error };
            std::mem::take(&mut state.index)
        });
        self.changed.notify_waiters();
        true
    }

    /// The API server cannot be followed for now; what is known stays.
    pub fn interrupt(&self, reason: &str) {
        let since = self.change(|state| match state.phase {
            Phase::Stale { since } => since,
            _ => {
                let since = Instant::now();
                state.phase = Phase::Stale { since };
                since
            }
        });
        let age = since.elapsed().as_secs();
        tracing::warn!(
            collection = self.name,
            reason,
            age,
            "the API server cannot be followed; answers use the objects of {age} s ago"
        );
    }

    /// Forgets everything; readers have to take another cache.
    pub fn end(&self) {
        let _old = self.change(|state| {
            if !matches!(state.phase, Phase::Failed { .. }) {
                state.phase = Phase::Ended;
            }
            std::mem::take(&mut state.index)
        });
        self.changed.notify_waiters();
    }

    /// Changes the state and tells the metrics what that changed.
    fn change<T>(&self, edit: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let before = weight(&state);
        let result = edit(&mut state);
        let after = weight(&state);
        drop(state);
        self.metrics.held(after.filled - before.filled, after.objects - before.objects);
        self.metrics.stale(after.stale - before.stale);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.end();
    }
}

struct Weight {
    filled: i64,
    stale: i64,
    objects: i64,
}

fn weight(state: &State) -> Weight {
    let stale = matches!(state.phase, Phase::Stale { .. });
    let filled = stale || state.phase == Phase::Current;
    Weight { filled: filled.into(), stale: stale.into(), objects: state.index.len() as i64 }
}
