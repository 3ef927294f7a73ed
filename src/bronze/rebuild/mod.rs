//! Columns back to JSON: the other half of promise P9.
//!
//! It reads the types that this program writes, and those that pandas and pyarrow make of Python
//! dictionaries: floats (by their shortest text, NaN being null), integers of all widths, strings
//! of all layouts, dictionaries, structs, lists, timestamps of all units. Members that are null
//! are left out, since pandas gives every struct the members of all of them.

mod scalar;

use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};
use arrow_schema::{DataType, FieldRef};

use self::scalar::Scalar;
use super::BronzeError;
use crate::json::{self, Kind, Object};

/// The columns of one object.
pub(super) struct Row<'a> {
    members: Vec<(&'a str, Cells<'a>)>,
}

/// One column that rows are read from.
struct Cells<'a> {
    array: &'a dyn Array,
    values: Values<'a>,
}

enum Values<'a> {
    Null,
    Scalar(Scalar<'a>),
    Struct(Row<'a>),
    List {
        /// Where in `item` the elements of a row lie.
        span: Box<dyn Fn(usize) -> std::ops::Range<usize> + 'a>,
        item: Box<Cells<'a>>,
    },
    Dictionary {
        keys: Vec<usize>,
        values: Box<Cells<'a>>,
    },
}

impl<'a> Row<'a> {
    /// These columns as the members of an object.
    ///
    /// # Errors
    /// When a column has no form in JSON.
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

    /// One row as a JSON object, merged with what `extra` has beside the columns.
    ///
    /// # Errors
    /// When `extra` isn't JSON.
    pub(super) fn push(
        &self,
        row: usize,
        extra: Option<&str>,
        out: &mut String,
    ) -> Result<(), serde_json::Error> {
        let beside = match extra {
            // An element that couldn't be opened, or a record of which no column is there.
            Some(text) if json::kind(text) != Kind::Object || self.is_null(row) => {
                out.push_str(text);
                return Ok(());
            }
            Some(text) => Object::parse(text)?.members,
            None => Vec::new(),
        };
        out.push('{');
        let start = out.len();
        for (name, cells) in &self.members {
            let before = out.len();
            push_key(out, start, name);
            // Of a struct, `extra` has the members that didn't fit; of nothing else that is there.
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
    fn new(array: &'a dyn Array, path: &str) -> Result<Self, BronzeError> {
        let values = match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Struct(fields) => Values::Struct(members(array.as_struct(), fields, path)?),
            DataType::Dictionary(..) => {
                let array = array.as_any_dictionary();
                // Without values there are no keys to normalise: every row is null.
                let none = array.values().is_empty();
                Values::Dictionary {
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
                Values::List {
                    span: Box::new(move |row| row * length..(row + 1) * length),
                    item: Box::new(Self::new(array.values().as_ref(), path)?),
                }
            }
            kind => Values::Scalar(scalar::new(array).ok_or_else(|| BronzeError::Unsupported {
                name: path.to_owned(),
                kind: kind.to_string(),
            })?),
        };
        Ok(Self { array, values })
    }

    fn is_struct(&self) -> bool {
        matches!(self.values, Values::Struct(_))
    }

    /// Writes a row's value; `false`, and nothing written that counts: it is null.
    fn push(
        &self,
        row: usize,
        extra: Option<&str>,
        out: &mut String,
    ) -> Result<bool, serde_json::Error> {
        if self.array.is_null(row) {
            return Ok(false);
        }
        match &self.values {
            Values::Null => Ok(false),
            Values::Scalar(push) => Ok(push(row, out)),
            // A struct that is there stays there, even where all of its members are null.
            Values::Struct(members) => members.push(row, extra, out).map(|()| true),
            Values::Dictionary { keys, values } => match keys.get(row) {
                Some(key) => values.push(*key, None, out),
                None => Ok(false),
            },
            Values::List { span, item } => {
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
) -> Result<Values<'a>, BronzeError> {
    let offsets = array.value_offsets();
    Ok(Values::List {
        span: Box::new(move |row| offsets[row].as_usize()..offsets[row + 1].as_usize()),
        item: Box::new(Cells::new(array.values().as_ref(), path)?),
    })
}
