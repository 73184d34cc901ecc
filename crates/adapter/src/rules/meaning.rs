//! What a query does with names and labels, as far as its text tells.
//!
//! Not an evaluation: where the answer depends on the series, the benefit of the doubt is given.
//!
//! **Invariant:** `loses` accuses only when no series whatever could keep the label.

use plimsoll_model::labels::METRIC_NAME;
use plimsoll_model::matcher::MatchOp;
use plimsoll_promql::syntax::Span;
use plimsoll_promql::syntax::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, Expr, ValueType, VectorSelector,
};

/// The one metric name that a selector asks for.
pub fn exact_name(selector: &VectorSelector) -> Option<&str> {
    selector
        .matchers
        .iter()
        .find(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
        .map(|matcher| matcher.value())
        .filter(|name| !name.is_empty())
}

/// All selectors of a query, from left to right.
pub fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    let mut found = Vec::new();
    walk(expr, &mut |expr| match expr {
        Expr::Vector(vector) => found.push(vector),
        Expr::Matrix(matrix) => found.push(&matrix.vector),
        _ => {}
    });
    found
}

/// The calls of a query, from the outside in.
pub fn calls(expr: &Expr) -> Vec<&Call> {
    let mut found = Vec::new();
    walk(expr, &mut |expr| {
        if let Expr::Call(call) = expr {
            found.push(call);
        }
    });
    found
}

/// The aggregations of a query, from the outside in.
pub fn aggregations(expr: &Expr) -> Vec<&Aggregate> {
    let mut found = Vec::new();
    walk(expr, &mut |expr| {
        if let Expr::Aggregate(aggregate) = expr {
            found.push(&**aggregate);
        }
    });
    found
}

/// The labels that a query groups by, matches on, copies or makes.
pub fn mentioned(expr: &Expr) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    walk(expr, &mut |expr| match expr {
        Expr::Aggregate(aggregate) => found.extend(aggregate.grouping.iter().map(String::as_str)),
        Expr::Binary(binary) => {
            if let Some(matching) = &binary.matching {
                found.extend(matching.labels.iter().chain(&matching.include).map(String::as_str));
            }
        }
        Expr::Call(call) => found.extend(call.args.iter().filter_map(|arg| match arg.unwrapped() {
            Expr::String { value, .. } => Some(value.as_str()),
            _ => None,
        })),
        _ => {}
    });
    found
}

/// Calls `visit` with each part of the query, from the outside in. The depth is that of the parser, which is bounded.
fn walk<'a>(expr: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    visit(expr);
    for child in expr.children() {
        walk(child, visit);
    }
}

/// The selectors whose latest sample is used as it is: neither in a window nor in a subquery.
pub fn latest(expr: &Expr) -> Vec<&VectorSelector> {
    match expr {
        Expr::Vector(vector) => vec![vector],
        Expr::Matrix(_) | Expr::Subquery(_) => Vec::new(),
        other => other.children().into_iter().flat_map(latest).collect(),
    }
}

/// The calls that give nothing for a series with fewer than two samples in their window.
pub fn needing_two_samples(expr: &Expr) -> Vec<&'static str> {
    const FUNCTIONS: [&str; 7] = ["rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear"];
    let mut found: Vec<&'static str> =
        calls(expr).iter().map(|call| call.function.name).filter(|name| FUNCTIONS.contains(name)).collect();
    found.dedup();
    found
}

/// What an expression is, for a sentence: `a call of rate()`.
pub fn described(expr: &Expr) -> String {
    match expr {
        Expr::Number(number) if number.is_duration => "a duration".to_owned(),
        Expr::Number(_) => "a number".to_owned(),
        Expr::String { .. } => "a text".to_owned(),
        Expr::Vector(vector) if vector.shift.at.is_some() => "a selector with `@`".to_owned(),
        Expr::Vector(vector) if vector.shift.offset != 0 || vector.shift.offset_expr.is_some() => {
            "a selector with `offset`".to_owned()
        }
        Expr::Vector(_) => "a selector".to_owned(),
        Expr::Matrix(_) => "a range selector".to_owned(),
        Expr::Subquery(_) => "a subquery".to_owned(),
        Expr::Aggregate(aggregate) => format!("an aggregation with {}()", aggregate.op.as_str()),
        Expr::Binary(binary) => match binary.op {
            BinaryOp::Sub => "a subtraction".to_owned(),
            BinaryOp::Add => "an addition".to_owned(),
            BinaryOp::Mul => "a multiplication".to_owned(),
            BinaryOp::Div => "a division".to_owned(),
            op => format!("an operation with `{}`", op.as_str()),
        },
        Expr::Negate { .. } | Expr::Plus { .. } => "an expression with a sign".to_owned(),
        Expr::Paren { .. } => "an expression in parentheses".to_owned(),
        Expr::Call(call) => format!("a call of {}()", call.function.name),
    }
}

/// The part of the query that drops `label` from every series that it gives; `None` if some series may keep it.
pub fn loses(expr: &Expr, label: &str) -> Option<Span> {
    match expr {
        Expr::Number(_) | Expr::String { .. } | Expr::Vector(_) | Expr::Matrix(_) => None,
        Expr::Paren { expr, .. } | Expr::Negate { expr, .. } | Expr::Plus { expr, .. } => loses(expr, label),
        Expr::Subquery(subquery) => loses(&subquery.expr, label),
        Expr::Aggregate(aggregate) => aggregate_loses(aggregate, label),
        Expr::Binary(binary) => binary_loses(binary, label),
        Expr::Call(call) => call_loses(call, label),
    }
}

fn aggregate_loses(aggregate: &Aggregate, label: &str) -> Option<Span> {
    let Aggregate { op, expr, param, grouping, without, span } = aggregate;
    if matches!(op, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio)
    {
        return loses(expr, label);
    }
    if *op == AggregateOp::CountValues
        && matches!(param.as_ref().map(Expr::unwrapped), Some(Expr::String { value, .. }) if value == label)
    {
        return None;
    }
    let listed = grouping.iter().any(|grouped| grouped == label);
    if listed == *without { Some(*span) } else { loses(expr, label) }
}

fn binary_loses(binary: &Binary, label: &str) -> Option<Span> {
    let Binary { op, lhs, rhs, matching, op_span, .. } = binary;
    let Some(matching) = matching else {
        return match (lhs.value_type(), rhs.value_type()) {
            (ValueType::Scalar, ValueType::Scalar) => None,
            (ValueType::Scalar, _) => loses(rhs, label),
            _ => loses(lhs, label),
        };
    };
    match op {
        BinaryOp::And | BinaryOp::Unless => return loses(lhs, label),
        BinaryOp::Or => return loses(lhs, label).filter(|_| loses(rhs, label).is_some()),
        _ => {}
    }
    let listed = |labels: &[String]| labels.iter().any(|listed| listed == label);
    let (many, one) = match matching.cardinality {
        Cardinality::ManyToOne => (lhs, rhs),
        Cardinality::OneToMany => (rhs, lhs),
        Cardinality::OneToOne | Cardinality::ManyToMany => {
            return if listed(&matching.labels) == matching.on {
                // Series find each other by this label, so that one side without it leaves nothing that has it.
                loses(lhs, label).or_else(|| loses(rhs, label))
            } else {
                Some(*op_span)
            };
        }
    };
    if listed(&matching.include) { loses(one, label) } else { loses(many, label) }
}

fn call_loses(call: &Call, label: &str) -> Option<Span> {
    let first = |wanted: fn(ValueType) -> bool| call.args.iter().find(|arg| wanted(arg.value_type()));
    match call.function.name {
        // These make labels of their own.
        "absent" | "absent_over_time" | "info" => None,
        "label_replace" | "label_join" => match call.args.get(1).map(Expr::unwrapped) {
            Some(Expr::String { value, .. }) if value == label => None,
            _ => call.args.first().and_then(|arg| loses(arg, label)),
        },
        "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" if label == "le" => {
            Some(call.span)
        }
        _ => match first(|kind| matches!(kind, ValueType::Vector | ValueType::Matrix)) {
            Some(arg) => loses(arg, label),
            None => (call.function.returns == ValueType::Vector).then_some(call.span),
        },
    }
}

/// Whether some selector of the query says which values `label` may have.
pub fn selects(expr: &Expr, label: &str) -> bool {
    let positive =
        |op: MatchOp, value: &str| matches!(op, MatchOp::Equal | MatchOp::Regex) && !value.is_empty();
    selectors(expr).iter().any(|selector| {
        selector
            .matchers
            .iter()
            .any(|matcher| matcher.name() == label && positive(matcher.op(), matcher.value()))
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_promql::syntax::parse;

    use super::*;

    #[test]
    fn a_label_is_lost_only_where_no_series_can_keep_it() {
        for (query, lost) in [
            ("x", ""),
            ("sum(x)", "sum(x)"),
            ("sum by (pod) (x)", ""),
            ("sum by (node) (x)", "sum by (node) (x)"),
            ("sum without (pod) (x)", "sum without (pod) (x)"),
            ("sum without (le) (rate(x[5m]))", ""),
            ("sum by (pod) (sum(x))", "sum(x)"),
            ("topk(3, x)", ""),
            ("topk(3, sum(x))", "sum(x)"),
            ("count_values(\"pod\", x)", ""),
            ("-(2 * sum(x))", "sum(x)"),
            ("x / y", ""),
            ("x / sum(y)", "sum(y)"),
            ("x / on (pod) y", ""),
            ("x / on (node) y", "/ on (node)"),
            ("x / ignoring (pod) y", "/ ignoring (pod)"),
            ("x / on (node) group_left sum(y)", ""),
            ("x / on (node) group_left (pod) sum(y)", "sum(y)"),
            ("sum(x) / on (node) group_left (pod) y", ""),
            ("sum(x) * on () group_right y", ""),
            ("sum(x) or y", ""),
            ("sum(x) or sum(y)", "sum(x)"),
            ("sum(x) and y", "sum(x)"),
            ("label_replace(sum(x), \"pod\", \"a\", \"\", \"\")", ""),
            ("label_replace(sum(x), \"node\", \"a\", \"\", \"\")", "sum(x)"),
            ("histogram_quantile(0.9, sum by (le) (rate(x[5m])))", "sum by (le) (rate(x[5m]))"),
            ("max_over_time(sum(x)[5m:1m])", "sum(x)"),
            ("vector(1)", "vector(1)"),
            ("absent(x{pod=\"a\"})", ""),
        ] {
            let expr = parse(query).unwrap();
            let found = loses(&expr, "pod").map_or("", |span| &query[span.start..span.end]);
            assert_eq!(found, lost, "{query}");
        }
    }
}
