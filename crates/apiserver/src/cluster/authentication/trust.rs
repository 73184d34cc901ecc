//! Whose certificates count: authorities from files and from the cluster's own ConfigMap, as they change.
//!
//! The ConfigMap is `kube-system/extension-apiserver-authentication`, which kube-apiserver writes for servers
//! like this one (`apiserver/pkg/server/options/authentication.go`). Files win over it.
//!
//! **Invariant:** what cannot be read never replaces what could; what is taken away is no longer trusted.

mod config_map;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderName;
use kube::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use self::config_map::ConfigMaps;
use super::certificate::{Authorities, BundleError};
use super::front_proxy::{FrontProxy, ProxyNames};
use crate::cluster::background::Background;
use crate::cluster::client::CallError;
use crate::cluster::metrics::ClusterMetrics;
pub use crate::tls::ClientCas;

/// How often files are read again.
const FILES_AGAIN: Duration = Duration::from_secs(60);
/// How long the start waits for an API server that does not answer.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Which credentials are accepted, and from where their authorities come.
#[derive(Debug, Clone)]
pub struct AuthenticationSettings {
    /// `--authentication-token-webhook-cache-ttl`.
    pub token_ttl: Duration,
    /// `--authentication-skip-lookup`: the ConfigMap is not read.
    pub skip_lookup: bool,
    /// `--authentication-tolerate-lookup-failure`: a ConfigMap that may not be read is no reason to stop.
    pub tolerate_lookup_failure: bool,
    /// `--client-ca-file`.
    pub client_ca_file: Option<PathBuf>,
    /// `--requestheader-…`.
    pub front_proxy: FrontProxySettings,
}

/// `--requestheader-…`. Without a CA file all of it comes from the ConfigMap.
#[derive(Debug, Clone)]
pub struct FrontProxySettings {
    pub ca_file: Option<PathBuf>,
    pub allowed_names: Vec<String>,
    pub username_headers: Vec<String>,
    pub uid_headers: Vec<String>,
    pub group_headers: Vec<String>,
    pub extra_prefixes: Vec<String>,
}

impl Default for AuthenticationSettings {
    fn default() -> Self {
        Self {
            token_ttl: Duration::from_secs(10),
            skip_lookup: false,
            tolerate_lookup_failure: false,
            client_ca_file: None,
            front_proxy: FrontProxySettings::default(),
        }
    }
}

impl Default for FrontProxySettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            allowed_names: Vec::new(),
            username_headers: vec!["x-remote-user".to_owned()],
            uid_headers: Vec::new(),
            group_headers: vec!["x-remote-group".to_owned()],
            extra_prefixes: vec!["x-remote-extra-".to_owned()],
        }
    }
}

/// Why authentication cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the CA file {path} cannot be read")]
    ReadFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the CA file {path} cannot be used")]
    Bundle {
        path: PathBuf,
        #[source]
        source: BundleError,
    },
    #[error("`{name}` is not the name of an HTTP header")]
    HeaderName { name: String },
    /// The ConfigMap may not be read.
    #[error(
        "the ConfigMap kube-system/extension-apiserver-authentication may not be read; bind the Role \
         extension-apiserver-authentication-reader in kube-system to this service account, or set \
         --authentication-tolerate-lookup-failure"
    )]
    Forbidden(#[source] CallError),
    #[error("the ConfigMap kube-system/extension-apiserver-authentication cannot be read")]
    Unreachable(#[source] CallError),
    #[error("the system gives no random numbers")]
    Randomness,
}

/// What is trusted now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    pub front_proxy: Option<FrontProxy>,
    pub clients: Option<Authorities>,
}

impl Trust {
    fn certificates(&self) -> ClientCas {
        let front_proxy = self.front_proxy.iter().flat_map(|proxy| proxy.authorities.certificates());
        let clients = self.clients.iter().flat_map(Authorities::certificates);
        front_proxy.chain(clients).cloned().collect()
    }
}

type Started = (watch::Receiver<Arc<Trust>>, watch::Receiver<ClientCas>, Background);

/// Reads everything once and then follows it.
pub async fn start(
    client: Client,
    settings: AuthenticationSettings,
    metrics: ClusterMetrics,
) -> Result<Started, TrustError> {
    let files = Files::new(&settings)?;
    let from_files = files.read()?;
    let complete = from_files.front_proxy.is_some() && from_files.clients.is_some();
    let lookup = (!settings.skip_lookup && !complete).then(|| ConfigMaps { client, metrics });
    let mut read = None;
    let mut from_cluster = Trust::default();
    if let Some(maps) = &lookup {
        read = first_lookup(maps, settings.tolerate_lookup_failure).await?;
        if let Some(map) = &read {
            map.apply(&mut from_cluster);
        }
    }
    let trust = combine(&from_files, &from_cluster);
    let (tell_cas, cas) = watch::channel(trust.certificates());
    let (tell, told) = watch::channel(Arc::new(trust));
    let roots = Roots { sources: Mutex::new((from_files, from_cluster)), tell, tell_cas };
    let follow = Background::spawn(async move {
        let reread = roots.follow_files(&files);
        match &lookup {
            Some(maps) => {
                let first = read.map(|map| map.version().to_owned());
                tokio::join!(reread, maps.follow(first, |map| roots.take(map)));
            }
            None => reread.await,
        }
    });
    Ok((told, cas, follow))
}

/// The ConfigMap at start; `None` if there is none, or it may be missing.
async fn first_lookup(
    maps: &ConfigMaps,
    tolerate: bool,
) -> Result<Option<config_map::ConfigMap>, TrustError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        let error = match maps.get().await {
            Ok(map) => return Ok(Some(map)),
            Err(error) => error,
        };
        let failure = match error.code() {
            404 => {
                tracing::warn!(
                    "there is no ConfigMap kube-system/extension-apiserver-authentication: neither front \
                     proxies nor client certificates are known unless files name their authorities"
                );
                return Ok(None);
            }
            401 | 403 => TrustError::Forbidden(error),
            _ if began.elapsed() < START_LIMIT && !tolerate => {
                tracing::warn!(error = error.to_string(), "waiting for the API server");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
                continue;
            }
            _ => TrustError::Unreachable(error),
        };
        if !tolerate {
            return Err(failure);
        }
        tracing::warn!(
            reason = crate::cluster::client::chain(&failure),
            "front proxies and client certificates are not known for now"
        );
        return Ok(None);
    }
}

/// What files name wins.
fn combine(files: &Trust, cluster: &Trust) -> Trust {
    Trust {
        front_proxy: files.front_proxy.clone().or_else(|| cluster.front_proxy.clone()),
        clients: files.clients.clone().or_else(|| cluster.clients.clone()),
    }
}

/// Publishes trust as its sources change.
struct Roots {
    /// From files, and from the cluster.
    sources: Mutex<(Trust, Trust)>,
    tell: watch::Sender<Arc<Trust>>,
    tell_cas: watch::Sender<ClientCas>,
}

impl Roots {
    async fn follow_files(&self, files: &Files) {
        loop {
            sleep(FILES_AGAIN).await;
            match files.read() {
                Ok(trust) => self.change(|sources| sources.0 = trust),
                Err(error) => tracing::warn!(
                    error = crate::cluster::client::chain(&error),
                    "a CA file has become unusable; the authorities read before stay in force"
                ),
            }
        }
    }

    fn take(&self, map: &config_map::ConfigMap) {
        self.change(|sources| map.apply(&mut sources.1));
    }

    fn change(&self, edit: impl FnOnce(&mut (Trust, Trust))) {
        let trust = {
            let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
            edit(&mut sources);
            combine(&sources.0, &sources.1)
        };
        let changed = **self.tell.borrow() != trust;
        if changed {
            tracing::info!(
                front_proxy = trust.front_proxy.is_some(),
                clients = trust.clients.is_some(),
                "the authorities of clients have changed"
            );
            self.tell_cas.send_replace(trust.certificates());
            self.tell.send_replace(Arc::new(trust));
        }
    }
}

/// CA files and the names that come with them.
struct Files {
    client_ca: Option<PathBuf>,
    front_proxy_ca: Option<PathBuf>,
    names: ProxyNames,
}

impl Files {
    fn new(settings: &AuthenticationSettings) -> Result<Self, TrustError> {
        let of = &settings.front_proxy;
        let headers = |names: &[String]| names.iter().map(|name| header(name)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            client_ca: settings.client_ca_file.clone(),
            front_proxy_ca: of.ca_file.clone(),
            names: ProxyNames {
                allowed: of.allowed_names.clone(),
                username: headers(&of.username_headers)?,
                uid: headers(&of.uid_headers)?,
                group: headers(&of.group_headers)?,
                extra_prefix: of.extra_prefixes.iter().map(|prefix| prefix.to_ascii_lowercase()).collect(),
            },
        })
    }

    fn read(&self) -> Result<Trust, TrustError> {
        let clients = self.client_ca.as_deref().map(authorities).transpose()?;
        let front_proxy = self.front_proxy_ca.as_deref().map(authorities).transpose()?;
        let front_proxy =
            front_proxy.map(|authorities| FrontProxy { authorities, names: self.names.clone() });
        Ok(Trust { front_proxy, clients })
    }
}

fn authorities(path: &Path) -> Result<Authorities, TrustError> {
    let pem = std::fs::read(path).map_err(|source| TrustError::ReadFile { path: path.to_owned(), source })?;
    Authorities::read(&pem).map_err(|source| TrustError::Bundle { path: path.to_owned(), source })
}

fn header(name: &str) -> Result<HeaderName, TrustError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| TrustError::HeaderName { name: name.to_owned() })
}
