//! Silver tables: the current state of each record, made of the bronze datasets that hold its versions.

mod error;
mod report;

use std::sync::Arc;

use bronzed_model::declaration::SilverTable;
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use chrono::{DateTime, Utc};

pub use error::SilverError;
pub use report::{BuildProgress, Built, HeldBack, SilverStatus};

/// Builder of silver tables. Clones share what they know of the tables.
#[derive(Debug, Clone)]
pub struct SilverBuilder {
    #[expect(dead_code, reason = "the steps follow")]
    lake: Lake,
    #[expect(dead_code, reason = "the steps follow")]
    entropy: Arc<Entropy>,
}

/// Answers between two steps if a build is to end.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Hears of the progress of a build.
pub type Progress<'a> = &'a (dyn Fn(&BuildProgress) + Sync);

#[expect(clippy::unused_async, reason = "the steps follow")]
impl SilverBuilder {
    /// Returns a builder over a lake.
    pub fn new(lake: Lake) -> Self {
        Self {
            lake,
            entropy: Arc::new(Entropy::from_system()),
        }
    }

    /// Takes in bronze commits that the table doesn't have, in steps of bounded memory, each one Delta version, until nothing
    /// is left or `stop` says so between two steps. A table whose declaration has more columns, or derives their values
    /// otherwise, is made anew.
    ///
    /// # Errors
    /// Returns an error if the declaration makes no table, a column was removed or retyped, or the lake can't be read or
    /// written. What was committed by earlier steps stays.
    pub async fn build(
        &self,
        table: &SilverTable,
        _now: DateTime<Utc>,
        _stop: Stop<'_>,
        _progress: Progress<'_>,
    ) -> Result<Built, SilverError> {
        Err(SilverError::Stopped {
            table: table.full_name(),
        })
    }

    /// Makes the table anew from bronze, in one version: readers see the old table until then. A log that can't be read is
    /// deleted before, which no other writer of the table may see.
    ///
    /// # Errors
    /// As [`SilverBuilder::build`]; and [`SilverError::Stopped`] if `stop` said so: the table is as it was.
    pub async fn rebuild(
        &self,
        table: &SilverTable,
        _now: DateTime<Utc>,
        _stop: Stop<'_>,
        _progress: Progress<'_>,
    ) -> Result<Built, SilverError> {
        Err(SilverError::Stopped {
            table: table.full_name(),
        })
    }

    /// Returns the state of the table, and how far it is behind bronze. Nothing is written.
    ///
    /// # Errors
    /// Returns an error if the declaration makes no table, or the lake can't be read.
    pub async fn status(&self, table: &SilverTable) -> Result<SilverStatus, SilverError> {
        Err(SilverError::Stopped {
            table: table.full_name(),
        })
    }
}
