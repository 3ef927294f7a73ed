//! Errors of silver tables.

use bronzed_storage::bronze::BronzeError;
use bronzed_storage::lake::LakeError;
use delta_kernel::arrow::error::ArrowError;

use crate::error::DeltaError;

/// Error of building or reading a silver table. Bronze isn't affected by any of them.
#[derive(Debug, thiserror::Error)]
pub enum SilverError {
    /// The table's Delta log, or the lake, can't be read or written.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// The declaration makes no table.
    #[error("{table} makes no table: {reason}")]
    Declaration {
        /// Full name of the table.
        table: String,
        /// Why.
        reason: String,
    },
    /// A column was removed or got a type that doesn't hold all its values. Readers of the table may rely on it, so the table isn't
    /// changed by itself.
    #[error(
        "column `{column}` of {table} is {before}, and {}: `bronzed silver build --rebuild {table}` makes the table anew",
        declared_now(now.as_deref())
    )]
    Changed {
        /// Full name of the table.
        table: String,
        /// Name of the column in the table.
        column: String,
        /// Type in the table.
        before: String,
        /// Declared type; `None` if the column isn't declared.
        now: Option<String>,
    },
    /// A file of bronze or of the table can't be read, or rows can't be written.
    #[error("{key}: {error}")]
    File {
        /// Key of the file.
        key: String,
        /// Error of reading or writing it.
        error: BronzeError,
    },
    /// A file that the table's log has is gone or damaged.
    #[error(
        "{key} is part of {table} and is gone: `bronzed silver build --rebuild {table}` makes the table anew"
    )]
    Gone {
        /// Full name of the table.
        table: String,
        /// Key of the file.
        key: String,
    },
    /// Rows can't be put together.
    #[error("rows of {table} can't be put together: {error}")]
    Rows {
        /// Full name of the table.
        table: String,
        /// Error of the columns' library.
        error: ArrowError,
    },
    /// Another process has made the table by another declaration meanwhile.
    #[error(
        "{table} was made by another declaration while it was built: do all processes have the same configuration?"
    )]
    Overtaken {
        /// Full name of the table.
        table: String,
    },
    /// Building was stopped while the table was made anew: nothing has changed.
    #[error("{table} isn't made anew: it was stopped before its only version")]
    Stopped {
        /// Full name of the table.
        table: String,
    },
}

fn declared_now(kind: Option<&str>) -> String {
    match kind {
        Some(kind) => format!("is declared as {kind}, which doesn't hold all its values"),
        None => "is declared no more".to_owned(),
    }
}

impl From<LakeError> for SilverError {
    fn from(error: LakeError) -> Self {
        Self::Delta(error.into())
    }
}
