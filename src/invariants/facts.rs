//! A day of the lake as anyone can see it: its files, its state, its marker.

use std::collections::BTreeSet;
use std::fmt;

use uuid::Uuid;

use crate::ingest::counts::Counts;
use crate::state::execution::Status;

/// One day of one dataset, at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day<Id> {
    /// Numbered ones in order, then those of the earlier pipeline.
    pub files: Vec<File<Id>>,
    /// The state document; `None` where there is none, or none that can be read.
    pub state: Option<State<Id>>,
    /// Whether the marker says that the day is complete.
    pub marker: bool,
}

/// A Parquet file of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File<Id> {
    /// Its name.
    pub name: FileName,
    /// The id of each row, in order.
    pub ids: Vec<Id>,
    /// The run that made it; `None` in a file of the earlier pipeline.
    pub run: Option<Uuid>,
}

/// What a file is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// Commit 7 of the day.
    Numbered(u64),
    /// A file of the earlier pipeline, by its key.
    Earlier(String),
}

/// The state document, as another program reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State<Id> {
    /// Whether this program wrote it last: it has a `format`.
    pub ours: bool,
    /// `processed_ids`.
    pub ids: BTreeSet<Id>,
    /// `total_processed`.
    pub total: u64,
    /// `commits`.
    pub commits: u64,
    /// `complete`.
    pub complete: bool,
    /// `lost_files`: those that were there, are gone, and whose numbers aren't used again.
    pub lost: BTreeSet<FileName>,
    /// From the takeover on, where there was one.
    pub executions: Vec<Execution>,
}

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Whose it is; `None` for the entry of the takeover, and those of the earlier pipeline.
    pub run: Option<Uuid>,
    /// How the run stands.
    pub status: Status,
    /// What it read and stored.
    pub counts: Counts,
    /// The files whose rows it counts.
    pub files: Vec<FileName>,
    /// How many slices it says it failed to read.
    pub failed_slices: u64,
}

impl<Id> Day<Id> {
    /// How many numbered files there are.
    pub fn commits(&self) -> u64 {
        let numbers = self.files.iter().filter(|file| file.number().is_some());
        numbers.count() as u64
    }
}

impl<Id> File<Id> {
    /// The commit that it is.
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
