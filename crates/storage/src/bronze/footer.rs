//! Footer of a Parquet file in the lake, without the rest of the file.

use arrow_schema::Schema;
use bytes::Bytes;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::BronzeError;
use crate::lake::{Lake, LakeError};

/// Bytes that are read first from the end of a file: more than the footer of most of them.
const FIRST_READ: u64 = 64 << 10;

/// Footer of a file.
#[derive(Debug)]
pub struct FileFooter {
    /// Row groups, with their statistics.
    pub metadata: ParquetMetaData,
    /// Columns of the file.
    pub schema: Schema,
}

/// Error of reading a footer.
#[derive(Debug, thiserror::Error)]
pub enum FooterError {
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// It isn't a Parquet file.
    #[error(transparent)]
    File(#[from] BronzeError),
}

impl FileFooter {
    /// Reads the footer of a file of `size` bytes; `None` if the file is gone.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, or isn't a Parquet file.
    pub async fn read(lake: &Lake, key: &str, size: u64) -> Result<Option<Self>, FooterError> {
        let mut most = FIRST_READ;
        loop {
            let Some(tail) = lake.tail(key, size, most).await? else {
                return Ok(None);
            };
            match Self::parse(&tail, size) {
                Ok(footer) => return Ok(Some(footer)),
                Err(ParquetError::NeedMoreData(bytes)) if (bytes as u64) > most && most < size => {
                    most = bytes as u64;
                }
                Err(error) => return Err(BronzeError::Read(error).into()),
            }
        }
    }

    /// Parses the footer from the last bytes of a file of `size` bytes.
    ///
    /// # Errors
    /// Returns an error if more bytes are needed, or it isn't a Parquet file.
    pub fn parse(tail: &Bytes, size: u64) -> Result<Self, ParquetError> {
        let mut reader = ParquetMetaDataReader::new();
        reader.try_parse_sized(tail, size)?;
        let metadata = reader.finish()?;
        let file = metadata.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        Ok(Self { metadata, schema })
    }
}
