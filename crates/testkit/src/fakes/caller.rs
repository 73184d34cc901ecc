//! A client of an aggregated API server that trusts whatever certificate it is shown, as people with `curl -k` do.
//!
//! Not for anything but tests: it takes a server for what it says it is.
//!
//! **Invariant:** a request has a connection of its own, and takes at most [`LIMIT`].

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::Identity;

/// How long a request may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A server, and who asks it.
#[derive(Clone)]
pub struct Caller {
    server: SocketAddr,
    tls: TlsConnector,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: String,
}

impl Caller {
    /// A client without credentials.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn anonymous(server: SocketAddr) -> Result<Self> {
        Self::new(server, None)
    }

    /// A client with a bearer token.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn with_token(server: SocketAddr, token: &str) -> Result<Self> {
        Ok(Self::anonymous(server)?.with_header("authorization", &format!("Bearer {token}")))
    }

    /// A client with a certificate.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn with_certificate(server: SocketAddr, identity: &Identity) -> Result<Self> {
        Self::new(server, Some(identity))
    }

    fn new(server: SocketAddr, identity: Option<&Identity>) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(provider)));
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?,
            )?,
        };
        Ok(Self { server, tls: TlsConnector::from(Arc::new(config)), headers: Vec::new() })
    }

    /// The same client, which sends one more header with each request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks for `target`, a raw path with its query.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&self, target: &str) -> Result<Answer> {
        self.send("GET", target, "").await
    }

    /// Sends a request.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, method: &str, target: &str, body: &str) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(target).header("host", "adapter.test");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
        let exchange = async {
            let stream = TcpStream::connect(self.server).await?;
            let stream = self.tls.connect(ServerName::try_from("adapter.test")?, stream).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            anyhow::Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        match tokio::time::timeout(LIMIT, exchange).await {
            Ok(answer) => answer.with_context(|| format!("{method} {target}")),
            Err(_) => bail!("{method} {target}: no answer within {} s", LIMIT.as_secs()),
        }
    }
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The message of a `Status`.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The texts of the `Warning` headers.
    pub fn warnings(&self) -> Vec<String> {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let bare = |text: String| {
            let text = text.strip_prefix("299 - \"").and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
            text.replace("\\\"", "\"").replace("\\\\", "\\")
        };
        self.headers.get_all("warning").iter().map(text).map(bare).collect()
    }
}

/// Believes every certificate, but not every signature.
#[derive(Debug)]
pub struct Trusting(pub Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
