//! Regular expressions as Go's `regexp` package (RE2) understands them, on top of the `regex` crate.
//!
//! Not another engine: a pattern is read by Go's grammar and handed on in the crate's. Both match leftmost-first
//! in linear time.
//!
//! **Invariant:** a pattern that Go refuses is refused, whether or not the crate would accept it; compiled size and
//! pattern length are bounded.

mod class;
mod element;
mod expand;
mod translate;

use std::fmt;

/// Longest pattern that is compiled, in bytes.
pub const MAX_PATTERN: usize = 16 * 1024;
/// Most memory one compiled pattern may take, in bytes.
pub const MAX_COMPILED: usize = 10 << 20;
/// How deep groups may nest (Go: 1000).
pub const MAX_NESTING: usize = 100;

/// A compiled Go regular expression.
#[derive(Debug, Clone)]
pub struct GoRegexp {
    pattern: Box<str>,
    regex: regex::Regex,
    /// Names of the capture groups, from group 1 on.
    names: Vec<Option<Box<str>>>,
}

/// Why a pattern is no Go regular expression.
///
/// Prints as Go does, with a hint where we know what was meant:
/// ``error parsing regexp: invalid or unsupported Perl syntax: `(?=` (RE2 has no lookahead…)``.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {problem}: `{part}`{}", hint.map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct RegexpError {
    /// What is wrong.
    pub problem: Problem,
    /// The part of the pattern that is wrong.
    pub part: String,
    /// What to write instead, where we know.
    pub hint: Option<&'static str>,
}

/// What is wrong with a pattern, in the words of Go's `regexp/syntax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// A class or class range that does not exist or runs backwards.
    CharacterRange,
    /// A backslash sequence that does not exist.
    Escape,
    /// A malformed name of a capture group.
    NamedCapture,
    /// A repetition of a repetition, such as `a**`.
    NestedRepetition,
    /// A repeat count over 1000, alone or multiplied by those around it.
    RepeatCount,
    /// `[` without `]`.
    MissingBracket,
    /// `(` without `)`.
    MissingParenthesis,
    /// A repetition of nothing.
    MissingArgument,
    /// A backslash at the end.
    TrailingBackslash,
    /// `)` without `(`.
    UnexpectedParenthesis,
    /// Groups nest too deeply.
    TooDeep,
    /// The pattern or what it compiles to is too large.
    TooLarge,
    /// `(?` with something behind it that RE2 does not have.
    Perl,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CharacterRange => "invalid character class range",
            Self::Escape => "invalid escape sequence",
            Self::NamedCapture => "invalid named capture",
            Self::NestedRepetition => "invalid nested repetition operator",
            Self::RepeatCount => "invalid repeat count",
            Self::MissingBracket => "missing closing ]",
            Self::MissingParenthesis => "missing closing )",
            Self::MissingArgument => "missing argument to repetition operator",
            Self::TrailingBackslash => "trailing backslash at end of expression",
            Self::UnexpectedParenthesis => "unexpected )",
            Self::TooDeep => "expression nests too deeply",
            Self::TooLarge => "expression too large",
            Self::Perl => "invalid or unsupported Perl syntax",
        })
    }
}

/// The text of a pattern for an error, at most 300 characters of it.
fn shorten(pattern: &str) -> String {
    match pattern.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &pattern[..end]),
        None => pattern.to_owned(),
    }
}

impl GoRegexp {
    /// Compiles `pattern`, which is searched for anywhere in a text unless it is anchored.
    pub fn new(pattern: &str) -> Result<Self, RegexpError> {
        Self::compile(pattern, false)
    }

    /// Compiles `pattern` so that it matches whole texts only and its dot newlines too, as PromQL does.
    pub fn whole(pattern: &str) -> Result<Self, RegexpError> {
        Self::compile(pattern, true)
    }

    fn compile(pattern: &str, whole: bool) -> Result<Self, RegexpError> {
        let too_large =
            |hint| RegexpError { problem: Problem::TooLarge, part: shorten(pattern), hint: Some(hint) };
        if pattern.len() > MAX_PATTERN {
            return Err(too_large("at most 16384 bytes are read"));
        }
        let mut translated = translate::translate(pattern, whole)?;
        if whole {
            translated.pattern = format!(r"\A(?:{})\z", translated.pattern);
        }
        let regex = regex::RegexBuilder::new(&translated.pattern)
            .size_limit(MAX_COMPILED)
            .nest_limit(8 * MAX_NESTING as u32)
            .build()
            .map_err(|_| too_large("it compiles to more than 10 MiB: lower its repeat counts"))?;
        Ok(Self { pattern: pattern.into(), regex, names: translated.names })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern occurs in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The groups of the first occurrence in `text`; group 0 is the whole occurrence.
    pub fn captures<'t>(&self, text: &'t str) -> Option<regex::Captures<'t>> {
        self.regex.captures(text)
    }

    /// How many capture groups there are, group 0 not counted (Go: `NumSubexp`).
    pub fn groups(&self) -> usize {
        self.names.len()
    }

    /// Names of the capture groups from group 1 on (Go: `SubexpNames`).
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.names.iter().map(Option::as_deref)
    }

    /// What group `name` holds; of several groups of that name the first that took part.
    pub fn named<'t>(&self, captures: &regex::Captures<'t>, name: &str) -> Option<&'t str> {
        self.names
            .iter()
            .enumerate()
            .filter(|(_, known)| known.as_deref() == Some(name))
            .find_map(|(at, _)| captures.get(at + 1))
            .map(|group| group.as_str())
    }

    /// Replaces `$1`, `$name`, `${name}` in `template` by what the groups hold and `$$` by `$`, after Go's
    /// `Regexp.Expand`: the longest possible name counts, and a group that does not exist is empty.
    pub fn expand(&self, template: &str, captures: &regex::Captures<'_>) -> String {
        expand::expand(self, template, captures)
    }
}

#[cfg(test)]
mod tests;
