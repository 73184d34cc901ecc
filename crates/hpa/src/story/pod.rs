//! One pod: the words for its state, its containers and its requests.
//!
//! Not which pods there are.
//!
//! **Invariant:** without a time, a pod has been as it is for longer than any rule looks back.

use super::LIMITS;
use super::advice::unknown;
use super::lines::Line;
use super::words::{Read, Words, error};
use crate::inputs::{Container, Labels, Phase, Pod, Ready, Requests};
use crate::time::Time;

const STATES: [&str; 7] = ["ready", "unready", "pending", "failed", "succeeded", "unknown", "readiness"];

/// Containers and requests of a pod.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    pod_requests: Requests,
    overhead: Requests,
}

/// What a line says of a pod.
#[derive(Debug, Clone)]
pub(super) struct State {
    phase: Phase,
    ready: Option<(Ready, Time)>,
    started: Option<Time>,
    deleting: bool,
    labels: Option<Labels>,
}

impl State {
    pub(super) fn put(&self, pod: &mut Pod) {
        pod.phase = self.phase;
        pod.ready = self.ready;
        pod.started = self.started;
        pod.deleting = self.deleting;
        if let Some(labels) = &self.labels {
            pod.labels.clone_from(labels);
        }
    }
}

impl Parts {
    pub(super) fn put(&self, pod: &mut Pod) {
        pod.containers.clone_from(&self.containers);
        pod.init_containers.clone_from(&self.init_containers);
        pod.pod_requests.clone_from(&self.pod_requests);
        pod.overhead.clone_from(&self.overhead);
    }
}

/// What a pod counts against the limits.
pub(super) fn cost(pod: &Pod) -> usize {
    let containers = pod.containers.iter().chain(&pod.init_containers);
    let containers: usize = containers.map(|container| 1 + container.requests.0.len()).sum();
    1 + pod.labels.len() + containers + pod.pod_requests.0.len() + pod.overhead.0.len()
}

/// `ready`, `unready since 20s ago started 30s ago`, `pending`, …
pub(super) fn state(words: &mut Words<'_>, now: Time) -> Read<State> {
    let due = "the state of the pods";
    let mut state = State {
        phase: Phase::Running,
        ready: None,
        started: Some(Time::ZERO),
        deleting: false,
        labels: None,
    };
    let first = words.word(due)?;
    let mut ready = Some(Ready::False);
    match first.text {
        "ready" => ready = Some(Ready::True),
        "unready" => {}
        "pending" => {
            state.phase = Phase::Pending;
            state.started = None;
        }
        "failed" => state.phase = Phase::Failed,
        "succeeded" => state.phase = Phase::Succeeded,
        "unknown" => state.phase = Phase::Unknown,
        "readiness" => ready = readiness(words)?,
        "running" => {
            return error(first.place, "say whether they are 'ready' or 'unready'; both are running");
        }
        other => return error(first.place, unknown(other, due, &STATES)),
    }
    let phase_said = state.phase != Phase::Running;
    if phase_said {
        match words.peek() {
            "ready" => {
                words.expect("ready")?;
                ready = Some(Ready::True);
            }
            "readiness" => {
                words.expect("readiness")?;
                ready = readiness(words)?;
            }
            _ => {}
        }
    }
    let (mut since, mut started) = (None, None);
    loop {
        let place = words.place();
        let said = match words.peek() {
            "since" => {
                words.expect("since")?;
                since.replace(now - words.ago()?).is_some()
            }
            "started" => {
                words.expect("started")?;
                started.replace(Some(now - words.ago()?)).is_some()
            }
            "not" => {
                words.expect("not")?;
                words.expect("started")?;
                started.replace(None).is_some()
            }
            "deleting" => {
                words.expect("deleting")?;
                std::mem::replace(&mut state.deleting, true)
            }
            "labelled" => {
                words.expect("labelled")?;
                state.labels.replace(labels(words)?).is_some()
            }
            "unlabelled" => {
                words.expect("unlabelled")?;
                state.labels.replace(Labels::new()).is_some()
            }
            "" | "," => break,
            other => {
                let known = ["since", "started", "not", "deleting", "labelled", "unlabelled"];
                let due = "'since 20s ago', 'started 20s ago', 'not started', 'deleting', 'labelled app=web' or 'unlabelled'";
                return error(place, unknown(other, due, &known));
            }
        };
        if said {
            return error(place, "this is said twice of the same pods");
        }
    }
    if ready.is_none() && since.is_some() {
        return error(first.place, "there is no readiness that could have changed: leave 'since' away");
    }
    state.ready = ready.map(|ready| (ready, since.unwrap_or(Time::ZERO)));
    state.started = started.unwrap_or(state.started);
    Ok(state)
}

/// `readiness unknown` or `readiness absent`.
fn readiness(words: &mut Words<'_>) -> Read<Option<Ready>> {
    let at = words.choose("'unknown' or 'absent'", &["unknown", "absent"])?;
    Ok((at == 0).then_some(Ready::Unknown))
}

fn labels(words: &mut Words<'_>) -> Read<Labels> {
    let mut labels = Labels::new();
    while words.peek().contains('=') || labels.is_empty() {
        let word = words.word("a label such as app=web")?;
        let Some((key, value)) = word.text.split_once('=') else {
            return error(word.place, format!("a label such as app=web is due here, not '{}'", word.text));
        };
        if labels.len() == LIMITS.entries || labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return error(word.place, format!("the label '{key}' is there twice, or is one too many"));
        }
    }
    Ok(labels)
}

/// The lines under `template` or `pod NAME:`.
pub(super) fn parts(line: &Line<'_>) -> Read<Parts> {
    let mut parts = Parts::default();
    let mut seen: Vec<String> = Vec::new();
    for line in &line.under {
        line.alone()?;
        let mut words = line.words.clone();
        let known = ["container", "init", "sidecar", "whole", "overhead"];
        let place = words.place();
        let kind = words
            .choose("a container, an init container, a sidecar, the whole pod or an overhead", &known)?;
        let name = match kind {
            0..=2 => {
                if kind == 1 {
                    words.expect("container")?;
                }
                words.name("the name of a container")?.0
            }
            3 => {
                words.expect("pod")?;
                "whole pod".to_owned()
            }
            _ => "overhead".to_owned(),
        };
        if seen.contains(&name) || seen.len() == LIMITS.entries {
            return error(
                place,
                format!("'{name}' is there twice, or there are more than {}", LIMITS.entries),
            );
        }
        let requests = match kind {
            0..=2 if words.peek().is_empty() => Requests::default(),
            4 => requests(&mut words)?,
            _ => {
                words.expect("requests")?;
                requests(&mut words)?
            }
        };
        words.end()?;
        seen.push(name.clone());
        let container =
            |restarts_always| Container { name: name.clone(), requests: requests.clone(), restarts_always };
        match kind {
            0 => parts.containers.push(container(false)),
            1 | 2 => parts.init_containers.push(container(kind == 2)),
            3 => parts.pod_requests = requests,
            _ => parts.overhead = requests,
        }
    }
    Ok(parts)
}

/// `cpu 100m, memory 64Mi`.
fn requests(words: &mut Words<'_>) -> Read<Requests> {
    let mut requests = Requests::default();
    loop {
        let (resource, place) = words.name("a resource such as cpu")?;
        let quantity = words.quantity("a quantity")?;
        if requests.get(&resource).is_some() || requests.0.len() == LIMITS.entries {
            return error(place, format!("'{resource}' is requested twice, or is one too many"));
        }
        requests.0.push((resource, quantity.milli()));
        if !words.accept(",") {
            return Ok(requests);
        }
    }
}
