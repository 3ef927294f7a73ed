//! Values by which one table refers to another one, and the bounds of a file that tell if it may have one.

use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::{
    Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType,
};
use delta_kernel::arrow::array::{Array, ArrayRef, StringArray};
use delta_kernel::arrow::datatypes::DataType;
use delta_kernel::schema::{DataType as DeltaType, PrimitiveType};
use serde_json::Value;

use super::state::FileStatistics;
use super::whole::number;

/// A value that isn't null, in the unit of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ReferenceValue<'a> {
    Text(&'a str),
    Number(i128),
}

/// Values of an array.
pub(super) enum ReferenceArray<'a> {
    Texts(&'a StringArray),
    Longs(&'a [i64]),
    Days(&'a [i32]),
    Wide(&'a [i128]),
}

impl<'a> ReferenceArray<'a> {
    /// Returns the values of an array; `None` if it is of a type by which nothing is referred to.
    pub fn of(array: &'a ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Texts(array.as_string_opt()?),
            DataType::Int64 => Self::Longs(array.as_primitive_opt::<Int64Type>()?.values()),
            DataType::Timestamp(..) => {
                let micros = array.as_primitive_opt::<TimestampMicrosecondType>()?;
                Self::Longs(micros.values())
            }
            DataType::Date32 => Self::Days(array.as_primitive_opt::<Date32Type>()?.values()),
            DataType::Decimal128(..) => {
                Self::Wide(array.as_primitive_opt::<Decimal128Type>()?.values())
            }
            _ => return None,
        })
    }

    /// Returns the value of a row.
    pub fn at(&self, row: usize) -> ReferenceValue<'a> {
        let number = match self {
            Self::Texts(texts) => return ReferenceValue::Text(texts.value(row)),
            Self::Longs(values) => values.get(row).map(|value| i128::from(*value)),
            Self::Days(values) => values.get(row).map(|value| i128::from(*value)),
            Self::Wide(values) => values.get(row).copied(),
        };
        ReferenceValue::Number(number.unwrap_or_default())
    }
}

/// Least and greatest value of a file's column, both possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileBounds {
    Texts(String, String),
    Numbers(i128, i128),
}

impl FileBounds {
    /// Returns the bounds of a column by the statistics of the log; `None` if they don't tell exactly. Decimals and times are
    /// rounded there.
    pub fn of(statistics: &FileStatistics, name: &str, kind: &DeltaType) -> Option<Self> {
        let least = statistics.min_values.get(name)?;
        let greatest = statistics.max_values.get(name)?;
        let text = |value: &Value| Some(value.as_str()?.to_owned());
        let whole = |value: &Value| value.as_i64().map(i128::from);
        let date = |value: &Value| number(value, &DataType::Date32);
        match kind {
            DeltaType::Primitive(PrimitiveType::String) => {
                Some(Self::Texts(text(least)?, text(greatest)?))
            }
            DeltaType::Primitive(PrimitiveType::Long) => {
                Some(Self::Numbers(whole(least)?, whole(greatest)?))
            }
            DeltaType::Primitive(PrimitiveType::Date) => {
                Some(Self::Numbers(date(least)?, date(greatest)?))
            }
            _ => None,
        }
    }

    /// Returns `true` if a value lies within the bounds.
    pub fn may_have(&self, value: &ReferenceValue<'_>) -> bool {
        match (self, value) {
            (Self::Texts(least, greatest), ReferenceValue::Text(value)) => {
                (least.as_str()..=greatest.as_str()).contains(value)
            }
            (Self::Numbers(least, greatest), ReferenceValue::Number(value)) => {
                (least..=greatest).contains(&value)
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_outside_the_bounds_is_in_no_row_of_the_file() {
        let bounds = FileBounds::Texts("b".to_owned(), "d".to_owned());
        assert!(bounds.may_have(&ReferenceValue::Text("b")));
        assert!(bounds.may_have(&ReferenceValue::Text("d")));
        assert!(!bounds.may_have(&ReferenceValue::Text("a")));
        assert!(!bounds.may_have(&ReferenceValue::Text("da")));
        assert!(bounds.may_have(&ReferenceValue::Number(1)));
        let bounds = FileBounds::Numbers(-1, 3);
        assert!(bounds.may_have(&ReferenceValue::Number(3)));
        assert!(!bounds.may_have(&ReferenceValue::Number(4)));
    }
}
