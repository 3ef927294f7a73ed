//! Plan ahead: slots of the coming 24 hours, due days, backfills.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use bronzed_model::day::Day;

/// Slots and due days of the next 24 hours.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Schedule")]
pub struct ScheduleView {
    /// Time of this answer, and begin of the 24 hours.
    pub at: DateTime<Utc>,
    /// Every job, sorted by source and name.
    pub jobs: Vec<JobSlots>,
    /// Runs that are due and wait for their turn, at most 200.
    pub due: Vec<DueRun>,
    /// Number of all runs that are due.
    pub due_runs: u64,
}

/// Slots of a job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JobSlots {
    /// `pncp`
    pub source: String,
    /// `hourly`
    pub job: String,
    /// Cron expression.
    pub cron: String,
    /// Time zone of the cron expression.
    pub timezone: String,
    /// Datasets that it reads.
    pub datasets: Vec<String>,
    /// Time since which it is paused; null if it isn't.
    pub paused_since: Option<DateTime<Utc>>,
    /// Slots of the coming 24 hours, at most 96. A paused job skips them.
    pub slots: Vec<DateTime<Utc>>,
    /// First slot after now; null if there is none.
    pub next: Option<DateTime<Utc>>,
}

/// A run that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DueRun {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Day to be read.
    pub day: Day,
    /// Job that wants it.
    pub job: String,
    /// Reason for which it is due: `slot`, `catch_up`, `coverage`, `retry` or `settle`.
    pub reason: String,
    /// Time since which it has been due.
    pub since: DateTime<Utc>,
}

/// Backfill of a dataset that a person asked this daemon for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "BackfillProgress")]
pub struct BackfillView {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// First queued day.
    pub from: Day,
    /// Last queued day.
    pub to: Day,
    /// Time of the request.
    pub asked_at: DateTime<Utc>,
    /// Number of queued days, read or not.
    pub days: u64,
    /// Days that still wait for their turn.
    pub waiting_days: u64,
    /// Days that are being read.
    pub running_days: u64,
    /// Days that were read and are complete.
    pub complete_days: u64,
    /// Days that were read, and are not complete.
    pub incomplete_days: u64,
    /// Expected end at the pace so far; null if nothing was read yet, or everything was.
    pub expected_end: Option<DateTime<Utc>>,
    /// `true` if a person has stopped it.
    pub stopped: bool,
}

/// Backfills that were asked for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Backfills {
    /// Newest first.
    pub backfills: Vec<BackfillView>,
}

/// Cost of a backfill that wasn't started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BackfillForecast {
    /// Days that would be queued.
    pub open_days: u64,
    /// Days of the range that are complete already.
    pub complete_days: u64,
    /// Fewest expected requests.
    pub requests: u64,
    /// Most expected requests.
    pub requests_at_most: u64,
    /// Shortest expected time, in seconds.
    pub seconds: u64,
    /// Longest expected time, in seconds.
    pub seconds_at_most: u64,
    /// Complete days that the estimate is based on; 0 if it is by the declaration alone.
    pub sampled_days: u64,
}
