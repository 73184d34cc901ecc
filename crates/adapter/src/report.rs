//! What became of each rule, as text for the person who wonders why a metric is missing.
//!
//! Served at `/debug/rules`. Not a metric source: self-metrics count, this explains.
//!
//! **Invariant:** holds no values of samples and no credentials.

use std::fmt::Write as _;

use tokio::time::Instant;

use crate::catalogue::RuleStatus;
use crate::service::State;

/// The report on `state`. `rejected` is the reason why a newer configuration was refused, if one was.
pub fn rules(state: &State, server: &str, rejected: Option<&str>, now: Instant) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Prometheus: {server}");
    if let Some(reason) = rejected {
        let _ = writeln!(
            text,
            "The configuration file has changed, but the new version is refused and the previous one stays:\n{}",
            indented(reason, "  ")
        );
    }
    if state.mapper.is_empty() {
        let _ =
            writeln!(text, "The Kubernetes API has not been discovered yet; no metric can be served before.");
    }
    for warning in &state.rules.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for status in &state.catalogue.rules {
        let _ = writeln!(text);
        rule(&mut text, status, state, now);
    }
    let custom = state.catalogue.custom_list();
    let _ = writeln!(text, "\ncustom metrics: {}", custom.len());
    for (resource, metric, namespaced) in custom {
        let scope = if namespaced { "" } else { " (outside namespaces)" };
        let _ = writeln!(text, "  {resource}/{metric}{scope}");
    }
    let external = state.catalogue.external_list();
    let _ = writeln!(text, "external metrics: {}", external.len());
    for metric in external {
        let _ = writeln!(text, "  {metric}");
    }
    text
}

fn rule(text: &mut String, status: &RuleStatus, state: &State, now: Instant) {
    let _ = writeln!(text, "{} at {}", status.rule, status.rule.place.position);
    match status.shapes {
        None => {
            let _ = writeln!(text, "  series: not listed yet");
        }
        Some(shapes) => {
            let _ = writeln!(
                text,
                "  series: {shapes} distinct shapes, {} named by the rule, {} metrics",
                status.named, status.metrics
            );
        }
    }
    if let Some(listing) = state.listings.get(&status.rule.series_query) {
        if let Some((_, at)) = &listing.last_good {
            let _ =
                writeln!(text, "  last good listing: {} s ago", now.saturating_duration_since(*at).as_secs());
        }
        if let Some(error) = &listing.error {
            let _ = writeln!(text, "  latest listing failed: {error}");
        }
    }
    for problem in &status.problems {
        let _ = writeln!(text, "  note: {problem}");
    }
}

fn indented(text: &str, prefix: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}")).collect::<Vec<_>>().join("\n")
}
