//! One question at a time: who asks what is being asked already waits for that answer.
//!
//! **Invariant:** the question goes on when the one who asked first goes away, and ends when this value is
//! dropped.

use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashMap};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The most questions under way; a stranger who asks and hangs up must not fill the memory.
pub const MOST: usize = 2_000;

type Waiting<K, V> = Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>;

/// Questions under way by key.
pub struct Flights<K, V> {
    waiting: Waiting<K, V>,
    tasks: Mutex<JoinSet<()>>,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new() -> Self {
        Self { waiting: Waiting::default(), tasks: Mutex::default() }
    }

    /// The answer to `key`: that of the question under way, or that of `ask`. `None` if there are too many
    /// questions already.
    pub async fn answer<Q, F>(&self, key: &Q, own: impl FnOnce() -> K, ask: impl FnOnce() -> F) -> Option<V>
    where
        Q: Hash + Equivalent<K>,
        F: Future<Output = V> + Send + 'static,
    {
        let mut answer = self.join(key, own, ask)?;
        let answered = answer.wait_for(Option::is_some).await.ok()?;
        answered.clone()
    }

    fn join<Q, F>(
        &self,
        key: &Q,
        own: impl FnOnce() -> K,
        ask: impl FnOnce() -> F,
    ) -> Option<watch::Receiver<Option<V>>>
    where
        Q: Hash + Equivalent<K>,
        F: Future<Output = V> + Send + 'static,
    {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = waiting.get(key) {
            return Some(answer.clone());
        }
        if waiting.len() >= MOST {
            return None;
        }
        let key = own();
        let (tell, answer) = watch::channel(None);
        waiting.insert(key.clone(), answer.clone());
        drop(waiting);
        let landing = Landing { waiting: self.waiting.clone(), key };
        let asked = ask();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let value = asked.await;
            drop(landing);
            tell.send_replace(Some(value));
        });
        Some(answer)
    }
}

/// Takes the question off the list, also when its task panics or is aborted.
struct Landing<K: Hash + Eq, V> {
    waiting: Waiting<K, V>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
