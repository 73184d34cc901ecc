//! Tells the log what stands in the way of a rule, as it turns up: `/debug/rules` has the same sentences, but one has
//! to ask for it.
//!
//! **Invariant:** a sentence is logged once, and again only after it was untrue in the meantime; what is remembered is no
//! more than what is true now.

use std::collections::HashSet;

use plimsoll_adapter::service::{Adapter, State};

/// Follows what becomes of the rules for as long as `adapter` lives.
pub(super) async fn follow(adapter: &Adapter) {
    let mut states = adapter.subscribe();
    let mut told = HashSet::new();
    loop {
        let state = std::sync::Arc::clone(&states.borrow_and_update());
        // Before the types of the cluster are known, everything is in the way.
        if !state.mapper.is_empty() {
            let notes = notes(&state);
            for note in notes.difference(&told) {
                tracing::warn!("{note}");
            }
            told = notes;
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn notes(state: &State) -> HashSet<String> {
    let statuses = state.catalogue.rules.iter();
    statuses
        .flat_map(|status| status.problems.iter().map(|problem| format!("{}: {problem}", status.rule)))
        .collect()
}
