//! How a Kubernetes aggregated API server behaves, and the three metrics groups on it.
//!
//! A request passes in one direction: connection ([`serve`]) → identity → permission
//! ([`identity`]) → route → group handler → encoding. Nothing here knows PromQL.
//!
//! **Invariant:** an answer to discovery never waits for a back-end.

pub mod cluster;
pub mod identity;
pub mod route;
