//! What is known of a feed: the stretches that were covered, in a small document of the lake.
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
//! Its key is `_bronzed/feeds/{prefix}.json`. It is changed by compare-and-swap, and always after the
//! rows that it speaks of were committed, and the days closed that it has passed. Lost, it costs a walk
//! over the whole feed, and no record.

use serde::{Deserialize, Serialize};

use super::stretch::Stretch;
use crate::day::Day;
use crate::entropy::Entropy;
use crate::failpoint::failpoint;
use crate::lake::Lake;
use crate::lake::document::{DocumentError, JsonDocument};
use crate::source::declaration::Dataset;

/// The format that this version writes, and the highest that it knows.
const FORMAT: u64 = 1;
/// So many stretches are remembered: those behind them would have to be met again.
const MOST: usize = 64;

/// What is known of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    dataset: String,
    /// Records of this day and of earlier ones were read after their day had settled, or will be;
    /// those of later days are read again.
    #[serde(default)]
    pub reread_after: Option<Day>,
    /// In no order.
    pub stretches: Vec<Stretch>,
}

/// The document of one feed.
#[derive(Debug)]
pub struct CoverageStore {
    document: JsonDocument<Coverage>,
    dataset: String,
}

/// What a walk adds to what is known: `stretch` holds now, and says all that `absorbed` said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the walk has covered, with the stretches that it has gone through.
    pub stretch: Option<Stretch>,
    /// What it makes needless.
    pub absorbed: Vec<Stretch>,
    /// See [`Coverage::reread_after`].
    pub reread_after: Option<Day>,
}

impl CoverageStore {
    /// The document of a dataset.
    pub fn of(lake: &Lake, dataset: &Dataset) -> Self {
        let key = format!("_bronzed/feeds/{}.json", dataset.prefix);
        let cure = "update bronzed, or remove the object, which costs a walk over the whole feed";
        Self {
            document: JsonDocument::new(lake, key, FORMAT).cure(cure),
            dataset: dataset.full_name(),
        }
    }

    /// Reads it; where there is none, nothing was covered.
    ///
    /// # Errors
    /// When that can't be told with certainty.
    pub async fn load(&self) -> Result<Coverage, DocumentError> {
        Ok(self.document.load().await?.unwrap_or_default())
    }

    /// Adds what a walk has covered. Doing it twice is the same as doing it once.
    ///
    /// # Errors
    /// When it can't be written. Nothing is lost by it but the knowledge.
    pub async fn add(&self, progress: &Progress, entropy: &Entropy) -> Result<(), DocumentError> {
        let add = |coverage: &mut Coverage| {
            if coverage.take(progress) {
                coverage.dataset.clone_from(&self.dataset);
                failpoint!("feed.before_coverage");
            }
        };
        self.document.update(entropy, add).await?;
        Ok(())
    }
}

impl Coverage {
    /// Takes in what a walk adds; says whether anything changed by it.
    pub(super) fn take(&mut self, progress: &Progress) -> bool {
        let before = self.clone();
        let gone = |stretch: &Stretch| progress.absorbed.contains(stretch);
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
