//! What a command that ends by itself leaves behind, for `main` to print.
//!
//! **Invariant:** standard output is the result and nothing else.

/// Texts and the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Printed {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// 0 all is well, 1 what was given has mistakes, 2 it cannot be read.
    pub code: u8,
}

impl Printed {
    /// A result, and whether it is a good one.
    pub(crate) fn result(out: String, good: bool) -> Self {
        Self { out, err: String::new(), code: u8::from(!good) }
    }

    /// No result, because of a mistake in what was given.
    pub(crate) fn mistake(message: &str) -> Self {
        Self { out: String::new(), err: format!("error: {}\n", message.trim_end()), code: 1 }
    }

    /// No result, because something cannot be read.
    pub(crate) fn unreadable(error: &dyn std::error::Error) -> Self {
        let mut causes = std::iter::successors(error.source(), |cause| cause.source());
        let fix = causes.find_map(|cause| cause.downcast_ref()).and_then(crate::input::advice);
        let fix = fix.map(|fix| format!("  fix: {fix}\n")).unwrap_or_default();
        Self { err: format!("error: {}\n{fix}", crate::reload::chain(error)), code: 2, ..Self::default() }
    }
}
