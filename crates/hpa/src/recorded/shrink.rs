//! Smaller sequences that still differ.
//!
//! Not a search for the smallest: it stops when nothing it knows how to leave out is left.
//!
//! **Invariant:** it keeps only what the caller says still differs.

use serde_json::Value;

/// Makes a sequence smaller as long as `differs` holds for it.
pub fn shrink(sequence: Value, mut differs: impl FnMut(&Value) -> bool) -> Value {
    let mut smallest = sequence;
    loop {
        let mut found = false;
        let mut at = 0;
        while let Some(smaller) = nth_smaller(&smallest, at) {
            if playable(&smaller) && differs(&smaller) {
                smallest = smaller;
                found = true;
            } else {
                at += 1;
            }
        }
        if !found {
            return smallest;
        }
    }
}

/// Whether both sides can play it: there is a turn, later turns leave room for the first recommendation, and every
/// metric has an answer.
fn playable(sequence: &Value) -> bool {
    let Some(steps) = sequence["steps"].as_array() else { return false };
    let mut metrics = sequence["hpa"]["spec"]["metrics"].as_array().map_or(0, Vec::len);
    let mut answers = 0;
    let complete = steps.iter().all(|step| {
        metrics = step["hpa"]["spec"]["metrics"].as_array().map_or(metrics, Vec::len);
        answers = step["metrics"].as_array().map_or(answers, Vec::len);
        answers >= metrics
    });
    let apart = steps.iter().skip(1).all(|step| step["advanceSeconds"].as_f64().unwrap_or(0.0) >= 0.002);
    !steps.is_empty() && complete && apart
}

/// The `n`th way to make it smaller.
fn nth_smaller(sequence: &Value, n: usize) -> Option<Value> {
    let mut paths = Vec::new();
    collect(sequence, &mut String::new(), &mut paths);
    // A metric can only be left out everywhere.
    let metrics = sequence["hpa"]["spec"]["metrics"].as_array().map_or(0, Vec::len);
    let edited = sequence["steps"].as_array().into_iter().flatten().any(|step| step.get("hpa").is_some());
    let whole = if edited { 0 } else { metrics };
    if n < whole {
        let mut smaller = sequence.clone();
        smaller["hpa"]["spec"]["metrics"].as_array_mut()?.remove(n);
        for step in smaller["steps"].as_array_mut()? {
            if let Some(answers) = step.get_mut("metrics").and_then(Value::as_array_mut)
                && n < answers.len()
            {
                answers.remove(n);
            }
        }
        return Some(smaller);
    }
    let (pointer, key) = paths.get(n - whole)?;
    let mut smaller = sequence.clone();
    match smaller.pointer_mut(pointer)? {
        Value::Array(list) => drop(list.remove(key.parse().ok()?)),
        Value::Object(map) => drop(map.remove(key)),
        _ => {}
    }
    Some(smaller)
}

/// What may be left out; without anything else a sequence means something new.
const REMOVABLE: [&str; 23] = [
    "behavior",
    "tolerance",
    "minReplicas",
    "status",
    "restart",
    "hpa",
    "statusUpdateError",
    "updateErrors",
    "regetReplicas",
    "initContainers",
    "podLevelRequestsMilli",
    "overheadMilli",
    "observedGeneration",
    "deleting",
    "noStartTime",
    "noReadyCondition",
    "labels",
    "lastScaleT",
    "HPAConfigurableTolerance",
    "HPAScaleToZero",
    "HPAGeneration",
    "PodLevelResources",
    "windowSeconds",
];

fn collect(value: &Value, pointer: &mut String, paths: &mut Vec<(String, String)>) {
    let length = pointer.len();
    match value {
        Value::Array(list) => {
            if ["/steps", "/pods", "/otherHpas", "/policies", "/conditions", "/updateErrors", "/valuesMilli"]
                .iter()
                .any(|list| pointer.ends_with(list))
            {
                paths.extend((0..list.len()).map(|at| (pointer.clone(), at.to_string())));
            }
            for (at, item) in list.iter().enumerate() {
                pointer.push_str(&format!("/{at}"));
                collect(item, pointer, paths);
                pointer.truncate(length);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let part_of_scenario = pointer.is_empty() || pointer == "/hpa/spec" && key != "behavior";
                let condition = pointer.contains("/conditions/");
                if REMOVABLE.contains(&key.as_str()) && !part_of_scenario && !condition {
                    paths.push((pointer.clone(), key.clone()));
                }
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                collect(item, pointer, paths);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}
