//! The audit entry that a run leaves in the state of its day (promise P7).

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ingest::counts::Counts;

/// How a run ended, or how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has committed something and goes on, or was killed later.
    Running,
    /// Every slice was read, and where the day has ended, proven.
    Ok,
    /// Something couldn't be read or proven; what could be read is committed.
    Partial,
    /// It ended without having read what it was asked to.
    Failed,
    /// Another run found its file, and speaks for it.
    Recovered,
    /// Not a run: the entry at which a lake of the earlier pipeline was taken over.
    Adopted,
}

impl Status {
    /// As the state and the logs write it.
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

/// Why a run ended before it had read what it was asked to: none of these says anything about the API's
/// data, or about the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was told to stop: the process ends.
    Cancelled,
    /// The job's deadline passed.
    Deadline,
    /// The source's host was down: requests were refused by the circuit breaker, without being sent.
    SourceDown,
    /// The lake refused a write: it is full, or read-only.
    LakeRefused,
    /// It was cut off (killed, or its machine died), as the next run of the day found.
    Interrupted,
}

impl StopReason {
    /// As the state and the logs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::SourceDown => "source_down",
            Self::LakeRefused => "lake_refused",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the run counts as a try of its day, after which the next one keeps its distance.
    pub fn is_attempt(self) -> bool {
        match self {
            Self::Deadline | Self::Interrupted => true,
            Self::Cancelled | Self::SourceDown | Self::LakeRefused => false,
        }
    }
}

/// One execution. `state::document` writes it into the state under its run id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Tells runs apart.
    pub run_id: Uuid,
    /// The job that asked for it; `manual` from the command line.
    pub job: String,
    /// How it stands.
    pub status: Status,
    /// When the run began.
    pub started_at: DateTime<Utc>,
    /// When this entry was last written.
    pub timestamp: DateTime<Utc>,
    /// What it read and stored; only what is settled, so that the sums always hold.
    pub counts: Counts,
    /// Keys of the files that it committed, in order, with their rows.
    pub files: Vec<(String, u64)>,
    /// Labels of the slices that weren't read or proven, each with the reason.
    pub failed_slices: Vec<(String, String)>,
    /// Why the run failed as a whole.
    pub error: Option<String>,
    /// Why it ended early; `None` unless it did.
    pub stop: Option<StopReason>,
    /// When the day is worth reading again, where the run knows it better than the distances do: an
    /// empty answer that wants a second one some hours later.
    pub again_at: Option<DateTime<Utc>>,
}

impl Execution {
    /// Of a run that begins now, and has neither read nor stored anything.
    pub fn begun(run_id: Uuid, job: &str, now: DateTime<Utc>) -> Self {
        Self {
            run_id,
            job: job.to_owned(),
            status: Status::Running,
            started_at: now,
            timestamp: now,
            counts: Counts::default(),
            files: Vec::new(),
            failed_slices: Vec::new(),
            error: None,
            stop: None,
            again_at: None,
        }
    }
}
