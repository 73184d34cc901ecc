//! The walkthrough that users know: a counter, a rule, an HPA, and a second replica.

use anyhow::{Result, bail, ensure};
use plimsoll_testkit::wait::eventually;

use crate::space::{STEP, Space, WALKTHROUGH};

/// The application, visited once, and its HPA.
async fn begin(space: &Space) -> Result<()> {
    space.application(WALKTHROUGH, 1).await?;
    space.visit(WALKTHROUGH, 1).await?;
    space.walkthrough_autoscaler().await
}

async fn shows(space: &Space, targets: &str, replicas: &str) -> Result<()> {
    eventually(&format!("kubectl shows {targets} and {replicas} replicas"), STEP, async || {
        let row = space.autoscaler_row(WALKTHROUGH).await?;
        if row != (targets.to_owned(), replicas.to_owned()) {
            bail!(
                "it shows {} and {}; {}",
                row.0,
                row.1,
                space.condition(WALKTHROUGH, "ScalingActive").await?
            );
        }
        Ok(())
    })
    .await
}

pub async fn a_counter_in_a_pod_becomes_a_second_replica(space: &Space) -> Result<()> {
    begin(space).await?;
    shows(space, "1/3", "1").await?;
    space.visit(WALKTHROUGH, 3).await?;
    shows(space, "4/3", "1").await?;
    shows(space, "2/3", "2").await?;
    space.scaled_to(WALKTHROUGH, 2).await
}

pub async fn the_autoscaler_reports_a_valid_metric(space: &Space) -> Result<()> {
    begin(space).await?;
    eventually("ScalingActive is True", STEP, async || {
        let condition = space.condition(WALKTHROUGH, "ScalingActive").await?;
        ensure!(condition == "True/ValidMetricFound", "it is {condition}");
        Ok(())
    })
    .await
}

pub async fn describe_shows_the_value_and_no_warning(space: &Space) -> Result<()> {
    begin(space).await?;
    shows(space, "1/3", "1").await?;
    let printed = space.kubectl.print(&["describe", "hpa", WALKTHROUGH]).await?;
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "\"myapp_processed_ops_total\" on pods: 1 / 3",
        "Deployment pods: 1 current / 1 desired",
        "ScalingActive True ValidMetricFound the HPA was able to successfully calculate a replica count \
         from pods metric myapp_processed_ops_total",
    ] {
        ensure!(words.contains(expected), "`kubectl describe hpa` lacks `{expected}`:\n{printed}");
    }
    Ok(())
}
