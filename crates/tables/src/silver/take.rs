//! Rows of bronze that a step takes in: cut to the table's columns, and folded by key as they come.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind, SilverTable};
use bronzed_model::json::tape::Document;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::cut::CutColumns;
use bronzed_storage::bronze::rows::{self, BronzeRow};
use bytes::Bytes;
use chrono::Datelike;
use delta_kernel::arrow::array::{
    ArrayRef, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use delta_kernel::arrow::error::ArrowError;

use super::fold::{Gone, Incoming, NewVersion, Presence, RowSource};
use super::order;
use super::shape::{self, SilverShape};

/// Day number of the Unix epoch, counted from 0001-01-01 as day 1.
const EPOCH: i32 = 719_163;
/// Bytes that a key takes beside its row, about.
const KEY_BYTES: usize = 400;

/// Rows that come from bronze.
#[derive(Debug)]
pub(super) struct IncomingRows {
    cut: CutColumns,
    /// Cut rows, with the columns of the table's files.
    pub batches: Vec<RecordBatch>,
    pub keys: BTreeMap<Box<str>, Incoming>,
    /// Memory in use, about.
    pub bytes: usize,
    /// Number of rows that were read.
    pub rows_read: u64,
    /// Number of values that don't fit, by column.
    pub unfit: BTreeMap<String, u64>,
}

/// A file of a bronze day.
#[derive(Debug, Clone, Copy)]
pub(super) struct BronzeFile<'a> {
    /// Position of the dataset in the table's inputs.
    pub input: usize,
    pub day: Day,
    /// Place of the file in the order of versions.
    pub place: &'a str,
    /// Position of the day in the step.
    pub unit: u32,
}

/// Columns of cut rows that aren't declared.
#[derive(Debug, Default)]
struct FixedColumns {
    ids: Vec<Box<str>>,
    parents: Vec<Option<Box<str>>>,
    versions: Vec<Option<Box<str>>>,
    times: Vec<Option<i64>>,
    orders: Vec<Box<str>>,
}

impl IncomingRows {
    /// Returns an empty pool.
    pub fn new(table: &SilverTable) -> Result<Self, BronzeError> {
        Ok(Self {
            cut: CutColumns::new(&table.columns)?,
            batches: Vec::new(),
            keys: BTreeMap::new(),
            bytes: 0,
            rows_read: 0,
            unfit: BTreeMap::new(),
        })
    }

    /// Takes in the rows of a file.
    pub fn take(
        &mut self,
        table: &SilverTable,
        shape: &SilverShape,
        file: BronzeFile<'_>,
        bytes: &Bytes,
        withdrawn: &HashSet<Box<str>>,
    ) -> Result<(), BronzeError> {
        let dataset = &table.inputs[file.input];
        for rows in rows::rows(bytes, &dataset.primary_key)? {
            let mut fixed = FixedColumns::default();
            for row in rows? {
                self.rows_read += 1;
                self.row(table, shape, file, row, withdrawn, &mut fixed)?;
            }
            if fixed.ids.is_empty() {
                continue;
            }
            let batch = self.batch(shape, file.day, fixed);
            let batch = batch.map_err(|error| BronzeError::Write(error.into()))?;
            self.bytes += batch.get_array_memory_size();
            self.batches.push(batch);
        }
        for (column, count) in self.cut.take_unfit() {
            *self.unfit.entry(column).or_default() += count;
        }
        self.set_months(shape);
        Ok(())
    }

    fn row(
        &mut self,
        table: &SilverTable,
        shape: &SilverShape,
        file: BronzeFile<'_>,
        row: BronzeRow,
        withdrawn: &HashSet<Box<str>>,
        fixed: &mut FixedColumns,
    ) -> Result<(), BronzeError> {
        let dataset = &table.inputs[file.input];
        let of_snapshot = matches!(dataset.kind, Kind::Snapshot);
        let at = |value: &str| order::order(value, file.input, file.day, file.place, row.position);
        let document =
            match row.vanished {
                true => None,
                false => Some(Document::parse(row.record.as_str()).map_err(|error| {
                    BronzeError::Extra {
                        row: usize::try_from(row.position).unwrap_or(usize::MAX),
                        error,
                    }
                })?),
            };
        let by = table.order_by.as_deref().filter(|_| !shape.history);
        let value = document.as_ref().map(|document| {
            let record = document.value();
            order::value(record, by, dataset.days.zone)
        });
        let known = self.keys.entry(row.key.clone()).or_insert_with(|| {
            self.bytes += KEY_BYTES + row.key.len();
            Incoming::default()
        });
        if known.days.last() != Some(&file.unit) {
            known.days.push(file.unit);
        }
        if !shape.history && tells(table, dataset) {
            let gone = match (row.vanished, withdrawn.contains(&row.id)) {
                (true, _) => Some(Gone::Vanished),
                (false, true) => Some(Gone::Withdrawn),
                (false, false) => None,
            };
            // A row that tells of a deletion has no value to be ordered by: of snapshots, the days decide.
            let value = value.as_deref().filter(|_| !of_snapshot);
            known.tell(Presence {
                order: at(value.unwrap_or(order::NO_VALUE)),
                gone,
            });
        }
        let day = file.day.date().num_days_from_ce() - EPOCH;
        let Some((document, value)) = document.as_ref().zip(value) else {
            if shape.history {
                let version = NewVersion {
                    order: at(order::NO_VALUE),
                    day,
                    source: RowSource::Nothing,
                    month: None,
                };
                known.add(version, true);
            }
            return Ok(());
        };
        let order = at(&value);
        if !known.wants(&order, shape.history) {
            return Ok(());
        }
        let source = RowSource::Pool {
            batch: u32::try_from(self.batches.len()).unwrap_or(u32::MAX),
            row: u32::try_from(self.cut.rows()).unwrap_or(u32::MAX),
        };
        let version = NewVersion {
            order: order.clone(),
            day,
            source,
            month: None,
        };
        known.add(version, shape.history);
        self.cut.append(document.value());
        fixed.ids.push(row.key);
        fixed.parents.push(row.parent);
        fixed.versions.push(row.version);
        fixed.times.push(row.ingested_at);
        fixed.orders.push(order);
        Ok(())
    }

    /// Makes a batch of the rows that were cut.
    fn batch(
        &mut self,
        shape: &SilverShape,
        day: Day,
        fixed: FixedColumns,
    ) -> Result<RecordBatch, ArrowError> {
        let rows = fixed.ids.len();
        let mut arrays = self.cut.take()?;
        let days = Date32Array::from(vec![day.date().num_days_from_ce() - EPOCH; rows]);
        let days: ArrayRef = Arc::new(days);
        let texts = |texts: &[Option<Box<str>>]| -> ArrayRef {
            Arc::new(StringArray::from_iter(texts.iter().map(Option::as_deref)))
        };
        for field in shape.files.fields().iter().skip(arrays.len()) {
            arrays.push(match field.name().as_str() {
                shape::ID => Arc::new(StringArray::from_iter_values(&fixed.ids)),
                shape::PARENT_ID => texts(&fixed.parents),
                shape::VERSION => texts(&fixed.versions),
                shape::DAY | shape::VALID_FROM => Arc::clone(&days),
                shape::INGESTED_AT => {
                    let times = TimestampMicrosecondArray::from(fixed.times.clone());
                    Arc::new(times.with_timezone("UTC"))
                }
                shape::ORDER => Arc::new(StringArray::from_iter_values(&fixed.orders)),
                _ => new_null_array(field.data_type(), rows),
            });
        }
        RecordBatch::try_new(Arc::clone(&shape.files), arrays)
    }

    /// Sets the months of the versions whose rows were cut since.
    fn set_months(&mut self, shape: &SilverShape) {
        if shape.date.is_none() {
            return;
        }
        for version in self.keys.values_mut().flat_map(|key| &mut key.versions) {
            if version.month.is_none()
                && let RowSource::Pool { batch, row } = version.source
                && let Some(batch) = self.batches.get(batch as usize)
            {
                version.month = shape.month(batch, row as usize);
            }
        }
    }
}

/// Returns `true` if the rows of a dataset tell if the API has their records: those of snapshots, and of datasets that are
/// compared with the API; all, if the table has no such input.
pub(super) fn tells(table: &SilverTable, dataset: &Dataset) -> bool {
    let compared = |one: &Dataset| one.verify || matches!(one.kind, Kind::Snapshot);
    compared(dataset) || !table.inputs.iter().any(|input| compared(input))
}
