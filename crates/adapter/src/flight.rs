//! Identical work in flight is done once: whoever asks while it runs shares its result.
//!
//! Not a cache: a result is forgotten with the last caller that waited for it.
//!
//! **Invariant:** work runs only while at least one caller waits; dropping all of them cancels it.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{FutureExt, Shared, WeakShared};
use hashbrown::HashMap;

type Work<V> = Pin<Box<dyn Future<Output = V> + Send>>;

/// Work under way, by what identifies it.
pub struct Flights<K, V: Clone> {
    flying: Arc<Mutex<Flying<K, V>>>,
}

struct Flying<K, V: Clone> {
    next: u64,
    by_key: HashMap<Arc<K>, (u64, WeakShared<Work<V>>)>,
}

/// Removes its flight from the table when the work ends or is abandoned.
struct Landing<K: Eq + Hash, V: Clone> {
    flying: Arc<Mutex<Flying<K, V>>>,
    key: Arc<K>,
    number: u64,
}

impl<K: Eq + Hash, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
        // A later flight of the same key may already have taken the place.
        if flying.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            flying.by_key.remove(&self.key);
        }
    }
}

impl<K, V: Clone> Default for Flights<K, V> {
    fn default() -> Self {
        Self { flying: Arc::new(Mutex::new(Flying { next: 0, by_key: HashMap::new() })) }
    }
}

impl<K, V> Flights<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The result of the work identified by `key`: of the one under way, or of `start`.
    pub fn join<F>(&self, key: K, start: impl FnOnce() -> F) -> Shared<Work<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = flying.by_key.get(&key).and_then(|(_, weak)| weak.upgrade()) {
            return shared;
        }
        let key = Arc::new(key);
        let number = flying.next;
        flying.next += 1;
        let landing = Landing { flying: Arc::clone(&self.flying), key: Arc::clone(&key), number };
        let work = start();
        let shared = async move {
            let _landing = landing;
            work.await
        }
        .boxed()
        .shared();
        if let Some(weak) = shared.downgrade() {
            flying.by_key.insert(key, (number, weak));
        }
        shared
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner).by_key.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn callers_of_the_same_key_share_one_run() {
        let flights: Flights<&str, u32> = Flights::default();
        let runs = Arc::new(AtomicU32::new(0));
        let (release, gate) = oneshot::channel::<()>();
        let counted = Arc::clone(&runs);
        let first = flights.join("a", move || async move {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = gate.await;
            7
        });
        let second = flights.join("a", || async { unreachable!("the first run is shared") });
        let other = flights.join("b", || async { 8 });
        release.send(()).expect("the first run waits");
        assert_eq!((first.await, second.await, other.await), (7, 7, 8));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert!(flights.is_empty(), "nothing is kept after the last result");
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped_and_forgotten() {
        let flights: Flights<&str, ()> = Flights::default();
        let (held, dropped) = oneshot::channel::<()>();
        let abandoned = flights.join("a", move || async move {
            let _held = held;
            std::future::pending().await
        });
        drop(abandoned);
        assert!(dropped.await.is_err(), "the work has been dropped");
        assert!(flights.is_empty());
        flights.join("a", || async {}).await;
    }
}
