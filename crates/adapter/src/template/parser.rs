//! Tokens into a tree, after Go's `text/template/parse/parse.go`.
//!
//! Not an evaluator: it knows which functions and variables exist, not which fields.
//!
//! **Invariant:** what Go's parser accepts is accepted and what it refuses is refused, except that nesting and
//! size are bounded and `else with` is accepted (Go does since 1.23).

use plimsoll_model::quote::quote;

use super::advice;
use super::constant;
use super::node::{Branch, Node};
use super::token::{Kind, Token, Tokens, tokens};
use super::{MAX_NESTING, ParseError};

/// The templates of a text: the one that is the text itself, and those defined in it.
pub(super) struct Tree {
    pub definitions: Vec<(Box<str>, Vec<Node>)>,
    /// Index of the one to start with.
    pub main: usize,
}

pub(super) struct Parser<'a> {
    name: &'a str,
    pub text: &'a str,
    pub tokens: Tokens,
    /// Index of the next token.
    pub at: usize,
    pub variables: Vec<Box<str>>,
    /// Open `range`s, inside which `break` and `continue` may stand.
    ranges: usize,
    pub nesting: usize,
    /// Starts of blocks that wait for their `end`.
    open: Vec<Token>,
    definitions: Vec<(Box<str>, Vec<Node>)>,
}

/// What closed a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closer {
    End,
    Else,
}

impl Closer {
    fn describe(self) -> &'static str {
        match self {
            Self::End => "<<end>>",
            Self::Else => "<<else>>",
        }
    }
}

enum Item {
    Node(Node),
    Closer(Closer),
}

pub(super) type Parsed<T> = Result<T, ParseError>;

pub(super) fn parse(name: &str, text: &str) -> Parsed<Tree> {
    let mut parser = Parser {
        name,
        text,
        tokens: tokens(text),
        at: 0,
        variables: vec!["$".into()],
        ranges: 0,
        nesting: 0,
        open: Vec::new(),
        definitions: Vec::new(),
    };
    let body = parser.top()?;
    parser.define(name.into(), body)?;
    let main = parser.definitions.iter().position(|(defined, _)| **defined == *name).unwrap_or_default();
    Ok(Tree { definitions: parser.definitions, main })
}

impl<'a> Parser<'a> {
    pub fn peek(&self) -> Token {
        // The list ends with End or Wrong, which is never passed.
        self.tokens.list[self.at.min(self.tokens.list.len() - 1)]
    }

    pub fn next(&mut self) -> Token {
        let token = self.peek();
        if self.at < self.tokens.list.len() - 1 {
            self.at += 1;
        }
        token
    }

    pub fn peek_non_space(&mut self) -> Token {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
        self.peek()
    }

    fn next_non_space(&mut self) -> Token {
        self.peek_non_space();
        self.next()
    }

    pub fn text(&self, token: Token) -> &'a str {
        &self.text[token.start as usize..token.end as usize]
    }

    pub fn error(&self, at: Token, message: String) -> ParseError {
        let hint = advice::for_parse_error(&message, self.text, at.start as usize);
        ParseError::new(self.name, self.text, at.start as usize, message, hint)
    }

    pub fn unexpected(&self, token: Token, context: &str) -> ParseError {
        match token.kind {
            Kind::Wrong => self.error(token, self.tokens.problem.clone()),
            Kind::End => {
                let mut error = self.error(token, format!("unexpected EOF in {context}"));
                error.hint = self.unclosed().or(error.hint);
                error
            }
            kind => {
                let text = self.text(token);
                let found = match kind {
                    Kind::Dot | Kind::Nil | Kind::Block | Kind::Break | Kind::Continue | Kind::Define => {
                        format!("<{text}>")
                    }
                    Kind::Else | Kind::EndBlock | Kind::If | Kind::Range | Kind::Template | Kind::With => {
                        format!("<{text}>")
                    }
                    _ => match text.char_indices().nth(10) {
                        Some((end, _)) if text.len() > 10 => format!("{}...", quote(&text.as_bytes()[..end])),
                        _ => quote(text.as_bytes()),
                    },
                };
                self.error(token, format!("unexpected {found} in {context}"))
            }
        }
    }

    fn unclosed(&self) -> Option<String> {
        let opened = self.open.last()?;
        let (line, column) = super::position(self.text, opened.start as usize);
        Some(format!("the <<{}>> opened at {line}:{column} has no <<end>>", self.text(*opened)))
    }

    pub fn descend(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(self.peek(), format!("nested more than {MAX_NESTING} levels deep")));
        }
        Ok(())
    }

    /// Registers a body under its name. A body of nothing but white space never replaces another.
    fn define(&mut self, name: Box<str>, body: Vec<Node>) -> Parsed<()> {
        let empty = |body: &[Node]| {
            body.iter().all(|node| matches!(node, Node::Text(text, _) if std::str::from_utf8(text).is_ok_and(|text| text.trim().is_empty())))
        };
        match self.definitions.iter().position(|(known, _)| *known == name) {
            None => self.definitions.push((name, body)),
            Some(at) if empty(&self.definitions[at].1) => self.definitions[at].1 = body,
            Some(_) if empty(&body) => {}
            Some(_) => {
                let message = format!("template: multiple definition of template {}", quote(name.as_bytes()));
                return Err(self.error(self.peek(), message));
            }
        }
        Ok(())
    }

    fn top(&mut self) -> Parsed<Vec<Node>> {
        let mut body = Vec::new();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::Left {
                let start = self.at;
                self.next();
                if self.peek_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.at = start;
            }
            let start = self.peek();
            match self.item()? {
                Item::Node(node) => body.push(node),
                Item::Closer(closer) => {
                    return Err(self.error(start, format!("unexpected {}", closer.describe())));
                }
            }
        }
        Ok(body)
    }

    /// Reads nodes up to `end` or `else`, which is consumed (`end` with its delimiter).
    fn list(&mut self) -> Parsed<(Vec<Node>, Closer)> {
        let mut nodes = Vec::new();
        while self.peek_non_space().kind != Kind::End {
            match self.item()? {
                Item::Node(node) => nodes.push(node),
                Item::Closer(closer) => return Ok((nodes, closer)),
            }
        }
        let mut error = self.error(self.peek(), "unexpected EOF".to_owned());
        error.hint = self.unclosed();
        Err(error)
    }

    fn item(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(self.text(token).as_bytes().into(), token.start))),
            Kind::Left => self.action(),
            _ => Err(self.unexpected(token, "input")),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.peek_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break | Kind::Continue => {
                self.next();
                let right = self.next_non_space();
                if right.kind != Kind::Right {
                    return Err(self.unexpected(right, &format!("<<{}>>", self.text(token))));
                }
                if self.ranges == 0 {
                    let message = format!("<<{}>> outside <<range>>", self.text(token));
                    return Err(self.error(token, message));
                }
                if token.kind == Kind::Break { Node::Break } else { Node::Continue }
            }
            Kind::Else => {
                self.next();
                // `else if` and `else with` stay for the construct they belong to.
                if !matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
                    self.expect_right("else")?;
                }
                return Ok(Item::Closer(Closer::Else));
            }
            Kind::EndBlock => {
                self.next();
                self.expect_right("end")?;
                return Ok(Item::Closer(Closer::End));
            }
            Kind::If | Kind::Range | Kind::With => self.control()?,
            Kind::Template => self.template()?,
            _ => Node::Action(self.pipeline("command", Kind::Right)?),
        };
        Ok(Item::Node(node))
    }

    fn expect_right(&mut self, context: &str) -> Parsed<()> {
        let token = self.next_non_space();
        if token.kind == Kind::Right { Ok(()) } else { Err(self.unexpected(token, context)) }
    }

    /// `if`, `range` or `with`, from the key word to its `end`.
    fn control(&mut self) -> Parsed<Node> {
        let keyword = self.next_non_space();
        self.descend()?;
        self.open.push(keyword);
        let variables = self.variables.len();
        let context = self.text(keyword);
        let pipeline = self.pipeline(context, Kind::Right)?;
        let ranges = usize::from(keyword.kind == Kind::Range);
        self.ranges += ranges;
        let (body, closer) = self.list()?;
        self.ranges -= ranges;
        let mut otherwise = Vec::new();
        if closer == Closer::Else {
            let next = self.peek().kind;
            if next == keyword.kind && matches!(next, Kind::If | Kind::With) {
                // One `end` closes the whole chain.
                otherwise.push(self.control()?);
            } else if matches!(next, Kind::If | Kind::With) {
                return Err(self.unexpected(self.peek(), "input"));
            } else {
                let start = self.peek();
                let closer;
                (otherwise, closer) = self.list()?;
                if closer != Closer::End {
                    return Err(self.error(start, format!("expected end; found {}", closer.describe())));
                }
            }
        }
        self.variables.truncate(variables);
        self.open.pop();
        self.nesting -= 1;
        let branch = Branch { pipeline, body, otherwise };
        Ok(match keyword.kind {
            Kind::If => Node::If(branch),
            Kind::With => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    fn template_name(&mut self, context: &str) -> Parsed<Box<str>> {
        let token = self.next_non_space();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        let name = constant::string(self.text(token)).map_err(|message| self.error(token, message))?;
        Ok(String::from_utf8_lossy(&name).into())
    }

    fn template(&mut self) -> Parsed<Node> {
        let keyword = self.next_non_space();
        let name = self.template_name("template clause")?;
        let data = if self.peek_non_space().kind == Kind::Right {
            self.next();
            None
        } else {
            Some(self.pipeline("template clause", Kind::Right)?)
        };
        Ok(Node::Template { name, data, span: self.span(keyword) })
    }

    fn definition(&mut self) -> Parsed<()> {
        let keyword = self.next_non_space();
        let name = self.template_name("define clause")?;
        self.expect_right("define clause")?;
        let body = self.separate(keyword, "define clause")?;
        self.define(name, body)
    }

    fn block(&mut self) -> Parsed<Node> {
        let keyword = self.next_non_space();
        let name = self.template_name("block clause")?;
        let data = self.pipeline("block clause", Kind::Right)?;
        let span = self.span(keyword);
        let body = self.separate(keyword, "block clause")?;
        self.define(name.clone(), body)?;
        Ok(Node::Template { name, data: Some(data), span })
    }

    /// A body that sees neither the variables nor the loops around it.
    fn separate(&mut self, keyword: Token, context: &str) -> Parsed<Vec<Node>> {
        self.descend()?;
        self.open.push(keyword);
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, closer) = self.list()?;
        if closer != Closer::End {
            return Err(self.error(keyword, format!("unexpected {} in {context}", closer.describe())));
        }
        self.variables = variables;
        self.ranges = ranges;
        self.open.pop();
        self.nesting -= 1;
        Ok(body)
    }
}
