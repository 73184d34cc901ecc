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

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_condition_that_comes_to_hold_ends_the_wait() {
        let mut looks = 0;
        let seen = eventually("the third look", Duration::from_secs(5), async || {
            looks += 1;
            if looks < 3 { bail!("look {looks}") } else { Ok(looks) }
        })
        .await;
        assert_eq!(seen.ok(), Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_in_vain_says_for_what_and_what_was_seen_last() {
        let error =
            eventually("the moon", Duration::from_secs(5), async || -> Result<()> { bail!("clouds") });
        let text = error.await.map_err(|error| format!("{error:#}"));
        assert_eq!(text, Err("waited 5 s in vain: the moon: clouds".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_does_not_hold_up_the_limit() {
        let start = Instant::now();
        let hanging = eventually("an answer", Duration::from_secs(5), async || -> Result<()> {
            std::future::pending().await
        });
        assert!(hanging.await.is_err());
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hopeless_wait_ends_at_once() {
        let start = Instant::now();
        let hopeless = eventually("an answer", Duration::from_secs(5), async || -> Result<()> {
            bail!(Hopeless("it died".to_owned()))
        });
        let text = hopeless.await.map_err(|error| format!("{error:#}"));
        assert_eq!(text, Err("an answer: it died".to_owned()));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
