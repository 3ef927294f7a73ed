//! One correct request for a part of a listing, and what the API says to it if nothing goes wrong.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::SimConfig;
use super::answer::Answer;
use super::chance::Chance;
use super::faults::{Fault, PageKey};

/// What the API would say if nothing went wrong.
#[derive(Debug, Clone)]
pub struct Right {
    /// The answer.
    pub answer: Answer,
    /// The same page with its totals but without its rows.
    pub hollow: Answer,
    /// How many rows the answer has.
    pub rows: usize,
    /// How many rows there are in all, whether the API says so or not.
    pub total: u64,
}

/// A request that its provider understood.
pub(super) trait Call {
    /// What faults and the ledger know it by.
    fn key(&self) -> PageKey;

    /// Lets the fault change what there is, where it is one that does. Says whether it did.
    fn disturb(&self, fault: &Fault, config: &SimConfig, now: NaiveDateTime) -> bool;

    /// The right answer at `now`. `slice` is the chance of the slice, `call` that of this call.
    fn answer(&self, config: &SimConfig, now: NaiveDateTime, slice: Chance, call: Chance) -> Right;

    /// What the provider's limit of requests a second counts by, where it has one.
    fn module(&self) -> Option<&'static str> {
        None
    }

    /// How long the answer takes, beside what every one does.
    fn wait(&self, _config: &SimConfig) -> Duration {
        Duration::ZERO
    }
}
