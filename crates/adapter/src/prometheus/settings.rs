//! How to reach a server: everything a [`super::Client`] is built from.
//!
//! Plain data; nothing is read or checked before [`super::Client::build`].
//!
//! **Invariant:** debug output shows no secret.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::series_shapes::ShapeLimits;

/// The HTTP method of requests (`--prometheus-verb`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verb {
    /// Parameters in the URL; a request too long for that goes by POST.
    #[default]
    Get,
    /// Parameters in a form body.
    Post,
}

/// Bounds of what the client takes from and does to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time to connect, TLS handshake excluded.
    pub connect: Duration,
    /// Time for a whole answer of `/api/v1/series`.
    pub series: Duration,
    /// Largest answer to a query, in bytes after decompression.
    pub query_bytes: u64,
    /// Largest list of series, in bytes after decompression. It is not held in memory.
    pub series_bytes: u64,
    /// Bounds of what is kept of a list of series.
    pub shapes: ShapeLimits,
    /// Requests at the same time; further ones wait.
    pub concurrency: usize,
    /// Longest path and query string of a GET; above, POST is tried.
    pub url_bytes: usize,
    /// How long token, CA and client certificate files go unchecked.
    pub recheck: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            series: Duration::from_secs(60),
            query_bytes: 64 << 20,
            series_bytes: 4 << 30,
            shapes: ShapeLimits { shapes: 200_000, bytes: 64 << 20 },
            concurrency: 64,
            url_bytes: 4096,
            recheck: Duration::from_secs(5),
        }
    }
}

/// Where the server is and how to prove who asks. All parts combine; of several credentials an
/// explicit `Authorization` header comes first, then user information in the URL, the bearer
/// token, the token file.
#[derive(Clone)]
pub struct ClientSettings {
    /// Base URL, such as `https://user:password@prometheus.monitoring.svc:9090/prefix`.
    pub url: String,
    pub verb: Verb,
    /// Sent with every request, in this order; a repeated name gives several header lines.
    pub headers: Vec<(String, String)>,
    pub bearer_token: Option<String>,
    /// Holds a bearer token; read again when it changes and when the server answers 401.
    pub token_file: Option<PathBuf>,
    /// PEM bundle that is trusted instead of the system's roots; read again when it changes.
    pub ca_file: Option<PathBuf>,
    /// Trusted besides the CA file or the system's roots.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// PEM certificate chain and key for client authentication; read again when they change.
    pub client_cert_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    pub user_agent: String,
    pub limits: Limits,
}

impl ClientSettings {
    /// Settings for `url` alone.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            verb: Verb::default(),
            headers: Vec::new(),
            bearer_token: None,
            token_file: None,
            ca_file: None,
            extra_roots: Vec::new(),
            client_cert_file: None,
            client_key_file: None,
            user_agent: concat!("plimsoll/", env!("CARGO_PKG_VERSION")).into(),
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = super::address::BaseUrl::parse(&self.url);
        f.debug_struct("ClientSettings")
            .field("url", &url.as_ref().map_or("malformed", |url| url.shown()))
            .field("verb", &self.verb)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("bearer_token", &self.bearer_token.as_ref().map(|_| "hidden"))
            .field("token_file", &self.token_file)
            .field("ca_file", &self.ca_file)
            .field("extra_roots", &self.extra_roots.len())
            .field("client_cert_file", &self.client_cert_file)
            .field("client_key_file", &self.client_key_file)
            .field("user_agent", &self.user_agent)
            .field("limits", &self.limits)
            .finish()
    }
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The base URL is malformed; a password in it is not repeated.
    #[error("the Prometheus URL is malformed: {0}")]
    Url(String),
    /// A header cannot be sent.
    #[error("the Prometheus header {name:?} cannot be sent: {reason}")]
    Header { name: String, reason: &'static str },
    /// A file cannot be read.
    #[error("the Prometheus {role} {path} cannot be read", path = .path.display())]
    File {
        role: FileRole,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("the Prometheus {role} {path} is of no use: {reason}", path = .path.display())]
    Content { role: FileRole, path: PathBuf, reason: String },
    /// A client certificate without its key, or the reverse.
    #[error("the Prometheus {given} is given without the {missing}: set both, or neither")]
    HalfIdentity { given: FileRole, missing: FileRole },
    /// The TLS library refuses the combination.
    #[error("TLS towards Prometheus cannot be set up: {0}")]
    Tls(String),
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    Token,
    Authorities,
    ClientCertificate,
    ClientKey,
}

impl fmt::Display for FileRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token file",
            Self::Authorities => "CA file",
            Self::ClientCertificate => "client certificate file",
            Self::ClientKey => "client key file",
        })
    }
}
