//! Selectors: a name, and matchers in braces.
//!
//! **Invariant:** the matcher of a name before the braces is the last one.

use plimsoll_model::labels::METRIC_NAME;
use plimsoll_model::matcher::{MatchOp, Matcher};

use super::Span;
use super::ast::{BinaryOp, Edges, Expr, Shift, VectorSelector};
use super::parser::{Parsed, Parser};
use super::token::{Kind, Token};

impl Parser<'_> {
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Expr> {
        let next = self.look()?;
        let start = name.map_or(next.span.start, |token| token.span.start);
        let mut matchers = Vec::new();
        if next.kind == Kind::LeftBrace {
            self.advance()?;
            self.matchers(&mut matchers)?;
        }
        let span = Span { start, end: self.previous_end };
        let name = name.map(|token| self.text(token).to_owned()).unwrap_or_default();
        if !name.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, &name));
        }
        Ok(Expr::Vector(VectorSelector {
            name,
            matchers,
            shift: Shift::default(),
            edges: Edges::Plain,
            span,
            allow_empty: false,
            stats_only: false,
        }))
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        while self.look()?.kind != Kind::RightBrace {
            matchers.push(self.matcher()?);
            if self.look()?.kind == Kind::Comma {
                self.advance()?;
            } else if self.look()?.kind != Kind::RightBrace {
                return self.within(("label matching", "\",\" or \"}\""), Self::unexpected);
            }
        }
        self.advance()?;
        Ok(())
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let token = self.look()?;
        let (label, quoted) = match token.kind {
            Kind::Identifier => {
                self.advance()?;
                (self.text(token).to_owned(), false)
            }
            Kind::String => (self.string()?, true),
            _ => return self.within(("label matching", "identifier or \"}\""), Self::unexpected),
        };
        let op = match self.look()?.kind {
            Kind::Equal => MatchOp::Equal,
            Kind::Binary(BinaryOp::Ne) => MatchOp::NotEqual,
            Kind::EqualRegex => MatchOp::Regex,
            Kind::NotRegex => MatchOp::NotRegex,
            _ if quoted => return Ok(Matcher::equal(METRIC_NAME, &label)),
            _ => return self.within(("label matching", "label matching operator"), Self::unexpected),
        };
        self.advance()?;
        if self.look()?.kind != Kind::String {
            return self.within(("label matching", "string"), Self::unexpected);
        }
        let value = self.string()?;
        let span = Span { start: token.span.start, end: self.previous_end };
        Matcher::new(&label, op, &value).or_else(|error| self.fail(span, error.to_string()))
    }
}
