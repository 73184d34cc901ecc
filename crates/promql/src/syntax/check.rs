//! Types: whether the parts of a query fit together.
//!
//! Follows `checkAST` of Prometheus' `parse.go`.
//!
//! **Invariant:** the first misfit in the order of Prometheus' walk is the one reported.

use plimsoll_model::labels::METRIC_NAME;
use plimsoll_model::quote::quote;

use super::ast::{AggregateOp, Binary, Call, Cardinality, Expr, ValueType, VectorSelector};
use super::parser::Parsed;
use super::{ParseError, Span};

pub(super) fn check(query: &str, expr: &mut Expr) -> Parsed<()> {
    let fail = |span: Span, message: String| Err(ParseError::new(query, span, message));
    let expect = |expr: &mut Expr, wanted: ValueType, context: &str| -> Parsed<()> {
        check(query, expr)?;
        let got = expr.value_type();
        if got == wanted {
            return Ok(());
        }
        let message = format!("expected type {} in {context}, got {}", wanted.as_str(), got.as_str());
        Err(ParseError::new(query, expr.span(), message))
    };
    match expr {
        Expr::Number(_) | Expr::String { .. } => Ok(()),
        Expr::Vector(vector) => selector(query, vector),
        Expr::Matrix(matrix) => selector(query, &matrix.vector),
        Expr::Paren { expr, .. } => check(query, expr),
        Expr::Subquery(subquery) => {
            check(query, &mut subquery.expr)?;
            let got = subquery.expr.value_type();
            if got != ValueType::Vector {
                let got = match got {
                    ValueType::Matrix => "matrix",
                    other => other.as_str(),
                };
                let span = Span { start: subquery.expr.span().start, end: subquery.end };
                return fail(span, format!("subquery is only allowed on instant vector, got {got} instead"));
            }
            Ok(())
        }
        Expr::Negate { .. } | Expr::Plus { .. } => {
            let span = expr.span();
            let (Expr::Negate { expr, .. } | Expr::Plus { expr, .. }) = expr else { return Ok(()) };
            check(query, expr)?;
            match expr.value_type() {
                ValueType::Scalar | ValueType::Vector => Ok(()),
                got => fail(
                    span,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                        quote(got.as_str().as_bytes())
                    ),
                ),
            }
        }
        Expr::Aggregate(aggregate) => {
            expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression")?;
            let wanted =
                if aggregate.op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
            match &mut aggregate.param {
                Some(param) => expect(param, wanted, "aggregation parameter"),
                None => Ok(()),
            }
        }
        Expr::Binary(binary) => check_binary(query, binary),
        Expr::Call(call) => check_call(query, call),
    }
}

fn check_binary(query: &str, binary: &mut Binary) -> Parsed<()> {
    let fail = |span: Span, message: String| Err(ParseError::new(query, span, message));
    check(query, &mut binary.lhs)?;
    check(query, &mut binary.rhs)?;
    let span = binary.lhs.span().to(binary.rhs.span());
    let (left, right) = (binary.lhs.value_type(), binary.rhs.value_type());
    let op = binary.op;
    // Behind the left operand, as Prometheus finds it: a modifier that is no part of the operand's place comes first.
    let behind = binary.lhs.span().end;
    let blank = query.get(behind..).map_or(0, |rest| rest.len() - rest.trim_start().len());
    binary.op_span.start = binary.op_span.start.min(behind + blank);
    if binary.return_bool && !op.is_comparison() {
        return fail(binary.op_span, "bool modifier can only be used on comparison operators".into());
    }
    if op.is_comparison() && !binary.return_bool && left == ValueType::Scalar && right == ValueType::Scalar {
        return fail(binary.op_span, "comparisons between scalars must use BOOL modifier".into());
    }
    let Some(matching) = &mut binary.matching else { return Ok(()) };
    if op.is_set() && matching.cardinality == Cardinality::OneToOne {
        matching.cardinality = Cardinality::ManyToMany;
    }
    if matching.on
        && let Some(both) = matching.labels.iter().find(|label| matching.include.contains(label))
    {
        let message =
            format!("label {} must not occur in ON and GROUP clause at once", quote(both.as_bytes()));
        return fail(binary.op_span, message);
    }
    for (got, operand) in [(left, &binary.lhs), (right, &binary.rhs)] {
        if !matches!(got, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return fail(operand.span(), message.into());
        }
    }
    let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
    if left != ValueType::Vector || right != ValueType::Vector {
        if !matching.labels.is_empty() {
            return fail(span, "vector matching only allowed between instant vectors".into());
        }
        if filled {
            return fail(span, "filling in missing series only allowed between instant vectors".into());
        }
        binary.matching = None;
        if op.is_set() {
            let name = quote(op.as_str().as_bytes());
            return fail(span, format!("set operator {name} not allowed in binary scalar expression"));
        }
    } else if op.is_set() {
        if matches!(matching.cardinality, Cardinality::OneToMany | Cardinality::ManyToOne) {
            let name = quote(op.as_str().as_bytes());
            return fail(span, format!("no grouping allowed for {name} operation"));
        }
        if filled {
            return fail(span, "filling in missing series not allowed for set operators".into());
        }
    }
    Ok(())
}

fn check_call(query: &str, call: &mut Call) -> Parsed<()> {
    let fail = |span: Span, message: String| Err(ParseError::new(query, span, message));
    let function = call.function;
    let name = quote(function.name.as_bytes());
    let (given, listed) = (call.args.len(), function.args.len());
    if function.variadic == 0 {
        if given != listed {
            return fail(call.span, format!("expected {listed} argument(s) in call to {name}, got {given}"));
        }
    } else {
        let least = listed - 1;
        if given < least {
            let message = format!("expected at least {least} argument(s) in call to {name}, got {given}");
            return fail(call.span, message);
        }
        if let Ok(more) = usize::try_from(function.variadic)
            && given > least + more
        {
            let message =
                format!("expected at most {} argument(s) in call to {name}, got {given}", least + more);
            return fail(call.span, message);
        }
    }
    if function.name == "info"
        && let Some(second) = call.args.get_mut(1)
    {
        let (got, span) = (second.value_type(), second.span());
        if got != ValueType::Vector {
            let message =
                format!("expected type instant vector in call to function {name}, got {}", got.as_str());
            return fail(call.span, message);
        }
        match second {
            Expr::Vector(vector) if vector.name.is_empty() => vector.allow_empty = true,
            Expr::Vector(_) => {
                return fail(span, "expected label selectors only, got vector selector instead".into());
            }
            _ => return fail(span, "expected label selectors only".into()),
        }
    }
    for (index, arg) in call.args.iter_mut().enumerate() {
        check(query, arg)?;
        let wanted = function.args[index.min(listed - 1)];
        let got = arg.value_type();
        if got != wanted {
            let message =
                format!("expected type {} in call to function {name}, got {}", wanted.as_str(), got.as_str());
            return fail(arg.span(), message);
        }
    }
    Ok(())
}

fn selector(query: &str, vector: &VectorSelector) -> Parsed<()> {
    let fail = |message: String| Err(ParseError::new(query, vector.span, message));
    if !vector.name.is_empty() {
        let named = vector.matchers.split_last().map_or(&[][..], |(_, others)| others);
        if let Some(again) = named.iter().find(|matcher| matcher.name() == METRIC_NAME) {
            return fail(format!(
                "metric name must not be set twice: {} or {}",
                quote(vector.name.as_bytes()),
                quote(again.value().as_bytes())
            ));
        }
        return Ok(());
    }
    if !vector.allow_empty && vector.matchers.iter().all(|matcher| matcher.matches_absent()) {
        return fail("vector selector must contain at least one non-empty matcher".into());
    }
    Ok(())
}
