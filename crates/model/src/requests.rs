//! Requests of a run, as they are kept beside its audit entry: a bounded list, with sums over all of them.
//!
//! A request is one attempt: a page that is asked for three times has three requests. Times are milliseconds since the run's
//! start. Nothing relies on a list: it is for people who look for what a run has spent its time on, and may be missing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::day::Day;

/// Outcome of a request that gave a page of records.
pub const PAGE: &str = "page";
/// Outcome of a request that was answered with "no data", as a rule says.
pub const EMPTY: &str = "empty";
/// Outcome of a request for the children of a parent that doesn't exist, as a rule says.
pub const SKIPPED: &str = "skipped";
/// Outcome of a request that was under way when its run was told to stop.
pub const CANCELLED: &str = "cancelled";

/// Requests of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunRequests")]
pub struct RunRequests {
    /// Run id, as in the audit and the logs.
    pub run_id: Uuid,
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Day that the run reads.
    pub day: Day,
    /// Start of the run, from which all times count.
    pub started_at: DateTime<Utc>,
    /// Duration of the run up to the end of this list, in milliseconds.
    pub took_ms: u64,
    /// Number of requests sent.
    pub total: u64,
    /// Number of requests that `requests` doesn't have.
    pub left_out: u64,
    /// Number of requests by outcome, all of them.
    pub outcomes: BTreeMap<String, u64>,
    /// Sums over the requests of a slice, in the order of their first requests; the slices of a large run beyond the
    /// first ones are one entry, without a name.
    pub slices: Vec<SliceRequests>,
    /// Requests in the order of their beginning: those that failed or were sent again, the slowest ones, the first and
    /// the last one of each slice, and the last ones of all, each up to a number.
    pub requests: Vec<RequestRecord>,
}

/// Sums over the requests of a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SliceRequests {
    /// `modalidade=6`; null for all slices beyond the first ones.
    pub slice: Option<String>,
    /// Number of requests.
    pub requests: u64,
    /// Number of requests that gave no page, and weren't answered with "no data" either.
    pub failed: u64,
    /// Beginning of the first request, in milliseconds since the run's start.
    pub from_ms: u64,
    /// End of the last request, in milliseconds since the run's start.
    pub to_ms: u64,
    /// Time from sending to the end of the response, summed up over the requests.
    pub took_ms: u64,
    /// Time in the queue of the source's limits, summed up over the requests.
    pub queued_ms: u64,
    /// Waits before the next attempt, summed up over the failures.
    pub waited_ms: u64,
    /// Bytes of the responses, decompressed.
    pub bytes: u64,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Request")]
pub struct RequestRecord {
    /// `modalidade=6`
    pub slice: String,
    /// Page of the slice, from 1.
    pub page: u64,
    /// Day that was asked for, if it isn't the run's: a request for rows that are known, which tells an empty day from an API
    /// without data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    /// Cursor or offset of the page, if the API has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Number of the attempt at the page, from 1.
    pub attempt: u32,
    /// Beginning, in milliseconds since the run's start.
    pub at_ms: u64,
    /// Time in the queue of the source's limits before the beginning, in milliseconds.
    pub queued_ms: u64,
    /// Time from sending to the end of the response, in milliseconds.
    pub took_ms: u64,
    /// `page`, `empty` or `skipped`; else the reason why there is no page, named as in `bronzed_retries_total` and the logs'
    /// `reason`, or `refused`, `redirected`, `too_large`, `no_token`, `cancelled`.
    pub outcome: String,
    /// HTTP status; null if no whole response came.
    pub status: Option<u16>,
    /// Bytes of the response, decompressed; null if none came.
    pub bytes: Option<u64>,
    /// Wait before the next attempt, in milliseconds; null if there is none.
    pub wait_ms: Option<u64>,
    /// Wait that the server asked for, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_ms: Option<u64>,
    /// The failure in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// URL, without credentials.
    pub url: String,
}

impl RunRequests {
    /// Returns the kept requests that failed or were sent again, in the order of their beginning.
    pub fn troubles(&self) -> impl Iterator<Item = &RequestRecord> {
        self.requests.iter().filter(|one| one.is_trouble())
    }

    /// Returns the slowest of the other kept requests, at most `most`, the slowest first.
    pub fn slowest_of_others(&self, most: usize) -> Vec<&RequestRecord> {
        let others = self.requests.iter().filter(|one| !one.is_trouble());
        let mut slowest: Vec<_> = others.collect();
        slowest.sort_by_key(|one| std::cmp::Reverse(one.took_ms));
        slowest.truncate(most);
        slowest
    }
}

impl RequestRecord {
    /// Returns `true` if the request gave no page, and wasn't answered with "no data" either.
    pub fn is_failure(&self) -> bool {
        !matches!(&*self.outcome, PAGE | EMPTY | SKIPPED)
    }

    /// Returns `true` if the request failed, or is the attempt after a failure, which tells how that ended.
    pub fn is_trouble(&self) -> bool {
        self.is_failure() || self.attempt > 1
    }
}
