//! Errors of opening or committing a day, one variant per remedy.

use crate::bronze::BronzeError;
use crate::lake::LakeError;

/// Error of opening, committing or recording a day. None of them loses data: the next run finds what was
/// written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The lake can't be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file of the day can't be read, so the ids in it are unknown.
    #[error(
        "`{key}` can't be used, and without it the ids of its day aren't known: {source}; \
         restore it, or move it out of the lake and read its day again, by `bronzed run DATASET --day DAY`"
    )]
    File {
        /// Key of the file.
        key: String,
        /// The read error.
        source: BronzeError,
    },
    /// The file of a commit can't be encoded.
    #[error("the file of a commit can't be written: {0}")]
    Encode(#[source] BronzeError),
    /// The state was written by a newer version of this program.
    #[error(
        "the state `{key}` has format {format}, which this version doesn't know: \
         use the version that wrote it, or delete it if none did: it is rebuilt from the files"
    )]
    NewerFormat {
        /// Key of the state document.
        key: String,
        /// Its `format`.
        format: String,
    },
    /// Other runs won the race on every attempt.
    #[error(
        "`{key}` was changed by others {attempts} times in a row: run fewer at once on one day"
    )]
    Contended {
        /// Key of the object.
        key: String,
        /// Number of attempts.
        attempts: u32,
    },
    /// The outcome of a write couldn't be determined.
    #[error("whether `{key}` was written isn't known, the next run finds out: {source}")]
    Unsettled {
        /// Key of the object.
        key: String,
        /// Last error.
        source: LakeError,
    },
}

impl StateError {
    /// Returns `true` if the lake as a whole may be failing (full, read-only or unreachable), so the error
    /// says nothing about the day.
    pub fn is_of_lake(&self) -> bool {
        matches!(self, Self::Lake(_) | Self::Unsettled { .. })
    }
}
