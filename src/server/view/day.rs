//! A day of a dataset: its proof by slice, every execution with its reasons, its files.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{FailedSlice, RunView};
use crate::schedule::calendar::DayStatus;
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::Period;
use bronzed_model::execution::{Status, StopReason};
use bronzed_model::quality::Results;

/// A day of a dataset, as the lake has it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DatasetDay")]
pub struct DayView {
    /// Time of this answer.
    pub at: DateTime<Utc>,
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// The day; where a partition holds a month or a year, its first day.
    pub day: Day,
    /// Period of the partition, which the page turns by.
    #[serde(skip)]
    pub period: Period,
    /// Time zone of the day.
    pub timezone: String,
    /// Status of the day.
    pub status: DayStatus,
    /// Time from which the day can be proven: its end and its settle time.
    pub settles_at: DateTime<Utc>,
    /// Acceptance by a person; null if there is none.
    pub accepted: Option<AcceptedView>,
    /// Stored records.
    pub records: u64,
    /// Stored records that the API was found to list no more.
    pub withdrawn: u64,
    /// Records of like days; null if too few are known.
    pub usual: Option<Usual>,
    /// Declared and read slices, sorted by label.
    pub slices: Vec<SliceView>,
    /// Results of the dataset's expectations on the day's rows, by name: the sums of all runs.
    pub expectations: Results,
    /// Entries of the audit, and runs of this process that couldn't enter theirs, the last one first.
    pub executions: Vec<ExecutionView>,
    /// Files in order.
    pub files: Vec<FileView>,
    /// Keys of files that are gone; their records are read again.
    pub lost_files: Vec<String>,
    /// Reason not to trust the state, which the next run rebuilds; null if it is sound.
    pub doubt: Option<String>,
    /// Time of the next attempt, also in the past if it waits for its turn; null if none is planned before
    /// another slot comes.
    pub next_attempt: Option<DateTime<Utc>>,
    /// Run of the day that waits or is under way; null if there is none.
    pub current: Option<RunView>,
}

/// Acceptance of a day by a person.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Acceptance")]
pub struct AcceptedView {
    /// Time of the acceptance.
    pub at: DateTime<Utc>,
    /// The person's reason.
    pub reason: String,
}

/// Records of like days: of the same weekday, near this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Usual {
    /// Fewest records of these days.
    pub least: u64,
    /// Median.
    pub median: u64,
    /// Most records of these days.
    pub most: u64,
    /// Number of these days.
    pub days: u64,
}

impl Usual {
    /// Judges a number of records: `Less` if it is below three quarters of the fewest, `Greater` if it is above
    /// four thirds of the most.
    pub fn judge(&self, records: u64) -> Ordering {
        if records.saturating_mul(4) < self.least.saturating_mul(3) {
            Ordering::Less
        } else if records.saturating_mul(3) > self.most.saturating_mul(4) {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

/// A slice of a day.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Slice")]
pub struct SliceView {
    /// `modalidade=6`
    pub slice: String,
    /// Records stated by the API when the slice was last proven; null if it was never read.
    pub stated: Option<u64>,
    /// Different records found; null if it was never read.
    pub read: Option<u64>,
    /// `true` if it was read in full with its proof after the day had settled.
    pub proven: bool,
    /// Time since which its responses have been empty; null if it has rows.
    pub empty_since: Option<DateTime<Utc>>,
    /// Reason why the last run couldn't read or prove it; null if it could.
    pub failure: Option<String>,
}

/// An entry of the day's audit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Execution")]
pub struct ExecutionView {
    /// Run id, as in the files and the logs; null for entries of the earlier pipeline.
    pub run_id: Option<Uuid>,
    /// Job that requested the run, or name of a person's decision; null for entries of the earlier pipeline.
    pub job: Option<String>,
    /// Status of the run; null for decisions and for entries of the earlier pipeline.
    pub status: Option<ExecutionStatus>,
    /// Reason why the run ended early; null if it didn't.
    pub stop: Option<StopView>,
    /// Start of the run; null if unknown.
    pub started_at: Option<DateTime<Utc>>,
    /// Last write of the entry; null if unknown.
    pub ended_at: Option<DateTime<Utc>>,
    /// Rows and requests.
    pub counts: Counts,
    /// Number of retries by the kind of the failure before, named as in `bronzed_retries_total`; empty for runs of
    /// an earlier version.
    pub retry_reasons: BTreeMap<String, u64>,
    /// Results of the dataset's expectations on the run's new rows, by name; empty if none was evaluated.
    pub expectations: Results,
    /// Slices that weren't read or proven.
    pub failed_slices: Vec<FailedSlice>,
    /// Error of the run as a whole; null if there is none.
    pub error: Option<String>,
    /// Time from which the day is worth another run, if the run itself determined it.
    pub again_at: Option<DateTime<Utc>>,
    /// Reason that a person gave for a decision; null if there is none.
    pub reason: Option<String>,
    /// Keys of the files that it stored.
    pub files: Vec<String>,
}

/// Status of a run in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// Under way, or killed.
    Running,
    /// Every slice was read and, if the day has ended, proven.
    Ok,
    /// Something couldn't be read or proven.
    Partial,
    /// Ended without having read what was requested.
    Failed,
    /// Another run found its file and wrote its entry.
    Recovered,
    /// Takeover of the earlier pipeline's files.
    Adopted,
}

impl From<Status> for ExecutionStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::Ok => Self::Ok,
            Status::Partial => Self::Partial,
            Status::Failed => Self::Failed,
            Status::Recovered => Self::Recovered,
            Status::Adopted => Self::Adopted,
        }
    }
}

/// Reason why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "StopReason")]
#[serde(rename_all = "snake_case")]
pub enum StopView {
    /// The process was shutting down.
    Cancelled,
    /// The job's deadline passed.
    Deadline,
    /// The source's host was down.
    SourceDown,
    /// The lake refused a write.
    LakeRefused,
    /// Killed, or the machine died.
    Interrupted,
}

impl From<StopReason> for StopView {
    fn from(stop: StopReason) -> Self {
        match stop {
            StopReason::Cancelled => Self::Cancelled,
            StopReason::Deadline => Self::Deadline,
            StopReason::SourceDown => Self::SourceDown,
            StopReason::LakeRefused => Self::LakeRefused,
            StopReason::Interrupted => Self::Interrupted,
        }
    }
}

/// A file of a day.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "File")]
pub struct FileView {
    /// Key in the lake.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Time at which it was stored.
    pub stored_at: DateTime<Utc>,
    /// Rows; null if its run stored other files, too.
    pub rows: Option<u64>,
}
