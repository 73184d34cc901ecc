//! Waiting until something outside this process holds. Not a sleep: each wait names its condition,
//! looks at the present state (never at a change), and gives up with the last thing it saw.
//!
//! **Invariant:** every wait ends.

use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use tokio::time::{Instant, sleep, timeout};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// The error of a probe that will never answer `Ok`: waiting on would only hide why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Hopeless(pub String);

/// Asks `probe` until it answers `Ok`, at most for `limit`.
///
/// # Errors
/// When the limit passes, or at once when the probe's error is [`Hopeless`]: what was waited for,
/// and the probe's last error.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut last = Error::msg("the first look at it did not end in time");
    while let Ok(seen) = timeout(deadline.saturating_duration_since(Instant::now()), probe()).await {
        match seen {
            Ok(value) => return Ok(value),
            Err(error) if error.is::<Hopeless>() => return Err(error.context(what.to_owned())),
            Err(error) => last = error,
        }
        if Instant::now() + INTERVAL >= deadline {
            break;
        }
        sleep(INTERVAL).await;
    }
    Err(last).with_context(|| format!("waited {} s in vain: {what}", limit.as_secs()))
}

/// Looks at `probe` for the whole of `span` and wants `Ok` each time.
///
/// # Errors
/// The first error of the probe, with what should have held.
pub async fn throughout(
    what: &str,
    span: Duration,
    mut probe: impl AsyncFnMut() -> Result<()>,
) -> Result<()> {
    let deadline = Instant::now() + span;
    while Instant::now() < deadline {
        probe().await.with_context(|| format!("should have held for {} s: {what}", span.as_secs()))?;
        sleep(INTERVAL).await;
    }
    Ok(())
}
