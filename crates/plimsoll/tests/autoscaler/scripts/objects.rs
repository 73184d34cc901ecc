//! The target and other objects: deleted, touched, claimed by two.

use serde_json::json;

use super::{external_average, service};
use crate::script::{Change, Script, external, fleet, object};

pub fn all() -> Vec<Script> {
    vec![
        Script::new(
            "a_target_that_was_deleted_is_reported_and_taken_up_again",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [external_average("queue", "10")]}),
        )
        .then(fleet(2).into_iter().chain([external("queue", &["35"])]), 2)
        .then([Change::DeleteTarget], 3)
        .then([Change::CreateTarget], 3),
        Script::new(
            "a_target_that_somebody_else_writes_is_written_again",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [external_average("queue", "10")]}),
        )
        .then(fleet(2).into_iter().chain([external("queue", &["20"])]), 2)
        .then([external("queue", &["45"]), Change::Touch], 2)
        .then([external("queue", &["80"]), Change::Touch], 3),
        Script::new(
            "pods_that_two_hpas_claim_stop_the_scaling",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [external_average("queue", "10")]}),
        )
        .then(fleet(2).into_iter().chain([external("queue", &["35"])]), 2)
        .then([Change::Rival("other")], 2)
        .then([external("queue", &["60"])], 1)
        .then([Change::Rival("web")], 3),
        Script::new(
            "a_value_of_an_object_counts_ready_pods_and_an_average_counts_those_that_the_target_reports",
            json!({
                "minReplicas": 1, "maxReplicas": 20,
                "metrics": [
                    service("total", &json!({"type": "Value", "value": "100"})),
                    service("share", &json!({"type": "AverageValue", "averageValue": "10"})),
                ],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 3}},
            }),
        )
        .then(fleet(4).into_iter().chain([object("total", "150"), object("share", "41")]), 2)
        .then([Change::Counted(7)], 2)
        .then([object("total", "105"), object("share", "75500m")], 2)
        .then([object("share", "5"), object("total", "10")], 4),
    ]
}
