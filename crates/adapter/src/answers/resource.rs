//! Resource metrics: processor time and memory of pods and nodes, from two queries per namespace.
//!
//! Matches prometheus-adapter's `pkg/resourceprovider/provider.go`. Where every query of a request fails, the
//! request fails, so that clients can tell a broken Prometheus from idle pods.
//!
//! **Invariant:** a pod or node appears only with at least one sample of each resource.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join, join_all};
use plimsoll_model::quantity::{Milli, MilliBytes, NoQuantity};
use plimsoll_model::selector::Selector;

use super::{Queries, QueryFault};
use crate::backend::{QueryResult, Sample};
use crate::cluster::{ApiResource, ListError, ObjectMeta, Objects, Scope};
use crate::mapper::RestMapper;
use crate::rules::oddity::Told;
use crate::rules::query::{Query, QueryError};
use crate::rules::resource::{ResourceLabels, ResourceRules};

/// When and how long.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Unix time in seconds at which the metrics are wanted.
    pub at: f64,
    /// How long the answer may take.
    pub limit: Duration,
}

/// What the containers of a pod use.
#[derive(Debug, Clone)]
pub struct PodUsage {
    /// The pod.
    pub pod: Arc<ObjectMeta>,
    /// Unix time in seconds of its earliest sample.
    pub time: f64,
    /// (name, processor time, memory), sorted by name.
    pub containers: Vec<(Box<str>, Milli, MilliBytes)>,
}

/// What a node uses.
#[derive(Debug, Clone)]
pub struct NodeUsage {
    /// The node.
    pub node: Arc<ObjectMeta>,
    /// Unix time in seconds of its earliest sample.
    pub time: f64,
    /// Processor time.
    pub cpu: Milli,
    /// Memory.
    pub memory: MilliBytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// The objects cannot be listed.
    #[error("unable to list {plural}")]
    Objects {
        plural: &'static str,
        #[source]
        error: Option<ListError>,
    },
    /// Every query failed.
    #[error("unable to fetch {plural} metrics")]
    Fetch {
        plural: &'static str,
        #[source]
        error: UsageError,
    },
}

/// Why one half of a usage is unknown.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UsageError {
    /// The rule gives no query.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The back-end failed.
    #[error(transparent)]
    Backend(#[from] QueryFault),
    /// The query gives something that is no list of samples.
    #[error("the query gives {0}, where an instant vector is needed")]
    Type(&'static str),
}

/// The running pods of `namespace` (all when `None`) that match, in list order.
///
/// # Errors
/// The pods cannot be listed.
pub async fn pods(
    namespace: Option<&str>,
    selector: &Selector,
    mapper: &RestMapper,
    objects: &dyn Objects,
) -> Result<Vec<Arc<ObjectMeta>>, ResourceError> {
    list("pods", Scope { namespace, running: true }, selector, mapper, objects).await
}

/// The nodes that match, in list order.
///
/// # Errors
/// The nodes cannot be listed.
pub async fn nodes(
    selector: &Selector,
    mapper: &RestMapper,
    objects: &dyn Objects,
) -> Result<Vec<Arc<ObjectMeta>>, ResourceError> {
    list("nodes", Scope { namespace: None, running: false }, selector, mapper, objects).await
}

async fn list(
    plural: &'static str,
    scope: Scope<'_>,
    selector: &Selector,
    mapper: &RestMapper,
    objects: &dyn Objects,
) -> Result<Vec<Arc<ObjectMeta>>, ResourceError> {
    let resource: &ApiResource =
        mapper.resolve("", plural).map_err(|_| ResourceError::Objects { plural, error: None })?;
    objects
        .list(resource, scope, selector)
        .await
        .map_err(|error| ResourceError::Objects { plural, error: Some(error) })
}

/// The usage of `pods`, in their order; two queries for each namespace among them.
///
/// # Errors
/// Every query failed.
pub async fn pod_usage(
    pods: &[Arc<ObjectMeta>],
    rules: &ResourceRules,
    mapper: &RestMapper,
    queries: &Queries,
    timing: Timing,
) -> Result<Vec<PodUsage>, ResourceError> {
    let mut by_namespace: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pod in pods {
        by_namespace.entry(&pod.namespace).or_default().push(&pod.name);
    }
    let cpu_labels = rules.cpu.labels(mapper);
    let memory_labels = rules.memory.labels(mapper);
    let usages = by_namespace.iter().map(|(namespace, names)| {
        let cpu = rules.cpu.container_query(&cpu_labels, namespace, names);
        let memory = rules.memory.container_query(&memory_labels, namespace, names);
        async move { (*namespace, both(cpu, memory, queries, &rules.told, timing).await) }
    });
    let mut usages: BTreeMap<&str, _> = join_all(usages).await.into_iter().collect();
    let failed = |usage: &Usage| usage.is_broken();
    if !usages.is_empty()
        && usages.values().all(failed)
        && let Some((_, Usage { cpu: Err(error), .. })) = usages.pop_first()
    {
        return Err(ResourceError::Fetch { plural: "pods", error });
    }
    let mut grouped: BTreeMap<(&str, &str), PodSamples<'_>> = BTreeMap::new();
    for (namespace, usage) in &usages {
        let (Ok(cpu), Ok(memory)) = (&usage.cpu, &usage.memory) else { continue };
        let halves = [
            (cpu, &cpu_labels, &rules.cpu.container_label),
            (memory, &memory_labels, &rules.memory.container_label),
        ];
        for (half, (vector, labels, container_label)) in halves.into_iter().enumerate() {
            group(&mut grouped, namespace, half, samples(vector), labels, container_label);
        }
    }
    Ok(pods
        .iter()
        .filter_map(|pod| {
            let found = grouped.get(&(&*pod.namespace, &*pod.name))?;
            found.seen.iter().all(|seen| *seen).then(|| PodUsage {
                pod: Arc::clone(pod),
                time: found.time,
                containers: found
                    .containers
                    .iter()
                    .map(|(name, [cpu, memory])| (Box::from(*name), Milli(*cpu), MilliBytes(*memory)))
                    .collect(),
            })
        })
        .collect())
}

struct PodSamples<'a> {
    seen: [bool; 2],
    time: f64,
    containers: BTreeMap<&'a str, [i64; 2]>,
}

fn group<'a>(
    grouped: &mut BTreeMap<(&'a str, &'a str), PodSamples<'a>>,
    namespace: &'a str,
    half: usize,
    vector: &'a [Sample],
    labels: &ResourceLabels,
    container_label: &str,
) {
    let Some(pod_label) = labels.pod.as_deref() else { return };
    for sample in vector {
        let Some(value) = quantity(sample) else { continue };
        let pod = sample.label(pod_label).unwrap_or_default();
        let container = sample.label(container_label).unwrap_or_default();
        let entry = grouped.entry((namespace, pod)).or_insert_with(|| PodSamples {
            seen: [false; 2],
            time: f64::INFINITY,
            containers: BTreeMap::new(),
        });
        entry.seen[half] = true;
        entry.time = entry.time.min(sample.time);
        entry.containers.entry(container).or_default()[half] = value;
    }
}

/// The usage of `nodes`, in their order, from two queries.
///
/// # Errors
/// Both queries failed.
pub async fn node_usage(
    nodes: &[Arc<ObjectMeta>],
    rules: &ResourceRules,
    mapper: &RestMapper,
    queries: &Queries,
    timing: Timing,
) -> Result<Vec<NodeUsage>, ResourceError> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
    let (cpu_labels, memory_labels) = (rules.cpu.labels(mapper), rules.memory.labels(mapper));
    let cpu = rules.cpu.node_query(&cpu_labels, &names);
    let memory = rules.memory.node_query(&memory_labels, &names);
    let usage = both(cpu, memory, queries, &rules.told, timing).await;
    let broken = usage.is_broken();
    let (cpu, memory) = match (usage.cpu, usage.memory) {
        (Err(error), Err(_)) if broken => return Err(ResourceError::Fetch { plural: "nodes", error }),
        (Ok(cpu), Ok(memory)) => (cpu, memory),
        _ => return Ok(Vec::new()),
    };
    Ok(nodes
        .iter()
        .filter_map(|node| {
            let cpu = first_of(&cpu, cpu_labels.node.as_deref()?, &node.name)?;
            let memory = first_of(&memory, memory_labels.node.as_deref()?, &node.name)?;
            Some(NodeUsage {
                node: Arc::clone(node),
                time: cpu.0.min(memory.0),
                cpu: Milli(cpu.1),
                memory: MilliBytes(memory.1),
            })
        })
        .collect())
}

fn first_of(result: &QueryResult, label: &str, name: &str) -> Option<(f64, i64)> {
    let sample = samples(result).iter().find(|sample| sample.label(label) == Some(name))?;
    Some((sample.time, quantity(sample)?))
}

struct Usage {
    cpu: Result<Arc<QueryResult>, UsageError>,
    memory: Result<Arc<QueryResult>, UsageError>,
}

impl Usage {
    /// Whether the back-end failed both halves; a rule without a query is no failure but an empty answer.
    fn is_broken(&self) -> bool {
        [&self.cpu, &self.memory]
            .iter()
            .all(|half| matches!(half, Err(UsageError::Backend(_) | UsageError::Type(_))))
    }
}

async fn both(
    cpu: Result<Query, QueryError>,
    memory: Result<Query, QueryError>,
    queries: &Queries,
    told: &Told,
    timing: Timing,
) -> Usage {
    let run = |query: Result<Query, QueryError>| async move {
        let query = query?.text;
        let result = queries.run(query.clone(), timing.at, timing.limit).await;
        let result = result.map_err(|error| QueryFault { query, error })?;
        match &*result {
            QueryResult::Vector(vector) => {
                let lost = vector.iter().filter(|sample| quantity(sample).is_none()).count();
                queries.leave_out(&"resourceRules", told, lost, vector.len());
                Ok(result)
            }
            QueryResult::Scalar { .. } => Err(UsageError::Type("a scalar")),
            QueryResult::Matrix => Err(UsageError::Type("a range vector")),
            QueryResult::String => Err(UsageError::Type("a string")),
        }
    };
    let (cpu, memory) = join(run(cpu), run(memory)).await;
    for (half, result) in [("cpu", &cpu), ("memory", &memory)] {
        if let Err(error) = result {
            tracing::warn!(resource = half, error = %error, "fetching resource metrics failed");
        }
    }
    Usage { cpu, memory }
}

fn samples(result: &QueryResult) -> &[Sample] {
    match result {
        QueryResult::Vector(vector) => vector,
        _ => &[],
    }
}

/// NaN and negative usage count as none; a value that fits no quantity is left out.
fn quantity(sample: &Sample) -> Option<i64> {
    match Milli::from_f64(sample.value?) {
        Ok(Milli(value)) => Some(value.max(0)),
        Err(NoQuantity::NotANumber) => Some(0),
        Err(NoQuantity::OutOfRange) => None,
    }
}
