//! Why a text is refused.
//!
//! **Invariant:** lines and columns count from 1, columns count characters.

/// The first mistake of a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpositionError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to write instead; may be empty.
    pub fix: String,
}

impl ExpositionError {
    pub(super) fn new(text: &[u8], at: usize, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let before = &text[..at.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self { line: number(line), column: number(column), message: message.into(), fix: fix.into() }
    }
}
