//! What stands behind an operand: windows, `offset`, `@`, `anchored` and `smoothed`.
//!
//! Not the selectors themselves.
//!
//! **Invariant:** each is set at most once, and only where it has a meaning.

use super::Span;
use super::ast::{At, BinaryOp, Edges, Expr, MatrixSelector, Shift, Subquery};
use super::parser::{Context, MAX_DEPTH, Parsed, Parser};
use super::token::{Keyword, Kind};

impl Parser<'_> {
    /// `[range]` or `[range:step]` behind an expression.
    pub(super) fn window(&mut self, expr: Expr) -> Parsed<Expr> {
        const RANGE: Context = ("subquery or range selector", "number, duration, step(), or range()");
        const BEHIND_RANGE: Context = ("subquery or range", "\":\" or \"]\"");
        const STEP: Context = ("subquery selector", "number, duration, step(), range(), or \"]\"");
        const BEHIND_STEP: Context = ("subquery selector", "\"]\"");
        let open = self.advance()?;
        let (range, range_expr) = self.within(RANGE, Self::positive_duration)?;
        if self.look()?.kind == Kind::Colon {
            self.advance()?;
            let (mut step, mut step_expr) = (0, None);
            if self.look()?.kind != Kind::RightBracket {
                (step, step_expr) = self.within(STEP, Self::positive_duration)?;
            }
            let close = self.expect_within(BEHIND_STEP, Kind::RightBracket)?;
            self.height += 1;
            if self.height > MAX_DEPTH {
                return self.fail(close.span, format!("subqueries nest deeper than {MAX_DEPTH} levels here"));
            }
            return Ok(Expr::Subquery(Box::new(Subquery {
                expr,
                range,
                range_expr,
                step,
                step_expr,
                shift: Shift::default(),
                end: close.span.end,
            })));
        }
        let close = self.expect_within(BEHIND_RANGE, Kind::RightBracket)?;
        let span = open.span.to(close.span);
        match expr {
            Expr::Vector(vector) if vector.shift.offset != 0 => {
                self.fail(span, "no offset modifiers allowed before range")
            }
            Expr::Vector(vector) if vector.shift.at.is_some() => {
                self.fail(span, "no @ modifiers allowed before range")
            }
            Expr::Vector(vector) => {
                Ok(Expr::Matrix(MatrixSelector { vector, range, range_expr, end: close.span.end }))
            }
            _ => self.fail(span, "ranges only allowed for vector selectors"),
        }
    }

    pub(super) fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let context = ("offset", "number, duration, step(), or range()");
        let (offset, offset_expr) = self.within(context, Self::offset_duration)?;
        let span = expr.span();
        let end = self.previous_end;
        let Some((shift, end_at)) = shift_mut(&mut expr) else {
            return self.fail(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if shift.offset != 0 || shift.offset_expr.is_some() {
            return self.fail(span, "offset may not be set multiple times");
        }
        shift.offset = offset;
        shift.offset_expr = offset_expr;
        *end_at = end;
        Ok(expr)
    }

    pub(super) fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let span = expr.span();
        let at = self.within(("@", "timestamp"), |parser| parser.at_time(span))?;
        let end = self.previous_end;
        let Some((shift, end_at)) = shift_mut(&mut expr) else {
            return self.fail(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if shift.at.is_some() {
            return self.fail(span, "@ <timestamp> may not be set multiple times");
        }
        shift.at = Some(at);
        *end_at = end;
        Ok(expr)
    }

    fn at_time(&mut self, span: Span) -> Parsed<At> {
        if let Kind::Keyword(word @ (Keyword::Start | Keyword::End)) = self.look()?.kind {
            self.advance()?;
            self.expect(Kind::LeftParen)?;
            self.expect(Kind::RightParen)?;
            return Ok(if word == Keyword::Start { At::Start } else { At::End });
        }
        let mut sign = 1.0;
        if let Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.look()?.kind {
            self.advance()?;
            sign = if op == BinaryOp::Sub { -1.0 } else { 1.0 };
        }
        if !matches!(self.look()?.kind, Kind::Number | Kind::Duration) {
            return self.unexpected();
        }
        let seconds = self.number()?.value * sign;
        if seconds.is_nan() || seconds.abs() >= i64::MAX as f64 {
            let shown =
                if seconds.is_finite() { format!("{seconds:.6}") } else { super::format_value(seconds) };
            return self.fail(span, format!("timestamp out of bounds for @ modifier: {shown}"));
        }
        Ok(At::Time((seconds * 1000.0).round() as i64))
    }

    pub(super) fn edges(&mut self, mut expr: Expr, wanted: Edges, word: &str) -> Parsed<Expr> {
        let span = expr.span();
        let edges = match &mut expr {
            Expr::Vector(vector) => &mut vector.edges,
            Expr::Matrix(matrix) => &mut matrix.vector.edges,
            Expr::Subquery(_) => {
                return self.fail(span, format!("{word} modifier is not supported for subqueries"));
            }
            _ => return self.fail(span, format!("{word} modifier not implemented")),
        };
        if *edges != Edges::Plain && *edges != wanted {
            return self.fail(span, "anchored and smoothed modifiers cannot be used together");
        }
        *edges = wanted;
        Ok(expr)
    }
}

fn shift_mut(expr: &mut Expr) -> Option<(&mut Shift, &mut usize)> {
    match expr {
        Expr::Vector(vector) => Some((&mut vector.shift, &mut vector.span.end)),
        Expr::Matrix(matrix) => Some((&mut matrix.vector.shift, &mut matrix.end)),
        Expr::Subquery(subquery) => Some((&mut subquery.shift, &mut subquery.end)),
        _ => None,
    }
}
