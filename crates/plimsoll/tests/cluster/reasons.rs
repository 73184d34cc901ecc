//! What people read when a metric is missing, in the places where they look.

use anyhow::{Result, ensure};
use plimsoll_testkit::wait::eventually;
use serde_json::json;

use crate::space::{STEP, Space, WALKTHROUGH};

pub async fn describe_says_which_link_is_missing(space: &Space) -> Result<()> {
    space.application(WALKTHROUGH, 1).await?;
    let metric = json!({
        "type": "Pods",
        "pods": {
            "metric": { "name": "orders_per_second" },
            "target": { "type": "AverageValue", "averageValue": "1" },
        },
    });
    space.autoscaler(WALKTHROUGH, metric, 0).await?;
    eventually("describe tells the reason", STEP, async || {
        let printed = space.kubectl.print(&["describe", "hpa", WALKTHROUGH]).await?;
        let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = "the server could not find the metric orders_per_second for pods: no rule serves \
                        `orders_per_second`:";
        ensure!(words.contains(expected), "it says {words}");
        Ok(())
    })
    .await
}

pub async fn get_raw_says_which_link_is_missing(space: &Space) -> Result<()> {
    space.application(WALKTHROUGH, 1).await?;
    let path = format!(
        "/apis/custom.metrics.k8s.io/v1beta1/namespaces/{}/pods/*/work_in_progress?labelSelector=app%3Dnone",
        space.name
    );
    space.export(WALKTHROUGH, "work_in_progress", 1.0).await?;
    let expected = format!(
        "Error from server (NotFound): the server could not find the metric work_in_progress for pods: no pods in \
         namespace `{}` match `app=none`",
        space.name
    );
    eventually("kubectl tells the reason", STEP, async || {
        let printed = space.kubectl.run(&["get", "--raw", &path]).await?;
        ensure!(printed.code == 1 && printed.err.contains(&expected), "it says {printed:?}");
        Ok(())
    })
    .await
}
