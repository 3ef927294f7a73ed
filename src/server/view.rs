//! Response types of the API. Their doc comments become the descriptions in the OpenAPI schemas. Times are
//! RFC 3339 in UTC, days are dates in the source's time zone.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;

mod day;
mod overview;
mod plan;
mod silver;
mod volume;

pub use day::*;
pub use overview::*;
pub use plan::*;
pub use silver::*;
pub use volume::*;

/// A named schedule of a source.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct JobView {
    /// `pncp`
    pub source: String,
    /// `hourly`
    pub name: String,
    /// Cron expression as configured: five fields, or six with seconds first.
    pub cron: String,
    /// Time zone of the cron expression: `America/Sao_Paulo`.
    pub timezone: String,
    /// Time since which the job is paused; null if it isn't.
    pub paused_since: Option<DateTime<Utc>>,
    /// Next slot; null if there is none, or if the job is paused.
    pub next_slot: Option<DateTime<Utc>>,
    /// Most recently started run, as far as the daemon knows.
    pub last_run: Option<RunView>,
}

/// One record type of a source, with its coverage in the lake.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Dataset")]
pub struct DatasetView {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub name: String,
    /// Folder of the table in the lake.
    pub prefix: String,
    /// Completeness of the dataset's days.
    pub coverage: CoverageView,
    /// Seconds since the start of the last successful run; null if there was none.
    pub freshness_seconds: Option<f64>,
    /// Start of the last successful run; null if there was none.
    pub last_success: Option<DateTime<Utc>>,
}

/// Completeness of a dataset's days.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct CoverageView {
    /// First day of the coverage; null if no history is required.
    pub from: Option<Day>,
    /// Complete days, required or not.
    pub complete_days: u64,
    /// Days that a person accepted as they are; not counted as complete.
    pub accepted_days: u64,
    /// Past days that are wanted: begun, named by a job, or covered at some time, and neither complete nor
    /// accepted.
    pub incomplete_days: u64,
    /// Incomplete days that could be complete: they have settled, and a slot has been due since.
    pub backlog_days: u64,
    /// Backlog days that could have been complete for longer than `complete_by` of their job.
    pub overdue_days: u64,
    /// Backlog days that were first named less than `complete_by` ago, as at a first start, and not read since;
    /// not counted as overdue.
    pub unread_days: u64,
    /// Backlog days with eight or more attempts since they settled.
    pub stuck_days: u64,
    /// Oldest day of the backlog; null if the backlog is empty.
    pub oldest_backlog_day: Option<Day>,
    /// Seconds since the oldest day of the backlog settled; null if the backlog is empty.
    pub oldest_backlog_seconds: Option<u64>,
}

/// One reading of one dataset for one day.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunView {
    /// Run id, as in the day's state, the files and the logs.
    pub run_id: Uuid,
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Day that is read.
    pub day: Day,
    /// Job that requested the run; `manual` if a person did.
    pub job: String,
    /// Read mode.
    pub mode: Mode,
    /// Status of the run.
    pub status: RunStatus,
    /// Start of the run; null if it is queued.
    pub started_at: Option<DateTime<Utc>>,
    /// End of the run; null if it hasn't ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Progress of the run.
    pub progress: ProgressView,
    /// Rows and requests of the run; null if it hasn't ended.
    pub counts: Option<Counts>,
    /// Slices that weren't read or proven.
    pub failed_slices: Vec<FailedSlice>,
    /// Error of the run as a whole; null if there is none.
    pub error: Option<String>,
}

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Waiting to start.
    Queued,
    /// Reading.
    Running,
    /// Every slice was read and, if the day has ended, proven.
    Ok,
    /// Something couldn't be read or proven; everything that was read is committed.
    Partial,
    /// Ended without reading what was requested.
    Failed,
}

impl RunStatus {
    /// Returns the status of an ended run of this daemon, given the status in the audit. `Running` counts
    /// as failed.
    pub fn of_ended(status: Status) -> Self {
        match status {
            Status::Ok | Status::Recovered | Status::Adopted => Self::Ok,
            Status::Partial => Self::Partial,
            Status::Failed | Status::Running => Self::Failed,
        }
    }
}

/// Progress of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProgressView {
    /// Slices that have ended, successfully or not.
    pub slices_read: u64,
    /// Slices of the run; 0 until they are known.
    pub slices_known: u64,
    /// Pages read.
    pub pages_read: u64,
    /// Pages known so far, including those read; grows until every slice has reported its total.
    pub pages_known: u64,
    /// Records read.
    pub records: u64,
    /// Records that weren't stored before.
    pub new: u64,
}

/// A slice that wasn't read or proven.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FailedSlice {
    /// `modalidade=6`
    pub slice: String,
    /// Reason of the failure.
    pub reason: String,
}

/// Result of a backfill request.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Backfill {
    /// Queued days.
    pub queued_days: u64,
    /// Days of the range that were complete already.
    pub complete_days: u64,
}

/// Every job.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Jobs {
    /// Sorted by source and name.
    pub jobs: Vec<JobView>,
}

/// Every dataset.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Datasets {
    /// Sorted by source and name.
    pub datasets: Vec<DatasetView>,
}

/// Runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunsView {
    /// Newest first; in the response to a run request, in the order of the requested days.
    pub runs: Vec<RunView>,
}

/// Readiness of the daemon.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "Readiness")]
pub struct ReadinessView {
    /// `true` if all of the following hold.
    pub ready: bool,
    /// `true` if the last request to the lake was answered.
    pub lake_reachable: bool,
    /// `true` if the lake accepts writes. `false` after a refused write (the lake is full or read-only): no
    /// run is started, and a probe object is written from time to time until one is accepted.
    pub lake_writable: bool,
    /// `true` if the scheduler's last pass is recent enough.
    pub scheduler_ticking: bool,
    /// Seconds since the scheduler's last pass; null if there was none yet.
    pub last_tick_age_seconds: Option<f64>,
}
