//! What is served, as documents: group lists, resource lists, aggregated discovery.
//!
//! Documents are built once per [`Served`] snapshot and encoded once per representation, so that discovery of
//! thousands of metrics costs a request no more than a pointer.
//!
//! **Invariant:** nothing here waits for anything but memory.

mod aggregated;
mod document;
mod legacy;

use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderMap, StatusCode, header};

pub(crate) use document::{Document, Reply, etag, gzip};

use crate::encode::{self, Encoding};
use crate::negotiate::{Offers, accept, clauses};
use crate::openapi::OpenApi;
use crate::route::{GroupVersion, Served};

/// All documents that describe one [`Served`] value.
pub(crate) struct Snapshot {
    pub(crate) served: Arc<Served>,
    group_list: Arc<Document>,
    aggregated: [(AggregatedVersion, Arc<Document>); 2],
    /// Per group: its name and document.
    groups: Vec<(&'static str, Arc<Document>)>,
    /// Per group version, in the order of `served.versions`.
    resource_lists: Vec<Arc<Document>>,
    pub(crate) openapi: OpenApi,
    /// Sorted paths of the groups, for the index.
    pub(crate) paths: Vec<String>,
    /// Per group version: resource names as label values.
    labels: Vec<hashbrown::HashMap<Box<str>, Arc<String>>>,
    other: Arc<String>,
}

/// Most resource names of one group version that become label values; the others share one.
const MOST_LABELS: usize = 64;

/// The distinct first segments of the resource names, as label values.
fn label_values(version: &GroupVersion) -> hashbrown::HashMap<Box<str>, Arc<String>> {
    let mut labels = hashbrown::HashMap::new();
    for resource in &*version.resources {
        let name = resource.name.split('/').next().unwrap_or_default();
        if labels.len() < MOST_LABELS && !labels.contains_key(name) {
            labels.insert(name.into(), Arc::new(name.to_owned()));
        }
    }
    labels
}

/// A version of `apidiscovery.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AggregatedVersion {
    V2,
    V2Beta1,
}

impl AggregatedVersion {
    fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V2Beta1 => "v2beta1",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::V2 => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Self::V2Beta1 => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        }
    }
}

impl Snapshot {
    fn new(served: Arc<Served>, title: &OpenApiTitle, port: u16) -> Self {
        let mut names: Vec<&'static str> = Vec::new();
        for version in &served.versions {
            if !names.contains(&version.group) {
                names.push(version.group);
            }
        }
        let mut paths = vec!["/apis".to_owned()];
        paths.extend(names.iter().map(|group| format!("/apis/{group}")));
        paths.extend(served.versions.iter().map(|v| format!("/apis/{}/{}", v.group, v.version)));
        paths.sort();
        let aggregated = [AggregatedVersion::V2, AggregatedVersion::V2Beta1].map(|version| {
            let list = aggregated::GroupDiscoveryList::new(&served, version.name());
            (version, Arc::new(Document::new(list)))
        });
        Self {
            group_list: Arc::new(Document::new(legacy::GroupList::new(&names, &served, port))),
            aggregated,
            groups: names
                .iter()
                .map(|name| (*name, Arc::new(Document::new(legacy::Group::single(name, &served)))))
                .collect(),
            resource_lists: served
                .versions
                .iter()
                .map(|version| Arc::new(Document::new(legacy::ResourceList::new(version))))
                .collect(),
            openapi: OpenApi::new(&served, title.title, &title.version),
            paths,
            labels: served.versions.iter().map(label_values).collect(),
            other: Arc::new("other".to_owned()),
            served,
        }
    }

    /// `/apis`: aggregated if some clause of `Accept` asks for it, a group list otherwise.
    pub(crate) fn groups(&self, headers: &HeaderMap, raw_query: &str) -> Reply {
        let wanted = clauses(accept(headers)).into_iter().find_map(|clause| {
            let asks = clause.covers("application", "json")
                && clause.parameter("g") == Some("apidiscovery.k8s.io")
                && clause.parameter("as") == Some("APIGroupDiscoveryList");
            let version = clause.parameter("v")?;
            self.aggregated.iter().find(|(known, _)| asks && known.name() == version)
        });
        match wanted {
            None => negotiated(&self.group_list, headers, raw_query),
            Some((version, document)) => {
                let encoding = Encoding { conversion: None, ..Encoding::for_failure(headers, raw_query) };
                let json = Encoding { format: crate::negotiate::Format::Json, ..encoding };
                let mut reply = Reply::document(document, json);
                reply.answer.content_type = version.content_type();
                reply.tagged(headers, Some("Accept"))
            }
        }
    }

    /// `/apis/{group}`, if the group is served.
    pub(crate) fn group(&self, group: &str, headers: &HeaderMap, raw_query: &str) -> Option<Reply> {
        let (_, document) = self.groups.iter().find(|(name, _)| *name == group)?;
        Some(negotiated(document, headers, raw_query))
    }

    /// Whether any version of the group is served.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.iter().any(|(name, _)| *name == group)
    }

    /// The served group version and its position.
    pub(crate) fn version(&self, group: &str, version: &str) -> Option<(usize, &GroupVersion)> {
        let found = |v: &&GroupVersion| v.group == group && v.version == version;
        self.served.versions.iter().enumerate().find(|(_, v)| found(v))
    }

    /// The label value for a resource name that a client wrote.
    pub(crate) fn resource_label(&self, position: usize, name: &str) -> Arc<String> {
        Arc::clone(self.labels.get(position).and_then(|labels| labels.get(name)).unwrap_or(&self.other))
    }

    /// `/apis/{group}/{version}` for a position that [`version`](Self::version) gave.
    pub(crate) fn resources(&self, position: usize, headers: &HeaderMap, raw_query: &str) -> Option<Reply> {
        Some(negotiated(self.resource_lists.get(position)?, headers, raw_query))
    }
}

fn negotiated(document: &Arc<Document>, headers: &HeaderMap, raw_query: &str) -> Reply {
    match Encoding::negotiate(headers, raw_query, Offers::PLAIN) {
        Ok(encoding) => Reply::document(document, encoding),
        Err(status) => Reply::from(encode::failure(&status, headers, raw_query)),
    }
}

/// What OpenAPI documents say about this program.
#[derive(Debug, Clone)]
pub(crate) struct OpenApiTitle {
    pub(crate) title: &'static str,
    pub(crate) version: String,
}

/// Keeps the documents of the latest [`Served`] value.
pub(crate) struct Discovery {
    title: OpenApiTitle,
    port: u16,
    current: RwLock<Latest>,
}

#[derive(Clone)]
struct Latest {
    /// The value last seen; equal to the snapshot's, but maybe another allocation.
    served: Arc<Served>,
    snapshot: Arc<Snapshot>,
}

impl Discovery {
    /// `port` is the port on which the server listens; legacy group lists carry it.
    pub(crate) fn new(served: Arc<Served>, title: OpenApiTitle, port: u16) -> Self {
        let snapshot = Arc::new(Snapshot::new(Arc::clone(&served), &title, port));
        Self { title, port, current: RwLock::new(Latest { served, snapshot }) }
    }

    /// The documents for `served`, built now if it differs from what was served before.
    pub(crate) fn snapshot(&self, served: &Arc<Served>) -> Arc<Snapshot> {
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&current.served, served) {
                return Arc::clone(&current.snapshot);
            }
        }
        let mut slot = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&slot.served, served) {
            if slot.served != *served {
                slot.snapshot = Arc::new(Snapshot::new(Arc::clone(served), &self.title, self.port));
            }
            slot.served = Arc::clone(served);
        }
        Arc::clone(&slot.snapshot)
    }
}

impl Reply {
    /// Adds an `ETag` and answers 304 if the client has this body already. `vary` names a request header.
    pub(crate) fn tagged(mut self, headers: &HeaderMap, vary: Option<&'static str>) -> Self {
        let tag = match &self.rendered {
            Some(rendered) => rendered.etag().clone(),
            None => etag(&self.answer.body),
        };
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| {
            value.as_bytes().split(|byte| *byte == b',').any(|one| one.trim_ascii() == tag.as_bytes())
        });
        if known {
            self.answer.status = StatusCode::NOT_MODIFIED;
            self.answer.body = bytes::Bytes::new();
            self.rendered = None;
        }
        self.headers.push((header::ETAG, tag));
        if let Some(vary) = vary {
            self.headers.push((header::VARY, http::HeaderValue::from_static(vary)));
        }
        self.headers.push((header::CACHE_CONTROL, http::HeaderValue::from_static("public")));
        self
    }
}
