//! When the process is ready, in words of its domain.
//!
//! **Invariant:** a Prometheus that is down makes no pod unready: discovery and access must go on, or the API server
//! would block the deletion of namespaces.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_adapter::service::Adapter;
use plimsoll_apiserver::health::{Health, Outcome, Probe};
use tokio::time::Instant;

/// How long readiness waits for the first listing of series. After that, missing metrics are told one by one.
const GRACE: Duration = Duration::from_secs(10);

/// The checks of `/readyz`, `/livez` and `/healthz`.
pub(super) fn checks(adapter: &Arc<Adapter>) -> Health {
    let started = Instant::now();
    let discovered = Arc::clone(adapter);
    let listed = Arc::clone(adapter);
    Health::new()
        .check("metrics-discovered", &[Probe::Readyz], move || {
            if discovered.state().discovered() {
                Outcome::Ok
            } else if started.elapsed() < GRACE {
                Outcome::Failed("series have not been listed yet".to_owned())
            } else {
                Outcome::Noted("serving although series have not been listed yet".to_owned())
            }
        })
        .check("prometheus", &[Probe::Readyz], move || {
            let state = listed.state();
            let failures: Vec<String> = state
                .rules
                .selectors()
                .into_iter()
                .filter_map(|selector| {
                    Some(format!("{selector}: {}", state.listings.get(selector)?.error.as_ref()?))
                })
                .collect();
            if failures.is_empty() {
                Outcome::Ok
            } else {
                Outcome::Noted(format!(
                    "{} selector{} cannot be listed: {}",
                    failures.len(),
                    if failures.len() == 1 { "" } else { "s" },
                    failures.join("; ")
                ))
            }
        })
}
