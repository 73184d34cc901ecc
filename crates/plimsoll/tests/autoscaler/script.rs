//! What happens to one HPA, its target, its pods and its metrics, and how many turns of the controller see it.
//!
//! Not what should come of it: that is what the controller and the library are compared on.
//!
//! **Invariant:** the target is always the Deployment `web`, the HPA `web`, and the pods are the script's alone.

use plimsoll_testkit::fakes::metrics::{Answer, Measured, RESOURCES};
use serde_json::{Value, json};

/// A script.
#[derive(Debug, Clone)]
pub struct Script {
    /// A sentence, which is the name of the test.
    pub name: &'static str,
    /// `spec` of the HPA without its target.
    pub spec: Value,
    /// What happens in order; the HPA is created after the first step's changes.
    pub steps: Vec<Step>,
}

/// Changes, and the turns that see them.
#[derive(Debug, Clone)]
pub struct Step {
    /// In order.
    pub changes: Vec<Change>,
    /// How many turns to wait for after them.
    pub turns: usize,
}

/// One change.
#[derive(Debug, Clone)]
pub enum Change {
    /// Exactly these pods exist.
    Pods(Vec<PodPlan>),
    /// Somebody sets `spec.replicas` of the target.
    Size(i32),
    /// The target reports so many pods in `status.replicas`.
    Counted(i32),
    /// Answers for a metric from now on.
    Tell(&'static str, Answer),
    /// `spec` of the HPA is edited: a JSON merge patch.
    Edit(Value),
    /// Somebody else writes the target between the controller's look at it and its write.
    Touch,
    /// The target is deleted.
    DeleteTarget,
    /// The target is created, with the replicas of the last `Size`.
    CreateTarget,
    /// Another HPA, whose target's selector matches pods with this value of the label `app`.
    Rival(&'static str),
}

/// A pod as the API shows it. Times are seconds before the change.
#[derive(Debug, Clone)]
pub struct PodPlan {
    /// Its name.
    pub name: String,
    /// `spec.containers` and further fields.
    pub spec: Value,
    /// `status.phase`.
    pub phase: &'static str,
    /// The `Ready` condition and since when.
    pub ready: Option<(&'static str, i64)>,
    /// Since when it runs.
    pub started: Option<i64>,
    /// Deleted, but still there.
    pub deleting: bool,
}

impl Script {
    /// A script without steps.
    pub fn new(name: &'static str, spec: Value) -> Self {
        Self { name, spec, steps: Vec::new() }
    }

    /// A step more.
    #[must_use]
    pub fn then(mut self, changes: impl IntoIterator<Item = Change>, turns: usize) -> Self {
        self.steps.push(Step { changes: changes.into_iter().collect(), turns });
        self
    }

    /// How many turns it takes.
    pub fn turns(&self) -> usize {
        self.steps.iter().map(|step| step.turns).sum()
    }
}

impl PodPlan {
    /// A pod that has run and been ready for an hour, with one container `app` that asks for 100m and 64Mi.
    pub fn new(name: impl Into<String>) -> Self {
        let requests = json!({"requests": {"cpu": "100m", "memory": "64Mi"}});
        Self {
            name: name.into(),
            spec: json!({"containers": [{"name": "app", "image": "app", "resources": requests}]}),
            phase: "Running",
            ready: Some(("True", 3600)),
            started: Some(3600),
            deleting: false,
        }
    }

    /// With another `spec`.
    #[must_use]
    pub fn with_spec(self, spec: Value) -> Self {
        Self { spec, ..self }
    }

    /// In another phase.
    #[must_use]
    pub fn in_phase(self, phase: &'static str) -> Self {
        Self { phase, ..self }
    }

    /// With a `Ready` condition since so many seconds, started so many seconds ago.
    #[must_use]
    pub fn since(self, ready: &'static str, transition: i64, started: i64) -> Self {
        Self { ready: Some((ready, transition)), started: Some(started), ..self }
    }

    /// Being deleted.
    #[must_use]
    pub fn deleting(self) -> Self {
        Self { deleting: true, ..self }
    }
}

/// `web-1` to `web-count`, all well.
pub fn pods(count: usize) -> Vec<PodPlan> {
    (1..=count).map(|number| PodPlan::new(format!("web-{number}"))).collect()
}

/// Exactly `count` pods that are well, and a target that says so.
pub fn fleet(count: usize) -> [Change; 3] {
    let number = i32::try_from(count).unwrap_or(i32::MAX);
    [Change::Pods(pods(count)), Change::Counted(number), Change::Size(number)]
}

/// The values of an external metric.
pub fn external(metric: &'static str, values: &[&str]) -> Change {
    Change::Tell(metric, Answer::External(values.iter().map(|&value| value.to_owned()).collect()))
}

/// The value of a metric of the Service `web`.
pub fn object(metric: &'static str, value: &str) -> Change {
    Change::Tell(metric, Answer::Object(value.to_owned()))
}

/// A custom metric of pods: name and value, measured over the last minute.
pub fn of_pods(metric: &'static str, values: &[(&str, &str)]) -> Change {
    let measured = values.iter().map(|(pod, value)| measured(pod, json!(value)));
    Change::Tell(metric, Answer::Pods(measured.collect()))
}

/// CPU of the container `app`: pod and quantity.
pub fn cpu(values: &[(&str, &str)]) -> Change {
    let measured = values.iter().map(|(pod, value)| measured(pod, json!({"app": {"cpu": value}})));
    Change::Tell(RESOURCES, Answer::Pods(measured.collect()))
}

/// Usage by container and resource, as JSON.
pub fn usage(values: &[(&str, Value)]) -> Change {
    let measured = values.iter().map(|(pod, value)| measured(pod, value.clone()));
    Change::Tell(RESOURCES, Answer::Pods(measured.collect()))
}

/// A metric that is refused.
pub fn refused(metric: &'static str, code: u16, message: &str) -> Change {
    Change::Tell(metric, Answer::Refused(code, message.to_owned()))
}

fn measured(pod: &str, value: Value) -> Measured {
    Measured { pod: pod.to_owned(), value, age: 0, window: 60 }
}
