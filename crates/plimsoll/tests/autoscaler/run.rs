//! Plays a script against the controller and then with the library.
//!
//! Not a judge: [`compare`](crate::compare) is.
//!
//! **Invariant:** a change is made only while no turn is under way, and the next turn counts only if the controller
//! had time to see it; otherwise the script is played again from its start, in a new namespace.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp, Unit};
use plimsoll_hpa::OtherHpa;
use plimsoll_model::selector::Selector;
use plimsoll_testkit::{rest::Rest, wait::eventually};
use serde_json::{Value, json};

use crate::{
    compare::{self, Surroundings, Verdict},
    observed::{self, NAME, Turn},
    plane::Plane,
    script::{Change, PodPlan, Script},
    wire,
};

/// How long the controller's watches are given to bring a change. Nothing outside the controller shows that they have.
const SETTLED: SignedDuration = SignedDuration::from_millis(400);
/// How long after its last request a turn counts as ended: about a third of the controller's period.
const QUIET: SignedDuration = SignedDuration::from_millis(600);
/// How long the turns of one step may take.
const STEP: Duration = Duration::from_secs(60);
/// How often a script is played before it is given up as unclear.
const ATTEMPTS: usize = 4;

static NAMESPACES: AtomicUsize = AtomicUsize::new(1);

/// The number of turns that are equal.
///
/// # Errors
/// The first difference, or what went wrong before one could be seen.
pub async fn compare(plane: &Plane, script: &Script) -> Result<usize> {
    let mut unclear = Vec::new();
    for _ in 0..ATTEMPTS {
        let namespace = format!("script-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed));
        let mut stage = Stage {
            plane,
            rest: plane.rest.clone(),
            namespace,
            size: 0,
            pods: Vec::new(),
            turns: 0,
            history: Vec::new(),
        };
        stage.play(script).await.with_context(|| format!("in namespace {}", stage.namespace))?;
        let turns = stage.turns()?;
        let events = observed::events(&plane.asked(&stage.namespace)?);
        let verdict = compare::compare(&stage.namespace, &turns, &stage.history, &events, SETTLED);
        match verdict.with_context(|| format!("in namespace {}", stage.namespace))? {
            Verdict::Equal(turns) => {
                ensure!(
                    turns >= script.turns(),
                    "{turns} turns were seen, the script has {}",
                    script.turns()
                );
                return Ok(turns);
            }
            Verdict::Unclear(why) => unclear.push(why),
        }
    }
    bail!("nothing could be concluded {ATTEMPTS} times: {}", unclear.join("; "))
}

/// One playing of a script.
struct Stage<'a> {
    plane: &'a Plane,
    rest: Rest,
    namespace: String,
    size: i32,
    pods: Vec<String>,
    /// How many turns there must have been before the next step.
    turns: usize,
    history: Vec<Surroundings>,
}

impl Stage<'_> {
    async fn play(&mut self, script: &Script) -> Result<()> {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}});
        self.rest.create("/api/v1/namespaces", &namespace).await?;
        self.create_target(NAME, NAME).await?;
        for (at, step) in script.steps.iter().enumerate() {
            let quiet = async || self.quiet(self.turns);
            eventually(&format!("the {} turns before step {at}", self.turns), STEP, quiet).await?;
            for change in &step.changes {
                self.change(change).await?;
            }
            if at == 0 {
                self.settle().await;
                let began = Timestamp::now();
                self.autoscaler(NAME, &script.spec).await?;
                self.look(began, true).await?;
            }
            self.turns = self.turns()?.len() + step.turns;
        }
        eventually("the last turns", STEP, async || self.quiet(self.turns)).await
    }

    /// Fails unless there were so many turns and none is under way.
    fn quiet(&self, turns: usize) -> Result<()> {
        let seen = self.turns()?;
        ensure!(seen.len() >= turns, "there were {}", seen.len());
        let since = seen.last().map(|turn| Timestamp::now().duration_since(turn.end));
        ensure!(since.is_none_or(|since| since >= QUIET), "one has only just ended");
        Ok(())
    }

    fn turns(&self) -> Result<Vec<Turn>> {
        let exchanges = self.plane.metrics.exchanges(&self.namespace);
        let ours: Vec<_> =
            exchanges.into_iter().filter(|exchange| !exchange.path.ends_with(RIVAL_METRIC)).collect();
        observed::turns(&self.plane.asked(&self.namespace)?, &ours)
    }

    /// Lets the controller's watches bring what was changed last.
    async fn settle(&self) {
        let since = self.history.last().map(|last| Timestamp::now().duration_since(last.since));
        let rest = since.map_or(SETTLED, |since| SETTLED - since);
        tokio::time::sleep(rest.try_into().unwrap_or_default()).await;
    }

    async fn change(&mut self, change: &Change) -> Result<()> {
        let mut began = Timestamp::now();
        match change {
            Change::Tell(metric, answer) => {
                self.plane.metrics.tell(&self.namespace, metric, answer.clone());
                return Ok(());
            }
            Change::Size(size) => {
                self.size = *size;
                let scale = json!({"spec": {"replicas": size}});
                return self.rest.patch(&format!("{}/scale", self.deployment(NAME)), &scale).await;
            }
            Change::Counted(count) => {
                let status = json!({"status": {"replicas": count}});
                return self.rest.patch(&format!("{}/status", self.deployment(NAME)), &status).await;
            }
            Change::Touch => {
                self.plane.metrics.hold(&self.namespace).await;
                let touch = json!({"metadata": {"annotations": {"touched": "yes"}}});
                let touched = self.rest.patch(&self.deployment(NAME), &touch).await;
                self.plane.metrics.release(&self.namespace);
                return touched;
            }
            Change::DeleteTarget => return self.rest.delete(&self.deployment(NAME), 0).await,
            Change::CreateTarget => {
                self.create_target(NAME, NAME).await?;
                let scale = json!({"spec": {"replicas": self.size}});
                return self.rest.patch(&format!("{}/scale", self.deployment(NAME)), &scale).await;
            }
            Change::Pods(plans) => {
                for pod in std::mem::take(&mut self.pods) {
                    self.rest.delete(&format!("/api/v1/namespaces/{}/pods/{pod}", self.namespace), 0).await?;
                }
                for plan in plans {
                    self.create_pod(plan).await?;
                }
            }
            Change::Edit(patch) => {
                self.settle().await;
                began = Timestamp::now();
                self.rest.patch(&self.hpa(NAME), &json!({"spec": patch})).await?;
                return self.look(began, true).await;
            }
            Change::Rival(label) => self.create_rival(label).await?,
        }
        self.look(began, false).await
    }

    /// Notes what the next turns see, after a change that began then.
    async fn look(&mut self, began: Timestamp, edited: bool) -> Result<()> {
        let since = Timestamp::now();
        let pods = self.rest.get(&format!("/api/v1/namespaces/{}/pods", self.namespace)).await?;
        let pods = pods["items"].as_array().into_iter().flatten().map(wire::pod).collect::<Result<_>>()?;
        let hpas = self.rest.get(&self.hpa("")).await?;
        let hpas = hpas["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let hpa = hpas.iter().find(|hpa| hpa["metadata"]["name"] == NAME);
        let Some(hpa) = hpa else { return Ok(()) };
        let mut others = Vec::new();
        for other in hpas {
            let name = other["metadata"]["name"].as_str().unwrap_or_default();
            if name != NAME {
                let scale = wire::scale(&self.rest.get(&format!("{}/scale", self.deployment(name))).await?);
                let selector = Selector::parse(&scale.selector)?;
                others.push(OtherHpa { name: name.to_owned(), selector: Some(selector) });
            }
        }
        self.history.push(Surroundings {
            began,
            since,
            edited,
            generation: hpa["metadata"]["generation"].as_i64().unwrap_or(0),
            spec: serde_json::from_value(hpa["spec"].clone())?,
            pods,
            others,
        });
        Ok(())
    }

    async fn create_target(&self, name: &str, label: &str) -> Result<()> {
        let labels = json!({"app": label});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "image": "app"}]},
                },
            },
        });
        self.rest.create(&self.deployment(""), &deployment).await
    }

    async fn autoscaler(&self, target: &str, spec: &Value) -> Result<()> {
        let mut hpa = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": target},
            "spec": spec,
        });
        hpa["spec"]["scaleTargetRef"] =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": target});
        self.rest.create(&self.hpa(""), &hpa).await
    }

    /// Its own target with a size, and a metric that it can read, so that the controller remembers its selector.
    async fn create_rival(&self, label: &str) -> Result<()> {
        let name = format!("rival-{label}");
        self.create_target(&name, label).await?;
        let one = json!({"spec": {"replicas": 1}});
        self.rest.patch(&format!("{}/scale", self.deployment(&name)), &one).await?;
        let value = plimsoll_testkit::fakes::metrics::Answer::External(vec!["1".to_owned()]);
        self.plane.metrics.tell(&self.namespace, RIVAL_METRIC, value);
        let metric = json!({"type": "External", "external": {
            "metric": {"name": RIVAL_METRIC}, "target": {"type": "AverageValue", "averageValue": "1"},
        }});
        self.autoscaler(&name, &json!({"maxReplicas": 3, "metrics": [metric]})).await?;
        eventually("the controller has looked at the rival", STEP, async || {
            let hpa = self.rest.get(&self.hpa(&name)).await?;
            ensure!(hpa["status"]["conditions"].is_array(), "it has not");
            Ok(())
        })
        .await
    }

    async fn create_pod(&mut self, plan: &PodPlan) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let mut spec = plan.spec.clone();
        // Bound, so that a deletion waits for a kubelet, which there is not.
        spec["nodeName"] = json!("nowhere");
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": plan.name, "labels": {"app": NAME}},
            "spec": spec,
        });
        self.rest.create(&path, &pod).await?;
        let ago = |seconds: i64| {
            let time = Timestamp::now().saturating_sub(SignedDuration::from_secs(seconds));
            let time = time.and_then(|time| time.round(Unit::Second));
            time.map(|time| time.to_string()).unwrap_or_default()
        };
        let mut status = json!({"phase": plan.phase});
        if let Some((ready, transition)) = plan.ready {
            status["conditions"] =
                json!([{"type": "Ready", "status": ready, "lastTransitionTime": ago(transition)}]);
        }
        if let Some(started) = plan.started {
            status["startTime"] = json!(ago(started));
        }
        self.rest.patch(&format!("{path}/{}/status", plan.name), &json!({"status": status})).await?;
        if plan.deleting {
            // No node ends it, so it stays.
            self.rest.delete(&format!("{path}/{}", plan.name), 600).await?;
        }
        self.pods.push(plan.name.clone());
        Ok(())
    }

    fn deployment(&self, name: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments/{name}", self.namespace)
            .trim_end_matches('/')
            .to_owned()
    }

    fn hpa(&self, name: &str) -> String {
        let path =
            format!("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{name}", self.namespace);
        path.trim_end_matches('/').to_owned()
    }
}

/// The rival's own metric.
const RIVAL_METRIC: &str = "rivalry";
