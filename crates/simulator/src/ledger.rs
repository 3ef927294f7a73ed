//! The log of requests and responses, by which test oracles judge.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Number of the request in the order of arrival, from 1.
    pub ordinal: u64,
    /// The simulated time of its arrival.
    pub at: DateTime<Utc>,
    /// Microseconds since the simulator started, by the machine's clock; for computing rates.
    pub since_start_us: u64,
    /// `GET`
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Requested dataset, if the request was valid: `pncp.contratacoes`.
    pub dataset: Option<&'static str>,
    /// Requested days, if the request was valid: `20251022..20251022`.
    pub days: Option<String>,
    /// `modalidade=6`
    pub slice: Option<String>,
    /// Requested page, from 1. For a request with an offset, the page that the offset is on.
    pub page: Option<u64>,
    /// Position of the first requested row, from 0.
    pub offset: Option<u64>,
    /// Number of requests for this page so far, including this one.
    pub attempt: Option<u64>,
    /// Status of the response; `None` if there was none.
    pub status: Option<u16>,
    /// Name of the fault; `over_limit` for too many requests in flight, `over_rate` for too many in a
    /// second, `closed` during maintenance.
    pub fault: Option<&'static str>,
    /// Number of records that the client got.
    pub rows: usize,
    /// The total at that time, whether the client got it or not.
    pub total: Option<u64>,
    /// Number of requests in flight on arrival, including this one.
    pub in_flight: usize,
}

/// All requests in the order of their arrival.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Entry>>);

impl Ledger {
    /// Records a request and assigns its ordinal.
    pub(super) fn note(&self, mut entry: Entry) {
        let mut entries = self.lock();
        entry.ordinal = entries.len() as u64 + 1;
        entries.push(entry);
    }

    /// Returns all requests so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
