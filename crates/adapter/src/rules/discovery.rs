//! `seriesQuery` as PromQL: whether it is what discovery needs, a plain series selector.
//!
//! Not a refusal: a server may understand more than Prometheus does, so that the selector is sent all the same.
//!
//! **Invariant:** at most one finding per selector.

use plimsoll_promql::syntax::ast::{Edges, Expr, Shift, VectorSelector};
use plimsoll_promql::syntax::{self, Span};

use super::Dialect;
use super::compile::Site;
use super::meaning::{self, described, exact_name};
use crate::config::{Code, DiscoveryRule, Finding, Text};

/// The selector of a rule if it is one, and what is wrong with it.
pub(super) fn read(
    site: &Site<'_>,
    written: &DiscoveryRule,
    dialect: Dialect,
) -> (Option<VectorSelector>, Option<Finding>) {
    let text = &written.series_query;
    if text.trim().is_empty() {
        let finding = site.finding(
            Code::SeriesQueryMissing,
            text.position(),
            1,
            "the rule has no seriesQuery, so that it finds no series".to_owned(),
        );
        let fix = "seriesQuery: 'http_requests_total{namespace!=\"\",pod!=\"\"}'";
        return (None, Some(finding.with_fix(fix)));
    }
    let expr = match syntax::parse(text) {
        Ok(expr) => expr,
        // The loader has said so at the same place.
        Err(_) if text.contains("{{") => return (None, None),
        Err(error) => {
            let message = format!("seriesQuery is no PromQL: {}", error.message);
            let fix = if is_one_word(text) {
                format!("quote the name: seriesQuery: '{{__name__=\"{}\"}}'", text.trim())
            } else if error.message.contains("braces") || error.message.contains("label matching") {
                "between the braces stand matchers such as pod!=\"\", separated by commas; there are =, !=, =~ and !~".to_owned()
            } else {
                "correct it; until then Prometheus answers 400, and the rule finds nothing".to_owned()
            };
            return (None, Some(at(site, text, Code::SeriesQuerySyntax, error.span, message).with_fix(fix)));
        }
    };
    match expr {
        Expr::Vector(vector) if is_plain(&vector) => {
            let finding = (dialect == Dialect::GoogleManaged && exact_name(&vector).is_none()).then(|| {
                let message = "seriesQuery names no metric, and Google's managed service answers only selectors with \
                               an exact name";
                at(site, text, Code::GmpMetricName, vector.span, message.to_owned())
                    .with_fix("write one rule per metric, with its name in front of the braces: http_requests_total{...}")
            });
            (Some(vector), finding)
        }
        other => {
            let message = format!("seriesQuery must be a series selector; this is {}", described(&other));
            let finding = at(site, text, Code::SeriesQueryNotASelector, other.span(), message);
            (None, Some(finding.with_fix(advice(text, &other))))
        }
    }
}

fn is_plain(vector: &VectorSelector) -> bool {
    let shift = &vector.shift;
    shift.at.is_none() && shift.offset == 0 && shift.offset_expr.is_none() && vector.edges == Edges::Plain
}

fn advice(text: &str, expr: &Expr) -> String {
    let selectors = meaning::selectors(expr);
    let bare = |selector: &VectorSelector| {
        VectorSelector { shift: Shift::default(), edges: Edges::Plain, ..selector.clone() }.to_string()
    };
    match (expr, &selectors[..]) {
        // `http-requests`
        (Expr::Binary(binary), [..]) if is_one_word(text) => format!(
            "if this is one name, quote it: seriesQuery: '{{__name__=\"{}\"}}'; `{}` is an operator otherwise",
            text.trim(),
            binary.op.as_str()
        ),
        (_, [only]) => {
            format!("seriesQuery: '{}'; what is done with the series belongs into metricsQuery", bare(only))
        }
        (_, [first, ..]) => format!(
            "seriesQuery: '{}'; give each further series a rule of its own, or name it in metricsQuery",
            bare(first)
        ),
        (_, []) => "write a selector, such as http_requests_total{namespace!=\"\",pod!=\"\"}".to_owned(),
    }
}

fn is_one_word(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_:-./".contains(character))
}

fn at(site: &Site<'_>, text: &Text, code: Code, span: Span, message: String) -> Finding {
    let marked = text.get(span.start..span.end).unwrap_or_default().trim_end();
    let width = marked.lines().next().unwrap_or_default().chars().count();
    site.finding(code, text.position_at(span.start), width, message)
}
