//! What the rules need from a server that answers PromQL, whichever it is.
//!
//! **Invariant:** implementations bound the time and the size of each answer.

use std::time::Duration;

use async_trait::async_trait;

/// One value of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Label pairs in the order of the answer, `__name__` included when present.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// Unix time in seconds.
    pub time: f64,
    /// The value; `None` for a native histogram, which has no single value.
    pub value: Option<f64>,
}

impl Sample {
    /// The value of label `name`, if the sample carries it.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }
}

/// The result of an instant query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryResult {
    /// Samples in the order of the answer.
    Vector(Vec<Sample>),
    /// A number without labels; `time` is Unix seconds.
    Scalar { time: f64, value: f64 },
    /// A range vector, which no metrics API can carry.
    Matrix,
    /// A string, which no metrics API can carry.
    String,
}

/// A distinct shape among the series that a selector matched.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesShape {
    /// The metric name; empty when the series has none.
    pub name: Box<str>,
    /// Sorted label names, without `__name__`.
    pub labels: std::sync::Arc<[Box<str>]>,
}

/// Why a back-end gave no result. `Display` is written for the person reading the log or
/// `kubectl describe hpa`; it never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// No connection, or it broke.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable { server: String, reason: String },
    /// No answer within the time allowed.
    #[error("{server} did not answer within {limit:?}")]
    Timeout { server: String, limit: Duration },
    /// The server refused the request in Prometheus' own error format.
    #[error("{kind}: {message}")]
    Rejected { kind: String, message: String },
    /// Something answered that is not a Prometheus API; `what` describes it
    /// (`HTML page titled "Sign in"`, `Prometheus exposition text: an exporter`).
    #[error("{server} answered with HTTP {status}, but not as a Prometheus API does: {what}")]
    NotPrometheus { server: String, status: u16, what: String },
    /// The answer is larger than this process is willing to hold.
    #[error("the answer of {server} exceeds {limit} bytes")]
    TooLarge { server: String, limit: u64 },
    /// The list of series has more distinct shapes than this process is willing to hold.
    #[error(
        "{server} lists more than {limit} kinds of series (metric names with their sets of labels): narrow the seriesQuery"
    )]
    TooManyShapes { server: String, limit: usize },
    /// Credentials or certificates for the server could not be read.
    #[error("{0}")]
    Credentials(String),
}

/// A server that evaluates PromQL and lists series.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Evaluates `query` at Unix time `at` (seconds), giving up after `limit`.
    async fn query(&self, query: &str, at: f64, limit: Duration) -> Result<QueryResult, BackendError>;

    /// Lists the distinct shapes of the series that match `selector` and were seen between the Unix
    /// times `start` and `end` (seconds), each once, ordered by its *last* series in the answer: where
    /// later series win over earlier ones, as in prometheus-adapter's registries, going through the
    /// shapes in order gives what going through all series would.
    ///
    /// Memory used is proportional to the number of distinct shapes, not of series.
    async fn series(&self, selector: &str, start: f64, end: f64) -> Result<Vec<SeriesShape>, BackendError>;

    /// The base URL, without credentials, for messages.
    fn describe(&self) -> String;
}
