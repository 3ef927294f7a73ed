//! Results of building a silver table, and its state.

use std::collections::BTreeMap;

use bronzed_model::quality::{Example, Results};

/// Progress of a build, told after each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildProgress {
    /// Number of steps that are done.
    pub steps: u64,
    /// Number of bronze days that were taken in.
    pub days: u64,
    /// Number of bronze days that are left.
    pub days_left: u64,
    /// Number of rows that were read from bronze.
    pub rows_read: u64,
}

/// Result of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// Number of steps; each is one version of the table, except when the table is made anew: then all are one version.
    pub steps: u64,
    /// Version of the table after the build; `None` if it has none, because bronze has no rows.
    pub version: Option<u64>,
    /// `true` if the table was made anew.
    pub rebuilt: bool,
    /// Number of bronze days that were taken in.
    pub days: u64,
    /// Number of rows that were read from bronze.
    pub rows_read: u64,
    /// Number of rows that are in the table now, and weren't before.
    pub rows_added: u64,
    /// Number of rows that have other values than before.
    pub rows_changed: u64,
    /// Number of rows that are marked as deleted now, or left out of the table, and weren't before.
    pub rows_deleted: u64,
    /// Number of data files that were written.
    pub files_written: u64,
    /// Bytes in these files.
    pub bytes_written: u64,
    /// Number of values that the type of their column can't hold, by column. They are null in the table.
    pub unfit: BTreeMap<String, u64>,
    /// Partitions that were held back by an expectation.
    pub held_back: Vec<HeldBackPartition>,
    /// Results of the table's expectations on the rows that were written, those of held back partitions included; and of those on
    /// the table as a whole, as it is after the build.
    pub results: Results,
    /// Expectations that aren't evaluated, each with the reason.
    pub unevaluated: BTreeMap<String, String>,
    /// Number of bronze days that are left: held back, or not reached before the build was stopped.
    pub days_left: u64,
}

/// Partition whose rows weren't taken in, because an expectation of severity `error` failed. The bronze days that touch it are
/// held back as a whole, and are tried again by the next build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBackPartition {
    /// The partition: `2025-10`; `None` for rows without a date, and of a table without partitions.
    pub partition: Option<String>,
    /// Name of the expectation.
    pub expectation: String,
    /// Number of rows that aren't as expected.
    pub unexpected: u64,
    /// Number of rows that were evaluated.
    pub evaluated: u64,
    /// Some of the unexpected rows.
    pub examples: Vec<Example>,
    /// Bronze days that are held back: `contratacoes 2025-10-22`.
    pub days: Vec<String>,
}

/// Results of the expectations on a table as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WholeJudgement {
    /// Results by expectation.
    pub results: Results,
    /// Expectations that aren't evaluated, each with the reason: the other table has no version yet.
    pub unevaluated: BTreeMap<String, String>,
}

/// State of a silver table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilverStatus {
    /// Newest version; `None` if the table was never built.
    pub version: Option<u64>,
    /// Number of rows.
    pub rows: u64,
    /// Number of data files.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// Number of bronze days with commits, or notes of withdrawn records, that the table doesn't have.
    pub days_behind: u64,
    /// Partitions that the last build has held back, without examples.
    pub held_back: Vec<HeldBackPartition>,
    /// `true` if the table was built by another declaration.
    pub declaration_changed: bool,
}
