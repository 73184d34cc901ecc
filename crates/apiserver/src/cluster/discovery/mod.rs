//! The resource types that a cluster serves, kept current.
//!
//! Not a mapper of names: `plimsoll_adapter::mapper` reads the list that is published here.
//!
//! **Invariant:** what was published stays in force until a better answer arrives; a group that fails costs
//! only itself.

mod document;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, StatusCode, header};
use kube::Client;
use plimsoll_adapter::cluster::ApiResource;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::document::{GroupVersion, Root};
use super::background::Background;
use super::client::{CallError, exchange};
use super::metrics::{ClusterMetrics, Operation};

/// Asks for v2 (1.30), v2beta1 (1.26), or the documents of old.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// How long one document may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Group versions asked for at a time where there is no aggregated document.
const AT_A_TIME: usize = 4;
/// The shortest pause between two rounds, however often a refresh is asked for.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause after a first failure; it doubles up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// A group version whose resources could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFailure {
    /// `apps/v1`, or `/api` and `/apis` for the roots.
    pub group_version: String,
    pub reason: String,
}

/// Follows discovery for as long as it lives.
#[derive(Debug)]
pub struct Discovery {
    resources: watch::Receiver<Arc<Vec<ApiResource>>>,
    failures: watch::Receiver<Arc<Vec<GroupFailure>>>,
    wanted: Arc<Notify>,
    _task: Background,
}

impl Discovery {
    /// Starts to ask now, and then every `interval` (at least a second) after an answer.
    pub fn start(client: Client, interval: Duration, metrics: ClusterMetrics) -> Self {
        let (publish, resources) = watch::channel(Arc::new(Vec::new()));
        let (report, failures) = watch::channel(Arc::new(Vec::new()));
        let wanted = Arc::new(Notify::new());
        let round = Rounds { client, metrics, publish, report, core: None, groups: None };
        let task = Background::spawn(run(round, interval.max(Duration::from_secs(1)), wanted.clone()));
        Self { resources, failures, wanted, _task: task }
    }

    /// Every served version of every resource type, in mapper order. Empty until the first answer.
    pub fn resources(&self) -> watch::Receiver<Arc<Vec<ApiResource>>> {
        self.resources.clone()
    }

    /// What could not be read in the last round.
    pub fn failures(&self) -> watch::Receiver<Arc<Vec<GroupFailure>>> {
        self.failures.clone()
    }

    /// Asks for a round soon because a type is missed. Returns at once; rounds are at least five seconds apart.
    pub fn refresh(&self) {
        self.wanted.notify_one();
    }
}

async fn run(mut rounds: Rounds, interval: Duration, wanted: Arc<Notify>) {
    let mut retry = FIRST_RETRY;
    loop {
        let pause = if rounds.round().await {
            retry = FIRST_RETRY;
            interval
        } else {
            let pause = retry.min(interval);
            retry = (retry * 2).min(interval);
            pause
        };
        let ended = Instant::now();
        tokio::select! {
            () = tokio::time::sleep_until(ended + pause) => {}
            () = async {
                wanted.notified().await;
                tokio::time::sleep_until(ended + SHORTEST_PAUSE).await;
            } => {}
        }
    }
}

/// A root document with the tag that tells whether it has changed.
#[derive(Debug)]
struct Tagged {
    tag: header::HeaderValue,
    versions: Vec<GroupVersion>,
}

struct Rounds {
    client: Client,
    metrics: ClusterMetrics,
    publish: watch::Sender<Arc<Vec<ApiResource>>>,
    report: watch::Sender<Arc<Vec<GroupFailure>>>,
    core: Option<Tagged>,
    groups: Option<Tagged>,
}

impl Rounds {
    /// Asks for everything once and publishes it. False if the API server did not answer for a root.
    async fn round(&mut self) -> bool {
        let (core, groups) = tokio::join!(
            root(&self.client, &self.metrics, "/api", self.core.take()),
            root(&self.client, &self.metrics, "/apis", self.groups.take())
        );
        let mut failures = Vec::new();
        let mut versions = Vec::new();
        let mut complete = true;
        for (path, answer, kept) in [("/api", core, &mut self.core), ("/apis", groups, &mut self.groups)] {
            match answer {
                Ok((served, tagged)) => {
                    *kept = tagged;
                    versions.extend(served);
                }
                Err(error) => {
                    complete = false;
                    failures.push(GroupFailure { group_version: path.to_owned(), reason: error.to_string() });
                    versions.extend(lost(&self.publish.borrow(), path == "/api"));
                }
            }
        }
        for served in &versions {
            if let Err(reason) = &served.resources
                && !reason.is_empty()
            {
                failures.push(GroupFailure { group_version: served.name(), reason: reason.clone() });
            }
        }
        self.tell(failures);
        let types = document::assemble(versions, &self.publish.borrow());
        self.publish.send_if_modified(|published| {
            let changed = **published != types;
            if changed {
                tracing::info!(types = types.len(), "the resource types of the cluster are known");
                *published = Arc::new(types);
            }
            changed
        });
        complete
    }

    /// Logs and publishes failures when they change, not in every round.
    fn tell(&self, failures: Vec<GroupFailure>) {
        self.metrics.discovery_failures(failures.len());
        self.report.send_if_modified(|reported| {
            let changed = **reported != failures;
            if changed {
                for failure in &failures {
                    let GroupFailure { group_version, reason } = failure;
                    tracing::warn!(group_version, reason, "discovery failed; what was known of it stays");
                }
                if failures.is_empty() {
                    tracing::info!("discovery is complete again");
                }
                *reported = Arc::new(failures);
            }
            changed
        });
    }
}

/// Stands for the versions under a root that did not answer: `assemble` keeps what they had.
fn lost(published: &[ApiResource], core: bool) -> Vec<GroupVersion> {
    let mut versions: Vec<GroupVersion> = Vec::new();
    for known in published.iter().filter(|known| known.group.is_empty() == core) {
        if !versions.iter().any(|had| had.group == known.group && had.version == known.version) {
            versions.push(GroupVersion {
                group: known.group.clone(),
                version: known.version.clone(),
                resources: Err(String::new()),
            });
        }
    }
    versions
}

async fn root(
    client: &Client,
    metrics: &ClusterMetrics,
    path: &str,
    known: Option<Tagged>,
) -> Result<(Vec<GroupVersion>, Option<Tagged>), CallError> {
    let mut request = Request::get(path).header(header::ACCEPT, ACCEPT);
    if let Some(known) = &known {
        request = request.header(header::IF_NONE_MATCH, known.tag.clone());
    }
    let answer = send(client, metrics, request).await?;
    if answer.status() == StatusCode::NOT_MODIFIED
        && let Some(known) = known
    {
        return Ok((known.versions.clone(), Some(known)));
    }
    let tag = answer.headers().get(header::ETAG).cloned();
    match document::read_root(answer.body()).map_err(|error| CallError::Unreadable(error.to_string()))? {
        Root::Aggregated(versions) => {
            let tagged = tag.map(|tag| Tagged { tag, versions: versions.clone() });
            Ok((versions, tagged))
        }
        Root::Names(names) => {
            let asked = names.into_iter().map(|(group, version)| one(client, metrics, group, version));
            Ok((futures::stream::iter(asked).buffered(AT_A_TIME).collect().await, None))
        }
    }
}

/// The resources of one group version, from its own document.
async fn one(client: &Client, metrics: &ClusterMetrics, group: String, version: String) -> GroupVersion {
    let root = if group.is_empty() { "/api/" } else { "/apis/" };
    let path = format!("{root}{}", document::group_version(&group, &version));
    let request = Request::get(path).header(header::ACCEPT, "application/json");
    let resources = match send(client, metrics, request).await {
        Ok(answer) => document::read_resources(&group, &version, answer.body())
            .map_err(|error| format!("the answer is no APIResourceList: {error}")),
        Err(error) => Err(error.to_string()),
    };
    GroupVersion { group, version, resources }
}

async fn send(
    client: &Client,
    metrics: &ClusterMetrics,
    request: http::request::Builder,
) -> Result<http::Response<Bytes>, CallError> {
    let request = request.body(Vec::new()).map_err(|error| CallError::Unreadable(error.to_string()))?;
    metrics.timed(Operation::Discovery, exchange(client, request, CALL_LIMIT)).await
}
