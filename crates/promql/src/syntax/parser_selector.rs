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
        let start = name.map_or(self.token.span.start, |token| token.span.start);
        let mut matchers = Vec::new();
        if self.token.kind == Kind::LeftBrace {
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
        let context = "label matching";
        while self.token.kind != Kind::RightBrace {
            let token = self.token;
            let (label, quoted) = match token.kind {
                Kind::Identifier => {
                    self.advance()?;
                    (self.text(token).to_owned(), false)
                }
                Kind::String => (self.string()?, true),
                _ => return self.unexpected(context, "identifier or \"}\""),
            };
            let op = match self.token.kind {
                Kind::Equal => Some(MatchOp::Equal),
                Kind::Binary(BinaryOp::Ne) => Some(MatchOp::NotEqual),
                Kind::EqualRegex => Some(MatchOp::Regex),
                Kind::NotRegex => Some(MatchOp::NotRegex),
                _ => None,
            };
            match op {
                Some(op) => {
                    self.advance()?;
                    if self.token.kind != Kind::String {
                        return self.unexpected(context, "string");
                    }
                    let value = self.string()?;
                    let span = Span { start: token.span.start, end: self.previous_end };
                    match Matcher::new(&label, op, &value) {
                        Ok(matcher) => matchers.push(matcher),
                        Err(error) => return self.fail(span, error.to_string()),
                    }
                }
                None if quoted => matchers.push(Matcher::equal(METRIC_NAME, &label)),
                None => return self.unexpected(context, "label matching operator"),
            }
            if self.token.kind == Kind::Comma {
                self.advance()?;
            } else if self.token.kind != Kind::RightBrace {
                return self.unexpected(context, "\",\" or \"}\"");
            }
        }
        self.advance()?;
        Ok(())
    }
}
