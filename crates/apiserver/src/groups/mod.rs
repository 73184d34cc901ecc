//! The metrics groups: `custom.metrics.k8s.io`, `external.metrics.k8s.io` and `metrics.k8s.io`.
//!
//! Each handler turns path and query into a request to the adapter, and its answer into objects of the group.
//! Encodings, discovery documents and error bodies are the server's.
//!
//! **Invariant:** a group is served exactly when the configuration has rules for it; the external one also whenever
//! the aggregator asks for it.

mod custom;
mod explain;
mod external;
mod options;
mod resource;
mod served;
mod table;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use plimsoll_adapter::service::Adapter;

use crate::encode::Encoding;
use crate::negotiate::{self, Offers};
use crate::route::{Answer, ApiGroups, ApiRequest, Served};
use crate::status::Status;

pub use served::ServedGroups;

/// The custom metrics group.
pub const CUSTOM: &str = "custom.metrics.k8s.io";
/// The external metrics group.
pub const EXTERNAL: &str = "external.metrics.k8s.io";
/// The resource metrics group.
pub const RESOURCE: &str = "metrics.k8s.io";

/// How long a query may take. The server's own deadline for a request is not longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Answers the metrics groups from an adapter.
pub struct MetricsGroups {
    adapter: Arc<Adapter>,
    served: ServedGroups,
    clock: Box<dyn Fn() -> f64 + Send + Sync>,
}

/// What a handler needs besides the request.
struct Context<'a> {
    adapter: &'a Adapter,
    request: &'a ApiRequest,
    /// Unix time in seconds.
    now: f64,
    limit: Duration,
}

impl Context<'_> {
    /// How the client wants the answer of an existing path, once its method is known to be one; or the refusal.
    fn encoding(&self, offers: Offers) -> Result<Result<Encoding, Answer>, Status> {
        if self.request.method != Method::GET {
            return Err(Status::method_not_allowed());
        }
        Ok(self.request.encoding(offers))
    }

    /// As [`Self::encoding`] for lists of metric values. A client that accepts a format, but only in another shape
    /// (`as=Table`), is refused once there is an answer to write, as upstream does.
    fn encoding_of_values(&self) -> Result<Result<Encoding, Answer>, Refused> {
        match self.encoding(Offers::METRIC_VALUES).map_err(Refused::Status)? {
            Err(refused) if !negotiate::accepts_a_format(&self.request.headers) => {
                Err(Refused::Answer(refused))
            }
            later => Ok(later),
        }
    }
}

/// Why a request ends before it is looked at.
enum Refused {
    Status(Status),
    Answer(Answer),
}

impl MetricsGroups {
    /// Groups answered by `adapter`; `clock` gives Unix time in seconds.
    pub fn new(adapter: Arc<Adapter>, clock: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self { served: ServedGroups::new(Arc::clone(&adapter)), adapter, clock: Box::new(clock) }
    }
}

#[async_trait]
impl ApiGroups for MetricsGroups {
    fn served(&self) -> Arc<Served> {
        self.served.current()
    }

    fn served_to_aggregator(&self) -> Arc<Served> {
        self.served.to_aggregator()
    }

    async fn answer(&self, request: ApiRequest) -> Answer {
        let context =
            Context { adapter: &self.adapter, request: &request, now: (self.clock)(), limit: LIMIT };
        let result = match request.group.as_str() {
            CUSTOM => custom::answer(&context).await,
            EXTERNAL => external::answer(&context).await,
            RESOURCE => resource::answer(&context).await,
            _ => Err(Status::path_not_found().into()),
        };
        match result {
            Ok(answer) => answer,
            Err(failure) => failure.answer(&context),
        }
    }
}

/// A failure, and what a person may want to know about it.
struct Failure {
    status: Status,
    why: Option<String>,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { status, why: None }
    }
}

impl Failure {
    fn because(status: Status, why: impl ToString) -> Self {
        Self { status, why: Some(why.to_string()) }
    }

    fn answer(self, context: &Context<'_>) -> Answer {
        let Self { mut status, why } = self;
        if let Some(why) = &why {
            explain::extend(&mut status, why, &context.request.headers);
        }
        let mut answer = context.request.failure(&status);
        answer.warnings.extend(why);
        answer
    }
}
