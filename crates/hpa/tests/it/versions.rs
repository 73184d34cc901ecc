//! Where versions differ, with the releases that were compared.

use std::sync::Arc;

use plimsoll_hpa::recorded::sequence::replay;
use plimsoll_hpa::{Profile, Sample, Samples, Span, Time};
use serde_json::{Value, json};

fn profile(version: &str) -> Profile {
    Profile::of_version(version).expect("a version that is known")
}

/// One turn of an HPA with one Object metric of an average value.
fn sequence(version: &str, gates: &Value, others: &Value) -> Value {
    json!({
        "id": "ours", "kind": "sequence", "profile": {"version": version, "gates": gates}, "params": {},
        "hpa": {"generation": 1, "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}, "maxReplicas": 9,
            "metrics": [{"type": "Object", "object": {"metric": {"name": "qps"},
                "describedObject": {"kind": "Ingress", "name": "main", "apiVersion": "networking.k8s.io/v1"},
                "target": {"type": "AverageValue", "averageValue": "10"}}}]}},
        "podTemplate": {"phase": "Running"}, "otherHpas": others,
        "steps": [{"scale": {"specReplicas": 3, "statusReplicas": 3, "selector": "app=x"},
            "pods": [{"name": "p"}], "metrics": [{"valueMilli": 30_000}]}],
    })
}

fn turn(version: &str, gates: &Value, others: &Value) -> Value {
    replay(&sequence(version, gates, others)).expect("a sequence").swap_remove(0)
}

/// `computeStatusForObjectMetric` of 1.32.13 and 1.33.13.
#[test]
fn up_to_1_32_the_status_of_an_average_of_an_object_names_no_object() {
    let object = |version| {
        let turn = turn(version, &json!({}), &json!([]));
        turn["status"]["currentMetrics"][0]["object"]["describedObject"].clone()
    };
    assert_eq!(object("1.32"), json!({"kind": "", "name": ""}));
    assert_eq!(
        object("1.33"),
        json!({"kind": "Ingress", "name": "main", "apiVersion": "networking.k8s.io/v1"})
    );
}

/// `getContainerMetrics` of 1.32.13 and 1.33.13.
#[test]
fn up_to_1_32_a_pod_whose_metrics_lack_the_container_fails_all() {
    let pod: Arc<str> = Arc::from("web-1");
    let values = [("side".to_owned(), Sample { milli: 5, time: Time(0), window: Span::seconds(60) })];
    let of_app =
        |version| Samples::of_container(&profile(version), "shop", "app", [(&pod, values.as_slice())]);
    let error = "failed to get container metrics: container app not present in metrics for pod shop/web-1";
    assert_eq!(of_app("1.32"), Err(error.to_owned()));
    assert_eq!(of_app("1.33"), Ok(Samples::default()));
}

/// `HPAsMatchingPods` of both stores (`hpa_selector_store.go`, 1.37.2), and `hpasControllingPodsUnderSelector`.
#[test]
fn rivals_are_named_two_or_all_by_version_and_gate() {
    let others = json!([{"name": "a", "selector": "app=x"}, {"name": "z", "selector": "app in (x, y)"}]);
    let error = |version, gates: Value| turn(version, &gates, &others)["events"][0]["message"].clone();
    let all = "[ns/a ns/h ns/z]";
    assert_eq!(
        error("1.36", json!({})),
        json!(format!("pods by selector app=x are controlled by multiple HPAs: {all}"))
    );
    assert_eq!(
        error("1.37", json!({"HPAOptimizedSelectorStore": false})),
        json!(format!("pods by selector app=x are controlled by more than one HPA (e.g. {all})"))
    );
    assert_eq!(
        error("1.37", json!({})),
        json!("pods by selector app=x are controlled by more than one HPA (e.g. [ns/a ns/h])")
    );
}

/// `field.Error.ErrorBody` of `k8s.io/apimachinery` 0.33.13 and 0.34.4; checked against both controllers.
#[test]
fn up_to_1_33_refused_values_print_in_gos_syntax() {
    let error = |version: &str, operator: &str, values: Value| {
        let mut sequence = sequence(version, &json!({}), &json!([]));
        let metric = &mut sequence["hpa"]["spec"]["metrics"][0]["object"]["metric"];
        metric["selector"] =
            json!({"matchExpressions": [{"key": "k", "operator": operator, "values": values}]});
        replay(&sequence).expect("a sequence")[0]["events"][0]["message"].clone()
    };
    let none = |printed: &str| {
        json!(format!(
            "values: Invalid value: {printed}: for 'in', 'notin' operators, values set can't be empty"
        ))
    };
    assert_eq!(error("1.33", "In", json!([])), none("[]string(nil)"));
    assert_eq!(error("1.34", "In", json!([])), none("null"));
    let some = |printed: &str| {
        json!(format!(
            "values: Invalid value: {printed}: values set must be empty for exists and does not exist"
        ))
    };
    assert_eq!(error("1.33", "Exists", json!(["v", "w"])), some("[]string{\"v\", \"w\"}"));
    assert_eq!(error("1.34", "Exists", json!(["v", "w"])), some("[\"v\",\"w\"]"));
}
