//! Pods in all states, and what is measured of them.

use serde_json::{Value, json};

use super::{cpu_utilization, pods_average, resource};
use crate::script::{Change, PodPlan, Script, cpu, fleet, of_pods, pods, usage};

/// A container that asks for CPU.
fn container(name: &str, cpu: &str) -> Value {
    json!({"name": name, "image": name, "resources": {"requests": {"cpu": cpu}}})
}

pub fn all() -> Vec<Script> {
    vec![
        Script::new(
            "pods_that_only_just_started_do_not_count_for_cpu_until_they_had_their_time",
            json!({
                "minReplicas": 1, "maxReplicas": 20, "metrics": [cpu_utilization(50)],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 3}},
            }),
        )
        .then(
            [
                Change::Pods(vec![
                    PodPlan::new("web-1"),
                    PodPlan::new("web-2"),
                    // Comes out of its first 15 seconds while the script runs.
                    PodPlan::new("young").since("True", 5, 6),
                    // Never ready.
                    PodPlan::new("stuck").since("False", 58, 60),
                ]),
                Change::Counted(4),
                Change::Size(4),
                cpu(&[("web-1", "90m"), ("web-2", "80m"), ("young", "200m"), ("stuck", "10m")]),
            ],
            9,
        ),
        Script::new(
            "pods_without_samples_count_as_idle_when_it_goes_up_and_as_loaded_when_it_goes_down",
            json!({
                "minReplicas": 1, "maxReplicas": 20, "metrics": [pods_average("rps", "100")],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            }),
        )
        .then(fleet(4).into_iter().chain([of_pods("rps", &[("web-1", "300"), ("web-2", "250")])]), 2)
        .then([of_pods("rps", &[("web-1", "20"), ("web-2", "10"), ("web-3", "30")])], 2)
        .then([of_pods("rps", &[("web-1", "90"), ("web-2", "120"), ("gone", "900")])], 2)
        .then([of_pods("rps", &[("gone", "900")])], 2),
        Script::new(
            "pods_that_are_pending_failed_deleted_or_done_count_each_in_its_way",
            json!({
                "minReplicas": 1, "maxReplicas": 20,
                "metrics": [resource("memory", &json!({"type": "AverageValue", "averageValue": "100Mi"}))],
            }),
        )
        .then(
            [
                Change::Pods(vec![
                    PodPlan::new("web-1"),
                    PodPlan::new("web-2"),
                    PodPlan::new("pending").in_phase("Pending").since("False", 20, 20),
                    PodPlan::new("failed").in_phase("Failed"),
                    PodPlan::new("leaving").deleting(),
                    PodPlan::new("done").in_phase("Succeeded"),
                ]),
                Change::Counted(6),
                Change::Size(4),
                usage(&[
                    ("web-1", json!({"app": {"memory": "350Mi"}})),
                    ("web-2", json!({"app": {"memory": "382Mi"}})),
                    ("pending", json!({"app": {"memory": "1Gi"}})),
                    ("failed", json!({"app": {"memory": "1Gi"}})),
                    ("leaving", json!({"app": {"memory": "1Gi"}})),
                    ("done", json!({"app": {"memory": "16Mi"}})),
                ]),
            ],
            3,
        )
        .then([usage(&[("web-1", json!({"app": {"memory": "373007942613m"}}))])], 2)
        .then([Change::Pods(pods(2))], 2)
        .then([Change::Pods(vec![])], 2),
        Script::new(
            "requests_of_sidecars_and_of_the_pod_as_a_whole_are_what_percent_are_of",
            json!({"minReplicas": 1, "maxReplicas": 20, "metrics": [cpu_utilization(60)]}),
        )
        .then(
            [
                Change::Pods(vec![
                    PodPlan::new("sidecar").with_spec(json!({
                        "containers": [container("app", "100m")],
                        "initContainers": [
                            {"name": "mesh", "image": "mesh", "restartPolicy": "Always",
                             "resources": {"requests": {"cpu": "50m"}}},
                            container("once", "500m"),
                        ],
                    })),
                    PodPlan::new("whole").with_spec(json!({
                        "containers": [container("app", "100m"), {"name": "helper", "image": "helper"}],
                        "resources": {"requests": {"cpu": "300m"}},
                    })),
                ]),
                Change::Counted(2),
                Change::Size(2),
                cpu(&[("sidecar", "140m"), ("whole", "200m")]),
            ],
            3,
        )
        .then([cpu(&[("sidecar", "15m"), ("whole", "20m")])], 2)
        .then(
            [Change::Pods(vec![
                PodPlan::new("modest").with_spec(json!({"containers": [{"name": "app", "image": "app"}]})),
            ])],
            2,
        ),
        Script::new(
            "one_container_of_the_pods_is_looked_at_alone",
            json!({
                "minReplicas": 1, "maxReplicas": 20,
                "metrics": [{"type": "ContainerResource", "containerResource": {
                    "name": "cpu", "container": "app",
                    "target": {"type": "Utilization", "averageUtilization": 50},
                }}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 1}},
            }),
        )
        .then(
            fleet(2).into_iter().chain([usage(&[
                ("web-1", json!({"app": {"cpu": "90m"}, "mesh": {"cpu": "2"}})),
                ("web-2", json!({"app": {"cpu": "110m"}, "mesh": {"cpu": "3"}})),
            ])]),
            2,
        )
        .then(
            [usage(&[("web-1", json!({"app": {"cpu": "10m"}})), ("web-2", json!({"mesh": {"cpu": "3"}}))])],
            2,
        )
        .then([usage(&[("web-1", json!({"mesh": {"cpu": "3"}}))])], 2)
        .then(
            [
                Change::Pods(vec![
                    PodPlan::new("bare").with_spec(json!({"containers": [container("other", "100m")]})),
                ]),
                cpu(&[("bare", "50m")]),
            ],
            2,
        ),
    ]
}
