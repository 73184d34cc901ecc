//! A back-end that speaks the HTTP API of Prometheus.
//!
//! One [`Client`] stands for one server (Prometheus, Thanos, Mimir, VictoriaMetrics, a managed
//! service). It asks and decodes; it does not cache, and knows nothing of rules.
//!
//! **Invariant:** every call ends within its time limit, holds a bounded amount of memory, and leaves
//! nothing behind when it is dropped.

mod address;
mod body;
mod client;
mod connection;
mod credentials;
mod failure;
mod foreign;
#[cfg(test)]
mod hostile_input;
mod json_text;
mod metrics;
mod name_matcher;
mod number;
mod query_answer;
mod series_answer;
mod series_shapes;
mod settings;
mod transport;
mod trust;
mod watched_file;

pub use client::Client;
pub use metrics::{ClientMetrics, ErrorReason};
pub use series_shapes::ShapeLimits;
pub use settings::{BuildError, ClientSettings, FileRole, Limits, Verb};
