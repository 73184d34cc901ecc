//! How a Kubernetes aggregated API server behaves, and the three metrics groups on it.
//!
//! A request passes in one direction: connection ([`serve`]) → deadline, identity, permission
//! ([`identity`]) → route → group handler ([`route`]) → encoding ([`encode`]). Nothing here knows PromQL.
//!
//! **Invariant:** an answer to discovery never waits for a back-end.

mod access;
mod audit;
pub mod cluster;
mod deadline;
mod discovery;
pub mod encode;
pub mod groups;
pub mod health;
pub mod identity;
mod metrics;
pub mod negotiate;
mod openapi;
mod pipeline;
mod protobuf;
pub mod query;
mod request_info;
pub mod route;
pub mod serve;
pub mod status;
pub mod tls;
mod version;
pub mod wire;
pub mod yaml;

pub use access::{AlwaysAllow, AlwaysAllowError};
pub use version::VersionInfo;
