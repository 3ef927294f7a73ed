//! Rate limiter: the time between the starts of requests.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use bronzed_model::declaration::Pool;

/// Maximum wait, for rates close to zero.
const LONGEST_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum number of start times to remember, for very high rates.
const LONGEST_MEMORY: usize = 1_000;

/// The rate, as pairs of n and a span: of any n + 1 consecutive requests, the last starts at least a
/// span after the first. This bounds every time window; a token bucket would allow a burst and the full
/// rate within the same window.
#[derive(Debug)]
pub(super) struct RateWindow(Vec<(usize, Duration)>);

impl RateWindow {
    /// Creates the rate limiter of a process that may use `share` of the concurrency: it gets the same
    /// fraction of the rate.
    pub(super) fn new(limits: &Pool, share: usize) -> Self {
        let Some(rate) = limits.requests_per_second else {
            return Self(Vec::new());
        };
        let ceiling = limits.concurrency.max(1);
        let part = share.clamp(1, ceiling) as f64 / ceiling as f64;
        let rate = rate * part;
        // Requests per second, rounded up. Looking back further than the maximum would guarantee no
        // more.
        let whole = (rate.ceil() as usize).clamp(1, LONGEST_MEMORY);
        let burst = (f64::from(limits.burst) * part) as usize;
        let span = |count: usize| {
            let span = Duration::try_from_secs_f64(count as f64 / rate);
            (count, span.unwrap_or(LONGEST_SPAN).min(LONGEST_SPAN))
        };
        Self(vec![span(burst.clamp(1, whole)), span(whole)])
    }

    /// Earliest start of the next request; `None` if it may start at once.
    pub(super) fn next(&self, begun: &VecDeque<Instant>) -> Option<Instant> {
        let earliest = |(count, span): &(usize, Duration)| {
            let back = begun.len().checked_sub(*count)?;
            Some(*begun.get(back)? + *span)
        };
        self.0.iter().filter_map(earliest).max()
    }

    pub(super) fn note(&self, begun: &mut VecDeque<Instant>, now: Instant) {
        let longest = self.0.iter().map(|(count, _)| *count).max();
        let Some(longest) = longest else { return };
        begun.push_back(now);
        while begun.len() > longest {
            begun.pop_front();
        }
    }
}
