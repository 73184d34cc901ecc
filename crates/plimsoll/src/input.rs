//! Reads files and standard input for commands, bounded.
//!
//! **Invariant:** no more than the bound is ever held.

use std::fs::File;
use std::io::{ErrorKind, Read};

use crate::arguments::Input;

/// Why an input gives no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// It cannot be read.
    #[error("{name} cannot be read")]
    Read {
        name: String,
        #[source]
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{name} has more than {limit} bytes, which are the most that are read\n  fix: {fix}")]
    TooLarge { name: String, limit: u64, fix: &'static str },
    /// It is no text.
    #[error(
        "{name} is not UTF-8: byte {at} is no character\n  fix: check that it is the right file, and not compressed"
    )]
    Encoding { name: String, at: usize },
}

/// What a person may do about a file that cannot be read, where that is clear.
pub(crate) fn advice(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::NotFound => Some("check the path; it counts from the working directory"),
        ErrorKind::IsADirectory => Some("name the file in that directory"),
        ErrorKind::PermissionDenied => Some("let this user read it"),
        _ => None,
    }
}

impl Input {
    /// The input as messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "<stdin>".to_owned(),
        }
    }

    /// All of its text, at most `limit` bytes; `fix` says what to do about more.
    pub(crate) fn read(
        &self,
        stdin: &mut dyn Read,
        limit: u64,
        fix: &'static str,
    ) -> Result<String, InputError> {
        let failed = |source| InputError::Read { name: self.name(), source };
        let mut bytes = Vec::new();
        let mut take = |from: &mut dyn Read| from.take(limit + 1).read_to_end(&mut bytes);
        match self {
            Self::File(path) => take(&mut File::open(path).map_err(failed)?),
            Self::Stdin => take(stdin),
        }
        .map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(InputError::TooLarge { name: self.name(), limit, fix });
        }
        String::from_utf8(bytes)
            .map_err(|error| InputError::Encoding { name: self.name(), at: error.utf8_error().valid_up_to() })
    }
}
