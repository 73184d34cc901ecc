//! Pages under `/debug/`: `/debug/rules` tells what became of each rule.
//!
//! **Invariant:** behind authorisation, and free of credentials and of sample values.

use std::sync::Arc;

use async_trait::async_trait;
use plimsoll_adapter::report;
use plimsoll_adapter::service::Adapter;
use plimsoll_apiserver::route::{Answer, DebugPages};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::reload::Reload;

/// The pages of one process.
pub(super) struct Pages {
    adapter: Arc<Adapter>,
    reload: watch::Receiver<Reload>,
}

impl Pages {
    pub(super) fn new(adapter: Arc<Adapter>, reload: watch::Receiver<Reload>) -> Self {
        Self { adapter, reload }
    }
}

#[async_trait]
impl DebugPages for Pages {
    async fn page(&self, path: &str, _raw_query: &str) -> Option<Answer> {
        if path != "/debug/rules" {
            return None;
        }
        let rejected = self.reload.borrow().rejected.clone();
        let text =
            report::rules(&self.adapter.state(), &self.adapter.server(), rejected.as_deref(), Instant::now());
        Some(Answer {
            status: http::StatusCode::OK,
            content_type: "text/plain; charset=utf-8",
            body: text.into(),
            warnings: Vec::new(),
        })
    }
}
