//! What the client tells about itself.
//!
//! **Invariant:** labels come from closed sets: two paths, the configured servers, the reasons below.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the duration buckets, in seconds: those of the Go client library.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of all clients of a process; clones share them.
#[derive(Debug, Clone)]
pub struct ClientMetrics {
    durations: Family<RequestLabels, Histogram, fn() -> Histogram>,
    errors: Family<ErrorLabels, Counter>,
    in_flight: Gauge<i64, AtomicI64>,
}

/// Why a call gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorReason {
    /// The host name is unknown.
    Dns,
    /// Nothing listens.
    Refused,
    /// The handshake failed.
    Tls,
    /// The connection could not be made or broke for another reason.
    Connection,
    /// No answer in time.
    Timeout,
    /// An error in Prometheus' own format.
    Rejected,
    /// An answer that is none of a Prometheus API.
    NotPrometheus,
    /// The answer exceeds a bound.
    TooLarge,
    /// Credentials or certificates could not be read.
    Credentials,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    path: &'static str,
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    reason: ErrorReason,
}

impl ClientMetrics {
    /// Registers the metrics, once per registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            errors: Family::default(),
            in_flight: Gauge::default(),
        };
        registry.register(
            "prometheus_adapter_prometheus_client_request_duration_seconds",
            "Time until the whole answer of Prometheus, in seconds; requests without an answer are not counted",
            metrics.durations.clone(),
        );
        registry.register(
            "plimsoll_prometheus_errors",
            "Calls to Prometheus without a result, by reason",
            metrics.errors.clone(),
        );
        registry.register(
            "plimsoll_prometheus_requests_in_flight",
            "Calls to Prometheus that are under way or wait for their turn",
            metrics.in_flight.clone(),
        );
        metrics
    }

    pub(super) fn observe(&self, path: &'static str, server: &str, elapsed: Duration) {
        self.durations
            .get_or_create(&RequestLabels { path, server: server.to_owned() })
            .observe(elapsed.as_secs_f64());
    }

    pub(super) fn count(&self, reason: ErrorReason) {
        self.errors.get_or_create(&ErrorLabels { reason }).inc();
    }

    /// Counts a call as in flight until the guard is dropped.
    pub(super) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }
}

/// A call under way.
pub(super) struct InFlight(Gauge<i64, AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl EncodeLabelValue for ErrorReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Tls => "tls",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::NotPrometheus => "not_prometheus",
            Self::TooLarge => "too_large",
            Self::Credentials => "credentials",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}
