//! The addresses of a node's pods.
//!
//! **Invariant:** an address is leased to one pod at a time.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

/// The free addresses of a /24 network. The longest unused one is leased next, so that a
/// scraper does not take a new pod for an old one.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    free: Arc<Mutex<VecDeque<Ipv4Addr>>>,
}

impl Addresses {
    /// All addresses but the network's, the node's own (1) and the broadcast's.
    pub(super) fn new([a, b, c]: [u8; 3]) -> Self {
        Self { free: Arc::new(Mutex::new((2..255).map(|last| Ipv4Addr::new(a, b, c, last)).collect())) }
    }

    /// Leases an address; `None` when all are taken.
    pub(super) fn lease(&self) -> Option<Lease> {
        let address = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
        Some(Lease { address, pool: self.clone() })
    }
}

/// An address in use; given back on drop.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    pool: Addresses,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_only_after_all_others() {
        let pool = Addresses::new([10, 244, 0]);
        let first = pool.lease().map(|lease| lease.address);
        let rest: Vec<_> = (0..252).map(|_| pool.lease().map(|lease| lease.address)).collect();
        assert!(!rest.contains(&first));
        assert_eq!(pool.lease().map(|lease| lease.address), first);
    }

    #[test]
    fn a_full_network_leases_nothing() {
        let pool = Addresses::new([10, 244, 0]);
        let held: Vec<_> = std::iter::from_fn(|| pool.lease()).collect();
        assert_eq!(held.len(), 253);
        assert!(pool.lease().is_none());
    }
}
