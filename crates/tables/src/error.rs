//! Errors of Delta tables.

use bronzed_storage::bronze::BronzeError;
use bronzed_storage::lake::LakeError;
use delta_kernel::KernelError;

/// Error of reading or writing a table's Delta log. Bronze isn't affected by any of them.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// The lake can't be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The kernel library refuses the log, or what is to be written to it.
    #[error(
        "the Delta log of `{prefix}` can't be read or written: {error}; `bronzed tables rebuild` makes it anew"
    )]
    Log {
        /// Prefix of the table.
        prefix: String,
        /// Error of the library.
        error: Box<KernelError>,
    },
    /// The log asks for more and more objects.
    #[error("the Delta log of `{prefix}` has no end; `bronzed tables rebuild` makes it anew")]
    Unread {
        /// Prefix of the table.
        prefix: String,
    },
    /// The declared columns don't make a table.
    #[error("the columns of `{prefix}` make no Delta table: {reason}")]
    Columns {
        /// Prefix of the table.
        prefix: String,
        /// Why.
        reason: String,
    },
    /// A file of a day isn't a Parquet file.
    #[error("{key}: {error}")]
    File {
        /// Key of the file.
        key: String,
        /// Error of reading it.
        error: BronzeError,
    },
    /// Other writers were faster each time.
    #[error(
        "other writers of the Delta log of `{prefix}` were faster {attempts} times: it follows with the next run"
    )]
    Contended {
        /// Prefix of the table.
        prefix: String,
        /// Attempts.
        attempts: u32,
    },
}

impl DeltaError {
    pub(crate) fn log(prefix: &str, error: KernelError) -> Self {
        Self::Log {
            prefix: prefix.to_owned(),
            error: Box::new(error),
        }
    }
}
