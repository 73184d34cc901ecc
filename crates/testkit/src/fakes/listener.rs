//! HTTP as a fake speaks it: requests read whole, replies that may break off, hang or never come.
//!
//! **Invariant:** nothing about a request is judged here.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Identity;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method, upper case.
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// The query string as sent.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Asked {
    /// A parameter of the query string or of the form, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').chain(self.body.split('&'));
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| decoded(key) == name)
            .map(|(_, value)| decoded(value))
    }

    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    /// The beginning of an answer; the connection is cut after it.
    Cut(Bytes),
    /// The beginning of an answer, and then nothing.
    Stuck(Bytes),
    /// The connection is cut without an answer.
    Hangup,
    /// No answer, ever.
    Silence,
    /// An answer that comes late.
    Late(Duration, Box<Reply>),
}

impl Reply {
    /// JSON with a status.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// Text with a status and a content type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Whole { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Serves `answer` on the loopback; returns the address.
pub(super) async fn serve<F>(
    answer: impl Fn(Asked) -> F + Clone + Send + Sync + 'static,
) -> Result<SocketAddr>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, answer.clone()));
        }
    });
    Ok(address)
}

/// Serves `answer` with TLS on `address`, for clients that verify no certificate.
pub(super) async fn serve_tls<F>(
    address: SocketAddr,
    identity: &Identity,
    answer: impl Fn(Asked) -> F + Clone + Send + Sync + 'static,
) -> Result<()>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes())?],
            PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?,
        )?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    connection(stream, answer).await;
                }
            });
        }
    });
    Ok(())
}

async fn connection<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: impl Fn(Asked) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer.clone();
        async move { respond(answer(read(request).await?).await).await }
    });
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is its client's matter.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn read(request: Request<Incoming>) -> io::Result<Asked> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

async fn respond(mut reply: Reply) -> io::Result<Response<Body>> {
    while let Reply::Late(after, then) = reply {
        tokio::time::sleep(after).await;
        reply = *then;
    }
    match reply {
        Reply::Whole { status, headers, body } => {
            let body = Full::new(body).map_err(|never: Infallible| match never {});
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(body.boxed_unsync()).map_err(io::Error::other)
        }
        Reply::Cut(text) => {
            // What is written so far goes out when the body pauses.
            let rest = futures::stream::once(async {
                tokio::task::yield_now().await;
                Err(io::ErrorKind::ConnectionReset.into())
            });
            Ok(beginning(text, rest.boxed()))
        }
        Reply::Stuck(text) => Ok(beginning(text, futures::stream::pending().boxed())),
        Reply::Hangup => Err(io::ErrorKind::ConnectionReset.into()),
        Reply::Silence | Reply::Late(..) => std::future::pending().await,
    }
}

fn beginning(
    text: Bytes,
    rest: futures::stream::BoxStream<'static, io::Result<Frame<Bytes>>>,
) -> Response<Body> {
    let first = futures::stream::iter((!text.is_empty()).then(|| Ok(Frame::data(text))));
    let mut response = Response::new(StreamBody::new(first.chain(rest)).boxed_unsync());
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
