//! The tree of a parsed template.
//!
//! Not Go's tree: names are resolved to functions while parsing, constants to values.
//!
//! **Invariant:** nesting is at most [`super::MAX_NESTING`] deep, so that walking it needs a bounded stack.

use super::function::Function;

/// A span of the template's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Text between actions, and the byte of the template at which it begins.
    Text(Box<[u8]>, u32),
    /// `<<pipeline>>`.
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    /// `<<template "name" pipeline>>`.
    Template {
        name: Box<str>,
        data: Option<Pipeline>,
        span: Span,
    },
    Break,
    Continue,
}

#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub pipeline: Pipeline,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub variables: Vec<Box<str>>,
    /// `=` rather than `:=`.
    pub assigns: bool,
    /// Never empty.
    pub commands: Vec<Command>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) struct Command {
    /// Never empty; the first is what is called or evaluated.
    pub operands: Vec<Operand>,
}

#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub kind: OperandKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    String(Box<[u8]>),
    /// `.A.B`.
    Field(Box<[Box<str>]>),
    /// `$`, `$x`, `$x.A`; the name includes the dollar.
    Variable(Box<str>, Box<[Box<str>]>),
    Function(Function),
    /// `(pipeline)`.
    Pipeline(Box<Pipeline>),
    /// `(pipeline).A.B` or a function with fields behind it.
    Chain(Box<Operand>, Box<[Box<str>]>),
}

/// A number constant, with the type it has when nothing asks for another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
    Complex(f64, f64),
    /// Fits an unsigned integer only, which is an error when it is used.
    Overflow,
}
