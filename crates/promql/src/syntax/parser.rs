//! Tokens into a tree: a Pratt parser.
//!
//! Not the type check, which follows once the text is read. Follows Prometheus' `generated_parser.y`.
//!
//! **Invariant:** the first error ends the reading, and nesting is bounded.

use super::ast::{Aggregate, Binary, BinaryOp, Call, Cardinality, Edges, Expr, Matching, Number};
use super::lexer::Lexer;
use super::token::{AggregateOp, Keyword, Kind, Token};
use super::{ParseError, Span, check, functions, parse_number, unquote};

/// Longest query, in bytes.
pub const MAX_QUERY: usize = 64 * 1024;
/// Highest tree of expressions: nesting and chains of operators together.
pub const MAX_DEPTH: usize = 100;

/// Reads and type-checks a query.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    if query.len() > MAX_QUERY {
        let message = format!(
            "the query has {} bytes, at most {MAX_QUERY} are read; split it into recording rules",
            query.len()
        );
        return Err(ParseError::new(query, Span { start: MAX_QUERY, end: query.len() }, message));
    }
    let mut parser = Parser::new(query);
    if parser.look()?.kind == Kind::End {
        return Err(ParseError::new(query, Span::default(), "no expression found in input".into()));
    }
    let mut expr = parser.expression(0)?;
    if parser.look()?.kind != Kind::End {
        return parser.unexpected();
    }
    check::check(query, &mut expr)?;
    Ok(expr)
}

pub(super) struct Parser<'a> {
    pub(super) query: &'a str,
    lexer: Lexer<'a>,
    /// The token that is looked at. It is read when it is needed and not before: of two errors, the one that the text
    /// leads to first is reported.
    ahead: Option<Token>,
    /// What is being read, from the outside in, for the words of an error.
    contexts: Vec<Context>,
    /// End of the token before it.
    pub(super) previous_end: usize,
    depth: usize,
    /// Height of the tree that was read last.
    pub(super) height: usize,
}

/// What is being read, and what is expected there; the productions with `error` of Prometheus' grammar.
pub(super) type Context = (&'static str, &'static str);

pub(super) type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn new(query: &'a str) -> Self {
        let lexer = Lexer::new(query);
        Self { query, lexer, ahead: None, contexts: Vec::new(), previous_end: 0, depth: 0, height: 1 }
    }

    /// The next token, which stays the next one.
    pub(super) fn look(&mut self) -> Parsed<Token> {
        match self.ahead {
            Some(token) => Ok(token),
            None => Ok(*self.ahead.insert(self.lexer.next()?)),
        }
    }

    pub(super) fn advance(&mut self) -> Parsed<Token> {
        let token = self.look()?;
        self.previous_end = token.span.end;
        self.ahead = None;
        Ok(token)
    }

    /// Reads with another context for errors.
    pub(super) fn within<T>(
        &mut self,
        context: Context,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        self.contexts.push(context);
        let result = read(self);
        self.contexts.pop();
        result
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        &self.query[token.span.start..token.span.end]
    }

    pub(super) fn fail<T>(&self, span: Span, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError::new(self.query, span, message.into()))
    }

    pub(super) fn unexpected<T>(&mut self) -> Parsed<T> {
        let token = self.look()?;
        let (context, expected) = self.contexts.last().copied().unwrap_or_default();
        let mut message = format!("unexpected {}", token.describe(self.query));
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        self.fail(token.span, message)
    }

    pub(super) fn expect(&mut self, kind: Kind) -> Parsed<Token> {
        if self.look()?.kind == kind { self.advance() } else { self.unexpected() }
    }

    pub(super) fn expect_within(&mut self, context: Context, kind: Kind) -> Parsed<Token> {
        self.within(context, |parser| parser.expect(kind))
    }

    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!(
                "expressions nest deeper than {MAX_DEPTH} levels here; take parentheses away or split the query"
            );
            let span = self.look()?.span;
            return self.fail(span, message);
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// An expression of operators that bind tighter than `minimum`.
    fn expression(&mut self, minimum: u8) -> Parsed<Expr> {
        self.nested(|parser| parser.operators(minimum))
    }

    fn operators(&mut self, minimum: u8) -> Parsed<Expr> {
        let mut lhs = self.operand()?;
        let mut height = self.height;
        while let Kind::Binary(op) = self.look()?.kind {
            let precedence = op.precedence();
            if precedence <= minimum {
                break;
            }
            let op_start = self.advance()?.span;
            let (matching, return_bool) = self.modifiers()?;
            let op_span = Span { start: op_start.start, end: self.previous_end };
            // The power operator is right-associative.
            let rhs = self.expression(if op == BinaryOp::Pow { precedence - 1 } else { precedence })?;
            height = height.max(self.height) + 1;
            if height > MAX_DEPTH {
                let message =
                    format!("more than {MAX_DEPTH} operators in a row; put parts of it in parentheses");
                return self.fail(op_span, message);
            }
            lhs = Expr::Binary(Box::new(Binary {
                op,
                lhs,
                rhs,
                matching: Some(matching),
                return_bool,
                op_span,
            }));
        }
        self.height = height;
        Ok(lhs)
    }

    fn operand(&mut self) -> Parsed<Expr> {
        if let Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.look()?.kind {
            let start = self.advance()?.span.start;
            // A sign binds like a multiplication: only the power operator is inside of it.
            let expr = self.expression(BinaryOp::Mul.precedence())?;
            self.height += 1;
            return Ok(signed(op, start, expr));
        }
        self.height = 1;
        let mut expr = self.primary()?;
        loop {
            match self.look()?.kind {
                Kind::LeftBracket
                | Kind::At
                | Kind::Keyword(Keyword::Offset | Keyword::Anchored | Keyword::Smoothed) => {
                    expr = self.suffix(expr)?;
                }
                _ => return Ok(expr),
            }
        }
    }

    fn suffix(&mut self, expr: Expr) -> Parsed<Expr> {
        if self.look()?.kind == Kind::LeftBracket {
            return self.window(expr);
        }
        match self.advance()?.kind {
            Kind::Keyword(Keyword::Anchored) => self.edges(expr, Edges::Anchored, "anchored"),
            Kind::Keyword(Keyword::Smoothed) => self.edges(expr, Edges::Smoothed, "smoothed"),
            Kind::At => self.at(expr),
            _ => self.offset(expr),
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.look()?;
        match token.kind {
            Kind::Number | Kind::Duration => self.number().map(Expr::Number),
            Kind::String => self.string().map(|value| Expr::String { value, span: token.span }),
            Kind::LeftParen => self.paren(),
            Kind::LeftBrace => self.selector(None),
            Kind::Aggregate(op) => self.aggregate_or_name(op),
            _ if token.is_metric_name() => self.call_or_name(),
            _ => self.unexpected(),
        }
    }

    fn paren(&mut self) -> Parsed<Expr> {
        let open = self.advance()?;
        let expr = Box::new(self.expression(0)?);
        self.height += 1;
        let close = self.expect(Kind::RightParen)?;
        Ok(Expr::Paren { expr, span: open.span.to(close.span) })
    }

    fn aggregate_or_name(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let token = self.advance()?;
        match self.look()?.kind {
            Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without) => {
                self.within(("aggregation", ""), |parser| parser.aggregate(op, token))
            }
            // The word is the name of a metric.
            _ => self.selector(Some(token)),
        }
    }

    fn call_or_name(&mut self) -> Parsed<Expr> {
        let token = self.advance()?;
        let callable = match token.kind {
            Kind::Identifier => true,
            Kind::Keyword(keyword) => keyword.is_context(),
            _ => false,
        };
        if callable && self.look()?.kind == Kind::LeftParen {
            self.call(token)
        } else {
            self.selector(Some(token))
        }
    }

    pub(super) fn number(&mut self) -> Parsed<Number> {
        let token = self.advance()?;
        let text = self.text(token);
        if token.kind == Kind::Duration {
            let nanoseconds = plimsoll_model::duration::parse_prometheus(text)
                .ok()
                .and_then(|duration| i64::try_from(duration.as_nanos()).ok());
            let Some(nanoseconds) = nanoseconds else {
                return self.fail(token.span, duration_mistake(text));
            };
            return Ok(Number { value: nanoseconds as f64 / 1e9, is_duration: true, span: token.span });
        }
        match parse_number(text) {
            Some(value) => Ok(Number { value, is_duration: false, span: token.span }),
            None => {
                let quoted = plimsoll_model::quote::quote(text.as_bytes());
                let huge = text.replace('_', "").parse::<f64>().is_ok_and(f64::is_infinite);
                let reason = if huge { "value out of range" } else { "invalid syntax" };
                self.fail(
                    token.span,
                    format!("error parsing number: strconv.ParseFloat: parsing {quoted}: {reason}"),
                )
            }
        }
    }

    pub(super) fn string(&mut self) -> Parsed<String> {
        let token = self.advance()?;
        let text = self.text(token);
        match unquote(text) {
            Some(value) => Ok(value),
            None => {
                let quoted = plimsoll_model::quote::quote(text.as_bytes());
                self.fail(token.span, format!("error unquoting string {quoted}: invalid syntax"))
            }
        }
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(Kind::LeftParen)?;
        let mut args = Vec::new();
        if self.look()?.kind == Kind::RightParen {
            self.advance()?;
            return Ok(args);
        }
        let mut height = 0;
        loop {
            args.push(self.expression(0)?);
            height = height.max(self.height);
            if self.look()?.kind != Kind::Comma {
                self.height = height + 1;
                self.expect(Kind::RightParen)?;
                return Ok(args);
            }
            let comma = self.advance()?;
            if !self.look()?.starts_expression() {
                return self.fail(comma.span, "trailing commas not allowed in function call args");
            }
        }
    }

    fn call(&mut self, name: Token) -> Parsed<Expr> {
        let args = self.arguments()?;
        let text = self.text(name);
        // Names of functions are in lower case, except that keywords are read in any.
        let found = functions::find(text);
        let Some(function) = found else {
            let quoted = plimsoll_model::quote::quote(text.as_bytes());
            return self.fail(name.span, format!("unknown function with name {quoted}"));
        };
        Ok(Expr::Call(Call { function, args, span: Span { start: name.span.start, end: self.previous_end } }))
    }

    fn aggregate(&mut self, op: AggregateOp, name: Token) -> Parsed<Expr> {
        let mut modifier = self.aggregate_modifier()?;
        let mut args = self.arguments()?;
        if modifier.is_none() {
            modifier = self.aggregate_modifier()?;
        }
        let span = Span { start: name.span.start, end: self.previous_end };
        if args.is_empty() {
            return self.fail(span, "no arguments for aggregate expression provided");
        }
        let wanted = if op.has_parameter() { 2 } else { 1 };
        if args.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                args.len()
            );
            return self.fail(span, message);
        }
        let (without, grouping) = modifier.unwrap_or_default();
        let mut args = args.drain(..);
        let param = if op.has_parameter() { args.next() } else { None };
        let Some(expr) = args.next() else { return self.unexpected() };
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping, without, span })))
    }

    fn aggregate_modifier(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = match self.look()?.kind {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some((without, self.grouping()?)))
    }

    fn grouping(&mut self) -> Parsed<Vec<String>> {
        self.expect_within(("grouping opts", "\"(\""), Kind::LeftParen)?;
        let mut labels = Vec::new();
        while self.look()?.kind != Kind::RightParen {
            labels.push(self.within(("grouping opts", "label"), Self::grouping_label)?);
            if self.look()?.kind == Kind::Comma {
                self.advance()?;
            } else if self.look()?.kind != Kind::RightParen {
                return self.within(("grouping opts", "\",\" or \")\""), Self::unexpected);
            }
        }
        self.advance()?;
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.look()?;
        if token.kind == Kind::String {
            let name = self.string()?;
            if name.is_empty() {
                return self.fail(token.span, "invalid label name for grouping: \"\"");
            }
            return Ok(name);
        }
        if !token.is_label_name() {
            return self.unexpected();
        }
        self.advance()?;
        Ok(self.text(token).to_owned())
    }

    fn modifiers(&mut self) -> Parsed<(Matching, bool)> {
        let mut matching = Matching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        let return_bool = self.look()?.kind == Kind::Keyword(Keyword::Bool);
        if return_bool {
            self.advance()?;
        }
        if let Kind::Keyword(word @ (Keyword::On | Keyword::Ignoring)) = self.look()?.kind {
            self.advance()?;
            matching.on = word == Keyword::On;
            matching.labels = self.grouping()?;
            if let Kind::Keyword(word @ (Keyword::GroupLeft | Keyword::GroupRight)) = self.look()?.kind {
                self.advance()?;
                matching.cardinality =
                    if word == Keyword::GroupLeft { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                let next = self.look()?;
                let fill = matches!(
                    next.kind,
                    Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight)
                );
                if next.kind == Kind::LeftParen || !(fill || next.starts_expression()) {
                    matching.include = self.grouping()?;
                }
            }
        }
        match self.look()?.kind {
            Kind::Keyword(Keyword::Fill) => {
                let value = self.fill()?;
                matching.fill_left = Some(value);
                matching.fill_right = Some(value);
            }
            Kind::Keyword(Keyword::FillLeft) => {
                matching.fill_left = Some(self.fill()?);
                if self.look()?.kind == Kind::Keyword(Keyword::FillRight) {
                    matching.fill_right = Some(self.fill()?);
                }
            }
            Kind::Keyword(Keyword::FillRight) => {
                matching.fill_right = Some(self.fill()?);
                if self.look()?.kind == Kind::Keyword(Keyword::FillLeft) {
                    matching.fill_left = Some(self.fill()?);
                }
            }
            _ => {}
        }
        Ok((matching, return_bool))
    }

    fn fill(&mut self) -> Parsed<f64> {
        self.advance()?;
        self.expect(Kind::LeftParen)?;
        let mut sign = 1.0;
        if let Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.look()?.kind {
            self.advance()?;
            sign = if op == BinaryOp::Sub { -1.0 } else { 1.0 };
        }
        if !matches!(self.look()?.kind, Kind::Number | Kind::Duration) {
            return self.unexpected();
        }
        let value = self.number()?.value * sign;
        self.expect(Kind::RightParen)?;
        Ok(value)
    }
}

/// What is wrong with a duration, in the words of Prometheus' `ParseDuration`.
fn duration_mistake(text: &str) -> String {
    let quote = |text: &str| plimsoll_model::quote::quote(text.as_bytes());
    let mut rest = text;
    let mut nanoseconds: u128 = 0;
    while rest.starts_with(|c: char| c.is_ascii_digit()) {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        if !["ms", "s", "m", "h", "d", "w", "y", ""].contains(&&unit[..end]) {
            return format!("unknown unit {} in duration {}", quote(&unit[..end]), quote(text));
        }
        let Ok(value) = rest[..rest.len() - unit.len()].parse::<u64>() else { break };
        let seconds: u128 = match &unit[..end] {
            "ms" => 0,
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => 31_536_000,
        };
        nanoseconds += u128::from(value) * (seconds * 1_000_000_000).max(1_000_000);
        if nanoseconds > i64::MAX as u128 {
            return "duration out of range".to_owned();
        }
        rest = &unit[end..];
    }
    format!("not a valid duration string: {}", quote(text))
}

/// A sign before an expression; numbers take it in.
fn signed(op: BinaryOp, start: usize, expr: Expr) -> Expr {
    match (op, expr) {
        (BinaryOp::Sub, Expr::Number(number)) => Expr::Number(Number {
            value: -number.value,
            span: Span { start, end: number.span.end },
            ..number
        }),
        (_, Expr::Number(number)) => {
            Expr::Number(Number { span: Span { start, end: number.span.end }, ..number })
        }
        (BinaryOp::Sub, expr) => Expr::Negate { expr: Box::new(expr), start },
        (_, expr) => Expr::Plus { expr: Box::new(expr), start },
    }
}
