//! The adapter as a running thing: it follows the rules, the cluster's resource types and the series, and answers
//! from the latest catalogue of what these make.
//!
//! **Invariant:** readers never wait: each takes the current [`State`] and keeps it for the length of a request.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::answers::custom::{self, CustomAnswer, CustomError, CustomRequest};
use crate::answers::external::{self, ExternalAnswer, ExternalError, ExternalRequest};
use crate::answers::resource::{self, NodeUsage, PodUsage, ResourceError, Timing};
use crate::answers::{Queries, Why};
use crate::backend::Backend;
use crate::catalogue::Catalogue;
use crate::cluster::{ApiResource, ObjectMeta, Objects};
use crate::mapper::RestMapper;
use crate::relist::{Listings, RelistSettings, relist};
use crate::rules::RuleSet;
use plimsoll_model::selector::Selector;

/// Everything an answer is made from, at one moment.
#[derive(Debug, Default)]
pub struct State {
    /// The rules in force.
    pub rules: Arc<RuleSet>,
    /// The resource types of the cluster.
    pub mapper: Arc<RestMapper>,
    /// What is served.
    pub catalogue: Catalogue,
    /// What is known of each selector's series.
    pub listings: Listings,
}

impl State {
    /// Whether every selector has been asked for once; before that, a missing metric may be merely late.
    pub fn discovered(&self) -> bool {
        self.listings.complete() && !self.mapper.is_empty()
    }
}

/// Rules, back-end and cluster, put together.
pub struct Adapter {
    state: watch::Sender<Arc<State>>,
    backend: Arc<dyn Backend>,
    objects: Arc<dyn Objects>,
    queries: Queries,
    relist: RelistSettings,
    unknown_types: Notify,
}

impl Adapter {
    /// An adapter that serves nothing until [`Self::run`] has found something.
    pub fn new(
        rules: Arc<RuleSet>,
        backend: Arc<dyn Backend>,
        objects: Arc<dyn Objects>,
        relist: RelistSettings,
    ) -> Self {
        let mut listings = Listings::default();
        listings.retain(&rules.selectors(), Instant::now());
        let catalogue = Catalogue::build(&rules, &RestMapper::default(), |_| None);
        let state = State { rules, mapper: Arc::default(), catalogue, listings };
        Self {
            state: watch::Sender::new(Arc::new(state)),
            queries: Queries::new(Arc::clone(&backend)),
            backend,
            objects,
            relist,
            unknown_types: Notify::new(),
        }
    }

    /// What is served now.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// Follows what is served.
    pub fn subscribe(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// The back-end's address, for messages.
    pub fn server(&self) -> String {
        self.queries.server()
    }

    /// How many samples had a value that no quantity can carry, since the start.
    pub fn samples_left_out(&self) -> u64 {
        self.queries.left_out()
    }

    /// Follows rules, resource types and series until either sender is gone. `clock` gives Unix time in seconds.
    pub async fn run(
        &self,
        mut rules: watch::Receiver<Arc<RuleSet>>,
        mut resources: watch::Receiver<Arc<Vec<ApiResource>>>,
        clock: impl Fn() -> f64,
    ) {
        let mut listings = self.state().listings.clone();
        let learn = |resources: &mut watch::Receiver<Arc<Vec<ApiResource>>>| {
            Arc::new(RestMapper::new(resources.borrow_and_update().to_vec()))
        };
        let mapper = Mutex::new(learn(&mut resources));
        let known = || Arc::clone(&mapper.lock().unwrap_or_else(PoisonError::into_inner));
        loop {
            let current = Arc::clone(&rules.borrow_and_update());
            listings.retain(&current.selectors(), Instant::now());
            self.publish(&current, &known(), &listings);
            // New rules end the requests under way, and what has been answered until then is kept. New types do not: no
            // question depends on them, and in a cluster whose types change often a slow listing would never end.
            let mut listing = pin!(relist(&*self.backend, &mut listings, &self.relist, &clock, |listings| {
                self.publish(&current, &known(), listings);
            }));
            loop {
                tokio::select! {
                    never = listing.as_mut() => match never {},
                    changed = rules.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    changed = resources.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        *mapper.lock().unwrap_or_else(PoisonError::into_inner) = learn(&mut resources);
                        self.publish(&current, &known(), &self.state().listings);
                    }
                }
            }
        }
    }

    fn publish(&self, rules: &Arc<RuleSet>, mapper: &Arc<RestMapper>, listings: &Listings) {
        let mut catalogue = Catalogue::build(rules, mapper, |selector| listings.shapes(selector));
        catalogue.note_failures(|selector| Some(listings.get(selector)?.error.as_ref()?.to_string()));
        let state = State {
            rules: Arc::clone(rules),
            mapper: Arc::clone(mapper),
            catalogue,
            listings: listings.clone(),
        };
        self.state.send_replace(Arc::new(state));
    }

    /// Answers a request for a custom metric.
    ///
    /// # Errors
    /// See [`CustomError`].
    pub async fn custom(&self, request: &CustomRequest<'_>) -> Result<CustomAnswer, CustomError> {
        let state = self.state();
        let answer =
            custom::answer(request, &state.catalogue, &state.mapper, &*self.objects, &self.queries).await;
        if let Err(
            CustomError::NotFound { why: Why::UnknownResource { .. }, .. }
            | CustomError::Objects { error: None },
        ) = &answer
        {
            self.unknown_types.notify_one();
        }
        answer
    }

    /// Ready when a request has named a resource type that is not known: the cluster may have gained it.
    pub async fn unknown_type(&self) {
        self.unknown_types.notified().await;
    }

    /// Answers a request for an external metric.
    ///
    /// # Errors
    /// See [`ExternalError`].
    pub async fn external(&self, request: &ExternalRequest<'_>) -> Result<ExternalAnswer, ExternalError> {
        let state = self.state();
        external::answer(request, &state.catalogue, &self.queries).await
    }

    /// The running pods of `namespace` (all when `None`) that match.
    ///
    /// # Errors
    /// The pods cannot be listed.
    pub async fn pods(
        &self,
        namespace: Option<&str>,
        selector: &Selector,
    ) -> Result<Vec<Arc<ObjectMeta>>, ResourceError> {
        resource::pods(namespace, selector, &self.state().mapper, &*self.objects).await
    }

    /// The nodes that match.
    ///
    /// # Errors
    /// The nodes cannot be listed.
    pub async fn nodes(&self, selector: &Selector) -> Result<Vec<Arc<ObjectMeta>>, ResourceError> {
        resource::nodes(selector, &self.state().mapper, &*self.objects).await
    }

    /// What `pods` use; nothing without `resourceRules`.
    ///
    /// # Errors
    /// Every query failed.
    pub async fn pod_usage(
        &self,
        pods: &[Arc<ObjectMeta>],
        timing: Timing,
    ) -> Result<(Vec<PodUsage>, Duration), ResourceError> {
        let state = self.state();
        let Some(rules) = &state.rules.resource else { return Ok((Vec::new(), Duration::ZERO)) };
        let usage = resource::pod_usage(pods, rules, &state.mapper, &self.queries, timing).await?;
        Ok((usage, rules.window))
    }

    /// What `nodes` use; nothing without `resourceRules`.
    ///
    /// # Errors
    /// Every query failed.
    pub async fn node_usage(
        &self,
        nodes: &[Arc<ObjectMeta>],
        timing: Timing,
    ) -> Result<(Vec<NodeUsage>, Duration), ResourceError> {
        let state = self.state();
        let Some(rules) = &state.rules.resource else { return Ok((Vec::new(), Duration::ZERO)) };
        let usage = resource::node_usage(nodes, rules, &state.mapper, &self.queries, timing).await?;
        Ok((usage, rules.window))
    }
}
