//! The ConfigMap in which kube-apiserver tells whom it trusts: read, followed, understood.
//!
//! **Invariant:** a key that cannot be understood leaves what was understood before.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use http::{HeaderName, Request};
use kube::Client;
use kube::api::{WatchEvent, WatchParams};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use super::Trust;
use crate::cluster::authentication::certificate::Authorities;
use crate::cluster::authentication::front_proxy::{FrontProxy, ProxyNames};
use crate::cluster::client::{CallError, call};
use crate::cluster::metrics::{ClusterMetrics, Operation, Outcome};

const COLLECTION: &str = "/api/v1/namespaces/kube-system/configmaps";
const NAME: &str = "extension-apiserver-authentication";
const CALL_LIMIT: Duration = Duration::from_secs(10);
const WATCH_SECONDS: u32 = 290;
const WATCH_LIMIT: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 5);
/// Pauses between attempts: the first, and the longest, which is also how often it is read where it may not be
/// watched.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is read of a ConfigMap.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfigMap {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    resource_version: String,
}

impl ConfigMap {
    pub fn version(&self) -> &str {
        &self.metadata.resource_version
    }

    /// Changes `trust` to what the map says.
    pub fn apply(&self, trust: &mut Trust) {
        match self.authorities("client-ca-file") {
            Ok(clients) => trust.clients = clients,
            Err(reason) => self.complain("client-ca-file", &reason),
        }
        match self.front_proxy() {
            Ok(front_proxy) => trust.front_proxy = front_proxy,
            Err((key, reason)) => self.complain(key, &reason),
        }
    }

    fn complain(&self, key: &str, reason: &str) {
        tracing::warn!(
            key,
            reason,
            "ConfigMap kube-system/{NAME} has a key that cannot be used; what was read before stays"
        );
    }

    fn text(&self, key: &str) -> &str {
        self.data.as_ref().and_then(|data| data.get(key)).map_or("", String::as_str)
    }

    fn authorities(&self, key: &str) -> Result<Option<Authorities>, String> {
        match self.text(key) {
            "" => Ok(None),
            pem => Authorities::read(pem.as_bytes()).map(Some).map_err(|error| error.to_string()),
        }
    }

    fn front_proxy(&self) -> Result<Option<FrontProxy>, (&'static str, String)> {
        const CA: &str = "requestheader-client-ca-file";
        let Some(authorities) = self.authorities(CA).map_err(|reason| (CA, reason))? else {
            return Ok(None);
        };
        let names = ProxyNames {
            allowed: self.list("requestheader-allowed-names")?,
            username: self.headers("requestheader-username-headers")?,
            uid: self.headers("requestheader-uid-headers")?,
            group: self.headers("requestheader-group-headers")?,
            extra_prefix: self
                .list("requestheader-extra-headers-prefix")?
                .into_iter()
                .map(|prefix| prefix.to_ascii_lowercase())
                .collect(),
        };
        Ok(Some(FrontProxy { authorities, names }))
    }

    /// A JSON array of strings; an absent key is an empty one.
    fn list(&self, key: &'static str) -> Result<Vec<String>, (&'static str, String)> {
        match self.text(key) {
            "" => Ok(Vec::new()),
            json => serde_json::from_str(json).map_err(|error| (key, error.to_string())),
        }
    }

    fn headers(&self, key: &'static str) -> Result<Vec<HeaderName>, (&'static str, String)> {
        let name = |name: String| HeaderName::from_bytes(name.as_bytes()).map_err(|e| (key, e.to_string()));
        self.list(key)?.into_iter().map(name).collect()
    }
}

/// Reads and follows the ConfigMap.
pub struct ConfigMaps {
    pub client: Client,
    pub metrics: ClusterMetrics,
}

impl ConfigMaps {
    pub async fn get(&self) -> Result<ConfigMap, CallError> {
        let request = Request::get(format!("{COLLECTION}/{NAME}"))
            .body(Vec::new())
            .map_err(|error| CallError::Unreadable(error.to_string()))?;
        self.metrics.timed(Operation::ConfigMap, call(&self.client, request, CALL_LIMIT)).await
    }

    /// Calls `take` with every version of the map after `version`; without one it reads the map first.
    pub async fn follow(&self, mut version: Option<String>, take: impl Fn(&ConfigMap)) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            if let Some(version) = version.take().filter(|version| !version.is_empty()) {
                self.watch(version, &take).await;
            }
            if began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.get().await {
                Ok(map) => {
                    take(&map);
                    version = Some(map.version().to_owned());
                }
                Err(error) => tracing::debug!(error = error.to_string(), "ConfigMap {NAME} cannot be read"),
            }
        }
    }

    /// Returns when the watch ends, for whatever reason.
    async fn watch(&self, version: String, take: &impl Fn(&ConfigMap)) {
        let params = WatchParams { timeout: Some(WATCH_SECONDS), ..WatchParams::default() }
            .fields(&format!("metadata.name={NAME}"));
        let Ok(request) = kube::core::Request::new(COLLECTION).watch(&params, &version) else { return };
        let opened = match timeout(CALL_LIMIT, self.client.request_events::<ConfigMap>(request)).await {
            Ok(opened) => opened.map_err(CallError::from),
            Err(_) => Err(CallError::Unreachable("the watch does not start".to_owned())),
        };
        self.metrics.count(Operation::ConfigMap, Outcome::of(&opened));
        let events = match opened {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(error = error.to_string(), "ConfigMap {NAME} cannot be watched");
                return;
            }
        };
        futures::pin_mut!(events);
        while let Ok(Some(Ok(event))) = timeout(WATCH_LIMIT, events.next()).await {
            match event {
                WatchEvent::Added(map) | WatchEvent::Modified(map) => take(&map),
                WatchEvent::Deleted(_) => {
                    tracing::warn!("ConfigMap kube-system/{NAME} is gone; what was read before stays");
                }
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => return,
            }
        }
    }
}
