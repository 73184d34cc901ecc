//! Smaller sequences that still differ.
//!
//! Not a search for the smallest: it stops when nothing it knows how to leave out is left.
//!
//! **Invariant:** it keeps only what the caller says still differs.

use serde_json::{Value, json};

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
    let (pointer, change) = paths.get(n - whole)?;
    let mut smaller = sequence.clone();
    match change {
        Change::Remove(key) => match smaller.pointer_mut(pointer)? {
            Value::Array(list) => drop(list.remove(key.parse().ok()?)),
            Value::Object(map) => drop(map.remove(key)),
            _ => {}
        },
        Change::Set(value) => *smaller.pointer_mut(pointer)? = value.clone(),
    }
    Some(smaller)
}

enum Change {
    Remove(String),
    Set(Value),
}

/// Keys without which a sequence is no longer one.
const NEEDED: [&str; 28] = [
    "kind",
    "id",
    "profile",
    "params",
    "hpa",
    "spec",
    "generation",
    "steps",
    "maxReplicas",
    "scaleTargetRef",
    "name",
    "type",
    "metric",
    "target",
    "selectPolicy",
    "policies",
    "scaleUp",
    "scaleDown",
    "periodSeconds",
    "value",
    "advanceSeconds",
    "averageValue",
    "averageUtilization",
    "describedObject",
    "apiVersion",
    "pods",
    "podTemplate",
    "stabilizationWindowSeconds",
];

fn collect(value: &Value, pointer: &mut String, paths: &mut Vec<(String, Change)>) {
    let length = pointer.len();
    match value {
        Value::Array(list) => {
            let metrics = pointer.ends_with("/metrics");
            if !metrics {
                paths.extend((0..list.len()).map(|at| (pointer.clone(), Change::Remove(at.to_string()))));
            }
            for (at, item) in list.iter().enumerate() {
                pointer.push_str(&format!("/{at}"));
                collect(item, pointer, paths);
                pointer.truncate(length);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let source = ["resource", "containerResource", "object", "external", "metrics"]
                    .contains(&key.as_str());
                let answers = key == "metrics" && pointer.starts_with("/steps");
                if !NEEDED.contains(&key.as_str()) && (!source || answers) {
                    paths.push((pointer.clone(), Change::Remove(key.clone())));
                }
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                collect(item, pointer, paths);
                pointer.truncate(length);
            }
        }
        Value::Number(number) => {
            let simple = if pointer.ends_with("/advanceSeconds") { 15 } else { 1 };
            if number.as_f64() != Some(f64::from(simple)) && number.as_f64() != Some(0.0) {
                paths.push((pointer.clone(), Change::Set(json!(simple))));
            }
        }
        _ => {}
    }
}
