//! Results as promtool prints them, and as Prometheus' HTTP API encodes them.
//!
//! **Invariant:** a value is printed with every digit that tells it from others.

use std::fmt::Write as _;

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::{Labels, METRIC_NAME, is_plain_name};
use plimsoll_model::quote::quote;
use plimsoll_promql::eval::{Point, Sample, SampleValue, Value};
use plimsoll_promql::syntax::format_value;
use serde_json::json;

/// Lines as promtool prints them: `up{job="a"} => 1 @[1700000000]`. `time` is that of an instant query, in milliseconds.
pub(super) fn text(value: &Value, time: i64) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    match value {
        Value::Scalar(number) => {
            let _ = writeln!(out, "scalar: {} @[{}]", format_value(*number), seconds(time));
        }
        Value::String(text) => {
            let _ = writeln!(out, "{text}");
        }
        Value::Vector(samples) => {
            for Sample { labels, value } in samples {
                let _ = writeln!(out, "{} => {} @[{}]", metric(labels), shown(value), seconds(time));
            }
        }
        Value::Matrix(series) => {
            for series in series {
                let _ = writeln!(out, "{} =>", metric(&series.labels));
                for Point { time, value } in &series.points {
                    let _ = writeln!(out, "{} @[{}]", shown(value), seconds(*time));
                }
            }
        }
    }
    out
}

/// The member `data` of an answer of `/api/v1/query` or `/api/v1/query_range`.
pub(super) fn json(value: &Value, time: i64) -> serde_json::Value {
    let (kind, result) = match value {
        Value::Scalar(number) => ("scalar", json!([stamp(time), format_value(*number)])),
        Value::String(text) => ("string", json!([stamp(time), text])),
        Value::Vector(samples) => ("vector", samples.iter().map(|sample| instant(sample, time)).collect()),
        Value::Matrix(series) => (
            "matrix",
            series
                .iter()
                .map(|series| {
                    let mut value = json!({"metric": labels(&series.labels)});
                    let mut values = Vec::new();
                    let mut histograms = Vec::new();
                    for Point { time, value } in &series.points {
                        match value {
                            SampleValue::Float(number) => {
                                values.push(json!([stamp(*time), format_value(*number)]))
                            }
                            SampleValue::Histogram(found) => {
                                histograms.push(json!([stamp(*time), histogram(found)]))
                            }
                        }
                    }
                    for (name, points) in [("values", values), ("histograms", histograms)] {
                        if !points.is_empty() {
                            value[name] = json!(points);
                        }
                    }
                    value
                })
                .collect(),
        ),
    };
    json!({"resultType": kind, "result": result})
}

fn instant(sample: &Sample, time: i64) -> serde_json::Value {
    let metric = labels(&sample.labels);
    match &sample.value {
        SampleValue::Float(number) => {
            json!({"metric": metric, "value": [stamp(time), format_value(*number)]})
        }
        SampleValue::Histogram(found) => {
            json!({"metric": metric, "histogram": [stamp(time), histogram(found)]})
        }
    }
}

fn labels(labels: &Labels) -> serde_json::Value {
    labels
        .iter()
        .map(|label| (label.name.to_string(), json!(&*label.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn histogram(histogram: &Histogram) -> serde_json::Value {
    let buckets: Vec<serde_json::Value> = histogram
        .all_buckets()
        .into_iter()
        .filter(|bucket| bucket.count != 0.0)
        .map(|bucket| {
            let bounds = match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            };
            json!([
                bounds,
                format_value(bucket.lower),
                format_value(bucket.upper),
                format_value(bucket.count)
            ])
        })
        .collect();
    let mut value = json!({"count": format_value(histogram.count), "sum": format_value(histogram.sum)});
    if !buckets.is_empty() {
        value["buckets"] = json!(buckets);
    }
    value
}

/// Seconds as a JSON number: whole where it is.
fn stamp(time: i64) -> serde_json::Value {
    if time % 1000 == 0 { json!(time / 1000) } else { json!(time as f64 / 1000.0) }
}

fn seconds(time: i64) -> String {
    format_value(time as f64 / 1000.0)
}

/// A time for people.
pub(crate) fn moment(time: i64) -> String {
    jiff::Timestamp::from_millisecond(time).map_or_else(|_| seconds(time), |time| time.to_string())
}

fn shown(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(number) => format_value(*number),
        SampleValue::Histogram(histogram) => histogram.to_string(),
    }
}

/// `name{label="value", other="value"}`.
fn metric(labels: &Labels) -> String {
    let name = labels.get(METRIC_NAME);
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    let mut parts = Vec::new();
    if !plain {
        parts.push(quote(name.as_bytes()));
    }
    for label in labels.iter().filter(|label| *label.name != *METRIC_NAME) {
        let name =
            if is_plain_name(&label.name) { label.name.to_string() } else { quote(label.name.as_bytes()) };
        parts.push(format!("{name}={}", quote(label.value.as_bytes())));
    }
    let bare = if plain { name } else { "" };
    if parts.is_empty() && !bare.is_empty() {
        bare.to_owned()
    } else {
        format!("{bare}{{{}}}", parts.join(", "))
    }
}
