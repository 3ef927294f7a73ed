//! Rows of many Parquet files as one CSV or Parquet file.
//!
//! The columns are the union of those of the files: [`ColumnUnion`] is made of their footers, then [`ExportWriter`] takes the
//! files one after the other. Memory holds one file, a batch of its rows, and one row group of the result.

mod adapt;
mod columns;
mod csv;
mod footer;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::{self, Write};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::BronzeError;
use super::metadata::{EXTRA, ID};
use super::reader::{open, read};
use super::row_text::texts;
use crate::lake::LakeError;
use bronzed_model::json::tape::TapeError;

pub use columns::{ColumnUnion, ExportColumns};
pub use footer::columns_of;

/// Bytes of a row group in memory, after which it is written.
const GROUP_BYTES: usize = 64 << 20;

/// Format of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated values with a header: members of nested columns by dots, lists as JSON, numbers digit by digit. A null is
    /// empty, an empty text is `""`.
    Csv,
    /// Parquet, compressed by zstd. Nested columns stay nested.
    Parquet,
}

/// Condition that rows of an export must meet.
pub struct RowCondition<'a> {
    /// Top-level columns that it looks at.
    pub columns: HashSet<String>,
    /// Returns `true` if the row, a JSON object of these columns and the values of `_extra`, meets it.
    pub is_met: &'a (dyn Fn(String) -> Result<bool, TapeError> + Sync),
}

/// Error of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A column has two types.
    #[error(
        "column `{column}` is {one} in {one_file} and {other} in {other_file}: one file can't hold both; name other columns, or a range of days"
    )]
    TwoTypes {
        /// Path of the column.
        column: String,
        /// Its type in the first file.
        one: String,
        /// The first file.
        one_file: String,
        /// Its type in another file.
        other: String,
        /// The other file.
        other_file: String,
    },
    /// No file has the column.
    #[error("no file has a column `{0}`; what no column holds is in `_extra`")]
    NoColumn(String),
    /// A file was deleted meanwhile.
    #[error("{0} was deleted while it was to be read: try again")]
    Gone(String),
    /// A file can't be read.
    #[error("{key}: {error}")]
    File {
        /// Key of the file.
        key: String,
        /// The reason.
        error: BronzeError,
    },
    /// A row can't be held against the condition.
    #[error("{key}: a row isn't JSON: {error}")]
    Row {
        /// Key of the file.
        key: String,
        /// The reason.
        error: TapeError,
    },
    /// Rows can't be brought into the columns of the export.
    #[error("rows can't be brought into the columns of the export: {0}")]
    Columns(#[from] ArrowError),
    /// The result can't be encoded or written as Parquet.
    #[error("the Parquet file can't be written: {0}")]
    Parquet(#[from] ParquetError),
    /// The result can't be written.
    #[error("the file can't be written: {0}")]
    Write(#[from] io::Error),
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// Writer of an exported file.
pub struct ExportWriter<W: Write + Send> {
    columns: ExportColumns,
    sink: Sink<W>,
    group_bytes: usize,
}

enum Sink<W: Write + Send> {
    Csv(W),
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> ExportWriter<W> {
    /// Begins a file of these columns.
    ///
    /// # Errors
    /// Returns an error if the columns can't be written in this format.
    pub fn new(
        format: ExportFormat,
        columns: ExportColumns,
        mut out: W,
    ) -> Result<Self, ExportError> {
        let schema = columns.schema();
        let sink = match format {
            ExportFormat::Csv => {
                csv::header(&schema, &mut out)?;
                Sink::Csv(out)
            }
            ExportFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
                    .set_created_by(format!("bronzed version {}", env!("CARGO_PKG_VERSION")))
                    .build();
                let writer = ArrowWriter::try_new(out, schema, Some(properties))?;
                Sink::Parquet(Box::new(writer))
            }
        };
        Ok(Self {
            columns,
            sink,
            group_bytes: GROUP_BYTES,
        })
    }

    /// Adds the rows of a file that meet the condition, batch by batch. Returns their number.
    ///
    /// # Errors
    /// Returns an error if the file can't be read or the rows can't be written.
    pub fn add(
        &mut self,
        key: &str,
        bytes: &Bytes,
        condition: Option<&RowCondition<'_>>,
    ) -> Result<u64, ExportError> {
        let failed = |error| ExportError::File {
            key: key.to_owned(),
            error,
        };
        let file = open(bytes).map_err(failed)?;
        let ours = file.schema().column_with_name(ID).is_some();
        let roots = self.columns.roots();
        let wanted = |name: &str| {
            let looked_at = condition.is_some_and(|condition| {
                condition.columns.contains(name) || (ours && name == EXTRA)
            });
            looked_at || roots.contains(name)
        };
        let (mut rows, mut before) = (0, 0);
        for batch in read(file, wanted).map_err(failed)? {
            let mut batch = batch.map_err(failed)?;
            let count = batch.num_rows();
            if let Some(condition) = condition {
                batch = met(&batch, ours, before, key, condition)?;
            }
            before += count;
            rows += batch.num_rows() as u64;
            self.write(&self.columns.of(&batch)?)?;
        }
        Ok(rows)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        match &mut self.sink {
            Sink::Csv(out) => csv::rows(batch, out),
            Sink::Parquet(writer) => {
                writer.write(batch)?;
                if writer.in_progress_size() > self.group_bytes {
                    writer.flush()?;
                }
                Ok(())
            }
        }
    }

    /// Ends the file, and returns what it was written to.
    ///
    /// # Errors
    /// Returns an error if the end can't be written.
    pub fn finish(self) -> Result<W, ExportError> {
        let mut out = match self.sink {
            Sink::Csv(out) => out,
            Sink::Parquet(writer) => writer.into_inner()?,
        };
        out.flush()?;
        Ok(out)
    }
}

/// Returns the rows of the batch that meet the condition.
fn met(
    batch: &RecordBatch,
    ours: bool,
    before: usize,
    key: &str,
    condition: &RowCondition<'_>,
) -> Result<RecordBatch, ExportError> {
    let schema = batch.schema_ref();
    let names = schema.fields().iter().enumerate().filter(|(_, field)| {
        condition.columns.contains(field.name()) || (ours && field.name() == EXTRA)
    });
    let places: Vec<_> = names.map(|(place, _)| place).collect();
    let looked_at = batch.project(&places)?;
    let rows = texts(&looked_at, ours, before).map_err(|error| ExportError::File {
        key: key.to_owned(),
        error,
    })?;
    let rows = rows.into_iter().map(|row| {
        (condition.is_met)(row).map_err(|error| ExportError::Row {
            key: key.to_owned(),
            error,
        })
    });
    let kept: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(filter_record_batch(batch, &BooleanArray::from(kept))?)
}
