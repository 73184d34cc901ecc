//! Label matchers: which values of a label a selector asks for.
//!
//! Not the index that uses them. A label that a series does not carry has the empty value.
//!
//! **Invariant:** a matcher that exists is compiled and within bounds; matching never fails.

use std::fmt;

use crate::regexp::{GoRegexp, MAX_PATTERN, RegexpError};
use crate::{labels, quote};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends; `.` matches a newline too
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: Box<str>,
    op: MatchOp,
    value: Box<str>,
    test: Test,
}

/// What decides whether a value matches, before a negation.
#[derive(Debug, Clone)]
enum Test {
    /// The value itself, of an equality or of a pattern without any special character.
    Literal,
    /// A pattern that is a list of literals: `a|b|c`.
    OneOf(Box<[Box<str>]>),
    /// Literals around one `.*` or `.+`: `web-.*`. Compiling these would cost more than evaluating a small query.
    Around {
        before: Box<str>,
        after: Box<str>,
        /// Least bytes of the whole value.
        least: usize,
    },
    Regex(GoRegexp),
}

/// Why a matcher cannot be built: its pattern is no regular expression, or too large a one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct MatcherError(#[from] RegexpError);

impl Matcher {
    /// Compiles a matcher.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, MatcherError> {
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::Literal,
            MatchOp::Regex | MatchOp::NotRegex => compile(value)?,
        };
        Ok(Self { name: name.into(), op, value: value.into(), test })
    }

    /// A matcher for one exact value.
    pub fn equal(name: &str, value: &str) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), test: Test::Literal }
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the matcher compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or pattern as it was written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value (empty for an absent label) satisfies the matcher.
    pub fn matches(&self, value: &str) -> bool {
        let hit = match &self.test {
            Test::Literal => *self.value == *value,
            Test::OneOf(values) => values.iter().any(|candidate| **candidate == *value),
            Test::Around { before, after, least } => {
                value.len() >= *least && value.starts_with(&**before) && value.ends_with(&**after)
            }
            Test::Regex(regex) => regex.is_match(value),
        };
        hit != matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }

    /// Whether a series without the label satisfies the matcher.
    pub fn matches_absent(&self) -> bool {
        self.matches("")
    }

    /// The only values that can satisfy the matcher, where they can be listed: an index need not be scanned then.
    pub fn listed_values(&self) -> Option<Vec<&str>> {
        match (self.op, &self.test) {
            (MatchOp::Equal | MatchOp::Regex, Test::Literal) => Some(vec![&self.value]),
            (MatchOp::Regex, Test::OneOf(values)) => Some(values.iter().map(AsRef::as_ref).collect()),
            _ => None,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.name == other.name && self.value == other.value
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.op.hash(state);
        self.value.hash(state);
    }
}

impl fmt::Display for Matcher {
    /// `name="value"` (Prometheus: `Matcher.String`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if labels::is_plain_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quote::quote_promql(&self.name))?;
        }
        write!(f, "{}{}", self.op.as_str(), quote::quote_promql(&self.value))
    }
}

fn compile(pattern: &str) -> Result<Test, MatcherError> {
    let plain = |text: &str| !text.bytes().any(|byte| br"\.+*?()|[]{}^$".contains(&byte));
    if pattern.len() <= MAX_PATTERN && plain(pattern) {
        return Ok(Test::Literal);
    }
    if pattern.len() <= MAX_PATTERN && pattern.split('|').all(plain) {
        return Ok(Test::OneOf(pattern.split('|').map(Into::into).collect()));
    }
    if pattern.len() <= MAX_PATTERN
        && let Some((before, rest)) = pattern.split_once('.')
        && let Some((repeat @ ("*" | "+"), after)) = rest.split_at_checked(1)
        && plain(before)
        && plain(after)
    {
        let least = before.len() + after.len() + usize::from(repeat == "+");
        return Ok(Test::Around { before: before.into(), after: after.into(), least });
    }
    Ok(Test::Regex(GoRegexp::whole(pattern)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> Matcher {
        Matcher::new("a", MatchOp::Regex, pattern).unwrap()
    }

    #[test]
    fn a_pattern_is_anchored_at_both_ends_and_its_dot_matches_a_newline() {
        assert!(regex("b.*d").matches("b\nd"));
        assert!(!regex("b.d").matches("abcde"));
        assert!(regex("a|b").matches("b"));
        assert!(!regex("a|b").matches("ab"));
        assert!(regex("").matches(""));
    }

    #[test]
    fn literals_around_anything_match_as_the_expression_does() {
        let values = ["", "a", "b", "ab", "a\nb", "aab", "abb", "aéb", "ba", "abab", "."];
        for pattern in [".*", ".+", "a.*", "a.+", ".*b", ".+b", "a.*b", "a.+b", "ab.*b", "ab.+ab"] {
            let regex_test = GoRegexp::whole(pattern).unwrap();
            assert!(matches!(regex(pattern).test, Test::Around { .. }), "{pattern}");
            for value in values {
                assert_eq!(regex(pattern).matches(value), regex_test.is_match(value), "{pattern} {value:?}");
            }
        }
        for pattern in ["a.b", "a.*b.*", "a.*?", "a.{2}", "(a).*", "a.*|b", "a.", r"a\.*"] {
            assert!(matches!(regex(pattern).test, Test::Regex(_)), "{pattern}");
        }
    }

    #[test]
    fn a_negated_matcher_is_satisfied_by_an_absent_label() {
        assert!(Matcher::new("a", MatchOp::NotEqual, "x").unwrap().matches_absent());
        assert!(Matcher::new("a", MatchOp::NotRegex, "x.*").unwrap().matches_absent());
        assert!(!Matcher::new("a", MatchOp::NotRegex, ".*").unwrap().matches_absent());
    }

    #[test]
    fn the_values_of_a_list_of_alternatives_are_known() {
        assert_eq!(regex("a|b").listed_values(), Some(vec!["a", "b"]));
        assert_eq!(regex("a.*").listed_values(), None);
    }

    #[test]
    fn a_pattern_that_would_only_balance_inside_the_anchors_is_refused() {
        let error = Matcher::new("a", MatchOp::Regex, "a)(b").unwrap_err();
        assert!(error.to_string().starts_with("error parsing regexp: unexpected ): `a)(b`"), "{error}");
    }

    #[test]
    fn a_pattern_that_is_too_long_says_so() {
        let error = Matcher::new("a", MatchOp::Regex, &"x".repeat(MAX_PATTERN + 1)).unwrap_err();
        assert!(error.to_string().contains("at most 16384 bytes"), "{error}");
    }

    #[test]
    fn patterns_are_those_of_go() {
        assert!(regex(r"\Qa.b\E.*").matches("a.b\n"));
        assert!(regex(r"(?U)[[:word:]]+\pN").matches("pod7"));
        // `\d` is ASCII, and `&&` no operator, other than in Rust.
        assert!(!regex(r"\d+").matches("１"));
        assert!(regex("[a&&b]+").matches("a&b"));
        assert!(Matcher::new("a", MatchOp::Regex, r"(?x)a b").is_err());
        assert!(Matcher::new("a", MatchOp::Regex, r"\u{61}").is_err());
    }
}
