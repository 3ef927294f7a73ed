//! Snapshot of the daemon from which alerts are computed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use bronzed_model::day::Day;
use bronzed_model::quality::Results;

/// Maximum number of runs in one snapshot; older ones are dropped, if nobody takes the snapshots.
const MAX_RUNS: usize = 1_000;

/// Snapshot of the daemon.
#[derive(Debug, Clone)]
pub struct AlertFacts {
    /// Time of the snapshot.
    pub at: DateTime<Utc>,
    /// Health of the lake.
    pub lake: LakeFacts,
    /// Enabled sources.
    pub sources: Vec<SourceFacts>,
    /// Runs that have ended since the snapshot before.
    pub runs: Vec<RunFacts>,
}

/// Health of the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LakeFacts {
    /// `true` if the last read succeeded. `None` before the first one.
    pub reachable: Option<bool>,
    /// Error of the first read that failed. `None` if the last one succeeded, or its error isn't known.
    pub error: Option<String>,
    /// Refusal of writes. `None` if the lake takes them, as far as is known.
    pub refuses: Option<LakeRefusal>,
}

/// Refusal of writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeRefusal {
    /// Time of the first refused write.
    pub since: DateTime<Utc>,
    /// Error of that write.
    pub error: String,
}

/// Snapshot of a source.
#[derive(Debug, Clone)]
pub struct SourceFacts {
    /// `pncp`
    pub name: Arc<str>,
    /// Zone of its days.
    pub zone: Tz,
    /// Enabled datasets.
    pub datasets: Vec<DatasetFacts>,
    /// Silver tables that are kept.
    pub tables: Vec<SilverFacts>,
}

/// Snapshot of a silver table.
#[derive(Debug, Clone)]
pub struct SilverFacts {
    /// `contratacoes`
    pub name: String,
    /// Partitions that the last build has held back. `None` until this process has built the table.
    pub held_back: Option<Vec<HeldFacts>>,
}

/// Partition of a silver table that is held back.
#[derive(Debug, Clone)]
pub struct HeldFacts {
    /// The partition in words: `2025-10`.
    pub partition: String,
    /// Name of the expectation that fails.
    pub expectation: String,
    /// Number of rows that aren't as expected.
    pub unexpected: u64,
    /// Number of rows that were evaluated.
    pub evaluated: u64,
}

/// Snapshot of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetFacts {
    /// `contratacoes`
    pub name: Arc<str>,
    /// Folder of the table in the lake.
    pub prefix: String,
    /// Outage of its host or endpoint. `None` if it isn't down, as far as is known.
    pub outage: Option<OutageFacts>,
    /// `true` if the API has answered a run of it since this process started: it is known that it isn't down.
    pub answered: bool,
    /// Status of its days. `None` until the lake has been read.
    pub days: Option<DatasetDays>,
}

/// Outage of a host or an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutageFacts {
    /// Host, with the path if only an endpoint is down.
    pub what: String,
    /// `true` if the whole host is down.
    pub whole: bool,
    /// Time of the first of the consecutive failures.
    pub since: DateTime<Utc>,
    /// Number of consecutive failures.
    pub failures: u32,
    /// Description of the last failure.
    pub last: String,
}

/// Status of a dataset's days.
#[derive(Debug, Clone, Default)]
pub struct DatasetDays {
    /// Number of overdue days.
    pub overdue: u64,
    /// Number of stuck days.
    pub stuck: u64,
    /// Oldest day of the backlog.
    pub oldest: Option<Day>,
    /// Jobs with a bound on the age of their data.
    pub jobs: Vec<JobFacts>,
    /// Complete days of the last weeks, for datasets that are read by day; empty for others.
    pub complete: Vec<Day>,
}

/// Freshness of a job's data.
#[derive(Debug, Clone)]
pub struct JobFacts {
    /// `daily`
    pub job: Arc<str>,
    /// Time at which a run last did well what the job asks for. `None` if no such run is known.
    pub served: Option<DateTime<Utc>>,
    /// Start of the daemon, which stands in for `served` if that is unknown.
    pub since_start: DateTime<Utc>,
    /// Maximum age.
    pub bound: Duration,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// `pncp`
    pub source: Arc<str>,
    /// `contratacoes`
    pub dataset: Arc<str>,
    /// Day that was read.
    pub day: Day,
    /// End of the run.
    pub at: DateTime<Utc>,
    /// Outcome of the run.
    pub outcome: RunEnding,
    /// Number of values that no column holds.
    pub drift: u64,
    /// Results of the expectations of severity `error` that it evaluated, by name.
    pub expectations: Results,
}

/// Outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnding {
    /// It ended well.
    Ok,
    /// It failed, for this reason.
    Failed(String),
    /// It ended otherwise (partial, stopped), which tells neither.
    Other,
}

impl AlertFacts {
    /// Takes over the runs of an earlier snapshot that nobody has dealt with.
    pub fn continue_from(&mut self, earlier: Self) {
        let mut runs = earlier.runs;
        runs.append(&mut self.runs);
        let surplus = runs.len().saturating_sub(MAX_RUNS);
        runs.drain(..surplus);
        self.runs = runs;
    }
}

impl LakeFacts {
    /// Returns `true` if nothing is known to be wrong with the lake.
    pub fn is_well(&self) -> bool {
        self.reachable != Some(false) && self.refuses.is_none()
    }
}
