//! `metrics.k8s.io` v1beta1: what `kubectl top` and CPU or memory HPAs read.
//!
//! Paths, filters and errors follow metrics-server's `pkg/api`.
//!
//! **Invariant:** lists are sorted by namespace and name.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use plimsoll_adapter::answers::resource::{NodeUsage, PodUsage, ResourceError, Timing};
use plimsoll_adapter::cluster::ObjectMeta as Object;
use plimsoll_model::duration::format_go;
use plimsoll_model::quantity::{Milli, MilliBytes};
use plimsoll_model::selector::Selector;

use super::options::Options;
use super::table::{self, Row};
use super::wire::{
    ContainerMetrics, List, ListMeta, Measured, Moment, ObjectMeta, Printed, TypeMeta, Usage, UsageMetrics,
};
use super::{Context, Failure, RESOURCE};
use crate::encode::Encoding;
use crate::negotiate::{Offers, Shape};
use crate::query;
use crate::route::Answer;
use crate::status::Status;

const VERSION: &str = "metrics.k8s.io/v1beta1";

/// What a path names.
enum Path<'a> {
    Pods { namespace: Option<&'a str> },
    Pod { namespace: &'a str, name: &'a str },
    Nodes,
    Node { name: &'a str },
}

pub(super) async fn answer(context: &Context<'_>) -> Result<Answer, Failure> {
    let path = path(&context.request.segments)?;
    let one = matches!(path, Path::Pod { .. } | Path::Node { .. });
    let encoding = match context.encoding(if one { Offers::OBJECT } else { Offers::OBJECTS })? {
        Ok(encoding) => encoding,
        Err(refused) => return Ok(refused),
    };
    let options = if one {
        get_options(&context.request.query)?;
        Options::default()
    } else {
        Options::of_list(&context.request.query)?
    };
    let timing = Timing { at: context.now, limit: context.limit };
    let everything = Selector::default();
    let now = Moment::from_unix(context.now);
    match path {
        Path::Pods { .. } | Path::Nodes if options.watch => {
            let plural = if matches!(path, Path::Nodes) { "nodes" } else { "pods" };
            Err(Status::action_not_supported("watch", RESOURCE, plural).into())
        }
        Path::Pods { namespace } => {
            let pods = context.adapter.pods(namespace, &options.labels).await.map_err(failure)?;
            let pods = filtered(pods, &options);
            let (usage, window) = context.adapter.pod_usage(&pods, timing).await.map_err(failure)?;
            Ok(Page::new(encoding, &now, window).list(&usage)?)
        }
        Path::Nodes => {
            let nodes = context.adapter.nodes(&options.labels).await.map_err(failure)?;
            let nodes = filtered(nodes, &options);
            let (usage, window) = context.adapter.node_usage(&nodes, timing).await.map_err(failure)?;
            Ok(Page::new(encoding, &now, window).list(&usage)?)
        }
        Path::Pod { namespace, name } => {
            let pods = context.adapter.pods(Some(namespace), &everything).await.map_err(failure)?;
            let Some(pod) = pods.into_iter().find(|pod| *pod.name == *name) else {
                return Err(Status::object_not_found("", "pods", name).into());
            };
            let (usage, window) = context.adapter.pod_usage(&[pod], timing).await.map_err(failure)?;
            let Some(usage) = usage.first() else {
                return Err(
                    Status::object_not_found(RESOURCE, "podmetrics", &format!("{namespace}/{name}")).into()
                );
            };
            Ok(Page::new(encoding, &now, window).one(usage)?)
        }
        Path::Node { name } => {
            let nodes = context.adapter.nodes(&everything).await.map_err(failure)?;
            let Some(node) = nodes.into_iter().find(|node| *node.name == *name) else {
                return Err(Status::object_not_found("", "node", name).into());
            };
            let (usage, window) = context.adapter.node_usage(&[node], timing).await.map_err(failure)?;
            let Some(usage) = usage.first() else {
                return Err(Status::object_not_found(RESOURCE, "nodemetrics", name).into());
            };
            Ok(Page::new(encoding, &now, window).one(usage)?)
        }
    }
}

/// `GetOptions`: nothing in them can be wrong but a parameter of the past (apiserver `endpoints/handlers/get.go`).
fn get_options(raw: &str) -> Result<(), Status> {
    if query::flag(raw, "export") {
        let message = "the export parameter, deprecated since v1.14, is no longer supported";
        return Err(Status::bad_request(message));
    }
    Ok(())
}

fn path(segments: &[String]) -> Result<Path<'_>, Status> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match *segments {
        ["pods"] | ["namespaces", "", "pods"] => Ok(Path::Pods { namespace: None }),
        ["namespaces", namespace, "pods"] => Ok(Path::Pods { namespace: Some(namespace) }),
        ["namespaces", namespace, "pods", name] => Ok(Path::Pod { namespace, name }),
        ["nodes"] => Ok(Path::Nodes),
        ["nodes", name] => Ok(Path::Node { name }),
        _ => Err(Status::path_not_found()),
    }
}

fn filtered(objects: Vec<Arc<Object>>, options: &Options) -> Vec<Arc<Object>> {
    let mut kept: Vec<Arc<Object>> = objects
        .into_iter()
        .filter(|object| options.fields.matches(&object.name, &object.namespace))
        .collect();
    kept.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    kept
}

/// Usage of a kind of object.
trait Measurable {
    /// The kind of one object's metrics.
    const KIND: &'static str;
    /// The kind of a list of them.
    const LIST: &'static str;

    fn object(&self) -> &Object;
    /// Unix time in seconds of the earliest sample.
    fn time(&self) -> f64;
    fn totals(&self) -> (Milli, MilliBytes);
    fn measured(&self) -> Measured<'_>;
}

impl Measurable for PodUsage {
    const KIND: &'static str = "PodMetrics";
    const LIST: &'static str = "PodMetricsList";

    fn object(&self) -> &Object {
        &self.pod
    }

    fn time(&self) -> f64 {
        self.time
    }

    fn totals(&self) -> (Milli, MilliBytes) {
        self.containers.iter().fold((Milli(0), MilliBytes(0)), |(cpu, memory), (_, more_cpu, more_memory)| {
            (Milli(cpu.0.saturating_add(more_cpu.0)), MilliBytes(memory.0.saturating_add(more_memory.0)))
        })
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Containers(
            self.containers
                .iter()
                .map(|(name, cpu, memory)| ContainerMetrics { name, usage: usage(*cpu, *memory) })
                .collect(),
        )
    }
}

impl Measurable for NodeUsage {
    const KIND: &'static str = "NodeMetrics";
    const LIST: &'static str = "NodeMetricsList";

    fn object(&self) -> &Object {
        &self.node
    }

    fn time(&self) -> f64 {
        self.time
    }

    fn totals(&self) -> (Milli, MilliBytes) {
        (self.cpu, self.memory)
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Usage(usage(self.cpu, self.memory))
    }
}

fn usage(cpu: Milli, memory: MilliBytes) -> Usage {
    Usage { cpu: Printed(cpu), memory: Printed(memory) }
}

/// The window of all values, printed once.
struct Window {
    nanoseconds: i64,
    printed: String,
}

/// How usage is written for one request.
struct Page<'a> {
    encoding: Encoding,
    now: &'a Moment,
    window: Window,
}

impl<'a> Page<'a> {
    fn new(encoding: Encoding, now: &'a Moment, window: Duration) -> Self {
        let nanoseconds = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
        Self { encoding, now, window: Window { nanoseconds, printed: format_go(nanoseconds) } }
    }

    fn list<U: Measurable>(&self, usage: &[U]) -> Result<Answer, Status> {
        if let Some(conversion) = self.encoding.conversion {
            if conversion.shape == Shape::Metadata {
                return Err(Status::no_shape(
                    "PartialObjectMetadata",
                    &format!("a list (*metrics.{})", U::LIST),
                ));
            }
            let rows = usage.iter().map(|usage| self.row(usage)).collect();
            return Ok(self.encoding.answer(StatusCode::OK, &table::converted(conversion, rows)));
        }
        let times: Vec<Moment> = usage.iter().map(|usage| Moment::from_unix(usage.time())).collect();
        let items = usage.iter().zip(&times).map(|(usage, time)| self.metrics(usage, time, None)).collect();
        let list = List { kind: U::LIST, api_version: VERSION, metadata: ListMeta {}, items };
        Ok(self.encoding.answer(StatusCode::OK, &list))
    }

    fn one<U: Measurable>(&self, usage: &U) -> Result<Answer, Status> {
        if let Some(conversion) = self.encoding.conversion {
            if conversion.shape == Shape::MetadataList {
                let what = format!("not a list (*metrics.{})", U::KIND);
                return Err(Status::no_shape("PartialObjectMetadataList", &what));
            }
            let table = table::converted(conversion, vec![self.row(usage)]);
            return Ok(self.encoding.answer(StatusCode::OK, &table));
        }
        let time = Moment::from_unix(usage.time());
        let kind = TypeMeta { kind: U::KIND, api_version: VERSION };
        Ok(self.encoding.answer(StatusCode::OK, &self.metrics(usage, &time, Some(kind))))
    }

    fn metrics<'b, U: Measurable>(
        &'b self,
        usage: &'b U,
        timestamp: &'b Moment,
        r#type: Option<TypeMeta>,
    ) -> UsageMetrics<'b> {
        UsageMetrics {
            r#type,
            metadata: self.metadata(usage.object()),
            timestamp,
            window: &self.window.printed,
            measured: usage.measured(),
            window_nanoseconds: self.window.nanoseconds,
        }
    }

    fn row<'b, U: Measurable>(&'b self, usage: &'b U) -> Row<'b> {
        let (cpu, memory) = usage.totals();
        Row {
            metadata: self.metadata(usage.object()),
            cells: [cpu.to_string(), memory.to_string(), self.window.printed.clone()],
        }
    }

    fn metadata<'b>(&'b self, object: &'b Object) -> ObjectMeta<'b> {
        ObjectMeta {
            name: &object.name,
            namespace: &object.namespace,
            creation_timestamp: self.now,
            labels: object.labels.iter().map(|(key, value)| (&**key, &**value)).collect(),
        }
    }
}

/// The one place where errors of resource metrics become a `Status`.
fn failure(error: ResourceError) -> Failure {
    let message = error.to_string();
    match error {
        ResourceError::Objects { error, .. } => {
            Failure { status: Status::internal(message), why: error.map(|error| error.to_string()) }
        }
        ResourceError::Fetch { error, .. } => {
            let message = format!("{message}: {error}");
            Status::failure(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message).into()
        }
    }
}
