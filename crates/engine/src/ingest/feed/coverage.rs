//! Coverage of a feed: the stretches that were read without a gap, in a JSON document of the lake.
//!
//! ```json
//! {
//!   "dataset": "tcu.acordaos",
//!   "reread_after": "2026-09-14",
//!   "stretches": [
//!     {"newest": ["ACORDAO-COMPLETO-2745491", …], "oldest": ["ACORDAO-COMPLETO-2730112", …],
//!      "records": 10000, "since": "2026-10-29T11:00:00Z"}
//!   ],
//!   "format": 1
//! }
//! ```
//!
//! Its key is `_bronzed/feeds/{prefix}.json`. The document is changed by compare-and-swap, and always after
//! the rows that it covers were committed and the passed days were closed. Losing the document costs a walk
//! over the whole feed, but no record.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::stretch::CoveredRange;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::{DocumentError, JsonDocument};

/// Format that this version writes, and the highest that it reads.
const FORMAT: u64 = 1;
/// Maximum number of stretches that are kept; records of dropped stretches are read again.
const MOST: usize = 64;

/// Coverage of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCoverage {
    dataset: String,
    /// Last day whose covered records needn't be read again: they were read after the day had settled, or
    /// will be. Records of later days are read again.
    #[serde(default)]
    pub reread_after: Option<Day>,
    /// Covered stretches, in no order.
    pub stretches: Vec<CoveredRange>,
    /// Lost files for which the stretches were dropped; this happens once for each file.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    reread_for: BTreeSet<String>,
}

/// Coverage document of one feed.
#[derive(Debug)]
pub struct CoverageStore {
    document: JsonDocument<FeedCoverage>,
    dataset: String,
}

/// Change of the coverage by a walk: `stretch` is covered now, and includes all that `absorbed` covered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoverageChange {
    /// Stretch that the walk has covered, including the stretches that it has gone through.
    pub stretch: Option<CoveredRange>,
    /// Stretches that `stretch` replaces.
    pub absorbed: Vec<CoveredRange>,
    /// See [`FeedCoverage::reread_after`].
    pub reread_after: Option<Day>,
}

impl CoverageStore {
    /// Returns the coverage document of a dataset.
    pub fn of(lake: &Lake, dataset: &Dataset) -> Self {
        let key = format!("_bronzed/feeds/{}.json", dataset.prefix);
        let hint = "update bronzed, or remove the object, which costs a walk over the whole feed";
        Self {
            document: JsonDocument::new(lake, key, FORMAT).hint(hint),
            dataset: dataset.full_name(),
        }
    }

    /// Loads the coverage; empty if there is no document.
    ///
    /// # Errors
    /// Returns an error if the document can't be read, or not understood.
    pub async fn load(&self) -> Result<FeedCoverage, DocumentError> {
        Ok(self.document.load().await?.unwrap_or_default())
    }

    /// Adds what a walk has covered; idempotent.
    ///
    /// # Errors
    /// Returns an error if the document can't be written; only the coverage is lost then, no row.
    pub async fn add(
        &self,
        progress: &CoverageChange,
        entropy: &Entropy,
    ) -> Result<(), DocumentError> {
        let add = |coverage: &mut FeedCoverage| {
            if coverage.take(progress) {
                coverage.dataset.clone_from(&self.dataset);
            }
        };
        self.document.update(entropy, add).await?;
        Ok(())
    }

    /// Drops all stretches if they weren't dropped yet for one of these lost files, so that the records are
    /// read again. Returns the files for which the stretches were dropped.
    ///
    /// # Errors
    /// Returns an error if the document can't be read or written.
    pub async fn forget(
        &self,
        lost: BTreeSet<String>,
        entropy: &Entropy,
    ) -> Result<BTreeSet<String>, DocumentError> {
        if lost.is_empty() {
            return Ok(lost);
        }
        let mut fresh = BTreeSet::new();
        let forget = |coverage: &mut FeedCoverage| {
            fresh = &lost - &coverage.reread_for;
            if !fresh.is_empty() {
                coverage.stretches.clear();
                coverage.reread_for.extend(fresh.iter().cloned());
            }
        };
        self.document.update(entropy, forget).await?;
        Ok(fresh)
    }
}

impl FeedCoverage {
    /// Applies the change by a walk. Returns `true` if the coverage has changed.
    pub(super) fn take(&mut self, progress: &CoverageChange) -> bool {
        let before = self.clone();
        let gone = |stretch: &CoveredRange| progress.absorbed.contains(stretch);
        self.stretches.retain(|stretch| !gone(stretch));
        if let Some(stretch) = &progress.stretch
            && !self.stretches.contains(stretch)
        {
            self.stretches.insert(0, stretch.clone());
        }
        self.stretches.truncate(MOST);
        self.reread_after = self.reread_after.max(progress.reread_after);
        *self != before
    }
}
