//! What a dead Prometheus may not do to a cluster.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use plimsoll_testkit::{
    apiservice::{SERVED, available},
    wait::{eventually, throughout},
};
use serde_json::{Value, json};

use crate::space::{STEP, Space};

/// How long the aggregator may take to look at all APIServices; its checks have 5 s each.
const RECHECK: Duration = Duration::from_secs(6);
/// How many HPAs live through the restart.
const AUTOSCALERS: usize = 20;
/// How long Prometheus is away: many turns of the HPA controller (one each second), and longer
/// than the pause until a scrape.
const OUTAGE: Duration = Duration::from_secs(10);
/// How long the replicas are watched after its return.
const AFTERWARDS: Duration = Duration::from_secs(15);

pub async fn a_namespace_can_be_deleted_while_prometheus_is_down(space: &Space) -> Result<()> {
    space.application("doomed", 1).await?;
    let cluster = &space.world.cluster;
    let mut prometheus = cluster.prometheus.lock().await;
    prometheus.kill();
    let gone = async {
        // The aggregator looks again whenever an APIService changes; else only every half minute.
        for version in &SERVED {
            let note = ["annotate", "--overwrite", "apiservice", &version.name(), "test=outage"];
            cluster.kubectl().print(&note).await?;
        }
        throughout("all APIServices stay Available", RECHECK, async || {
            for version in &SERVED {
                available(&cluster.client(), version).await?;
            }
            Ok(())
        })
        .await?;
        space.delete().await?;
        eventually("the namespace is gone", STEP, async || {
            let namespaces = cluster.kubectl().print(&["get", "namespaces", "-o", "name"]).await?;
            ensure!(!namespaces.lines().any(|line| line == format!("namespace/{}", space.name)), "it is not");
            Ok(())
        })
        .await
    }
    .await;
    prometheus.resume().await?;
    gone
}

pub async fn a_restart_of_prometheus_takes_no_replicas_away(space: &Space) -> Result<()> {
    let names: Vec<String> = (1..=AUTOSCALERS).map(|number| format!("steady-{number}")).collect();
    let target = json!({ "type": "AverageValue", "averageValue": "5" });
    let metric =
        json!({ "type": "Pods", "pods": { "metric": { "name": "work_in_progress" }, "target": target } });
    try_join_all(names.iter().map(async |name| {
        space.application(name, 2).await?;
        space.export(name, "work_in_progress", 5.0).await?;
        // No patience at all: one wrong value would take a replica away at once.
        space.autoscaler(name, metric.clone(), 0).await
    }))
    .await?;
    let active = async |wanted: &str| {
        eventually(&format!("every HPA is {wanted}"), STEP, async || {
            for name in &names {
                let condition = space.condition(name, "ScalingActive").await?;
                ensure!(condition == wanted, "{name} is {condition}");
            }
            Ok(())
        })
        .await
    };
    let steady = async || -> Result<()> {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", space.name);
        let deployments: Value = space.world.cluster.get_raw(&path).await?;
        for deployment in deployments["items"].as_array().into_iter().flatten() {
            let replicas = &deployment["spec"]["replicas"];
            ensure!(*replicas == 2, "{} is at {replicas}", deployment["metadata"]["name"]);
        }
        Ok(())
    };
    active("True/ValidMetricFound").await?;
    let mut prometheus = space.world.cluster.prometheus.lock().await;
    prometheus.kill();
    let held = async {
        active("False/FailedGetPodsMetric").await?;
        throughout("replicas stay while Prometheus is away", OUTAGE, steady).await
    }
    .await;
    prometheus.resume().await?;
    held?;
    throughout("replicas stay when Prometheus is back", AFTERWARDS, steady).await?;
    active("True/ValidMetricFound").await
}
