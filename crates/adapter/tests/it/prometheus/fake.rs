//! A server that answers as a test says and remembers what it was asked.

use std::convert::Infallible;
use std::io;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::PATIENCE;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// The query string as sent.
    pub query: String,
    /// The parameters of the form if there is one, else of the query string, decoded.
    pub parameters: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub version: http::Version,
    /// The connection it came over, counted from 0.
    pub connection: usize,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    /// An answer whose connection is cut after this text.
    Cut(&'static str),
    /// The beginning of an answer, and then nothing.
    Stuck(&'static str),
    /// Nothing, ever.
    Silence,
    /// The connection is cut without an answer.
    Hangup,
    /// This text again and again, without end.
    Endless(&'static str),
}

impl Reply {
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::status(200, "application/json", body)
    }

    pub fn status(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::Whole { status, headers, body: body.into() }
    }

    pub fn vector() -> Self {
        Self::json(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#)
    }

    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::Whole { status, headers: vec![("location", location.into())], body: Bytes::new() }
    }

    pub fn gzip(body: &[u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).expect("memory");
        let headers = vec![("content-encoding", "gzip".to_owned())];
        Self::Whole { status: 200, headers, body: encoder.finish().expect("memory").into() }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Connections {
    pub opened: usize,
    pub closed: usize,
}

/// A server under way; it ends with the test's runtime.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    changed: watch::Receiver<Connections>,
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

impl Fake {
    /// Serves HTTP.
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(answer)).await
    }

    /// Serves HTTPS.
    pub async fn start_tls(
        tls: TlsAcceptor,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(tls), Arc::new(answer)).await
    }

    async fn serve(tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (changing, changed) = watch::channel(Connections::default());
        let (log, changing) = (asked.clone(), Arc::new(changing));
        tokio::spawn(async move {
            let next = AtomicUsize::new(0);
            while let Ok((stream, _)) = listener.accept().await {
                let connection = next.fetch_add(1, Ordering::Relaxed);
                changing.send_modify(|connections| connections.opened += 1);
                let (tls, log, answer, changing) =
                    (tls.clone(), log.clone(), answer.clone(), changing.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve_connection(stream, connection, log, answer, changing.clone()).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve_connection(stream, connection, log, answer, changing.clone()).await;
                            }
                        }
                    }
                    changing.send_modify(|connections| connections.closed += 1);
                });
            }
        });
        Self { url: format!("{scheme}://127.0.0.1:{port}"), asked, changed }
    }

    /// The same server under the name `localhost`.
    pub fn by_name(&self) -> String {
        self.url.replace("127.0.0.1", "localhost")
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    /// The only request so far.
    pub fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }

    /// Waits until requests and connections are as `condition` wants them.
    pub async fn until(&self, what: &str, condition: impl Fn(&[Asked], Connections) -> bool) {
        let mut changed = self.changed.clone();
        let waiting = changed.wait_for(|connections| condition(&self.asked(), *connections));
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited in vain until {what}: {:?}", self.asked());
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: usize,
    log: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Answer>,
    changing: Arc<watch::Sender<Connections>>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (log, answer, changing) = (log.clone(), answer.clone(), changing.clone());
        async move {
            let asked = read(request, connection).await;
            log.lock().expect("no panic").push(asked.clone());
            changing.send_modify(|_| {});
            respond(answer(&asked)).await
        }
    });
    // HTTP/2 is for those who negotiated it.
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn read(request: Request<Incoming>, connection: usize) -> Asked {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let form = String::from_utf8(body.to_vec()).expect("a form");
    let parameters = decoded(if parts.method == http::Method::POST { &form } else { &query });
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    Asked { method, path, query, parameters, headers: parts.headers, version: parts.version, connection }
}

async fn respond(reply: Reply) -> Result<Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error> {
    let unfinished = |text: &'static str, rest: io::Result<()>| {
        let first = futures::stream::iter([Ok(Frame::data(Bytes::from_static(text.as_bytes())))]);
        let rest = match rest {
            Ok(()) => futures::StreamExt::boxed(futures::stream::pending()),
            // What is written so far goes out when the body pauses.
            Err(error) => futures::StreamExt::boxed(futures::stream::once(async {
                tokio::task::yield_now().await;
                Err(error)
            })),
        };
        Response::new(BodyExt::boxed_unsync(StreamBody::new(futures::StreamExt::chain(first, rest))))
    };
    match reply {
        Reply::Whole { status, headers, body } => {
            let body = http_body_util::Full::new(body).map_err(|never: Infallible| match never {});
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(body.boxed_unsync()).expect("a valid response"))
        }
        Reply::Cut(text) => Ok(unfinished(text, Err(io::ErrorKind::ConnectionReset.into()))),
        Reply::Stuck(text) => Ok(unfinished(text, Ok(()))),
        Reply::Silence => futures::future::pending().await,
        Reply::Hangup => Err(io::ErrorKind::ConnectionReset.into()),
        Reply::Endless(text) => {
            let piece = move |()| Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), ()));
            let pieces = futures::stream::unfold((), move |()| std::future::ready(piece(())));
            Ok(Response::new(BodyExt::boxed_unsync(StreamBody::new(pieces))))
        }
    }
}

fn decoded(form: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                    u8::from_str_radix(std::str::from_utf8(&digits).expect("digits"), 16).expect("digits")
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).expect("text")
    };
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}
