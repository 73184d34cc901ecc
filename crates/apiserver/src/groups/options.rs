//! The query parameters of a request, checked as Kubernetes checks `ListOptions`.
//!
//! Not the server's parameters (`timeout`, `pretty`), which it has read already.
//!
//! **Invariant:** a parameter that is present and wrong is an error, even where its value would not be used.

use plimsoll_model::quote::quote;
use plimsoll_model::selector::{FieldSelector, Selector};

use crate::query;
use crate::status::Status;

/// Parameters that any of the groups reads.
#[derive(Debug)]
pub(super) struct Options {
    pub labels: Selector,
    pub fields: FieldSelector,
    pub watch: bool,
}

impl Options {
    /// Reads the raw query string.
    pub fn parse(raw: &str) -> Result<Self, Status> {
        for key in ["limit", "timeoutSeconds"] {
            if let Some(value) = query::first(raw, key)
                && !value.is_empty()
                && value.parse::<i64>().is_err()
            {
                let problem = if is_decimal(&value) { "value out of range" } else { "invalid syntax" };
                return Err(Status::bad_request(format!(
                    "strconv.ParseInt: parsing {}: {problem}",
                    quote(value.as_bytes())
                )));
            }
        }
        let text = |key| query::first(raw, key).unwrap_or_default();
        Ok(Self {
            labels: Selector::parse(&text("labelSelector"))
                .map_err(|error| Status::bad_request(error.to_string()))?,
            fields: FieldSelector::parse(&text("fieldSelector"))
                .map_err(|error| Status::bad_request(error.to_string()))?,
            watch: query::flag(raw, "watch"),
        })
    }
}

/// `metricLabelSelector` of a custom metrics request; upstream has no type for its errors.
pub(super) fn metric_selector(raw: &str) -> Result<Selector, Status> {
    let text = query::first(raw, "metricLabelSelector").unwrap_or_default();
    Selector::parse(&text).map_err(|error| Status::unexplained(error.to_string()))
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
