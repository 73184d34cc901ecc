//! Client certificates: requested, not required, and not judged.
//!
//! A handshake proves that the client holds the key of the certificate it presents. Which authority vouches for
//! it, and whether it is a front proxy or a user, is for the [`Authenticator`](crate::identity::Authenticator).
//!
//! **Invariant:** a handshake with a certificate whose key the client does not hold fails, and so does one with a chain
//! that is long or large: it is kept for as long as the connection lasts.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::ClientCas;

/// Certificates in a client's chain, and their bytes together. Chains of Kubernetes have one to three of a kilobyte each.
pub const LONGEST_CHAIN: usize = 8;
pub const LARGEST_CHAIN: usize = 16 * 1024;

/// Accepts any client certificate whose key the client holds.
#[derive(Debug)]
pub(super) struct DeferredTrust {
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
}

impl DeferredTrust {
    /// `cas` are named to clients as a hint; one that does not parse is left out.
    pub(super) fn new(provider: &Arc<CryptoProvider>, cas: &ClientCas) -> Self {
        let mut hints: Vec<DistinguishedName> = Vec::new();
        for ca in cas.iter() {
            match webpki::anchor_from_trusted_cert(ca) {
                Ok(anchor) => {
                    let hint = DistinguishedName::in_sequence(&anchor.subject);
                    if !hints.iter().any(|known| known.as_ref() == hint.as_ref()) {
                        hints.push(hint);
                    }
                }
                Err(error) => tracing::warn!(%error, "a certificate authority of clients is unreadable"),
            }
        }
        Self { provider: Arc::clone(provider), hints }
    }
}

impl ClientCertVerifier for DeferredTrust {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes: usize = intermediates.iter().map(|one| one.len()).sum();
        if intermediates.len() >= LONGEST_CHAIN || end_entity.len() + bytes > LARGEST_CHAIN {
            return Err(Error::General("the client's certificate chain is too long".to_owned()));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
