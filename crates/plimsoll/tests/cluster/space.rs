//! A Kubernetes namespace of one test, and what a test does in it.
//!
//! **Invariant:** nothing here reads or writes another namespace.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::{cluster::manifest, kubectl::Kubectl, wait::eventually, web};
use serde_json::{Value, json};

use crate::world::World;

/// How long anything that a cluster does by itself may take.
pub const STEP: Duration = Duration::from_secs(60);

/// The name of the walkthrough's Deployment, Service and HPA.
pub const WALKTHROUGH: &str = "test-prometheus";

/// A namespace.
pub struct Space {
    /// The cluster it is in.
    pub world: Arc<World>,
    /// Its name.
    pub name: String,
    /// kubectl, in it.
    pub kubectl: Kubectl,
}

impl Space {
    /// Creates the namespace.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn create(world: Arc<World>, name: String) -> Result<Self> {
        let kubectl = world.cluster.kubectl().in_namespace(&name);
        kubectl.print(&["create", "namespace", &name]).await?;
        Ok(Self { world, name, kubectl })
    }

    /// Asks for the namespace's deletion; does not wait for it.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn delete(&self) -> Result<()> {
        let ask = ["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"];
        self.kubectl.print(&ask).await.map(drop)
    }

    /// What happened in it, as kubectl prints events.
    pub async fn events(&self) -> String {
        let events = self.kubectl.print(&["events"]).await;
        events.unwrap_or_else(|error| format!("(no events: {error:#})"))
    }

    /// The walkthrough's application under the name `name`: a Deployment with a Service.
    ///
    /// # Errors
    /// When its pods do not become ready.
    pub async fn application(&self, name: &str, replicas: u32) -> Result<()> {
        for file in ["walkthrough/deployment.yaml", "walkthrough/service.yaml"] {
            let manifest = manifest(file)?.replace("replicas: 1", &format!("replicas: {replicas}"));
            self.kubectl.apply(&manifest.replace(WALKTHROUGH, name)).await?;
        }
        eventually(&format!("{replicas} pods of {name} are ready"), STEP, async || {
            let deployment = self.get("deployment", name).await?;
            let ready = &deployment["status"]["readyReplicas"];
            ensure!(*ready == replicas, "{ready} are");
            Ok(())
        })
        .await
    }

    /// The walkthrough's HPA.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn walkthrough_autoscaler(&self) -> Result<()> {
        self.kubectl.apply(&manifest("walkthrough/hpa.yaml")?).await
    }

    /// An HPA `name` for the Deployment of that name, 1 to 10 replicas on `metric`, which scales
    /// down after `patience` seconds.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn autoscaler(&self, name: &str, metric: Value, patience: u32) -> Result<()> {
        let hpa = json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": name },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
                "minReplicas": 1,
                "maxReplicas": 10,
                "metrics": [metric],
                "behavior": { "scaleDown": { "stabilizationWindowSeconds": patience } },
            },
        });
        self.kubectl.apply(&hpa.to_string()).await
    }

    /// An object as JSON.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Value> {
        let path = match kind {
            "deployment" => format!("apis/apps/v1/namespaces/{}/deployments/{name}", self.name),
            "hpa" => {
                format!("apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{name}", self.name)
            }
            other => bail!("no path is known for {other}"),
        };
        self.world.cluster.get_raw(&format!("/{path}")).await
    }

    /// The addresses of the ready pods of an application, oldest name first.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn addresses(&self, application: &str) -> Result<Vec<String>> {
        let selector = format!("app={application}");
        let printed = self
            .kubectl
            .print(&["get", "pods", "-l", &selector, "-o", "jsonpath={.items[*].status.podIP}"])
            .await?;
        Ok(printed.split_whitespace().map(str::to_owned).collect())
    }

    /// Opens the application's page `times` times, always on its first pod.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn visit(&self, application: &str, times: usize) -> Result<()> {
        let addresses = self.addresses(application).await?;
        let address = addresses.first().context("the application has no pod")?;
        for _ in 0..times {
            let answer = web::get(&format!("http://{address}:8080/")).await?;
            ensure!(answer.body == "Hello, World!", "the application says {}", answer.body);
        }
        Ok(())
    }

    /// Makes every present pod of an application export `series value`.
    ///
    /// # Errors
    /// When a pod does not take it.
    pub async fn export(&self, application: &str, series: &str, value: f64) -> Result<()> {
        for address in self.addresses(application).await? {
            let line = format!("{series} {value}\n");
            let answer = web::put(&format!("http://{address}:8080/series"), &line).await?;
            ensure!(answer.status == 200, "{address} answers {}: {}", answer.status, answer.body);
        }
        Ok(())
    }

    /// Waits until the Deployment's `spec.replicas` is `replicas`.
    ///
    /// # Errors
    /// When it does not get there; says where it is and what the HPA says.
    pub async fn scaled_to(&self, deployment: &str, replicas: u32) -> Result<()> {
        eventually(&format!("{deployment} is scaled to {replicas}"), STEP, async || {
            let present = self.get("deployment", deployment).await?["spec"]["replicas"].take();
            if present != replicas {
                let status = self.get("hpa", deployment).await?["status"].take();
                bail!("it is at {present}; the HPA's status is {status}");
            }
            Ok(())
        })
        .await
    }

    /// The row of `kubectl get hpa NAME`: targets and replicas.
    ///
    /// # Errors
    /// When kubectl fails or prints something else.
    pub async fn autoscaler_row(&self, name: &str) -> Result<(String, String)> {
        let printed = self.kubectl.print(&["get", "hpa", name, "--no-headers"]).await?;
        match *printed.split_whitespace().collect::<Vec<_>>() {
            [_, _, targets, _, _, replicas, _] => Ok((targets.to_owned(), replicas.to_owned())),
            _ => bail!("not a row of an HPA: {printed}"),
        }
    }

    /// A condition of the HPA as `status/reason`.
    ///
    /// # Errors
    /// When there is no HPA, or no such condition yet.
    pub async fn condition(&self, name: &str, kind: &str) -> Result<String> {
        let hpa = self.get("hpa", name).await?;
        let conditions = hpa["status"]["conditions"].as_array().context("the HPA has no conditions yet")?;
        let condition = conditions.iter().find(|condition| condition["type"] == kind);
        let condition = condition.with_context(|| format!("the HPA has no condition {kind} yet"))?;
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        Ok(format!("{}/{}", text("status"), text("reason")))
    }
}
