//! Silver tables: the current state of each record, made of the bronze datasets that hold its versions.
//!
//! A table is a fold of bronze: of each key, the row with the greatest `order`, marked or left out if the API has the record
//! no more; of a history, all rows. It is built by steps of bounded memory. A step reads bronze files that the table doesn't
//! have, folds their rows by key, merges them into the table's files, and commits one version of the table's Delta log, in
//! which stands what went in. So each commit of bronze goes in once, and the table doesn't depend on the steps by which it was
//! made.
//!
//! - `shape`, `order`: columns, partitions, and the order of versions; `widening`: types that hold all values of another one
//! - `news`, `take`: what of bronze is new, and its rows, cut and folded by key
//! - `locate`, `fold`, `merge`, `rows`, `output`: the table's rows of these keys, what becomes of them, and new files
//! - `state`, `commit`: a version of the table, and the next one; `live`: its files, for readers without an engine
//! - `build`: the steps; `vacuum`: files that no reader needs any more
//! - `verify`: a table beside its files and bronze; `across`: keys that stand in two partitions
//! - `whole`: expectations on the table as a whole, after a build; `exists`, `seek`, `reference`: that values occur in another table
//!
//! `docs/develop/design/008-silver.md` has the reasons.

mod across;
mod build;
mod commit;
mod error;
mod exists;
mod fold;
mod live;
mod locate;
mod merge;
mod news;
#[cfg(any(test, feature = "test-util"))]
pub mod oracle;
mod order;
mod output;
mod reference;
mod report;
mod rows;
mod seek;
mod shape;
mod state;
mod take;
#[cfg(test)]
mod tests;
mod vacuum;
mod verify;
mod whole;
mod widening;

use std::sync::Arc;

use bronzed_model::declaration::SilverTable;
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use chrono::{DateTime, Utc};

use self::build::{SeenStates, TableBuild};
use self::exists::KnownReferences;
use self::shape::SilverShape;
use self::state::{HeldRecord, TableState};
use self::whole::JudgedTable;
use crate::error::DeltaError;
use crate::maintain;

pub use error::SilverError;
pub use live::{LiveFile, live_files};
pub use report::{BuildProgress, Built, HeldBackPartition, SilverStatus, WholeJudgement};
pub use verify::{DayAhead, RepeatedKey, SilverComparison, verify};

/// Builder of silver tables. Clones share what they know of the tables.
#[derive(Debug, Clone)]
pub struct SilverBuilder {
    lake: Lake,
    entropy: Arc<Entropy>,
    seen: SeenStates,
    known: KnownReferences,
    step_bytes: usize,
    file_bytes: usize,
    values: usize,
}

/// Returns `true` if the table has a Delta log.
///
/// # Errors
/// Returns an error if that can't be determined.
pub async fn has_log(lake: &Lake, table: &SilverTable) -> Result<bool, DeltaError> {
    crate::newest::exists(lake, &table.prefix).await
}

/// Answers between two steps if a build is to end.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Hears of the progress of a build.
pub type OnProgress<'a> = &'a (dyn Fn(&BuildProgress) + Sync);

impl SilverBuilder {
    /// Returns a builder over a lake.
    pub fn new(lake: Lake) -> Self {
        Self {
            lake,
            entropy: Arc::new(Entropy::from_system()),
            seen: SeenStates::default(),
            known: KnownReferences::default(),
            step_bytes: TableBuild::default_step(),
            file_bytes: output::FILE_BYTES,
            values: exists::VALUES,
        }
    }

    /// Returns a builder whose ids are drawn by this chance, and whose steps take in about so many bytes.
    #[cfg(any(test, feature = "test-util"))]
    pub fn of_steps(lake: Lake, entropy: Arc<Entropy>, step_bytes: usize) -> Self {
        Self {
            entropy,
            step_bytes,
            ..Self::new(lake)
        }
    }

    /// Takes in bronze commits that the table doesn't have, in steps of bounded memory, each one Delta version, until nothing
    /// is left or `stop` says so between two steps. A table whose declaration has more columns or wider types, or derives
    /// their values otherwise, is made anew.
    ///
    /// # Errors
    /// Returns an error if the declaration makes no table, a column was removed or got a type that can't hold its values, or the lake can't be read or
    /// written. What was committed by earlier steps stays.
    pub async fn build(
        &self,
        table: &SilverTable,
        now: DateTime<Utc>,
        stop: Stop<'_>,
        progress: OnProgress<'_>,
    ) -> Result<Built, SilverError> {
        let shape = SilverShape::of(table)?;
        let state = TableState::load(&self.lake, &table.prefix).await?;
        let changed = state.base.is_some() && state.fingerprint != shape.fingerprint;
        if let Some(base) = state.base.as_ref().filter(|_| changed)
            && let Some(column) = shape.lost_column(&base.schema())
        {
            return Err(SilverError::Changed {
                table: shape.name,
                column: column.name,
                before: column.before,
                now: column.declared,
            });
        }
        let build = self.at_work(table, &shape, now, (stop, progress), changed);
        self.run(build, state).await
    }

    /// Makes the table anew from bronze, in one version: readers see the old table until then. A log that can't be read is
    /// deleted before, which no other writer of the table may see.
    ///
    /// # Errors
    /// As [`SilverBuilder::build`]; and [`SilverError::Stopped`] if `stop` said so: the table is as it was.
    pub async fn rebuild(
        &self,
        table: &SilverTable,
        now: DateTime<Utc>,
        stop: Stop<'_>,
        progress: OnProgress<'_>,
    ) -> Result<Built, SilverError> {
        let shape = SilverShape::of(table)?;
        let state = match TableState::load(&self.lake, &table.prefix).await {
            Err(DeltaError::Log { .. } | DeltaError::Unread { .. }) => {
                maintain::delete(&self.lake, &table.prefix).await?;
                TableState::default()
            }
            other => other?,
        };
        let build = self.at_work(table, &shape, now, (stop, progress), true);
        self.run(build, state).await
    }

    /// Returns the state of the table, and how far it is behind bronze. Nothing is written.
    ///
    /// # Errors
    /// Returns an error if the declaration makes no table, or the lake can't be read.
    pub async fn status(&self, table: &SilverTable) -> Result<SilverStatus, SilverError> {
        let shape = SilverShape::of(table)?;
        let state = TableState::load(&self.lake, &table.prefix).await?;
        let mut days_behind = 0;
        for day in news::find(&self.lake, table, &state.progress).await? {
            if !build::has_seen(&self.seen, table, &day) {
                days_behind += u64::from(day.has_news(&self.lake, table).await?);
            }
        }
        let (rows, files, bytes) = commit::totals(&state);
        Ok(SilverStatus {
            version: state.base.as_ref().map(|base| base.version()),
            rows,
            files,
            bytes,
            days_behind,
            held_back: state.held.iter().map(HeldRecord::report).collect(),
            declaration_changed: state.base.is_some() && state.fingerprint != shape.fingerprint,
        })
    }

    /// Judges the expectations on the table as a whole, as of its newest version. Nothing is written.
    ///
    /// # Errors
    /// Returns an error if the declaration makes no table, or the lake can't be read.
    pub async fn judge(
        &self,
        table: &SilverTable,
        now: DateTime<Utc>,
    ) -> Result<WholeJudgement, SilverError> {
        let shape = SilverShape::of(table)?;
        let state = TableState::load(&self.lake, &table.prefix).await?;
        let judged = JudgedTable {
            lake: &self.lake,
            table,
            shape: &shape,
            now,
            stop: &|| false,
            known: &self.known,
            values: self.values,
        };
        judged.judge(&state).await
    }

    fn at_work<'a>(
        &'a self,
        table: &'a SilverTable,
        shape: &'a SilverShape,
        now: DateTime<Utc>,
        (stop, progress): (Stop<'a>, OnProgress<'a>),
        anew: bool,
    ) -> TableBuild<'a> {
        TableBuild {
            lake: &self.lake,
            entropy: &self.entropy,
            seen: &self.seen,
            known: &self.known,
            table,
            shape,
            now,
            stop,
            progress,
            step_bytes: self.step_bytes,
            file_bytes: self.file_bytes,
            values: self.values,
            anew,
            built: Built::default(),
        }
    }

    /// Builds, and deletes what no reader needs any more.
    async fn run(&self, build: TableBuild<'_>, state: TableState) -> Result<Built, SilverError> {
        let (shape, now) = (build.shape, build.now);
        let built = build.run(state).await?;
        if built.steps > 0
            && let Err(error) = vacuum::vacuum(&self.lake, shape, now).await
        {
            tracing::warn!(prefix = shape.prefix, error = %error, "silver vacuum failed");
        }
        Ok(built)
    }
}
