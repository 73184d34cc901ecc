//! Servers that answer what a test says: a Prometheus and a Kubernetes API, and a caller that trusts anyone.
//!
//! Not the real parts, which [`crate::cluster`] starts; here a test says what goes wrong.
//!
//! **Invariant:** each listens on a port of its own choice on the loopback, and ends with the test's runtime.

pub mod caller;
pub mod kubernetes;
mod listener;
pub mod metrics;
pub mod prometheus;

pub use listener::{Asked, Reply};
