//! Facts of a day in the lake: its files, its state, its marker.

use std::collections::BTreeSet;
use std::fmt;

use uuid::Uuid;

use bronzed_model::counts::Counts;
use bronzed_model::execution::Status;

/// One day of one dataset at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFacts<Id> {
    /// Numbered files in order, then those of the earlier pipeline.
    pub files: Vec<File<Id>>,
    /// State document; `None` if there is none, or it can't be parsed.
    pub state: Option<StateFacts<Id>>,
    /// `true` if the marker says that the day is complete.
    pub marker: bool,
}

/// A Parquet file of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File<Id> {
    /// Name of the file.
    pub name: FileName,
    /// The id of each row, in order.
    pub ids: Vec<Id>,
    /// Run that wrote it; `None` in a file of the earlier pipeline.
    pub run: Option<Uuid>,
}

/// Name of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// A commit of the day, by its number.
    Numbered(u64),
    /// A file of the earlier pipeline, by its key.
    Earlier(String),
}

/// State document, parsed independently of `state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFacts<Id> {
    /// `true` if this program wrote it last: it has a `format`.
    pub ours: bool,
    /// `processed_ids`.
    pub ids: BTreeSet<Id>,
    /// `total_processed`.
    pub total: u64,
    /// `commits`.
    pub commits: u64,
    /// `complete`.
    pub complete: bool,
    /// `lost_files`: files that are gone, and whose numbers aren't reused.
    pub lost: BTreeSet<FileName>,
    /// Entries from the takeover on, if there was one.
    pub executions: Vec<ExecutionEntry>,
}

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionEntry {
    /// Run of the entry; `None` for the takeover, and for entries of the earlier pipeline.
    pub run: Option<Uuid>,
    /// Status of the run.
    pub status: Status,
    /// Counts of records read and stored.
    pub counts: Counts,
    /// Files whose rows it counts.
    pub files: Vec<FileName>,
    /// Number of slices that it reports as failed.
    pub failed_slices: u64,
}

impl<Id> DayFacts<Id> {
    /// Returns the number of numbered files.
    pub fn commits(&self) -> u64 {
        let numbers = self.files.iter().filter(|file| file.number().is_some());
        numbers.count() as u64
    }
}

impl<Id> File<Id> {
    /// Returns the commit number; `None` for a file of the earlier pipeline.
    pub fn number(&self) -> Option<u64> {
        match self.name {
            FileName::Numbered(number) => Some(number),
            FileName::Earlier(_) => None,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(number) => write!(f, "file {number}"),
            Self::Earlier(key) => f.write_str(key),
        }
    }
}
