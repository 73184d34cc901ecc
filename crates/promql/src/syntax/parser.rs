//! Tokens into a tree: a Pratt parser.
//!
//! Not the type check, which follows once the text is read. Follows Prometheus' `generated_parser.y`.
//!
//! **Invariant:** the first error ends the reading, and nesting is bounded.

use super::ast::{
    Aggregate, At, Binary, BinaryOp, Call, Cardinality, Edges, Expr, Matching, MatrixSelector, Number, Shift,
    Subquery,
};
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
    let mut parser = Parser::new(query)?;
    if parser.token.kind == Kind::End {
        return Err(ParseError::new(query, Span::default(), "no expression found in input".into()));
    }
    let mut expr = parser.expression(0)?;
    if parser.token.kind != Kind::End {
        return parser.unexpected("", "");
    }
    check::check(query, &mut expr)?;
    Ok(expr)
}

pub(super) struct Parser<'a> {
    pub(super) query: &'a str,
    lexer: Lexer<'a>,
    /// The token that is looked at.
    pub(super) token: Token,
    /// End of the token before it.
    pub(super) previous_end: usize,
    depth: usize,
    /// Height of the tree that was read last.
    height: usize,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn new(query: &'a str) -> Parsed<Self> {
        let mut lexer = Lexer::new(query);
        let token = lexer.next()?;
        Ok(Self { query, lexer, token, previous_end: 0, depth: 0, height: 1 })
    }

    pub(super) fn advance(&mut self) -> Parsed<Token> {
        let token = self.token;
        self.previous_end = token.span.end;
        self.token = self.lexer.next()?;
        Ok(token)
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        &self.query[token.span.start..token.span.end]
    }

    pub(super) fn fail<T>(&self, span: Span, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError::new(self.query, span, message.into()))
    }

    pub(super) fn unexpected<T>(&self, context: &str, expected: &str) -> Parsed<T> {
        let mut message = format!("unexpected {}", self.token.describe(self.query));
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        self.fail(self.token.span, message)
    }

    pub(super) fn expect(&mut self, kind: Kind, context: &str, expected: &str) -> Parsed<Token> {
        if self.token.kind == kind { self.advance() } else { self.unexpected(context, expected) }
    }

    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!(
                "expressions nest deeper than {MAX_DEPTH} levels here; take parentheses away or split the query"
            );
            return self.fail(self.token.span, message);
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
        while let Kind::Binary(op) = self.token.kind {
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
        if let Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.token.kind {
            let start = self.advance()?.span.start;
            // A sign binds like a multiplication: only the power operator is inside of it.
            let expr = self.expression(BinaryOp::Mul.precedence())?;
            self.height += 1;
            return Ok(match (op, expr) {
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
            });
        }
        self.height = 1;
        let mut expr = self.primary()?;
        loop {
            expr = match self.token.kind {
                Kind::LeftBracket => self.window(expr)?,
                Kind::Keyword(Keyword::Offset) => {
                    self.advance()?;
                    self.offset(expr)?
                }
                Kind::At => {
                    self.advance()?;
                    self.at(expr)?
                }
                Kind::Keyword(Keyword::Anchored) => {
                    self.advance()?;
                    self.edges(expr, Edges::Anchored, "anchored")?
                }
                Kind::Keyword(Keyword::Smoothed) => {
                    self.advance()?;
                    self.edges(expr, Edges::Smoothed, "smoothed")?
                }
                _ => return Ok(expr),
            };
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.token;
        match token.kind {
            Kind::Number | Kind::Duration => Ok(Expr::Number(self.number()?)),
            Kind::String => {
                let value = self.string()?;
                Ok(Expr::String { value, span: token.span })
            }
            Kind::LeftParen => {
                self.advance()?;
                let expr = self.expression(0)?;
                self.height += 1;
                let close = self.expect(Kind::RightParen, "", "")?;
                Ok(Expr::Paren { expr: Box::new(expr), span: token.span.to(close.span) })
            }
            Kind::LeftBrace => self.selector(None),
            Kind::Aggregate(op) => {
                self.advance()?;
                match self.token.kind {
                    Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without) => {
                        self.aggregate(op, token)
                    }
                    // The word is the name of a metric.
                    Kind::LeftBrace
                    | Kind::End
                    | Kind::Binary(_)
                    | Kind::RightParen
                    | Kind::LeftBracket
                    | Kind::Comma
                    | Kind::At
                    | Kind::Keyword(_) => self.selector(Some(token)),
                    _ => self.unexpected("aggregation", ""),
                }
            }
            _ if token.is_metric_name() => {
                self.advance()?;
                let callable = match token.kind {
                    Kind::Identifier => true,
                    Kind::Keyword(keyword) => keyword.is_context(),
                    _ => false,
                };
                if callable && self.token.kind == Kind::LeftParen {
                    self.call(token)
                } else {
                    self.selector(Some(token))
                }
            }
            _ => self.unexpected("", ""),
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
                let quoted = plimsoll_model::quote::quote(text.as_bytes());
                return self.fail(token.span, format!("not a valid duration string: {quoted}"));
            };
            return Ok(Number { value: nanoseconds as f64 / 1e9, is_duration: true, span: token.span });
        }
        match parse_number(text) {
            Some(value) => Ok(Number { value, is_duration: false, span: token.span }),
            None => {
                let quoted = plimsoll_model::quote::quote(text.as_bytes());
                let reason = if text.bytes().all(|b| b.is_ascii_hexdigit() || b"xX.+-_eE".contains(&b)) {
                    "value out of range"
                } else {
                    "invalid syntax"
                };
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
        self.expect(Kind::LeftParen, "", "")?;
        let mut args = Vec::new();
        if self.token.kind == Kind::RightParen {
            self.advance()?;
            return Ok(args);
        }
        let mut height = 0;
        loop {
            args.push(self.expression(0)?);
            height = height.max(self.height);
            if self.token.kind != Kind::Comma {
                self.height = height + 1;
                self.expect(Kind::RightParen, "", "")?;
                return Ok(args);
            }
            let comma = self.advance()?;
            if self.token.kind == Kind::RightParen {
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
        if self.token.kind != Kind::LeftParen {
            return self.unexpected("aggregation", "");
        }
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
        let Some(expr) = args.next() else { return self.unexpected("aggregation", "") };
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping, without, span })))
    }

    fn aggregate_modifier(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = match self.token.kind {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some((without, self.grouping()?)))
    }

    fn grouping(&mut self) -> Parsed<Vec<String>> {
        self.expect(Kind::LeftParen, "grouping opts", "\"(\"")?;
        let mut labels = Vec::new();
        while self.token.kind != Kind::RightParen {
            let token = self.token;
            if token.kind == Kind::String {
                let name = self.string()?;
                if name.is_empty() {
                    return self.fail(token.span, "invalid label name for grouping: \"\"");
                }
                labels.push(name);
            } else if token.is_label_name() {
                self.advance()?;
                labels.push(self.text(token).to_owned());
            } else {
                return self.unexpected("grouping opts", "label");
            }
            if self.token.kind == Kind::Comma {
                self.advance()?;
            } else if self.token.kind != Kind::RightParen {
                return self.unexpected("grouping opts", "\",\" or \")\"");
            }
        }
        self.advance()?;
        Ok(labels)
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
        let return_bool = self.token.kind == Kind::Keyword(Keyword::Bool);
        if return_bool {
            self.advance()?;
        }
        if let Kind::Keyword(word @ (Keyword::On | Keyword::Ignoring)) = self.token.kind {
            self.advance()?;
            matching.on = word == Keyword::On;
            matching.labels = self.grouping()?;
            if let Kind::Keyword(word @ (Keyword::GroupLeft | Keyword::GroupRight)) = self.token.kind {
                self.advance()?;
                matching.cardinality =
                    if word == Keyword::GroupLeft { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.token.kind == Kind::LeftParen {
                    matching.include = self.grouping()?;
                }
            }
        }
        match self.token.kind {
            Kind::Keyword(Keyword::Fill) => {
                let value = self.fill()?;
                matching.fill_left = Some(value);
                matching.fill_right = Some(value);
            }
            Kind::Keyword(Keyword::FillLeft) => {
                matching.fill_left = Some(self.fill()?);
                if self.token.kind == Kind::Keyword(Keyword::FillRight) {
                    matching.fill_right = Some(self.fill()?);
                }
            }
            Kind::Keyword(Keyword::FillRight) => {
                matching.fill_right = Some(self.fill()?);
                if self.token.kind == Kind::Keyword(Keyword::FillLeft) {
                    matching.fill_left = Some(self.fill()?);
                }
            }
            _ => {}
        }
        Ok((matching, return_bool))
    }

    fn fill(&mut self) -> Parsed<f64> {
        self.advance()?;
        self.expect(Kind::LeftParen, "", "")?;
        let mut sign = 1.0;
        if let Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.token.kind {
            self.advance()?;
            sign = if op == BinaryOp::Sub { -1.0 } else { 1.0 };
        }
        if !matches!(self.token.kind, Kind::Number | Kind::Duration) {
            return self.unexpected("", "");
        }
        let value = self.number()?.value * sign;
        self.expect(Kind::RightParen, "", "")?;
        Ok(value)
    }

    /// `[range]` or `[range:step]` behind an expression.
    fn window(&mut self, expr: Expr) -> Parsed<Expr> {
        let open = self.advance()?;
        if self.token.kind == Kind::Colon {
            return self.fail(self.token.span, "unexpected colon before duration in duration expression");
        }
        let (range, range_expr) =
            self.positive_duration("subquery or range selector", "number, duration, step(), or range()")?;
        if self.token.kind == Kind::Colon {
            self.advance()?;
            let (mut step, mut step_expr) = (0, None);
            if self.token.kind != Kind::RightBracket {
                (step, step_expr) = self
                    .positive_duration("subquery selector", "number, duration, step(), range(), or \"]\"")?;
            }
            let close = self.expect(Kind::RightBracket, "subquery selector", "\"]\"")?;
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
        let close = self.expect(Kind::RightBracket, "subquery or range", "\":\" or \"]\"")?;
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

    fn offset(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let (offset, offset_expr) = self.offset_duration()?;
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

    fn at(&mut self, mut expr: Expr) -> Parsed<Expr> {
        let span = expr.span();
        let at = match self.token.kind {
            Kind::Keyword(word @ (Keyword::Start | Keyword::End)) => {
                self.advance()?;
                self.expect(Kind::LeftParen, "@", "timestamp")?;
                self.expect(Kind::RightParen, "@", "timestamp")?;
                if word == Keyword::Start { At::Start } else { At::End }
            }
            _ => {
                let mut sign = 1.0;
                if let Kind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.token.kind {
                    self.advance()?;
                    sign = if op == BinaryOp::Sub { -1.0 } else { 1.0 };
                }
                if !matches!(self.token.kind, Kind::Number | Kind::Duration) {
                    return self.unexpected("@", "timestamp");
                }
                let seconds = self.number()?.value * sign;
                if seconds.is_nan() || seconds.abs() >= i64::MAX as f64 {
                    let shown = if seconds.is_finite() {
                        format!("{seconds:.6}")
                    } else {
                        super::format_value(seconds)
                    };
                    return self.fail(span, format!("timestamp out of bounds for @ modifier: {shown}"));
                }
                At::Time((seconds * 1000.0).round() as i64)
            }
        };
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

    fn edges(&mut self, mut expr: Expr, wanted: Edges, word: &str) -> Parsed<Expr> {
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
