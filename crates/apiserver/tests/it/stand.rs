//! A server on port 0, its stand-ins, and a client that sends bytes as they are written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use plimsoll_apiserver::health::Health;
use plimsoll_apiserver::identity::{
    Attributes, AuthenticationError, Authenticator, Authorizer, Decision, User,
};
use plimsoll_apiserver::route::{Answer, ApiGroups, ApiRequest, DebugPages, GroupVersion, Resource, Served};
use plimsoll_apiserver::serve::{Limits, Server, Services, Settings};
use plimsoll_apiserver::tls::{CertificateFiles, CipherSuites, ClientCas, MinVersion, SniPair, TlsSettings};
use plimsoll_apiserver::{AlwaysAllow, VersionInfo};
use prometheus_client::registry::Registry;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for a busy machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Groups whose answers tell what was asked.
pub struct Groups {
    pub served: Mutex<Arc<Served>>,
    pub asked: Mutex<Vec<ApiRequest>>,
    /// Requests for the metric `wait` are answered after this.
    pub release: Notify,
    /// Told when a request for `wait` has arrived.
    pub waiting: watch::Sender<usize>,
}

#[async_trait]
impl ApiGroups for Groups {
    fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.lock().unwrap())
    }

    async fn answer(&self, request: ApiRequest) -> Answer {
        let last = request.segments.last().cloned().unwrap_or_default();
        let text = format!("{} {:?} ?{}", request.method, request.segments, request.query);
        self.asked.lock().unwrap().push(request);
        match last.as_str() {
            "panic" => panic!("a handler that panics"),
            "wait" => {
                self.waiting.send_modify(|count| *count += 1);
                self.release.notified().await;
            }
            "never" => std::future::pending().await,
            _ => {}
        }
        let body = if last == "large" { "x".repeat(200 * 1024) } else { text };
        let warnings = if last == "warn" { vec!["say \"hello\"".to_owned()] } else { Vec::new() };
        Answer { status: StatusCode::OK, content_type: "text/plain", body: Bytes::from(body), warnings }
    }
}

/// Tokens as in the recorded cases, and certificates by their subject's presence.
pub struct Tokens {
    pub peers: Mutex<Vec<Vec<CertificateDer<'static>>>>,
}

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(
        &self,
        request: &Parts,
        peer: &[CertificateDer<'static>],
    ) -> Result<User, AuthenticationError> {
        self.peers.lock().unwrap().push(peer.to_vec());
        let user = |name: &str, groups: &[&str]| User {
            name: name.to_owned(),
            uid: String::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            extra: BTreeMap::new(),
            proxied: false,
        };
        let token = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        match token.and_then(|value| value.strip_prefix("Bearer ")) {
            Some("admin") => Ok(user("admin", &["system:masters", "system:authenticated"])),
            Some("joe") => Ok(user("joe", &["devs", "system:authenticated"])),
            Some("later") => Err(AuthenticationError::Unavailable("no answer".to_owned())),
            Some("hang") => std::future::pending().await,
            Some(_) => Err(AuthenticationError::Unauthorized),
            None => Ok(user("system:anonymous", &["system:unauthenticated"])),
        }
    }
}

/// Decides as told, lets administrators pass, and remembers what it was asked.
pub struct Decisions {
    pub decision: Mutex<Decision>,
    pub asked: Mutex<Vec<(User, Attributes)>>,
}

#[async_trait]
impl Authorizer for Decisions {
    async fn authorize(&self, user: &User, attributes: &Attributes) -> Decision {
        self.asked.lock().unwrap().push((user.clone(), attributes.clone()));
        if user.groups.iter().any(|group| group == "system:masters") {
            return Decision::Allowed;
        }
        self.decision.lock().unwrap().clone()
    }
}

struct Pages;

#[async_trait]
impl DebugPages for Pages {
    async fn page(&self, path: &str, raw_query: &str) -> Option<Answer> {
        (path == "/debug/rules").then(|| Answer {
            status: StatusCode::OK,
            content_type: "text/html",
            body: Bytes::from(format!("rules {raw_query}")),
            warnings: Vec::new(),
        })
    }
}

/// A resource for [`Served`].
pub fn resource(name: &str, namespaced: bool, kind: &'static str) -> Resource {
    let verbs: &[&str] = if kind.ends_with("Metrics") { &["get", "list"] } else { &["get"] };
    Resource { name: name.to_owned(), namespaced, kind, verbs }
}

/// Custom metrics in both versions, external metrics, resource metrics.
pub fn all_groups() -> Served {
    let custom: Arc<[Resource]> = Arc::new([
        resource("namespaces/m", false, "MetricValueList"),
        resource("pods/m", true, "MetricValueList"),
    ]);
    Served {
        versions: vec![
            version("custom.metrics.k8s.io", "v1beta1", Arc::clone(&custom)),
            version("custom.metrics.k8s.io", "v1beta2", custom),
            version(
                "external.metrics.k8s.io",
                "v1beta1",
                Arc::new([resource("queue_depth", true, "ExternalMetricValueList")]),
            ),
            version(
                "metrics.k8s.io",
                "v1beta1",
                Arc::new([resource("nodes", false, "NodeMetrics"), resource("pods", true, "PodMetrics")]),
            ),
        ],
    }
}

/// A group version for [`Served`].
pub fn version(group: &'static str, version: &'static str, resources: Arc<[Resource]>) -> GroupVersion {
    GroupVersion { group, version, resources }
}

/// A running server.
pub struct Stand {
    pub address: SocketAddr,
    pub groups: Arc<Groups>,
    pub tokens: Arc<Tokens>,
    pub decisions: Arc<Decisions>,
    pub client_cas: watch::Sender<ClientCas>,
    pub folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<tokio::task::JoinHandle<()>>,
}

/// What a test may change before the server starts.
pub struct Plan {
    pub served: Served,
    pub limits: Limits,
    pub health: Health,
    pub sni: Vec<SniPair>,
    pub http2: bool,
    pub always_allow: AlwaysAllow,
    pub min_version: MinVersion,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            served: all_groups(),
            limits: Limits::default(),
            health: Health::new(),
            sni: Vec::new(),
            http2: true,
            always_allow: AlwaysAllow::default(),
            min_version: MinVersion::default(),
        }
    }
}

impl Stand {
    pub async fn start(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(plan, folder).await
    }

    pub async fn start_in(plan: Plan, folder: tempfile::TempDir) -> Self {
        let groups = Arc::new(Groups {
            served: Mutex::new(Arc::new(plan.served)),
            asked: Mutex::default(),
            release: Notify::new(),
            waiting: watch::Sender::new(0),
        });
        let tokens = Arc::new(Tokens { peers: Mutex::default() });
        let decisions =
            Arc::new(Decisions { decision: Mutex::new(Decision::Allowed), asked: Mutex::default() });
        let client_cas = watch::Sender::new(ClientCas::from([]));
        let settings = Settings {
            share_port: false,
            bind: "127.0.0.1:0".parse().unwrap(),
            tls: TlsSettings {
                certificates: CertificateFiles::Folder(folder.path().join("certificates")),
                sni: plan.sni,
                min_version: plan.min_version,
                cipher_suites: CipherSuites::default(),
                http2: plan.http2,
                poll: Duration::from_millis(20),
            },
            limits: plan.limits,
            always_allow: plan.always_allow,
            version: VersionInfo::new("0.1.0"),
        };
        let services = Services {
            groups: Arc::clone(&groups) as Arc<dyn ApiGroups>,
            authenticator: Arc::clone(&tokens) as Arc<dyn Authenticator>,
            authorizer: Arc::clone(&decisions) as Arc<dyn Authorizer>,
            health: plan.health,
            client_cas: client_cas.subscribe(),
            debug: Some(Arc::new(Pages)),
            registry: Registry::default(),
        };
        let server = Server::build(settings, services).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            groups,
            tokens,
            decisions,
            client_cas,
            folder,
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Tells the server to stop; it drains in the background.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the server has ended.
    pub async fn ended(&mut self) {
        if let Some(running) = self.running.take() {
            tokio::time::timeout(PATIENCE, running).await.expect("the server should end").unwrap();
        }
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(self.address, &Client::default()).await.expect("a connection")
    }

    /// One GET of an administrator on a connection of its own.
    pub async fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[("Authorization", "Bearer admin")]).await
    }

    /// Whether `line` is on the page of the server's own metrics.
    pub async fn measures(&self, line: &str) -> bool {
        self.get("/metrics").await.text().contains(&format!("\n{line}\n"))
    }

    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
        self.connect().await.ask(method, target, headers).await
    }
}

/// How a client shakes hands.
#[derive(Default)]
pub struct Client {
    pub certificate: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    pub server_name: Option<&'static str>,
    pub protocol: Option<&'static [u8]>,
}

/// A TLS connection.
pub struct Connection {
    pub stream: TlsStream<TcpStream>,
}

impl Connection {
    pub async fn open(address: SocketAddr, client: &Client) -> std::io::Result<Self> {
        let builder = tls_client(rustls::DEFAULT_VERSIONS);
        let mut config = match &client.certificate {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).expect("a client certificate")
            }
            None => builder.with_no_client_auth(),
        };
        if let Some(protocol) = client.protocol {
            config.alpn_protocols = vec![protocol.to_vec()];
        }
        Self::shake_hands(address, config, client.server_name.unwrap_or("localhost")).await
    }

    /// With a certificate that the caller chooses, whatever its key.
    pub async fn open_with_resolver(
        address: SocketAddr,
        resolver: Arc<dyn rustls::client::ResolvesClientCert>,
    ) -> std::io::Result<Self> {
        let config = tls_client(rustls::DEFAULT_VERSIONS).with_client_cert_resolver(resolver);
        Self::shake_hands(address, config, "localhost").await
    }

    pub async fn open_tls12(address: SocketAddr) -> std::io::Result<Self> {
        let config = tls_client(&[&rustls::version::TLS12]).with_no_client_auth();
        Self::shake_hands(address, config, "localhost").await
    }

    /// The subjects of certificate authorities that the server names in the handshake.
    pub async fn hints(address: SocketAddr) -> Vec<Vec<u8>> {
        let seen = Arc::new(Hints::default());
        let resolver = Arc::clone(&seen) as Arc<dyn rustls::client::ResolvesClientCert>;
        let mut connection = Self::open_with_resolver(address, resolver).await.unwrap();
        assert_eq!(connection.ask("GET", "/healthz", &[]).await.status, 200);
        seen.0.lock().unwrap().clone()
    }

    async fn shake_hands(
        address: SocketAddr,
        config: rustls::ClientConfig,
        name: &'static str,
    ) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(name).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream })
    }

    pub async fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.send(head.as_bytes()).await;
        self.read(method == "HEAD").await.expect("an answer")
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends to a server that may have closed the connection.
    pub async fn send_if_open(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next answer; `None` if the connection ends first.
    pub async fn read(&mut self, without_body: bool) -> Option<Reply> {
        tokio::time::timeout(PATIENCE, self.read_patiently(without_body)).await.expect("an answer in time")
    }

    pub async fn read_patiently(&mut self, without_body: bool) -> Option<Reply> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value);
        let length: usize = length.map_or(0, |value| value.parse().unwrap());
        let mut body = bytes.split_off(head_end);
        while !without_body && body.len() < length {
            let mut buffer = [0; 16384];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => body.extend_from_slice(&buffer[..count]),
            }
        }
        Some(Reply { status, headers, body })
    }

    /// Whether the server has closed the connection; waits for it.
    pub async fn closed(&mut self) -> bool {
        let mut buffer = [0; 1024];
        let read = async { while !matches!(self.stream.read(&mut buffer).await, Ok(0) | Err(_)) {} };
        tokio::time::timeout(PATIENCE, read).await.is_ok()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }
}

/// A connection without TLS yet, from another address of this machine.
pub async fn dial_from(source: &str, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source.parse().unwrap(), 0))?;
    socket.connect(address).await
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "gave up waiting: {what}");
}

fn tls_client(
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
}

/// Presents no certificate and remembers what the server suggested.
#[derive(Debug, Default)]
struct Hints(Mutex<Vec<Vec<u8>>>);

impl rustls::client::ResolvesClientCert for Hints {
    fn resolve(
        &self,
        hints: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        *self.0.lock().unwrap() = hints.iter().map(|hint| hint.to_vec()).collect();
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The tests look at certificates themselves where they matter.
#[derive(Debug)]
struct AnyServer;

impl rustls::client::danger::ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
