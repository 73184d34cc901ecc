//! Keeps the list of existing series up to date, one selector at a time.
//!
//! Matches the period and the look-back of prometheus-adapter's two loops (`pkg/custom-provider/provider.go`,
//! `pkg/external-provider/periodic_metric_lister.go`), and differs where these fail people: a selector is asked once
//! for all sections; one that fails keeps its last good result and harms no other; a request that hangs is given up;
//! and until a selector has ever matched something it is retried with a growing delay instead of a whole interval.
//!
//! **Invariant:** at most one request per selector is under way, and at most `CONCURRENT` in all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::{HashMap, HashSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::backend::{Backend, BackendError, SeriesShape};

/// Requests under way at a time.
const CONCURRENT: usize = 8;

/// The first delay before a selector that has never matched anything, or fails, is asked again; it doubles.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// The longest such delay, where the interval is not shorter: a metric that appears late is not left waiting for long.
const LONGEST_RETRY: Duration = Duration::from_secs(16);

/// How often and how far back series are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelistSettings {
    /// From the end of one listing to the start of the next.
    pub interval: Duration,
    /// How long ago a series may have been seen last.
    pub max_age: Duration,
    /// How long one listing may take.
    pub limit: Duration,
}

/// What is known about the series of one selector.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The last good answer, with when it came.
    pub last_good: Option<(Arc<[SeriesShape]>, Instant)>,
    /// Why the latest attempt failed, if it did.
    pub error: Option<BackendError>,
    /// Attempts that have ended.
    pub attempts: u64,
    retry: Duration,
    due: Instant,
}

/// All selectors of a rule set and what is known about each.
#[derive(Debug, Clone, Default)]
pub struct Listings {
    by_selector: HashMap<Arc<str>, Listing>,
}

impl Listings {
    /// The listing of `selector`, if it belongs to the rules.
    pub fn get(&self, selector: &str) -> Option<&Listing> {
        self.by_selector.get(selector)
    }

    /// The shapes last listed for `selector`.
    pub fn shapes(&self, selector: &str) -> Option<&[SeriesShape]> {
        self.get(selector)?.last_good.as_ref().map(|(shapes, _)| &**shapes)
    }

    /// Whether each selector has been asked at least once.
    pub fn complete(&self) -> bool {
        self.by_selector.values().all(|listing| listing.attempts > 0)
    }

    /// Keeps what is known about `selectors`, forgets the others, and makes new ones due at once.
    pub fn retain(&mut self, selectors: &[&str], now: Instant) {
        self.by_selector.retain(|selector, _| selectors.contains(&&**selector));
        for &selector in selectors {
            self.by_selector.entry_ref(selector).or_insert_with(|| Listing {
                last_good: None,
                error: None,
                attempts: 0,
                retry: FIRST_RETRY,
                due: now,
            });
        }
    }

    /// The selector that is due first and for which nobody is `asking`, with when that is.
    fn next(&self, asking: &HashSet<Arc<str>>) -> Option<(Instant, Arc<str>)> {
        self.by_selector
            .iter()
            .filter(|(selector, _)| !asking.contains(*selector))
            .map(|(selector, listing)| (listing.due, selector))
            .min()
            .map(|(due, selector)| (due, Arc::clone(selector)))
    }

    fn record(
        &mut self,
        selector: &str,
        result: Result<Vec<SeriesShape>, BackendError>,
        settings: &RelistSettings,
        now: Instant,
    ) {
        let Some(listing) = self.by_selector.get_mut(selector) else { return };
        listing.attempts += 1;
        match result {
            Ok(shapes) => {
                listing.error = None;
                listing.last_good = Some((shapes.into(), now));
            }
            Err(error) => {
                tracing::warn!(
                    selector,
                    error = %error,
                    kept = listing.last_good.as_ref().map_or(0, |(shapes, _)| shapes.len()),
                    "listing series failed; the last good list stays in force"
                );
                listing.error = Some(error);
            }
        }
        let ever_matched = listing.last_good.as_ref().is_some_and(|(shapes, _)| !shapes.is_empty());
        if ever_matched && listing.error.is_none() {
            listing.retry = FIRST_RETRY;
            listing.due = now + settings.interval;
        } else {
            listing.due = now + listing.retry.min(settings.interval);
            listing.retry = (listing.retry * 2).min(LONGEST_RETRY);
        }
    }
}

/// Asks for each selector whenever it is due, for ever, and records what came back. `clock` gives Unix time in seconds.
///
/// `progress` is called after each answer, so that a quick selector is served, and asked again in its turn, while a slow
/// one still runs. Requests under way are given up when the future is dropped; their selectors stay due.
pub async fn relist(
    backend: &dyn Backend,
    listings: &mut Listings,
    settings: &RelistSettings,
    clock: &impl Fn() -> f64,
    mut progress: impl FnMut(&Listings),
) -> Infallible {
    let ask = |selector: Arc<str>, unix_now: f64| async move {
        let start = unix_now - settings.max_age.as_secs_f64();
        let answer = timeout(settings.limit, backend.series(&selector, start, unix_now)).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(BackendError::Timeout { server: backend.describe(), limit: settings.limit })
        });
        (selector, answer)
    };
    let mut asking = HashSet::new();
    let mut running = FuturesUnordered::new();
    loop {
        let next = if running.len() < CONCURRENT { listings.next(&asking) } else { None };
        let due = async {
            match next {
                Some((due, selector)) => {
                    sleep_until(due).await;
                    selector
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            selector = due => {
                asking.insert(Arc::clone(&selector));
                running.push(ask(selector, clock()));
            }
            Some((selector, answer)) = running.next() => {
                asking.remove(&selector);
                listings.record(&selector, answer, settings, Instant::now());
                progress(listings);
            }
        }
    }
}
