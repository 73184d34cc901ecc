//! Who may read metrics.

use anyhow::{Result, ensure};
use plimsoll_testkit::wait::eventually;
use serde_json::json;

use crate::space::{STEP, Space, WALKTHROUGH};

fn path(space: &Space) -> String {
    let namespace = &space.name;
    format!("/apis/custom.metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/*/myapp_processed_ops_total")
}

pub async fn a_stranger_may_not_read_metrics(space: &Space) -> Result<()> {
    let printed = space.kubectl.run(&["get", "--raw", &path(space), "--as=joe"]).await?;
    ensure!(printed.code == 1, "{printed:?}");
    let forbidden = format!(
        "(Forbidden): pods.custom.metrics.k8s.io \"*\" is forbidden: User \"joe\" cannot get resource \
         \"pods/myapp_processed_ops_total\" in API group \"custom.metrics.k8s.io\" in the namespace \"{}\"",
        space.name
    );
    ensure!(printed.err.contains(&forbidden), "{printed:?}");
    let external = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{}/queue_depth", space.name);
    let printed = space.kubectl.run(&["get", "--raw", &external, "--as=joe"]).await?;
    ensure!(printed.code == 1 && printed.err.contains("(Forbidden)"), "{printed:?}");
    Ok(())
}

pub async fn a_role_on_the_pods_subresource_is_enough(space: &Space) -> Result<()> {
    space.application(WALKTHROUGH, 1).await?;
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": { "name": "reader" },
        "rules": [{
            "apiGroups": ["custom.metrics.k8s.io"],
            "resources": ["pods/myapp_processed_ops_total"],
            "verbs": ["get"],
        }],
    });
    space.kubectl.apply(&role.to_string()).await?;
    space.kubectl.print(&["create", "rolebinding", "reader", "--role=reader", "--user=reader"]).await?;
    eventually("the reader may read", STEP, async || {
        let answer = space.kubectl.print(&["get", "--raw", &path(space), "--as=reader"]).await?;
        ensure!(answer.contains("MetricValueList"), "the answer is {answer}");
        Ok(())
    })
    .await
}
