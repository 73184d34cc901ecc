//! The series of a test file, without its evaluations.
//!
//! **Invariant:** a file is loaded whole or not at all.

use super::script::{Command, ScriptError, parse};
use super::store::MemorySource;

/// The series that a file loads.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The series, after the last `clear`.
    pub source: MemorySource,
    /// Evaluations that the file asks for, which were not run.
    pub evaluations: usize,
}

/// A `load` command that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Loads the series of a test file; its evaluations are counted and otherwise passed over.
///
/// # Errors
/// The first command that is neither a good `load` or `clear` nor an evaluation.
pub fn load(text: &str) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    for command in parse(text) {
        match command {
            Command::Clear => loaded.source = MemorySource::new(),
            Command::Load(load) => loaded.source.load(&load),
            Command::Eval(_) => loaded.evaluations += 1,
            Command::Malformed(ScriptError { command, .. }) if command.starts_with("eval") => {
                loaded.evaluations += 1;
            }
            Command::Malformed(ScriptError { line, message, .. }) => return Err(LoadError { line, message }),
        }
    }
    Ok(loaded)
}
