//! The client: a call from its parameters to its result.
//!
//! **Invariant:** whatever a server sends, a call ends with a result or with an error that names the
//! server and holds no secret.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, trace};

use super::address::{BaseUrl, form_encoded, unix_time};
use super::body::{Received, Receiver, Unreceived, receive};
use super::credentials::Credentials;
use super::failure::Failure;
use super::foreign;
use super::metrics::{ClientMetrics, ErrorReason};
use super::name_matcher::with_exact_name;
use super::query_answer::{self, QueryAnswer};
use super::series_answer::{SeriesAnswer, SeriesReader, Unreadable};
use super::settings::{BuildError, ClientSettings, Limits, Verb};
use super::transport::Transport;
use crate::backend::{Backend, BackendError, QueryResult, SeriesShape};

const QUERY: &str = "/api/v1/query";
const SERIES: &str = "/api/v1/series";

/// Longest time limit of a call. No server keeps a query for so long.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Bytes of a body that are traced.
const TRACED: usize = 1024;

/// A connection, or many, to one server.
pub struct Client {
    base: BaseUrl,
    verb: Verb,
    limits: Limits,
    transport: Transport,
    credentials: Credentials,
    metrics: ClientMetrics,
    turns: Semaphore,
    /// The server refused POST and took the same request as GET.
    post_refused: AtomicBool,
}

/// Why a call has no result.
struct Fault {
    error: BackendError,
    reason: ErrorReason,
    /// Whether the server answered; only answers count as durations, as in the original.
    answered: bool,
}

/// The answer to a request, its body still to come.
struct Answer {
    response: Response<Incoming>,
    /// What was sent, for secrets that the answer might repeat.
    sent: HeaderMap,
}

impl Client {
    /// Reads and checks everything that `settings` name. Connects to nothing.
    pub fn build(settings: &ClientSettings, metrics: &ClientMetrics) -> Result<Self, BuildError> {
        let base = BaseUrl::parse(&settings.url).map_err(BuildError::Url)?;
        Ok(Self {
            credentials: Credentials::build(settings, base.basic.as_ref())?,
            transport: Transport::build(settings)?,
            turns: Semaphore::new(settings.limits.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            post_refused: AtomicBool::new(false),
            verb: settings.verb,
            limits: settings.limits,
            metrics: metrics.clone(),
            base,
        })
    }

    /// Runs `call` within `limit`, counted from now, turn included.
    async fn bounded<T>(
        &self,
        path: &'static str,
        limit: Duration,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, BackendError> {
        let _in_flight = self.metrics.enter();
        let started = Instant::now();
        let timed_out = || Fault {
            error: BackendError::Timeout { server: self.describe(), limit },
            reason: ErrorReason::Timeout,
            answered: false,
        };
        let result = tokio::time::timeout(limit, async {
            // The semaphore is never closed.
            let _turn = self.turns.acquire().await.map_err(|_| timed_out())?;
            call.await
        });
        let result = result.await.unwrap_or_else(|_| Err(timed_out()));
        let elapsed = started.elapsed();
        if result.as_ref().err().is_none_or(|fault| fault.answered) {
            self.metrics.observe(path, self.base.shown(), elapsed);
        }
        result.map_err(|fault| {
            self.metrics.count(fault.reason);
            debug!(server = self.base.shown(), path, ms = elapsed.as_millis() as u64, error = %fault.error, "Prometheus gave no result");
            fault.error
        })
    }

    /// Sends a request and returns its answer, once it can be expected to be Prometheus' own.
    async fn ask(&self, path: &'static str, parameters: &[(&str, &str)]) -> Result<Answer, Fault> {
        let encoded = form_encoded(parameters);
        let long = self.base.shown().len() + path.len() + 1 + encoded.len() > self.limits.url_bytes;
        let verb = match self.verb {
            Verb::Get if long && !self.post_refused.load(Ordering::Relaxed) => Verb::Post,
            verb => verb,
        };
        let answer = self.ask_by(verb, path, &encoded).await?;
        if verb == self.verb || !refuses_method(answer.response.status()) {
            return Ok(answer);
        }
        let again = self.ask_by(Verb::Get, path, &encoded).await?;
        if !refuses_method(again.response.status()) {
            self.post_refused.store(true, Ordering::Relaxed);
        }
        Ok(again)
    }

    async fn ask_by(&self, verb: Verb, path: &'static str, encoded: &str) -> Result<Answer, Fault> {
        let mut sent = self.credentials.headers();
        let mut response = self.send(verb, path, encoded, &sent).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.credentials.renewed_since(&sent) {
            sent = self.credentials.headers();
            response = self.send(verb, path, encoded, &sent).await?;
        }
        Ok(Answer { response, sent })
    }

    async fn send(
        &self,
        verb: Verb,
        path: &'static str,
        encoded: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>, Fault> {
        let started = Instant::now();
        let (query, form) = match verb {
            Verb::Get => (Some(encoded), None),
            Verb::Post => (None, Some(Bytes::copy_from_slice(encoded.as_bytes()))),
        };
        let uri = self.base.endpoint(path, query).map_err(|_| {
            self.unreachable(&Failure::new(
                ErrorReason::Connection,
                "the query does not fit into a URL: ask by POST",
            ))
        })?;
        let response = self.transport.send(uri, form, headers, &self.credentials).await;
        debug!(
            server = self.base.shown(),
            path,
            ?verb,
            parameters = %foreign::shortened(encoded),
            status = response.as_ref().map_or(0, |response| response.status().as_u16()),
            ms = started.elapsed().as_millis() as u64,
            "asked Prometheus"
        );
        response.map_err(|failure| self.unreachable(&failure))
    }

    /// Takes the body of an answer. Statuses that a Prometheus API does not use are errors, as in
    /// the original (`pkg/client/api.go`, `Do`).
    async fn take<R: Receiver>(
        &self,
        answer: Answer,
        bound: u64,
        mut receiver: R,
    ) -> Result<(R, Received, Described), Fault>
    where
        Fault: From<(R::Refusal, Described)>,
    {
        let (parts, body) = answer.response.into_parts();
        let status = parts.status.as_u16();
        let described = Described {
            server: self.describe(),
            status,
            content_type: parts
                .headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            sent: answer.sent,
        };
        if !(matches!(status, 200..=299 | 400 | 422 | 503)) {
            let mut start = Vec::new();
            let bound = foreign::HEAD as u64;
            let (received, _) =
                receive(body, &parts.headers, bound, self.base.authority.host(), &mut start).await;
            return Err(self.unexpected_status(described, &received.head));
        }
        let (received, outcome) =
            receive(body, &parts.headers, bound, self.base.authority.host(), &mut receiver).await;
        if tracing::enabled!(tracing::Level::TRACE) {
            let body =
                String::from_utf8_lossy(&received.head[..received.head.len().min(TRACED)]).into_owned();
            let body = self.credentials.scrubbed(body, &described.sent);
            trace!(server = self.base.shown(), bytes = received.bytes, body, "Prometheus answered");
        }
        match outcome {
            Ok(()) => Ok((receiver, received, described)),
            Err(Unreceived::Broken(failure)) => {
                let words = format!("{} ({} bytes came)", failure.words, received.bytes);
                Err(self.unreachable(&Failure { words, ..failure }))
            }
            Err(Unreceived::TooLarge) => Err(Fault {
                error: BackendError::TooLarge { server: self.describe(), limit: bound },
                reason: ErrorReason::TooLarge,
                answered: true,
            }),
            Err(Unreceived::Encoding(what)) => Err(self.not_prometheus(&described, what)),
            Err(Unreceived::Refused(refusal)) => Err(if starts_object(&received.head) {
                Fault::from((refusal, described))
            } else {
                let what = foreign::describe(described.content_type.as_deref(), &received.head);
                self.not_prometheus(&described, what)
            }),
        }
    }

    /// An answer with a status that only something in front of Prometheus gives, or Prometheus when
    /// it is broken. Some servers (Mimir, Thanos) send errors in Prometheus' format all the same.
    fn unexpected_status(&self, described: Described, head: &[u8]) -> Fault {
        if let Ok(QueryAnswer::Refused { kind, message }) = query_answer::read(head) {
            return self.rejected(&described, &kind, &message);
        }
        let what = foreign::describe(described.content_type.as_deref(), head);
        let advice = match described.status {
            401 => "; it wants other credentials than it got",
            403 => "; the credentials do not allow this",
            404 | 405 => "; the URL may lack a path, or have one too many",
            429 => "; it is asked too often",
            _ => "",
        };
        self.not_prometheus(&described, format!("{what}{advice}"))
    }

    fn unreachable(&self, failure: &Failure) -> Fault {
        let error = match failure.reason {
            ErrorReason::Credentials => BackendError::Credentials(failure.words.clone()),
            _ => BackendError::Unreachable { server: self.describe(), reason: failure.words.clone() },
        };
        Fault { error, reason: failure.reason, answered: false }
    }

    fn rejected(&self, described: &Described, kind: &str, message: &str) -> Fault {
        let message = self.credentials.scrubbed(message.to_owned(), &described.sent);
        let (kind, message) = (foreign::shortened(kind), foreign::shortened(&message));
        Fault {
            error: BackendError::Rejected { kind, message },
            reason: ErrorReason::Rejected,
            answered: true,
        }
    }

    fn not_prometheus(&self, described: &Described, what: String) -> Fault {
        let what = self.credentials.scrubbed(what, &described.sent);
        described.fault(what)
    }

    async fn query_once(&self, query: &str, at: f64, deadline: Instant) -> Result<QueryResult, Fault> {
        let time = unix_time(at);
        let remaining = deadline.saturating_duration_since(Instant::now());
        let timeout = timeout_parameter(remaining);
        let mut parameters = vec![("query", query)];
        if at != 0.0 {
            parameters.push(("time", &time));
        }
        parameters.push(("timeout", &timeout));
        let answer = self.ask(QUERY, &parameters).await?;
        let (body, received, described) = self.take(answer, self.limits.query_bytes, Vec::new()).await?;
        let read = if starts_object(&received.head) {
            query_answer::read(&body)
        } else {
            Err(foreign::describe(described.content_type.as_deref(), &received.head))
        };
        match read {
            Ok(QueryAnswer::Result { result, warnings }) => {
                if !warnings.is_empty() {
                    debug!(server = self.base.shown(), query = %foreign::shortened(query), warnings, "Prometheus warns");
                }
                Ok(result)
            }
            Ok(QueryAnswer::Refused { kind, message }) => Err(self.rejected(&described, &kind, &message)),
            Err(what) => Err(self.not_prometheus(&described, what)),
        }
    }

    async fn series_once(&self, selector: &str, start: f64, end: f64) -> Result<Vec<SeriesShape>, Fault> {
        let (start, end) = (unix_time(start), unix_time(end));
        let mut parameters = vec![("end", &*end), ("match[]", selector), ("start", &*start)];
        parameters.retain(|(_, value)| *value != "0");
        let answer = self.ask(SERIES, &parameters).await?;
        let reader = SeriesReader::new(self.limits.shapes);
        let (reader, received, described) = self.take(answer, self.limits.series_bytes, reader).await?;
        if !starts_object(&received.head) {
            let what = foreign::describe(described.content_type.as_deref(), &received.head);
            return Err(self.not_prometheus(&described, what));
        }
        match reader.finish() {
            Ok(SeriesAnswer::Listed { shapes, series, warnings }) => {
                debug!(
                    server = self.base.shown(),
                    selector,
                    series,
                    shapes = shapes.len(),
                    warnings,
                    "Prometheus listed series"
                );
                Ok(shapes)
            }
            Ok(SeriesAnswer::Refused { kind, message }) => Err(self.rejected(&described, &kind, &message)),
            Ok(SeriesAnswer::NoList(why)) => {
                Err(self.not_prometheus(&described, format!("JSON without a list of series: {why}")))
            }
            Err(unreadable) => Err(Fault::from((unreadable, described))),
        }
    }
}

#[async_trait]
impl Backend for Client {
    async fn query(&self, query: &str, at: f64, limit: Duration) -> Result<QueryResult, BackendError> {
        let limit = limit.min(LONGEST);
        let deadline = Instant::now() + limit;
        self.bounded(QUERY, limit, self.query_once(query, at, deadline)).await
    }

    async fn series(&self, selector: &str, start: f64, end: f64) -> Result<Vec<SeriesShape>, BackendError> {
        self.bounded(SERIES, self.limits.series.min(LONGEST), async {
            let fault = match self.series_once(selector, start, end).await {
                Ok(shapes) => return Ok(shapes),
                Err(fault) => fault,
            };
            // Managed servers refuse a regular expression on the name.
            match with_exact_name(selector).filter(|_| fault.refuses_selector()) {
                Some(exact) => {
                    debug!(server = self.base.shown(), selector, exact, error = %fault.error, "asking again with the exact name");
                    self.series_once(&exact, start, end).await.map_err(|_| fault)
                }
                None => Err(fault),
            }
        })
        .await
    }

    fn describe(&self) -> String {
        self.base.shown().to_owned()
    }
}

impl Fault {
    fn refuses_selector(&self) -> bool {
        match &self.error {
            BackendError::Rejected { .. } => true,
            BackendError::NotPrometheus { status, .. } => matches!(status, 400 | 403 | 422),
            _ => false,
        }
    }
}

/// An answer, as far as messages about it need it.
struct Described {
    server: String,
    status: u16,
    content_type: Option<String>,
    sent: HeaderMap,
}

impl Described {
    fn fault(&self, what: String) -> Fault {
        let error = BackendError::NotPrometheus { server: self.server.clone(), status: self.status, what };
        Fault { error, reason: ErrorReason::NotPrometheus, answered: true }
    }
}

impl From<(std::convert::Infallible, Described)> for Fault {
    fn from((never, _): (std::convert::Infallible, Described)) -> Self {
        match never {}
    }
}

impl From<(Unreadable, Described)> for Fault {
    fn from((unreadable, described): (Unreadable, Described)) -> Self {
        let what = match unreadable {
            Unreadable::Truncated(at) => format!("truncated JSON at byte {at}"),
            Unreadable::Malformed { at, expected } => {
                format!("malformed JSON at byte {at}: expected {expected}")
            }
            Unreadable::HugeSeries => "a single series of more than a megabyte".into(),
            Unreadable::TooManyShapes(limit) => {
                let error = BackendError::TooManyShapes { server: described.server, limit };
                return Self { error, reason: ErrorReason::TooLarge, answered: true };
            }
        };
        described.fault(what)
    }
}

impl Receiver for SeriesReader {
    type Refusal = Unreadable;

    fn take(&mut self, piece: &[u8]) -> Result<(), Unreadable> {
        self.feed(piece)
    }
}

/// What is left of the time limit, for the server to give up by then: whole seconds, rounded up.
/// Never empty, as in the original, nor zero.
fn timeout_parameter(remaining: Duration) -> String {
    format!("{}s", remaining.as_millis().div_ceil(1000).max(1))
}

fn refuses_method(status: StatusCode) -> bool {
    matches!(status.as_u16(), 403 | 405 | 501)
}

fn starts_object(head: &[u8]) -> bool {
    head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_gets_the_time_that_is_left() {
        for (millis, text) in
            [(0, "1s"), (1, "1s"), (1000, "1s"), (1001, "2s"), (59_500, "60s"), (60_000, "60s")]
        {
            assert_eq!(timeout_parameter(Duration::from_millis(millis)), text);
        }
    }
}
