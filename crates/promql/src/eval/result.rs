//! What a query gives.
//!
//! **Invariant:** series of a range query are sorted by labels; those of an instant query keep the order in which they
//! came out, which `sort` and `topk` define.

use std::sync::Arc;

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::Labels;

use super::Trace;
use crate::annotations::Annotations;

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// A series at the time of an instant query.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: SampleValue,
}

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub time: i64,
    /// The value.
    pub value: SampleValue,
}

/// A series over time.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSeries {
    /// Its labels.
    pub labels: Labels,
    /// Its samples, ascending by time.
    pub points: Vec<Point>,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, of an instant query.
    Scalar(f64),
    /// Series with one value each, of an instant query.
    Vector(Vec<Sample>),
    /// Series over time.
    Matrix(Vec<RangeSeries>),
    /// A text.
    String(String),
}

/// A result and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The result.
    pub value: Value,
    /// Warnings and infos.
    pub annotations: Annotations,
    /// Most samples that were held at once.
    pub peak_samples: usize,
    /// What was done, if that was asked for.
    pub trace: Option<Trace>,
}
