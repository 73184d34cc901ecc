//! The other ways to ask an instant query: with its time fixed by `@`, at other times.
//!
//! Follows `atModifierTestCases` of Prometheus' `promqltest`.
//!
//! **Invariant:** a query whose result depends on the time of evaluation is only asked at its own time.

use crate::eval::depends_on_time;
use crate::syntax::ast::{At, Expr, Shift};
use crate::syntax::parse;

/// Queries and their times, the given one first.
pub(crate) fn ways_to_ask(query: &str, time: i64) -> Vec<(String, i64)> {
    let mut ways = vec![(query.to_owned(), time)];
    let Ok(mut expr) = parse(query) else { return ways };
    if has_time_function(&expr) {
        return ways;
    }
    fix(&mut expr, time);
    let fixed = expr.to_string();
    let times: &[i64] =
        if time == 0 { &[-1000, 0, 1000] } else { &[-10 * time, 0, time / 5, time, 10 * time] };
    ways.extend(times.iter().map(|time| (fixed.clone(), *time)));
    ways
}

fn has_time_function(expr: &Expr) -> bool {
    // Below a subquery with a fixed time nothing depends on the time of evaluation.
    if matches!(expr, Expr::Subquery(subquery) if subquery.shift.at.is_some()) {
        return false;
    }
    matches!(expr, Expr::Call(call) if depends_on_time(call.function.name))
        || !matches!(expr, Expr::Subquery(_)) && expr.children().into_iter().any(has_time_function)
}

fn fix(expr: &mut Expr, time: i64) {
    let set = |shift: &mut Shift| {
        // What stands at `start()` or `end()` prints as the given time, like any other.
        if !matches!(shift.at, Some(At::Time(_))) {
            shift.at = Some(At::Time(time));
        }
    };
    match expr {
        Expr::Vector(vector) => set(&mut vector.shift),
        Expr::Matrix(matrix) => set(&mut matrix.vector.shift),
        // With a time of its own, what is inside stays as it is.
        Expr::Subquery(subquery) => set(&mut subquery.shift),
        other => other.children_mut().into_iter().for_each(|child| fix(child, time)),
    }
}
