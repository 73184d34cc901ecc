//! How many files, and thus connections, the process may open.
//!
//! **Invariant:** the limit is only ever raised, and never above what the administrator allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest that is allowed, as programs in Go do by themselves: many systems start processes with
/// 1,024 and leave it to them to ask for more. Returns what it is then.
pub(super) fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let highest = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, highest) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit on open files cannot be raised");
            limit.current
        }
    };
    current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}
