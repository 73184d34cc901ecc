//! The listener: connections, TLS, HTTP/1.1 and HTTP/2, and an orderly end.
//!
//! [`Server::build`] binds, [`Server::run`] serves until it is told to stop. Connections come through our own
//! accept loop, because the answer to a request depends on the certificate shown in the handshake.
//!
//! **Invariant:** every phase of a connection has a time limit and a size limit, and there is a limit on the
//! number of connections.

mod connection;
mod fragment;
mod limits;
mod places;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use limits::Limits;

use crate::access::AlwaysAllow;
use crate::audit::AuditIds;
use crate::discovery::{Discovery, OpenApiTitle};
use crate::encode;
use crate::health::{Health, Outcome, Probe};
use crate::identity::{Authenticator, Authorizer};
use crate::metrics::ServerMetrics;
use crate::pipeline::Pipeline;
pub use crate::pipeline::{PENDING_PER_SLOT, WARNINGS};
use crate::route::{ApiGroups, DebugPages};
use crate::tls::{ClientCas, Tls, TlsError, TlsSettings};
use crate::version::VersionInfo;

use places::Places;

/// How the server is to behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Port 0 takes a free one; see [`Server::local_addr`].
    pub bind: SocketAddr,
    /// Whether other sockets that say so too may be bound to the same address (`SO_REUSEPORT`).
    pub share_port: bool,
    pub tls: TlsSettings,
    pub limits: Limits,
    pub always_allow: AlwaysAllow,
    pub version: VersionInfo,
}

/// What the server serves and whom it asks.
pub struct Services {
    pub groups: Arc<dyn ApiGroups>,
    pub authenticator: Arc<dyn Authenticator>,
    pub authorizer: Arc<dyn Authorizer>,
    /// The server adds the check `shutdown` to readyz.
    pub health: Health,
    pub client_cas: watch::Receiver<ClientCas>,
    /// Pages under `/debug/`.
    pub debug: Option<Arc<dyn DebugPages>>,
    /// The metrics of the process. The server adds its own.
    pub registry: Registry,
}

/// Why the server could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("cannot listen on {address}: {reason}")]
    Bind { address: SocketAddr, reason: io::ErrorKind },
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
}

/// Connections that wait in the kernel to be accepted; the kernel may hold fewer.
const BACKLOG: u32 = 1024;

fn listen(address: SocketAddr, share_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Or a restart has to wait until the connections of the process before are forgotten.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(share_port)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A bound server.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    tls: Arc<Tls>,
    pipeline: Arc<Pipeline>,
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Reads the certificates and binds the address.
    pub async fn build(settings: Settings, services: Services) -> Result<Self, BuildError> {
        let Settings { bind, share_port, tls, limits, always_allow, version } = settings;
        let tls = Tls::build(tls, services.client_cas)?;
        let failed = |error: io::Error| BuildError::Bind { address: bind, reason: error.kind() };
        let listener = listen(bind, share_port).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopping);
        let health = services.health.check("shutdown", &[Probe::Readyz], move || {
            if seen.load(Ordering::Relaxed) {
                Outcome::Failed("process is shutting down".to_owned())
            } else {
                Outcome::Ok
            }
        });
        let mut registry = services.registry;
        let metrics = ServerMetrics::register(&mut registry);
        registry.register(
            "apiserver_tls_reload_errors",
            "Readings of changed serving certificates that were refused",
            tls.refused.clone(),
        );
        let title = OpenApiTitle { title: "Plimsoll", version: version.git_version.clone() };
        let pipeline = Pipeline {
            discovery: Discovery::new(services.groups.served(), title.clone(), address.port()),
            aggregated: Discovery::new(services.groups.served_to_aggregator(), title, address.port()),
            groups: services.groups,
            authenticator: services.authenticator,
            authorizer: services.authorizer,
            health,
            debug: services.debug,
            always_allow,
            version: encode::json(&version, true).into(),
            registry,
            metrics,
            audit_ids: AuditIds::new(),
            max_in_flight: count(limits.in_flight),
            max_anonymous: count(limits.anonymous_in_flight),
            max_pending_bytes: count(limits.pending_bytes),
            request_timeout: limits.request_timeout,
            max_uri_bytes: limits.uri_bytes,
        };
        let (tls, pipeline) = (Arc::new(tls), Arc::new(pipeline));
        Ok(Self { listener, address, limits, tls, pipeline, stopping })
    }

    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then drains: readyz fails for [`Limits::drain_delay`], no further
    /// connection is accepted, HTTP/2 clients are sent away, and requests in flight have
    /// [`Limits::drain`] to finish.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (tell, told) = watch::channel(false);
        let mut connections = JoinSet::new();
        let tls = Arc::clone(&self.tls);
        tokio::select! {
            () = self.accept(&mut connections, &told) => {}
            () = tls.run() => {}
            () = async {
                shutdown.await;
                self.stopping.store(true, Ordering::Relaxed);
                tokio::time::sleep(self.limits.drain_delay).await;
            } => {}
        }
        let Self { listener, limits, .. } = self;
        drop(listener);
        // Connections that finish by themselves in this moment do not listen any more.
        let _ = tell.send(true);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.drain, all).await.is_err() {
            tracing::warn!(left = connections.len(), "connections are cut: they did not finish in time");
            connections.shutdown().await;
        }
    }

    async fn accept(&self, connections: &mut JoinSet<()>, told: &watch::Receiver<bool>) {
        let places = Places::new(self.limits.connections, self.limits.connections_per_address);
        let protocols = connection::Protocols::new(&self.limits);
        let (mut failing, mut crowded) = (Rarely::default(), Rarely::default());
        loop {
            let Some(place) = places.free().await else { return };
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                // The client is gone already.
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    if failing.may_speak() {
                        tracing::warn!(%error, "connections cannot be accepted");
                    }
                    // Most often too many open files; the pause lets some close.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            let Some(taken) = places.take(place, peer.ip()) else {
                self.pipeline.metrics.connections_refused.inc();
                if crowded.may_speak() {
                    let (address, most) = (peer.ip(), self.limits.connections_per_address);
                    tracing::warn!(%address, most, "a client has too many connections; further ones are closed");
                }
                continue;
            };
            let serve = connection::serve(
                stream,
                self.tls.config(),
                Arc::clone(&self.pipeline),
                protocols.clone(),
                told.clone(),
            );
            connections.spawn(async move {
                serve.await;
                drop(taken);
            });
        }
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Failures to accept that say nothing about the next connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What clients can cause as often as they like is logged now and then.
#[derive(Default)]
struct Rarely(Option<Instant>);

impl Rarely {
    const EVERY: Duration = Duration::from_secs(30);

    fn may_speak(&mut self) -> bool {
        let now = Instant::now();
        let may = self.0.is_none_or(|last| now.duration_since(last) >= Self::EVERY);
        if may {
            self.0 = Some(now);
        }
        may
    }
}
