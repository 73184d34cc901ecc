//! Metrics that fail, and numbers at the ends of what can be written.

use plimsoll_testkit::fakes::metrics::RESOURCES;
use serde_json::json;

use super::{cpu_utilization, external_average, pods_average};
use crate::script::{Change, Script, cpu, external, fleet, of_pods, refused};

pub fn all() -> Vec<Script> {
    vec![
        Script::new(
            "one_metric_of_two_that_fails_keeps_the_size_from_falling_but_not_from_rising",
            json!({
                "minReplicas": 1, "maxReplicas": 10,
                "metrics": [external_average("queue", "10"), cpu_utilization(50)],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            }),
        )
        .then(
            fleet(3).into_iter().chain([
                external("queue", &["12"]),
                refused(RESOURCES, 404, "the metrics of pods are not here"),
            ]),
            2,
        )
        .then([external("queue", &["48"])], 2)
        .then([refused("queue", 500, "no queue")], 2)
        .then([cpu(&[("web-1", "20m"), ("web-2", "30m"), ("web-3", "40m")]), external("queue", &["5"])], 2),
        Script::new(
            "a_metric_that_was_never_heard_of_stops_everything_until_it_is_told",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [pods_average("rps", "10")]}),
        )
        .then(fleet(2), 3)
        .then([of_pods("rps", &[])], 1)
        .then([of_pods("rps", &[("web-1", "30"), ("web-2", "25500m")])], 3),
        Script::new(
            "values_beyond_what_fits_ask_for_as_much_as_the_controller_takes_them_for",
            json!({"minReplicas": 1, "maxReplicas": 50, "metrics": [external_average("queue", "1")]}),
        )
        .then(fleet(4).into_iter().chain([external("queue", &["9223372036854775"])]), 1)
        .then([external("queue", &["9223372036854775807m", "1"])], 1)
        .then([external("queue", &["9223372036854776"])], 1)
        .then([external("queue", &["1E"])], 1)
        .then([external("queue", &["100n", "1500u"])], 1)
        .then([external("queue", &["-3"])], 2),
        Script::new(
            "a_selector_of_a_metric_is_told_in_texts_as_go_prints_it",
            json!({"minReplicas": 1, "maxReplicas": 10, "metrics": [{"type": "External", "external": {
                "metric": {"name": "queue", "selector": {
                    "matchLabels": {"b": "2", "a": "1"},
                    "matchExpressions": [{"key": "c", "operator": "In", "values": ["x", "y"]}],
                }},
                "target": {"type": "Value", "value": "10"},
            }}]}),
        )
        .then(fleet(2).into_iter().chain([external("queue", &["13"])]), 2)
        .then([refused("queue", 404, "100% of it is %!gone")], 2)
        .then([external("queue", &["40", "5"])], 1)
        .then([Change::Edit(json!({"metrics": [external_average("queue", "30")]}))], 3),
    ]
}
