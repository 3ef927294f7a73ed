//! How fast requests may begin one after another.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::source::declaration::Pool;

/// Bounds a wait against rates that are all but zero.
const LONGEST_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds how many beginnings are remembered against rates that are all but infinite.
const LONGEST_MEMORY: usize = 1_000;

/// The rate, as spans: of any n + 1 requests in a row, the last begins at least a span after the
/// first. That bounds every window, wherever it is laid; a bucket of tokens would let a burst and
/// the rate come together in one.
#[derive(Debug)]
pub(super) struct Pace(Vec<(usize, Duration)>);

impl Pace {
    /// The pace of a process that may use `share` of the concurrency: the same part of the rate.
    pub(super) fn new(limits: &Pool, share: usize) -> Self {
        let Some(rate) = limits.requests_per_second else {
            return Self(Vec::new());
        };
        let ceiling = limits.concurrency.max(1);
        let part = share.clamp(1, ceiling) as f64 / ceiling as f64;
        let rate = rate * part;
        // The requests of a second, a fraction counting as a whole one. Looking back further than
        // the bound would promise no more.
        let whole = (rate.ceil() as usize).clamp(1, LONGEST_MEMORY);
        let burst = (f64::from(limits.burst) * part) as usize;
        let span = |count: usize| {
            let span = Duration::try_from_secs_f64(count as f64 / rate);
            (count, span.unwrap_or(LONGEST_SPAN).min(LONGEST_SPAN))
        };
        Self(vec![span(burst.clamp(1, whole)), span(whole)])
    }

    /// The earliest that the next request may begin; `None`: at once.
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
