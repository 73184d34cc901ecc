//! The query parameters of a request, checked as Kubernetes checks `ListOptions`.
//!
//! Not the server's parameters (`timeout`, `pretty`), which it has read already.
//!
//! **Invariant:** a parameter that is present and wrong is an error, even where its value would not be used.

use plimsoll_model::quote::quote;
use plimsoll_model::selector::{FieldSelector, Selector};

use crate::query;
use crate::status::{Invalid, Status};

/// Parameters that any of the groups reads.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub labels: Selector,
    pub fields: FieldSelector,
    pub watch: bool,
}

impl Options {
    /// Reads the raw query string.
    pub fn parse(raw: &str) -> Result<Self, Status> {
        // Numbers before selectors: upstream takes the query apart first, and reads selectors from what it gives.
        for key in ["timeoutSeconds", "limit"] {
            if let Some(value) = query::first(raw, key)
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

    /// As [`Self::parse`] for lists that the generic API server handles, which looks at combinations too. Custom
    /// metrics have a handler of their own upstream, which does not.
    pub fn of_list(raw: &str) -> Result<Self, Status> {
        let options = Self::parse(raw)?;
        validate(raw, options.watch)?;
        Ok(options)
    }
}

/// The rules for `resourceVersionMatch` and `sendInitialEvents` (apimachinery
/// `meta/internalversion/validation.ValidateListOptions`, without the feature gate `WatchList`). Their values have
/// no meaning here, but clients of any API server are told of a wrong combination in these words.
fn validate(raw: &str, watch: bool) -> Result<(), Status> {
    const MATCH: &str = "resourceVersionMatch";
    const INITIAL: &str = "sendInitialEvents";
    let text = |key| query::first(raw, key).unwrap_or_default();
    let wanted = text(MATCH);
    let initial = query::first(raw, INITIAL).is_some();
    let mut invalid = Vec::new();
    let unsupported = |supported: &str| {
        let value = quote(wanted.as_bytes());
        Invalid::unsupported(MATCH, format!("{value}: supported values: {supported}"))
    };
    if watch {
        if initial {
            if wanted != "NotOlderThan" {
                let text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                invalid.push(Invalid::forbidden(MATCH, text));
            }
            let text =
                "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
            invalid.push(Invalid::forbidden(INITIAL, text));
        } else if !wanted.is_empty() {
            let text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            invalid.push(Invalid::forbidden(MATCH, text));
        }
        if !wanted.is_empty() && wanted != "NotOlderThan" {
            invalid.push(unsupported(r#""NotOlderThan""#));
        }
    } else if !wanted.is_empty() && text("resourceVersion").is_empty() {
        let text = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        invalid.push(Invalid::forbidden(MATCH, text));
    }
    if !wanted.is_empty() && !text("continue").is_empty() {
        let text = "resourceVersionMatch is forbidden when continue is provided";
        invalid.push(Invalid::forbidden(MATCH, text));
    }
    if !watch {
        if !matches!(&*wanted, "" | "Exact" | "NotOlderThan") {
            invalid.push(unsupported(r#""Exact", "NotOlderThan", """#));
        }
        if wanted == "Exact" && text("resourceVersion") == "0" {
            let text = r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#;
            invalid.push(Invalid::forbidden(MATCH, text));
        }
        if initial {
            invalid.push(Invalid::forbidden(INITIAL, "sendInitialEvents is forbidden for list"));
        }
    }
    if invalid.is_empty() { Ok(()) } else { Err(Status::invalid("meta.k8s.io", "ListOptions", "", &invalid)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(raw: &str) -> String {
        Options::of_list(raw).expect_err(raw).message
    }

    #[test]
    fn combinations_that_no_list_can_have_are_named() {
        let start = r#"ListOptions.meta.k8s.io "" is invalid: "#;
        for (raw, expected) in [
            (
                "sendInitialEvents=false",
                "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
            ),
            (
                "resourceVersionMatch=Exact",
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
            (
                "resourceVersionMatch=Exact&resourceVersion=0",
                r#"resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#,
            ),
            (
                "resourceVersionMatch=no&resourceVersion=5",
                r#"resourceVersionMatch: Unsupported value: "no": supported values: "Exact", "NotOlderThan", """#,
            ),
            (
                "watch=1&resourceVersionMatch=NotOlderThan",
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ),
        ] {
            assert_eq!(refusal(raw), format!("{start}{expected}"), "{raw}");
        }
        assert!(
            refusal("resourceVersionMatch=NotOlderThan&continue=x")
                .contains("is invalid: [resourceVersionMatch: ")
        );
    }

    #[test]
    fn a_number_that_is_empty_is_no_number() {
        assert_eq!(refusal("limit=&labelSelector=!!"), r#"strconv.ParseInt: parsing "": invalid syntax"#);
        assert_eq!(refusal("limit=x&timeoutSeconds=y"), r#"strconv.ParseInt: parsing "y": invalid syntax"#);
    }

    #[test]
    fn combinations_of_custom_metrics_are_not_looked_at() {
        assert!(Options::parse("sendInitialEvents=true&resourceVersionMatch=no").is_ok());
        assert!(Options::of_list("resourceVersion=5&resourceVersionMatch=NotOlderThan&limit=1").is_ok());
    }
}
