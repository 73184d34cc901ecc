//! Answers to metric requests: one lookup, one query, one value per object.
//!
//! Not an API server: requests arrive decoded and answers leave as values.
//!
//! **Invariant:** each request sends at most one query per metric, and identical queries in flight are sent once.

pub mod custom;
pub mod external;
pub mod resource;
mod why;

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, BackendError, QueryResult};
use crate::flight::Flights;
use crate::rules::Rule;
use crate::rules::query::Query;

pub use why::Why;

/// Sends queries, identical ones in flight only once.
pub struct Queries {
    backend: Arc<dyn Backend>,
    flights: Flights<String, Result<Arc<QueryResult>, BackendError>>,
}

impl Queries {
    /// Queries to `backend`.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, flights: Flights::default() }
    }

    /// The server that is asked, for messages.
    pub fn server(&self) -> String {
        self.backend.describe()
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
    ) -> Result<Arc<QueryResult>, BackendError> {
        let result = self.run(query.text, at, limit).await;
        match (result, query.quoted) {
            (Err(BackendError::Rejected { .. }), Some(quoted)) => {
                let result = self.run(quoted, at, limit).await;
                if result.is_ok() {
                    rule.prefer_quoted();
                }
                result
            }
            (result, _) => result,
        }
    }
}
