//! Custom metrics: the value of a metric for one object, or for each object of a type.
//!
//! Matches prometheus-adapter's `pkg/custom-provider/provider.go`, with the metric looked up before objects are
//! listed, samples of other namespaces left out, and values that have no quantity dropped.
//!
//! **Invariant:** only objects that the cluster lists appear in an answer for all objects, in list order.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use plimsoll_model::quantity::{Milli, NoQuantity};
use plimsoll_model::selector::Selector;

use super::why::{self, Why};
use super::{Queries, QueryFault};
use crate::backend::{QueryResult, Sample};
use crate::catalogue::{Catalogue, CustomEntry};
use crate::cluster::{ApiResource, ListError, ObjectMeta, Objects, Scope};
use crate::config::Section;
use crate::mapper::{GroupResource, RestMapper};
use crate::rules::Rule;
use crate::rules::oddity::Oddity;
use crate::rules::query::{Names, Subject};

/// Whose metric is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The object of this name; `raw` is the name as the path spells it, which need not be UTF-8.
    One { name: &'a str, raw: &'a [u8] },
    /// Every object of the type.
    All,
}

/// A request for a custom metric.
#[derive(Debug, Clone, Copy)]
pub struct CustomRequest<'a> {
    /// The type as written in the path, `resource[.group]`.
    pub resource: &'a str,
    /// The namespace of the path.
    pub namespace: Option<&'a str>,
    /// The object or objects.
    pub target: Target<'a>,
    /// The API name of the metric.
    pub metric: &'a str,
    /// Selects objects; ignored for a single one.
    pub objects: &'a Selector,
    /// Selects series.
    pub series: &'a Selector,
    /// Unix time in seconds at which the metric is wanted.
    pub at: f64,
    /// How long the answer may take.
    pub limit: Duration,
    /// Whether someone will read why a value is missing, which may cost one more query.
    pub explain: bool,
}

/// The objects' values.
#[derive(Debug, Clone)]
pub struct CustomAnswer {
    /// The type of the objects.
    pub resource: ApiResource,
    /// The metric of each object that has one.
    pub values: Vec<(Described, Milli)>,
    /// Why objects may be missing, when some are.
    pub why: Option<Why>,
}

/// The object that a value describes.
#[derive(Debug, Clone)]
pub enum Described {
    /// As named in the request; nobody checked that it exists.
    Named(Box<str>),
    /// As listed by the cluster.
    Listed(Arc<ObjectMeta>),
}

impl Described {
    /// The object's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Listed(object) => &object.name,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CustomError {
    /// No such metric, or no value of it for this object. `resource` is as written in the request; `object` is set
    /// when the metric exists.
    #[error("the server could not find the metric {metric} for {resource}{}", .object.as_deref().map(|name| format!(" {name}")).unwrap_or_default())]
    NotFound { metric: String, resource: String, object: Option<String>, why: Why },
    /// The resource type is unknown, or its objects cannot be listed.
    #[error("unable to list matching resources")]
    Objects {
        #[source]
        error: Option<ListError>,
    },
    /// The back-end failed, or its answer is no vector.
    #[error("unable to fetch metrics")]
    Fetch {
        #[source]
        error: FetchError,
    },
}

/// What went wrong between the rule and the back-end.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The back-end failed.
    #[error("{rule}: {fault}")]
    Backend { rule: String, fault: QueryFault },
    /// The query gives something that is no list of samples.
    #[error("{rule}: the query gives {what}, where an instant vector is needed")]
    Type { rule: String, what: &'static str },
}

/// Answers `request` from what is served now.
///
/// # Errors
/// See [`CustomError`].
pub async fn answer(
    request: &CustomRequest<'_>,
    catalogue: &Catalogue,
    mapper: &RestMapper,
    objects: &dyn Objects,
    queries: &Queries,
) -> Result<CustomAnswer, CustomError> {
    let Some(resource) = mapper.resolve_dotted(request.resource) else {
        return Err(match request.target {
            Target::All => CustomError::Objects { error: None },
            Target::One { .. } => {
                not_found(request, None, Why::UnknownResource { resource: request.resource.to_owned() })
            }
        });
    };
    let group_resource = GroupResource::new(&resource.group, &resource.plural);
    let Some(entry) = catalogue.custom(request.metric, &group_resource, request.namespace.is_some()) else {
        return Err(not_found(request, None, why_unregistered(request, &group_resource, catalogue)));
    };
    match request.target {
        Target::One { name, raw } => {
            let samples = fetch(request, entry, Names::Requested(raw), queries).await?;
            match samples.values.get(name) {
                Some(&value) => {
                    let values = vec![(Described::Named(name.into()), value)];
                    Ok(CustomAnswer { resource: resource.clone(), values, why: None })
                }
                None => {
                    let why = explained(
                        samples.why(entry, &[name]),
                        request,
                        entry,
                        Names::Requested(raw),
                        queries,
                    );
                    Err(not_found(request, Some(name), why.await))
                }
            }
        }
        Target::All => {
            let scope = Scope { namespace: request.namespace, running: false };
            let listed = objects
                .list(resource, scope, request.objects)
                .await
                .map_err(|error| CustomError::Objects { error: Some(error) })?;
            if listed.is_empty() {
                let why = Why::NoObjects {
                    resource: group_resource.to_string(),
                    namespace: request.namespace.map(str::to_owned),
                    selector: request.objects.to_string(),
                };
                return Err(not_found(request, None, why));
            }
            let names: Vec<&str> = listed.iter().map(|object| &*object.name).collect();
            let samples = fetch(request, entry, Names::Listed(&names), queries).await?;
            let why = if samples.values.len() < names.len() {
                let why = samples.why(entry, &names);
                Some(explained(why, request, entry, Names::Listed(&names), queries).await)
            } else {
                None
            };
            let values = listed
                .iter()
                .filter_map(|object| {
                    let value = samples.values.get(&*object.name)?;
                    Some((Described::Listed(Arc::clone(object)), *value))
                })
                .collect();
            Ok(CustomAnswer { resource: resource.clone(), values, why })
        }
    }
}

/// Adds how old the newest sample is where there is none now, if someone will read it.
async fn explained(
    why: Why,
    request: &CustomRequest<'_>,
    entry: &CustomEntry,
    names: Names<'_>,
    queries: &Queries,
) -> Why {
    if !request.explain {
        return why;
    }
    let subject = subject(request, entry, names);
    why.with_age(&subject, queries, request.at, request.limit).await
}

fn subject<'a>(request: &CustomRequest<'a>, entry: &'a CustomEntry, names: Names<'a>) -> Subject<'a> {
    // Metrics of namespaces name their object with the namespace label itself.
    let namespace = match (request.namespace, &entry.namespace_label) {
        (Some(namespace), Some(label)) => Some((&**label, namespace)),
        _ => None,
    };
    Subject {
        series: &entry.series,
        selector: request.series,
        namespace,
        objects: Some((&entry.label, names)),
        group_by: std::slice::from_ref(&entry.label),
    }
}

/// Values by object name, and what was left out on the way.
#[derive(Debug, Default)]
struct Samples {
    values: HashMap<Box<str>, Milli>,
    received: usize,
    unlabelled: usize,
    foreign: usize,
    without_value: usize,
    labels_seen: Vec<Box<str>>,
    example: Option<Box<str>>,
    selector: String,
}

async fn fetch(
    request: &CustomRequest<'_>,
    entry: &CustomEntry,
    names: Names<'_>,
    queries: &Queries,
) -> Result<Samples, CustomError> {
    let subject = subject(request, entry, names);
    let query = entry.rule.query(&subject).map_err(|error| {
        not_found(request, None, Why::Query { rule: entry.rule.to_string(), reason: error.to_string() })
    })?;
    // A query that selects the namespace has been obeyed; whatever its result says of namespaces now is its own doing.
    let foreign = subject.namespace.filter(|_| !query.selects_namespace);
    let fail = |error| CustomError::Fetch { error };
    let result = queries.run_for(&entry.rule, query, request.at, request.limit).await.map_err(fail)?;
    let what = match &*result {
        QueryResult::Vector(vector) => {
            let mut samples = Samples { selector: request.series.to_string(), ..Samples::default() };
            samples.sort(vector, &entry.label, foreign);
            samples.tell(&entry.rule, queries);
            return Ok(samples);
        }
        QueryResult::Scalar { .. } => "a scalar",
        QueryResult::Matrix => "a range vector",
        QueryResult::String => "a string",
    };
    Err(fail(FetchError::Type { rule: entry.rule.to_string(), what }))
}

impl Samples {
    fn sort(&mut self, vector: &[Sample], label: &str, namespace: Option<(&str, &str)>) {
        self.received = vector.len();
        self.values.reserve(vector.len());
        for sample in vector {
            let Some(name) = sample.label(label) else {
                self.unlabelled += 1;
                if self.labels_seen.is_empty() {
                    self.labels_seen = sample.labels.iter().map(|(name, _)| name.clone()).collect();
                }
                continue;
            };
            if let Some((namespace_label, namespace)) = namespace
                && sample.label(namespace_label).is_some_and(|carried| carried != namespace)
            {
                self.foreign += 1;
                continue;
            }
            let value = match sample.value.map(Milli::from_f64) {
                Some(Ok(value)) => value,
                // As upstream since its first years: a rate over nothing is NaN, and means none.
                Some(Err(NoQuantity::NotANumber)) => Milli(0),
                Some(Err(NoQuantity::OutOfRange)) | None => {
                    self.without_value += 1;
                    continue;
                }
            };
            if self.example.is_none() {
                self.example = Some(name.into());
            }
            self.values.insert(name.into(), value);
        }
    }

    /// Tells the log of what was left out, once per rule.
    fn tell(&self, rule: &Rule, queries: &Queries) {
        queries.leave_out(rule, &rule.told, self.without_value, self.received);
        if self.foreign > 0 && rule.told.is_new(Oddity::OtherNamespace) {
            tracing::warn!(
                "{rule}: {} of {} samples are left out because they belong to other namespaces than the one asked for: \
                 use <<.LabelMatchers>> in its metricsQuery; this is said once",
                self.foreign,
                self.received
            );
        }
    }

    fn why(&self, entry: &CustomEntry, names: &[&str]) -> Why {
        let rule = entry.rule.to_string();
        let label = entry.label.to_string();
        if self.received == 0 {
            Why::NoSamples { rule, series: entry.series.to_string(), selector: self.selector.clone() }
        } else if self.unlabelled == self.received {
            let carried = self.labels_seen.iter().map(ToString::to_string).collect();
            Why::LabelMissing { rule, label, carried, samples: self.received }
        } else if self.foreign > 0 && self.values.is_empty() {
            Why::OtherNamespace { rule, samples: self.foreign }
        } else if self.without_value > 0 && self.values.is_empty() {
            Why::NoFiniteValue { rule, samples: self.without_value }
        } else {
            let missing = names.iter().filter(|name| !self.values.contains_key(**name)).count();
            let example = self.example.as_deref().unwrap_or_default().to_owned();
            Why::OtherObjects { rule, label, missing, asked: names.len(), example }
        }
    }
}

fn not_found(request: &CustomRequest<'_>, object: Option<&str>, why: Why) -> CustomError {
    CustomError::NotFound {
        metric: request.metric.to_owned(),
        // "pods." is how the empty group may be spelled.
        resource: request.resource.trim_end_matches('.').to_owned(),
        object: object.map(str::to_owned),
        why,
    }
}

fn why_unregistered(request: &CustomRequest<'_>, resource: &GroupResource, catalogue: &Catalogue) -> Why {
    let entries = catalogue.custom_entries(request.metric);
    if entries.is_empty() {
        return Why::NoMetric {
            metric: request.metric.to_owned(),
            rules: why::rules_summary(catalogue, Section::Rules),
        };
    }
    if let Some(entry) = entries.iter().find(|entry| entry.resource == *resource) {
        return Why::WrongScope { resource: resource.to_string(), namespaced: entry.namespaced };
    }
    let mut others: Vec<String> = entries.iter().map(|entry| entry.resource.to_string()).collect();
    others.sort();
    others.dedup();
    Why::NotMapped { resource: resource.to_string(), series: entries[0].series.to_string(), others }
}
