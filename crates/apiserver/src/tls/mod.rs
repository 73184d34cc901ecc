//! TLS for the server: certificates that change while it runs, and client certificates whose trust is decided
//! later.
//!
//! **Invariant:** a configuration in use is never worse than the one before: files that do not load leave the
//! old certificates in place.

mod client_certs;
mod files;
mod settings;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;

pub use client_certs::{LARGEST_CHAIN, LONGEST_CHAIN};
pub use files::{CertificateFiles, Pair, ReadError, SniPair};
pub use settings::{CipherSuites, MinVersion, UnknownCipherSuite};

use client_certs::DeferredTrust;
use files::{Content, Loaded};

/// The certificate authorities of clients: front proxy and client CA together. Their subjects are named to
/// clients in the handshake so that these can pick a certificate; trust is not decided here.
pub type ClientCas = Arc<[CertificateDer<'static>]>;

/// What TLS needs to know.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    pub certificates: CertificateFiles,
    pub sni: Vec<SniPair>,
    pub min_version: MinVersion,
    pub cipher_suites: CipherSuites,
    /// Offer HTTP/2 in the handshake.
    pub http2: bool,
    /// How often the files are read again.
    pub poll: Duration,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Files(#[from] ReadError),
    #[error("the TLS settings do not fit together")]
    Settings(#[source] rustls::Error),
}

/// The configuration for the next handshake, kept up to date by [`Tls::run`].
pub struct Tls {
    settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
    client_cas: watch::Receiver<ClientCas>,
    /// Readings of the files that were refused.
    pub(crate) refused: Counter,
}

struct Current {
    content: Content,
    loaded: Loaded,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the files (generating a self-signed pair where the settings say so).
    pub fn build(settings: TlsSettings, client_cas: watch::Receiver<ClientCas>) -> Result<Self, TlsError> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: settings.cipher_suites.suites(),
            ..rustls::crypto::aws_lc_rs::default_provider()
        });
        files::prepare(&settings.certificates)?;
        let content = files::read(&settings.certificates, &settings.sni)?;
        let loaded = content.parse(&provider)?;
        let cas = client_cas.borrow().clone();
        let config = server_config(&settings, &provider, &loaded, &cas).map_err(TlsError::Settings)?;
        let current = RwLock::new(Current { content, loaded, config: Arc::new(config) });
        Ok(Self { settings, provider, current, client_cas, refused: Counter::default() })
    }

    /// What the next handshake is to use.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Follows the files and the certificate authorities until it is dropped.
    pub async fn run(&self) {
        let mut client_cas = self.client_cas.clone();
        let mut tick = tokio::time::interval(self.settings.poll.max(Duration::from_millis(10)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut follow_cas = true;
        let mut complained = None;
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let outcome = self.reload_files().await.err().map(|error| error.to_string());
                    if outcome.is_some() {
                        self.refused.inc();
                    }
                    if outcome != complained && let Some(error) = &outcome {
                        tracing::error!(%error, "new serving certificates are refused; the old ones stay");
                    }
                    complained = outcome;
                }
                changed = client_cas.changed(), if follow_cas => match changed {
                    Ok(()) => self.rebuild(None),
                    Err(_) => follow_cas = false,
                },
            }
        }
    }

    async fn reload_files(&self) -> Result<(), ReadError> {
        let settings = self.settings.clone();
        let read = move || files::read(&settings.certificates, &settings.sni);
        let content = tokio::task::spawn_blocking(read).await.map_err(|_| ReadError::Interrupted)??;
        let same = self.current.read().unwrap_or_else(PoisonError::into_inner).content == content;
        if !same {
            let loaded = content.parse(&self.provider)?;
            tracing::info!("serving certificates reloaded");
            self.rebuild(Some((content, loaded)));
        }
        Ok(())
    }

    fn rebuild(&self, new: Option<(Content, Loaded)>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let (content, loaded) = new.unwrap_or_else(|| (current.content.clone(), current.loaded.clone()));
        let cas = self.client_cas.borrow().clone();
        match server_config(&self.settings, &self.provider, &loaded, &cas) {
            Ok(config) => *current = Current { content, loaded, config: Arc::new(config) },
            Err(error) => {
                tracing::error!(%error, "the TLS configuration cannot be renewed; the old one stays")
            }
        }
    }
}

fn server_config(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    loaded: &Loaded,
    client_cas: &ClientCas,
) -> Result<ServerConfig, rustls::Error> {
    let verifier = Arc::new(DeferredTrust::new(provider, client_cas));
    let resolver = Arc::new(ByServerName { default: Arc::clone(&loaded.default), sni: loaded.sni.clone() });
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(settings.min_version.versions())?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver);
    config.alpn_protocols =
        if settings.http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(config)
}

/// Chooses the certificate by the name that the client asks for; the default if none fits.
#[derive(Debug)]
struct ByServerName {
    default: Arc<CertifiedKey>,
    sni: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase).unwrap_or_default();
        let wildcard = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let exact = |names: &[String]| names.contains(&name);
        let below = |names: &[String]| wildcard.as_ref().is_some_and(|wildcard| names.contains(wildcard));
        let found = self
            .sni
            .iter()
            .find(|(names, _)| exact(names))
            .or_else(|| self.sni.iter().find(|(names, _)| below(names)));
        Some(Arc::clone(found.map_or(&self.default, |(_, key)| key)))
    }
}
