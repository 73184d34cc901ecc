//! Decisions of the HPA controller on each kind of metric, up and down.

use anyhow::Result;
use serde_json::json;

use crate::space::Space;

pub async fn load_that_goes_away_takes_replicas_with_it(space: &Space) -> Result<()> {
    space.application("worker", 1).await?;
    space.export("worker", "work_in_progress", 6.0).await?;
    let target = json!({ "type": "AverageValue", "averageValue": "2" });
    let metric =
        json!({ "type": "Pods", "pods": { "metric": { "name": "work_in_progress" }, "target": target } });
    space.autoscaler("worker", metric, 2).await?;
    // Its new pods export nothing, which the controller takes for no load when it scales up.
    space.scaled_to("worker", 3).await?;
    space.export("worker", "work_in_progress", 0.5).await?;
    space.scaled_to("worker", 1).await
}

pub async fn a_metric_of_a_service_scales_a_deployment(space: &Space) -> Result<()> {
    space.application("shop", 1).await?;
    space.export("shop", "open_orders", 30.0).await?;
    let metric = json!({ "type": "Object", "object": {
        "metric": { "name": "open_orders" },
        "describedObject": { "apiVersion": "v1", "kind": "Service", "name": "shop" },
        "target": { "type": "Value", "value": "10" },
    }});
    space.autoscaler("shop", metric, 2).await?;
    // The ratio stays 3 as long as the metric does, so the HPA goes on to its limit.
    space.scaled_to("shop", 10).await
}

pub async fn an_external_metric_scales_a_deployment(space: &Space) -> Result<()> {
    space.application("consumer", 1).await?;
    let series = |queue: &str| format!("queue_depth{{queue=\"{queue}\"}}");
    space.export("consumer", &series("mail"), 40.0).await?;
    space.export("consumer", &series("other"), 1000.0).await?;
    let metric = json!({ "type": "External", "external": {
        "metric": { "name": "queue_depth", "selector": { "matchLabels": { "queue": "mail" } } },
        "target": { "type": "AverageValue", "averageValue": "10" },
    }});
    space.autoscaler("consumer", metric, 2).await?;
    space.scaled_to("consumer", 4).await
}
