//! Metrics of the server about itself, and the text form of all metrics of the process.
//!
//! **Invariant:** label values come from closed sets: what is served, and the verbs and codes of this server.
//! Nothing that a client writes into a path becomes a label value.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::negotiate::accept;
use crate::route::Answer;

mod process;

/// What a request was, in label values of bounded number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) verb: &'static str,
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) resource: Arc<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    verb: &'static str,
    group: &'static str,
    version: &'static str,
    resource: Arc<String>,
    code: u16,
}

/// The metrics of the server.
#[derive(Clone)]
pub(crate) struct ServerMetrics {
    requests: Family<OutcomeLabels, Counter>,
    durations: Family<RequestLabels, Histogram>,
    /// Requests received and not answered.
    pub(crate) pending: Gauge,
    /// Those of them whose sender is known.
    pub(crate) in_flight: Gauge,
    /// Bytes of their heads.
    pub(crate) pending_bytes: Gauge,
    /// Requests of anonymous clients that are being answered.
    pub(crate) anonymous: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Counter,
    pub(crate) handshake_errors: Counter,
    /// The label of a request for no resource.
    pub(crate) no_resource: Arc<String>,
}

impl ServerMetrics {
    /// Creates the metrics and registers them, and those of the process, with `registry`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            pending: Gauge::default(),
            in_flight: Gauge::default(),
            pending_bytes: Gauge::default(),
            anonymous: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            handshake_errors: Counter::default(),
            no_resource: Arc::default(),
        };
        registry.register(
            "apiserver_request",
            "Requests answered, by verb, served group, version and resource, and HTTP status",
            metrics.requests.clone(),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "Time from the head of a request to its answer",
            metrics.durations.clone(),
        );
        registry.register(
            "apiserver_pending_requests",
            "Requests received and not answered yet",
            metrics.pending.clone(),
        );
        registry.register(
            "apiserver_current_inflight_requests",
            "Requests whose sender is known and that are being answered",
            metrics.in_flight.clone(),
        );
        registry.register(
            "apiserver_open_connections",
            "Connections that are open, handshakes included",
            metrics.connections.clone(),
        );
        registry.register(
            "apiserver_connections_refused",
            "Connections that were closed at once because their address has too many",
            metrics.connections_refused.clone(),
        );
        registry.register(
            "apiserver_tls_handshake_errors",
            "Handshakes that failed or took too long",
            metrics.handshake_errors.clone(),
        );
        registry.register_collector(Box::new(process::Process));
        metrics
    }

    pub(crate) fn observe(&self, labels: RequestLabels, code: StatusCode, elapsed: Duration) {
        self.durations.get_or_create(&labels).observe(elapsed.as_secs_f64());
        let RequestLabels { verb, group, version, resource } = labels;
        let labels = OutcomeLabels { verb, group, version, resource, code: code.as_u16() };
        self.requests.get_or_create(&labels).inc();
    }
}

/// The verb of a request as upstream's metrics write it.
pub(crate) fn verb_label(verb: &str) -> &'static str {
    match verb {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" | "post" => "POST",
        "update" | "put" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        "head" => "HEAD",
        _ => "other",
    }
}

/// `/metrics`: OpenMetrics for clients that ask for it, else the older text format.
pub(crate) fn page(registry: &Registry, headers: &HeaderMap) -> Answer {
    let mut text = String::new();
    let open = accept(headers).contains("application/openmetrics-text");
    let (status, content_type) = match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) if open => (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        Ok(()) => {
            text = older_text(&text);
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8")
        }
        Err(_) => {
            text = "the metrics could not be written\n".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8")
        }
    };
    Answer { status, content_type, body: Bytes::from(text), warnings: Vec::new() }
}

/// Turns OpenMetrics text into the format that came before: counters are typed under their full name, and there
/// is neither a unit nor an end mark.
fn older_text(open: &str) -> String {
    let mut out = String::with_capacity(open.len() + 256);
    let mut help: Option<(&str, &str)> = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').or(Some((rest, "")));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            if let Some((described, text)) = help.take()
                && described == name
            {
                out.push_str(&format!("# HELP {name}{suffix} {text}\n"));
            }
            out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with("# ") {
            // An exemplar follows the value behind " # ".
            out.push_str(line.split_once(" # {").map_or(line, |(sample, _)| sample));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_text_types_counters_by_their_full_name() {
        let mut registry = Registry::default();
        let metrics = ServerMetrics::register(&mut registry);
        let resource = Arc::new("pods".to_owned());
        let labels = RequestLabels { verb: "GET", group: "g", version: "v1", resource };
        metrics.observe(labels, StatusCode::OK, Duration::from_millis(3));
        let answer = page(&registry, &HeaderMap::new());
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains("# TYPE apiserver_request_total counter\n"), "{text}");
        let sample = "apiserver_request_total{verb=\"GET\",group=\"g\",version=\"v1\",resource=\"pods\",code=\"200\"} 1\n";
        assert!(text.contains(sample), "{text}");
        assert!(text.contains("# TYPE process_resident_memory_bytes gauge\n"), "{text}");
        assert!(!text.contains("# EOF"), "{text}");
        assert_eq!(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    }

    #[test]
    fn a_client_that_asks_for_openmetrics_gets_it() {
        let mut headers = HeaderMap::new();
        let value =
            http::HeaderValue::from_static("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
        headers.insert(http::header::ACCEPT, value);
        let answer = page(&Registry::default(), &headers);
        assert!(answer.body.ends_with(b"# EOF\n"));
    }
}
