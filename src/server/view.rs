//! What the API shows: plain values, and with their doc comments the schemas of the OpenAPI
//! description. Times are RFC 3339 in UTC, days are dates of the source's time zone.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::day::Day;
use crate::ingest::counts::Counts;
use crate::source::declaration::Mode;
use crate::state::execution::Status;

/// A named schedule of a source.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct JobView {
    /// `pncp`
    pub source: String,
    /// `hourly`
    pub name: String,
    /// As the configuration has it: five fields, or six with seconds first.
    pub cron: String,
    /// The zone that the cron expression is read in: `America/Sao_Paulo`.
    pub timezone: String,
    /// Since when the job is paused; null: it isn't.
    pub paused_since: Option<DateTime<Utc>>,
    /// When it is due next; null: never, or it is paused.
    pub next_slot: Option<DateTime<Utc>>,
    /// Its run that began last, as far as the daemon knows.
    pub last_run: Option<RunView>,
}

/// One record type of a source, and what the lake has of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Dataset")]
pub struct DatasetView {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub name: String,
    /// The table's folder in the lake.
    pub prefix: String,
    /// Which days are there.
    pub coverage: Coverage,
    /// Seconds since the start of the last run that ended well; null: there was none.
    pub freshness_seconds: Option<f64>,
    /// When the last run that ended well began.
    pub last_success: Option<DateTime<Utc>>,
}

/// Which days of a dataset are complete.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Coverage {
    /// The first day that is asked for; null: no history is.
    pub from: Option<Day>,
    /// Days that are complete, whether they were asked for or not.
    pub complete_days: u64,
    /// Days that a person has accepted as they are; not counted as complete.
    pub accepted_days: u64,
    /// Past days that are wanted: begun, named by a job or covered once, and neither complete nor accepted.
    pub incomplete_days: u64,
    /// Days among them that could be complete: they have settled, and a slot has come since.
    pub backlog_days: u64,
    /// Days among these that could be complete for longer than `complete_by` of their job.
    pub overdue_days: u64,
    /// Days of the backlog that were tried eight times or more since they settled.
    pub stuck_days: u64,
    /// The oldest day of the backlog; null: there is none.
    pub oldest_backlog_day: Option<Day>,
    /// Seconds since that day has settled.
    pub oldest_backlog_seconds: Option<u64>,
}

/// One reading of one dataset for one day.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunView {
    /// As in the day's state, in the files and in the logs.
    pub run_id: Uuid,
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// The day that is read.
    pub day: Day,
    /// The job that asked for it; `manual`: a person.
    pub job: String,
    /// How the day is read.
    pub mode: Mode,
    /// How it stands, or how it ended.
    pub status: RunStatus,
    /// When it began; null: it is queued.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; null: it hasn't.
    pub ended_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub progress: Progress,
    /// What it read and stored; null: it hasn't ended.
    pub counts: Option<Counts>,
    /// Slices that weren't read or proven.
    pub failed_slices: Vec<FailedSlice>,
    /// Why it failed as a whole.
    pub error: Option<String>,
}

/// How a run stands, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It waits for its turn.
    Queued,
    /// It reads.
    Running,
    /// Every slice was read, and where the day has ended, proven.
    Ok,
    /// Something couldn't be read or proven; what could be read is committed.
    Partial,
    /// It ended without having read what it was asked to.
    Failed,
}

impl RunStatus {
    /// How a run of this daemon that is over ended, by its entry in the state.
    pub fn of_ended(status: Status) -> Self {
        match status {
            Status::Ok | Status::Recovered | Status::Adopted => Self::Ok,
            Status::Partial => Self::Partial,
            Status::Failed | Status::Running => Self::Failed,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Progress {
    /// Pages read.
    pub pages_read: u64,
    /// Pages known so far, those read included; it grows until every slice has told its total.
    pub pages_known: u64,
    /// Records read.
    pub records: u64,
    /// Records among them that weren't stored before.
    pub new: u64,
}

/// A slice that wasn't read or proven.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FailedSlice {
    /// `modalidade=6`
    pub slice: String,
    /// What was wrong.
    pub reason: String,
}

/// What a backfill is going to read.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Backfill {
    /// Days that are queued.
    pub queued_days: u64,
    /// Days of the range that were complete already.
    pub complete_days: u64,
}

/// Every job.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Jobs {
    /// By source and name.
    pub jobs: Vec<JobView>,
}

/// Every dataset.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Datasets {
    /// By source and name.
    pub datasets: Vec<DatasetView>,
}

/// Runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Runs {
    /// The newest first; of those just asked for, in the order of their days.
    pub runs: Vec<RunView>,
}

/// Whether the daemon can work.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "Readiness")]
pub struct ReadinessView {
    /// All of the following.
    pub ready: bool,
    /// The lake answered when it was asked last.
    pub lake_reachable: bool,
    /// The lake takes what is written. False: it refused a write (it is full, or read-only), nothing
    /// is begun, and a probe is written from time to time until it takes one.
    pub lake_writable: bool,
    /// The scheduler has looked at its jobs lately enough.
    pub scheduler_ticking: bool,
    /// Seconds since the scheduler last looked; null: it hasn't yet.
    pub last_tick_age_seconds: Option<f64>,
}
