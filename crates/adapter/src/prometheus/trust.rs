//! TLS towards the server: whom to trust, and which certificate to show.
//!
//! **Invariant:** the system's roots are loaded only when a TLS connection is needed and no CA file
//! is given, since they cost memory and time.

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tracing::warn;

use super::settings::{BuildError, ClientSettings, FileRole};
use super::watched_file::WatchedFile;

/// What TLS is set up from.
pub(super) struct Trust {
    authorities: Option<WatchedFile>,
    extra_roots: Vec<CertificateDer<'static>>,
    identity: Option<(WatchedFile, WatchedFile)>,
}

impl Trust {
    /// Checks that the files are there in full; reads none.
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, BuildError> {
        let (certificate, key) = (FileRole::ClientCertificate, FileRole::ClientKey);
        let identity = match (&settings.client_cert_file, &settings.client_key_file) {
            (Some(cert), Some(path)) => {
                Some((WatchedFile::new(certificate, cert.clone()), WatchedFile::new(key, path.clone())))
            }
            (None, None) => None,
            (Some(_), None) => return Err(BuildError::HalfIdentity { given: certificate, missing: key }),
            (None, Some(_)) => return Err(BuildError::HalfIdentity { given: key, missing: certificate }),
        };
        let authorities = settings.ca_file.clone().map(|path| WatchedFile::new(FileRole::Authorities, path));
        Ok(Self { authorities, extra_roots: settings.extra_roots.clone(), identity })
    }

    /// Whether the system's roots are part of what is trusted.
    pub(super) fn uses_system_roots(&self) -> bool {
        self.authorities.is_none()
    }

    /// Whether a file differs from when it was last read.
    pub(super) fn changed(&self) -> bool {
        self.authorities.as_ref().is_some_and(WatchedFile::changed)
            || self.identity.as_ref().is_some_and(|(cert, key)| cert.changed() || key.changed())
    }

    /// Reads the client certificate and its key, to see that they go together.
    pub(super) fn check_identity(&mut self) -> Result<(), BuildError> {
        with_identity(builder()?.with_root_certificates(RootCertStore::empty()), &mut self.identity)
            .map(|_| ())
    }

    /// Reads all files. Without a CA file this loads the system's roots.
    pub(super) fn configuration(&mut self) -> Result<ClientConfig, BuildError> {
        let mut roots = RootCertStore::empty();
        for root in &self.extra_roots {
            roots.add(root.clone()).map_err(|error| BuildError::Tls(error.to_string()))?;
        }
        match &mut self.authorities {
            Some(file) => {
                for root in certificates(file)? {
                    let refuse = |error: rustls::Error| BuildError::Content {
                        role: file.role,
                        path: file.path.clone(),
                        reason: error.to_string(),
                    };
                    roots.add(root).map_err(refuse)?;
                }
            }
            None => {
                let system = rustls_native_certs::load_native_certs();
                let (added, _) = roots.add_parsable_certificates(system.certs);
                if added == 0 {
                    warn!(
                        "the system has no trusted certificates: give a CA file to reach Prometheus over https"
                    );
                }
            }
        }
        with_identity(builder()?.with_root_certificates(roots), &mut self.identity)
    }
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, BuildError> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.to_string()))
}

fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: &mut Option<(WatchedFile, WatchedFile)>,
) -> Result<ClientConfig, BuildError> {
    let Some((cert_file, key_file)) = identity else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(cert_file)?;
    let key = PrivateKeyDer::from_pem_slice(&key_file.read()?).map_err(|_| BuildError::Content {
        role: key_file.role,
        path: key_file.path.clone(),
        reason: "it holds no PEM private key".into(),
    })?;
    builder.with_client_auth_cert(chain, key).map_err(|error| BuildError::Content {
        role: cert_file.role,
        path: cert_file.path.clone(),
        reason: format!("it does not go with the key: {error}"),
    })
}

fn certificates(file: &mut WatchedFile) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let content = file.read()?;
    let refuse = |reason: &str| BuildError::Content {
        role: file.role,
        path: file.path.clone(),
        reason: reason.into(),
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&content)
        .collect::<Result<_, _>>()
        .map_err(|_| refuse("it holds a malformed PEM certificate"))?;
    if certificates.is_empty() {
        return Err(refuse("it holds no PEM certificate"));
    }
    Ok(certificates)
}
