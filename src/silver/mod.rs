//! Silver tables as the daemon keeps them: one at a time, behind the runs that feed them.
//!
//! ```text
//! run has ended ──► wanted ──► build (one table) ──► state: rows, days behind, held back
//!      start    ──►   ▲              │
//!                     └── failed ◄───┘   at most every `silver.every`
//! ```
//!
//! - [`keeper`]: tables, and which of them is due; pure
//! - [`TableBuilder`]: builds one table; the daemon knows it as this alone, so that it is built without Delta, too

#[cfg(feature = "delta")]
mod delta;
pub mod keeper;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use bronzed_model::declaration::SilverTable;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

/// Answers between two steps if a build is to end.
pub type StopBuild = Arc<dyn Fn() -> bool + Send + Sync>;

/// Builder of silver tables.
pub trait TableBuilder: Send + Sync + fmt::Debug {
    /// Takes in what bronze has and the table doesn't, and returns how the table stands then. A build that was stopped ends
    /// with the step that was under way; the rest is left to the next one.
    fn build<'a>(
        &'a self,
        table: &'a SilverTable,
        now: DateTime<Utc>,
        stop: StopBuild,
    ) -> BoxFuture<'a, Result<SilverStanding, String>>;
}

/// State of a table after a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilverStanding {
    /// Newest version; `None` if bronze has no rows of it.
    pub version: Option<u64>,
    /// Number of rows.
    pub rows: u64,
    /// Number of data files.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// Number of bronze days that the table doesn't have.
    pub days_behind: u64,
    /// Partitions that were held back.
    pub held_back: Vec<HeldPartition>,
    /// Expectations on the table as a whole that fail.
    pub unmet: Vec<UnmetExpectation>,
    /// Expectations that aren't evaluated, each with the reason.
    pub unevaluated: Vec<(String, String)>,
    /// `true` if the build has changed the table.
    pub changed: bool,
}

/// Partition that was held back by an expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPartition {
    /// The partition: `2025-10`; `None` for rows without a date.
    pub partition: Option<String>,
    /// Name of the expectation.
    pub expectation: String,
    /// Number of rows that aren't as expected.
    pub unexpected: u64,
    /// Number of rows that were evaluated.
    pub evaluated: u64,
}

/// Expectation on a silver table as a whole that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetExpectation {
    /// Name of the expectation.
    pub name: String,
    /// Word of its check: `freshness`.
    pub check: String,
    /// Number of rows, the newest value as JSON, or a value that the other table lacks; `None` if it isn't to be shown.
    pub found: Option<String>,
    /// Number of rows that aren't as expected; 1 if the table was judged once.
    pub unexpected: u64,
    /// Number of rows that were evaluated; 1 if the table was judged once.
    pub evaluated: u64,
}

/// Returns the builder of the lake's silver tables, if the settings have them kept.
#[cfg(feature = "delta")]
pub fn builder(settings: &Settings, lake: &Lake) -> Option<Arc<dyn TableBuilder>> {
    let enabled = settings.silver.enabled;
    enabled.then(|| Arc::new(delta::DeltaTables::new(lake.clone())) as Arc<dyn TableBuilder>)
}

/// Returns none: this program is built without Delta tables.
#[cfg(not(feature = "delta"))]
pub fn builder(_: &Settings, _: &Lake) -> Option<Arc<dyn TableBuilder>> {
    None
}
