//! The three metrics APIs with the values that a test tells, behind real APIServices.
//!
//! Not `plimsoll serve`: here a test says what the controller is to be told, and learns what it was told.
//!
//! **Invariant:** what it was not told about is refused, in words that say so.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::listener::{self, Asked, Reply};
use crate::{
    apiservice::{SERVED, register},
    certificates::Authority,
    cluster::manifest,
    kubectl::Kubectl,
};

/// Every address of the sandbox, so also the Service's.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 443);

/// Under which name answers of `metrics.k8s.io` about pods are told.
pub const RESOURCES: &str = "metrics.k8s.io";

/// What is measured of a pod, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The pod.
    pub pod: String,
    /// The value as a quantity; or for [`RESOURCES`] the usage by container and resource.
    pub value: Value,
    /// How old the sample is when it is told, in seconds.
    pub age: i64,
    /// The window that was measured, in seconds.
    pub window: i64,
}

/// How questions for one metric are answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Values of pods.
    Pods(Vec<Measured>),
    /// The value of one object, a quantity.
    Object(String),
    /// The values of all series, quantities.
    External(Vec<String>),
    /// A `Status` with an HTTP code and a message.
    Refused(u16, String),
}

/// A question that was answered.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When it was answered.
    pub time: Timestamp,
    /// The path, still encoded.
    pub path: String,
    /// The HTTP code of the answer.
    pub code: u16,
    /// The answer.
    pub body: Value,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<(String, String), Answer>,
    exchanges: HashMap<String, Vec<Exchange>>,
}

/// A server under way.
#[derive(Debug, Clone)]
pub struct Metrics {
    state: Arc<Mutex<State>>,
    /// The namespace whose questions wait.
    held: watch::Sender<Held>,
}

#[derive(Debug, Clone, Default)]
struct Held {
    namespaces: Vec<String>,
    waiting: Vec<String>,
}

impl Metrics {
    /// Listens, registers the three APIs (of the custom metrics API the version that the controller prefers) and
    /// waits until they are available.
    ///
    /// # Errors
    /// When one does not become available.
    pub async fn install(client: &kube::Client, kubectl: &Kubectl) -> Result<Self> {
        let metrics = Self { state: Arc::default(), held: watch::channel(Held::default()).0 };
        let identity = Authority::new("metrics")?.server(&["localhost"])?;
        let server = metrics.clone();
        listener::serve_tls(ADDRESS, &identity, move |asked| {
            let server = server.clone();
            async move { server.reply(&asked).await }
        })
        .await?;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}});
        kubectl.apply(&namespace.to_string()).await?;
        kubectl.apply(&manifest("adapter/service.yaml")?).await?;
        register(client, kubectl, &SERVED[1..], async || Ok(())).await?;
        Ok(metrics)
    }

    /// From now on questions of `namespace` for `metric` are answered so.
    pub fn tell(&self, namespace: &str, metric: &str, answer: Answer) {
        self.state().answers.insert((namespace.to_owned(), metric.to_owned()), answer);
    }

    /// What was asked and answered about `namespace` so far, in order.
    pub fn exchanges(&self, namespace: &str) -> Vec<Exchange> {
        self.state().exchanges.get(namespace).cloned().unwrap_or_default()
    }

    /// Holds back the next answers about `namespace` until [`Self::release`], and returns when a question waits.
    pub async fn hold(&self, namespace: &str) {
        self.held.send_modify(|held| held.namespaces.push(namespace.to_owned()));
        let mut held = self.held.subscribe();
        // The sender is this very server's, so it cannot be gone.
        let _ = held.wait_for(|held| held.waiting.iter().any(|waiting| waiting == namespace)).await;
    }

    /// Lets the answers about `namespace` go.
    pub fn release(&self, namespace: &str) {
        self.held.send_modify(|held| {
            held.namespaces.retain(|other| other != namespace);
            held.waiting.retain(|other| other != namespace);
        });
    }

    async fn reply(&self, asked: &Asked) -> Reply {
        let segments: Vec<&str> = asked.path.split('/').skip(1).collect();
        let (namespace, metric, group) = match *segments.as_slice() {
            ["apis", group, version] => return resources(group, version),
            ["apis", group @ "metrics.k8s.io", _, "namespaces", namespace, "pods"] => {
                (namespace, RESOURCES, group)
            }
            ["apis", group, _, "namespaces", namespace, .., metric] => (namespace, metric, group),
            _ => return refused(404, "not served"),
        };
        if self.held.borrow().namespaces.iter().any(|held| held == namespace) {
            self.held.send_modify(|held| held.waiting.push(namespace.to_owned()));
            let mut held = self.held.subscribe();
            // As above.
            let _ = held.wait_for(|held| !held.namespaces.iter().any(|held| held == namespace)).await;
        }
        let now = Timestamp::now();
        let mut state = self.state();
        let answer = state.answers.get(&(namespace.to_owned(), metric.to_owned()));
        let (code, body) = match answer {
            Some(answer) => (answer.code(), answer.body(namespace, metric, group, now)),
            None => (404, status(404, &format!("no value of {metric} was told"))),
        };
        let exchange = Exchange { time: now, path: asked.path.clone(), code, body };
        let reply = Reply::json(code, &exchange.body);
        state.exchanges.entry(namespace.to_owned()).or_default().push(exchange);
        reply
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn code(&self) -> u16 {
        match self {
            Self::Refused(code, _) => *code,
            _ => 200,
        }
    }

    fn body(&self, namespace: &str, metric: &str, group: &str, now: Timestamp) -> Value {
        let time = |age: i64| {
            let time = now.saturating_sub(SignedDuration::from_secs(age)).unwrap_or(now);
            time.round(Unit::Second).unwrap_or(time).to_string()
        };
        let (kind, version, items): (_, _, Vec<Value>) = match self {
            Self::Refused(code, message) => return status(*code, message),
            Self::Pods(measured) if metric == RESOURCES => {
                let items = measured.iter().map(|measured| {
                    let containers = measured.value.as_object().into_iter().flatten();
                    let containers = containers.map(|(name, usage)| json!({"name": name, "usage": usage}));
                    json!({
                        "metadata": {"name": measured.pod, "namespace": namespace},
                        "timestamp": time(measured.age),
                        "window": format!("{}s", measured.window),
                        "containers": containers.collect::<Vec<_>>(),
                    })
                });
                ("PodMetricsList", "v1beta1", items.collect())
            }
            Self::Pods(measured) => {
                let items = measured.iter().map(|measured| {
                    let pod = json!({"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": measured.pod});
                    json!({
                        "describedObject": pod,
                        "metric": {"name": metric},
                        "timestamp": time(measured.age),
                        "windowSeconds": measured.window,
                        "value": measured.value,
                    })
                });
                ("MetricValueList", "v1beta2", items.collect())
            }
            Self::Object(value) => {
                let item = json!({
                    "describedObject": {"apiVersion": "v1", "kind": "Service", "namespace": namespace, "name": "web"},
                    "metric": {"name": metric},
                    "timestamp": time(0),
                    "value": value,
                });
                ("MetricValueList", "v1beta2", vec![item])
            }
            Self::External(values) => {
                let items = values.iter().map(|value| {
                    json!({"metricName": metric, "metricLabels": {}, "timestamp": time(0), "value": value})
                });
                ("ExternalMetricValueList", "v1beta1", items.collect())
            }
        };
        json!({"kind": kind, "apiVersion": format!("{group}/{version}"), "metadata": {}, "items": items})
    }
}

fn status(code: u16, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": if code == 404 { "NotFound" } else { "InternalError" }, "code": code,
    })
}

fn refused(code: u16, message: &str) -> Reply {
    Reply::json(code, &status(code, message))
}

/// What the API server's availability check and clients' discovery ask for.
fn resources(group: &str, version: &str) -> Reply {
    if !SERVED.iter().any(|served| served.group == group && served.version == version) {
        return refused(404, "not served");
    }
    let (name, kind) = match group {
        "metrics.k8s.io" => ("pods", "PodMetrics"),
        "external.metrics.k8s.io" => ("externalmetrics", "ExternalMetricValueList"),
        _ => ("pods/told", "MetricValueList"),
    };
    let resource =
        json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get"]});
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": format!("{group}/{version}"), "resources": [resource],
    });
    Reply::json(200, &list)
}
