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

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::stretch::Stretch;
use crate::day::Day;
use crate::entropy::Entropy;
use crate::failpoint::failpoint;
use crate::lake::{Created, Lake, LakeError, Replaced, Version};
use crate::source::declaration::Dataset;

/// The format that this version writes, and the highest that it knows.
const FORMAT: u64 = 1;
/// How often a change is tried when others get in between, or its outcome stays unknown.
const ATTEMPTS: u32 = 10;
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
    format: u64,
}

/// Why the coverage of a feed can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// The lake doesn't do what it is asked.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Somebody else wrote something else there.
    #[error(
        "`{key}` isn't a feed's coverage that this version understands: {problem}; update bronzed, \
         or remove the object, which costs a walk over the whole feed"
    )]
    Unreadable {
        /// The object.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Others changed it each time.
    #[error("`{key}` was changed by others {ATTEMPTS} times in a row: run fewer at once")]
    Contended {
        /// The object.
        key: String,
    },
}

/// The document of one feed.
#[derive(Debug)]
pub struct CoverageStore {
    lake: Lake,
    key: String,
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
        Self {
            lake: lake.clone(),
            key: format!("_bronzed/feeds/{}.json", dataset.prefix),
            dataset: dataset.full_name(),
        }
    }

    /// Reads it; where there is none, nothing was covered.
    ///
    /// # Errors
    /// When that can't be told with certainty.
    pub async fn load(&self) -> Result<Coverage, CoverageError> {
        Ok(self.read(self.lake.get(&self.key).await?)?.0)
    }

    /// Adds what a walk has covered. Doing it twice is the same as doing it once.
    ///
    /// # Errors
    /// When it can't be written. Nothing is lost by it but the knowledge.
    pub async fn add(&self, progress: &Progress, entropy: &Entropy) -> Result<(), CoverageError> {
        let mut failure = None;
        for attempt in 0..ATTEMPTS {
            let tried = async {
                let (mut coverage, version) = self.read(self.lake.get(&self.key).await?)?;
                if !coverage.take(progress) {
                    return Ok(true);
                }
                coverage.dataset.clone_from(&self.dataset);
                failpoint!("feed.before_coverage");
                self.write(&coverage, version).await
            };
            match tried.await {
                Ok(true) => return Ok(()),
                // What is there is looked at again: perhaps it was written after all.
                Ok(false) => {}
                Err(CoverageError::Lake(error)) if error.outcome_unknown() => failure = Some(error),
                Err(error) => return Err(error),
            }
            let most = std::time::Duration::from_millis(50) * (1 << attempt.min(5));
            tokio::time::sleep(entropy.up_to(most)).await;
        }
        Err(match failure {
            Some(error) => error.into(),
            None => CoverageError::Contended {
                key: self.key.clone(),
            },
        })
    }

    fn read(
        &self,
        found: Option<(Bytes, Version)>,
    ) -> Result<(Coverage, Option<Version>), CoverageError> {
        let Some((bytes, version)) = found else {
            return Ok((Coverage::default(), None));
        };
        let unreadable = |problem| CoverageError::Unreadable {
            key: self.key.clone(),
            problem,
        };
        let coverage: Coverage =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if coverage.format > FORMAT {
            return Err(unreadable(format!("its format is {}", coverage.format)));
        }
        Ok((coverage, Some(version)))
    }

    async fn write(
        &self,
        coverage: &Coverage,
        read: Option<Version>,
    ) -> Result<bool, CoverageError> {
        let document = Coverage {
            format: FORMAT,
            ..coverage.clone()
        };
        let bytes = serde_json::to_vec_pretty(&document);
        let bytes: Bytes = bytes
            .map_err(|error| CoverageError::Unreadable {
                key: self.key.clone(),
                problem: error.to_string(),
            })?
            .into();
        Ok(match read {
            None => matches!(self.lake.create(&self.key, bytes).await?, Created::Done(_)),
            Some(version) => matches!(
                self.lake.replace(&self.key, bytes, &version).await?,
                Replaced::Done(_)
            ),
        })
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
