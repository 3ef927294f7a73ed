//! One valid request for a part of a listing, and the fault-free response to it.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::SimConfig;
use super::answer::Answer;
use super::chance::Chance;
use super::faults::{Fault, PageKey};

/// Fault-free response to a request.
#[derive(Debug, Clone)]
pub struct Right {
    /// The response.
    pub answer: Answer,
    /// The same page with its totals but without its rows.
    pub hollow: Answer,
    /// Number of rows in the response.
    pub rows: usize,
    /// Number of rows in the whole listing, even if the API doesn't report it.
    pub total: u64,
}

/// A valid request to a provider.
pub(super) trait Call {
    /// Returns the key of the request in faults and in the ledger.
    fn key(&self) -> PageKey;

    /// Applies the change of data that a fault consists of, if any. Returns `false` if the fault isn't
    /// possible here and must be dropped.
    fn disturb(&self, fault: &Fault, config: &SimConfig, now: NaiveDateTime) -> bool;

    /// Returns the fault-free response at `now`. `slice` is the chance of the slice, `call` that of this
    /// request.
    fn answer(&self, config: &SimConfig, now: NaiveDateTime, slice: Chance, call: Chance) -> Right;

    /// Returns the module whose rate limit applies; `None` if the provider has no rate limits.
    fn module(&self) -> Option<&'static str> {
        None
    }

    /// Returns the latency in addition to the common one.
    fn wait(&self, _config: &SimConfig) -> Duration {
        Duration::ZERO
    }
}
