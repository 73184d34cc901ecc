//! What the reader of recorded lines accepts, supplies and refuses.

use plimsoll_hpa::recorded::{Leniency, check};
use serde_json::{Value, json};

fn reconcile(spec: Value, size: i64, expected: Value) -> Value {
    json!({
        "id": "ours", "kind": "reconcile", "versions": ">=1.33", "namespace": "shop",
        "params": {"hpaScaleToZero": false},
        "hpa": {"spec": spec, "annotations": null, "status": {"currentReplicas": size, "desiredReplicas": size}},
        "scale": {"specReplicas": size, "statusReplicas": size, "selector": "app=web"},
        "pods": [], "metrics": [],
        "history": {"recommendations": [], "recommendationsInitialised": true},
        "expected": expected,
    })
}

fn cpu(min: i64, max: i64) -> Value {
    json!({
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
        "minReplicas": min, "maxReplicas": max, "behavior": null,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 30}}}],
    })
}

fn sequence(step: Value) -> Value {
    json!({
        "id": "ours", "kind": "sequence", "profile": {"version": "1.37", "gates": {}}, "params": {},
        "hpa": {"generation": 1, "spec": cpu(1, 5)}, "podTemplate": {"phase": "Running"}, "steps": [step],
    })
}

#[test]
fn an_old_turn_at_zero_is_given_values_and_a_pod_where_none_are_recorded() {
    let mut spec = cpu(0, 6);
    spec["metrics"].as_array_mut().expect("metrics").push(json!({"type": "CheddarCheese"}));
    let expected = json!({"scaleUpdatedTo": 4, "status": {"desiredReplicas": 4}});
    let mut line = reconcile(spec, 0, expected);
    line["versions"] = json!("<=1.35");
    let checked = check(&line);
    assert_eq!(checked.differences, [""; 0]);
    assert!(checked.leniencies.contains(&Leniency::ValuesAtZero));
    line["versions"] = json!(">=1.36");
    assert!(!check(&line).differences.is_empty(), "a target at zero is paused from 1.36");
}

#[test]
fn a_scale_that_could_not_be_read_may_be_told_by_its_event_alone() {
    let expected = json!({
        "scaleUpdatedTo": null,
        "events": [{"type": "Warning", "reason": "FailedGetScale", "message": "something went wrong"}],
        "status": {"currentReplicas": 3, "desiredReplicas": 3, "currentMetrics": [], "conditions": [
            {"type": "AbleToScale", "status": "False", "reason": "FailedGetScale",
            "message": "the HPA controller was unable to get the target's current scale: something went wrong"}]},
    });
    let mut line = reconcile(cpu(1, 5), 3, expected);
    for scale in
        [json!(null), json!({}), json!({"specReplicas": 3, "statusReplicas": 3, "selector": "app=web"})]
    {
        line["scale"] = scale;
        let checked = check(&line);
        assert_eq!(checked.differences, [""; 0]);
        assert!(checked.leniencies.contains(&Leniency::ScaleError));
    }
    line["scale"] = json!({"error": "something went wrong"});
    let checked = check(&line);
    assert_eq!((checked.differences.len(), checked.leniencies.len()), (0, 0));
}

#[test]
fn a_masked_name_of_a_pod_leaves_the_rest_of_the_text_compared() {
    let text = |what: &str, pod: &str| format!("failed to get cpu utilization: {what}{pod}");
    let line = |recorded: String| {
        let expected = json!({"events": [
            {"type": "Warning", "reason": "FailedGetResourceMetric", "message": recorded},
            {"type": "Warning", "reason": "FailedComputeMetricsReplicas", "message": format!(
                "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {recorded}")},
        ]});
        let mut line = reconcile(cpu(1, 5), 2, expected);
        line["pods"] = json!([{"name": "web-a.1", "phase": "Running", "ready": "True", "startT": null,
            "readyTransitionT": null, "containers": [{"name": "app", "requestsMilli": {}}]}]);
        line["metrics"] = json!([{"kind": "resource", "name": "cpu", "pods": {"web-a.1": 10}}]);
        line["maskPodName"] = json!(true);
        line
    };
    let checked = check(&line(text("missing request for cpu in container app of Pod ", "web-b")));
    assert_eq!(checked.differences, [""; 0]);
    assert_eq!(checked.leniencies, [Leniency::PodName, Leniency::Labels]);
    let other = check(&line(text("missing request for memory in container app of Pod ", "web-b")));
    assert_eq!(other.differences.len(), 2);
}

#[test]
fn a_field_that_is_expected_and_not_known_is_a_difference() {
    let turn = reconcile(cpu(1, 5), 9, json!({"scaleUpdatedTo": 5, "weather": "fine"}));
    let status = reconcile(cpu(1, 5), 9, json!({"status": {"desiredReplicas": 5, "weather": "fine"}}));
    let part = json!({"id": "ours", "kind": "toleranceBoundary", "current": 55, "target": 50, "tolerance": 0.1,
        "expected": {"withinFrom1.33": true, "withinUpTo1.32": false, "weather": "fine"}});
    let mut steps = sequence(json!({"scale": {"specReplicas": 9, "statusReplicas": 9, "selector": "app=x"}}));
    let ours = plimsoll_hpa::recorded::sequence::replay(&steps).expect("a sequence");
    steps["steps"][0]["expected"] = ours[0].clone();
    assert_eq!(check(&steps).differences, [""; 0]);
    steps["steps"][0]["expected"]["weather"] = json!("fine");
    for line in [turn, status, part, steps] {
        let differences = check(&line).differences;
        assert!(differences.len() == 1 && differences[0].contains("weather"), "{differences:?}");
    }
}

#[test]
fn a_line_that_expects_nothing_is_a_failure() {
    let nothing = [
        reconcile(cpu(1, 5), 3, json!({})),
        sequence(json!({})),
        json!({"kind": "sequence", "profile": {}, "hpa": {"generation": 1, "spec": cpu(1, 5)}, "steps": []}),
        json!({"kind": "unheard of", "expected": {}}),
    ];
    for line in nothing {
        assert!(!check(&line).differences.is_empty(), "{line}");
    }
}

#[test]
fn null_is_an_absent_field_and_what_is_malformed_is_named() {
    let scale = json!({"specReplicas": 9, "statusReplicas": null, "selector": "app=x", "updateErrors": null,
        "regetReplicas": null, "mappingError": null, "error": null});
    let mut line =
        sequence(json!({"advanceSeconds": null, "hpa": null, "scale": scale, "pods": null, "metrics": [{}]}));
    line["otherHpas"] = json!(null);
    line["hpa"]["status"] = json!({"currentReplicas": 2.0, "lastScaleT": null, "conditions": [
        {"type": "AbleToScale", "status": "True", "reason": "", "message": "", "t": null}]});
    assert!(plimsoll_hpa::recorded::sequence::replay(&line).is_ok());
    line["steps"][0]["scale"]["specReplicas"] = json!(9_000_000_000_i64);
    let differences = check(&line).differences;
    assert!(differences[0].starts_with("step 0: specReplicas: 9000000000"), "{differences:?}");
}

#[test]
fn a_call_of_the_calculator_fails_in_its_words() {
    let line = |call: &str, metric: Value, expected: &str| {
        json!({
            "id": "ours", "kind": "replicaCalc", "versions": ">=1.33", "call": call, "params": {"tolerance": 0.1},
            "currentReplicas": 3, "pods": [], "metrics": [metric], "targetMilli": 1000, "resource": "",
            "expected": {"errorContains": expected},
        })
    };
    let service = json!({"kind": "Service", "name": "web"});
    for line in [
        line(
            "objectValue",
            json!({"kind": "object", "name": "qps", "object": service, "valueMilli": 9000}),
            "unable to calculate ready pods: no pods returned by selector",
        ),
        line(
            "objectAverageValue",
            json!({"kind": "object", "name": "qps", "object": service, "error": "boom"}),
            "unable to get metric qps on Service test-namespace/web: boom",
        ),
        line(
            "podsAverageValue",
            json!({"kind": "pods", "name": "qps", "error": "boom"}),
            "unable to get metric qps: boom",
        ),
        line(
            "podsAverageValue",
            json!({"kind": "pods", "name": "qps", "pods": {}}),
            "no pods returned by selector",
        ),
    ] {
        assert_eq!(check(&line).differences, [""; 0], "{line}");
    }
}

#[test]
fn groups_of_pods_are_sets() {
    let pod = |name: &str| json!({"name": name, "phase": "Pending"});
    let line = json!({
        "id": "ours", "kind": "group_pods", "versions": "all", "resource": "cpu", "params": {}, "metrics": [],
        "pods": [pod("hume"), pod("bentham"), pod("epicurus")],
        "expected": {"readyPodCount": 0, "unready": ["hume", "epicurus", "bentham"], "missing": [], "ignored": []},
    });
    assert_eq!(check(&line).differences, [""; 0]);
}
