//! What a run has asked of an API, counted while its pages are fetched concurrently.

use std::sync::atomic::{AtomicU64, Ordering};

/// Requests and retries of one run.
#[derive(Debug, Default)]
pub struct Usage {
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Usage {
    /// Nothing sent yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests sent, retries included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests sent again after a failure or "too many requests".
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Counts a request that is about to be sent, unless that would be more than `max`.
    pub(super) fn take(&self, max: Option<u64>, again: bool) -> bool {
        let max = max.unwrap_or(u64::MAX);
        let one_more = |sent| (sent < max).then_some(sent + 1);
        let order = Ordering::Relaxed;
        let taken = self.requests.fetch_update(order, order, one_more).is_ok();
        if taken && again {
            self.retries.fetch_add(1, order);
        }
        taken
    }
}
