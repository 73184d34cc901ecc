//! Kubernetes label selectors (`app=web,tier in (a,b),!canary`): parse, match and print.
//!
//! Not PromQL matchers. Grammar, ordering and error texts follow
//! `k8s.io/apimachinery/pkg/labels/selector.go` v0.30.
//!
//! **Invariant:** requirements of a parsed selector are sorted by key, values of a set are sorted and unique.

mod field;
mod parse;
pub mod validation;

use std::fmt;

pub use field::{Field, FieldRequirement, FieldSelector, FieldSelectorError};
pub use parse::{RequirementError, SelectorError};

/// Longest selector that is read, in bytes. A request line of the API server cannot carry more.
pub const MAX_LENGTH: usize = 64 * 1024;

/// How a requirement compares the value of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `a=b` (one value).
    Equals,
    /// `a==b` (one value).
    DoubleEquals,
    /// `a!=b` (one value).
    NotEquals,
    /// `a in (x,y)`.
    In,
    /// `a notin (x,y)`.
    NotIn,
    /// `a`.
    Exists,
    /// `!a`.
    DoesNotExist,
    /// `a>1` (one integer).
    GreaterThan,
    /// `a<1` (one integer).
    LessThan,
}

/// One condition on one label key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// How its value is compared.
    pub operator: Operator,
    /// What it is compared with; empty for `Exists` and `DoesNotExist`.
    pub values: Vec<String>,
}

/// A conjunction of requirements; the empty selector matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    /// Sorted by key.
    pub requirements: Vec<Requirement>,
}

impl Requirement {
    /// Whether an object whose label of this key has `value` (`None`: no such label) satisfies the
    /// requirement. Comparisons with `>` and `<` fail for values that are no 64-bit integers.
    pub fn admits(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|allowed| allowed == value);
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => value.is_some_and(listed),
            Operator::NotEquals | Operator::NotIn => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let (Some(value), [bound]) = (value, &self.values[..]) else { return false };
                match (value.parse::<i64>(), bound.parse::<i64>()) {
                    (Ok(value), Ok(bound)) if self.operator == Operator::GreaterThan => value > bound,
                    (Ok(value), Ok(bound)) => value < bound,
                    _ => false,
                }
            }
        }
    }
}

impl Selector {
    /// Reads a selector of at most [`MAX_LENGTH`] bytes. The empty text gives the selector that matches
    /// everything.
    ///
    /// Errors carry the texts of `labels.Parse`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::parse(text)
    }

    /// Whether the labels that `get` looks up satisfy every requirement.
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.admits(get(&requirement.key)))
    }

    /// Whether the selector has no requirement, hence matches everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operator == Operator::DoesNotExist {
            f.write_str("!")?;
        }
        f.write_str(&self.key)?;
        let (symbol, set) = match self.operator {
            Operator::Equals => ("=", false),
            Operator::DoubleEquals => ("==", false),
            Operator::NotEquals => ("!=", false),
            Operator::In => (" in (", true),
            Operator::NotIn => (" notin (", true),
            Operator::GreaterThan => (">", false),
            Operator::LessThan => ("<", false),
            Operator::Exists | Operator::DoesNotExist => return Ok(()),
        };
        f.write_str(symbol)?;
        for (at, value) in self.values.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            f.write_str(value)?;
        }
        f.write_str(if set { ")" } else { "" })
    }
}

/// The canonical form, as `labels.Selector.String` prints it: no spaces but around `in` and `notin`.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
