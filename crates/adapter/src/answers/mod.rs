//! Answers to metric requests: one lookup, one query, one value per object.
//!
//! Not an API server: requests arrive decoded and answers leave as values.
//!
//! **Invariant:** each request sends at most one query per metric, and identical queries in flight are sent once.

pub mod custom;
pub mod external;
pub mod resource;
mod why;

use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::backend::{Backend, BackendError, QueryResult};
use crate::flight::Flights;
use crate::rules::Rule;
use crate::rules::oddity::{Oddity, Told};
use crate::rules::query::Query;

use custom::FetchError;
pub use why::Why;

/// Sends queries, identical ones in flight only once.
pub struct Queries {
    backend: Arc<dyn Backend>,
    flights: Flights<String, Result<Arc<QueryResult>, BackendError>>,
    left_out: AtomicU64,
}

impl Queries {
    /// Queries to `backend`.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, flights: Flights::default(), left_out: AtomicU64::new(0) }
    }

    /// The server that is asked, for messages.
    pub fn server(&self) -> String {
        self.backend.describe()
    }

    /// How many samples had a value that no quantity can carry, since the start.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Counts `count` of `samples` as left out, and says so the first time that `rule` gives such.
    fn leave_out(&self, rule: &dyn Display, told: &Told, count: usize, samples: usize) {
        if count == 0 {
            return;
        }
        self.left_out.fetch_add(count as u64, Ordering::Relaxed);
        if told.is_new(Oddity::NoQuantity) {
            tracing::warn!(
                "{rule}: {count} of {samples} samples are left out because they have no finite value (±Inf, a histogram, \
                 or beyond 9.2e15): check for a division by zero; this is said once, and counted in \
                 plimsoll_samples_left_out_total"
            );
        }
    }

    /// The result of `text` at Unix time `at` (seconds), or of the same query already under way.
    pub async fn run(
        &self,
        text: String,
        at: f64,
        limit: Duration,
    ) -> Result<Arc<QueryResult>, BackendError> {
        let backend = Arc::clone(&self.backend);
        let flight = self
            .flights
            .join(text.clone(), move || async move { backend.query(&text, at, limit).await.map(Arc::new) });
        flight.await
    }

    /// As [`Self::run`]; when the server refuses bare names, asks once more with quoted ones and tells the rule.
    async fn run_for(
        &self,
        rule: &Rule,
        query: Query,
        at: f64,
        limit: Duration,
    ) -> Result<Arc<QueryResult>, FetchError> {
        let Query { mut text, quoted, .. } = query;
        let mut result = self.run(text.clone(), at, limit).await;
        if let (Err(BackendError::Rejected { .. }), Some(quoted)) = (&result, quoted) {
            result = self.run(quoted.clone(), at, limit).await;
            if result.is_ok() {
                rule.prefer_quoted();
            }
            text = quoted;
        }
        result.map_err(|error| FetchError::Backend {
            rule: rule.to_string(),
            fault: QueryFault { query: text, error },
        })
    }
}

/// A query that gave no result. `Display` shows the query where the server objects to it: whoever wrote the template
/// has not seen it rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFault {
    /// The query as it was sent.
    pub query: String,
    /// What the back-end says.
    pub error: BackendError,
}

impl Display for QueryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of a thousand pods help nobody.
        const MOST: usize = 300;
        write!(f, "{}", self.error)?;
        if !matches!(self.error, BackendError::Rejected { .. }) {
            return Ok(());
        }
        match self.query.char_indices().nth(MOST) {
            Some((end, _)) => write!(f, "; the query was `{}…`", &self.query[..end]),
            None => write!(f, "; the query was `{}`", self.query),
        }
    }
}

impl std::error::Error for QueryFault {}
