//! Self-metrics of everything that talks to the API server.
//!
//! **Invariant:** every label value is a variant of an enum of this file.

use std::fmt::Write as _;
use std::future::Future;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::client::CallError;

/// Declares a label: a closed set of values.
macro_rules! label {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                encoder.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

label! {
    /// What is asked of the API server.
    Operation {
        Discovery = "discovery",
        List = "list",
        Watch = "watch",
        ConfigMap = "config_map",
        TokenReview = "token_review",
        AccessReview = "access_review",
    }
}

label! {
    /// How a call ended.
    Outcome {
        Answered = "answered",
        Refused = "refused",
        Unreachable = "unreachable",
        Unreadable = "unreadable",
    }
}

label! {
    /// Which authenticator knew the client.
    Method {
        RequestHeader = "request_header",
        ClientCertificate = "client_certificate",
        Token = "token",
        Anonymous = "anonymous",
        Rejected = "rejected",
    }
}

label! {
    /// Where a decision came from.
    Source { Cache = "cache", Review = "review", Group = "group" }
}

label! {
    /// What was decided.
    Verdict { Allowed = "allowed", Denied = "denied", Undecided = "undecided" }
}

impl Outcome {
    /// Of a call that made or failed to make an answer.
    pub fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(CallError::Refused { .. }) => Self::Refused,
            Err(CallError::Unreachable(_)) => Self::Unreachable,
            Err(CallError::Unreadable(_)) => Self::Unreadable,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: Operation,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: Method,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    verdict: Verdict,
    source: Source,
}

/// Counters shared by clients, caches and authenticators. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ClusterMetrics {
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<OperationLabels, Histogram>,
    discovery_failures: Gauge,
    caches: Gauge,
    stale_caches: Gauge,
    objects: Gauge,
    relists: Counter,
    authentications: Family<MethodLabels, Counter>,
    decisions: Family<VerdictLabels, Counter>,
}

impl Default for ClusterMetrics {
    fn default() -> Self {
        let buckets = || Histogram::new([0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        Self {
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(buckets),
            discovery_failures: Gauge::default(),
            caches: Gauge::default(),
            stale_caches: Gauge::default(),
            objects: Gauge::default(),
            relists: Counter::default(),
            authentications: Family::default(),
            decisions: Family::default(),
        }
    }
}

impl ClusterMetrics {
    /// Adds everything to `registry` under `kubernetes_…`; give it a registry with the program's prefix.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("kubernetes");
        registry.register("calls", "Calls to the Kubernetes API server.", self.calls.clone());
        registry.register("call_seconds", "How long these calls took.", self.call_seconds.clone());
        registry.register(
            "discovery_failures",
            "Group versions whose resources could not be read in the last round.",
            self.discovery_failures.clone(),
        );
        registry.register("object_caches", "Watch caches that hold objects.", self.caches.clone());
        registry.register(
            "object_caches_stale",
            "Watch caches that answer from an old state because the API server cannot be followed.",
            self.stale_caches.clone(),
        );
        registry.register("objects", "Objects held by the watch caches.", self.objects.clone());
        registry.register("object_lists", "Complete lists read into a watch cache.", self.relists.clone());
        registry.register(
            "authentications",
            "Requests by the way in which the client was known.",
            self.authentications.clone(),
        );
        registry.register("decisions", "Decisions about permission.", self.decisions.clone());
    }

    /// Runs a call and counts and times it.
    pub async fn timed<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let started = Instant::now();
        let result = call.await;
        self.count(operation, Outcome::of(&result));
        self.call_seconds
            .get_or_create(&OperationLabels { operation })
            .observe(started.elapsed().as_secs_f64());
        result
    }

    /// Counts a call.
    pub fn count(&self, operation: Operation, outcome: Outcome) {
        self.calls.get_or_create(&CallLabels { operation, outcome }).inc();
    }

    pub fn discovery_failures(&self, count: usize) {
        self.discovery_failures.set(count as i64);
    }

    /// A complete list was read.
    pub fn listed(&self) {
        self.relists.inc();
    }

    /// Caches that hold objects changed by `caches`, their objects by `objects`.
    pub fn held(&self, caches: i64, objects: i64) {
        self.caches.inc_by(caches);
        self.objects.inc_by(objects);
    }

    pub fn stale(&self, by: i64) {
        self.stale_caches.inc_by(by);
    }

    pub fn authenticated(&self, method: Method) {
        self.authentications.get_or_create(&MethodLabels { method }).inc();
    }

    pub fn decided(&self, verdict: Verdict, source: Source) {
        self.decisions.get_or_create(&VerdictLabels { verdict, source }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_as_words() {
        let metrics = ClusterMetrics::default();
        metrics.count(Operation::TokenReview, Outcome::Refused);
        metrics.authenticated(Method::RequestHeader);
        metrics.decided(Verdict::Denied, Source::Cache);
        metrics.held(1, 40);
        let mut registry = Registry::with_prefix("plimsoll");
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            r#"plimsoll_kubernetes_calls_total{operation="token_review",outcome="refused"} 1"#,
            r#"plimsoll_kubernetes_authentications_total{method="request_header"} 1"#,
            r#"plimsoll_kubernetes_decisions_total{verdict="denied",source="cache"} 1"#,
            "plimsoll_kubernetes_objects 40",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
        }
    }
}
