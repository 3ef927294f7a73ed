//! Columns of a file in the lake, of its footer alone.

use arrow_schema::Schema;

use super::ExportError;
use crate::bronze::footer::{FileFooter, FooterError};
use crate::lake::Lake;

/// Reads the columns of a file of `size` bytes.
///
/// # Errors
/// Returns an error if the file is gone, can't be read, or isn't a Parquet file.
pub async fn columns_of(lake: &Lake, key: &str, size: u64) -> Result<Schema, ExportError> {
    match FileFooter::read(lake, key, size).await {
        Ok(Some(footer)) => Ok(footer.schema),
        Ok(None) => Err(ExportError::Gone(key.to_owned())),
        Err(FooterError::Lake(error)) => Err(error.into()),
        Err(FooterError::File(error)) => Err(ExportError::File {
            key: key.to_owned(),
            error,
        }),
    }
}
