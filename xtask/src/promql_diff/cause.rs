//! A case without the cause that an explanation states.
//!
//! **Invariant:** a case that does not have the cause gives nothing, and so the explanation does not apply to it.

use plimsoll_promql::syntax;
use plimsoll_promql::syntax::ast::{AggregateOp, BinaryOp, Expr, Shift};

use super::Case;

/// The case with a changed query, if `change` changed any part of it. Parts come before what they are part of.
fn changed(case: &Case, mut change: impl FnMut(&mut Expr) -> bool) -> Option<Case> {
    fn walk(expr: &mut Expr, change: &mut dyn FnMut(&mut Expr) -> bool) -> bool {
        let mut any = false;
        for child in expr.children_mut() {
            any |= walk(child, change);
        }
        change(expr) || any
    }
    let mut expr = syntax::parse(&case.query).ok()?;
    walk(&mut expr, &mut change).then(|| Case { query: expr.to_string(), ..case.clone() })
}

/// Replaces an expression by what is written around its text.
fn wrap(expr: &mut Expr, before: &str, behind: &str) -> bool {
    match syntax::parse(&format!("{before}{expr}{behind}")) {
        Ok(wrapped) => {
            *expr = wrapped;
            true
        }
        Err(_) => false,
    }
}

/// The case with other samples, if any is another: `None` leaves a sample as it is.
fn resampled(case: &Case, other: impl Fn(&str) -> Option<String>) -> Option<Case> {
    let (mut case, mut any) = (case.clone(), false);
    for value in case.data.lines.iter_mut().flat_map(|line| &mut line.values) {
        if let Some(other) = other(value) {
            *value = other;
            any = true;
        }
    }
    any.then_some(case)
}

/// No series says when it started.
pub fn without_starts(case: &Case) -> Option<Case> {
    let mut case = case.clone();
    let taken = case.data.lines.iter_mut().filter_map(|line| line.starts.take()).count();
    (taken > 0).then_some(case)
}

/// No sample is NaN, and none is among what `mad_over_time` looks at.
pub fn without_nan(case: &Case) -> Option<Case> {
    let other = |value: &str| match value {
        "NaN" => Some("1".to_owned()),
        "Inf" => Some("2".to_owned()),
        "-Inf" => Some("3".to_owned()),
        _ => None,
    };
    let numbers = resampled(case, other);
    let of = numbers.as_ref().unwrap_or(case);
    let compared = changed(of, |expr| {
        let Expr::Call(call) = expr else { return false };
        if call.function.name != "mad_over_time" {
            return false;
        }
        let Some(Expr::Subquery(subquery)) = call.args.first_mut() else { return false };
        let same = format!(" == {})", subquery.expr);
        wrap(&mut subquery.expr, "(", &same)
    });
    compared.or(numbers)
}

/// No sample is the smallest subnormal number.
pub fn without_subnormal(case: &Case) -> Option<Case> {
    resampled(case, |value| (value == "5e-324").then(|| "1".to_owned()))
}

/// No sample is a histogram.
pub fn without_histograms(case: &Case) -> Option<Case> {
    resampled(case, |value| value.starts_with("{{").then(|| "_".to_owned()))
}

/// No bucket of a histogram is empty.
pub fn without_empty_buckets(case: &Case) -> Option<Case> {
    resampled(case, |value| {
        let mut filled = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("buckets:[") {
            let (counts, behind) = after.split_once(']')?;
            let counts: Vec<&str> =
                counts.split(' ').map(|count| if count == "0" { "1" } else { count }).collect();
            filled.push_str(&format!("{before}buckets:[{}]", counts.join(" ")));
            rest = behind;
        }
        filled.push_str(rest);
        (filled != value).then_some(filled)
    })
}

/// What is trimmed is a copy.
pub fn trimmed_copy(case: &Case) -> Option<Case> {
    changed(case, |expr| match expr {
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) => {
            wrap(&mut binary.lhs, "((", ") * 1)")
        }
        _ => false,
    })
}

/// What `info` describes is looked at as of the time of the query.
pub fn info_unshifted(case: &Case) -> Option<Case> {
    changed(case, |expr| match expr {
        Expr::Call(call) if call.function.name == "info" => unshift(&mut call.args[0], &|_| Shift::default()),
        _ => false,
    })
}

/// What `info` describes has no name at all.
pub fn info_unnamed(case: &Case) -> Option<Case> {
    changed(case, |expr| match expr {
        Expr::Call(call) if call.function.name == "info" => {
            wrap(&mut call.args[0], "sum without (__type__, __unit__) (", ")")
        }
        _ => false,
    })
}

/// Nothing is limited.
pub fn unlimited(case: &Case) -> Option<Case> {
    changed(case, |expr| {
        let Expr::Aggregate(aggregate) = expr else { return false };
        if !matches!(aggregate.op, AggregateOp::Limitk | AggregateOp::LimitRatio) {
            return false;
        }
        let all = syntax::parse(&format!("({})", aggregate.expr));
        all.map(|all| *expr = all).is_ok()
    })
}

/// No subquery has a fixed time, nor has anything in it.
pub fn subqueries_unfixed(case: &Case) -> Option<Case> {
    changed(case, |expr| {
        matches!(expr, Expr::Subquery(_)) && unshift(expr, &|shift| Shift { at: None, ..shift.clone() })
    })
}

/// No subquery with a fixed time inside of it has an offset.
pub fn subqueries_in_place(case: &Case) -> Option<Case> {
    changed(case, |expr| {
        let Expr::Subquery(subquery) = expr else { return false };
        let fixed = subquery.expr.to_string().contains('@');
        let shift = Shift { at: subquery.shift.at, ..Shift::default() };
        fixed && std::mem::replace(&mut subquery.shift, shift.clone()) != shift
    })
}

/// Changes the shifts of all selectors and subqueries of an expression; whether any has become another.
fn unshift(expr: &mut Expr, to: &dyn Fn(&Shift) -> Shift) -> bool {
    let mut any = false;
    for child in expr.children_mut() {
        any |= unshift(child, to);
    }
    let shift = match expr {
        Expr::Vector(vector) => &mut vector.shift,
        Expr::Matrix(matrix) => &mut matrix.vector.shift,
        Expr::Subquery(subquery) => &mut subquery.shift,
        _ => return any,
    };
    let other = to(shift);
    std::mem::replace(shift, other.clone()) != other || any
}
