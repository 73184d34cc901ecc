//! The subset of Go text/template that rules use, with delimiters `<<` and `>>`.
//!
//! Not a general template engine: there are no methods, no user-defined functions and no HTML escaping by
//! context. Syntax, evaluation and printing follow Go's `text/template` and `fmt`, except where this page or
//! [`Template::parse`] says otherwise.
//!
//! **Invariant:** rendering is bounded in output, steps, memory and stack, whatever the template and the data.

mod advice;
mod builtin;
mod compare;
mod constant;
mod datum;
mod directive;
mod escape;
mod eval;
mod float;
mod format;
mod function;
mod node;
mod origin;
mod parser;
mod pipeline;
mod token;
mod value;

use std::collections::BTreeSet;

use node::{Command, Node, Operand, OperandKind, Pipeline};
pub use origin::Origin;
pub use plimsoll_model::quote::{append_quoted, quote};
pub use value::Value;

/// Longest template text that is parsed, in bytes.
pub const MAX_TEXT: usize = 1 << 20;
/// Longest output that is rendered, in bytes; also the longest value that a function may return.
pub const MAX_OUTPUT: usize = 1 << 20;
/// Most nodes and commands that one rendering evaluates.
pub const MAX_STEPS: u32 = 100_000;
/// Most bytes that functions may produce during one rendering.
pub const MAX_PRODUCED: usize = 16 << 20;
/// How deep blocks and parentheses may nest in a text.
pub const MAX_NESTING: usize = 50;
/// How deep blocks, parentheses and template calls together may nest during one rendering.
pub const MAX_DEPTH: usize = 150;

/// A parsed template, ready to be rendered any number of times.
#[derive(Debug, Clone)]
pub struct Template {
    name: Box<str>,
    text: Box<str>,
    definitions: Vec<(Box<str>, Vec<Node>)>,
    main: usize,
    fields: Vec<Box<str>>,
}

/// Why a text is no template.
///
/// Prints as `template: metrics-query:1:3: function "foo" not defined (hint)`: Go's text with a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {name}:{line}:{column}: {message}{}", hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct ParseError {
    /// The template's name.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, in the words of Go's parser.
    pub message: String,
    /// What to write instead, where we know.
    pub hint: Option<String>,
}

/// Why a template gave no text.
///
/// Prints as `template: metrics-query:1:3: executing "metrics-query" at <.Foo>: Foo is not a field; …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {name}:{line}:{column}: executing {} at <{at}>: {message}", quote(executing.as_bytes()))]
pub struct ExecutionError {
    /// The template's name.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The template or definition that was being rendered.
    pub executing: String,
    /// The part of the text that failed.
    pub at: String,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    fn new(name: &str, text: &str, at: usize, message: String, hint: Option<String>) -> Self {
        let (line, column) = position(text, at);
        Self { name: name.to_owned(), line, column, message, hint }
    }
}

/// Line and column, both from 1, of byte `at`.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

impl Template {
    /// Parses `text`; `name` appears in errors and is the name under which the template can call itself.
    ///
    /// Accepts what Go 1.22's `text/template` accepts, and `else with` of later releases. Refuses texts longer
    /// than [`MAX_TEXT`] and nesting deeper than [`MAX_NESTING`].
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_TEXT {
            let message = format!("the template has {} bytes, at most {MAX_TEXT} are read", text.len());
            return Err(ParseError::new(name, text, 0, message, None));
        }
        let tree = parser::parse(name, text)?;
        let mut fields = Fields::default();
        for (_, body) in &tree.definitions {
            fields.nodes(body);
        }
        Ok(Self {
            name: name.into(),
            text: text.into(),
            definitions: tree.definitions,
            main: tree.main,
            fields: fields.list,
        })
    }

    /// Renders the template with `data` as its dot.
    ///
    /// Bytes that are no UTF-8, which a slice through a character can give, become U+FFFD.
    pub fn render(&self, data: &Value<'_>) -> Result<String, ExecutionError> {
        eval::render(self, data, None).map(text)
    }

    /// As [`Self::render`], with where in the template each part of the output comes from.
    pub fn render_with_origin(&self, data: &Value<'_>) -> Result<(String, Origin), ExecutionError> {
        let mut origin = Origin::default();
        let output = text(eval::render(self, data, Some(&mut origin))?);
        Ok((output, origin))
    }

    /// The name given to [`Template::parse`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names after a leading dot or `$` (`Series` in `<<.Series>>`, `<<$.Series.x>>`), each once, in the order
    /// written. Inside `with` and `range` they may belong to something else than the template's data.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|name| &**name)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[derive(Default)]
struct Fields {
    list: Vec<Box<str>>,
    seen: BTreeSet<Box<str>>,
}

impl Fields {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Action(pipeline) | Node::Template { data: Some(pipeline), .. } => {
                    self.pipeline(pipeline)
                }
                Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                    self.pipeline(&branch.pipeline);
                    self.nodes(&branch.body);
                    self.nodes(&branch.otherwise);
                }
                Node::Text(..) | Node::Template { data: None, .. } | Node::Break | Node::Continue => {}
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        for Command { operands } in &pipeline.commands {
            for operand in operands {
                self.operand(operand);
            }
        }
    }

    fn operand(&mut self, operand: &Operand) {
        let first = match &operand.kind {
            OperandKind::Field(names) => names.first(),
            OperandKind::Variable(name, names) if **name == *"$" => names.first(),
            OperandKind::Pipeline(pipeline) => return self.pipeline(pipeline),
            OperandKind::Chain(inner, _) => return self.operand(inner),
            _ => None,
        };
        if let Some(name) = first
            && self.seen.insert(name.clone())
        {
            self.list.push(name.clone());
        }
    }
}

#[cfg(test)]
mod tests;
