//! Why a file gives no series.
//!
//! **Invariant:** a mistake in a text is shown at its place.

use plimsoll_adapter::config::{Excerpt, Position};
use plimsoll_collector::exposition::ExpositionError;
use plimsoll_promql::promqltest::LoadError;

use crate::input::InputError;
use crate::printed::Printed;

/// Why a file gives no series.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeriesError {
    /// The file cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The text has a mistake.
    #[error("{file}:{}:{}: {message}{excerpt}{}", .position.line, .position.column, fix_line(.fix))]
    Mistake { file: String, position: Position, message: String, fix: String, excerpt: String },
}

fn fix_line(fix: &str) -> String {
    if fix.is_empty() { String::new() } else { format!("\n  fix: {fix}") }
}

impl SeriesError {
    pub(super) fn new(line: usize, column: usize, message: &str, fix: &str) -> Self {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self::Mistake {
            file: String::new(),
            position: Position { line: number(line), column: number(column) },
            message: message.to_owned(),
            fix: fix.to_owned(),
            excerpt: String::new(),
        }
    }

    /// What is printed about it.
    pub(crate) fn printed(&self) -> Printed {
        match self {
            Self::Input(error) => Printed::unreadable(error),
            Self::Mistake { .. } => Printed::mistake(&self.to_string()),
        }
    }

    /// The same with the name of the file and the line of its text.
    pub(super) fn in_file(self, name: &str, text: &str) -> Self {
        match self {
            Self::Mistake { position, message, fix, .. } => Self::Mistake {
                file: name.to_owned(),
                excerpt: Excerpt::of(text, position, 1)
                    .map(|excerpt| format!("\n{excerpt}"))
                    .unwrap_or_default(),
                position,
                message,
                fix,
            },
            other => other,
        }
    }
}

impl From<ExpositionError> for SeriesError {
    fn from(error: ExpositionError) -> Self {
        Self::new(error.line as usize, error.column as usize, &error.message, &error.fix)
    }
}

impl From<LoadError> for SeriesError {
    fn from(error: LoadError) -> Self {
        Self::new(error.line, 1, &error.message, "load 1m\n         name{label=\"value\"} 1 2 3")
    }
}
