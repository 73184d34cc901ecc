//! The way of one request: deadline, identity, permission, route, answer.
//!
//! The order is that of apiserver `server/config.go` `DefaultBuildHandlerChain`; it decides which of two faults a
//! client hears about.
//!
//! **Invariant:** whatever happens to a request, a panic included, it gets exactly one answer, and nothing else
//! is affected.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustls_pki_types::CertificateDer;
use tokio::time::Instant;

use crate::access::AlwaysAllow;
use crate::audit::{AUDIT_ID, AuditIds};
use crate::discovery::{Discovery, Reply, Snapshot, gzip};
use crate::encode;
use crate::health::Health;
use crate::identity::{Attributes, AuthenticationError, Authenticator, Authorizer, Decision, User};
use crate::metrics::{RequestLabels, ServerMetrics, verb_label};
use crate::request_info::attributes;
use crate::route::{Answer, ApiGroups, ApiRequest, DebugPages};
use crate::status::{Status, escape_markup};
use crate::{deadline, metrics, query};

/// What upstream adds to texts that a browser might take for a page.
const NO_SNIFFING: (header::HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// Bodies above this size are compressed for clients that accept it (apiserver
/// `responsewriters.defaultGzipThresholdBytes`).
const COMPRESS_ABOVE: usize = 128 * 1024;

/// Bodies above this size are compressed away from the threads that serve requests.
const COMPRESS_ELSEWHERE_ABOVE: usize = 1024 * 1024;

/// Characters of all warnings of an answer (apiserver `warning.truncateAtTotalRunes`): they repeat what the client asked
/// for, and headers have little room in some clients.
pub const WARNINGS: usize = 4 * 1024;

/// Members of this group are answered even when too many requests are in flight, as upstream does: the
/// aggregator's availability probes are among them.
const EXEMPT: &str = "system:masters";

/// Whoever shows no credentials.
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// In the extensions of a response: its sender is unknown, and is not to keep an HTTP/2 connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToStranger;

/// For each request that may be in flight, so many may wait for their sender to be authenticated. It bounds
/// memory while nobody answers token reviews, and is no matter of fairness, so that nobody is exempt.
pub const PENDING_PER_SLOT: i64 = 8;

/// Everything that requests share.
pub(crate) struct Pipeline {
    pub(crate) groups: Arc<dyn ApiGroups>,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) health: Health,
    pub(crate) debug: Option<Arc<dyn DebugPages>>,
    pub(crate) discovery: Discovery,
    /// For requests through the aggregator, where they find something else.
    pub(crate) aggregated: Discovery,
    pub(crate) always_allow: AlwaysAllow,
    /// Encoded `/version`.
    pub(crate) version: Bytes,
    pub(crate) registry: Registry,
    pub(crate) metrics: ServerMetrics,
    pub(crate) audit_ids: AuditIds,
    pub(crate) max_in_flight: i64,
    pub(crate) max_anonymous: i64,
    pub(crate) max_pending_bytes: i64,
    pub(crate) request_timeout: Duration,
    pub(crate) max_uri_bytes: usize,
}

/// What is known of a request beside its answer.
struct Outcome {
    reply: Reply,
    labels: Option<RequestLabels>,
    /// Nobody in particular asked, or somebody whose credentials are not good.
    stranger: bool,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self { reply, labels: None, stranger: false }
    }
}

impl Pipeline {
    /// Answers a request; its body, if any, is of no interest. `peer` is the client's certificate chain.
    pub(crate) async fn respond(
        &self,
        parts: Parts,
        peer: &[CertificateDer<'static>],
    ) -> Response<Full<Bytes>> {
        let started = Instant::now();
        let audit_id = self.audit_ids.of(&parts.headers);
        let compress = accepts_gzip(&parts.headers);
        let outcome = match self.read_target(&parts) {
            Err(status) => Reply::from(failure(&status, &parts)).into(),
            Ok((attributes, limit)) => {
                let within = AssertUnwindSafe(self.answer(&parts, peer, &attributes)).catch_unwind();
                match tokio::time::timeout(limit, within).await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_)) => {
                        tracing::error!(path = attributes.path, "a request made the server panic");
                        let status = Status::internal("the server panicked; its log has the details");
                        Reply::from(failure(&status, &parts)).into()
                    }
                    Err(_) => Reply::from(timed_out()).into(),
                }
            }
        };
        let code = outcome.reply.answer.status;
        let labels = outcome.labels.unwrap_or_else(|| self.unrouted_labels());
        let mut response = finish(outcome.reply, audit_id, compress).await;
        if outcome.stranger {
            response.extensions_mut().insert(ToStranger);
        }
        let elapsed = started.elapsed();
        tracing::debug!(method = %parts.method, path = parts.uri.path(), code = code.as_u16(), ?elapsed, "answered");
        self.metrics.observe(labels, code, elapsed);
        response
    }

    fn read_target(&self, parts: &Parts) -> Result<(Attributes, Duration), Status> {
        let raw_query = parts.uri.query().unwrap_or_default();
        if parts.uri.path().len() + raw_query.len() > self.max_uri_bytes {
            return Err(Status::uri_too_long(self.max_uri_bytes));
        }
        let path =
            query::decode_path(parts.uri.path()).map_err(|error| Status::bad_request(error.to_string()))?;
        let limit = deadline::of_request(raw_query, self.request_timeout)?;
        Ok((attributes(&parts.method, &path, raw_query), limit))
    }

    async fn answer(
        &self,
        parts: &Parts,
        peer: &[CertificateDer<'static>],
        attributes: &Attributes,
    ) -> Outcome {
        let pending = Counted::new(&self.metrics.pending, 1);
        let held = Counted::new(&self.metrics.pending_bytes, head_bytes(parts));
        if pending.before >= self.max_in_flight.saturating_mul(PENDING_PER_SLOT)
            || held.before.saturating_add(held.count) > self.max_pending_bytes
        {
            return sent_away(parts).into();
        }
        let user = match self.authenticator.authenticate(parts, peer).await {
            Ok(user) => user,
            Err(error) => {
                if let AuthenticationError::Unavailable(reason) = &error {
                    tracing::warn!(%reason, "credentials could not be checked");
                }
                let reply = Reply::from(failure(&Status::unauthorized(), parts));
                let stranger = error == AuthenticationError::Unauthorized;
                return Outcome { reply, labels: None, stranger };
            }
        };
        let is_in = |name: &str| user.groups.iter().any(|group| group == name);
        let nobody = is_in(UNAUTHENTICATED);
        // The connection of a front proxy carries the requests of everybody.
        let stranger = nobody && !user.proxied;
        let away = || Outcome { reply: sent_away(parts), labels: None, stranger };
        let anonymous = nobody.then(|| Counted::new(&self.metrics.anonymous, 1));
        if anonymous.as_ref().is_some_and(|anonymous| anonymous.before >= self.max_anonymous) {
            return away();
        }
        let slot = Counted::new(&self.metrics.in_flight, 1);
        if slot.before >= self.max_in_flight && !is_in(EXEMPT) {
            return away();
        }
        if let Some(reply) = self.refusal(&user, attributes, parts).await {
            return Outcome { reply, labels: None, stranger };
        }
        let snapshot = self.snapshot(&user);
        let labels = self.labels(&snapshot, attributes);
        let reply = self.route(parts, attributes, &snapshot).await;
        Outcome { reply, labels: Some(labels), stranger }
    }

    fn snapshot(&self, user: &User) -> Arc<Snapshot> {
        let served = self.groups.served();
        if user.proxied {
            let aggregated = self.groups.served_to_aggregator();
            if !Arc::ptr_eq(&served, &aggregated) {
                return self.aggregated.snapshot(&aggregated);
            }
        }
        self.discovery.snapshot(&served)
    }

    async fn refusal(&self, user: &User, attributes: &Attributes, parts: &Parts) -> Option<Reply> {
        if self.always_allow.allows(attributes) {
            return None;
        }
        match self.authorizer.authorize(user, attributes).await {
            Decision::Allowed => None,
            Decision::Denied { reason } => {
                let status = Status::forbidden(user, attributes, &reason);
                let reply = Reply::from(failure(&status, parts));
                let (header, value) = NO_SNIFFING;
                Some(reply.with(header, value))
            }
            Decision::Undecided { error } => {
                tracing::warn!(%error, path = attributes.path, "permission could not be decided");
                Some(Reply::from(undecided(parts, &error)))
            }
        }
    }

    async fn route(&self, parts: &Parts, attributes: &Attributes, snapshot: &Snapshot) -> Reply {
        let path = attributes.path.as_str();
        if let Some(rest) = path.strip_prefix("/apis/").filter(|rest| !rest.is_empty()) {
            return self.group_route(parts, path, rest, snapshot).await;
        }
        let raw_query = parts.uri.query().unwrap_or_default();
        match path {
            "/apis" | "/apis/" => match parts.method {
                Method::GET => snapshot.groups(&parts.headers, raw_query),
                _ => Reply::from(failure(&Status::method_not_allowed(), parts)),
            },
            "/version" | "/version/" => match parts.method {
                Method::GET => Reply::from(Answer {
                    status: StatusCode::OK,
                    content_type: "application/json",
                    body: self.version.clone(),
                    warnings: Vec::new(),
                }),
                _ => Reply::from(failure(&Status::method_not_allowed(), parts)),
            },
            "/metrics" => Reply::from(metrics::page(&self.registry, &parts.headers)),
            "/openapi/v2" => snapshot.openapi.v2(&parts.headers),
            "/openapi/v3" | "/openapi/v3/" => snapshot.openapi.v3_index(&parts.headers),
            "/" | "/index.html" => self.index(StatusCode::OK, snapshot),
            _ => {
                if let Some(answer) = self.health.answer(path, raw_query) {
                    let (header, value) = NO_SNIFFING;
                    return Reply::from(answer).with(header, value);
                }
                if let Some(name) = path.strip_prefix("/openapi/v3/")
                    && let Some(reply) = snapshot.openapi.v3(name, &parts.headers, raw_query)
                {
                    return reply;
                }
                if path.starts_with("/debug/")
                    && let Some(pages) = &self.debug
                    && let Some(answer) = pages.page(path, raw_query).await
                {
                    return Reply::from(answer);
                }
                self.index(StatusCode::NOT_FOUND, snapshot)
            }
        }
    }

    /// Paths below `/apis/`. `rest` is not empty.
    async fn group_route(&self, parts: &Parts, path: &str, rest: &str, snapshot: &Snapshot) -> Reply {
        let (group, below) = rest.split_once('/').unwrap_or((rest, ""));
        if !snapshot.has_group(group) {
            tracing::debug!(path, "no such group");
            return self.index(StatusCode::NOT_FOUND, snapshot);
        }
        let raw_query = parts.uri.query().unwrap_or_default();
        let get = parts.method == Method::GET;
        let below = below.trim_end_matches('/');
        let (version, below) = below.split_once('/').unwrap_or((below, ""));
        let document = if version.is_empty() && below.is_empty() {
            snapshot.group(group, &parts.headers, raw_query)
        } else {
            let Some((position, served)) = snapshot.version(group, version) else {
                return Reply::from(failure(&Status::path_not_found(), parts));
            };
            if !below.is_empty() {
                let request = ApiRequest {
                    group: served.group.to_owned(),
                    version: served.version.to_owned(),
                    segments: below.split('/').map(str::to_owned).collect(),
                    undecodable: query::undecodable_path(parts.uri.path()),
                    query: raw_query.to_owned(),
                    method: parts.method.clone(),
                    headers: parts.headers.clone(),
                };
                return Reply::from(self.groups.answer(request).await);
            }
            snapshot.resources(position, &parts.headers, raw_query)
        };
        match document {
            Some(reply) if get => reply,
            Some(_) => Reply::from(failure(&Status::method_not_allowed(), parts)),
            None => Reply::from(failure(&Status::path_not_found(), parts)),
        }
    }

    /// The list of paths, which is also the answer to a path that nothing is behind.
    fn index(&self, status: StatusCode, snapshot: &Snapshot) -> Reply {
        let mut paths = snapshot.paths.clone();
        paths.extend(self.health.paths());
        paths.extend(
            ["/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/version"].map(str::to_owned),
        );
        let body = encode::json(&serde_json::json!({ "paths": paths }), true);
        let content_type = "application/json";
        Reply::from(Answer { status, content_type, body: body.into(), warnings: Vec::new() })
    }

    fn labels(&self, snapshot: &Snapshot, attributes: &Attributes) -> RequestLabels {
        let verb = verb_label(&attributes.verb);
        match &attributes.resource {
            Some(resource) => match snapshot.version(&resource.group, &resource.version) {
                Some((position, served)) => RequestLabels {
                    verb,
                    group: served.group,
                    version: served.version,
                    resource: snapshot.resource_label(position, &resource.resource),
                },
                None => RequestLabels { verb, ..self.unrouted_labels() },
            },
            None => RequestLabels { verb, ..self.unrouted_labels() },
        }
    }

    fn unrouted_labels(&self) -> RequestLabels {
        RequestLabels {
            verb: "other",
            group: "",
            version: "",
            resource: Arc::clone(&self.metrics.no_resource),
        }
    }
}

/// So many more while it lives.
struct Counted<'a> {
    gauge: &'a Gauge,
    count: i64,
    /// The count without these.
    before: i64,
}

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge, count: i64) -> Self {
        Self { gauge, count, before: gauge.inc_by(count) }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.gauge.dec_by(self.count);
    }
}

/// About as many bytes as the head takes in memory.
fn head_bytes(parts: &Parts) -> i64 {
    let fields: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    i64::try_from(fields + target).unwrap_or(i64::MAX)
}

fn sent_away(parts: &Parts) -> Reply {
    let reply = Reply::from(failure(&Status::too_many_requests(), parts));
    reply.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

fn failure(status: &Status, parts: &Parts) -> Answer {
    encode::failure(status, &parts.headers, parts.uri.query().unwrap_or_default())
}

fn timed_out() -> Answer {
    let status = Status::timeout();
    Answer {
        status: status.status_code(),
        content_type: "text/plain; charset=utf-8",
        body: status.to_untyped_json().into(),
        warnings: Vec::new(),
    }
}

/// Upstream answers in plain text when no authorizer could decide (`responsewriters.InternalError`).
fn undecided(parts: &Parts, error: &str) -> Answer {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let text = format!("Internal Server Error: {}: {error}", plimsoll_model::quote::quote(target.as_bytes()));
    Answer {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        content_type: "text/plain; charset=utf-8",
        body: format!("{}\n", escape_markup(&text)).into(),
        warnings: Vec::new(),
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(',').any(|one| {
            let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
            name.trim().eq_ignore_ascii_case("gzip") && !parameters.replace(' ', "").starts_with("q=0")
        })
    })
}

async fn finish(reply: Reply, audit_id: HeaderValue, compress: bool) -> Response<Full<Bytes>> {
    let Reply { answer, headers: extra, rendered } = reply;
    let mut body = answer.body;
    let mut compressed = false;
    if compress && body.len() > COMPRESS_ABOVE {
        body = match rendered {
            Some(rendered) => rendered.compressed().clone(),
            None if body.len() > COMPRESS_ELSEWHERE_ABOVE => {
                let plain = body.clone();
                let work = tokio::task::spawn_blocking(move || gzip(&plain)).await;
                match work {
                    Ok(done) => done,
                    Err(_) => Bytes::new(),
                }
            }
            None => gzip(&body),
        };
        compressed = true;
    }
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.reserve(6 + extra.len());
    headers.insert(AUDIT_ID, audit_id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    let mut room = WARNINGS;
    for warning in &answer.warnings {
        if room == 0 {
            break;
        }
        let warning: String = warning.chars().take(room).collect();
        room -= warning.chars().count();
        if let Ok(value) = HeaderValue::from_bytes(warning_text(&warning).as_bytes()) {
            headers.append(header::WARNING, value);
        }
    }
    for (name, value) in extra {
        if name == header::VARY {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
    response
}

/// `299 - "text"` with the text as a quoted string of one line (RFC 7234, `apimachinery/pkg/util/net`).
fn warning_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 10);
    out.push_str("299 - \"");
    for character in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn warnings(texts: &[String]) -> Vec<HeaderValue> {
        let answer = Answer {
            status: StatusCode::OK,
            content_type: "text/plain",
            body: Bytes::new(),
            warnings: texts.to_vec(),
        };
        let response = finish(Reply::from(answer), HeaderValue::from_static("id"), false).await;
        assert_eq!(response.headers().len() - 3, response.headers().get_all(header::WARNING).iter().count());
        response.headers().get_all(header::WARNING).iter().cloned().collect()
    }

    #[tokio::test]
    async fn a_warning_is_one_header_whatever_it_says() {
        let hostile = "a\r\nSet-Cookie: x=1\r\n\r\n<body>\0\u{85}\u{7f}\"quoted\" \\ é";
        let expected = "299 - \"a  Set-Cookie: x=1    <body>   \\\"quoted\\\" \\\\ é\"";
        assert_eq!(
            warnings(&[hostile.to_owned()]).await,
            [HeaderValue::from_bytes(expected.as_bytes()).unwrap()]
        );
    }

    #[tokio::test]
    async fn warnings_have_little_room_together() {
        let long = vec!["é".repeat(3000); 50];
        let told = warnings(&long).await;
        let characters: usize =
            told.iter().map(|one| String::from_utf8_lossy(one.as_bytes()).matches('é').count()).sum();
        assert_eq!((told.len(), characters), (2, WARNINGS));
    }
}
