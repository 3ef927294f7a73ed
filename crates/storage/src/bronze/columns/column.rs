//! Column builder. Appended rows can be rolled back, unlike with Arrow's own builders: a list that doesn't
//! fit is noticed only at the element that doesn't.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, BooleanArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow_buffer::{
    BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, FieldRef};

use super::extra::Extra;
use super::members::MemberColumns;
use super::scalar;
use crate::bronze::BronzeError;
use crate::bronze::metadata;
use bronzed_model::json::tape::Value;
use bronzed_model::schema::ColumnType;

/// Maximum number of elements of one list.
const MOST_ELEMENTS: usize = 100_000;

/// Builder of one column.
#[derive(Debug)]
pub(in crate::bronze) struct ColumnBuilder {
    valid: NullBufferBuilder,
    values: ColumnValues,
}

#[derive(Debug)]
enum ColumnValues {
    String {
        bytes: Vec<u8>,
        ends: Vec<i32>,
    },
    Int64(Vec<i64>),
    Boolean(BooleanBufferBuilder),
    Decimal {
        unscaled: Vec<i128>,
        precision: u8,
        scale: u8,
    },
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Instant(Vec<i64>),
    Struct(MemberColumns),
    List {
        ends: Vec<i32>,
        item: Box<ColumnBuilder>,
        field: FieldRef,
    },
}

impl ColumnBuilder {
    /// An empty column of this kind.
    pub(in crate::bronze) fn new(kind: &ColumnType) -> Result<Self, BronzeError> {
        let values = match kind {
            ColumnType::String => ColumnValues::String {
                bytes: Vec::new(),
                ends: Vec::new(),
            },
            ColumnType::Int64 => ColumnValues::Int64(Vec::new()),
            ColumnType::Boolean => ColumnValues::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::Decimal { precision, scale } => ColumnValues::Decimal {
                unscaled: Vec::new(),
                precision: *precision,
                scale: *scale,
            },
            ColumnType::Date => ColumnValues::Date(Vec::new()),
            ColumnType::Timestamp => ColumnValues::Timestamp(Vec::new()),
            ColumnType::Instant => ColumnValues::Instant(Vec::new()),
            ColumnType::Struct(columns) => ColumnValues::Struct(MemberColumns::new(columns)?),
            ColumnType::List(item) => ColumnValues::List {
                ends: Vec::new(),
                field: super::list_item(item)?,
                item: Box::new(Self::new(item)?),
            },
        };
        Ok(Self {
            valid: NullBufferBuilder::new(0),
            values,
        })
    }

    /// `true` if the column is a struct, whose members may be in `_extra` although the value itself fits.
    pub(super) fn is_struct(&self) -> bool {
        matches!(self.values, ColumnValues::Struct(_))
    }

    /// Appends one row. Returns `false` if the value doesn't fit: the row is then null, and the value belongs
    /// into `extra`, which already has the members of a struct that don't fit.
    pub(in crate::bronze) fn append(&mut self, value: Value<'_>, extra: &mut Extra) -> bool {
        if value.is_null() {
            self.append_null();
            return true;
        }
        let fits = self.try_append(value, extra).is_some();
        if fits {
            self.valid.append_non_null();
        } else {
            self.append_null();
        }
        fits
    }

    /// Appends a row's value, but not its validity bit. `None` if nothing was appended.
    fn try_append(&mut self, value: Value<'_>, extra: &mut Extra) -> Option<()> {
        let text = value.text();
        match &mut self.values {
            ColumnValues::String { bytes, ends } => {
                bytes.extend_from_slice(value.string()?.as_bytes());
                ends.push(offset(bytes.len()));
            }
            ColumnValues::Int64(values) => values.push(scalar::int64(text)?),
            ColumnValues::Boolean(values) => values.append(scalar::boolean(text)?),
            ColumnValues::Decimal {
                unscaled,
                precision,
                scale,
            } => unscaled.push(scalar::decimal(text, *precision, *scale)?),
            ColumnValues::Date(values) => values.push(scalar::date(text)?),
            ColumnValues::Timestamp(values) => values.push(scalar::timestamp(text, "")?),
            ColumnValues::Instant(values) => values.push(scalar::timestamp(text, "Z")?),
            ColumnValues::Struct(members) => members.append(value.object()?, extra),
            ColumnValues::List { ends, item, .. } => {
                append_elements(item, value, extra)?;
                ends.push(offset(item.len()));
            }
        }
        Some(())
    }

    /// Appends a null.
    pub(in crate::bronze) fn append_null(&mut self) {
        self.valid.append_null();
        match &mut self.values {
            ColumnValues::String { bytes, ends } => ends.push(offset(bytes.len())),
            ColumnValues::Int64(values)
            | ColumnValues::Timestamp(values)
            | ColumnValues::Instant(values) => {
                values.push(0);
            }
            ColumnValues::Boolean(values) => values.append(false),
            ColumnValues::Decimal { unscaled, .. } => unscaled.push(0),
            ColumnValues::Date(values) => values.push(0),
            ColumnValues::Struct(members) => members.append_null(),
            ColumnValues::List { ends, item, .. } => ends.push(offset(item.len())),
        }
    }

    /// Appends a string unchanged, for the metadata columns.
    pub(in crate::bronze) fn append_text(&mut self, text: Option<&str>) {
        match (text, &mut self.values) {
            (Some(text), ColumnValues::String { bytes, ends }) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(offset(bytes.len()));
                self.valid.append_non_null();
            }
            _ => self.append_null(),
        }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Drops every row from `length` on.
    pub(super) fn truncate(&mut self, length: usize) {
        self.valid.truncate(length);
        match &mut self.values {
            ColumnValues::String { bytes, ends } => {
                ends.truncate(length);
                bytes.truncate(last_end(ends));
            }
            ColumnValues::Int64(values)
            | ColumnValues::Timestamp(values)
            | ColumnValues::Instant(values) => {
                values.truncate(length);
            }
            ColumnValues::Boolean(values) => values.truncate(length),
            ColumnValues::Decimal { unscaled, .. } => unscaled.truncate(length),
            ColumnValues::Date(values) => values.truncate(length),
            ColumnValues::Struct(members) => members.truncate(length),
            ColumnValues::List { ends, item, .. } => {
                ends.truncate(length);
                item.truncate(last_end(ends));
            }
        }
    }

    /// Takes the rows as an Arrow array, and leaves the column empty.
    pub(in crate::bronze) fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = self.valid.len();
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            ColumnValues::String { bytes, ends } => {
                let bytes = Buffer::from_vec(std::mem::take(bytes));
                Arc::new(StringArray::try_new(take_offsets(ends), bytes, nulls)?)
            }
            ColumnValues::Int64(values) => primitive::<Int64Type>(std::mem::take(values), nulls)?,
            ColumnValues::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            ColumnValues::Decimal {
                unscaled,
                precision,
                scale,
            } => decimals(std::mem::take(unscaled), nulls, *precision, *scale)?,
            ColumnValues::Date(values) => primitive::<Date32Type>(std::mem::take(values), nulls)?,
            ColumnValues::Timestamp(values) => {
                primitive::<TimestampMicrosecondType>(std::mem::take(values), nulls)?
            }
            ColumnValues::Instant(values) => instants(std::mem::take(values), nulls)?,
            ColumnValues::Struct(members) => {
                let (fields, arrays) = members.take()?;
                Arc::new(StructArray::try_new_with_length(
                    fields, arrays, nulls, rows,
                )?)
            }
            ColumnValues::List { ends, item, field } => Arc::new(ListArray::try_new(
                Arc::clone(field),
                take_offsets(ends),
                item.take()?,
                nulls,
            )?),
        })
    }
}

/// Appends all elements of an array. `None`, with nothing appended, if one doesn't fit.
///
/// A list of more than [`MOST_ELEMENTS`] doesn't fit: empty elements of a wide struct, `[{},{},…]`, would
/// take a hundred times the memory of their text.
fn append_elements(item: &mut ColumnBuilder, array: Value<'_>, extra: &mut Extra) -> Option<()> {
    let (start, mark) = (item.len(), extra.mark());
    for (position, element) in array.elements()?.enumerate() {
        let fits = position < MOST_ELEMENTS && item.append(element, extra);
        if !fits || extra.grew_since(mark) {
            item.truncate(start);
            extra.take_back(mark);
            return None;
        }
    }
    Some(())
}

/// Array of one timestamp, repeated for all rows.
pub(in crate::bronze) fn constant_instant(
    micros: i64,
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    instants(vec![micros; rows], None)
}

fn instants(micros: Vec<i64>, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    let array = PrimitiveArray::<TimestampMicrosecondType>::try_new(micros.into(), nulls)?;
    Ok(Arc::new(array.with_data_type(metadata::instant())))
}

fn decimals(
    unscaled: Vec<i128>,
    nulls: Option<NullBuffer>,
    precision: u8,
    scale: u8,
) -> Result<ArrayRef, ArrowError> {
    let kind = DataType::Decimal128(precision, super::arrow_scale(scale));
    let array = PrimitiveArray::<Decimal128Type>::try_new(unscaled.into(), nulls)?;
    Ok(Arc::new(array.with_data_type(kind)))
}

fn primitive<T: arrow_array::ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(
        ScalarBuffer::from(values),
        nulls,
    )?))
}

/// Takes the row ends as Arrow offsets, with a leading zero.
fn take_offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.append(ends);
    OffsetBuffer::new(offsets.into())
}

/// Converts a length to an offset. The writer flushes long before 2 GiB, and rejects single records of that
/// size.
fn offset(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn last_end(ends: &[i32]) -> usize {
    let end = ends.last().copied().unwrap_or_default();
    usize::try_from(end).unwrap_or_default()
}
