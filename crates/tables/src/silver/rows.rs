//! Batches of rows that are written: those that come in, those that stay, and both in the order of keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray, UInt32Array,
    new_null_array,
};
use delta_kernel::arrow::compute::{
    filter_record_batch, interleave_record_batch, take_record_batch,
};
use delta_kernel::arrow::error::ArrowError;

use super::SilverError;
use super::fold::{FoldedRow, RowSource};
use super::shape::{self, SilverShape};
use super::take::IncomingRows;

/// A row that comes into a file, with its key.
pub(super) type PutRow = (Box<str>, FoldedRow);

/// Rows that come into a file, from wherever.
pub(super) struct PutRows<'a> {
    shape: &'a SilverShape,
    /// Batches of bronze, then those of rows that move; the first one is a row without values.
    batches: Vec<RecordBatch>,
    /// Rows that move: batch and row, by file and row.
    moved: BTreeMap<(usize, u32), (usize, usize)>,
}

impl<'a> PutRows<'a> {
    /// Returns the rows of a pool, whose batches are taken.
    pub fn new(shape: &'a SilverShape, pool: &mut IncomingRows) -> Result<Self, SilverError> {
        let fields = shape.files.fields().iter();
        let nothing = fields.map(|field| new_null_array(field.data_type(), 1));
        let nothing = RecordBatch::try_new(Arc::clone(&shape.files), nothing.collect());
        let mut batches = vec![nothing.map_err(|error| failed(shape, error))?];
        batches.append(&mut pool.batches);
        Ok(Self {
            shape,
            batches,
            moved: BTreeMap::new(),
        })
    }

    /// Holds those of a file's rows that move. The batch's first row is row `before` of the file.
    pub fn hold(
        &mut self,
        file: usize,
        before: u32,
        batch: &RecordBatch,
        rows: &BTreeSet<u32>,
    ) -> Result<(), SilverError> {
        let end = before.saturating_add(u32::try_from(batch.num_rows()).unwrap_or(u32::MAX));
        let here: Vec<_> = rows.range(before..end).copied().collect();
        if here.is_empty() {
            return Ok(());
        }
        let places = UInt32Array::from_iter_values(here.iter().map(|row| row - before));
        let held = take_record_batch(batch, &places);
        let held = held.and_then(|held| self.shaped(held.columns().to_vec()));
        let held = held.map_err(|error| failed(self.shape, error))?;
        for (place, row) in here.into_iter().enumerate() {
            self.moved.insert((file, row), (self.batches.len(), place));
        }
        self.batches.push(held);
        Ok(())
    }

    /// Returns rows as a batch of the table's files.
    pub fn batch(&self, puts: &[PutRow]) -> Result<RecordBatch, SilverError> {
        let places: Vec<_> = puts.iter().map(|(_, row)| self.place(row)).collect();
        // Only the batches that have one of the rows.
        let used: BTreeSet<_> = places.iter().map(|(batch, _)| *batch).collect();
        let used: Vec<_> = used.into_iter().collect();
        let batches: Vec<_> = used.iter().map(|batch| &self.batches[*batch]).collect();
        let places: Vec<_> = places
            .into_iter()
            .map(|(batch, row)| (used.binary_search(&batch).unwrap_or_default(), row))
            .collect();
        let rows = interleave_record_batch(&batches, &places);
        let rows = rows.and_then(|rows| self.shaped(self.with_control(&rows, puts)));
        rows.map_err(|error| failed(self.shape, error))
    }

    fn place(&self, row: &FoldedRow) -> (usize, usize) {
        match row.source {
            RowSource::Pool { batch, row } => (batch as usize + 1, row as usize),
            RowSource::Stored { file, row } => {
                self.moved.get(&(file, row)).copied().unwrap_or_default()
            }
            RowSource::Nothing => (0, 0),
        }
    }

    fn shaped(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::clone(&self.shape.files), columns)
    }

    /// Returns the columns, with those that the fold decides.
    fn with_control(&self, rows: &RecordBatch, puts: &[PutRow]) -> Vec<ArrayRef> {
        fn texts<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
            Arc::new(texts.collect::<StringArray>())
        }
        let fields = self.shape.files.fields().iter().zip(rows.columns());
        let columns = fields.map(|(field, column)| match field.name().as_str() {
            shape::ID => texts(puts.iter().map(|(key, _)| Some(&**key))),
            shape::ORDER => texts(puts.iter().map(|(_, row)| row.order.as_deref())),
            shape::LISTED => texts(puts.iter().map(|(_, row)| self.listed(row))),
            shape::DELETED => texts(puts.iter().map(|(_, row)| row.gone.map(|gone| gone.word()))),
            shape::DAY | shape::VALID_FROM => {
                let days = puts.iter();
                let days = days.map(|(_, row)| row.order.as_ref().map(|_| row.day));
                Arc::new(days.collect::<Date32Array>())
            }
            shape::VALID_TO => {
                let days = puts.iter().map(|(_, row)| row.valid_to);
                Arc::new(days.collect::<Date32Array>())
            }
            _ => Arc::clone(column),
        });
        columns.collect()
    }

    fn listed<'r>(&self, row: &'r FoldedRow) -> Option<&'r str> {
        match &row.presence {
            _ if self.shape.history => None,
            None => Some(""),
            Some(presence) if row.order.as_ref() == Some(&presence.order) => None,
            Some(presence) => Some(&presence.order),
        }
    }
}

/// Rows of a file that stay.
pub(super) struct StoredBatch<'a> {
    shape: &'a SilverShape,
    rows: RecordBatch,
    ids: StringArray,
    orders: StringArray,
    /// Number of rows before some were dropped.
    pub rows_before_drops: u32,
}

impl<'a> StoredBatch<'a> {
    /// Returns the rows of a batch without the dropped ones. Its first row is row `before` of the file.
    pub fn of(
        shape: &'a SilverShape,
        batch: &RecordBatch,
        before: u32,
        drops: &BTreeSet<u32>,
    ) -> Result<Self, SilverError> {
        let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        let stays = (before..before.saturating_add(rows)).map(|row| Some(!drops.contains(&row)));
        let stays: BooleanArray = stays.collect();
        let kept = filter_record_batch(batch, &stays).and_then(|kept| {
            let kept = kept.columns().to_vec();
            RecordBatch::try_new(Arc::clone(&shape.files), kept)
        });
        let kept = kept.map_err(|error| failed(shape, error))?;
        let texts = |name| {
            let column = kept.column_by_name(name);
            let column = column.and_then(|column| column.as_string_opt::<i32>());
            column.cloned().ok_or_else(|| {
                let missing = format!("a file has no column `{name}`");
                failed(shape, ArrowError::SchemaError(missing))
            })
        };
        Ok(Self {
            shape,
            ids: texts(shape::ID)?,
            orders: texts(shape::ORDER)?,
            rows: kept,
            rows_before_drops: rows,
        })
    }

    /// Returns key and order of the last row.
    pub fn last(&self) -> Option<(&str, &str)> {
        let last = self.ids.len().checked_sub(1)?;
        Some(self.key(last))
    }

    fn key(&self, row: usize) -> (&str, &str) {
        let order = match self.orders.is_valid(row) {
            true => self.orders.value(row),
            false => "",
        };
        (self.ids.value(row), order)
    }

    /// Returns these rows and others, which sort before the last of these, in the order of keys.
    pub fn merged_with(
        &self,
        puts: &[PutRow],
        rows: &PutRows<'_>,
    ) -> Result<RecordBatch, SilverError> {
        if puts.is_empty() {
            return Ok(self.rows.clone());
        }
        let others = rows.batch(puts)?;
        let mut places = Vec::with_capacity(self.ids.len() + puts.len());
        let mut next = 0;
        for row in 0..self.ids.len() {
            while let Some((key, put)) = puts.get(next) {
                if (&**key, put.order.as_deref().unwrap_or_default()) >= self.key(row) {
                    break;
                }
                places.push((1, next));
                next += 1;
            }
            places.push((0, row));
        }
        places.extend((next..puts.len()).map(|put| (1, put)));
        let merged = interleave_record_batch(&[&self.rows, &others], &places);
        merged.map_err(|error| failed(self.shape, error))
    }
}

fn failed(shape: &SilverShape, error: ArrowError) -> SilverError {
    SilverError::Rows {
        table: shape.name.clone(),
        error,
    }
}
