//! A string of the configuration that knows where each of its characters stands in the file.
//!
//! **Invariant:** runs are sorted by offset, and a present text has at least one run, which starts at offset 0.

use std::fmt;
use std::ops::Deref;

/// A place in the file. Lines and columns count from 1; columns count characters. The default is the
/// beginning of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A stretch of a value whose characters follow each other in the file too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Byte offset in the value.
    pub offset: usize,
    /// Where the character at `offset` stands.
    pub position: Position,
}

/// A string field. Dereferences to `str`; compares by value alone.
///
/// A field that is absent from the file is an empty text positioned at whatever should have held it.
#[derive(Clone, Default)]
pub struct Text {
    value: String,
    present: bool,
    start: Position,
    runs: Vec<Run>,
}

impl Default for Position {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}", self.line, self.column)
    }
}

impl Text {
    pub(super) fn new(value: String, start: Position, runs: Vec<Run>) -> Self {
        Self { value, present: true, start, runs }
    }

    /// The text of a field that the mapping at `holder` does not have.
    pub fn absent(holder: Position) -> Self {
        Self { value: String::new(), present: false, start: holder, runs: Vec::new() }
    }

    /// The same text when its value counts as null.
    pub(super) fn emptied(&self) -> Self {
        Self::new(String::new(), self.start, Vec::new())
    }

    /// The decoded value.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// Whether the file has the field (perhaps empty or null).
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Where the value begins in the file: its first character, or its opening quote or block indicator.
    /// For an absent field, where its holder begins.
    pub fn position(&self) -> Position {
        self.start
    }

    /// Where the character at byte `offset` of the value stands in the file, for block, quoted and folded
    /// scalars as well. An offset past the end is taken to be just behind the last character.
    pub fn position_at(&self, offset: usize) -> Position {
        let offset = offset.min(self.value.len());
        let Some(run) = self.runs.iter().rev().find(|run| run.offset <= offset) else { return self.start };
        let characters = self.value.get(run.offset..offset).map_or(0, |stretch| stretch.chars().count());
        Position {
            line: run.position.line,
            column: run.position.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)),
        }
    }
}

/// A text that comes from no file, for rules built in code.
impl From<&str> for Text {
    fn from(value: &str) -> Self {
        let start = Position::default();
        Self::new(value.to_owned(), start, vec![Run { offset: 0, position: start }])
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.value == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.value == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} at {}:{}", self.value, self.start.line, self.start.column)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.value)
    }
}
