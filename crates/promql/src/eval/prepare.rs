//! A query made ready for one time: what depends on the query's own time becomes a number.
//!
//! Follows `PreprocessExpr` of Prometheus' `engine.go` and `durations.go`.
//!
//! **Invariant:** behind this no duration expression, `start()`, `end()`, `step()` or `range()` is left.

use super::{EvalError, Millis};
use crate::syntax::Span;
use crate::syntax::ast::{At, BinaryOp, DurationExpr, Expr, Number, Shift};

/// The time of the whole query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    pub start: Millis,
    pub end: Millis,
    /// 0 for an instant query.
    pub step: Millis,
}

impl Context {
    fn range_seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }

    fn step_seconds(&self) -> f64 {
        self.step as f64 / 1000.0
    }
}

pub(crate) fn prepare(expr: &mut Expr, context: &Context) -> Result<(), EvalError> {
    if let Expr::Call(call) = expr {
        let value = match call.function.name {
            "start" => Some(context.start as f64 / 1000.0),
            "end" => Some(context.end as f64 / 1000.0),
            "range" => Some(context.range_seconds()),
            "step" => Some(if context.start == context.end { 0.0 } else { context.step_seconds() }),
            _ => None,
        };
        if let Some(value) = value {
            *expr = Expr::Number(Number { value, is_duration: false, span: call.span });
            return Ok(());
        }
    }
    match expr {
        Expr::Vector(vector) => shift(&mut vector.shift, context)?,
        Expr::Matrix(matrix) => {
            shift(&mut matrix.vector.shift, context)?;
            if let Some(range) = matrix.range_expr.take() {
                matrix.range = duration(&range, false, context)?;
            }
        }
        Expr::Subquery(subquery) => {
            shift(&mut subquery.shift, context)?;
            if let Some(step) = subquery.step_expr.take() {
                subquery.step = duration(&step, false, context)?;
            }
            if let Some(range) = subquery.range_expr.take() {
                subquery.range = duration(&range, false, context)?;
            }
        }
        _ => {}
    }
    expr.children_mut().into_iter().try_for_each(|child| prepare(child, context))
}

fn shift(shift: &mut Shift, context: &Context) -> Result<(), EvalError> {
    match shift.at {
        Some(At::Start) => shift.at = Some(At::Time(context.start)),
        Some(At::End) => shift.at = Some(At::Time(context.end)),
        _ => {}
    }
    if let Some(expr) = shift.offset_expr.take() {
        shift.offset = duration(&expr, true, context)?;
    }
    Ok(())
}

/// Nanoseconds.
fn duration(expr: &DurationExpr, negative: bool, context: &Context) -> Result<i64, EvalError> {
    let fail = |text: &str| Err(at_place(expr.span(), text));
    let seconds = evaluate(expr, context)?;
    if !seconds.is_finite() {
        return fail("duration is NaN or infinite");
    }
    if seconds <= 0.0 && !negative {
        return fail("duration must be greater than 0");
    }
    if seconds.abs() > 9_223_372_036.854_775 {
        return fail("duration is out of range");
    }
    Ok(((seconds * 1000.0) as i64).saturating_mul(1_000_000))
}

fn at_place(span: Span, text: &str) -> EvalError {
    EvalError::Execution(format!("{}:{}: {text}", span.start, span.end))
}

fn evaluate(expr: &DurationExpr, context: &Context) -> Result<f64, EvalError> {
    Ok(match expr {
        DurationExpr::Literal(number) => number.value,
        DurationExpr::Step(_) => context.step_seconds(),
        DurationExpr::Range(_) => context.range_seconds(),
        DurationExpr::Negate(inner, _) => -evaluate(inner, context)?,
        DurationExpr::Paren(inner, _) => evaluate(inner, context)?,
        DurationExpr::Min(lhs, rhs, _) => minimum(evaluate(lhs, context)?, evaluate(rhs, context)?),
        DurationExpr::Max(lhs, rhs, _) => maximum(evaluate(lhs, context)?, evaluate(rhs, context)?),
        DurationExpr::Binary(op, lhs, rhs) => {
            let (left, right) = (evaluate(lhs, context)?, evaluate(rhs, context)?);
            match op {
                BinaryOp::Add => left + right,
                BinaryOp::Sub => left - right,
                BinaryOp::Mul => left * right,
                BinaryOp::Div if right == 0.0 => return Err(at_place(expr.span(), "division by zero")),
                BinaryOp::Mod if right == 0.0 => return Err(at_place(expr.span(), "modulo by zero")),
                BinaryOp::Div => left / right,
                BinaryOp::Mod => left % right,
                _ => left.powf(right),
            }
        }
    })
}

/// The smaller one, NaN if either is (Go: `math.Min`).
pub(crate) fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        // An infinity wins over NaN.
        return if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY { f64::NEG_INFINITY } else { f64::NAN };
    }
    // Of the zeros the negative one is the smaller.
    if a == b && a.is_sign_negative() {
        a
    } else if a == b {
        b
    } else {
        a.min(b)
    }
}

/// The larger one, NaN if either is (Go: `math.Max`).
pub(crate) fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a == f64::INFINITY || b == f64::INFINITY { f64::INFINITY } else { f64::NAN };
    }
    if a == b && a.is_sign_negative() {
        b
    } else if a == b {
        a
    } else {
        a.max(b)
    }
}

/// Functions whose result depends on the time of evaluation though their arguments do not.
const DEPENDS_ON_TIME: &[&str] = &[
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// Whether a function's result depends on the time of evaluation even if its arguments do not.
pub(crate) fn depends_on_time(function: &str) -> bool {
    DEPENDS_ON_TIME.contains(&function)
}

/// Whether [`prepare`] makes something else of the query at another time, or can fail.
pub(crate) fn depends_on_query_time(expr: &Expr) -> bool {
    let shifted =
        |shift: &Shift| matches!(shift.at, Some(At::Start | At::End)) || shift.offset_expr.is_some();
    let here = match expr {
        Expr::Vector(vector) => shifted(&vector.shift),
        Expr::Matrix(matrix) => shifted(&matrix.vector.shift) || matrix.range_expr.is_some(),
        Expr::Subquery(subquery) => {
            shifted(&subquery.shift) || subquery.step_expr.is_some() || subquery.range_expr.is_some()
        }
        Expr::Call(call) => matches!(call.function.name, "start" | "end" | "range" | "step"),
        _ => false,
    };
    here || expr.children().into_iter().any(depends_on_query_time)
}

/// Whether the expression has one value for all steps.
pub(crate) fn is_step_invariant(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::String { .. } => true,
        Expr::Vector(vector) => vector.shift.at.is_some(),
        Expr::Matrix(matrix) => matrix.vector.shift.at.is_some(),
        Expr::Subquery(subquery) => subquery.shift.at.is_some(),
        Expr::Aggregate(aggregate) => {
            // The parameter does not count, as in Prometheus: with a fixed vector it is taken at the first step.
            is_step_invariant(&aggregate.expr)
        }
        Expr::Binary(binary) => is_step_invariant(&binary.lhs) && is_step_invariant(&binary.rhs),
        Expr::Negate { expr, .. } | Expr::Plus { expr, .. } | Expr::Paren { expr, .. } => {
            is_step_invariant(expr)
        }
        Expr::Call(call) if call.function.name == "timestamp" => {
            matches!(call.args.first().map(Expr::unwrapped), Some(Expr::Vector(v)) if v.shift.at.is_some())
        }
        Expr::Call(call) => !depends_on_time(call.function.name) && call.args.iter().all(is_step_invariant),
    }
}

/// Marks the selectors of whose histograms only count and sum are looked at
/// (Prometheus: `detectHistogramStatsDecoding`).
pub(crate) fn mark_stats_only(expr: &mut Expr) {
    mark(expr, false, false);
}

/// `inside` of a function of count and sum, and `needed` by something that looks at buckets, at any distance above.
fn mark(expr: &mut Expr, inside: bool, needed: bool) {
    let (inside, needed) = match expr {
        Expr::Vector(vector) => {
            vector.stats_only = inside && !needed;
            return;
        }
        Expr::Matrix(matrix) => {
            matrix.vector.stats_only = inside && !needed;
            return;
        }
        // A subquery needs the buckets to find resets.
        Expr::Subquery(_) => (inside, true),
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) => {
            (inside, true)
        }
        Expr::Call(call) => match call.function.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => (true, needed),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => (inside, true),
            _ => (inside, needed),
        },
        _ => (inside, needed),
    };
    expr.children_mut().into_iter().for_each(|child| mark(child, inside, needed));
}
