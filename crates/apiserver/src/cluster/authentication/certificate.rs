//! Client certificates: does an authority vouch for this one, and whom does it name.
//!
//! Possession of the key has been proven by the handshake; here only the chain is judged.
//!
//! **Invariant:** nobody is named by a certificate that no trusted authority signed for client use.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::subject::{Subject, UnreadableSubject};

/// Certificate authorities that are trusted for one purpose.
#[derive(Clone)]
pub struct Authorities {
    certificates: Arc<[CertificateDer<'static>]>,
    anchors: Vec<TrustAnchor<'static>>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
}

/// Why a text is no bundle of authorities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("no certificate is in it; PEM blocks `BEGIN CERTIFICATE` are expected")]
    Empty,
    #[error("it is not PEM: {0}")]
    Pem(String),
    #[error("certificate {0} of it cannot be read")]
    Certificate(usize),
}

/// Why a client certificate is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate cannot be read")]
    Unreadable,
    #[error("no trusted authority vouches for the certificate: {0}")]
    Untrusted(String),
    #[error(transparent)]
    Subject(#[from] UnreadableSubject),
}

impl Authorities {
    /// Reads a PEM bundle; every certificate of it must be readable.
    pub fn read(pem: &[u8]) -> Result<Self, BundleError> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| BundleError::Pem(error.to_string()))?;
        if certificates.is_empty() {
            return Err(BundleError::Empty);
        }
        let anchor = |(at, certificate)| {
            webpki::anchor_from_trusted_cert(certificate)
                .map(|anchor| anchor.to_owned())
                .map_err(|_| BundleError::Certificate(at + 1))
        };
        let anchors = certificates.iter().enumerate().map(anchor).collect::<Result<_, _>>()?;
        let algorithms = default_provider().signature_verification_algorithms.all;
        Ok(Self { certificates: certificates.into(), anchors, algorithms })
    }

    /// The certificates, for hints to clients.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Judges the chain `peer`, leaf first, and tells whom it names.
    pub fn verify(
        &self,
        peer: &[CertificateDer<'static>],
        now: UnixTime,
    ) -> Result<Subject, CertificateError> {
        let (leaf, intermediates) = peer.split_first().ok_or(CertificateError::Unreadable)?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|_| CertificateError::Unreadable)?;
        leaf.verify_for_usage(
            self.algorithms,
            &self.anchors,
            intermediates,
            now,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .map_err(|error| CertificateError::Untrusted(error.to_string()))?;
        Ok(Subject::read(leaf.subject())?)
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

impl Eq for Authorities {}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authorities({})", self.certificates.len())
    }
}
