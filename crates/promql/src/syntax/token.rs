//! The words of the language.
//!
//! **Invariant:** a keyword is a keyword in any case, and still usable as a label or metric name where the grammar
//! allows a name.

use super::Span;

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    End,
    Identifier,
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    LeftParen,
    RightParen,
    Comma,
    Colon,
    Equal,
    EqualRegex,
    NotRegex,
    At,
    Binary(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// How tightly it binds, 1 to 6.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Eq
            | Self::Ne
            | Self::Lt
            | Self::Le
            | Self::Gt
            | Self::Ge
            | Self::TrimUpper
            | Self::TrimLower => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
        }
    }

    /// Whether it compares.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Whether it combines sets of series.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// Whether the result measures something else than the operands, so that their name no longer fits.
    pub fn changes_meaning(self) -> bool {
        matches!(self, Self::Add | Self::Sub | Self::Div | Self::Mul | Self::Pow | Self::Mod | Self::Atan2)
    }
}

/// An aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// Whether it takes a parameter before the vector.
    pub fn has_parameter(self) -> bool {
        self.picks_series() || matches!(self, Self::CountValues | Self::Quantile)
    }

    /// Whether the result consists of series of the input.
    pub fn picks_series(self) -> bool {
        matches!(self, Self::Topk | Self::Bottomk | Self::Limitk | Self::LimitRatio)
    }
}

/// A word with a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyword {
    Offset,
    Smoothed,
    Anchored,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

impl Keyword {
    /// Whether it can also name a metric (`start`, `by`, …).
    fn is_metric_name(self) -> bool {
        !matches!(self, Self::On | Self::Ignoring | Self::GroupLeft | Self::GroupRight | Self::Bool)
    }

    /// Whether it is a word of the query's own time: these are functions too.
    pub fn is_context(self) -> bool {
        matches!(self, Self::Start | Self::End | Self::Step | Self::Range | Self::MaxOf | Self::MinOf)
    }
}

/// The token that a word stands for, case aside.
pub fn keyword(word: &str) -> Option<Kind> {
    use AggregateOp as A;
    use Keyword as K;
    if word.len() > 12 {
        return None;
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => Kind::Binary(BinaryOp::And),
        "or" => Kind::Binary(BinaryOp::Or),
        "unless" => Kind::Binary(BinaryOp::Unless),
        "atan2" => Kind::Binary(BinaryOp::Atan2),
        "sum" => Kind::Aggregate(A::Sum),
        "avg" => Kind::Aggregate(A::Avg),
        "count" => Kind::Aggregate(A::Count),
        "min" => Kind::Aggregate(A::Min),
        "max" => Kind::Aggregate(A::Max),
        "group" => Kind::Aggregate(A::Group),
        "stddev" => Kind::Aggregate(A::Stddev),
        "stdvar" => Kind::Aggregate(A::Stdvar),
        "topk" => Kind::Aggregate(A::Topk),
        "bottomk" => Kind::Aggregate(A::Bottomk),
        "count_values" => Kind::Aggregate(A::CountValues),
        "quantile" => Kind::Aggregate(A::Quantile),
        "limitk" => Kind::Aggregate(A::Limitk),
        "limit_ratio" => Kind::Aggregate(A::LimitRatio),
        "offset" => Kind::Keyword(K::Offset),
        "smoothed" => Kind::Keyword(K::Smoothed),
        "anchored" => Kind::Keyword(K::Anchored),
        "by" => Kind::Keyword(K::By),
        "without" => Kind::Keyword(K::Without),
        "on" => Kind::Keyword(K::On),
        "ignoring" => Kind::Keyword(K::Ignoring),
        "group_left" => Kind::Keyword(K::GroupLeft),
        "group_right" => Kind::Keyword(K::GroupRight),
        "fill" => Kind::Keyword(K::Fill),
        "fill_left" => Kind::Keyword(K::FillLeft),
        "fill_right" => Kind::Keyword(K::FillRight),
        "bool" => Kind::Keyword(K::Bool),
        "start" => Kind::Keyword(K::Start),
        "end" => Kind::Keyword(K::End),
        "step" => Kind::Keyword(K::Step),
        "range" => Kind::Keyword(K::Range),
        "max_of" => Kind::Keyword(K::MaxOf),
        "min_of" => Kind::Keyword(K::MinOf),
        "inf" | "nan" => Kind::Number,
        _ => return None,
    })
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub span: Span,
}

impl Token {
    /// Whether the word can name a metric.
    pub fn is_metric_name(self) -> bool {
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) => true,
            Kind::Binary(op) => op.is_set(),
            Kind::Keyword(keyword) => keyword.is_metric_name(),
            _ => false,
        }
    }

    /// Whether an expression can begin with it.
    pub fn starts_expression(self) -> bool {
        let other = matches!(
            self.kind,
            Kind::Number
                | Kind::Duration
                | Kind::String
                | Kind::LeftParen
                | Kind::LeftBrace
                | Kind::Binary(BinaryOp::Add | BinaryOp::Sub)
        );
        other || self.is_metric_name()
    }

    /// Whether the word can name a label where labels are listed.
    pub fn is_label_name(self) -> bool {
        match self.kind {
            Kind::Keyword(word) => word != Keyword::Without,
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) => true,
            Kind::Binary(op) => op.is_set() || op == BinaryOp::Atan2,
            _ => false,
        }
    }

    /// How an error names the token (Prometheus: `Item.desc`).
    pub fn describe(self, query: &str) -> String {
        let text = query.get(self.span.start..self.span.end).unwrap_or_default();
        let quoted = || {
            let short: String = text.chars().take(10).collect();
            let dots = if text.len() > 10 { "..." } else { "" };
            format!("{}{dots}", plimsoll_model::quote::quote(short.as_bytes()))
        };
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {}", plimsoll_model::quote::quote(text.as_bytes())),
            Kind::MetricIdentifier => {
                format!("metric identifier {}", plimsoll_model::quote::quote(text.as_bytes()))
            }
            Kind::Number => format!("number {}", quoted()),
            Kind::Duration => format!("duration {}", quoted()),
            Kind::String => format!("string {}", quoted()),
            Kind::Binary(_) | Kind::EqualRegex | Kind::At => format!("<op:{text}>"),
            Kind::NotRegex => format!("<op:{text}>"),
            Kind::Aggregate(_) => format!("<aggr:{text}>"),
            Kind::Keyword(keyword) if keyword.is_context() => quoted(),
            Kind::Keyword(_) => format!("<{text}>"),
            _ => quoted(),
        }
    }
}
