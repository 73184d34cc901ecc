//! Where something stands in a query, and what is wrong there.
//!
//! **Invariant:** a place can be shown for every error; columns count bytes from 1, as Prometheus counts them.

/// A part of a query: bytes from `start` up to, but without, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One behind the last byte.
    pub end: usize,
}

impl Span {
    /// From the start of this to the end of the other.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }

    /// Line and column of the start within `query`, both from 1.
    pub fn position(self, query: &str) -> (usize, usize) {
        let before = &query.as_bytes()[..self.start.min(query.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (line, column)
    }

    /// The line that holds the start, and below it carets under the span.
    pub fn excerpt(self, query: &str) -> String {
        let start = floor(query, self.start.min(query.len()));
        let line_start = query[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = query[start..].find('\n').map_or(query.len(), |at| start + at);
        let end = floor(query, self.end.clamp(start, line_end));
        let indent: String =
            query[line_start..start].chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let carets = query[start..end].chars().count().max(1);
        format!("{}\n{indent}{}", &query[line_start..line_end], "^".repeat(carets))
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A query that is not PromQL, or whose types do not fit.
///
/// Prints as Prometheus prints it: `1:5: parse error: unexpected …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// The line, with carets under the place.
    pub excerpt: String,
}

impl ParseError {
    pub(crate) fn new(query: &str, span: Span, message: String) -> Self {
        let (line, column) = span.position(query);
        Self { message, span, line, column, excerpt: span.excerpt(query) }
    }
}
