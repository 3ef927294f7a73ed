//! Answer to "is everything well?": what isn't, worst first, and each dataset at a glance.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{DatasetView, ProgressView, RunStatus};
use crate::schedule::calendar::{CalendarSpan, DayStatus};
use bronzed_model::day::Day;

/// Everything at a glance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Overview {
    /// Time of this answer.
    pub at: DateTime<Utc>,
    /// Severity of the worst concern; null if everything is well.
    pub worst: Option<Severity>,
    /// Concerns about anything that isn't as it should be, worst first.
    pub concerns: Vec<Concern>,
    /// Every enabled source, sorted by name.
    pub sources: Vec<SourceOverview>,
    /// Number of runs under way.
    pub running: u64,
    /// Number of runs that wait for their turn: asked for by a person, or due.
    pub waiting: u64,
}

/// Severity of a concern, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// Not as it should be; the daemon keeps trying by itself.
    Warning,
    /// Somebody has to act.
    Critical,
}

/// One thing that isn't as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Concern {
    /// Kind of the concern.
    pub kind: ConcernKind,
    /// Severity of the concern.
    pub severity: Severity,
    /// Source; null if it concerns the daemon.
    pub source: Option<String>,
    /// Dataset; null if it concerns the whole source.
    pub dataset: Option<String>,
    /// Job; null unless the kind is of a job.
    pub job: Option<String>,
    /// Oldest of the days; null if the concern isn't of days.
    pub day: Option<Day>,
    /// Number of days; 0 if the concern isn't of days.
    pub days: u64,
    /// Begin of the condition; null if unknown.
    pub since: Option<DateTime<Utc>>,
    /// Message of the program or of the API; null if there is none.
    pub detail: Option<String>,
}

/// Kind of a concern. The order is that of equally severe ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConcernKind {
    /// The lake doesn't answer.
    LakeUnreachable,
    /// The lake is full or read-only.
    LakeRefusesWrites,
    /// The scheduler doesn't tick.
    SchedulerStopped,
    /// The table was written with another declaration or protection: nothing is read into it.
    TableRefused,
    /// The lake hasn't been read yet since the start.
    LakeNotRead,
    /// Days were read eight times or more without a proof.
    DaysStuck,
    /// A host or an endpoint is down.
    ApiDown,
    /// Days should have been complete for longer than the job's `complete_by`.
    DaysOverdue,
    /// A dataset is older than its job's `freshness` allows.
    Stale,
    /// The API sends values in another type than their column has: they are in `_extra`, and sums lack them.
    ValuesMistyped,
    /// An alert is active that no other concern covers.
    Alert,
    /// Days that have settled aren't complete, and are read again.
    DaysOpen,
    /// Days that were first asked for a short while ago, as at a first start, aren't read yet.
    DaysUnread,
    /// The dataset's last run failed at the API, and the next one waits: up to an hour.
    DatasetRests,
    /// A person has paused the job.
    JobPaused,
}

/// A source at a glance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceOverview {
    /// `pncp`
    pub name: String,
    /// Time zone of its days: `America/Sao_Paulo`.
    pub timezone: String,
    /// Every enabled dataset, sorted by name.
    pub datasets: Vec<DatasetOverview>,
}

/// A dataset at a glance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DatasetOverview {
    /// The dataset, with coverage and freshness.
    pub dataset: DatasetView,
    /// Way of reading it.
    pub kind: DatasetKind,
    /// Jobs whose `freshness` it exceeds.
    pub stale_jobs: Vec<String>,
    /// `true` while its host or endpoint is down.
    pub down: bool,
    /// Next slot of the jobs that read it and aren't paused; null if there is none.
    pub next_run: Option<NextSlot>,
    /// Run that ended last, of any process, as far as the daemon knows.
    pub last_run: Option<PastRun>,
    /// Runs under way, at most 5.
    pub reading: Vec<Reading>,
    /// The last 92 days.
    pub recent: Vec<CalendarSpan>,
    /// The newest days that aren't as they should be, at most 5.
    pub open_days: Vec<OpenDay>,
}

/// Way of reading a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatasetKind {
    /// Day by day, by a date that the API is asked for.
    Day,
    /// As a whole table, compared with the one before.
    Snapshot,
    /// From its newest record back.
    Feed,
    /// Once for each record of another dataset.
    Record,
}

/// Slot of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NextSlot {
    /// `hourly`
    pub job: String,
    /// Time of the slot.
    pub at: DateTime<Utc>,
}

/// A run under way.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Reading {
    /// Run id.
    pub run_id: Uuid,
    /// Day that is read.
    pub day: Day,
    /// Progress of the run.
    pub progress: ProgressView,
}

/// A run that has ended, of any process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PastRun {
    /// Run id, as in the day's state, the files and the logs.
    pub run_id: Uuid,
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// Day that was read.
    pub day: Day,
    /// Job that requested the run.
    pub job: String,
    /// Status of the run.
    pub status: RunStatus,
    /// Start of the run.
    pub started_at: DateTime<Utc>,
    /// End of the run.
    pub ended_at: DateTime<Utc>,
    /// New records.
    pub new: u64,
    /// Requests, including those sent again.
    pub requests: u64,
    /// Requests sent again after a failure.
    pub retries: u64,
    /// Error of the run as a whole; null if there is none.
    pub error: Option<String>,
}

/// A day that isn't as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenDay {
    /// The day.
    pub day: Day,
    /// Its status.
    pub status: DayStatus,
}

/// Coverage calendar of a dataset.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Calendar")]
pub struct CalendarView {
    /// Time of this answer.
    pub at: DateTime<Utc>,
    /// The dataset at a glance.
    pub overview: DatasetOverview,
    /// Time zone of its days.
    pub timezone: String,
    /// From its first known or wanted day up to today, without gaps.
    pub days: Vec<CalendarSpan>,
}

/// Runs that have ended, of any process, as far as the daemon knows. A comparison of a day with the API that
/// read nothing again isn't a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct History {
    /// Latest end first, at most 300.
    pub runs: Vec<PastRun>,
}
