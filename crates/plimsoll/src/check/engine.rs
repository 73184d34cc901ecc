//! The series of a file as a back-end, and the objects that they name as a cluster.
//!
//! **Invariant:** answers come from the file alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use plimsoll_adapter::backend::{Backend, BackendError, QueryResult, Sample, SeriesShape};
use plimsoll_adapter::cluster::{ApiResource, ListError, ObjectMeta, Objects, Scope};
use plimsoll_model::labels::{Labels, METRIC_NAME};
use plimsoll_model::selector::Selector;
use plimsoll_model::series::{SeriesSource, TimeRange};
use plimsoll_promql::eval::{self, Query, SampleValue, Value, When};
use plimsoll_promql::syntax::{self, ast::Expr};

use crate::promql::eval::evaluate;
use crate::series_file::SeriesFile;

/// Answers queries from a file at one time, and remembers them.
pub(super) struct Engine {
    pub file: SeriesFile,
    /// Milliseconds since 1970.
    pub time: i64,
    asked: Mutex<Vec<String>>,
}

impl Engine {
    pub(super) fn new(file: SeriesFile, time: i64) -> Self {
        Self { file, time, asked: Mutex::default() }
    }

    /// The queries since the last call.
    pub(super) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The series that a selector matches; none for what is no selector.
    pub(super) fn select(&self, selector: &str) -> Option<Vec<Labels>> {
        let Ok(Expr::Vector(vector)) = syntax::parse(selector) else { return None };
        let range = TimeRange { start: i64::MIN, end: i64::MAX };
        let source = &self.file.source;
        Some(source.select(&vector.matchers, range).into_iter().map(|id| source.labels(id)).collect())
    }

    /// What the query gives.
    pub(super) fn answer(&self, query: &str) -> Result<QueryResult, BackendError> {
        let rejected =
            |kind: &str, message: String| BackendError::Rejected { kind: kind.to_owned(), message };
        let query = Query::new(query).map_err(|error| rejected("bad_data", error.to_string()))?;
        if !self.file.has_values() {
            return Ok(QueryResult::Vector(Vec::new()));
        }
        let outcome = evaluate(&query, &self.file, When::Instant(self.time))
            .map_err(|error| rejected("execution", error.to_string()))?;
        let time = self.time as f64 / 1000.0;
        Ok(match outcome.value {
            Value::Scalar(value) => QueryResult::Scalar { time, value },
            Value::String(_) => QueryResult::String,
            Value::Matrix(_) => QueryResult::Matrix,
            Value::Vector(samples) => {
                QueryResult::Vector(samples.into_iter().map(|sample| converted(sample, time)).collect())
            }
        })
    }
}

fn converted(sample: eval::Sample, time: f64) -> Sample {
    let pair = |label: &plimsoll_model::labels::Label| ((*label.name).into(), (*label.value).into());
    Sample {
        labels: sample.labels.iter().map(pair).collect(),
        time,
        value: match sample.value {
            SampleValue::Float(value) => Some(value),
            SampleValue::Histogram(_) => None,
        },
    }
}

/// The distinct shapes of series, each at the place of its last series.
pub(super) fn shapes(series: &[Labels]) -> Vec<SeriesShape> {
    let mut last: HashMap<SeriesShape, usize> = HashMap::new();
    for (index, labels) in series.iter().enumerate() {
        let names = labels.iter().map(|label| &label.name).filter(|name| ***name != *METRIC_NAME);
        let labels_of: Vec<Box<str>> = names.map(|name| (**name).into()).collect();
        last.insert(SeriesShape { name: labels.get(METRIC_NAME).into(), labels: labels_of.into() }, index);
    }
    let mut shapes: Vec<(SeriesShape, usize)> = last.into_iter().collect();
    shapes.sort_by_key(|(_, index)| *index);
    shapes.into_iter().map(|(shape, _)| shape).collect()
}

#[async_trait]
impl Backend for Engine {
    async fn query(&self, query: &str, _at: f64, _limit: Duration) -> Result<QueryResult, BackendError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(query.to_owned());
        self.answer(query)
    }

    async fn series(&self, selector: &str, _start: f64, _end: f64) -> Result<Vec<SeriesShape>, BackendError> {
        Ok(shapes(&self.select(selector).unwrap_or_default()))
    }

    fn describe(&self) -> String {
        "the file of series".to_owned()
    }
}

/// The objects that a request is made for.
#[derive(Default)]
pub(super) struct Named(Mutex<Vec<Arc<ObjectMeta>>>);

impl Named {
    pub(super) fn set(&self, namespace: Option<&str>, names: &[&str]) {
        let object = |name: &&str| {
            Arc::new(ObjectMeta {
                namespace: namespace.unwrap_or_default().into(),
                name: (*name).into(),
                labels: Arc::new([]),
            })
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = names.iter().map(object).collect();
    }
}

#[async_trait]
impl Objects for Named {
    async fn list(
        &self,
        _resource: &ApiResource,
        _scope: Scope<'_>,
        _selector: &Selector,
    ) -> Result<Vec<Arc<ObjectMeta>>, ListError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
