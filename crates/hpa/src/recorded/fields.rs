//! Which fields of a recorded line are read.
//!
//! Not a check of values: those fail where they are read. What stands in `expected` is compared as a whole, so that a
//! field there that nobody knows is a difference.
//!
//! **Invariant:** a field that is not named here has no influence on the decision, and is reported.

use serde_json::Value;

use self::Shape::{Any, List, Object};

/// What may stand in a place.
enum Shape {
    /// Read as a whole, or known to say nothing about the decision.
    Any,
    /// An object of these fields.
    Object(&'static [(&'static str, Shape)]),
    /// A list of these.
    List(&'static Shape),
}

const IDENTIFIER: Shape = Object(&[
    ("name", Any),
    (
        "selector",
        Object(&[
            ("matchLabels", Any),
            ("matchExpressions", List(&Object(&[("key", Any), ("operator", Any), ("values", Any)]))),
        ]),
    ),
]);

const TARGET: Shape =
    Object(&[("type", Any), ("value", Any), ("averageValue", Any), ("averageUtilization", Any)]);

const REFERENCE: Shape = Object(&[("kind", Any), ("name", Any), ("apiVersion", Any)]);

const METRIC: Shape = Object(&[
    ("type", Any),
    ("resource", Object(&[("name", Any), ("target", TARGET)])),
    ("containerResource", Object(&[("name", Any), ("container", Any), ("target", TARGET)])),
    ("pods", Object(&[("metric", IDENTIFIER), ("target", TARGET)])),
    ("object", Object(&[("metric", IDENTIFIER), ("describedObject", REFERENCE), ("target", TARGET)])),
    ("external", Object(&[("metric", IDENTIFIER), ("target", TARGET)])),
]);

const POLICIES: Shape = List(&Object(&[("type", Any), ("value", Any), ("periodSeconds", Any)]));

const RULES: Shape = Object(&[
    ("stabilizationWindowSeconds", Any),
    ("selectPolicy", Any),
    ("policies", POLICIES),
    ("tolerance", Any),
]);

const SPEC: Shape = Object(&[
    ("scaleTargetRef", REFERENCE),
    ("minReplicas", Any),
    ("maxReplicas", Any),
    ("metrics", List(&METRIC)),
    ("behavior", Object(&[("scaleUp", RULES), ("scaleDown", RULES)])),
]);

const STATUS: Shape = Object(&[
    ("currentReplicas", Any),
    ("desiredReplicas", Any),
    ("observedGeneration", Any),
    ("lastScaleT", Any),
    (
        "conditions",
        List(&Object(&[("type", Any), ("status", Any), ("reason", Any), ("message", Any), ("t", Any)])),
    ),
]);

const CONTAINERS: Shape = List(&Object(&[("name", Any), ("requestsMilli", Any), ("restartPolicy", Any)]));

const POD: Shape = Object(&[
    ("name", Any),
    ("labels", Any),
    ("phase", Any),
    ("deleting", Any),
    ("ready", Any),
    ("readyTransitionT", Any),
    ("startT", Any),
    ("noStartTime", Any),
    ("noReadyCondition", Any),
    ("containers", CONTAINERS),
    ("initContainers", CONTAINERS),
    ("podLevelRequestsMilli", Any),
    ("overheadMilli", Any),
]);

const ANSWER: Shape = Object(&[
    ("error", Any),
    ("pods", Any),
    ("valueMilli", Any),
    ("valuesMilli", Any),
    ("t", Any),
    ("windowSeconds", Any),
    // Which call it was, in single turns.
    ("kind", Any),
    ("name", Any),
    ("container", Any),
    ("selector", Any),
    ("object", Any),
]);

const PARAMS: Shape = Object(&[
    ("tolerance", Any),
    ("toleranceUp", Any),
    ("toleranceDown", Any),
    ("downscaleStabilizationSeconds", Any),
    ("cpuInitializationPeriodSeconds", Any),
    ("initialReadinessDelaySeconds", Any),
    ("scaleUpLimitFactor", Any),
    ("scaleUpLimitMinimum", Any),
    ("hpaScaleToZero", Any),
]);

const OTHERS: Shape = List(&Object(&[("name", Any), ("selector", Any)]));

const RECOMMENDATIONS: Shape = List(&Object(&[("replicas", Any), ("t", Any)]));

const SCALE_EVENTS: Shape = List(&Object(&[("change", Any), ("t", Any), ("outdated", Any)]));

const SEQUENCE: Shape = Object(&[
    ("id", Any),
    ("kind", Any),
    ("family", Any),
    ("profile", Object(&[("version", Any), ("gates", Any)])),
    ("params", PARAMS),
    ("hpa", Object(&[("generation", Any), ("spec", SPEC), ("status", STATUS)])),
    ("podTemplate", POD),
    ("otherHpas", OTHERS),
    ("steps", List(&STEP)),
]);

const STEP: Shape = Object(&[
    ("advanceSeconds", Any),
    ("restart", Any),
    ("hpa", Object(&[("generation", Any), ("spec", SPEC)])),
    (
        "scale",
        Object(&[
            ("specReplicas", Any),
            ("statusReplicas", Any),
            ("selector", Any),
            ("error", Any),
            ("mappingError", Any),
            ("updateErrors", List(&Object(&[("code", Any), ("message", Any)]))),
            // What the scale shows when it is read again changes nothing.
            ("regetReplicas", Any),
        ]),
    ),
    ("pods", List(&POD)),
    ("metrics", List(&ANSWER)),
    ("statusUpdateError", Any),
    ("expected", Any),
]);

const RECONCILE: Shape = Object(&[
    ("id", Any),
    ("kind", Any),
    ("name", Any),
    ("namespace", Any),
    ("versions", Any),
    ("source", Any),
    ("note", Any),
    ("params", PARAMS),
    ("hpa", Object(&[("spec", SPEC), ("annotations", Any), ("status", STATUS)])),
    ("scale", Object(&[("specReplicas", Any), ("statusReplicas", Any), ("selector", Any), ("error", Any)])),
    ("pods", List(&POD)),
    ("metrics", List(&ANSWER)),
    ("otherHpas", OTHERS),
    (
        "history",
        Object(&[
            ("recommendations", RECOMMENDATIONS),
            ("recommendationsInitialised", Any),
            ("scaleUpEvents", SCALE_EVENTS),
            ("scaleDownEvents", SCALE_EVENTS),
        ]),
    ),
    ("maskMessage", Any),
    ("maskPodName", Any),
    ("reconcileError", Any),
    ("expected", Any),
]);

/// Fields of all calls of single parts together.
const PART: Shape = Object(&[
    ("id", Any),
    ("kind", Any),
    ("name", Any),
    ("versions", Any),
    ("source", Any),
    ("note", Any),
    ("call", Any),
    ("appliesTo", Any),
    ("params", PARAMS),
    ("pods", List(&POD)),
    ("pod", POD),
    ("podLevelResourcesGate", Any),
    ("metrics", List(&ANSWER)),
    ("resource", Any),
    ("container", Any),
    ("targetMilli", Any),
    ("targetUtilizationPercent", Any),
    ("currentReplicas", Any),
    ("desiredReplicas", Any),
    ("minReplicas", Any),
    ("maxReplicas", Any),
    ("scaleUp", RULES),
    ("scaleDown", RULES),
    ("scaleUpEvents", SCALE_EVENTS),
    ("scaleDownEvents", SCALE_EVENTS),
    ("recommendations", RECOMMENDATIONS),
    ("downscaleStabilizationSeconds", Any),
    ("scaleUpStabilizationSeconds", Any),
    ("scaleDownStabilizationSeconds", Any),
    ("scaleUpLimitFactor", Any),
    ("scaleUpLimitMinimum", Any),
    ("policies", POLICIES),
    ("previousEvents", SCALE_EVENTS),
    ("replicaChange", Any),
    ("current", Any),
    ("target", Any),
    ("tolerance", Any),
    ("expected", Any),
]);

/// The fields of a line that nobody reads, each by its path.
pub(super) fn unread(kind: &str, case: &Value) -> Vec<String> {
    let shape = match kind {
        "sequence" => &SEQUENCE,
        "reconcile" => &RECONCILE,
        _ => &PART,
    };
    let mut unread = Vec::new();
    collect(shape, case, "", &mut unread);
    unread
}

fn collect(shape: &Shape, value: &Value, path: &str, unread: &mut Vec<String>) {
    match (shape, value) {
        (Object(fields), Value::Object(map)) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match fields.iter().find(|(name, _)| name == key) {
                    Some((_, shape)) => collect(shape, value, &path, unread),
                    None => unread.push(path),
                }
            }
        }
        (List(shape), Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                collect(shape, item, &format!("{path}[{at}]"), unread);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_nobody_reads_is_named_with_its_place() {
        let line =
            json!({"kind": "sequence", "steps": [{}, {"pods": [{"name": "p", "node": "a"}], "weather": 1}]});
        assert_eq!(unread("sequence", &line), ["steps[1].pods[0].node", "steps[1].weather"]);
        assert_eq!(unread("reconcile", &json!({"scale": {"uid": "1"}})), ["scale.uid"]);
        assert!(unread("group_pods", &json!({"pods": [], "resource": "cpu"})).is_empty());
    }
}
