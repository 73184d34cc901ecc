//! The process's own metrics about rules, discovery and configuration, computed when `/metrics` is read.
//!
//! **Invariant:** the labels are closed sets: no selector, metric or namespace becomes a label value.

use std::fmt;
use std::sync::Arc;

use plimsoll_adapter::service::Adapter;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::reload::Reload;

/// Adds the metrics to `registry`.
pub(super) fn register(registry: &mut Registry, adapter: &Arc<Adapter>, reload: watch::Receiver<Reload>) {
    registry.register_collector(Box::new(Process { adapter: Arc::clone(adapter), reload }));
}

struct Process {
    adapter: Arc<Adapter>,
    reload: watch::Receiver<Reload>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: f64| -> Result<(), fmt::Error> {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        let state = self.adapter.state();
        let reload = self.reload.borrow().clone();
        let now = Instant::now();
        let listings: Vec<_> =
            state.rules.selectors().into_iter().filter_map(|selector| state.listings.get(selector)).collect();
        let failing = listings.iter().filter(|listing| listing.error.is_some()).count();
        let oldest = listings
            .iter()
            .filter_map(|listing| listing.last_good.as_ref())
            .map(|(_, at)| now.saturating_duration_since(*at).as_secs_f64())
            .fold(0.0, f64::max);
        let troubled = state.catalogue.rules.iter().filter(|rule| !rule.problems.is_empty()).count();
        gauge(
            "plimsoll_config_last_reload_successful",
            "Whether the latest version of the configuration file is in force",
            f64::from(u8::from(reload.rejected.is_none())),
        )?;
        gauge("plimsoll_rules", "Rules in force", state.catalogue.rules.len() as f64)?;
        gauge("plimsoll_rules_with_problems", "Rules that /debug/rules has a note about", troubled as f64)?;
        gauge(
            "plimsoll_custom_metrics",
            "Custom metrics served",
            state.catalogue.custom_list().len() as f64,
        )?;
        gauge(
            "plimsoll_external_metrics",
            "External metrics served",
            state.catalogue.external_list().len() as f64,
        )?;
        gauge("plimsoll_selectors", "Distinct series selectors of the rules", listings.len() as f64)?;
        gauge("plimsoll_selectors_failing", "Selectors whose latest listing failed", failing as f64)?;
        gauge("plimsoll_series_list_age_seconds", "Age of the oldest list of series in use", oldest)?;
        for (name, help, value) in [
            (
                "plimsoll_config_reloads_accepted",
                "Versions of the configuration file taken over",
                reload.accepted,
            ),
            (
                "plimsoll_samples_left_out",
                "Samples whose value no quantity can carry: infinite, too large, or a histogram",
                self.adapter.samples_left_out(),
            ),
            ("plimsoll_config_reloads_refused", "Versions of the configuration file refused", reload.refused),
        ] {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}
