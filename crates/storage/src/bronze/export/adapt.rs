//! Arrays of a file in the columns of the union: what the file lacks is null.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, StructArray, new_null_array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::nullif::nullif;

/// Returns the array as one of the type, which is a union that has the array's own.
///
/// # Errors
/// Returns an error if the type isn't such a union.
pub(super) fn adapted(
    array: Option<&ArrayRef>,
    kind: &DataType,
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    let Some(array) = array else {
        return Ok(new_null_array(kind, rows));
    };
    match (array.data_type(), kind) {
        (of, kind) if of == kind => Ok(array.clone()),
        (DataType::Null, _) => Ok(new_null_array(kind, rows)),
        (DataType::Struct(_), DataType::Struct(members)) => {
            let array = array.as_struct();
            let columns = members.iter().map(|member| {
                let column = array.column_by_name(member.name());
                adapted(column, member.data_type(), rows)
            });
            let columns = columns.collect::<Result<_, _>>()?;
            let nulls = array.nulls().cloned();
            let made = StructArray::try_new_with_length(members.clone(), columns, nulls, rows)?;
            Ok(Arc::new(made))
        }
        (DataType::List(_), DataType::List(item)) => {
            let array = array.as_list::<i32>();
            let values = array.values();
            let values = adapted(Some(values), item.data_type(), values.len())?;
            let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(
                item.clone(),
                offsets,
                values,
                nulls,
            )?))
        }
        (of, kind) => Err(ArrowError::CastError(format!("{of} isn't {kind}"))),
    }
}

/// Returns the member at a place: null where what encloses it is.
///
/// # Errors
/// Returns an error if there is none.
pub(super) fn member(columns: &[ArrayRef], place: &[usize]) -> Result<ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError("a column isn't there".to_owned());
    let (first, rest) = place.split_first().ok_or_else(missing)?;
    let array = columns.get(*first).ok_or_else(missing)?;
    if rest.is_empty() {
        return Ok(array.clone());
    }
    let array = array.as_struct_opt().ok_or_else(missing)?;
    let member = member(array.columns(), rest)?;
    match array.nulls() {
        None => Ok(member),
        Some(nulls) => nullif(&member, &BooleanArray::new(!nulls.inner(), None)),
    }
}
