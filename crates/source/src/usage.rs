//! Request counters of a run, updated while its pages are fetched concurrently, and the observer of its requests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::FetchError;
use crate::failure::Failure;
use crate::observer::RequestObserver;
use bronzed_model::execution::Execution;

/// Requests and retries of one run.
#[derive(Debug, Default)]
pub struct RequestBudget {
    requests: AtomicU64,
    retries: AtomicU64,
    answered: AtomicU64,
    repeats: AtomicU64,
    unanswered: AtomicU64,
    down: OnceLock<String>,
    reasons: Mutex<BTreeMap<String, u64>>,
    observer: Option<Arc<dyn RequestObserver>>,
}

impl RequestBudget {
    /// Creates counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates counters at zero. Each request that has ended is reported to `observer`.
    pub fn observed(observer: Arc<dyn RequestObserver>) -> Self {
        Self {
            observer: Some(observer),
            ..Self::default()
        }
    }

    pub(super) fn observer(&self) -> Option<Arc<dyn RequestObserver>> {
        self.observer.clone()
    }

    /// Number of requests sent, retries included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Number of requests sent again after a failure or "too many requests".
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Number of retries decided on, by the kind of the failure before ([`Failure::kind`]).
    pub fn retry_reasons(&self) -> BTreeMap<String, u64> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.clone()
    }

    /// Records the failure because of which a request is to be sent again.
    pub(super) fn note_retry(&self, failure: &Failure) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        *reasons.entry(failure.kind().to_owned()).or_default() += 1;
    }

    /// Writes requests, retries and their reasons into the entry of the run.
    pub fn note_in(&self, execution: &mut Execution) {
        execution.counts.requests = self.requests();
        execution.counts.retries = self.retries();
        execution.retry_reasons = self.retry_reasons();
    }

    /// Number of pages with rows so far. While it grows, an empty response is more credible.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Counts a page with rows.
    pub fn note_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of rows repeated within a walk over a slice.
    pub fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::Relaxed)
    }

    /// Counts repeated rows.
    pub fn note_repeats(&self, rows: u64) {
        self.repeats.fetch_add(rows, Ordering::Relaxed);
    }

    /// Number of pages given up after the last attempt that the dataset allows.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Reason why requests weren't sent: the circuit breaker was open. `None` if all were sent.
    pub fn down(&self) -> Option<&str> {
        self.down.get().map(String::as_str)
    }

    /// Records the reason why a page wasn't read.
    pub(super) fn note(&self, error: &FetchError) {
        match error {
            FetchError::GaveUp { .. } => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            FetchError::SourceDown { .. } => _ = self.down.get_or_init(|| error.to_string()),
            _ => {}
        }
    }

    /// Counts a request about to be sent. Returns `false`, without counting, if `max` requests were sent
    /// already. `again`: the request is a retry.
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
