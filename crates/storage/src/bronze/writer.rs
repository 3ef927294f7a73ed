//! Writer of one Parquet file: the file of one commit.
//!
//! Rows go to the encoder in batches, so that memory holds the file's compressed columns and one batch, but
//! never all records.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, Field, Schema as ArrowSchema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::BronzeError;
use super::columns::{self, ColumnBuilder, Columns, Extra};
use super::expectations::Evaluator;
use super::metadata;
pub use super::metadata::{FileMeta, Op};
use bronzed_model::json::tape::Value;
use bronzed_model::quality::Results;
use bronzed_model::record::RecordId;
use bronzed_model::schema::{ColumnType, Schema};

/// Maximum rows of a batch.
const BATCH_ROWS: usize = 1_000;
/// Maximum bytes of JSON of a batch.
const BATCH_BYTES: usize = 8 << 20;
/// Maximum size of a record: half of the 2 GiB that a column of a batch can hold.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// Writer of one file.
#[derive(Debug)]
pub struct FileWriter {
    meta: FileMeta,
    encoder: ArrowWriter<Vec<u8>>,
    schema: SchemaRef,
    columns: Columns,
    labels: Labels,
    ids: Vec<Box<str>>,
    batch_bytes: usize,
    /// `_extra` of the first row with drifted values.
    drifted: Option<Box<str>>,
    evaluator: Option<Evaluator>,
}

/// Metadata columns whose values differ by row.
#[derive(Debug)]
struct Labels {
    id: ColumnBuilder,
    key: ColumnBuilder,
    version: ColumnBuilder,
    parent_id: ColumnBuilder,
    slice: ColumnBuilder,
    op: ColumnBuilder,
    extra: ColumnBuilder,
}

/// Provenance of a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowOrigin<'a> {
    /// Id of the parent record.
    pub parent_id: Option<&'a str>,
    /// Label of the slice from which the record was read, if it was read.
    pub slice: Option<&'a str>,
    /// Change of the record since the previous snapshot.
    pub op: Option<Op>,
}

impl<'a> RowOrigin<'a> {
    /// Returns the origin of a row of the slice with this label.
    pub fn slice(label: &'a str) -> Self {
        Self {
            slice: Some(label),
            ..Self::default()
        }
    }
}

/// An encoded file, ready to be stored in the lake.
#[derive(Debug, Clone)]
pub struct EncodedFile {
    /// The Parquet file.
    pub bytes: Bytes,
    /// The id of each row, in order.
    pub ids: Vec<Box<str>>,
    /// Provenance of the file.
    pub meta: FileMeta,
    /// Parents that this file completes: all of their children are in this file or in earlier ones.
    pub parents: Vec<Box<str>>,
}

impl FileWriter {
    /// Creates an empty file with the declared columns and the metadata columns.
    ///
    /// # Errors
    /// Returns an error if the declared columns don't make a table.
    pub fn new(schema: &Schema, meta: FileMeta) -> Result<Self, BronzeError> {
        let columns = Columns::new(schema)?;
        let schema = Arc::new(super::arrow_schema(schema)?);
        Ok(Self {
            encoder: encoder(&schema, &meta)?,
            schema,
            meta,
            columns,
            labels: Labels::new()?,
            ids: Vec::new(),
            batch_bytes: 0,
            drifted: None,
            evaluator: None,
        })
    }

    /// Evaluates the rows of the file by `evaluator`, which has seen those of the run's earlier files.
    #[must_use]
    pub fn evaluated_by(self, evaluator: Option<Evaluator>) -> Self {
        Self { evaluator, ..self }
    }

    /// Passes all rows to the encoder, and takes the evaluator back with the results of these rows.
    ///
    /// # Errors
    /// Returns an error if columns can't be encoded.
    pub fn take_results(&mut self) -> Result<(Results, Option<Evaluator>), BronzeError> {
        self.flush()?;
        let Some(mut evaluator) = self.evaluator.take() else {
            return Ok((Results::new(), None));
        };
        let results = evaluator.take_results(self.meta.day, self.meta.ingested_at);
        Ok((results, Some(evaluator)))
    }

    /// Appends a record; returns the number of values that didn't fit the declared columns.
    ///
    /// # Errors
    /// Returns an error if the single record is too large for a column, or if columns can't be encoded.
    pub fn append(
        &mut self,
        id: &RecordId,
        origin: RowOrigin<'_>,
        record: Value<'_>,
    ) -> Result<u64, BronzeError> {
        let bytes = record.text().len();
        self.append_row(id, origin, bytes, |columns| columns.append(record))
    }

    /// Appends a record given as text, as [`FileWriter::append`] does. A text that isn't JSON becomes the
    /// row's `_extra`.
    ///
    /// # Errors
    /// As [`FileWriter::append`].
    pub fn append_text(
        &mut self,
        id: &RecordId,
        origin: RowOrigin<'_>,
        record: &str,
    ) -> Result<u64, BronzeError> {
        self.append_row(id, origin, record.len(), |columns| {
            columns.append_text(record)
        })
    }

    fn append_row(
        &mut self,
        id: &RecordId,
        origin: RowOrigin<'_>,
        bytes: usize,
        convert: impl for<'c> FnOnce(&'c mut Columns) -> &'c Extra,
    ) -> Result<u64, BronzeError> {
        if bytes > MAX_RECORD_BYTES {
            return Err(BronzeError::TooLarge(bytes));
        }
        let extra = convert(&mut self.columns);
        let drifted = extra.drifted();
        if drifted > 0 && self.drifted.is_none() {
            self.drifted = extra.text().map(Into::into);
        }
        self.labels.append(id, origin, extra.text());
        self.ids.push(id.id.as_str().into());
        self.batch_bytes += bytes;
        if self.ids.len().is_multiple_of(BATCH_ROWS) || self.batch_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(drifted)
    }

    /// `_extra` of the first row with drifted values.
    pub fn drifted(&self) -> Option<&str> {
        self.drifted.as_deref()
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// Returns an error if columns can't be encoded.
    pub fn finish(self) -> Result<EncodedFile, BronzeError> {
        self.finish_with(Vec::new())
    }

    /// Finishes the file, and records in its properties the parents that it completes.
    ///
    /// # Errors
    /// Returns an error if columns can't be encoded.
    pub fn finish_with(mut self, parents: Vec<Box<str>>) -> Result<EncodedFile, BronzeError> {
        self.flush()?;
        if let Some(pair) = metadata::parents_done(&parents) {
            self.encoder.append_key_value_metadata(pair);
        }
        Ok(EncodedFile {
            parents,
            bytes: self
                .encoder
                .into_inner()
                .map_err(BronzeError::Write)?
                .into(),
            ids: self.ids,
            meta: self.meta,
        })
    }

    /// Passes the batch to the encoder.
    fn flush(&mut self) -> Result<(), BronzeError> {
        self.batch_bytes = 0;
        let batch = self.take_batch().map_err(write_error)?;
        if let Some(evaluator) = &mut self.evaluator {
            evaluator.see(&batch);
        }
        self.encoder.write(&batch).map_err(BronzeError::Write)
    }

    fn take_batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let (_, mut arrays) = self.columns.take()?;
        let Labels {
            id,
            key,
            version,
            parent_id,
            slice,
            op,
            extra,
        } = &mut self.labels;
        let ids = id.take()?;
        let rows = ids.len();
        let micros = self.meta.ingested_at.timestamp_micros();
        let run_id = self.meta.run_id.to_string();
        let run_ids = arrow_array::StringArray::from_iter_values(std::iter::repeat_n(run_id, rows));
        arrays.extend([
            ids,
            key.take()?,
            version.take()?,
            parent_id.take()?,
            slice.take()?,
            op.take()?,
            Arc::new(run_ids) as ArrayRef,
            columns::constant_instant(micros, rows)?,
            extra.take()?,
        ]);
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

impl Labels {
    fn new() -> Result<Self, BronzeError> {
        let column = || ColumnBuilder::new(&ColumnType::String);
        Ok(Self {
            id: column()?,
            key: column()?,
            version: column()?,
            parent_id: column()?,
            slice: column()?,
            op: column()?,
            extra: column()?,
        })
    }

    fn append(&mut self, id: &RecordId, origin: RowOrigin<'_>, extra: Option<&str>) {
        self.id.append_text(Some(&id.id));
        self.key.append_text(Some(id.key()));
        self.version.append_text(id.version());
        self.parent_id.append_text(origin.parent_id);
        self.slice.append_text(origin.slice);
        self.op.append_text(origin.op.map(Op::name));
        self.extra.append_text(extra);
    }
}

impl EncodedFile {
    /// Removes the rows whose id is `known`; the file may become empty. If no id is known, the file is
    /// unchanged byte for byte.
    ///
    /// # Errors
    /// Returns an error if the file can't be decoded or encoded again.
    pub fn without(self, known: impl Fn(&str) -> bool) -> Result<Self, BronzeError> {
        let keep: Vec<bool> = self.ids.iter().map(|id| !known(id)).collect();
        if keep.iter().all(|keep| *keep) {
            return Ok(self);
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.bytes)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(BronzeError::Read)?;
        let schema = arrow_array::RecordBatchReader::schema(&reader);
        let mut encoder = encoder(&schema, &self.meta)?;
        let mut rest = keep.as_slice();
        for batch in reader {
            let batch = batch.map_err(read_error)?;
            let (mask, after) = rest.split_at(batch.num_rows().min(rest.len()));
            rest = after;
            let kept = filter_record_batch(&batch, &BooleanArray::from(mask.to_vec()));
            let kept = kept.map_err(read_error)?;
            encoder.write(&kept).map_err(BronzeError::Write)?;
        }
        if let Some(pair) = metadata::parents_done(&self.parents) {
            encoder.append_key_value_metadata(pair);
        }
        let rows = self.ids.into_iter().zip(keep);
        Ok(Self {
            parents: self.parents,
            bytes: encoder.into_inner().map_err(BronzeError::Write)?.into(),
            ids: rows.filter(|(_, keep)| *keep).map(|(id, _)| id).collect(),
            meta: self.meta,
        })
    }
}

fn encoder(schema: &SchemaRef, meta: &FileMeta) -> Result<ArrowWriter<Vec<u8>>, BronzeError> {
    let properties = metadata::properties(meta).map_err(BronzeError::Write)?;
    // The schema of a file that was read has metadata; drop it, because ours is in the properties.
    let fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    ArrowWriter::try_new(
        Vec::new(),
        Arc::new(ArrowSchema::new(fields)),
        Some(properties),
    )
    .map_err(BronzeError::Write)
}

fn write_error(error: ArrowError) -> BronzeError {
    BronzeError::Write(ParquetError::from(error))
}

fn read_error(error: ArrowError) -> BronzeError {
    BronzeError::Read(ParquetError::from(error))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use arrow_array::cast::AsArray;
    use parquet::file::metadata::KeyValue;

    use super::*;
    use crate::bronze::reader;
    use crate::bronze::tests::{file, meta, schema};
    use bronzed_model::declaration::Version;
    use bronzed_model::schema::METADATA_COLUMNS;

    fn batch(bytes: Bytes) -> RecordBatch {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        builder.build().unwrap().next().unwrap().unwrap()
    }

    #[test]
    fn every_row_says_where_it_comes_from() {
        let settings = bronzed_config::load(None, []).unwrap();
        let mut dataset = settings.sources["pncp"].datasets["contratacoes"]
            .as_ref()
            .clone();
        dataset.primary_key = vec!["/numero".to_owned()];
        dataset.version = Version::Field("/hora".to_owned());
        let record = r#"{"numero":7,"hora":"2025-10-22T08:00:00","novo":1}"#;
        let mut writer = FileWriter::new(&schema(), meta()).unwrap();
        let id = RecordId::of(&dataset, record);
        let origin = RowOrigin {
            parent_id: Some("P"),
            slice: Some("modalidade=6"),
            op: Some(Op::Changed),
        };
        writer.append_text(&id, origin, record).unwrap();
        let batch = batch(writer.finish().unwrap().bytes);
        let text = |name: &str| {
            let column = batch.column_by_name(name).unwrap().as_string::<i32>();
            column.iter().next().unwrap()
        };
        assert_eq!(text("_id"), Some("7@2025-10-22T08:00:00"));
        assert_eq!(text("_key"), Some("7"));
        assert_eq!(text("_version"), Some("2025-10-22T08:00:00"));
        assert_eq!(text("_parent_id"), Some("P"));
        assert_eq!(text("_slice"), Some("modalidade=6"));
        assert_eq!(text("_op"), Some("changed"));
        assert_eq!(
            text("_run_id"),
            Some("00000000-0000-0000-0000-000000000007")
        );
        assert_eq!(text("_extra"), Some(r#"{"novo":1}"#));
        let schema = batch.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
        assert_eq!(names[schema.fields().len() - 9..], METADATA_COLUMNS);
    }

    #[test]
    fn a_file_says_where_it_comes_from_and_is_compressed() {
        let (file, _) = file(&schema(), &["{}"]);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes).unwrap();
        let metadata = reader.metadata();
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        let pair = |name: &str, value: &str| {
            pairs.contains(&KeyValue::new(format!("bronzed.{name}"), value.to_owned()))
        };
        assert!(pair("dataset", "pncp.contratacoes") && pair("day", "2025-10-22"));
        assert!(pair("run_id", "00000000-0000-0000-0000-000000000007") && pair("job", "hourly"));
        let column = metadata.row_group(0).column(0);
        assert!(matches!(
            column.compression(),
            parquet::basic::Compression::ZSTD(_)
        ));
        assert!(column.statistics().is_some());
    }

    #[test]
    fn without_drops_exactly_what_is_known() {
        let records: Vec<_> = (0..2_345)
            .map(|number| format!(r#"{{"numero":{number},"novo":"x"}}"#))
            .collect();
        let (file, _) = file(&schema(), &records);
        let known: HashSet<_> = (0..2_345).step_by(3).map(|n| format!("id-{n}")).collect();
        let rest = file.without(|id| known.contains(id)).unwrap();
        assert_eq!(rest.ids.len(), 2_345 - known.len());
        assert!(rest.ids.iter().all(|id| !known.contains(&**id)));

        let facts = reader::facts(rest.bytes.clone(), &[]).unwrap();
        assert_eq!(facts.ids, rest.ids);
        assert_eq!(facts.run_id, Some(meta().run_id));
        assert_eq!(facts.job.as_deref(), Some("hourly"));
        for (id, record) in rest.ids.iter().zip(reader::records(rest.bytes).unwrap()) {
            let number = id.strip_prefix("id-").unwrap();
            assert_eq!(record, format!(r#"{{"numero":{number},"novo":"x"}}"#));
        }
    }

    #[test]
    fn without_may_leave_nothing_or_all() {
        let (file, _) = file(&schema(), &["{}", "{}"]);
        let same = file.clone().without(|_| false).unwrap();
        assert!(same.bytes == file.bytes && same.ids == file.ids);
        let nothing = file.without(|_| true).unwrap();
        assert!(nothing.ids.is_empty());
        assert_eq!(reader::facts(nothing.bytes, &[]).unwrap().rows, 0);
    }
}
