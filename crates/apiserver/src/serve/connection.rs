//! One connection: handshake, protocol, requests, end.
//!
//! **Invariant:** the protocol is the one agreed on in the handshake; nothing is guessed from the first bytes.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls_pki_types::CertificateDer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::fragment::Escaping;
use super::limits::Limits;
use crate::pipeline::{Pipeline, ToStranger};

/// The HTTP implementations, set up once.
#[derive(Clone)]
pub(super) struct Protocols {
    http1: Arc<Builder<TokioExecutor>>,
    http2: Arc<Builder<TokioExecutor>>,
    handshake_timeout: Duration,
    idle_timeout: Duration,
    /// How long a connection may go on that is sent away.
    farewell: Duration,
}

impl Protocols {
    pub(super) fn new(limits: &Limits) -> Self {
        let mut http1 = Builder::new(TokioExecutor::new()).http1_only();
        http1
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes.max(8192));
        let mut http2 = Builder::new(TokioExecutor::new()).http2_only();
        http2
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams.max(1))
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(15));
        Self {
            http1: Arc::new(http1),
            http2: Arc::new(http2),
            handshake_timeout: limits.handshake_timeout,
            idle_timeout: limits.idle_timeout,
            farewell: limits.idle_timeout.max(limits.request_timeout),
        }
    }
}

/// Serves a connection to its end. `told` turns true when the server drains.
pub(super) async fn serve(
    stream: TcpStream,
    tls: Arc<rustls::ServerConfig>,
    pipeline: Arc<Pipeline>,
    protocols: Protocols,
    mut told: watch::Receiver<bool>,
) {
    let _counted = Counted::new(&pipeline);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection broke before the handshake");
        return;
    }
    let handshake = tokio::time::timeout(protocols.handshake_timeout, shake_hands(stream, tls));
    let stream = tokio::select! {
        done = handshake => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                pipeline.metrics.handshake_errors.inc();
                tracing::debug!(%error, "TLS handshake failed");
                return;
            }
            Err(_) => {
                pipeline.metrics.handshake_errors.inc();
                tracing::debug!("TLS handshake took too long");
                return;
            }
        },
        _ = told.wait_for(|told| *told) => return,
    };
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let peer = session.peer_certificates().unwrap_or_default().to_vec();
    let activity = Arc::new(Activity::default());
    let service =
        Service { shared: Arc::new(Shared { pipeline, peer }), activity: Arc::clone(&activity), http2 };
    let builder = if http2 { &protocols.http2 } else { &protocols.http1 };
    let stream = Escaping::new(stream, !http2);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut idle = tokio::time::interval(protocols.idle_timeout);
    idle.reset();
    let mut seen = activity.started.load(Ordering::Relaxed);
    // When the client was told to leave.
    let mut left: Option<Instant> = None;
    loop {
        let leave = tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            _ = told.wait_for(|told| *told), if left.is_none() => true,
            () = activity.stranger.notified(), if left.is_none() => true,
            _ = idle.tick() => {
                let started = activity.started.load(Ordering::Relaxed);
                let quiet = started == seen && activity.running.load(Ordering::Relaxed) == 0;
                if left.is_some_and(|since| quiet || since.elapsed() >= protocols.farewell) {
                    tracing::debug!("connection cut: its client does not read the last answer, or does not leave");
                    return;
                }
                seen = started;
                quiet
            }
        };
        if leave {
            left = Some(Instant::now());
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// The handshake; a client that sends a request without TLS is told so in plain text, as Go's server does.
async fn shake_hands(
    mut stream: TcpStream,
    tls: Arc<rustls::ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        let text = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        stream.write_all(text).await?;
        stream.shutdown().await?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the client speaks HTTP without TLS"));
    }
    TlsAcceptor::from(tls).accept(stream).await
}

/// Counts a connection while it lives.
struct Counted {
    gauge: prometheus_client::metrics::gauge::Gauge,
}

impl Counted {
    fn new(pipeline: &Pipeline) -> Self {
        let gauge = pipeline.metrics.connections.clone();
        gauge.inc();
        Self { gauge }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// How busy a connection is.
#[derive(Default)]
struct Activity {
    started: AtomicU64,
    running: AtomicU32,
    /// Told when an HTTP/2 client has turned out to be unknown. HTTP/2 lets a client do much with few bytes, so that
    /// unknown ones get no more of it than of HTTP/1.1, as upstream does (`UnauthenticatedHTTP2DOSMitigation`).
    stranger: Notify,
}

struct Running(Arc<Activity>);

impl Running {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.started.fetch_add(1, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Shared {
    pipeline: Arc<Pipeline>,
    peer: Vec<CertificateDer<'static>>,
}

struct Service {
    shared: Arc<Shared>,
    activity: Arc<Activity>,
    http2: bool,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (shared, running) = (Arc::clone(&self.shared), Running::new(&self.activity));
        let http2 = self.http2;
        let (parts, _body) = request.into_parts();
        Box::pin(async move {
            let response = shared.pipeline.respond(parts, &shared.peer).await;
            if http2 && response.extensions().get::<ToStranger>().is_some() {
                running.0.stranger.notify_one();
            }
            drop(running);
            Ok(response)
        })
    }
}
