//! What an engine says to a query, in a form that both sides have, and how two of them differ.
//!
//! **Invariant:** floats are compared by their bits, but for NaN, which has one form, and for what
//! [`super::compare::Precision`] allows.

use std::collections::BTreeMap;

use plimsoll_model::histogram::{Histogram, ResetHint};
use plimsoll_model::labels::Labels;
use plimsoll_model::series::SeriesSource;
use plimsoll_promql::annotations::Level;
use plimsoll_promql::eval::{EvalError, Options, Query, SampleValue, Stop, Value, When};
use serde::{Deserialize, Serialize};

/// An answer. Printing of the query, and then a refusal, a failure or a result.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The query in its normal form.
    pub printed: String,
    pub refused: Option<Refusal>,
    /// Why the evaluation failed.
    pub failed: String,
    /// `scalar`, `vector`, `matrix`, `string`, or nothing.
    pub kind: String,
    /// The value of a string.
    pub text: String,
    pub result: Vec<Series>,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

/// Bytes of the query, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Refusal {
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// A series: values are bits in hexadecimal; those of rows in `histograms` mean nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    pub labels: Vec<(String, String)>,
    pub times: Vec<i64>,
    pub values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: BTreeMap<String, Native>,
}

/// A native histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Native {
    pub schema: i32,
    pub threshold: String,
    pub zero: String,
    pub count: String,
    pub sum: String,
    /// Index and count.
    pub positive: Vec<(String, String)>,
    pub negative: Vec<(String, String)>,
    pub bounds: Vec<String>,
    pub hint: u8,
}

fn bits(value: f64) -> String {
    format!("{:x}", value.to_bits())
}

/// The number that the bits mean.
pub fn number(bits: &str) -> f64 {
    u64::from_str_radix(bits, 16).map_or(f64::NAN, f64::from_bits)
}

impl Native {
    fn new(of: &Histogram, with_empty: bool) -> Self {
        let side = |entries: &mut dyn Iterator<Item = (i32, f64)>| {
            entries
                .filter(|(_, count)| with_empty || *count != 0.0)
                .map(|(index, count)| (index.to_string(), bits(count)))
                .collect()
        };
        Self {
            schema: of.schema,
            threshold: bits(of.zero_threshold),
            zero: bits(of.zero_count),
            count: bits(of.count),
            sum: bits(of.sum),
            positive: side(&mut of.positive_entries()),
            negative: side(&mut of.negative_entries()),
            bounds: of.custom_bounds.iter().map(|bound| bits(*bound)).collect(),
            hint: match of.reset_hint {
                ResetHint::Unknown => 0,
                ResetHint::Reset => 1,
                ResetHint::NotReset => 2,
                ResetHint::Gauge => 3,
            },
        }
    }
}

impl Series {
    fn new(labels: &Labels) -> Self {
        let labels = labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect();
        Self { labels, ..Self::default() }
    }

    fn push(&mut self, time: i64, value: &SampleValue) {
        let value = match value {
            SampleValue::Float(value) => *value,
            SampleValue::Histogram(histogram) => {
                self.histograms.insert(self.times.len().to_string(), Native::new(histogram, false));
                0.0
            }
        };
        self.times.push(time);
        self.values.push(bits(value));
    }

    /// The name and the labels, as they are written.
    pub fn shown_labels(&self) -> String {
        Labels::from_pairs(self.labels.iter().map(|(name, value)| (name, value))).to_string()
    }
}

/// Everything in a source, as it is sent to the other side.
pub fn everything(source: &dyn SeriesSource) -> Vec<Series> {
    use plimsoll_model::series::TimeRange;
    let all = TimeRange { start: i64::MIN, end: i64::MAX };
    let ids = source.select(&[], all);
    let mut found: Vec<Series> = ids.iter().map(|id| Series::new(&source.labels(*id))).collect();
    source.read(&ids, all, &mut |at, columns| {
        let series = &mut found[at];
        series.times = columns.timestamps.to_vec();
        series.values = columns.values.iter().map(|value| bits(*value)).collect();
        series.starts = columns.starts.to_vec();
        series.histograms = columns
            .histograms
            .iter()
            .map(|(row, histogram)| (row.to_string(), Native::new(histogram, true)))
            .collect();
        true
    });
    found
}

/// What our engine says.
pub fn ours(source: &dyn SeriesSource, text: &str, when: Option<When>) -> Answer {
    let query = match Query::new(text) {
        Ok(query) => query,
        Err(error) => {
            let (start, end) = (error.span.start, error.span.end);
            let refused = Some(Refusal { start, end, message: error.message });
            return Answer { refused, ..Answer::default() };
        }
    };
    let mut answer = Answer { printed: query.expr().to_string(), ..Answer::default() };
    let Some(when) = when else { return answer };
    let outcome = match query.evaluate(source, when, &Options::default(), Stop::default()) {
        Ok(outcome) => outcome,
        Err(EvalError::Parse(error)) => {
            let (start, end) = (error.span.start, error.span.end);
            answer.refused = Some(Refusal { start, end, message: error.message });
            return answer;
        }
        Err(error) => {
            answer.failed = error.to_string();
            return answer;
        }
    };
    for annotation in outcome.annotations.iter() {
        let list = if annotation.level == Level::Warning { &mut answer.warnings } else { &mut answer.infos };
        list.push(annotation.shown(text));
    }
    answer.warnings.sort();
    answer.infos.sort();
    let at = match when {
        When::Instant(at) => at,
        When::Range { .. } => 0,
    };
    let kind = match outcome.value {
        Value::Scalar(value) => {
            let mut series = Series::default();
            series.push(at, &SampleValue::Float(value));
            answer.result.push(series);
            "scalar"
        }
        Value::String(text) => {
            answer.text = text;
            "string"
        }
        Value::Vector(samples) => {
            answer.result.extend(samples.iter().map(|sample| {
                let mut series = Series::new(&sample.labels);
                series.push(at, &sample.value);
                series
            }));
            "vector"
        }
        Value::Matrix(found) => {
            answer.result.extend(found.iter().map(|found| {
                let mut series = Series::new(&found.labels);
                found.points.iter().for_each(|point| series.push(point.time, &point.value));
                series
            }));
            "matrix"
        }
    };
    answer.kind = kind.to_owned();
    answer
}
