//! May a user do this? Asked of the API server by `SubjectAccessReview`, and remembered for a while.
//!
//! Not the paths that anybody may read: the server knows those itself.
//!
//! **Invariant:** only what the API server decided is remembered; a failure is asked about again.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hashbrown::Equivalent;
use k8s_openapi::api::authorization::v1 as api;
use kube::Client;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::expiring::Expiring;
use super::flights::Flights;
use super::metrics::{ClusterMetrics, Operation, Source, Verdict};
use super::review::post;
use crate::identity::{Attributes, Authorizer, Decision, ResourceAttributes, User};

const PATH: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// The group that may do everything without being asked about.
const PRIVILEGED: &str = "system:masters";
/// Decisions remembered, and the longest question that is (`plugin/pkg/authorizer/webhook/webhook.go`).
pub const REMEMBERED: usize = 8_192;
const LONGEST_REMEMBERED: usize = 10_000;

/// How long decisions are good for.
#[derive(Debug, Clone)]
pub struct AuthorizationSettings {
    /// `--authorization-webhook-cache-authorized-ttl`.
    pub allowed_ttl: Duration,
    /// `--authorization-webhook-cache-unauthorized-ttl`.
    pub denied_ttl: Duration,
}

impl Default for AuthorizationSettings {
    fn default() -> Self {
        Self { allowed_ttl: Duration::from_secs(10), denied_ttl: Duration::from_secs(10) }
    }
}

/// Asks the API server.
pub struct AccessReviews {
    shared: Arc<Shared>,
    flights: Flights<Arc<Question>, Decision>,
}

struct Shared {
    client: Client,
    settings: AuthorizationSettings,
    metrics: ClusterMetrics,
    remembered: Mutex<Expiring<Arc<Question>, Decision>>,
}

impl AccessReviews {
    pub fn new(client: Client, settings: AuthorizationSettings, metrics: ClusterMetrics) -> Self {
        let remembered = Mutex::new(Expiring::new(REMEMBERED));
        let shared = Arc::new(Shared { client, settings, metrics, remembered });
        Self { shared, flights: Flights::new() }
    }

    async fn decide(&self, user: &User, attributes: &Attributes) -> (Decision, Source) {
        if user.groups.iter().any(|group| group == PRIVILEGED) {
            return (Decision::Allowed, Source::Group);
        }
        let asking = Asking { user, attributes };
        let known = {
            let mut remembered = self.shared.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.get(&asking, Instant::now()).cloned()
        };
        if let Some(known) = known {
            return (known, Source::Cache);
        }
        let question = Arc::new(Question::of(&asking));
        let own = || question.clone();
        let ask = || self.shared.clone().review(question.clone());
        let decision = self.flights.answer(&asking, own, ask).await.unwrap_or_else(|| Decision::Undecided {
            error: "too many access reviews are under way; the API server answers too slowly".to_owned(),
        });
        (decision, Source::Review)
    }
}

#[async_trait]
impl Authorizer for AccessReviews {
    async fn authorize(&self, user: &User, attributes: &Attributes) -> Decision {
        let (decision, source) = self.decide(user, attributes).await;
        let verdict = match decision {
            Decision::Allowed => Verdict::Allowed,
            Decision::Denied { .. } => Verdict::Denied,
            Decision::Undecided { .. } => Verdict::Undecided,
        };
        self.shared.metrics.decided(verdict, source);
        decision
    }
}

impl Shared {
    async fn review(self: Arc<Self>, question: Arc<Question>) -> Decision {
        let review = question.review();
        let answer =
            post::<_, Answer>(&self.client, &self.metrics, Operation::AccessReview, PATH, &review).await;
        let decision = match answer {
            Ok(Answer { status }) => status.decision(),
            Err(error) => Decision::Undecided { error: error.to_string() },
        };
        let ttl = match decision {
            Decision::Allowed => self.settings.allowed_ttl,
            Decision::Denied { .. } => self.settings.denied_ttl,
            Decision::Undecided { .. } => return decision,
        };
        if !ttl.is_zero() && question.len() < LONGEST_REMEMBERED {
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.insert(question, decision.clone(), Instant::now() + ttl);
        }
        decision
    }
}

/// Who asks for what, borrowed from a request.
struct Asking<'a> {
    user: &'a User,
    attributes: &'a Attributes,
}

/// Who asks for what. The path of a resource request is no part of it: reviews do not carry it.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    user: User,
    verb: String,
    about: About,
}

#[derive(Debug, PartialEq, Eq)]
enum About {
    Resource(ResourceAttributes),
    Path(String),
}

fn hash_question<H: Hasher>(
    state: &mut H,
    user: &User,
    verb: &str,
    about: Result<&ResourceAttributes, &str>,
) {
    user.hash(state);
    verb.hash(state);
    about.hash(state);
}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let about = match &self.about {
            About::Resource(resource) => Ok(resource),
            About::Path(path) => Err(path.as_str()),
        };
        hash_question(state, &self.user, &self.verb, about);
    }
}

impl Hash for Asking<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let about = self.attributes.resource.as_ref().ok_or(self.attributes.path.as_str());
        hash_question(state, self.user, &self.attributes.verb, about);
    }
}

impl Equivalent<Arc<Question>> for Asking<'_> {
    fn equivalent(&self, question: &Arc<Question>) -> bool {
        let about = match (&question.about, &self.attributes.resource) {
            (About::Resource(resource), Some(asked)) => resource == asked,
            (About::Path(path), None) => *path == self.attributes.path,
            _ => false,
        };
        about && question.verb == self.attributes.verb && question.user == *self.user
    }
}

impl Question {
    fn of(asking: &Asking<'_>) -> Self {
        let Attributes { verb, path, resource } = asking.attributes;
        let about = match resource {
            Some(resource) => About::Resource(resource.clone()),
            None => About::Path(path.clone()),
        };
        Self { user: asking.user.clone(), verb: verb.clone(), about }
    }

    /// The bytes of what the client chose.
    fn len(&self) -> usize {
        let about = match &self.about {
            About::Resource(of) => {
                let parts = [&of.group, &of.version, &of.resource, &of.subresource, &of.name, &of.namespace];
                parts.iter().map(|part| part.len()).sum()
            }
            About::Path(path) => path.len(),
        };
        self.verb.len() + about
    }

    /// The review as upstream posts it: empty members are left out.
    fn review(&self) -> Review {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let (resource_attributes, non_resource_attributes) = match &self.about {
            About::Resource(of) => {
                let resource = api::ResourceAttributes {
                    namespace: some(&of.namespace),
                    verb: some(&self.verb),
                    group: some(&of.group),
                    version: some(&of.version),
                    resource: some(&of.resource),
                    subresource: some(&of.subresource),
                    name: some(&of.name),
                    ..Default::default()
                };
                (Some(resource), None)
            }
            About::Path(path) => {
                (None, Some(api::NonResourceAttributes { path: some(path), verb: some(&self.verb) }))
            }
        };
        let spec = api::SubjectAccessReviewSpec {
            resource_attributes,
            non_resource_attributes,
            user: some(&self.user.name),
            uid: some(&self.user.uid),
            groups: (!self.user.groups.is_empty()).then(|| self.user.groups.clone()),
            extra: (!self.user.extra.is_empty()).then(|| self.user.extra.clone()),
        };
        Review { api_version: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: &'static str,
    kind: &'static str,
    spec: api::SubjectAccessReviewSpec,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    denied: bool,
    #[serde(default)]
    reason: String,
}

impl Status {
    /// As upstream reads it (`plugin/pkg/authorizer/webhook/webhook.go`).
    fn decision(self) -> Decision {
        match (self.allowed, self.denied) {
            (true, true) => Decision::Undecided {
                error: "webhook subject access review returned both allow and deny response".to_owned(),
            },
            (true, false) => Decision::Allowed,
            (false, _) => Decision::Denied { reason: self.reason },
        }
    }
}
