//! A tree back into text, in the normal form of Prometheus' `Expr.String()`.
//!
//! **Invariant:** what is printed parses to the same tree, places aside.

use std::fmt::{self, Display, Write as _};

use plimsoll_model::labels::{METRIC_NAME, is_plain_name};
use plimsoll_model::matcher::MatchOp;
use plimsoll_model::quote::quote_promql;

use super::ast::{
    Aggregate, At, Binary, Cardinality, DurationExpr, Edges, Expr, MatrixSelector, Number, Shift, Subquery,
    VectorSelector,
};
use super::number::{format_g, format_value};

/// Nanoseconds as `1h30m` (Prometheus: `model.Duration.String`), below a millisecond cut off.
pub(crate) fn print_duration_ns(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    let sign = if milliseconds < 0 { "-" } else { "" };
    let duration = std::time::Duration::from_millis(milliseconds.unsigned_abs());
    format!("{sign}{}", plimsoll_model::duration::format_prometheus(duration))
}

fn label_list(labels: &[String]) -> String {
    let quoted: Vec<String> = labels
        .iter()
        .map(|label| if is_plain_name(label) { label.clone() } else { quote_promql(label) })
        .collect();
    quoted.join(", ")
}

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String { value, .. } => f.write_str(&quote_promql(value)),
            Self::Vector(vector) => vector.fmt(f),
            Self::Matrix(matrix) => matrix.fmt(f),
            Self::Subquery(subquery) => subquery.fmt(f),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::Negate { expr, .. } => write!(f, "-{expr}"),
            Self::Plus { expr, .. } => write!(f, "+{expr}"),
            Self::Paren { expr, .. } => write!(f, "({expr})"),
            Self::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                for (index, arg) in call.args.iter().enumerate() {
                    write!(f, "{}{arg}", if index > 0 { ", " } else { "" })?;
                }
                f.write_char(')')
            }
        }
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_duration {
            return f.write_str(&format_value(self.value));
        }
        let sign = if self.value < 0.0 { "-" } else { "" };
        write!(f, "{sign}{}", print_duration_ns((self.value.abs() * 1e9) as i64))
    }
}

fn at_suffix(shift: &Shift) -> String {
    match shift.at {
        None => String::new(),
        Some(At::Time(milliseconds)) => format!(" @ {:.3}", milliseconds as f64 / 1000.0),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
    }
}

fn offset_suffix(shift: &Shift) -> String {
    match &shift.offset_expr {
        Some(expr) => format!(" offset {expr}"),
        None if shift.offset == 0 => String::new(),
        None if shift.offset < 0 => format!(" offset -{}", print_duration_ns(-shift.offset)),
        None => format!(" offset {}", print_duration_ns(shift.offset)),
    }
}

fn edges_suffix(edges: Edges) -> &'static str {
    match edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    }
}

fn span_of_time(nanoseconds: i64, expr: Option<&DurationExpr>) -> String {
    expr.map_or_else(|| print_duration_ns(nanoseconds), ToString::to_string)
}

impl VectorSelector {
    fn bare(&self) -> String {
        let mut matchers: Vec<String> = self
            .matchers
            .iter()
            .filter(|matcher| {
                matcher.name() != METRIC_NAME
                    || matcher.op() != MatchOp::Equal
                    || matcher.value() != self.name
                    || matcher.value().is_empty()
            })
            .map(ToString::to_string)
            .collect();
        if matchers.is_empty() {
            return self.name.clone();
        }
        matchers.sort();
        format!("{}{{{}}}", self.name, matchers.join(","))
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, offset) = (at_suffix(&self.shift), offset_suffix(&self.shift));
        write!(f, "{}{at}{}{offset}", self.bare(), edges_suffix(self.edges))
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = span_of_time(self.range, self.range_expr.as_ref());
        let shift = &self.vector.shift;
        let (at, offset) = (at_suffix(shift), offset_suffix(shift));
        write!(f, "{}[{range}]{}{at}{offset}", self.vector.bare(), edges_suffix(self.vector.edges))
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = span_of_time(self.range, self.range_expr.as_ref());
        let step = match &self.step_expr {
            Some(expr) => expr.to_string(),
            None if self.step == 0 => String::new(),
            None => print_duration_ns(self.step),
        };
        write!(f, "{}[{range}:{step}]{}{}", self.expr, at_suffix(&self.shift), offset_suffix(&self.shift))
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if self.without {
            write!(f, " without ({}) ", label_list(&self.grouping))?;
        } else if !self.grouping.is_empty() {
            write!(f, " by ({}) ", label_list(&self.grouping))?;
        }
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.lhs, self.op.as_str())?;
        if self.return_bool {
            f.write_str(" bool")?;
        }
        if let Some(matching) = &self.matching {
            let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
            if !matching.labels.is_empty() || matching.on || grouped {
                let word = if matching.on { "on" } else { "ignoring" };
                write!(f, " {word} ({})", label_list(&matching.labels))?;
            }
            if grouped {
                let side = if matching.cardinality == Cardinality::ManyToOne { "left" } else { "right" };
                write!(f, " group_{side} ({})", label_list(&matching.include))?;
            }
            match (matching.fill_left, matching.fill_right) {
                (Some(left), Some(right)) if left == right => write!(f, " fill ({})", format_g(left))?,
                (left, right) => {
                    if let Some(left) = left {
                        write!(f, " fill_left ({})", format_g(left))?;
                    }
                    if let Some(right) = right {
                        write!(f, " fill_right ({})", format_g(right))?;
                    }
                }
            }
        }
        write!(f, " {}", self.rhs)
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(number) => number.fmt(f),
            Self::Step(_) => f.write_str("step()"),
            Self::Range(_) => f.write_str("range()"),
            Self::Negate(expr, _) => write!(f, "-{expr}"),
            Self::Paren(expr, _) => write!(f, "({expr})"),
            Self::Binary(op, lhs, rhs) => write!(f, "{lhs} {} {rhs}", op.as_str()),
            Self::Min(lhs, rhs, _) => write!(f, "min_of({lhs}, {rhs})"),
            Self::Max(lhs, rhs, _) => write!(f, "max_of({lhs}, {rhs})"),
        }
    }
}
