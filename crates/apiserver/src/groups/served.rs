//! What the metrics groups list in discovery, computed when the catalogue changes.
//!
//! **Invariant:** the list is shared until it differs, so that encoded discovery documents stay valid with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_adapter::service::{Adapter, State};

use super::{CUSTOM, EXTERNAL, RESOURCE};
use crate::route::{GroupVersion, Resource, Served};

/// The latest lists, and the state that they were made from.
pub struct ServedGroups {
    adapter: Arc<Adapter>,
    latest: Mutex<Latest>,
}

struct Latest {
    state: Arc<State>,
    served: Arc<Served>,
    /// As `served`, but never without the external group.
    to_aggregator: Arc<Served>,
}

impl ServedGroups {
    /// Lists what `adapter` serves.
    pub fn new(adapter: Arc<Adapter>) -> Self {
        let state = adapter.state();
        let served = Arc::new(list(&state));
        let to_aggregator = with_external(&served);
        Self { adapter, latest: Mutex::new(Latest { state, served, to_aggregator }) }
    }

    /// What is served now.
    pub fn current(&self) -> Arc<Served> {
        Arc::clone(&self.latest().served)
    }

    /// What is served now to requests through the aggregator. An APIService of the external group that is registered
    /// without rules would be unavailable, and the deletion of namespaces would wait for it; an empty list of external
    /// metrics harms no client, while an empty list of custom ones does.
    pub fn to_aggregator(&self) -> Arc<Served> {
        Arc::clone(&self.latest().to_aggregator)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        let state = self.adapter.state();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&latest.state, &state) {
            let served = list(&state);
            if *latest.served != served {
                latest.served = Arc::new(served);
                latest.to_aggregator = with_external(&latest.served);
            }
            latest.state = state;
        }
        latest
    }
}

fn with_external(served: &Arc<Served>) -> Arc<Served> {
    if served.versions.iter().any(|version| version.group == EXTERNAL) {
        return Arc::clone(served);
    }
    let mut versions = served.versions.clone();
    let after_custom = versions.iter().take_while(|version| version.group == CUSTOM).count();
    let nothing = GroupVersion { group: EXTERNAL, version: "v1beta1", resources: Arc::new([]) };
    versions.insert(after_custom, nothing);
    Arc::new(Served { versions })
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
