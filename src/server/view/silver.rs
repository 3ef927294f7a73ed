//! Silver tables: the current state of records, made of bronze.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// Every silver table that the daemon keeps.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SilverTables {
    /// Sorted by source and name.
    pub tables: Vec<SilverTableView>,
}

/// A silver table, as of the daemon's last build of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SilverTable")]
pub struct SilverTableView {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub name: String,
    /// Folder of the table in the lake.
    pub prefix: String,
    /// Datasets that it is made of.
    pub datasets: Vec<String>,
    /// `true` while it is being built.
    pub building: bool,
    /// End of the last build that didn't fail; null if there was none since the daemon's start.
    pub built_at: Option<DateTime<Utc>>,
    /// Newest version of the Delta table; null if it has none, or isn't known yet.
    pub version: Option<u64>,
    /// Rows.
    pub rows: u64,
    /// Data files.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// Bronze days that the table didn't have after that build; null if it isn't known yet.
    pub days_behind: Option<u64>,
    /// Partitions that an expectation of severity `error` holds back.
    pub held_back: Vec<HeldBackView>,
    /// Expectations on the table as a whole, `row_count_between`, `freshness` and `exists_in`, that fail.
    pub unmet: Vec<UnmetView>,
    /// Expectations that the last build couldn't evaluate.
    pub unevaluated: Vec<UnevaluatedView>,
    /// Error of the last build; null if it didn't fail.
    pub error: Option<String>,
}

/// An expectation on a table as a whole that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "UnmetExpectation")]
pub struct UnmetView {
    /// Name of the expectation.
    pub expectation: String,
    /// Word of its check: `freshness`.
    pub check: String,
    /// Number of rows, the newest value as JSON, or a value that the other table lacks; null if it isn't to be shown.
    pub found: Option<String>,
    /// Rows that aren't as expected; 1 if the table was judged once.
    pub unexpected: u64,
    /// Rows that were evaluated; 1 if the table was judged once.
    pub evaluated: u64,
}

/// An expectation that couldn't be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "UnevaluatedExpectation")]
pub struct UnevaluatedView {
    /// Name of the expectation.
    pub expectation: String,
    /// `silver.pncp.contratacoes has no version yet`
    pub reason: String,
}

/// A partition that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "HeldBack")]
pub struct HeldBackView {
    /// Month of the partition: `2025-10`; null for rows without a date, and of a table without partitions.
    pub partition: Option<String>,
    /// Name of the expectation that failed.
    pub expectation: String,
    /// Rows that aren't as expected.
    pub unexpected: u64,
    /// Rows that were evaluated.
    pub evaluated: u64,
}
