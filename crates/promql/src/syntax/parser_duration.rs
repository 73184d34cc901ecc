//! Durations, and arithmetic with them, inside brackets and behind `offset`.
//!
//! **Invariant:** a duration fits into 64 bits of nanoseconds.

use super::Span;
use super::ast::{BinaryOp, DurationExpr, Number};
use super::parser::{Parsed, Parser};
use super::token::{Keyword, Kind};

/// Seconds.
const LIMIT: f64 = i64::MAX as f64 / 1e9;

impl Parser<'_> {
    /// A duration over zero: nanoseconds where it is a literal, else the expression.
    pub(super) fn positive_duration(&mut self) -> Parsed<(i64, Option<DurationExpr>)> {
        match self.duration(0)? {
            DurationExpr::Literal(number) if number.value <= 0.0 => {
                self.fail(number.span, "duration must be greater than 0")
            }
            DurationExpr::Literal(number) => Ok((nanoseconds(number.value), None)),
            expr => Ok((0, Some(expr))),
        }
    }

    /// What follows `offset`: a literal binds at once, so that `x offset 1m * 2` is a product of samples.
    pub(super) fn offset_duration(&mut self) -> Parsed<(i64, Option<DurationExpr>)> {
        let expr = if self.look()?.kind == Kind::LeftParen {
            self.duration(0)?
        } else {
            self.duration_operand(true)?
        };
        match expr {
            DurationExpr::Literal(number) => Ok((nanoseconds(number.value), None)),
            expr => Ok((0, Some(expr))),
        }
    }

    fn duration(&mut self, minimum: u8) -> Parsed<DurationExpr> {
        self.nested(|parser| {
            let mut lhs = parser.duration_operand(false)?;
            while let Kind::Binary(
                op @ (BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Mod
                | BinaryOp::Pow),
            ) = parser.look()?.kind
            {
                let precedence = op.precedence();
                if precedence <= minimum {
                    break;
                }
                let span = parser.advance()?.span;
                let rhs = parser.duration(if op == BinaryOp::Pow { precedence - 1 } else { precedence })?;
                if matches!(&rhs, DurationExpr::Literal(number) if number.value == 0.0) {
                    match op {
                        BinaryOp::Div => return parser.fail(span, "division by zero"),
                        BinaryOp::Mod => return parser.fail(span, "modulo by zero"),
                        _ => {}
                    }
                }
                lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(rhs));
            }
            Ok(lhs)
        })
    }

    fn duration_operand(&mut self, alone: bool) -> Parsed<DurationExpr> {
        let token = self.look()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number()?;
                self.in_range(number)
            }
            Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.advance()?;
                let start = token.span.start;
                let operand = if alone {
                    if self.look()?.kind == Kind::LeftParen {
                        self.nested(Self::duration_paren)?
                    } else {
                        self.nested(|parser| parser.duration_operand(true))?
                    }
                } else {
                    self.duration(BinaryOp::Mul.precedence())?
                };
                match (op, operand) {
                    (BinaryOp::Sub, DurationExpr::Literal(number)) => self.in_range(Number {
                        value: -number.value,
                        span: Span { start, end: number.span.end },
                        ..number
                    }),
                    (_, DurationExpr::Literal(number)) => {
                        self.in_range(Number { span: Span { start, end: number.span.end }, ..number })
                    }
                    (BinaryOp::Sub, expr) => Ok(DurationExpr::Negate(Box::new(expr), start)),
                    (_, expr) => Ok(expr),
                }
            }
            Kind::Keyword(word @ (Keyword::Step | Keyword::Range)) => {
                self.advance()?;
                self.expect(Kind::LeftParen)?;
                let close = self.expect(Kind::RightParen)?;
                let span = token.span.to(close.span);
                Ok(if word == Keyword::Step { DurationExpr::Step(span) } else { DurationExpr::Range(span) })
            }
            Kind::Keyword(word @ (Keyword::MaxOf | Keyword::MinOf)) => {
                self.advance()?;
                self.expect(Kind::LeftParen)?;
                let lhs = Box::new(self.duration(0)?);
                self.expect(Kind::Comma)?;
                let rhs = Box::new(self.duration(0)?);
                let close = self.expect(Kind::RightParen)?;
                let span = token.span.to(close.span);
                Ok(if word == Keyword::MaxOf {
                    DurationExpr::Max(lhs, rhs, span)
                } else {
                    DurationExpr::Min(lhs, rhs, span)
                })
            }
            Kind::LeftParen => self.nested(Self::duration_paren),
            _ => self.unexpected(),
        }
    }

    fn duration_paren(&mut self) -> Parsed<DurationExpr> {
        let open = self.advance()?;
        let inner = self.duration(0)?;
        let close = self.expect(Kind::RightParen)?;
        Ok(match inner {
            literal @ (DurationExpr::Literal(_) | DurationExpr::Paren(..)) => literal,
            inner => DurationExpr::Paren(Box::new(inner), open.span.to(close.span)),
        })
    }

    fn in_range(&self, number: Number) -> Parsed<DurationExpr> {
        if number.value.abs() > LIMIT || number.value.is_nan() {
            return self.fail(number.span, "duration out of range");
        }
        Ok(DurationExpr::Literal(number))
    }
}

/// Seconds to nanoseconds, rounded.
pub(super) fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}
