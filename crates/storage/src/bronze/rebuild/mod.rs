//! Conversion of columns back to JSON: the other half of promise P9.
//!
//! Supports the types that this program writes, and those that pandas and pyarrow derive from Python
//! dictionaries: floats (by their shortest text, NaN as null), integers of all widths, strings of all
//! layouts, dictionaries, structs, lists, timestamps of all units. Null members are left out, because pandas
//! gives every struct the members of all structs in its column.

mod scalar;

use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};
use arrow_schema::{DataType, FieldRef};

use self::scalar::RebuiltScalar;
use super::BronzeError;
use bronzed_model::json::tape::{Document, TapeError};
use bronzed_model::json::{self, Kind};

/// The columns of one object.
pub(super) struct Row<'a> {
    members: Vec<(&'a str, Cells<'a>)>,
}

/// A column from which rows are read.
pub(super) struct Cells<'a> {
    array: &'a dyn Array,
    values: RebuiltValues<'a>,
}

enum RebuiltValues<'a> {
    Null,
    Scalar(RebuiltScalar<'a>),
    Struct(Row<'a>),
    List {
        /// Returns the range in `item` of a row's elements.
        span: Box<dyn Fn(usize) -> std::ops::Range<usize> + 'a>,
        item: Box<Cells<'a>>,
    },
    Dictionary {
        keys: Vec<usize>,
        values: Box<Cells<'a>>,
    },
}

/// Returns a single value as JSON text; `None` if the array's type has no such form.
pub(super) fn value_text(array: &dyn Array, place: usize) -> Option<String> {
    let mut text = String::new();
    scalar::new(array)?(place, &mut text).then_some(text)
}

impl<'a> Row<'a> {
    /// Creates an object with these columns as its members.
    ///
    /// # Errors
    /// Returns an error if a column has no form in JSON.
    pub(super) fn new(
        columns: impl Iterator<Item = (&'a FieldRef, &'a dyn Array)>,
        path: &str,
    ) -> Result<Self, BronzeError> {
        let members = columns.map(|(field, array)| {
            let name = field.name();
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            Ok((name.as_str(), Cells::new(array, &path)?))
        });
        Ok(Self {
            members: members.collect::<Result<_, BronzeError>>()?,
        })
    }

    /// Writes one row as a JSON object, merged with `extra`.
    ///
    /// # Errors
    /// Returns an error if `extra` isn't JSON.
    pub(super) fn push(
        &self,
        row: usize,
        extra: Option<&str>,
        out: &mut String,
    ) -> Result<(), TapeError> {
        let beside = match extra {
            // A record that couldn't be parsed as an object, or one whose columns are all null.
            Some(text) if json::kind(text) != Kind::Object || self.is_null(row) => {
                out.push_str(Document::parse(text)?.value().text());
                return Ok(());
            }
            Some(text) => json::members(text)?,
            None => Vec::new(),
        };
        out.push('{');
        let start = out.len();
        for (name, cells) in &self.members {
            let before = out.len();
            push_key(out, start, name);
            // `extra` has values for a non-null column only if it is a struct: the members that didn't fit.
            let rest = beside.iter().find(|(key, _)| key == name);
            let rest = rest.map(|(_, text)| *text).filter(|_| cells.is_struct());
            if !cells.push(row, rest, out)? {
                out.truncate(before);
            }
        }
        for (key, text) in &beside {
            let merged = |(name, cells): &(&str, Cells<'_>)| {
                key == name && cells.is_struct() && !cells.array.is_null(row)
            };
            if !self.members.iter().any(merged) {
                push_key(out, start, key);
                out.push_str(text);
            }
        }
        out.push('}');
        Ok(())
    }

    fn is_null(&self, row: usize) -> bool {
        self.members
            .iter()
            .all(|(_, cells)| cells.array.is_null(row))
    }
}

fn push_key(out: &mut String, start: usize, key: &str) {
    if out.len() > start {
        out.push(',');
    }
    json::push_quoted(out, key);
    out.push(':');
}

impl<'a> Cells<'a> {
    /// Returns the column at a path.
    ///
    /// # Errors
    /// Returns an error if its type has no form in JSON.
    pub(super) fn new(array: &'a dyn Array, path: &str) -> Result<Self, BronzeError> {
        let values = match array.data_type() {
            DataType::Null => RebuiltValues::Null,
            DataType::Struct(fields) => {
                RebuiltValues::Struct(members(array.as_struct(), fields, path)?)
            }
            DataType::Dictionary(..) => {
                let array = array.as_any_dictionary();
                // A dictionary without values has no keys to normalise: every row is null.
                let none = array.values().is_empty();
                RebuiltValues::Dictionary {
                    keys: if none {
                        Vec::new()
                    } else {
                        array.normalized_keys()
                    },
                    values: Box::new(Self::new(array.values().as_ref(), path)?),
                }
            }
            DataType::List(_) => list(array.as_list::<i32>(), path)?,
            DataType::LargeList(_) => list(array.as_list::<i64>(), path)?,
            DataType::FixedSizeList(_, length) => {
                let array = array.as_fixed_size_list();
                let length = usize::try_from(*length).unwrap_or_default();
                RebuiltValues::List {
                    span: Box::new(move |row| row * length..(row + 1) * length),
                    item: Box::new(Self::new(array.values().as_ref(), path)?),
                }
            }
            kind => RebuiltValues::Scalar(scalar::new(array).ok_or_else(|| {
                BronzeError::Unsupported {
                    name: path.to_owned(),
                    kind: kind.to_string(),
                }
            })?),
        };
        Ok(Self { array, values })
    }

    fn is_struct(&self) -> bool {
        matches!(self.values, RebuiltValues::Struct(_))
    }

    /// Writes a row's value. Returns `false` if it is null; the caller then discards the output.
    pub(super) fn push(
        &self,
        row: usize,
        extra: Option<&str>,
        out: &mut String,
    ) -> Result<bool, TapeError> {
        if self.array.is_null(row) {
            return Ok(false);
        }
        match &self.values {
            RebuiltValues::Null => Ok(false),
            RebuiltValues::Scalar(push) => Ok(push(row, out)),
            // A non-null struct is written even if all of its members are null.
            RebuiltValues::Struct(members) => members.push(row, extra, out).map(|()| true),
            RebuiltValues::Dictionary { keys, values } => match keys.get(row) {
                Some(key) => values.push(*key, None, out),
                None => Ok(false),
            },
            RebuiltValues::List { span, item } => {
                out.push('[');
                for (position, element) in span(row).enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    if !item.push(element, None, out)? {
                        out.push_str("null");
                    }
                }
                out.push(']');
                Ok(true)
            }
        }
    }
}

fn members<'a>(
    array: &'a StructArray,
    fields: &'a arrow_schema::Fields,
    path: &str,
) -> Result<Row<'a>, BronzeError> {
    let columns = array.columns().iter().map(AsRef::as_ref);
    Row::new(fields.iter().zip(columns), path)
}

fn list<'a, O: arrow_array::OffsetSizeTrait>(
    array: &'a arrow_array::GenericListArray<O>,
    path: &str,
) -> Result<RebuiltValues<'a>, BronzeError> {
    let offsets = array.value_offsets();
    Ok(RebuiltValues::List {
        span: Box::new(move |row| offsets[row].as_usize()..offsets[row + 1].as_usize()),
        item: Box::new(Cells::new(array.values().as_ref(), path)?),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Int32Builder, LargeListBuilder, StringDictionaryBuilder};
    use arrow_array::types as t;
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
        Decimal256Array, Float32Array, Float64Array, Int8Array, Int64Array, LargeStringArray,
        NullArray, StringArray, StringViewArray, TimestampMillisecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    };
    use arrow_schema::Field;

    use super::*;

    /// Rebuilds the rows of one column named `a` as JSON.
    fn rows(array: ArrayRef) -> Vec<String> {
        let field: FieldRef = Arc::new(Field::new("a", array.data_type().clone(), true));
        let row = Row::new(std::iter::once((&field, array.as_ref())), "").unwrap();
        let rebuild = |position| {
            let mut out = String::new();
            row.push(position, None, &mut out).unwrap();
            out
        };
        (0..array.len()).map(rebuild).collect()
    }

    /// Rebuilds the only row of one column.
    fn one(array: impl Array + 'static) -> String {
        let rows = rows(Arc::new(array));
        assert_eq!(rows.len(), 1);
        rows[0].clone()
    }

    #[test]
    fn what_stands_beside_the_columns_is_json_or_an_error() {
        let array: ArrayRef = Arc::new(NullArray::new(1));
        let field: FieldRef = Arc::new(Field::new("a", DataType::Null, true));
        let row = Row::new(std::iter::once((&field, array.as_ref())), "").unwrap();
        let push = |extra: &str| {
            let mut out = String::new();
            row.push(0, Some(extra), &mut out).map(|()| out)
        };
        for extra in [r#"{"b":1}"#, "[1]", "5"] {
            assert_eq!(push(extra).unwrap(), extra);
        }
        for extra in [r#"{"b"1}"#, "[1", "nothing", ""] {
            assert!(push(extra).is_err(), "{extra}");
        }
    }

    #[test]
    fn texts_of_every_layout() {
        assert_eq!(one(StringArray::from(vec!["x\n"])), r#"{"a":"x\n"}"#);
        assert_eq!(one(LargeStringArray::from(vec!["x"])), r#"{"a":"x"}"#);
        assert_eq!(one(StringViewArray::from(vec!["x"])), r#"{"a":"x"}"#);
        let mut builder = StringDictionaryBuilder::<t::Int8Type>::new();
        for value in [Some("x"), None, Some("y"), Some("x")] {
            builder.append_option(value);
        }
        let expected = [r#"{"a":"x"}"#, "{}", r#"{"a":"y"}"#, r#"{"a":"x"}"#];
        assert_eq!(rows(Arc::new(builder.finish())), expected);
        let mut empty = StringDictionaryBuilder::<t::Int8Type>::new();
        empty.append_null();
        assert_eq!(one(empty.finish()), "{}");
    }

    #[test]
    fn numbers_are_their_shortest_text() {
        assert_eq!(one(Float64Array::from(vec![0.1])), r#"{"a":0.1}"#);
        assert_eq!(one(Float64Array::from(vec![10_000.0])), r#"{"a":10000}"#);
        assert_eq!(one(Float64Array::from(vec![f64::NAN])), "{}");
        assert_eq!(one(Float32Array::from(vec![0.1])), r#"{"a":0.1}"#);
        assert_eq!(one(Int8Array::from(vec![-5])), r#"{"a":-5}"#);
        assert_eq!(
            one(UInt64Array::from(vec![u64::MAX])),
            r#"{"a":18446744073709551615}"#
        );
        assert_eq!(one(BooleanArray::from(vec![true])), r#"{"a":true}"#);
        assert_eq!(one(NullArray::new(1)), "{}");
        let decimal = Decimal128Array::from(vec![-1250]);
        let decimal = decimal.with_precision_and_scale(18, 4).unwrap();
        assert_eq!(one(decimal), r#"{"a":-0.125}"#);
        let whole = Decimal256Array::from(vec![arrow_buffer::i256::from(12)]);
        let whole = whole.with_precision_and_scale(40, -2).unwrap();
        assert_eq!(one(whole), r#"{"a":1200}"#);
    }

    #[test]
    fn times_of_every_unit() {
        let time = r#"{"a":"2025-10-22T08:41:33"}"#;
        let seconds = 1_761_122_493;
        assert_eq!(one(TimestampSecondArray::from(vec![seconds])), time);
        let nanos = seconds * 1_000_000_000;
        assert_eq!(one(TimestampNanosecondArray::from(vec![nanos])), time);
        let instant = TimestampMillisecondArray::from(vec![seconds * 1_000 + 500]);
        let instant = instant.with_timezone("America/Sao_Paulo");
        assert_eq!(one(instant), r#"{"a":"2025-10-22T08:41:33.500Z"}"#);
        let before = TimestampMillisecondArray::from(vec![-1]);
        assert_eq!(one(before), r#"{"a":"1969-12-31T23:59:59.999"}"#);
        let beyond = TimestampSecondArray::from(vec![i64::MAX]);
        assert_eq!(one(beyond), format!(r#"{{"a":{}}}"#, i64::MAX));
        assert_eq!(
            one(Date32Array::from(vec![20_383])),
            r#"{"a":"2025-10-22"}"#
        );
        assert_eq!(one(Date64Array::from(vec![-1])), r#"{"a":"1969-12-31"}"#);
    }

    #[test]
    fn null_members_are_left_out_but_null_elements_stay() {
        let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None]));
        let field = Arc::new(Field::new("b", DataType::Int64, true));
        let nulls = Some(vec![true, true, false].into());
        let structs = StructArray::new(vec![field].into(), vec![number], nulls);
        let expected = [r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, "{}"];
        assert_eq!(rows(Arc::new(structs)), expected);

        let mut lists = LargeListBuilder::new(Int32Builder::new());
        lists.append_value([Some(1), None]);
        lists.append_value([]);
        lists.append_null();
        let expected = [r#"{"a":[1,null]}"#, r#"{"a":[]}"#, "{}"];
        assert_eq!(rows(Arc::new(lists.finish())), expected);
    }

    #[test]
    fn a_column_without_a_form_in_json_is_named() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"x"[..]]));
        let field: FieldRef = Arc::new(Field::new("anexo", DataType::Binary, true));
        let array = StructArray::new(vec![field].into(), vec![bytes], None);
        let field: FieldRef = Arc::new(Field::new("orgao", array.data_type().clone(), true));
        let columns = std::iter::once((&field, &array as &dyn Array));
        let error = Row::new(columns, "").err().map(|error| error.to_string());
        let expected = "column `orgao.anexo` is of type Binary, which has no form in JSON";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
