//! Rows of several files as one file, sorted by `_id`, in bounded memory.
//!
//! Rows are kept decoded up to [`MOST_BYTES`]. If a day has more, only a sample of its ids is kept, which divides them into
//! ranges of about that size; for each range all files are read again. Beside the rows, memory holds one numbered file and
//! the compacted one, as they are stored.

use std::sync::Arc;

use bytes::Bytes;
use delta_kernel::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray, StructArray, new_null_array,
};
use delta_kernel::arrow::compute::{CastOptions, cast_with_options, interleave_record_batch};
use delta_kernel::arrow::datatypes::{DataType, SchemaRef};
use delta_kernel::arrow::error::ArrowError;
use delta_kernel::parquet::arrow::ArrowWriter;
use delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use delta_kernel::parquet::basic::{Compression, ZstdLevel};
use delta_kernel::parquet::errors::ParquetError;
use delta_kernel::parquet::file::metadata::KeyValue;
use delta_kernel::parquet::file::properties::WriterProperties;

/// Bytes of decoded rows that are kept at once.
pub(crate) const MOST_BYTES: usize = 64 << 20;
/// Rows of a batch.
const BATCH_ROWS: usize = 1_000;
/// Of so many ids, one is kept to divide them.
const SAMPLE: usize = 64;
/// Column by which rows are sorted.
const ID: &str = "_id";

/// Range of ids: from the first, inclusive, to the last, exclusive.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdRange {
    from: Option<Box<str>>,
    to: Option<Box<str>>,
}

impl IdRange {
    /// Returns `true` if the range has every id.
    pub fn is_whole(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    fn has(&self, id: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= id)
            && self.to.as_deref().is_none_or(|to| id < to)
    }
}

/// Rows out of files, until they are sorted.
#[derive(Debug)]
pub(crate) struct Gathered {
    schema: SchemaRef,
    range: IdRange,
    most: usize,
    batches: Vec<RecordBatch>,
    /// Bytes of all rows that were seen, kept or not.
    bytes: usize,
    /// Number of all rows of the range.
    rows: u64,
    sample: Vec<Box<str>>,
    /// `true` if the rows were more than can be kept, and were dropped.
    overflowed: bool,
}

impl Gathered {
    /// Returns no rows yet, of these columns.
    pub fn new(schema: SchemaRef, range: IdRange, most: usize) -> Self {
        Self {
            schema,
            range,
            most,
            batches: Vec::new(),
            bytes: 0,
            rows: 0,
            sample: Vec::new(),
            overflowed: false,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the rows of a file.
    ///
    /// # Errors
    /// Returns an error if the file can't be decoded, or a column can't be brought into its type without loss.
    pub fn add(&mut self, file: Bytes, whole: bool) -> Result<(), ParquetError> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?
            .with_batch_size(BATCH_ROWS)
            .build()?;
        for batch in reader {
            let batch = adapted(&batch?, &self.schema)?;
            let batch = match whole {
                true => batch,
                false => self.of_range(&batch)?,
            };
            self.keep(batch);
        }
        Ok(())
    }

    fn keep(&mut self, batch: RecordBatch) {
        if batch.num_rows() == 0 {
            return;
        }
        let ids = ids(&batch);
        let before = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let first = (SAMPLE - before % SAMPLE) % SAMPLE;
        let sampled = (first..ids.len()).step_by(SAMPLE);
        self.sample.extend(sampled.map(|row| ids.value(row).into()));
        self.rows += batch.num_rows() as u64;
        self.bytes += batch.get_array_memory_size();
        if self.range.is_whole() && self.bytes > self.most {
            self.overflowed = true;
            self.batches = Vec::new();
        }
        if !self.overflowed {
            self.batches.push(batch);
        }
    }

    fn of_range(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let ids = ids(batch);
        let mask = (0..ids.len()).map(|row| Some(self.range.has(ids.value(row))));
        delta_kernel::arrow::compute::filter_record_batch(batch, &mask.collect())
    }

    /// Returns the ranges that divide the rows so that each can be kept; `None` if all of them were kept.
    pub fn ranges(&mut self) -> Option<Vec<IdRange>> {
        if !self.overflowed {
            return None;
        }
        self.sample.sort_unstable();
        let parts = self.bytes.div_ceil(self.most).max(2);
        let cuts = (1..parts).filter_map(|part| self.sample.get(self.sample.len() * part / parts));
        let mut cuts: Vec<_> = cuts.cloned().collect();
        cuts.dedup();
        let from = std::iter::once(None).chain(cuts.iter().cloned().map(Some));
        let to = cuts.iter().cloned().map(Some).chain(std::iter::once(None));
        Some(
            from.zip(to)
                .map(|(from, to)| IdRange { from, to })
                .collect(),
        )
    }

    /// Writes the rows, sorted, to the file.
    ///
    /// # Errors
    /// Returns an error if they can't be encoded.
    pub fn write(self, file: &mut CompactedWriter) -> Result<(), ParquetError> {
        let columns: Vec<_> = self.batches.iter().map(ids).collect();
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (batch, column) in columns.iter().enumerate() {
            order.extend((0..column.len()).map(|row| (batch, row)));
        }
        order.sort_by(|one, other| {
            let id = |(batch, row): &(usize, usize)| columns[*batch].value(*row);
            id(one).cmp(id(other))
        });
        let batches: Vec<_> = self.batches.iter().collect();
        for rows in order.chunks(BATCH_ROWS) {
            file.0.write(&interleave_record_batch(&batches, rows)?)?;
        }
        Ok(())
    }
}

/// A compacted file that is being written.
pub(crate) struct CompactedWriter(ArrowWriter<Vec<u8>>);

impl std::fmt::Debug for CompactedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CompactedWriter")
    }
}

impl CompactedWriter {
    /// Begins a file with these properties.
    ///
    /// # Errors
    /// Returns an error if the columns can't be encoded.
    pub fn new(schema: SchemaRef, properties: &[(&str, String)]) -> Result<Self, ParquetError> {
        let pairs = properties
            .iter()
            .map(|(name, value)| KeyValue::new(format!("bronzed.{name}"), value.clone()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by(concat!("bronzed version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(pairs.collect()))
            .build();
        Ok(Self(ArrowWriter::try_new(
            Vec::new(),
            schema,
            Some(properties),
        )?))
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// Returns an error if it can't be encoded.
    pub fn finish(self) -> Result<Bytes, ParquetError> {
        Ok(self.0.into_inner()?.into())
    }
}

/// Returns the ids of the rows. A table's schema has the column as text.
fn ids(batch: &RecordBatch) -> &StringArray {
    batch[ID].as_string()
}

/// Returns the batch with exactly these columns: those that it lacks are null.
fn adapted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => adapt(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        });
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)
}

fn adapt(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), target) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let members = array.as_struct();
            let columns = fields
                .iter()
                .map(|field| match members.column_by_name(field.name()) {
                    Some(column) => adapt(column, field.data_type()),
                    None => Ok(new_null_array(field.data_type(), members.len())),
                });
            let columns = columns.collect::<Result<_, _>>()?;
            let nulls = members.nulls().cloned();
            Ok(Arc::new(StructArray::try_new(
                fields.clone(),
                columns,
                nulls,
            )?))
        }
        (DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = adapt(list.values(), field.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(
                Arc::clone(field),
                offsets,
                values,
                nulls,
            )?))
        }
        _ => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(array, target, &options)
        }
    }
}
