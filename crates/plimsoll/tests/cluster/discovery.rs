//! What the aggregator and every kubectl find.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use plimsoll_testkit::{
    apiservice::{SERVED, available},
    kubectl::Kubectl,
    wait::eventually,
};
use serde_json::Value;

use crate::space::{STEP, Space, WALKTHROUGH};

pub async fn every_served_version_is_available(space: &Space) -> Result<()> {
    let cluster = &space.world.cluster;
    for version in SERVED {
        eventually("the APIService is Available", STEP, async || {
            available(&cluster.client(), &version).await
        })
        .await?;
        let list: Value = cluster.get_raw(&version.path()).await?;
        ensure!(
            list["kind"] == "APIResourceList" && list["resources"].is_array(),
            "{} answers {list}",
            version.path()
        );
    }
    Ok(())
}

pub async fn both_custom_versions_answer_with_the_same_value(space: &Space) -> Result<()> {
    space.application(WALKTHROUGH, 1).await?;
    space.visit(WALKTHROUGH, 1).await?;
    for (version, metric) in [("v1beta1", "/metricName"), ("v1beta2", "/metric/name")] {
        let path = format!(
            "/apis/custom.metrics.k8s.io/{version}/namespaces/{}/pods/*/myapp_processed_ops_total",
            space.name
        );
        let list = eventually("the visit is counted", STEP, async || {
            let list: Value = serde_json::from_str(&space.kubectl.print(&["get", "--raw", &path]).await?)?;
            ensure!(list["items"][0]["value"] == "1", "{version} answers {list}");
            Ok(list)
        })
        .await?;
        let item = &list["items"][0];
        ensure!(item.pointer(metric).is_some_and(|name| name == "myapp_processed_ops_total"), "{list}");
        ensure!(list["apiVersion"] == format!("custom.metrics.k8s.io/{version}"), "{list}");
        ensure!(list["kind"] == "MetricValueList", "{list}");
        let object = &item["describedObject"];
        ensure!(object["kind"] == "Pod" && object["namespace"] == *space.name, "{list}");
        let name = object["name"].as_str().context("the object has no name")?;
        ensure!(name.starts_with(WALKTHROUGH), "{list}");
    }
    Ok(())
}

pub async fn every_kubectl_lists_all_apis_and_the_autoscaler(space: &Space) -> Result<()> {
    space.application(WALKTHROUGH, 1).await?;
    space.export(WALKTHROUGH, "queue_depth{queue=\"listed\"}", 1.0).await?;
    space.visit(WALKTHROUGH, 1).await?;
    space.walkthrough_autoscaler().await?;
    eventually("the HPA has a value", STEP, async || {
        let (targets, _) = space.autoscaler_row(WALKTHROUGH).await?;
        ensure!(targets == "1/3", "it has {targets}");
        Ok(())
    })
    .await?;
    let external = SERVED[2];
    eventually("the adapter lists the external metric", STEP, async || {
        let list = space.kubectl.print(&["get", "--raw", &external.path()]).await?;
        ensure!(list.contains("\"queue_depth\""), "it lists {list}");
        Ok(())
    })
    .await?;
    // The aggregator looks again every minute, and whenever the APIService changes.
    let note = ["annotate", "--overwrite", "apiservice", &external.name(), "test=listed"];
    space.kubectl.print(&note).await?;
    eventually("the aggregator has looked again", STEP, async || {
        let printed = space.kubectl.print(&["api-resources", "--cached=false"]).await?;
        ensure!(printed.contains("queue_depth"), "it lists\n{printed}");
        Ok(())
    })
    .await?;
    for kubectl in kubectls(space)? {
        let printed = kubectl.run(&["api-resources", "--cached=false"]).await?;
        ensure!(printed.code == 0 && printed.err.is_empty(), "{kubectl:?}: {printed:?}");
        for kind in ["ExternalMetricValueList", "NodeMetrics", "PodMetrics"] {
            ensure!(printed.out.contains(kind), "{kubectl:?} does not list {kind}:\n{}", printed.out);
        }
        let printed = kubectl.run(&["get", "hpa"]).await?;
        ensure!(printed.code == 0 && printed.err.is_empty(), "{kubectl:?}: {printed:?}");
        ensure!(printed.out.contains(" 1/3 "), "{kubectl:?} shows\n{}", printed.out);
        let printed = kubectl.print(&["describe", "hpa", WALKTHROUGH]).await?;
        ensure!(printed.contains("ValidMetricFound"), "{kubectl:?} describes\n{printed}");
    }
    Ok(())
}

/// The control plane's own kubectl, and every `kubectl.1.N` of this machine from 1.29 on.
fn kubectls(space: &Space) -> Result<Vec<Kubectl>> {
    let mut folders: BTreeSet<PathBuf> =
        std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    // Cloud SDKs bring several versions beside the one in the PATH.
    folders.extend(["/usr/local/bin".into(), "/usr/lib/google-cloud-sdk/bin".into()]);
    let mut found = vec![space.kubectl.clone()];
    for minor in 29..=37 {
        let name = format!("kubectl.1.{minor}");
        let program = folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file());
        if let Some(program) = program {
            let home = space.world.cluster.sandbox.subfolder(&format!("home-1.{minor}"))?;
            found.push(space.kubectl.with_program(&program, &home));
        }
    }
    Ok(found)
}
