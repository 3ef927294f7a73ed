//! Rows of the table that have a key of those that come in. Bounds of keys spare the files that can't have one; of the others,
//! only the columns that are compared are decoded.

use std::collections::BTreeMap;
use std::ops::Bound;

use bronzed_storage::bronze::BronzeError;
use bronzed_storage::lake::Lake;
use bytes::Bytes;
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::Date32Type;
use delta_kernel::arrow::array::{Array, RecordBatch, StringArray};
use delta_kernel::parquet::arrow::ProjectionMask;
use delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use delta_kernel::parquet::errors::ParquetError;

use super::SilverError;
use super::fold::{Gone, Incoming, Presence, RowSource, SilverRow};
use super::shape::{DAY, DELETED, ID, LISTED, ORDER, SilverShape, VALID_TO};
use super::state::{FilePlace, TableFile};

/// Rows of a batch when files of the table are read.
pub(super) const BATCH_ROWS: usize = 1_000;

/// Stored rows by key.
pub(super) type StoredRows = BTreeMap<Box<str>, Vec<SilverRow>>;

/// Finds the stored rows of these keys.
pub(super) async fn stored(
    lake: &Lake,
    shape: &SilverShape,
    files: &[TableFile],
    keys: &BTreeMap<Box<str>, Incoming>,
) -> Result<StoredRows, SilverError> {
    let mut found = StoredRows::new();
    for (position, file) in files.iter().enumerate() {
        if !may_have(file, keys) {
            continue;
        }
        let bytes = read(lake, shape, file).await?;
        let wanted = |name: &str| {
            let compared = [ID, DELETED, DAY, ORDER, LISTED, VALID_TO].contains(&name);
            compared || (file.place == FilePlace::Kept && shape.date.as_deref() == Some(name))
        };
        let mut before = 0;
        for batch in batches(shape, file, bytes, wanted)? {
            let batch = batch?;
            add(shape, (position, file), &batch, before, keys, &mut found);
            before += batch.num_rows();
        }
    }
    Ok(found)
}

fn may_have(file: &TableFile, keys: &BTreeMap<Box<str>, Incoming>) -> bool {
    let Some((least, greatest)) = &file.keys else {
        return true;
    };
    let bounds = (
        Bound::Included(least.as_str()),
        Bound::Included(greatest.as_str()),
    );
    least <= greatest && keys.range::<str, _>(bounds).next().is_some()
}

fn add(
    shape: &SilverShape,
    (position, file): (usize, &TableFile),
    batch: &RecordBatch,
    before: usize,
    keys: &BTreeMap<Box<str>, Incoming>,
    found: &mut StoredRows,
) {
    let texts = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let dates = |name| batch.column_by_name(name)?.as_primitive_opt::<Date32Type>();
    let text = |column: Option<&StringArray>, row: usize| -> Option<Box<str>> {
        let column = column.filter(|column| column.is_valid(row))?;
        Some(column.value(row).into())
    };
    let (Some(ids), orders, listed) = (texts(ID), texts(ORDER), texts(LISTED)) else {
        return;
    };
    let (deleted, days, ends) = (texts(DELETED), dates(DAY), dates(VALID_TO));
    for row in 0..batch.num_rows() {
        let Some((key, _)) = keys.get_key_value(ids.value(row)) else {
            continue;
        };
        let order = text(orders, row);
        let gone = text(deleted, row).and_then(|name| Gone::named(&name));
        let presence = match text(listed, row) {
            _ if shape.history => None,
            None => order.clone(),
            Some(none) if none.is_empty() => None,
            other => other,
        };
        let stored = SilverRow {
            source: RowSource::Stored {
                file: position,
                row: u32::try_from(before + row).unwrap_or(u32::MAX),
            },
            place: file.place.clone(),
            month: match &file.place {
                FilePlace::Table(month) => month.clone(),
                FilePlace::Kept => shape.month(batch, row),
            },
            order,
            presence: presence.map(|order| Presence { order, gone }),
            gone,
            day: days.map_or(0, |days| days.value(row)),
            valid_to: ends.and_then(|ends| ends.is_valid(row).then(|| ends.value(row))),
        };
        found.entry(key.clone()).or_default().push(stored);
    }
}

/// Reads a file of the table.
pub(super) async fn read(
    lake: &Lake,
    shape: &SilverShape,
    file: &TableFile,
) -> Result<Bytes, SilverError> {
    let key = format!("{}/{}", shape.prefix, file.path);
    match lake.get(&key).await? {
        Some((bytes, _)) => Ok(bytes),
        None => Err(SilverError::Gone {
            table: shape.name.clone(),
            key,
        }),
    }
}

/// Decodes the wanted columns of a file.
pub(super) fn batches(
    shape: &SilverShape,
    file: &TableFile,
    bytes: Bytes,
    wanted: impl Fn(&str) -> bool,
) -> Result<impl Iterator<Item = Result<RecordBatch, SilverError>>, SilverError> {
    let key = format!("{}/{}", shape.prefix, file.path);
    let failed = move |error: ParquetError| SilverError::File {
        key: key.clone(),
        error: BronzeError::Read(error),
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(&failed)?;
    let columns = builder.parquet_schema().root_schema().get_fields().iter();
    let roots: Vec<_> = columns
        .enumerate()
        .filter(|(_, field)| wanted(field.name()))
        .map(|(position, _)| position)
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    let reader = builder.build().map_err(&failed)?;
    Ok(reader.map(move |batch| batch.map_err(|error| failed(error.into()))))
}
