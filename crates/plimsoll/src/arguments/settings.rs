//! What `plimsoll serve` is told to do, as plain types.
//!
//! **Invariant:** values that contradict each other do not get here; debug output shows no secret.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_adapter::prometheus::Verb;
use plimsoll_apiserver::tls::{CipherSuites, MinVersion};

/// Everything `plimsoll serve` needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeSettings {
    /// `--config`: the configuration file.
    pub config: PathBuf,
    pub prometheus: PrometheusSettings,
    pub discovery: DiscoverySettings,
    pub kubernetes: KubernetesSettings,
    pub serving: ServingSettings,
    pub authentication: AuthenticationSettings,
    pub authorization: AuthorizationSettings,
    pub logging: LoggingSettings,
}

/// How to reach Prometheus.
#[derive(Clone, PartialEq)]
pub struct PrometheusSettings {
    /// Base URL with scheme `http` or `https` and a host; may hold a password.
    pub url: String,
    pub verb: Verb,
    /// In the order given; a repeated name gives several header lines.
    pub headers: Vec<(String, String)>,
    /// Where credentials and certificate authorities come from, besides the files below.
    pub credentials: PrometheusCredentials,
    /// Certificate authorities that replace the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate chain and key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Holds a bearer token.
    pub token_file: Option<PathBuf>,
}

/// A Kubernetes configuration whose credentials are used for Prometheus too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrometheusCredentials {
    None,
    /// `--prometheus-auth-incluster`
    InCluster,
    /// `--prometheus-auth-config`
    Kubeconfig(PathBuf),
}

/// When series are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverySettings {
    /// Time between two looks; at least one second.
    pub relist_interval: Duration,
    /// How far back a series may have been seen last.
    pub max_age: Duration,
}

/// How to reach the Kubernetes API for objects and resource types.
#[derive(Debug, Clone, PartialEq)]
pub struct KubernetesSettings {
    /// `None` inside a cluster.
    pub kubeconfig: Option<PathBuf>,
}

/// The HTTPS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServingSettings {
    pub address: IpAddr,
    /// 0 for any free port.
    pub port: u16,
    /// Holds `apiserver.crt` and `apiserver.key` when `certificate` is `None`.
    pub certificate_directory: PathBuf,
    /// Certificate chain and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Further certificates by server name, in the order given.
    pub sni_certificates: Vec<SniCertificate>,
    pub minimum_version: MinVersion,
    pub cipher_suites: CipherSuites,
    pub http2: bool,
    /// `None` for the server's default.
    pub http2_streams_per_connection: Option<u32>,
    /// `SO_REUSEPORT`: whether another process may listen on the port as well.
    pub share_port: bool,
}

/// A value of `--tls-sni-cert-key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SniCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Server names in lower case, perhaps with a leading `*.`; empty for those in the certificate.
    pub names: Vec<String>,
}

/// How clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationSettings {
    /// For token reviews and the ConfigMap `extension-apiserver-authentication`; `None` inside a cluster.
    pub kubeconfig: Option<PathBuf>,
    /// How long a token review counts.
    pub token_cache: Duration,
    /// Do not look for missing certificate authorities in the cluster.
    pub skip_lookup: bool,
    /// Go on when that lookup fails.
    pub tolerate_lookup_failure: bool,
    /// Authorities for client certificates; `None` to look them up.
    pub client_ca_file: Option<PathBuf>,
    pub request_headers: RequestHeaders,
}

/// How a front proxy tells who its client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeaders {
    /// Authorities for the proxy's certificate; `None` to look all of this up in the cluster.
    pub client_ca_file: Option<PathBuf>,
    /// Common names of the proxy; empty for any.
    pub allowed_names: Vec<String>,
    pub username_headers: Vec<String>,
    pub uid_headers: Vec<String>,
    pub group_headers: Vec<String>,
    pub extra_header_prefixes: Vec<String>,
}

/// What clients may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationSettings {
    /// For access reviews; `None` inside a cluster.
    pub kubeconfig: Option<PathBuf>,
    /// Paths that anybody may read; a trailing `*` stands for any rest.
    pub always_allow_paths: Vec<String>,
    pub allowed_cache: Duration,
    pub denied_cache: Duration,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggingSettings {
    /// `-v`: 0 for what matters always; 4 shows what is answered, 6 each request to Prometheus, 8 its answer.
    pub verbosity: i32,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl DiscoverySettings {
    /// What upstream refuses as soon as there are `rules` or `externalRules`: a maximum age below the interval, in
    /// which series would be forgotten between two looks. `None` when all is well.
    pub fn contradiction(&self) -> Option<String> {
        (self.max_age < self.relist_interval).then(|| {
            format!(
                "--metrics-max-age ({}) must not be less than --metrics-relist-interval ({}): series would be \
                 forgotten between two looks at Prometheus",
                in_go(self.max_age),
                in_go(self.relist_interval)
            )
        })
    }
}

fn in_go(duration: Duration) -> String {
    plimsoll_model::duration::format_go(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

impl fmt::Debug for PrometheusSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        out.debug_struct("PrometheusSettings")
            .field("url", &without_secrets(&self.url))
            .field("verb", &self.verb)
            .field("headers", &names)
            .field("credentials", &self.credentials)
            .field("ca_file", &self.ca_file)
            .field("client_certificate", &self.client_certificate)
            .field("token_file", &self.token_file)
            .finish()
    }
}

/// A URL without user information and query, either of which may hold a secret.
pub(super) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(left, right)| (left, Some(right)));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}
