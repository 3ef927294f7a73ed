//! What a run has asked of an API, counted while its pages are fetched concurrently.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::source::error::FetchError;

/// Requests and retries of one run.
#[derive(Debug, Default)]
pub struct Usage {
    requests: AtomicU64,
    retries: AtomicU64,
    answered: AtomicU64,
    repeats: AtomicU64,
    unanswered: AtomicU64,
    down: OnceLock<String>,
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

    /// Pages with rows so far: an answer that there are none means more where the number grows.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Counts a page with rows.
    pub fn note_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Rows that came again within a walk over a slice.
    pub fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::Relaxed)
    }

    /// Counts rows that came again.
    pub fn note_repeats(&self, rows: u64) {
        self.repeats.fetch_add(rows, Ordering::Relaxed);
    }

    /// Pages that were given up after as many tries as the dataset allows.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Why requests weren't sent: the source was taken for down. `None`: all were.
    pub fn down(&self) -> Option<&str> {
        self.down.get().map(String::as_str)
    }

    /// Takes note of why a page wasn't read.
    pub(super) fn note(&self, error: &FetchError) {
        match error {
            FetchError::GaveUp { .. } => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            FetchError::SourceDown { .. } => _ = self.down.get_or_init(|| error.to_string()),
            _ => {}
        }
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
