//! What kubectl prints of an HPA, taken from a real kubectl's output.

use plimsoll_hpa::{
    Amount, CurrentValue, Hpa, HpaStatus, MetricIdentifier, MetricStatus, Profile, StatusSource, columns,
    facts,
};
use serde_json::json;

fn hpa() -> Hpa {
    let spec = json!({
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
        "minReplicas": 1, "maxReplicas": 10,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 50}}},
            {"type": "External", "external": {"metric": {"name": "queue"},
                "target": {"type": "Value", "value": "30"}}},
            {"type": "Pods", "pods": {"metric": {"name": "qps"},
                "target": {"type": "AverageValue", "averageValue": "10"}}},
        ],
    });
    let amount = |milli| Some(Amount { milli, binary: false });
    let cpu =
        CurrentValue { average_value: amount(186), average_utilization: Some(93), ..CurrentValue::default() };
    let queue = CurrentValue { value: amount(12_000), ..CurrentValue::default() };
    let metric = MetricIdentifier { name: "queue".into(), selector: None };
    let status = HpaStatus {
        current_replicas: 3,
        desired_replicas: 5,
        current_metrics: vec![
            Some(MetricStatus { source: StatusSource::Resource { name: "cpu".into() }, current: cpu }),
            Some(MetricStatus { source: StatusSource::External { metric }, current: queue }),
            None,
        ],
        ..HpaStatus::default()
    };
    let spec = serde_json::from_value(spec).expect("a spec");
    Hpa { namespace: "ns".into(), name: "web".into(), generation: 1, spec, status }
}

#[test]
fn the_row_shows_two_metrics_and_counts_the_rest() {
    let row = columns(&Profile::newest(), &hpa());
    assert_eq!(row.reference, "Deployment/web");
    assert_eq!(row.targets, "cpu: 93%/50%, 12/30 + 1 more...");
    assert_eq!((row.min_pods.as_str(), row.max_pods, row.replicas), ("1", 10, 3));
    let old = columns(&Profile::of_version("1.29").expect("a version"), &hpa());
    assert_eq!(old.targets, "93%/50%, 12/30 + 1 more...");
}

#[test]
fn the_description_shows_all_metrics_in_order() {
    let facts = facts(&hpa());
    let lines: Vec<_> = facts.metrics.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    assert_eq!(
        lines,
        [
            "resource cpu on pods  (as a percentage of request): 93% (186m) / 50%",
            "\"queue\" (target value): 12 / 30",
            "\"qps\" on pods: <unknown> / 10",
        ]
    );
    assert_eq!((facts.pods.as_str(), facts.min_replicas.as_str()), ("3 current / 5 desired", "1"));
    assert!(facts.behavior.is_empty());
}
