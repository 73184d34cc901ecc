//! Specs of HPAs: targets, metrics and behaviour.
//!
//! Not always what the API server would accept, but what its controller survives: pointers that defaulting fills are
//! there, and a metric has the source that its type names.
//!
//! **Invariant:** every quantity can be parsed.

use serde_json::{Value, json};

use super::draw::Draw;

/// Texts of quantities on which arithmetic turns.
const QUANTITIES: [&str; 33] = [
    "1",
    "2",
    "10",
    "100",
    "1k",
    "500m",
    "1m",
    "1500u",
    "100n",
    "2k",
    "1M",
    "1G",
    "1Gi",
    "100Mi",
    "0.5",
    "1.5Gi",
    "1e3",
    "3e-1",
    "9Ei",
    "8Ei",
    "7Ei",
    "10P",
    "1E",
    "9223372036854775",
    "9223372036854776",
    "9223372036854775807",
    "9223372036854775807m",
    "2147483647",
    "2147483648",
    "4611686018427387904",
    "0",
    "-1",
    "0.0001",
];

const TOLERANCES: [&str; 13] =
    ["0", "0.1", "100m", "0.05", "5e-2", "0.2", "0.01", "0.25", "1", "2", "10n", "0.0999999999", "333333u"];

/// A quantity that is a target.
fn quantity(draw: &mut Draw<'_>) -> String {
    match draw.below(8) {
        0 => draw.pick(&QUANTITIES).to_owned(),
        1 => any_quantity(draw),
        2 => format!("{}m", draw.milli()),
        3 => draw.between(1, 100).to_string(),
        _ => draw.pick(&["100m", "500m", "1", "2", "5", "10", "30", "100", "64Mi", "1k"]).to_owned(),
    }
}

/// Any number of digits, before and behind the point, with any suffix: far beyond an `int64`, and below a billionth.
fn any_quantity(draw: &mut Draw<'_>) -> String {
    let mut text = draw.pick(&["", "", "", "", "-", "+"]).to_owned();
    let digits = |draw: &mut Draw<'_>, text: &mut String, most: i64| {
        let count = draw.between(1, most);
        let nines = draw.chance(10);
        for _ in 0..count {
            let digit = if nines { 9 } else { draw.below(10) as u32 };
            text.extend(char::from_digit(digit, 10));
        }
    };
    let most = draw.pick(&[3, 3, 10, 16, 19, 20, 25]);
    digits(draw, &mut text, most);
    if draw.chance(30) {
        text.push('.');
        digits(draw, &mut text, 5);
    }
    text.push_str(draw.pick(&[
        "", "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e0", "e1",
        "e3", "E4", "e5", "e9", "e12", "e18", "E-3", "e-1", "e-9", "e-12", "e+2", "e20",
    ]));
    text
}

fn percent(draw: &mut Draw<'_>) -> i64 {
    match draw.below(20) {
        0 => draw.pick(&[i64::from(i32::MAX), 1_000_000, 0, -1, 1, 2_000_000_000]),
        1..=4 => draw.between(1, 400),
        _ => draw.pick(&[50, 60, 70, 80, 90, 100, 30, 150, 200, 99, 101, 1]),
    }
}

/// A target of the fields that fit, or now and then others.
fn target(draw: &mut Draw<'_>, fields: &[&str]) -> Value {
    let mut target = serde_json::Map::new();
    let wanted = draw.pick(fields);
    let mut add = |draw: &mut Draw<'_>, field: &str| {
        let value = if field == "averageUtilization" { json!(percent(draw)) } else { json!(quantity(draw)) };
        target.insert(field.to_owned(), value);
    };
    if !draw.chance(2) {
        add(draw, wanted);
    }
    if draw.chance(3) {
        let second = draw.pick(&["value", "averageValue", "averageUtilization"]);
        add(draw, second);
    }
    let kind = match wanted {
        "value" => "Value",
        "averageValue" => "AverageValue",
        _ => "Utilization",
    };
    let kind = if draw.chance(3) { draw.pick(&["Value", "AverageValue", "Utilization"]) } else { kind };
    target.insert("type".to_owned(), json!(kind));
    Value::Object(target)
}

/// A metric's name and selector; `at` makes the name unique.
fn identifier(draw: &mut Draw<'_>, at: usize) -> Value {
    let name = format!("{}{at}", draw.pick(&["m", "requests_per_second", "q-", "a%20b", "ü\"x\""]));
    let pair = |key: &str, value: &str| json!({"matchLabels": {key: value}});
    let expression = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    let selector = match draw.below(60) {
        0 => json!({}),
        1 => expression("k", "In", &[]),
        2 => expression("k", "NotIn", &[]),
        3 => expression("k", "Exists", &["v", "<w> \"&\" \\ ü\n"]),
        4 => expression("k", "DoesNotExist", &["v"]),
        5 => expression("k", "Gt", &["1"]),
        6 => expression("a b", "Exists", &[]),
        7 => pair("k", "x y!"),
        8 => pair("-k", "v"),
        9 => expression("k/", "In", &["v"]),
        10 => expression("", "Exists", &[]),
        11 => expression("a b", "In", &["c d", "-"]),
        12 => expression("a/b/c", "NotIn", &["ok", "no t"]),
        13 => expression("EXAMPLE.com/k", "In", &["v"]),
        14 => expression("a b", "Exists", &["c d"]),
        15 => expression(&"k".repeat(64), "In", &["v"]),
        16 => expression("k", "In", &[&"v".repeat(64)]),
        17 | 18 => expression("k", "In", &["x", "y"]),
        19 => expression("k", "NotIn", &["x"]),
        20 => expression("k", "Exists", &[]),
        21..=25 => pair("queue", "mail"),
        26 => json!({"matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["y", "x"]}, {"key": "z", "operator": "Exists"}]}),
        27 => json!({"matchLabels": {"k": ""}}),
        _ => return json!({"name": name}),
    };
    json!({"name": name, "selector": selector})
}

fn metric(draw: &mut Draw<'_>, at: usize) -> Value {
    let resource = draw.pick(&["cpu", "cpu", "cpu", "memory", "memory", "nvidia.com/gpu"]);
    match draw.below(100) {
        0..=29 => json!({"type": "Resource", "resource": {
            "name": resource, "target": target(draw, &["averageUtilization", "averageUtilization", "averageValue"])}}),
        30..=44 => json!({"type": "ContainerResource", "containerResource": {
            "name": resource, "container": draw.pick(&["app", "app", "side", "warm", "ghost"]),
            "target": target(draw, &["averageUtilization", "averageUtilization", "averageValue"])}}),
        45..=59 => json!({"type": "Pods", "pods": {"metric": identifier(draw, at),
            "target": {"type": "AverageValue", "averageValue": quantity(draw)}}}),
        60..=78 => json!({"type": "Object", "object": {"metric": identifier(draw, at),
            "describedObject": {"kind": draw.pick(&["Ingress", "Service", "Namespace"]), "name": "main", "apiVersion": "v1"},
            "target": target(draw, &["value", "averageValue"])}}),
        79..=97 => json!({"type": "External", "external": {"metric": identifier(draw, at),
            "target": target(draw, &["value", "averageValue"])}}),
        _ => json!({"type": draw.pick(&["Custom", "", "a \"b\""])}),
    }
}

fn rules(draw: &mut Draw<'_>, growing: bool) -> Value {
    let mut policies: Vec<Value> = Vec::new();
    for _ in 0..draw.pick(&[1, 1, 1, 2, 2, 3]) {
        let kind = draw.pick(&["Pods", "Percent"]);
        let value = match draw.below(16) {
            0 => draw.pick(&[i64::from(i32::MAX), 1_000_000_000, 1000, 100_000_000]),
            1..=5 => draw.between(1, 200),
            _ if kind == "Pods" => draw.between(1, 10),
            _ => draw.pick(&[100, 50, 10, 1, 200, 33, 900]),
        };
        let period = draw.pick(&[15, 15, 30, 60, 1, 45, 300, 1800]);
        policies.push(json!({"type": kind, "value": value, "periodSeconds": period}));
    }
    let mut rules = json!({
        "selectPolicy": draw.pick(&["Max", "Max", "Max", "Min", "Min", "Disabled"]),
        "policies": policies,
    });
    if growing || draw.chance(60) {
        let window = draw.pick(&[0, 0, 15, 30, 60, 300, 3600, 1]);
        rules["stabilizationWindowSeconds"] = json!(window);
    }
    if draw.chance(20) {
        rules["tolerance"] = json!(draw.pick(&TOLERANCES));
    }
    rules
}

fn behavior(draw: &mut Draw<'_>) -> Option<Value> {
    let plain_up = json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]});
    let plain_down =
        json!({"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]});
    match draw.below(10) {
        0..=3 => None,
        4 => Some(json!({"scaleUp": plain_up, "scaleDown": plain_down})),
        5 => Some(json!({"scaleUp": rules(draw, true), "scaleDown": plain_down})),
        6 => Some(json!({"scaleUp": plain_up, "scaleDown": rules(draw, false)})),
        _ => Some(json!({"scaleUp": rules(draw, true), "scaleDown": rules(draw, false)})),
    }
}

fn bounds(draw: &mut Draw<'_>) -> (Option<i64>, i64) {
    let min = match draw.below(12) {
        0..=2 => None,
        3..=5 => Some(0),
        6..=8 => Some(1),
        9 => Some(draw.size()),
        _ => Some(draw.between(1, 6)),
    };
    let more = match draw.below(10) {
        0 => draw.size(),
        1 => 0,
        _ => draw.between(0, 30),
    };
    let max = min.unwrap_or(1).saturating_add(more).clamp(1, i64::from(i32::MAX));
    (min, max)
}

/// A whole spec.
pub(super) fn spec(draw: &mut Draw<'_>) -> Value {
    let mut spec = json!({"scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}});
    if draw.chance(2) {
        let versions = ["a/b/c", "", "v1", "/", "//", "apps/v1/", "/v1", "a/b/c/d"];
        spec["scaleTargetRef"]["apiVersion"] = json!(draw.pick(&versions));
    }
    set_bounds(draw, &mut spec);
    set_metrics(draw, &mut spec);
    set_behavior(draw, &mut spec);
    spec
}

fn set_bounds(draw: &mut Draw<'_>, spec: &mut Value) {
    let (min, max) = bounds(draw);
    spec["maxReplicas"] = json!(max);
    match min {
        Some(min) => spec["minReplicas"] = json!(min),
        None => drop(spec.as_object_mut().and_then(|spec| spec.remove("minReplicas"))),
    }
}

fn set_metrics(draw: &mut Draw<'_>, spec: &mut Value) {
    let count = match draw.below(50) {
        0 => 0,
        1 => 6,
        2..=27 => 1,
        28..=42 => 2,
        _ => 3,
    };
    spec["metrics"] = (0..count).map(|at| metric(draw, at)).collect();
}

fn set_behavior(draw: &mut Draw<'_>, spec: &mut Value) {
    match behavior(draw) {
        Some(behavior) => spec["behavior"] = behavior,
        None => drop(spec.as_object_mut().and_then(|spec| spec.remove("behavior"))),
    }
}

/// Changes a spec as somebody who edits the object would.
pub(super) fn edit(draw: &mut Draw<'_>, spec: &mut Value) {
    match draw.below(6) {
        0 => set_metrics(draw, spec),
        1 => set_behavior(draw, spec),
        2 => *spec = self::spec(draw),
        _ => set_bounds(draw, spec),
    }
}
