//! Values of a column path: those of all rows in one array, with the range that is a row's.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use bronzed_model::declaration::ColumnPath;

/// Values of a path.
pub(super) struct Leaf {
    /// The values: one for each row, or of each row's lists.
    pub(super) values: ArrayRef,
    /// End of the values of each row; `None` if each has one.
    ends: Option<Vec<usize>>,
    /// Rows whose outermost list is null.
    lists: Option<NullBuffer>,
}

impl Leaf {
    /// Returns the values of a path; `None` if the batch has no such column.
    pub(super) fn of(batch: &RecordBatch, path: &ColumnPath) -> Option<Self> {
        let mut steps = path.steps();
        let first = batch.column_by_name(&steps.next()?)?;
        let mut leaf = Self {
            values: first.clone(),
            ends: None,
            lists: None,
        };
        leaf.open_lists();
        for step in steps {
            let members = leaf.values.as_struct_opt()?;
            leaf.values = members.column_by_name(&step)?.clone();
            leaf.open_lists();
        }
        Some(leaf)
    }

    /// Puts the elements in the place of a list.
    fn open_lists(&mut self) {
        while let Some(list) = self.values.clone().as_list_opt::<i32>() {
            let end = |row: usize| {
                let end = list.value_offsets().get(row).copied().unwrap_or_default();
                usize::try_from(end).unwrap_or_default()
            };
            self.ends = Some(match &self.ends {
                None => {
                    self.lists = list.nulls().cloned();
                    (1..=list.len()).map(end).collect()
                }
                Some(ends) => ends.iter().map(|row| end(*row)).collect(),
            });
            self.values = list.values().clone();
        }
    }

    /// Returns the places of a row's values.
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        match &self.ends {
            None => row..row + 1,
            Some(ends) => {
                let start = row.checked_sub(1).and_then(|before| ends.get(before));
                let end = ends.get(row).copied().unwrap_or_default();
                start.copied().unwrap_or_default()..end
            }
        }
    }

    /// Returns `true` if the row has a list, if the path has one.
    pub(super) fn has_list(&self, row: usize) -> bool {
        self.lists.as_ref().is_none_or(|lists| lists.is_valid(row))
    }
}

/// ColumnNumbers of a column, in its unit.
pub(super) enum ColumnNumbers<'a> {
    Long(&'a [i64]),
    Short(&'a [i32]),
    Wide(&'a [i128]),
}

impl<'a> ColumnNumbers<'a> {
    /// Returns the numbers of an array; `None` if it has none.
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Int64 => Self::Long(array.as_primitive::<Int64Type>().values()),
            DataType::Timestamp(..) => Self::Long(
                array
                    .as_primitive_opt::<TimestampMicrosecondType>()?
                    .values(),
            ),
            DataType::Date32 => Self::Short(array.as_primitive::<Date32Type>().values()),
            DataType::Decimal128(..) => Self::Wide(array.as_primitive::<Decimal128Type>().values()),
            _ => return None,
        })
    }

    /// Returns the number at a place.
    pub(super) fn at(&self, place: usize) -> i128 {
        let number = match self {
            Self::Long(values) => values.get(place).map(|value| i128::from(*value)),
            Self::Short(values) => values.get(place).map(|value| i128::from(*value)),
            Self::Wide(values) => values.get(place).copied(),
        };
        number.unwrap_or_default()
    }
}
