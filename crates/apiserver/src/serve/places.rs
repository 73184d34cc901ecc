//! Places for connections: so many altogether, and so many for each address.
//!
//! **Invariant:** a place is given back when its value is dropped, and an address without connections is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All places.
pub(super) struct Places {
    free: Arc<Semaphore>,
    held: Held,
    per_address: usize,
}

type Held = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A place for a connection from an address that is not known yet.
pub(super) type Place = OwnedSemaphorePermit;

/// A place that is taken.
pub(super) struct Taken {
    _place: Place,
    held: Held,
    address: IpAddr,
}

impl Places {
    pub(super) fn new(all: usize, per_address: usize) -> Self {
        let free = Arc::new(Semaphore::new(all.clamp(1, Semaphore::MAX_PERMITS)));
        Self { free, held: Held::default(), per_address: per_address.max(1) }
    }

    /// Waits for a free place.
    pub(super) async fn free(&self) -> Option<Place> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Gives `place` to a connection from `address`, unless it has enough of them.
    pub(super) fn take(&self, place: Place, address: IpAddr) -> Option<Taken> {
        // An IPv4 client of a socket for both is the same client.
        let address = address.to_canonical();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Taken { _place: place, held: Arc::clone(&self.held), address })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = held.entry(self.address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_gets_so_many_places_and_is_forgotten_when_it_leaves() {
        let places = Places::new(10, 2);
        let take = async |address: &str| {
            let place = places.free().await.expect("a place");
            places.take(place, address.parse().expect("an address"))
        };
        let first = take("10.0.0.1").await.expect("the first");
        let second = take("::ffff:10.0.0.1").await.expect("the second");
        assert!(take("10.0.0.1").await.is_none());
        let other = take("10.0.0.2").await.expect("another address");
        drop(second);
        let third = take("10.0.0.1").await.expect("a place that was given back");
        drop((first, third, other));
        assert!(places.held.lock().expect("no panic").is_empty());
        assert_eq!(places.free.available_permits(), 10);
    }
}
