//! The tree of a query.
//!
//! **Invariant:** a tree from [`parse`](super::parse) is well typed; every node knows where it stands in the text.

use plimsoll_model::matcher::Matcher;

use super::Span;
use super::functions::Function;
pub use super::token::{AggregateOp, BinaryOp};

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number per step.
    Scalar,
    /// Series with one sample per step.
    Vector,
    /// Series with all their samples in a window.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// As the documentation calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Number(Number),
    String {
        value: String,
        span: Span,
    },
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(Box<Subquery>),
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Negate {
        expr: Box<Expr>,
        start: usize,
    },
    /// A unary plus, which changes nothing.
    Plus {
        expr: Box<Expr>,
        start: usize,
    },
    Paren {
        expr: Box<Expr>,
        span: Span,
    },
    Call(Call),
}

/// A number, or a duration in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub value: f64,
    /// Written as a duration; the value is in seconds.
    pub is_duration: bool,
    pub span: Span,
}

/// The end of the window, where it is not the time of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since 1970.
    Time(i64),
    Start,
    End,
}

/// `@` and `offset`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shift {
    pub at: Option<At>,
    /// Nanoseconds back, as written or as the expression came out.
    pub offset: i64,
    pub offset_expr: Option<DurationExpr>,
}

/// `anchored` and `smoothed`: how the edges of a window are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edges {
    #[default]
    Plain,
    Anchored,
    Smoothed,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The name before the braces; empty without one.
    pub name: String,
    pub matchers: Vec<Matcher>,
    pub shift: Shift,
    pub edges: Edges,
    pub span: Span,
    /// May match everything: the second argument of `info`.
    pub allow_empty: bool,
    /// Only counts and sums of histograms are looked at, so that their buckets need not agree.
    pub stats_only: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    pub vector: VectorSelector,
    /// Nanoseconds.
    pub range: i64,
    pub range_expr: Option<DurationExpr>,
    pub end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    pub expr: Expr,
    /// Nanoseconds.
    pub range: i64,
    pub range_expr: Option<DurationExpr>,
    /// Nanoseconds; 0 for the default.
    pub step: i64,
    pub step_expr: Option<DurationExpr>,
    pub shift: Shift,
    pub end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub expr: Expr,
    pub param: Option<Expr>,
    pub grouping: Vec<String>,
    pub without: bool,
    pub span: Span,
}

/// Which side may have several series per group of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    OneToOne,
    ManyToOne,
    OneToMany,
    ManyToMany,
}

/// How the series of two operands find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    pub cardinality: Cardinality,
    pub on: bool,
    pub labels: Vec<String>,
    pub include: Vec<String>,
    pub fill_left: Option<f64>,
    pub fill_right: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub lhs: Expr,
    pub rhs: Expr,
    /// Absent unless both operands are vectors.
    pub matching: Option<Matching>,
    pub return_bool: bool,
    pub op_span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub function: &'static Function,
    pub args: Vec<Expr>,
    pub span: Span,
}

/// Arithmetic with durations.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    Literal(Number),
    Step(Span),
    Range(Span),
    Negate(Box<DurationExpr>, usize),
    Paren(Box<DurationExpr>, Span),
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    Min(Box<DurationExpr>, Box<DurationExpr>, Span),
    Max(Box<DurationExpr>, Box<DurationExpr>, Span),
}

impl DurationExpr {
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(number) => number.span,
            Self::Step(span) | Self::Range(span) => *span,
            // As in Prometheus, which leaves the word and the parentheses out.
            Self::Min(lhs, rhs, _) | Self::Max(lhs, rhs, _) => lhs.span().to(rhs.span()),
            Self::Negate(expr, start) => Span { start: *start, end: expr.span().end },
            Self::Paren(expr, _) => expr.span(),
            Self::Binary(_, lhs, rhs) => lhs.span().to(rhs.span()),
        }
    }
}

impl Expr {
    pub fn span(&self) -> Span {
        match self {
            Self::Number(number) => number.span,
            Self::String { span, .. } | Self::Paren { span, .. } => *span,
            Self::Vector(vector) => vector.span,
            Self::Matrix(matrix) => Span { start: matrix.vector.span.start, end: matrix.end },
            Self::Subquery(subquery) => Span { start: subquery.expr.span().start, end: subquery.end },
            Self::Aggregate(aggregate) => aggregate.span,
            Self::Binary(binary) => binary.lhs.span().to(binary.rhs.span()),
            Self::Negate { expr, start } | Self::Plus { expr, start } => {
                Span { start: *start, end: expr.span().end }
            }
            Self::Call(call) => call.span,
        }
    }

    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String { .. } => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Binary(binary) => {
                if binary.lhs.value_type() == ValueType::Scalar
                    && binary.rhs.value_type() == ValueType::Scalar
                {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            Self::Negate { expr, .. } | Self::Plus { expr, .. } | Self::Paren { expr, .. } => {
                expr.value_type()
            }
            Self::Call(call) => call.function.returns,
        }
    }

    /// The expression inside any parentheses.
    pub fn unwrapped(&self) -> &Self {
        match self {
            Self::Paren { expr, .. } => expr.unwrapped(),
            other => other,
        }
    }

    /// The direct sub-expressions, in the order of evaluation.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Self::Number(_) | Self::String { .. } | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(subquery) => vec![&mut subquery.expr],
            Self::Aggregate(aggregate) => {
                let mut all = vec![&mut aggregate.expr];
                all.extend(aggregate.param.as_mut());
                all
            }
            Self::Binary(binary) => vec![&mut binary.lhs, &mut binary.rhs],
            Self::Negate { expr, .. } | Self::Plus { expr, .. } | Self::Paren { expr, .. } => vec![expr],
            Self::Call(call) => call.args.iter_mut().collect(),
        }
    }

    /// The direct sub-expressions, in the order of evaluation.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Number(_) | Self::String { .. } | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(subquery) => vec![&subquery.expr],
            Self::Aggregate(aggregate) => {
                let mut all = vec![&aggregate.expr];
                all.extend(aggregate.param.as_ref());
                all
            }
            Self::Binary(binary) => vec![&binary.lhs, &binary.rhs],
            Self::Negate { expr, .. } | Self::Plus { expr, .. } | Self::Paren { expr, .. } => vec![expr],
            Self::Call(call) => call.args.iter().collect(),
        }
    }
}
