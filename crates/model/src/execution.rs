//! Audit entry of a run in the state of its day (promise P7).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::counts::Counts;
use crate::quality::Results;

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Has committed something and is active, or was killed later.
    Running,
    /// Every slice was read and, if the day has ended, proven.
    Ok,
    /// Something couldn't be read or proven; everything that was read is committed.
    Partial,
    /// Ended without having read what was requested.
    Failed,
    /// Another run found its file and wrote its entry.
    Recovered,
    /// Not a run: the entry of the takeover of the earlier pipeline's files.
    Adopted,
}

impl Status {
    /// Returns the name used in the state and the logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::Adopted => "adopted",
        }
    }
}

/// Reason why a run ended before it had read what was requested. None of them says anything about the API's
/// data or about the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Cancelled, because the process is shutting down.
    Cancelled,
    /// The job's deadline passed.
    Deadline,
    /// The source's host was down: the circuit breaker rejected requests without sending them.
    SourceDown,
    /// The lake refused a write: it is full, or read-only.
    LakeRefused,
    /// Interrupted (killed, or the machine died), as found by the next run of the day.
    Interrupted,
}

impl StopReason {
    /// Returns the name used in the state and the logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::SourceDown => "source_down",
            Self::LakeRefused => "lake_refused",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns `true` if the run counts as an attempt at its day, after which the next one backs off.
    pub fn is_attempt(self) -> bool {
        match self {
            Self::Deadline | Self::Interrupted => true,
            Self::Cancelled | Self::SourceDown | Self::LakeRefused => false,
        }
    }
}

/// Field with a value that went to `_extra`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DriftExample {
    /// Path of the field: `orgaoEntidade.novo`.
    pub field: String,
    /// Reason: `mistyped` if a column of its name can't hold the value, else `undeclared` or a rarer one.
    pub why: String,
}

impl DriftExample {
    /// Returns `true` if the column of the field lacks the value, so that sums over it are too small.
    pub fn is_mistyped(&self) -> bool {
        self.why == "mistyped"
    }
}

/// One run's audit record. `state::document` writes it into the state under its run id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Unique id of the run.
    pub run_id: Uuid,
    /// Job that requested the run; `manual` from the command line.
    pub job: String,
    /// Current status.
    pub status: Status,
    /// Start time of the run.
    pub started_at: DateTime<Utc>,
    /// Time of the last write of this entry.
    pub timestamp: DateTime<Utc>,
    /// Counts of records read and stored; only committed ones, so the sums always match.
    pub counts: Counts,
    /// Number of retries by the kind of the failure before, such as `timed_out`.
    pub retry_reasons: BTreeMap<String, u64>,
    /// One of the values that no column held, for people to look for; `None` if there was none.
    pub drift_example: Option<DriftExample>,
    /// Keys of the committed files in order, each with its number of rows.
    pub files: Vec<(String, u64)>,
    /// Labels of the slices that weren't read or proven, each with the reason.
    pub failed_slices: Vec<(String, String)>,
    /// Reason why the run failed as a whole.
    pub error: Option<String>,
    /// Reason why the run ended early; `None` otherwise.
    pub stop: Option<StopReason>,
    /// Time from which the day is worth another run, if the run knows it better than the usual back-off: an
    /// empty response that needs a second one some hours later.
    pub again_at: Option<DateTime<Utc>>,
    /// Results of the dataset's expectations on the new rows; empty if nothing was evaluated.
    pub expectations: Results,
}

impl Execution {
    /// Returns the entry of a run that starts at `now`, with zero counts.
    pub fn begun(run_id: Uuid, job: &str, now: DateTime<Utc>) -> Self {
        Self {
            run_id,
            job: job.to_owned(),
            status: Status::Running,
            started_at: now,
            timestamp: now,
            counts: Counts::default(),
            retry_reasons: BTreeMap::new(),
            drift_example: None,
            files: Vec::new(),
            failed_slices: Vec::new(),
            error: None,
            stop: None,
            again_at: None,
            expectations: Results::new(),
        }
    }
}
