//! The load generator: connections that are kept, one request after the other on each, as little parsing as possible.
//!
//! It shares the machine with what it measures, so its own cost is part of every figure.
//!
//! **Invariant:** an answer that is not 200 ends the measurement instead of being counted.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::certificates::Identity;
use plimsoll_testkit::fakes::caller::Trusting;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::http::header;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes connections as the aggregator does, with the front proxy's certificate.
#[derive(Clone)]
pub struct Dialer {
    tls: TlsConnector,
    address: SocketAddr,
}

impl Dialer {
    /// Connections to `address`, as `identity`.
    pub fn new(address: SocketAddr, identity: &Identity) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let configuration = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
            .with_client_auth_cert(vec![certificate], key)?;
        Ok(Self { tls: TlsConnector::from(Arc::new(configuration)), address })
    }

    /// Connects and shakes hands.
    pub async fn dial(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::from(self.address.ip()), stream).await?;
        Ok(Connection { stream, buffer: Vec::with_capacity(64 * 1024) })
    }
}

/// A request of the HPA controller as the aggregator passes it on, for a user whose rights must be looked up.
pub fn request(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: 10.96.12.34\r\n\
         User-Agent: kube-controller-manager/v1.37.2 (linux/amd64) kubernetes/1234567/horizontal-pod-autoscaler\r\n\
         Accept: application/json, */*\r\n\
         Accept-Encoding: gzip\r\n\
         Audit-Id: 0b6f4a4e-5c1d-4b8e-9d57-2f1f6d1c9a11\r\n\
         X-Forwarded-For: 10.0.0.7\r\n\
         X-Remote-User: system:serviceaccount:kube-system:horizontal-pod-autoscaler\r\n\
         X-Remote-Group: system:serviceaccounts\r\n\
         X-Remote-Group: system:serviceaccounts:kube-system\r\n\
         X-Remote-Group: system:authenticated\r\n\r\n"
    )
    .into_bytes()
}

/// A kept connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends a request and reads its answer: the status, and the body as sent.
    pub async fn get(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let (mut end, mut searched) = (0, 0usize);
        while end == 0 {
            self.more().await?;
            let from = searched.saturating_sub(3);
            if let Some(at) = self.buffer[from..].windows(4).position(|window| window == b"\r\n\r\n") {
                end = from + at + 4;
            }
            searched = self.buffer.len();
        }
        let length: usize = header(&self.buffer[..end], "content-length")
            .and_then(|text| text.parse().ok())
            .context("an answer without Content-Length")?;
        let status = str::from_utf8(self.buffer.get(9..12).unwrap_or_default())?.parse()?;
        while self.buffer.len() < end + length {
            self.more().await?;
        }
        Ok((status, &self.buffer[end..]))
    }

    async fn more(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        Ok(())
    }
}

/// What came of a round.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// Answers.
    pub answers: u64,
    /// Wall time.
    pub elapsed: Duration,
    /// Sorted times of single answers.
    pub times: Vec<Duration>,
}

impl Round {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.elapsed.as_secs_f64()
    }

    /// The time within which this share of all answers came.
    pub fn quantile(&self, share: f64) -> Duration {
        let at = (self.times.len() as f64 * share) as usize;
        self.times.get(at.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Sends the requests for `length`: each connection its own, one after the other.
pub async fn round(dialer: &Dialer, requests: &[Vec<u8>], length: Duration) -> Result<Round> {
    let mut connections = Vec::new();
    for request in requests {
        let mut connection = dialer.dial().await?;
        checked(&mut connection, request).await?;
        connections.push((connection, request.clone()));
    }
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (mut connection, request) in connections {
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(65_536);
            let mut before = start;
            loop {
                let (status, _) = tokio::time::timeout(LIMIT, connection.get(&request)).await??;
                ensure!(status == 200, "an answer with status {status}");
                let now = Instant::now();
                times.push(now - before);
                before = now;
                if now - start >= length {
                    return anyhow::Ok(times);
                }
            }
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let elapsed = start.elapsed();
    times.sort_unstable();
    Ok(Round { answers: times.len() as u64, elapsed, times })
}

/// Sends all requests at once, each over a connection of its own, and returns when the last answer is there.
pub async fn burst(dialer: &Dialer, requests: &[Vec<u8>]) -> Result<Duration> {
    let mut connections = Vec::new();
    for request in requests {
        connections.push((dialer.dial().await?, request.clone()));
    }
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (mut connection, request) in connections {
        tasks.spawn(async move { checked(&mut connection, &request).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(start.elapsed())
}

/// One answer, which must be good.
pub async fn checked(connection: &mut Connection, request: &[u8]) -> Result<()> {
    let (status, body) = tokio::time::timeout(LIMIT, connection.get(request)).await??;
    if status != 200 {
        let text: String = String::from_utf8_lossy(body).chars().take(500).collect();
        bail!("an answer with status {status}: {text}");
    }
    Ok(())
}
