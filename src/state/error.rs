//! What can keep a day from being opened or committed, told apart by what helps.

use crate::bronze::BronzeError;
use crate::lake::LakeError;

/// Why a day couldn't be opened, committed or recorded. Nothing is lost by any of these: what was
/// written is found by the next run.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The lake can't be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file of the day can't be read, so that nobody knows which records it holds.
    #[error(
        "`{key}` can't be used, and without it the ids of its day aren't known: {source}; \
         restore it, or move it out of the lake: its day isn't complete any more then, and its records \
         are read again"
    )]
    File {
        /// The file.
        key: String,
        /// What is wrong with it.
        source: BronzeError,
    },
    /// The file of this commit can't be made.
    #[error("the file of a commit can't be written: {0}")]
    Encode(#[source] BronzeError),
    /// A newer version of this program wrote the state.
    #[error(
        "the state `{key}` has format {format}, which this version doesn't know: \
         use the version that wrote it, or delete it if none did: it is rebuilt from the files"
    )]
    NewerFormat {
        /// The state document.
        key: String,
        /// Its `format`.
        format: String,
    },
    /// Other runs were quicker, again and again.
    #[error(
        "`{key}` was changed by others {attempts} times in a row: run fewer at once on one day"
    )]
    Contended {
        /// The object.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A write whose outcome couldn't be found out.
    #[error("whether `{key}` was written isn't known, the next run finds out: {source}")]
    Unsettled {
        /// The object.
        key: String,
        /// The last failure.
        source: LakeError,
    },
}

impl StateError {
    /// Whether the lake as a whole may be what fails: full, read-only or out of reach. What a day has
    /// isn't told by that.
    pub fn is_of_lake(&self) -> bool {
        matches!(self, Self::Lake(_) | Self::Unsettled { .. })
    }
}
