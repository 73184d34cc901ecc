//! A Kubernetes API server that says what a test tells it to, and remembers what it was asked.
//!
//! **Invariant:** it has no clock and no sockets, so a paused clock moves only when a test waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;
type Decide = Arc<dyn Fn(&Asked) -> (u16, Value) + Send + Sync>;

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: http::HeaderMap,
    /// The JSON body, null without one.
    pub body: Value,
}

#[derive(Clone)]
enum Route {
    Json(u16, Value, Option<&'static str>),
    Text(u16, &'static str),
    Decide(Decide),
    /// Never answers.
    Hang,
}

#[derive(Default)]
struct State {
    routes: HashMap<String, Route>,
    watch_routes: HashMap<String, Route>,
    watches: HashMap<String, Vec<mpsc::UnboundedSender<Bytes>>>,
    asked: Vec<Asked>,
}

#[derive(Clone, Default)]
pub struct FakeApi(Arc<Mutex<State>>);

impl FakeApi {
    pub fn new() -> Self {
        Self::default()
    }

    /// A client whose requests end here.
    pub fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, std::io::Error>(api.serve(request).await) }
        });
        kube::Client::new(service, "default")
    }

    pub fn json(&self, path: &str, body: Value) {
        self.route(path, Route::Json(200, body, None));
    }

    pub fn tagged(&self, path: &str, tag: &'static str, body: Value) {
        self.route(path, Route::Json(200, body, Some(tag)));
    }

    pub fn text(&self, path: &str, status: u16, body: &'static str) {
        self.route(path, Route::Text(status, body));
    }

    pub fn refuse(&self, path: &str, code: u16, reason: &str, message: &str) {
        self.route(path, Route::Json(code, failure(code, reason, message), None));
    }

    pub fn refuse_watch(&self, path: &str, code: u16, reason: &str, message: &str) {
        let route = Route::Json(code, failure(code, reason, message), None);
        self.0.lock().unwrap().watch_routes.insert(path.to_owned(), route);
    }

    pub fn allow_watch(&self, path: &str) {
        self.0.lock().unwrap().watch_routes.remove(path);
    }

    pub fn hang(&self, path: &str) {
        self.route(path, Route::Hang);
    }

    pub fn decide(&self, path: &str, decide: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) {
        self.route(path, Route::Decide(Arc::new(decide)));
    }

    /// A list of objects, each `namespace/name` (or `name`) with labels.
    pub fn objects(&self, path: &str, version: &str, objects: &[(&str, &[(&str, &str)])]) {
        let items: Vec<Value> = objects.iter().map(|(name, labels)| object(name, labels, "1")).collect();
        self.json(path, json!({"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": version}, "items": items}));
    }

    /// Sends a watch event to every open watch of `path`.
    pub fn emit(&self, path: &str, kind: &str, object: Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        for watch in self.0.lock().unwrap().watches.get(path).into_iter().flatten() {
            let _ = watch.send(Bytes::from(line.clone()));
        }
    }

    /// Ends every open watch of `path`.
    pub fn close(&self, path: &str) {
        self.0.lock().unwrap().watches.remove(path);
    }

    /// The number of open watches of `path`.
    pub fn watches(&self, path: &str) -> usize {
        let state = self.0.lock().unwrap();
        state.watches.get(path).map_or(0, |open| open.iter().filter(|watch| !watch.is_closed()).count())
    }

    /// The requests for `path`, watches left out.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let state = self.0.lock().unwrap();
        state.asked.iter().filter(|asked| asked.path == path && !is_watch(&asked.query)).cloned().collect()
    }

    /// The watches of `path` that were asked for.
    pub fn watched(&self, path: &str) -> Vec<Asked> {
        let state = self.0.lock().unwrap();
        state.asked.iter().filter(|asked| asked.path == path && is_watch(&asked.query)).cloned().collect()
    }

    fn route(&self, path: &str, route: Route) {
        self.0.lock().unwrap().routes.insert(path.to_owned(), route);
    }

    pub async fn serve<B>(&self, request: Request<B>) -> Answer
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: std::fmt::Debug,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a request body").to_bytes();
        let asked = Asked {
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        let watch = is_watch(&asked.query);
        let route = {
            let mut state = self.0.lock().unwrap();
            state.asked.push(asked.clone());
            if watch { &state.watch_routes } else { &state.routes }.get(&asked.path).cloned()
        };
        match route {
            Some(Route::Json(code, body, tag)) => {
                let known = asked.headers.get("if-none-match").and_then(|tag| tag.to_str().ok());
                if tag.is_some() && tag == known {
                    return answer(304, String::new(), None);
                }
                answer(code, body.to_string(), tag)
            }
            Some(Route::Text(code, body)) => answer(code, body.to_owned(), None),
            Some(Route::Decide(decide)) => {
                let (code, body) = decide(&asked);
                answer(code, body.to_string(), None)
            }
            Some(Route::Hang) => std::future::pending().await,
            None if watch => self.open_watch(&asked.path),
            None => answer(404, failure(404, "NotFound", "no such path").to_string(), None),
        }
    }

    fn open_watch(&self, path: &str) -> Answer {
        let (send, mut receive) = mpsc::unbounded_channel::<Bytes>();
        self.0.lock().unwrap().watches.entry(path.to_owned()).or_default().push(send);
        let lines = futures::stream::poll_fn(move |cx| receive.poll_recv(cx));
        let body = StreamBody::new(lines.map(|line| Ok(Frame::data(line))));
        Response::new(UnsyncBoxBody::new(body))
    }
}

fn is_watch(query: &str) -> bool {
    query.contains("watch=true")
}

fn answer(code: u16, body: String, tag: Option<&'static str>) -> Answer {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let mut response = Response::new(UnsyncBoxBody::new(body));
    *response.status_mut() = StatusCode::from_u16(code).expect("a status code");
    if let Some(tag) = tag {
        response.headers_mut().insert("etag", http::HeaderValue::from_static(tag));
    }
    response
}

pub fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
           "reason": reason, "code": code})
}

/// The metadata of `namespace/name` or `name`.
pub fn object(name: &str, labels: &[(&str, &str)], version: &str) -> Value {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    let labels: HashMap<_, _> = labels.iter().copied().collect();
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
           "metadata": {"namespace": namespace, "name": name, "labels": labels, "resourceVersion": version}})
}

/// Waits until `holds`, at most ten minutes of the clock.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not reached within ten minutes: {what}");
}
