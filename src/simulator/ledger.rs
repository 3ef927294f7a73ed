//! The log of what the simulator was asked and what it answered, for oracles to judge by.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counted from 1 in the order of arrival.
    pub ordinal: u64,
    /// The simulated time of its arrival.
    pub at: DateTime<Utc>,
    /// Microseconds since the simulator started, by the machine's clock: for rates.
    pub since_start_us: u64,
    /// `GET`
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The dataset asked for, where the request was a correct one: `pncp.contratacoes`.
    pub dataset: Option<&'static str>,
    /// The days asked for, where the request was a correct one: `20251022..20251022`.
    pub days: Option<String>,
    /// `modalidade=6`
    pub slice: Option<String>,
    /// The page asked for; the first is 1. Where an offset is sent, the page that it lies on.
    pub page: Option<u64>,
    /// The position of the first row asked for, counted from 0.
    pub offset: Option<u64>,
    /// How often this page was asked for until then, this time included.
    pub attempt: Option<u64>,
    /// What was answered; none where no answer came.
    pub status: Option<u16>,
    /// What went wrong; `over_limit` where too many requests were in flight.
    pub fault: Option<&'static str>,
    /// How many records the client got.
    pub rows: usize,
    /// The total at that time, whether the client got it or not.
    pub total: Option<u64>,
    /// Requests in flight on its arrival, itself included.
    pub in_flight: usize,
}

/// All requests in the order of their arrival.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Entry>>);

impl Ledger {
    /// Notes a request; its ordinal is given here.
    pub(super) fn note(&self, mut entry: Entry) {
        let mut entries = self.lock();
        entry.ordinal = entries.len() as u64 + 1;
        entries.push(entry);
    }

    /// All requests until now.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
