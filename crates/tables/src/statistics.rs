//! Statistics of a file, from its footer: what the Delta log says of its rows, so that engines skip files without opening
//! them.

use std::sync::Arc;

use bytes::Bytes;
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, StructArray, UInt64Array,
};
use delta_kernel::arrow::compute::{SortOptions, sort_to_indices, sum, take};
use delta_kernel::arrow::datatypes::{DataType, Field, Fields, Schema as ArrowSchema};
use delta_kernel::arrow::error::ArrowError;
use delta_kernel::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use delta_kernel::parquet::errors::ParquetError;

use bronzed_storage::bronze::footer::{FileFooter, FooterError};
use bronzed_storage::lake::{Entry, Lake};

use crate::error::DeltaError;

/// Columns with statistics: the first ones, as the format has it by default.
const INDEXED_COLUMNS: usize = 32;

/// Footer of a file, of which the log tells.
#[derive(Debug)]
pub struct Footer(FileFooter);

/// Reads the footer of a file; `None` if the file is gone.
///
/// # Errors
/// Returns an error if the file can't be read, or isn't a Parquet file.
pub async fn footer(lake: &Lake, file: &Entry) -> Result<Option<Footer>, DeltaError> {
    match FileFooter::read(lake, &file.key, file.size).await {
        Ok(footer) => Ok(footer.map(Footer)),
        Err(FooterError::Lake(error)) => Err(error.into()),
        Err(FooterError::File(error)) => Err(DeltaError::File {
            key: file.key.clone(),
            error,
        }),
    }
}

/// Parses the footer from the last bytes of a file of `size` bytes.
///
/// # Errors
/// Returns an error if more bytes are needed, or it isn't a Parquet file.
pub fn parsed(tail: &Bytes, size: u64) -> Result<Footer, ParquetError> {
    FileFooter::parse(tail, size).map(Footer)
}

impl Footer {
    /// Columns of the file.
    pub fn schema(&self) -> &ArrowSchema {
        &self.0.schema
    }

    /// Returns the file's statistics as one row, as the log has them: number of rows, and for each indexed column the
    /// number of nulls, the least and the greatest value.
    ///
    /// # Errors
    /// Returns an error if the footer contradicts itself.
    pub fn statistics(&self) -> Result<StructArray, ArrowError> {
        self.statistics_with("")
    }

    /// Returns the file's statistics, with those of the column `also` wherever it stands.
    ///
    /// # Errors
    /// As [`Footer::statistics`].
    pub fn statistics_with(&self, also: &str) -> Result<StructArray, ArrowError> {
        let rows = self.0.metadata.file_metadata().num_rows();
        let (mut nulls, mut least, mut greatest) = (
            StatisticsRow::default(),
            StatisticsRow::default(),
            StatisticsRow::default(),
        );
        let indexed = self
            .schema()
            .fields()
            .iter()
            .filter(|field| !field.data_type().is_nested());
        let indexed = indexed.enumerate();
        let indexed = indexed.filter(|(at, field)| *at < INDEXED_COLUMNS || field.name() == also);
        for (_, field) in indexed {
            let column = self.column(field.name())?;
            let Some(count) = sum(&column.nulls) else {
                continue;
            };
            nulls.push(
                field.name(),
                Arc::new(Int64Array::from(vec![
                    i64::try_from(count).unwrap_or(i64::MAX),
                ])),
            );
            if let Some((low, high)) = column.bounds(field.data_type())? {
                least.push(field.name(), low);
                greatest.push(field.name(), high);
            }
        }
        let mut members = StatisticsRow::default();
        members.push("numRecords", Arc::new(Int64Array::from(vec![rows])));
        members.push("nullCount", nulls.array());
        members.push("minValues", least.array());
        members.push("maxValues", greatest.array());
        members.push("tightBounds", Arc::new(BooleanArray::from(vec![true])));
        Ok(members.row())
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u64 {
        let rows = self.0.metadata.file_metadata().num_rows();
        u64::try_from(rows).unwrap_or_default()
    }

    /// Returns the bounds of a column of texts; `None` if the file has none, or doesn't tell.
    ///
    /// # Errors
    /// Returns an error if the footer contradicts itself, or lacks the column.
    pub fn texts_between(&self, name: &str) -> Result<Option<(String, String)>, ArrowError> {
        let field = self.schema().field_with_name(name)?;
        let bounds = self.column(name)?.bounds(field.data_type())?;
        let text = |value: &ArrayRef| {
            let value = value.as_string_opt::<i32>()?;
            Some(value.value(0).to_owned())
        };
        Ok(bounds.and_then(|(least, greatest)| Some((text(&least)?, text(&greatest)?))))
    }

    /// Returns the greatest value of a column, as an array of one; `None` if the file has none, or doesn't tell.
    ///
    /// # Errors
    /// Returns an error if the footer contradicts itself, or lacks the column.
    pub fn greatest(&self, name: &str) -> Result<Option<ArrayRef>, ArrowError> {
        let field = self.schema().field_with_name(name)?;
        let bounds = self.column(name)?.bounds(field.data_type())?;
        Ok(bounds.map(|(_, greatest)| greatest))
    }

    fn column(&self, name: &str) -> Result<ColumnStatistics, ArrowError> {
        let parquet = self.0.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(name, &self.0.schema, parquet)?;
        let groups = self.0.metadata.row_groups();
        Ok(ColumnStatistics {
            rows: groups
                .iter()
                .map(|group| u64::try_from(group.num_rows()).unwrap_or_default())
                .collect(),
            nulls: converter.row_group_null_counts(groups)?,
            least: converter.row_group_mins(groups)?,
            greatest: converter.row_group_maxes(groups)?,
        })
    }
}

/// Statistics of a column, by row group.
struct ColumnStatistics {
    rows: Vec<u64>,
    nulls: UInt64Array,
    least: ArrayRef,
    greatest: ArrayRef,
}

impl ColumnStatistics {
    /// Returns the least and the greatest value of the file; `None` if it has none, or a row group doesn't tell.
    fn bounds(&self, kind: &DataType) -> Result<Option<(ArrayRef, ArrayRef)>, ArrowError> {
        let silent = |group: usize| {
            let has_values =
                self.nulls.is_null(group) || self.nulls.value(group) < self.rows[group];
            has_values && (self.least.is_null(group) || self.greatest.is_null(group))
        };
        let unordered = matches!(kind, DataType::Boolean | DataType::Binary | DataType::Null);
        if unordered
            || (0..self.rows.len()).any(silent)
            || self.least.null_count() == self.least.len()
        {
            return Ok(None);
        }
        let first = |values: &ArrayRef, descending| {
            let order = SortOptions {
                descending,
                nulls_first: false,
            };
            let first = sort_to_indices(values, Some(order), Some(1))?;
            take(values, &first, None)
        };
        Ok(Some((
            first(&self.least, false)?,
            first(&self.greatest, true)?,
        )))
    }
}

/// StatisticsRow of a struct with one row.
#[derive(Default)]
struct StatisticsRow {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl StatisticsRow {
    fn push(&mut self, name: &str, array: ArrayRef) {
        self.fields
            .push(Field::new(name, array.data_type().clone(), true));
        self.arrays.push(array);
    }

    fn row(self) -> StructArray {
        if self.fields.is_empty() {
            return StructArray::new_empty_fields(1, None);
        }
        StructArray::new(Fields::from(self.fields), self.arrays, None)
    }

    fn array(self) -> ArrayRef {
        Arc::new(self.row())
    }
}
