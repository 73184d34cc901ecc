//! What the metrics groups list in discovery, computed when the catalogue changes.
//!
//! **Invariant:** the list is shared until it differs, so that encoded discovery documents stay valid with it.

use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_adapter::service::{Adapter, State};

use super::{CUSTOM, EXTERNAL, RESOURCE};
use crate::route::{GroupVersion, Resource, Served};

/// The latest list, and the state that it was made from.
pub struct ServedGroups {
    adapter: Arc<Adapter>,
    latest: Mutex<(Arc<State>, Arc<Served>)>,
}

impl ServedGroups {
    /// Lists what `adapter` serves.
    pub fn new(adapter: Arc<Adapter>) -> Self {
        let state = adapter.state();
        let served = Arc::new(list(&state));
        Self { adapter, latest: Mutex::new((state, served)) }
    }

    /// What is served now.
    pub fn current(&self) -> Arc<Served> {
        let state = self.adapter.state();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&latest.0, &state) {
            let served = list(&state);
            if *latest.1 != served {
                latest.1 = Arc::new(served);
            }
            latest.0 = state;
        }
        Arc::clone(&latest.1)
    }
}

fn list(state: &State) -> Served {
    let mut versions = Vec::new();
    if !state.rules.custom.is_empty() {
        let resources: Arc<[Resource]> = state
            .catalogue
            .custom_list()
            .into_iter()
            .map(|(resource, metric, namespaced)| Resource {
                name: format!("{resource}/{metric}"),
                namespaced,
                kind: "MetricValueList",
                verbs: &["get"],
            })
            .collect();
        for version in ["v1beta1", "v1beta2"] {
            versions.push(GroupVersion { group: CUSTOM, version, resources: Arc::clone(&resources) });
        }
    }
    if !state.rules.external.is_empty() {
        let resources = state
            .catalogue
            .external_list()
            .into_iter()
            .map(|metric| Resource {
                name: metric.to_owned(),
                namespaced: true,
                kind: "ExternalMetricValueList",
                verbs: &["get"],
            })
            .collect();
        versions.push(GroupVersion { group: EXTERNAL, version: "v1beta1", resources });
    }
    if state.rules.resource.is_some() {
        let resource = |name: &str, namespaced, kind| Resource {
            name: name.to_owned(),
            namespaced,
            kind,
            verbs: &["get", "list"],
        };
        let resources =
            Arc::new([resource("nodes", false, "NodeMetrics"), resource("pods", true, "PodMetrics")]);
        versions.push(GroupVersion { group: RESOURCE, version: "v1beta1", resources });
    }
    Served { versions }
}
