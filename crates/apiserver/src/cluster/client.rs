//! Connections to the Kubernetes API server: which one, as whom, and one way to make a call.
//!
//! Not a cache and not a retry policy: callers decide what a failure means.
//!
//! **Invariant:** no error of this file prints a body, a token or a line of a kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use plimsoll_adapter::cluster::ListError;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tower::ServiceBuilder;

/// How long a TCP connection to the API server may take to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Stands for no proxy: without one, kube takes that of the environment, which has no effect on this program.
const NO_PROXY: &str = "no-proxy.invalid";
/// Idle connections kept for the next call. Watches hold theirs, so this bounds only the rest.
const IDLE_CONNECTIONS: usize = 4;
/// The largest answer that is read: a list page or a discovery document is far below.
const LARGEST_ANSWER: usize = 256 << 20;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file cannot be read.
    #[error("the kubeconfig {path} cannot be read")]
    ReadKubeconfig {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML of the right shape. The parser's own text is withheld because it quotes lines.
    #[error("the kubeconfig {path} is not valid{at}")]
    ParseKubeconfig { path: String, at: String },
    /// The file is readable and incomplete.
    #[error("the kubeconfig {path} cannot be used")]
    Kubeconfig {
        path: String,
        #[source]
        source: KubeconfigError,
    },
    /// No file was named and this is not a pod.
    #[error("no kubeconfig is given and this is not a pod with a service account; name a file")]
    InCluster {
        #[source]
        source: kube::config::InClusterError,
    },
    /// Proxies between this process and the API server are not supported.
    #[error("the kubeconfig {path} asks for a proxy (`proxy-url`), which is not supported; remove it")]
    Proxy { path: String },
    /// Certificates or credentials in the configuration are not usable.
    #[error("the credentials for the API server cannot be used")]
    Credentials {
        #[source]
        source: Box<kube::Error>,
    },
}

/// Why a call to the API server has no good answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The API server answered with a failure.
    #[error("{message}")]
    Refused { code: u16, reason: String, message: String },
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that is not what was asked for.
    #[error("the API server's answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallError {
    /// The HTTP status, 0 without one.
    pub fn code(&self) -> u16 {
        match self {
            Self::Refused { code, .. } => *code,
            _ => 0,
        }
    }
}

impl From<CallError> for ListError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { code, reason, message } => Self::Refused { code, reason, message },
            CallError::Unreachable(text) => Self::Unreachable(text),
            unreadable @ CallError::Unreadable(_) => Self::Unreachable(unreadable.to_string()),
        }
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => refusal(status.code, &status.reason, &status.message),
            kube::Error::SerdeError(error) => Self::Unreadable(error.to_string()),
            other => Self::Unreachable(chain(&other)),
        }
    }
}

/// Makes a client from a kubeconfig file, or from the pod's service account if `kubeconfig` is empty.
///
/// Token and CA files are read again as they change. Certificates of the system are consulted only when an HTTPS
/// server is named without a CA.
pub async fn connect(kubeconfig: &str) -> Result<Client, ConnectError> {
    let mut config = if kubeconfig.is_empty() {
        Config::incluster().map_err(|source| ConnectError::InCluster { source })?
    } else {
        read_kubeconfig(kubeconfig).await?
    };
    if config.proxy_url.is_some() {
        return Err(ConnectError::Proxy { path: kubeconfig.to_owned() });
    }
    let token_file = config.auth_info.token_file.take().map(|path| {
        // client-go prefers the file (`tools/clientcmd/api/types.go`).
        config.auth_info.token = None;
        TokenFile::new(path.into())
    });
    let plain = config.cluster_url.scheme_str() != Some("https");
    if config.root_cert.is_none() && (plain || config.accept_invalid_certs) {
        config.root_cert = Some(Vec::new());
    }
    let agent = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(agent)));
    build(config, token_file).map_err(|source| ConnectError::Credentials { source: Box::new(source) })
}

async fn read_kubeconfig(path: &str) -> Result<Config, ConnectError> {
    let describe = |source: KubeconfigError| match source {
        KubeconfigError::ReadConfig(source, _) => {
            ConnectError::ReadKubeconfig { path: path.to_owned(), source }
        }
        KubeconfigError::Parse(error) => ConnectError::ParseKubeconfig {
            path: path.to_owned(),
            at: error
                .location()
                .map(|at| format!(": see line {}, column {}", at.line(), at.column()))
                .unwrap_or_default(),
        },
        source => ConnectError::Kubeconfig { path: path.to_owned(), source },
    };
    let mut kubeconfig = Kubeconfig::read_from(PathBuf::from(path)).map_err(describe)?;
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        if cluster.proxy_url.as_deref().is_none_or(str::is_empty) {
            cluster.proxy_url = Some(format!("http://{NO_PROXY}"));
        }
    }
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(describe)?;
    config.proxy_url = config.proxy_url.filter(|proxy| proxy.host() != Some(NO_PROXY));
    Ok(config)
}

/// The client's layers. kube's own stack is not used because it retries 503 for minutes, which would hide a
/// refusal from the request that waits for it, and because it keeps any number of idle connections.
fn build(config: Config, mut token_file: Option<TokenFile>) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_LIMIT));
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    let http = HttpClient::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_timer(TokioTimer::new())
        .build::<_, Body>(config.rustls_https_connector_with_connector(tcp)?);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_request(move |mut request: http::Request<Body>| {
            if let Some(header) = token_file.as_mut().and_then(TokenFile::header) {
                request.headers_mut().insert(http::header::AUTHORIZATION, header);
            }
            request
        })
        .map_err(tower::BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}

/// A bearer token in a file, as the kubelet rotates it. kube's own reading keeps a line break at the end, which
/// no header may hold.
#[derive(Clone)]
struct TokenFile {
    path: PathBuf,
    header: Option<http::HeaderValue>,
    read: Option<Instant>,
}

impl TokenFile {
    const READ_AGAIN: Duration = Duration::from_secs(60);

    fn new(path: PathBuf) -> Self {
        Self { path, header: None, read: None }
    }

    /// The header, read again once a minute. A file that has become unreadable leaves the last token in use.
    fn header(&mut self) -> Option<http::HeaderValue> {
        if self.read.is_none_or(|read| read.elapsed() >= Self::READ_AGAIN) {
            self.read = Some(Instant::now());
            let file = self.path.display().to_string();
            match std::fs::read_to_string(&self.path) {
                Ok(token) => match http::HeaderValue::try_from(format!("Bearer {}", token.trim())) {
                    Ok(mut header) => {
                        header.set_sensitive(true);
                        self.header = Some(header);
                    }
                    Err(_) => {
                        tracing::warn!(file, "the token file does not hold a token; one line is expected")
                    }
                },
                Err(error) => {
                    tracing::warn!(file, error = error.to_string(), "the token file cannot be read")
                }
            }
        }
        self.header.clone()
    }
}

/// Sends `request` and reads its JSON answer, all within `limit`.
pub async fn call<T: DeserializeOwned>(
    client: &Client,
    request: http::Request<Vec<u8>>,
    limit: Duration,
) -> Result<T, CallError> {
    let (_, body) = exchange(client, request, limit).await?.into_parts();
    serde_json::from_slice(&body).map_err(|error| CallError::Unreadable(error.to_string()))
}

/// Sends `request` and reads its whole answer within `limit`; a status of 400 and above is an error.
pub async fn exchange(
    client: &Client,
    request: http::Request<Vec<u8>>,
    limit: Duration,
) -> Result<http::Response<Bytes>, CallError> {
    let answered = async {
        let response = client.send(request.map(Body::from)).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| CallError::Unreachable(format!("the answer broke off: {error}")))?
            .to_bytes();
        if head.status.is_client_error() || head.status.is_server_error() {
            return Err(refusal_of(head.status.as_u16(), &body));
        }
        Ok(http::Response::from_parts(head, body))
    };
    tokio::time::timeout(limit, answered)
        .await
        .map_err(|_| CallError::Unreachable(format!("no answer within {} s", limit.as_secs_f64())))?
}

/// Reads a failure as client-go does: a `Status` if the body is one, else a text made from the code
/// (`apimachinery/pkg/api/errors/errors.go`, `NewGenericServerResponse`).
fn refusal_of(code: u16, body: &[u8]) -> CallError {
    match serde_json::from_slice::<kube::core::Status>(body) {
        Ok(status) if !status.message.is_empty() || !status.reason.is_empty() => {
            refusal(if status.code == 0 { code } else { status.code }, &status.reason, &status.message)
        }
        _ => {
            let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
            refusal(code, "", &text)
        }
    }
}

fn refusal(code: u16, reason: &str, message: &str) -> CallError {
    // kube's own reason for an answer without a `Status`.
    if !reason.is_empty() && reason != "Failed to parse error data" {
        return CallError::Refused { code, reason: reason.to_owned(), message: message.to_owned() };
    }
    let (reason, text) = match code {
        401 => ("Unauthorized", "the server has asked for the client to provide credentials"),
        403 => ("Forbidden", "the server does not allow access to the requested resource"),
        404 => ("NotFound", "the server could not find the requested resource"),
        405 => ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
        406 => {
            ("NotAcceptable", "the server was unable to respond with a content type that the client supports")
        }
        410 => ("Expired", "the requested resource version is too old"),
        429 => (
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504 => ("Timeout", "the server was unable to return a response in the time allotted"),
        500.. => ("InternalError", ""),
        _ => ("", ""),
    };
    let message = match (text, message) {
        ("", message) => {
            format!("an error on the server ({message:?}) has prevented the request from succeeding")
        }
        (text, _) => text.to_owned(),
    };
    CallError::Refused { code, reason: reason.to_owned(), message }
}

/// The texts of an error and its sources, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_without_a_status_reads_as_client_go_words_it() {
        assert_eq!(
            refusal_of(503, b"service unavailable\n").to_string(),
            "the server is currently unable to handle the request"
        );
        assert_eq!(
            refusal_of(500, b"boom").to_string(),
            r#"an error on the server ("boom") has prevented the request from succeeding"#
        );
    }

    #[test]
    fn a_status_keeps_its_code_reason_and_message() {
        let body = br#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":"Forbidden","code":403}"#;
        assert_eq!(
            refusal_of(403, body),
            CallError::Refused { code: 403, reason: "Forbidden".into(), message: "no".into() }
        );
    }

    #[tokio::test]
    async fn a_broken_kubeconfig_is_named_by_line_and_not_quoted() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), "apiVersion: v1\nusers:\n- {user: {token: hunter2}, name: [}\n")
            .expect("write");
        let error = connect(&file.path().display().to_string()).await.err().expect("an error");
        let text = chain(&error);
        assert!(text.contains("line 3"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_file_is_trimmed_and_read_again_every_minute() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let write = |text: &str| std::fs::write(file.path(), text).expect("write");
        let mut token = TokenFile::new(file.path().into());
        let mut header = || token.header().and_then(|header| header.to_str().ok().map(str::to_owned));
        write("first\n");
        assert_eq!(header().as_deref(), Some("Bearer first"));
        write("second\n");
        assert_eq!(header().as_deref(), Some("Bearer first"));
        tokio::time::advance(TokenFile::READ_AGAIN).await;
        assert_eq!(header().as_deref(), Some("Bearer second"));
        std::fs::remove_file(file.path()).expect("remove");
        tokio::time::advance(TokenFile::READ_AGAIN).await;
        assert_eq!(header().as_deref(), Some("Bearer second"), "the last token stays in use");
    }

    #[tokio::test]
    async fn a_missing_kubeconfig_is_named() {
        let error = connect("/nowhere/kubeconfig").await.err().expect("an error");
        assert!(error.to_string().contains("/nowhere/kubeconfig"), "{error}");
    }
}
