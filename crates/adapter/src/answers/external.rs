//! External metrics: the samples of a query, with their labels.
//!
//! Matches prometheus-adapter's `pkg/external-provider`; differs where a missing value would look like less load.
//!
//! **Invariant:** the HPA adds the values of an answer, so a sample that has none is either no load or an error,
//! never silently part of a sum.

use std::time::Duration;

use plimsoll_model::quantity::{Milli, NoQuantity};
use plimsoll_model::selector::Selector;

use super::Queries;
use super::custom::FetchError;
use super::why::{self, Why};
use crate::backend::QueryResult;
use crate::catalogue::{Catalogue, ExternalMatch};
use crate::config::Section;
use crate::rules::query::Subject;

/// A request for an external metric.
#[derive(Debug, Clone, Copy)]
pub struct ExternalRequest<'a> {
    /// The namespace of the path.
    pub namespace: &'a str,
    /// The API name of the metric.
    pub metric: &'a str,
    /// Selects series.
    pub selector: &'a Selector,
    /// Unix time in seconds at which the metric is wanted.
    pub at: f64,
    /// How long the answer may take.
    pub limit: Duration,
    /// Whether someone will read why a value is missing, which may cost one more query.
    pub explain: bool,
}

/// One value of an external metric.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalValue {
    /// All labels of the sample; `None` for a scalar.
    pub labels: Option<Vec<(Box<str>, Box<str>)>>,
    /// Unix time in seconds of the sample.
    pub time: f64,
    /// Its value.
    pub value: Milli,
}

/// The values, in the order of Prometheus' answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalAnswer {
    /// May be empty, which the HPA takes as an error.
    pub values: Vec<ExternalValue>,
    /// Why values may be missing, when none came.
    pub why: Option<Why>,
    /// Set when the metric was found under other letters than asked for.
    pub found_as: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// No such metric.
    #[error("the server could not find the metric {metric}")]
    NotFound { metric: String, why: Why },
    /// client-go lower-cases names, and several metrics differ only in case.
    #[error("the metric {metric} could be any of {}: rename one in its rule", .candidates.join(", "))]
    Ambiguous { metric: String, candidates: Vec<String> },
    /// The rule gives no query, or the back-end failed.
    #[error("unable to fetch metrics")]
    Fetch {
        #[source]
        error: ExternalFetchError,
    },
    /// The query gives a range vector or a string.
    #[error("encountered an unexpected query result type")]
    Type {
        #[source]
        error: FetchError,
    },
    /// One of several samples is infinite or too large: adding the others up would look like less load.
    #[error(
        "{rule}: {bad} of {samples} samples are infinite or beyond 9.2e15, so their sum is unknown: check for a division \
         by zero"
    )]
    Infinite { rule: String, bad: usize, samples: usize },
}

/// What went wrong before or at the back-end.
#[derive(Debug, thiserror::Error)]
pub enum ExternalFetchError {
    /// The rule gives no query.
    #[error("{rule} gives no query: {reason}")]
    Query { rule: String, reason: String },
    /// The back-end failed.
    #[error(transparent)]
    Fetch(FetchError),
}

/// Answers `request` from what is served now.
///
/// # Errors
/// See [`ExternalError`].
pub async fn answer(
    request: &ExternalRequest<'_>,
    catalogue: &Catalogue,
    queries: &Queries,
) -> Result<ExternalAnswer, ExternalError> {
    let (entry, found_as) = match catalogue.external(request.metric) {
        ExternalMatch::Exact(entry) => (entry, None),
        ExternalMatch::IgnoringCase(name, entry) => (entry, Some(name.to_owned())),
        ExternalMatch::Ambiguous(names) => {
            let candidates = names.into_iter().map(str::to_owned).collect();
            return Err(ExternalError::Ambiguous { metric: request.metric.to_owned(), candidates });
        }
        ExternalMatch::Unknown => {
            let metric = request.metric.to_owned();
            let why = Why::NoMetric {
                metric: metric.clone(),
                rules: why::rules_summary(catalogue, Section::ExternalRules),
            };
            return Err(ExternalError::NotFound { metric, why });
        }
    };
    let namespace = match &entry.namespace_label {
        Some(label) if !request.namespace.is_empty() => Some((&**label, request.namespace)),
        _ => None,
    };
    let subject = Subject {
        series: &entry.series,
        selector: request.selector,
        namespace,
        objects: None,
        group_by: &[],
    };
    // Without a namespace the matcher is left out, and only samples that say themselves where they come from tell the
    // namespaces apart; a sum over all of them would be nobody's.
    let everywhere = entry.namespace_label.as_deref().filter(|_| request.namespace.is_empty());
    let rule = entry.rule.to_string();
    let query = entry.rule.query(&subject).map_err(|error| ExternalError::Fetch {
        error: ExternalFetchError::Query { rule: rule.clone(), reason: error.to_string() },
    })?;
    let result = queries
        .run_for(&entry.rule, query, request.at, request.limit)
        .await
        .map_err(|error| ExternalError::Fetch { error: ExternalFetchError::Fetch(error) })?;
    let unexpected = |what| ExternalError::Type { error: FetchError::Type { rule: rule.clone(), what } };
    let mut values = Vec::new();
    let (mut bad, samples) = match &*result {
        QueryResult::Scalar { time, value } => {
            let bad = push(&mut values, None, *time, Some(*value));
            (usize::from(bad), 1)
        }
        QueryResult::Vector(vector) => {
            let mut bad = 0;
            for sample in
                vector.iter().filter(|sample| everywhere.is_none_or(|label| sample.label(label).is_some()))
            {
                bad += usize::from(push(&mut values, Some(&sample.labels), sample.time, sample.value));
            }
            (bad, vector.len())
        }
        QueryResult::Matrix => return Err(unexpected("a range vector")),
        QueryResult::String => return Err(unexpected("a string")),
    };
    if let Some(label) = everywhere
        && values.is_empty()
        && bad == 0
    {
        let metric = request.metric.to_owned();
        return Err(ExternalError::NotFound {
            metric,
            why: Why::NoNamespace { rule, label: label.to_owned() },
        });
    }
    if bad > 0 && samples > 1 {
        return Err(ExternalError::Infinite { rule, bad, samples });
    }
    queries.leave_out(&entry.rule, &entry.rule.told, bad, samples);
    bad = samples - values.len();
    let why = if !values.is_empty() {
        None
    } else if bad > 0 {
        Some(Why::NoFiniteValue { rule, samples: bad })
    } else {
        let selector = request.selector.to_string();
        let why = Why::NoSamples { rule, series: entry.series.to_string(), selector };
        Some(if request.explain {
            why.with_age(&subject, queries, request.at, request.limit).await
        } else {
            why
        })
    };
    Ok(ExternalAnswer { values, why, found_as })
}

/// Adds a sample; returns whether it is infinite or too large. NaN and histograms are left out.
fn push(
    values: &mut Vec<ExternalValue>,
    labels: Option<&Vec<(Box<str>, Box<str>)>>,
    time: f64,
    value: Option<f64>,
) -> bool {
    match value.map(Milli::from_f64) {
        Some(Ok(value)) => {
            values.push(ExternalValue { labels: labels.cloned(), time, value });
            false
        }
        Some(Err(NoQuantity::OutOfRange)) => true,
        Some(Err(NoQuantity::NotANumber)) | None => false,
    }
}
