//! From the settings of the command line to the settings of each part.
//!
//! **Invariant:** every setting that is accepted arrives somewhere, or a warning says that it does not.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use plimsoll_adapter::prometheus::ClientSettings;
use plimsoll_apiserver::cluster::{
    AuthenticationSettings, AuthorizationSettings, ClusterSettings, FrontProxySettings, credentials,
};
use plimsoll_apiserver::serve::{Limits, Settings};
use plimsoll_apiserver::tls::{CertificateFiles, Pair, SniPair, TlsSettings};
use plimsoll_apiserver::{AlwaysAllow, VersionInfo};

use crate::arguments::{self, PrometheusCredentials, PrometheusSettings, ServeSettings};

/// How often certificate files are read again.
const CERTIFICATE_POLL: Duration = Duration::from_secs(5);

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn kubernetes(settings: &ServeSettings) -> ClusterSettings {
    let path =
        |file: &Option<PathBuf>| file.as_deref().unwrap_or(Path::new("")).to_string_lossy().into_owned();
    ClusterSettings {
        lister_kubeconfig: path(&settings.kubernetes.kubeconfig),
        authentication_kubeconfig: path(&settings.authentication.kubeconfig),
        authorization_kubeconfig: path(&settings.authorization.kubeconfig),
        authentication: authentication(&settings.authentication),
        authorization: authorization(&settings.authorization),
        ..ClusterSettings::default()
    }
}

pub(super) fn prometheus(settings: &PrometheusSettings) -> anyhow::Result<ClientSettings> {
    let mut client = ClientSettings::new(settings.url.clone());
    client.verb = settings.verb;
    client.headers.clone_from(&settings.headers);
    client.token_file.clone_from(&settings.token_file);
    client.ca_file.clone_from(&settings.ca_file);
    if let Some((certificate, key)) = &settings.client_certificate {
        client.client_cert_file = Some(certificate.clone());
        client.client_key_file = Some(key.clone());
    }
    match &settings.credentials {
        PrometheusCredentials::None => {}
        PrometheusCredentials::InCluster => {
            let folder = Path::new(SERVICE_ACCOUNT);
            client.token_file.get_or_insert_with(|| folder.join("token"));
            client.ca_file.get_or_insert_with(|| folder.join("ca.crt"));
        }
        PrometheusCredentials::Kubeconfig(path) => {
            let found =
                credentials(path).with_context(|| format!("--prometheus-auth-config {}", path.display()))?;
            client.bearer_token = found.token;
            client.extra_roots = found.authorities;
            if client.token_file.is_none() {
                client.token_file = found.token_file;
            }
            if client.ca_file.is_none() {
                client.ca_file = found.ca_file;
            }
            if client.client_cert_file.is_none() {
                (client.client_cert_file, client.client_key_file) = (found.certificate_file, found.key_file);
            }
        }
    }
    Ok(client)
}

fn authentication(settings: &arguments::AuthenticationSettings) -> AuthenticationSettings {
    let headers = &settings.request_headers;
    AuthenticationSettings {
        token_ttl: settings.token_cache,
        skip_lookup: settings.skip_lookup,
        tolerate_lookup_failure: settings.tolerate_lookup_failure,
        client_ca_file: settings.client_ca_file.clone(),
        front_proxy: FrontProxySettings {
            ca_file: headers.client_ca_file.clone(),
            allowed_names: headers.allowed_names.clone(),
            username_headers: headers.username_headers.clone(),
            uid_headers: headers.uid_headers.clone(),
            group_headers: headers.group_headers.clone(),
            extra_prefixes: headers.extra_header_prefixes.clone(),
        },
    }
}

fn authorization(settings: &arguments::AuthorizationSettings) -> AuthorizationSettings {
    AuthorizationSettings { allowed_ttl: settings.allowed_cache, denied_ttl: settings.denied_cache }
}

/// The server of a process that may open `files` files at a time.
pub(super) fn server(settings: &ServeSettings, files: usize) -> anyhow::Result<Settings> {
    let serving = &settings.serving;
    let pair =
        |(certificate, key): &(PathBuf, PathBuf)| Pair { certificate: certificate.clone(), key: key.clone() };
    let mut limits = Limits::default().within_open_files(files);
    if limits.connections < Limits::default().connections {
        let connections = limits.connections;
        tracing::warn!(
            files,
            connections,
            "few files may be opened at a time, so fewer connections are accepted"
        );
    }
    if let Some(streams) = serving.http2_streams_per_connection {
        limits.streams = streams;
    }
    Ok(Settings {
        bind: SocketAddr::new(serving.address, serving.port),
        share_port: serving.share_port,
        tls: TlsSettings {
            certificates: match &serving.certificate {
                Some(files) => CertificateFiles::Given(pair(files)),
                None => CertificateFiles::Folder(serving.certificate_directory.clone()),
            },
            sni: serving
                .sni_certificates
                .iter()
                .map(|sni| SniPair {
                    pair: Pair { certificate: sni.certificate.clone(), key: sni.key.clone() },
                    names: sni.names.clone(),
                })
                .collect(),
            min_version: serving.minimum_version,
            cipher_suites: serving.cipher_suites.clone(),
            http2: serving.http2,
            poll: CERTIFICATE_POLL,
        },
        limits,
        always_allow: AlwaysAllow::parse(
            settings.authorization.always_allow_paths.iter().map(String::as_str),
        )?,
        version: VersionInfo::new(env!("CARGO_PKG_VERSION")),
    })
}
