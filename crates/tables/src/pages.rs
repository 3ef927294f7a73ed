//! Columns of a Parquet file in the lake, without the rest of the file: the footer, then the pages of these columns.

use std::ops::Range;
use std::sync::Arc;

use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::footer::{FileFooter, FooterError};
use bronzed_storage::lake::Lake;
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use delta_kernel::parquet::arrow::ProjectionMask;
use delta_kernel::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use delta_kernel::parquet::errors::ParquetError;
use delta_kernel::parquet::file::metadata::ParquetMetaData;
use delta_kernel::parquet::file::reader::{ChunkReader, Length};

use crate::error::DeltaError;

/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;

/// Reads these columns of a file of `size` bytes; `None` if the file is gone.
///
/// # Errors
/// Returns an error if the file can't be read, isn't a Parquet file, or lacks a column.
pub(crate) async fn columns(
    lake: &Lake,
    (key, size): (&str, u64),
    names: &[&str],
) -> Result<Option<ParquetRecordBatchReader>, DeltaError> {
    let failed = |error: ParquetError| DeltaError::File {
        key: key.to_owned(),
        error: BronzeError::Read(error),
    };
    let footer = match FileFooter::read(lake, key, size).await {
        Ok(Some(footer)) => footer,
        Ok(None) => return Ok(None),
        Err(FooterError::Lake(error)) => return Err(error.into()),
        Err(FooterError::File(error)) => {
            let key = key.to_owned();
            return Err(DeltaError::File { key, error });
        }
    };
    let ranges = ranges(&footer.metadata, names);
    let Some(bytes) = lake.ranges(key, &ranges).await? else {
        return Ok(None);
    };
    let parts = ranges.iter().map(|range| range.start).zip(bytes).collect();
    let pages = ColumnPages { size, parts };
    reader(pages, footer.metadata, names)
        .map(Some)
        .map_err(failed)
}

/// Returns the ranges of the columns in each row group.
fn ranges(metadata: &ParquetMetaData, names: &[&str]) -> Vec<Range<u64>> {
    let groups = metadata.row_groups().iter();
    let chunks = groups.flat_map(|group| group.columns());
    let wanted = chunks.filter(|chunk| {
        let root = chunk.column_path().parts().first();
        root.is_some_and(|root| names.contains(&root.as_str()))
    });
    let ranges = wanted.map(|chunk| {
        let (start, length) = chunk.byte_range();
        start..start + length
    });
    ranges.collect()
}

fn reader(
    pages: ColumnPages,
    metadata: ParquetMetaData,
    names: &[&str],
) -> Result<ParquetRecordBatchReader, ParquetError> {
    let schema = metadata.file_metadata().schema_descr();
    let roots = schema.root_schema().get_fields().iter().enumerate();
    let roots = roots.filter(|(_, field)| names.contains(&field.name()));
    let roots: Vec<_> = roots.map(|(position, _)| position).collect();
    if roots.len() != names.len() {
        return Err(ParquetError::General(format!(
            "the file lacks one of the columns {}",
            names.join(", ")
        )));
    }
    let mask = ProjectionMask::roots(schema, roots);
    let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())?;
    ParquetRecordBatchReaderBuilder::new_with_metadata(pages, metadata)
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
}

/// Parts of a file, by their place in it.
struct ColumnPages {
    size: u64,
    parts: Vec<(u64, Bytes)>,
}

impl ColumnPages {
    /// Returns the bytes of a part from this place on.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let found = self.parts.iter().find_map(|(at, bytes)| {
            let skipped = usize::try_from(start.checked_sub(*at)?).ok()?;
            (skipped < bytes.len()).then(|| bytes.slice(skipped..))
        });
        found.ok_or_else(|| ParquetError::EOF(format!("byte {start} wasn't read")))
    }
}

impl Length for ColumnPages {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for ColumnPages {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        match length <= bytes.len() {
            true => Ok(bytes.slice(..length)),
            false => Err(ParquetError::EOF(format!(
                "{length} bytes at {start} weren't read"
            ))),
        }
    }
}
