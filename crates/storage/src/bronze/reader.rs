//! Reads Parquet files: ids for deduplication and recovery, and the records themselves.
//!
//! Reads the files of this program and those of the Python pipeline that it replaces. The latter have no
//! metadata columns: their ids are derived from the key columns, by the rules of [`bronzed_model::record`].

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use uuid::Uuid;

use super::BronzeError;
use super::metadata::{self, EXTRA, ID, INGESTED_AT, KEY, OP, Op, PARENT_ID, SLICE, VERSION};
use super::rebuild::Row;
use bronzed_model::record::{self, RecordId};
use bronzed_model::schema::METADATA_COLUMNS;

const BATCH_ROWS: usize = 1_000;

/// Facts of a file that recovery needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Number of rows.
    pub rows: u64,
    /// The id of each row, in order.
    pub ids: Vec<Box<str>>,
    /// Run that stored the file; `None` in a file of the Python pipeline.
    pub run_id: Option<Uuid>,
    /// Job of the run.
    pub job: Option<String>,
    /// Time at which the file was stored.
    pub ingested_at: Option<DateTime<Utc>>,
    /// Number of rows whose id is the hash of their content.
    pub unidentified: u64,
    /// Number of rows that represent a record that vanished from a snapshot.
    pub vanished: u64,
    /// Parents that this file completes.
    pub parents: Vec<Box<str>>,
}

/// Fields of a stored row that are needed to request its child records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// The row's `_id`.
    pub id: Box<str>,
    /// The row's `_key`.
    pub key: Box<str>,
    /// The row's `_slice`.
    pub slice: Option<String>,
    /// The row's `_op`.
    pub op: Option<String>,
    /// The requested fields, as the JSON text of a record.
    pub record: String,
}

/// Reads the ids and the provenance of a file, and only the columns needed for them.
///
/// In a file without an `_id` column, ids are built from the fields that `primary_key` (JSON pointers) names;
/// the id of a row without a usable key is the hash of its record.
///
/// # Errors
/// Returns an error if the file isn't Parquet, or a row that has to be hashed can't be rebuilt.
pub fn facts(bytes: Bytes, primary_key: &[String]) -> Result<FileFacts, BronzeError> {
    let file = open(&bytes)?;
    let length = bytes.len() as u64;
    let pairs = file.metadata().file_metadata().key_value_metadata();
    let property = |name| metadata::property(pairs, name);
    let run_id = property("run_id").and_then(|text| Uuid::parse_str(text).ok());
    let job = property("job").map(str::to_owned);
    let parents = metadata::parents_in(pairs);
    let identified = file.schema().column_with_name(ID).is_some();
    let (mut ids, mut ingested_at, mut vanished) = (Vec::new(), None, 0);
    if identified {
        for batch in read(file, |name| [ID, INGESTED_AT, OP].contains(&name))? {
            let batch = batch?;
            ingested_at = ingested_at.or_else(|| first_instant(&batch));
            vanished += count_vanished(&batch);
            ids.extend(stored_ids(&batch));
        }
    } else {
        let names: HashSet<_> = primary_key.iter().filter_map(|p| column_of(p)).collect();
        for record in rebuild(read(file, |name| names.contains(name))?) {
            ids.push(record::key(primary_key, &record?).map(Into::into));
        }
    }
    let unnamed = ids.iter().any(Option::is_none);
    let records = if unnamed { records(bytes)? } else { Vec::new() };
    let hashed = |row: usize| RecordId::content_hash(records.get(row).map_or("", String::as_str));
    let ids: Vec<Box<str>> = ids
        .into_iter()
        .enumerate()
        .map(|(row, id)| id.unwrap_or_else(|| hashed(row).into()))
        .collect();
    Ok(FileFacts {
        bytes: length,
        rows: ids.len() as u64,
        unidentified: ids
            .iter()
            .filter(|id| RecordId::is_content_hash(id))
            .count() as u64,
        ids,
        run_id,
        job,
        ingested_at,
        parents,
        vanished,
    })
}

/// Reads the rows of a file with only the top-level fields that `pointers` (JSON pointers) lead into. In a
/// file of the Python pipeline, ids are built from the fields that `primary_key` names.
///
/// # Errors
/// Returns an error if the file isn't Parquet, or a column has no form in JSON.
pub fn stored(
    bytes: &Bytes,
    primary_key: &[String],
    pointers: &[&str],
) -> Result<Vec<StoredRow>, BronzeError> {
    let file = open(bytes)?;
    let of_key = primary_key.iter().map(String::as_str);
    let roots = of_key.chain(pointers.iter().copied()).filter_map(column_of);
    let roots: HashSet<_> = roots.collect();
    let labels = [ID, KEY, SLICE, OP, EXTRA];
    let mut rows = Vec::new();
    for batch in read(file, |name| roots.contains(name) || labels.contains(&name))? {
        let batch = batch?;
        let records = rebuild_batch(&batch, rows.len())?;
        let text = |name: &str, row: usize| {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        for (row, record) in records.into_iter().enumerate() {
            let id = text(ID, row).or_else(|| record::key(primary_key, &record));
            let id = id.unwrap_or_else(|| RecordId::content_hash(&record));
            rows.push(StoredRow {
                key: text(KEY, row).unwrap_or_else(|| id.clone()).into(),
                id: id.into(),
                slice: text(SLICE, row),
                op: text(OP, row),
                record,
            });
        }
    }
    Ok(rows)
}

/// Identity of a row in a file of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowIdentity {
    /// Id by which rows are deduplicated.
    pub id: Box<str>,
    /// The id without its version.
    pub key: Option<Box<str>>,
    /// Version of the record.
    pub version: Option<Box<str>>,
    /// Id of the parent record.
    pub parent: Option<Box<str>>,
    /// `true` if the row represents a record that vanished from a snapshot, and holds no record itself.
    pub vanished: bool,
}

/// Reads the identity of each row of a file, in order; rows without an id, as in files of other programs, are
/// skipped.
///
/// # Errors
/// Returns an error if the file isn't Parquet.
pub fn identities(bytes: Bytes) -> Result<Vec<RowIdentity>, BronzeError> {
    let mut identities = Vec::new();
    for batch in read(open(&bytes)?, |name| {
        [ID, KEY, VERSION, PARENT_ID, OP].contains(&name)
    })? {
        let batch = batch?;
        let text = |name: &str, row: usize| -> Option<Box<str>> {
            let array = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            array.is_valid(row).then(|| array.value(row).into())
        };
        let identity = |row| {
            Some(RowIdentity {
                id: text(ID, row)?,
                key: text(KEY, row),
                version: text(VERSION, row),
                parent: text(PARENT_ID, row),
                vanished: text(OP, row).as_deref() == Some(Op::Vanished.name()),
            })
        };
        identities.extend((0..batch.num_rows()).filter_map(identity));
    }
    Ok(identities)
}

/// Rebuilds every row as the JSON text of its record (promise P9): declared columns and `_extra` together,
/// without the metadata columns and without members that are null.
///
/// # Errors
/// Returns an error if the file isn't Parquet, or a column has no form in JSON.
pub fn records(bytes: Bytes) -> Result<Vec<String>, BronzeError> {
    rebuild(read(open(&bytes)?, |_| true)?).collect()
}

/// Reads `_extra` of each row that has one. `None` if the file was not written by this program, and has no
/// such column.
///
/// # Errors
/// Returns an error if the file isn't Parquet.
pub fn extras(bytes: Bytes) -> Result<Option<Vec<String>>, BronzeError> {
    let file = open(&bytes)?;
    let ours = |name| file.schema().column_with_name(name).is_some();
    if !ours(ID) || !ours(EXTRA) {
        return Ok(None);
    }
    let mut extras = Vec::new();
    for batch in read(file, |name| name == EXTRA)? {
        let batch = batch?;
        let column = batch.column_by_name(EXTRA);
        let column = column.and_then(|array| array.as_string_opt::<i32>());
        let texts = column.into_iter().flat_map(|array| array.iter().flatten());
        extras.extend(texts.map(str::to_owned));
    }
    Ok(Some(extras))
}

type Builder = ParquetRecordBatchReaderBuilder<Bytes>;

pub(super) fn open(bytes: &Bytes) -> Result<Builder, BronzeError> {
    let file = decoded(|| Builder::try_new(bytes.clone()))?;
    let groups = file.metadata().row_groups().iter();
    let mut rows = groups.map(|group| u64::try_from(group.num_rows()).ok());
    let rows = rows.try_fold(0_u64, |sum, rows| sum.checked_add(rows?));
    // The decoder treats a negative row count as unbounded, and would never end.
    if rows.is_none() || rows != u64::try_from(file.metadata().file_metadata().num_rows()).ok() {
        let what = "its parts and its whole have different numbers of rows".to_owned();
        return Err(BronzeError::Read(ParquetError::General(what)));
    }
    Ok(file)
}

/// Runs the decoder and turns its panics into errors, because it panics on some damaged files.
fn decoded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, BronzeError> {
    let damaged = || ParquetError::General("the decoder broke off: the file is damaged".to_owned());
    let result = catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(damaged()));
    result.map_err(BronzeError::Read)
}

/// Reads the batches of the top-level columns whose names are `wanted`.
pub(super) fn read(
    file: Builder,
    wanted: impl Fn(&str) -> bool,
) -> Result<impl Iterator<Item = Result<RecordBatch, BronzeError>>, BronzeError> {
    let names = file.parquet_schema().root_schema().get_fields().iter();
    let roots: Vec<_> = names
        .enumerate()
        .filter(|(_, field)| wanted(field.name()))
        .map(|(position, _)| position)
        .collect();
    let mask = ProjectionMask::roots(file.parquet_schema(), roots);
    let mut reader: ParquetRecordBatchReader = decoded(|| {
        file.with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
    })?;
    let mut next = move || decoded(|| Ok(reader.next().transpose()?)).transpose();
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        let batch = (!is_over).then(&mut next).flatten();
        // Stop at the first batch that can't be read.
        is_over = !matches!(batch, Some(Ok(_)));
        batch
    }))
}

fn rebuild(
    batches: impl Iterator<Item = Result<RecordBatch, BronzeError>>,
) -> impl Iterator<Item = Result<String, BronzeError>> {
    let mut before = 0;
    batches.flat_map(move |batch| {
        let records = batch.and_then(|batch| {
            let records = rebuild_batch(&batch, before);
            before += batch.num_rows();
            records
        });
        match records {
            Ok(records) => records.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    })
}

pub(super) fn rebuild_batch(
    batch: &RecordBatch,
    before: usize,
) -> Result<Vec<String>, BronzeError> {
    let schema = batch.schema_ref();
    let ours = schema.column_with_name(ID).is_some();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns
        .filter(|(field, _)| is_of_record(field.name(), ours))
        .map(|(field, array)| (field, array.as_ref()));
    let row = Row::new(columns, "")?;
    let extra = batch.column_by_name(EXTRA).filter(|_| ours);
    let extra = extra.and_then(|array| array.as_string_opt::<i32>());
    (0..batch.num_rows())
        .map(|position| {
            let beside = extra.filter(|array| array.is_valid(position));
            let beside = beside.map(|array| array.value(position));
            let mut record = String::new();
            row.push(position, beside, &mut record)
                .map_err(|error| BronzeError::Extra {
                    row: before + position,
                    error,
                })?;
            Ok(record)
        })
        .collect()
}

/// `true` if a column belongs to the record: neither one of our metadata columns nor the index that pandas
/// writes for a filtered table.
fn is_of_record(name: &str, ours: bool) -> bool {
    let metadata = ours && METADATA_COLUMNS.contains(&name);
    !metadata && !name.starts_with("__index_level_")
}

/// Name of the top-level column that a JSON pointer leads into.
fn column_of(pointer: &str) -> Option<String> {
    let first = pointer.strip_prefix('/')?.split('/').next()?;
    Some(first.replace("~1", "/").replace("~0", "~"))
}

/// Returns `_id` of each row; `None` for a row without one, which this program never writes.
fn stored_ids(batch: &RecordBatch) -> Vec<Option<Box<str>>> {
    let ids = batch.column_by_name(ID);
    match ids.and_then(|array| array.as_string_opt::<i32>()) {
        Some(ids) => ids.iter().map(|id| id.map(Into::into)).collect(),
        None => vec![None; batch.num_rows()],
    }
}

fn count_vanished(batch: &RecordBatch) -> u64 {
    let ops = batch.column_by_name(OP);
    let ops = ops.and_then(|array| array.as_string_opt::<i32>());
    let ops = ops.into_iter().flat_map(|ops| ops.iter());
    ops.filter(|op| *op == Some(Op::Vanished.name())).count() as u64
}

fn first_instant(batch: &RecordBatch) -> Option<DateTime<Utc>> {
    let column = batch.column_by_name(INGESTED_AT)?;
    let column = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    let first = column.iter().next()??;
    DateTime::from_timestamp_micros(first)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::bronze::tests::{file, meta, recorded, schema};
    use bronzed_model::json::canonical::{canonical, hash};

    fn by_pandas() -> Bytes {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/pandas");
        std::fs::read(folder.join("contratacoes.parquet"))
            .unwrap()
            .into()
    }

    fn key(pointers: &[&str]) -> Vec<String> {
        pointers
            .iter()
            .map(|pointer| (*pointer).to_owned())
            .collect()
    }

    #[test]
    fn a_file_of_ours_tells_its_ids_and_its_run() {
        let (file, _) = file(&schema(), &["{}", "5"]);
        let bytes = file.bytes.len() as u64;
        let facts = facts(file.bytes, &key(&["/numero"])).unwrap();
        let expected = FileFacts {
            bytes,
            rows: 2,
            ids: file.ids,
            run_id: Some(meta().run_id),
            job: Some("hourly".to_owned()),
            ingested_at: Some(meta().ingested_at),
            unidentified: 0,
            parents: Vec::new(),
            vanished: 0,
        };
        assert_eq!(facts, expected);
    }

    /// The decoder panics on some of these files, and loops for ever on a negative row count.
    #[test]
    fn a_damaged_file_is_rows_or_an_error() {
        let (file, _) = file(&schema(), &[r#"{"numero":5,"lista":["x"]}"#]);
        let mut errors = 0;
        for place in 0..file.bytes.len() {
            let mut damaged = file.bytes.to_vec();
            damaged[place] ^= 1 << (place % 8);
            errors += usize::from(records(damaged.into()).is_err());
        }
        assert!(errors > file.bytes.len() / 10, "{errors} errors");
    }

    #[test]
    fn p9_what_pandas_wrote_is_the_recorded_json_again() {
        let rebuilt = records(by_pandas()).unwrap();
        let recorded = recorded();
        assert_eq!(rebuilt.len(), 6);
        for (rebuilt, recorded) in rebuilt.iter().zip(&recorded[..5]) {
            assert_eq!(canonical(rebuilt).unwrap(), canonical(recorded).unwrap());
        }
    }

    #[test]
    fn ids_of_a_pandas_file_are_made_of_its_columns() {
        let facts = facts(by_pandas(), &key(&["/numeroControlePNCP"])).unwrap();
        assert_eq!((facts.rows, facts.unidentified), (6, 1));
        assert_eq!(&*facts.ids[0], "76206481000158-1-000177/2025");
        // The row without an id gets the hash of the record as the API sends it.
        let without_id = recorded()[0].replace("\"76206481000158-1-000177/2025\"", "null");
        assert_eq!(*facts.ids[5], format!("sha256:{}", hash(&without_id)));
        assert_eq!(
            (facts.run_id, facts.job, facts.ingested_at),
            (None, None, None)
        );
    }

    #[test]
    fn key_columns_may_be_nested_numbers_or_missing() {
        let nested = key(&["/orgaoEntidade/cnpj", "/anoCompra"]);
        let facts_of = |key| facts(by_pandas(), key).unwrap();
        assert_eq!(&*facts_of(&nested).ids[0], "76206481000158|2025");
        let missing = facts_of(&key(&["/nada"]));
        assert_eq!((missing.rows, missing.unidentified), (6, 6));
    }

    #[test]
    fn what_is_not_parquet_is_an_error() {
        for bytes in [&b""[..], b"PAR1", b"<html>Limite de Requisicoes</html>"] {
            let error = facts(Bytes::from_static(bytes), &[]).unwrap_err();
            assert!(matches!(error, BronzeError::Read(_)));
        }
        let (file, _) = file(&schema(), &["{}"]);
        let cut = file.bytes.slice(..file.bytes.len() - 9);
        assert!(records(cut).is_err());
    }
}
