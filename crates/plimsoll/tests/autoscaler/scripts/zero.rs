//! To zero and back.

use serde_json::json;

use super::{cpu_utilization, external_average};
use crate::script::{Change, Script, cpu, external, fleet};

pub fn all() -> Vec<Script> {
    vec![
        Script::new(
            "a_queue_that_runs_dry_takes_the_target_to_zero_and_one_message_brings_it_back",
            json!({
                "minReplicas": 0, "maxReplicas": 10, "metrics": [external_average("queue", "10")],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 1}},
            }),
        )
        .then(fleet(2).into_iter().chain([external("queue", &["0"])]), 2)
        .then([Change::Counted(0), Change::Pods(vec![])], 1)
        .then([external("queue", &["1"])], 2)
        .then([external("queue", &["0"])], 3)
        .then([Change::Edit(json!({"minReplicas": 2}))], 3),
        Script::new(
            "a_target_at_zero_that_the_controller_did_not_take_there_is_left_alone",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [cpu_utilization(50)]}),
        )
        .then([Change::Pods(vec![]), Change::Counted(0), Change::Size(0)], 2)
        .then(fleet(2).into_iter().chain([cpu(&[("web-1", "90m"), ("web-2", "70m")])]), 3)
        .then([Change::Size(0)], 3),
        Script::new(
            "nothing_is_written_while_nothing_changes",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [external_average("queue", "10")]}),
        )
        .then(fleet(3).into_iter().chain([external("queue", &["30"])]), 8),
    ]
}
