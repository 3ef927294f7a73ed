//! Columns of a file in the lake, of its footer alone.

use arrow_schema::Schema;
use bytes::Bytes;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

use super::ExportError;
use crate::bronze::BronzeError;
use crate::lake::Lake;

/// Bytes that are read first from the end of a file: more than the footer of most of them.
const FIRST_READ: u64 = 64 << 10;

/// Reads the columns of a file of `size` bytes.
///
/// # Errors
/// Returns an error if the file is gone, can't be read, or isn't a Parquet file.
pub async fn columns_of(lake: &Lake, key: &str, size: u64) -> Result<Schema, ExportError> {
    let mut most = FIRST_READ;
    loop {
        let Some(tail) = lake.tail(key, size, most).await? else {
            return Err(ExportError::Gone(key.to_owned()));
        };
        match parsed(&tail, size) {
            Ok(schema) => return Ok(schema),
            Err(ParquetError::NeedMoreData(bytes)) if (bytes as u64) > most && most < size => {
                most = bytes as u64;
            }
            Err(error) => {
                return Err(ExportError::File {
                    key: key.to_owned(),
                    error: BronzeError::Read(error),
                });
            }
        }
    }
}

fn parsed(tail: &Bytes, size: u64) -> Result<Schema, ParquetError> {
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse_sized(tail, size)?;
    let metadata = reader.finish()?;
    let file = metadata.file_metadata();
    parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())
}
