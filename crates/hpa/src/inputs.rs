//! What one turn sees: the object, its target's scale, the pods and what the metrics APIs answered.
//!
//! Not Kubernetes objects: a caller copies the few fields that count.
//!
//! **Invariant:** samples are sorted by pod name and unique, so that pods and samples are joined without a map.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_model::selector::Selector;

use crate::profile::Profile;
use crate::spec::HpaSpec;
use crate::status::HpaStatus;
use crate::time::{Span, Time};

/// Labels of a pod.
pub type Labels = BTreeMap<String, String>;

/// The object being reconciled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hpa {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `spec`.
    pub spec: HpaSpec,
    /// `status` as the last turn left it.
    pub status: HpaStatus,
}

/// The target's scale subresource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scale {
    /// `spec.replicas`.
    pub spec_replicas: i32,
    /// `status.replicas`.
    pub status_replicas: i32,
    /// `status.selector`.
    pub selector: String,
}

/// Why there is no scale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// The API server does not know the target's kind.
    #[error("{0}")]
    Mapping(String),
    /// The scale could not be read.
    #[error("{0}")]
    Get(String),
}

/// A pod's phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers have started.
    Pending,
    /// Running.
    #[default]
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Anything else.
    Unknown,
}

/// The status of a pod's `Ready` condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Ready.
    True,
    /// Not ready.
    False,
    /// Nobody knows.
    Unknown,
}

/// Requests by resource, in thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests(pub Vec<(String, i64)>);

/// A container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its requests.
    pub requests: Requests,
    /// `restartPolicy: Always`, which makes an init container a sidecar.
    pub restarts_always: bool,
}

/// A pod of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels, which say whether it counts.
    pub labels: Labels,
    /// Its phase.
    pub phase: Phase,
    /// Whether `deletionTimestamp` is set.
    pub deleting: bool,
    /// The `Ready` condition and when it last changed.
    pub ready: Option<(Ready, Time)>,
    /// `status.startTime`.
    pub started: Option<Time>,
    /// Containers.
    pub containers: Vec<Container>,
    /// Init containers.
    pub init_containers: Vec<Container>,
    /// Requests of the pod as a whole.
    pub pod_requests: Requests,
    /// `spec.overhead`.
    pub overhead: Requests,
}

/// One measured value of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Thousandths.
    pub milli: i64,
    /// End of the window that was measured.
    pub time: Time,
    /// Its length.
    pub window: Span,
}

/// Values by pod, as a metrics API answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples(Vec<(Arc<str>, Sample)>);

/// What a metrics API answered for one metric of the spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricAnswer {
    /// It failed; the error's text, as the controller's metrics client gives it.
    Failed(String),
    /// Values by pod, for `Resource`, `ContainerResource` and `Pods`.
    Pods(Samples),
    /// One value in thousandths, for `Object`.
    Value(i64),
    /// Values of all series in thousandths, for `External`.
    Values(Vec<i64>),
}

/// Another HPA of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherHpa {
    /// Its name.
    pub name: String,
    /// The selector that the controller remembers of it; `None` matches nothing.
    pub selector: Option<Selector>,
}

/// An answer to a write of the scale that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutError {
    /// HTTP 409, which is tried again.
    pub conflict: bool,
    /// The error's text.
    pub message: String,
}

/// How writing the scale ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScaleWrite {
    /// The write was accepted.
    Accepted {
        /// Number of writes it took.
        puts: u32,
    },
    /// It was not.
    Refused {
        /// Number of writes that were tried.
        puts: u32,
        /// The last error.
        error: String,
    },
}

/// How the API server answers the writes of a turn, for a caller that replays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replies<'a> {
    /// Answers to the writes of the scale in order; writes beyond them succeed.
    pub puts: &'a [PutError],
    /// The error of the status write, if it fails.
    pub status_error: Option<&'a str>,
}

/// Everything that one turn sees.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The object.
    pub hpa: &'a Hpa,
    /// Its target's scale.
    pub scale: Result<&'a Scale, &'a ScaleError>,
    /// The pods of the namespace, or those of the target; the selector chooses.
    pub pods: &'a [Pod],
    /// Other HPAs of the namespace.
    pub others: &'a [OtherHpa],
    /// Answers of the metrics APIs, one per metric of the spec.
    pub metrics: &'a [MetricAnswer],
}

impl Requests {
    /// The request for a resource in thousandths.
    pub fn get(&self, resource: &str) -> Option<i64> {
        self.0.iter().find(|(name, _)| name == resource).map(|&(_, milli)| milli)
    }
}

impl Pod {
    /// A running, long ready pod without containers.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            labels: Labels::new(),
            phase: Phase::Running,
            deleting: false,
            ready: Some((Ready::True, Time::ZERO)),
            started: Some(Time::ZERO),
            containers: Vec::new(),
            init_containers: Vec::new(),
            pod_requests: Requests::default(),
            overhead: Requests::default(),
        }
    }
}

impl Samples {
    /// Samples by pod name; of several for one pod the last counts.
    pub fn new(samples: impl IntoIterator<Item = (Arc<str>, Sample)>) -> Self {
        let mut sorted: Vec<_> = samples.into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted.reverse();
        sorted.dedup_by(|a, b| a.0 == b.0);
        sorted.reverse();
        Self(sorted)
    }

    /// Samples in the order of pod names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Arc<str>, Sample)> {
        self.0.iter()
    }

    /// The sample of a pod; `hint` is where to look first and moves on.
    pub(crate) fn find(&self, name: &Arc<str>, hint: &mut usize) -> Option<&Sample> {
        if let Some((found, sample)) = self.0.get(*hint)
            && (Arc::ptr_eq(found, name) || found == name)
        {
            *hint += 1;
            return Some(sample);
        }
        let at = self.0.binary_search_by(|(other, _)| other.as_ref().cmp(name)).ok()?;
        *hint = at + 1;
        Some(&self.0[at].1)
    }

    /// The values of one container out of what the resource metrics API said about pods: pod, its containers and
    /// their values.
    ///
    /// # Errors
    /// Up to 1.32 a pod whose metrics lack the container fails the whole answer; later it counts as missing.
    pub fn of_container<'a>(
        profile: &Profile,
        namespace: &str,
        container: &str,
        pods: impl IntoIterator<Item = (&'a Arc<str>, &'a [(String, Sample)])>,
    ) -> Result<Self, String> {
        let mut samples = Vec::new();
        for (pod, containers) in pods {
            match containers.iter().find(|(name, _)| name == container) {
                Some((_, sample)) => samples.push((Arc::clone(pod), *sample)),
                None if profile.absent_container_metric_fails() => {
                    return Err(format!(
                        "failed to get container metrics: container {container} not present in metrics for pod \
                         {namespace}/{pod}"
                    ));
                }
                None => {}
            }
        }
        Ok(Self::new(samples))
    }
}

impl ScaleWrite {
    /// How a write ends when the API server answers with these errors and then accepts: conflicts are tried again
    /// as often as the version does, other errors end it.
    pub fn answered(profile: &Profile, errors: &[PutError]) -> Self {
        let most = profile.scale_writes() as usize;
        for (at, answer) in errors.iter().take(most).enumerate() {
            let puts = at as u32 + 1;
            if !answer.conflict || puts as usize == most {
                return Self::Refused { puts, error: answer.message.clone() };
            }
        }
        Self::Accepted { puts: errors.len() as u32 + 1 }
    }
}
