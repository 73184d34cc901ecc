//! Kubernetes label selectors (`app=web,tier in (a,b),!canary`): parse, match and print.
//!
//! Not PromQL matchers. Grammar, ordering and error texts follow
//! `k8s.io/apimachinery/pkg/labels/selector.go`.
//!
//! **Invariant:** requirements of a parsed selector are sorted by key, values of a set are sorted and unique.

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
