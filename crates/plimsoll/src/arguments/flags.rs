//! The flags of `plimsoll serve`, declared once for parsing, help and reference.
//!
//! A flag whose value is called `BOOL` may stand alone. Flags of upstream that have no effect here are in
//! `compatibility`.
//!
//! **Invariant:** names, defaults and forms are upstream's, except for those listed in [`OURS`].

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::settings::{LogFormat, SniCertificate};
use super::value::{
    CommaList, address, boolean, comma_list, duration, header, integer, sni_certificate, url,
};

/// Flags that upstream does not have.
pub(super) const OURS: [&str; 1] = ["log-format"];

/// All flags that have an effect.
#[derive(Debug, Args)]
pub(super) struct ServeFlags {
    /// Configuration file that says which series become which metrics. Required.
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub prometheus: PrometheusFlags,
    #[command(flatten)]
    pub discovery: DiscoveryFlags,
    #[command(flatten)]
    pub kubernetes: KubernetesFlags,
    #[command(flatten)]
    pub serving: ServingFlags,
    #[command(flatten)]
    pub authentication: AuthenticationFlags,
    #[command(flatten)]
    pub authorization: AuthorizationFlags,
    #[command(flatten)]
    pub logging: LoggingFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Prometheus")]
pub(super) struct PrometheusFlags {
    /// Base URL of Prometheus or of a server that speaks its HTTP API. A path is kept; a user and a password in it
    /// are sent as basic authentication.
    #[arg(long, value_name = "URL", default_value = "https://localhost", value_parser = url)]
    pub prometheus_url: String,
    /// HTTP method of queries: GET or POST.
    #[arg(long, value_name = "VERB", default_value = "GET")]
    pub prometheus_verb: String,
    /// Header to send with every request, NAME=VALUE. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append, value_parser = header)]
    pub prometheus_header: Vec<(String, String)>,
    /// Present the credentials of the pod's service account to Prometheus.
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = boolean)]
    pub prometheus_auth_incluster: bool,
    /// Present the credentials of this kubeconfig file to Prometheus.
    #[arg(long, value_name = "FILE")]
    pub prometheus_auth_config: Option<PathBuf>,
    /// PEM file with the certificate authorities for Prometheus, instead of the system's. Read again when it
    /// changes.
    #[arg(long, value_name = "FILE")]
    pub prometheus_ca_file: Option<PathBuf>,
    /// PEM file with a client certificate to present to Prometheus. Read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub prometheus_client_tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of that client certificate.
    #[arg(long, value_name = "FILE")]
    pub prometheus_client_tls_key_file: Option<PathBuf>,
    /// File with a bearer token to present to Prometheus. White space around it is ignored; it is read again when
    /// it changes.
    #[arg(long, value_name = "FILE")]
    pub prometheus_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Discovery")]
pub(super) struct DiscoveryFlags {
    /// Time between two looks at the series in Prometheus. At least 1s.
    #[arg(long, value_name = "DURATION", default_value = "10m0s", value_parser = duration)]
    pub metrics_relist_interval: Duration,
    /// How far back in time a series may have been seen last; 0s stands for the relist interval.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub metrics_max_age: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub(super) struct KubernetesFlags {
    /// Kubeconfig file for resource types and objects. Without it, the pod's service account is used.
    #[arg(long, value_name = "FILE")]
    pub lister_kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Serving")]
pub(super) struct ServingFlags {
    /// Port for HTTPS; 0 for any free one.
    #[arg(long, value_name = "PORT", default_value = "443", value_parser = integer)]
    pub secure_port: i64,
    /// Address for HTTPS; 0.0.0.0 and :: stand for all.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0", value_parser = address)]
    pub bind_address: IpAddr,
    /// Directory with apiserver.crt and apiserver.key, used without --tls-cert-file. If they are missing, a
    /// self-signed pair is written there.
    #[arg(long, value_name = "DIRECTORY", default_value = "apiserver.local.config/certificates")]
    pub cert_dir: PathBuf,
    /// PEM file with the certificate for HTTPS, followed by its chain. Read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of --tls-cert-file.
    #[arg(long, value_name = "FILE")]
    pub tls_private_key_file: Option<PathBuf>,
    /// Further certificate for clients that ask for certain names, CERTIFICATE,KEY or CERTIFICATE,KEY:NAME,NAME.
    /// May be given several times.
    #[arg(long, value_name = "FILES", action = ArgAction::Append, value_parser = sni_certificate)]
    pub tls_sni_cert_key: Vec<SniCertificate>,
    /// Cipher suites of TLS 1.2 to allow, by IANA name, separated by commas. Suites without forward secrecy and
    /// CBC suites are accepted and ignored.
    #[arg(long, value_name = "LIST", action = ArgAction::Append, value_parser = comma_list)]
    pub tls_cipher_suites: Vec<CommaList>,
    /// Lowest TLS version to speak: VersionTLS12 or VersionTLS13. VersionTLS10 and VersionTLS11 are accepted and
    /// mean VersionTLS12.
    #[arg(long, value_name = "VERSION", default_value = "VersionTLS12")]
    pub tls_min_version: String,
    /// Serve HTTP/1.1 only.
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = boolean)]
    pub disable_http2: bool,
    /// Serve HTTP/1.1 only; another name of --disable-http2.
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = boolean)]
    pub disable_http2_serving: bool,
    /// Most streams at once in an HTTP/2 connection; 0 for the default of the server.
    #[arg(long, value_name = "NUMBER", default_value = "0", value_parser = integer)]
    pub http2_max_streams_per_connection: i64,
    /// Let other processes that say so too listen on the same port (SO_REUSEPORT).
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = boolean)]
    pub permit_port_sharing: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Authentication")]
pub(super) struct AuthenticationFlags {
    /// Kubeconfig file for token reviews. Without it, the pod's service account is used.
    #[arg(long, value_name = "FILE")]
    pub authentication_kubeconfig: Option<PathBuf>,
    /// How long the result of a token review counts.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub authentication_token_webhook_cache_ttl: Duration,
    /// Do not look up missing certificate authorities in the cluster.
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = boolean)]
    pub authentication_skip_lookup: bool,
    /// Go on when that lookup fails; clients with certificates may then count as anonymous.
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = boolean)]
    pub authentication_tolerate_lookup_failure: bool,
    /// PEM file with the authorities of client certificates, instead of the cluster's.
    #[arg(long, value_name = "FILE")]
    pub client_ca_file: Option<PathBuf>,
    /// PEM file with the authorities of a front proxy that names its clients in headers, instead of the cluster's.
    #[arg(long, value_name = "FILE")]
    pub requestheader_client_ca_file: Option<PathBuf>,
    /// Common names that the certificate of a front proxy may have, separated by commas; any, if empty.
    #[arg(long, value_name = "LIST", action = ArgAction::Append, value_parser = comma_list)]
    pub requestheader_allowed_names: Vec<CommaList>,
    /// Headers in which a front proxy names the user, separated by commas.
    #[arg(long, value_name = "LIST", default_value = "x-remote-user", action = ArgAction::Append,
          value_parser = comma_list)]
    pub requestheader_username_headers: Vec<CommaList>,
    /// Headers in which a front proxy gives the user's UID, separated by commas.
    #[arg(long, value_name = "LIST", action = ArgAction::Append, value_parser = comma_list)]
    pub requestheader_uid_headers: Vec<CommaList>,
    /// Headers in which a front proxy names the user's groups, separated by commas.
    #[arg(long, value_name = "LIST", default_value = "x-remote-group", action = ArgAction::Append,
          value_parser = comma_list)]
    pub requestheader_group_headers: Vec<CommaList>,
    /// Beginnings of headers in which a front proxy gives further attributes, separated by commas.
    #[arg(long, value_name = "LIST", default_value = "x-remote-extra-", action = ArgAction::Append,
          value_parser = comma_list)]
    pub requestheader_extra_headers_prefix: Vec<CommaList>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Authorization")]
pub(super) struct AuthorizationFlags {
    /// Kubeconfig file for access reviews. Without it, the pod's service account is used.
    #[arg(long, value_name = "FILE")]
    pub authorization_kubeconfig: Option<PathBuf>,
    /// Paths that anybody may read, separated by commas; a trailing * stands for any rest.
    #[arg(long, value_name = "LIST", default_value = "/healthz,/readyz,/livez", action = ArgAction::Append,
          value_parser = comma_list)]
    pub authorization_always_allow_paths: Vec<CommaList>,
    /// How long a positive access review counts.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub authorization_webhook_cache_authorized_ttl: Duration,
    /// How long a negative access review counts.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub authorization_webhook_cache_unauthorized_ttl: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(super) struct LoggingFlags {
    /// How much is logged: 4 shows what is answered, 6 each request to Prometheus, 8 its answer, 10 the libraries as
    /// well.
    #[arg(short = 'v', long = "v", value_name = "LEVEL", default_value = "0", value_parser = integer)]
    pub verbosity: i64,
    /// Form of log lines.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}
