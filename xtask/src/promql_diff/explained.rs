//! Differences that are known, each with its reason.
//!
//! **Invariant:** an explanation applies to a narrow form of query and difference, and never to whether a query is read.

use super::Case;
use super::answer::Answer;
use super::compare::{Difference, Precision, What};

/// A known difference.
pub struct Explanation {
    /// Why it is there, with the version that explains it.
    pub reason: &'static str,
    applies: fn(&Case, &Answer, &Answer, &Difference) -> bool,
}

static EXPLANATIONS: &[Explanation] = &[Explanation {
    reason: "a pattern that is refused at the same place, in the words of another library of regular expressions",
    applies: |_, wanted, got, found| {
        let of_pattern = |answer: &Answer| {
            answer
                .refused
                .as_ref()
                .is_some_and(|refused| refused.message.starts_with("error parsing regexp: "))
        };
        found.what == What::Words && of_pattern(wanted) && of_pattern(got)
    },
}];

/// The reason for a difference, if it is known.
pub fn explain(
    case: &Case,
    wanted: &Answer,
    got: &Answer,
    found: &Difference,
) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| (explanation.applies)(case, wanted, got, found))
}

/// Whether the order of the series of an instant query is defined: by `sort` and `topk`, by the first series of each group,
/// by the operand. What is picked or counted comes out in the order of a Go map or of a heap.
pub fn has_order(query: &str) -> bool {
    let lower = query.to_lowercase();
    !["limitk", "limit_ratio", "count_values"].iter().any(|name| lower.contains(name))
}

/// Functions for which Go and C libraries round the last bits differently.
const ROUNDED: &[&str] = &[
    "exp", "ln", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
    "asinh", "acosh", "atanh", "^", "atan2",
];

/// How close the values of a query must be.
pub fn precision(query: &str) -> Precision {
    let lower = query.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    if lower.contains('^') || ROUNDED.iter().any(|name| words.contains(name)) {
        Precision::Relative(1e-9)
    } else {
        Precision::Exact
    }
}
