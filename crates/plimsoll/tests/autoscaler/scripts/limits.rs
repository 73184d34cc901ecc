//! What limits a proposal: windows, policies, tolerances, sizes.

use serde_json::json;

use super::{external_average, service};
use crate::script::{Change, Script, external, fleet, object};

pub fn all() -> Vec<Script> {
    vec![
        Script::new(
            "a_queue_that_flaps_is_followed_up_at_once_and_down_after_the_window_of_the_controller",
            json!({"minReplicas": 1, "maxReplicas": 20, "metrics": [external_average("queue", "10")]}),
        )
        .then(fleet(2).into_iter().chain([external("queue", &["35"])]), 2)
        .then([Change::Counted(4), external("queue", &["10"])], 1)
        .then([external("queue", &["150", "10"])], 2)
        .then([external("queue", &["5"])], 5),
        Script::new(
            "without_behavior_a_turn_at_most_doubles_the_size_or_reaches_four",
            json!({"minReplicas": 1, "maxReplicas": 30, "metrics": [external_average("queue", "1")]}),
        )
        .then(fleet(1).into_iter().chain([external("queue", &["1k"])]), 6)
        .then([external("queue", &["100m"])], 2),
        Script::new(
            "policies_remember_what_was_added_and_removed_in_their_period",
            json!({
                "minReplicas": 1, "maxReplicas": 40, "metrics": [external_average("queue", "1")],
                "behavior": {
                    "scaleUp": {"policies": [
                        {"type": "Pods", "value": 2, "periodSeconds": 5},
                        {"type": "Percent", "value": 50, "periodSeconds": 3},
                    ]},
                    "scaleDown": {"stabilizationWindowSeconds": 0, "policies": [
                        {"type": "Percent", "value": 30, "periodSeconds": 3},
                    ]},
                },
            }),
        )
        .then(fleet(3).into_iter().chain([external("queue", &["40"])]), 5)
        .then([external("queue", &["1"])], 5),
        Script::new(
            "the_smallest_policy_counts_if_so_chosen_and_a_direction_can_be_closed",
            json!({
                "minReplicas": 2, "maxReplicas": 40, "metrics": [external_average("queue", "1")],
                "behavior": {
                    "scaleUp": {"selectPolicy": "Min", "policies": [
                        {"type": "Pods", "value": 3, "periodSeconds": 3},
                        {"type": "Percent", "value": 200, "periodSeconds": 5},
                    ]},
                    "scaleDown": {"selectPolicy": "Disabled"},
                },
            }),
        )
        .then(fleet(4).into_iter().chain([external("queue", &["40"])]), 4)
        .then([external("queue", &["1"])], 2)
        .then([Change::Edit(json!({"behavior": {"scaleDown": {"selectPolicy": "Max"}}}))], 3),
        Script::new(
            "windows_of_both_directions_hold_the_last_recommendations",
            json!({
                "minReplicas": 1, "maxReplicas": 40, "metrics": [external_average("queue", "1")],
                "behavior": {
                    "scaleUp": {"stabilizationWindowSeconds": 5},
                    "scaleDown": {"stabilizationWindowSeconds": 7},
                },
            }),
        )
        .then(fleet(5).into_iter().chain([external("queue", &["5"])]), 2)
        .then([external("queue", &["9"])], 3)
        .then([external("queue", &["2"])], 1)
        .then([external("queue", &["12"])], 2)
        .then([external("queue", &["3"])], 5),
        Script::new(
            "tolerances_of_the_hpa_count_for_each_direction_and_to_the_edge",
            json!({
                "minReplicas": 1, "maxReplicas": 40,
                "metrics": [service("rps", &json!({"type": "AverageValue", "averageValue": "100"}))],
                "behavior": {
                    "scaleUp": {"tolerance": "250m"},
                    "scaleDown": {"tolerance": "0", "stabilizationWindowSeconds": 0},
                },
            }),
        )
        .then(fleet(4).into_iter().chain([object("rps", "500")]), 1)
        .then([object("rps", "500001m")], 1)
        .then([Change::Counted(6), object("rps", "600")], 1)
        .then([object("rps", "499999m")], 1)
        .then([Change::Counted(5), Change::Edit(json!({"behavior": {"scaleUp": {"tolerance": null}}}))], 1)
        .then([object("rps", "550")], 1)
        .then([object("rps", "550001m")], 2),
        Script::new(
            "sizes_outside_the_limits_are_brought_back_without_a_look_at_metrics",
            json!({"minReplicas": 2, "maxReplicas": 6, "metrics": [external_average("queue", "10")]}),
        )
        .then(fleet(3).into_iter().chain([external("queue", &["30"])]), 2)
        .then([Change::Size(9)], 2)
        .then([Change::Size(1)], 2)
        .then([Change::Edit(json!({"minReplicas": 4}))], 2)
        .then([external("queue", &["100"])], 2)
        .then([Change::Edit(json!({"minReplicas": 1, "maxReplicas": 3}))], 2),
    ]
}
