//! JSON records into Arrow columns, by the rule of `_extra` (see [`crate::bronze`]).
//!
//! A record is opened one level at a time, and only where the schema has a struct or a list: no
//! tree of values is built, and nesting of any depth can't exhaust the stack.
//!
//! - A list of which one element doesn't fit goes to `_extra` whole.
//! - A repeated key goes to `_extra` with all its occurrences; its column is null.
//! - An undeclared field that is null is left out, and doesn't count as drift.
//! - Of an element that is no object, or that has keys that are no valid Unicode, `_extra` is the
//!   element's own text.

mod column;
mod extra;
mod members;
mod scalar;

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};

pub(super) use self::column::{Column, constant_instant};
pub(super) use self::extra::Extra;
pub(super) use self::members::Members;
use super::BronzeError;
use super::metadata;
use super::schema::{self, ColumnType, Schema};
use crate::json::{self, Kind, Object};

/// The growing columns of a table, without its metadata columns.
#[derive(Debug)]
pub(super) struct Columns {
    members: Members,
    extra: Extra,
}

impl Columns {
    /// Empty columns as declared.
    pub(super) fn new(schema: &Schema) -> Result<Self, BronzeError> {
        let mut names = schema.columns.iter().map(|column| column.name.as_str());
        if let Some(name) = names.find(|name| metadata::NAMES.contains(name)) {
            return Err(BronzeError::Schema(format!(
                "`{name}` is the name of a metadata column"
            )));
        }
        Ok(Self {
            members: Members::new(&schema.columns)?,
            extra: Extra::default(),
        })
    }

    /// Appends one record, and returns its `_extra`.
    pub(super) fn append(&mut self, record: &str) -> &Extra {
        let record = record.trim();
        let object = match json::kind(record) {
            Kind::Object => Object::parse(record).ok(),
            _ => None,
        };
        match object {
            Some(object) => {
                self.extra.begin();
                self.members.append(&object, &mut self.extra);
                self.extra.end();
            }
            None => {
                self.members.append_null();
                self.extra.replace(record);
            }
        }
        &self.extra
    }

    /// The rows as Arrow arrays with their fields; the columns are empty afterwards.
    pub(super) fn take(
        &mut self,
    ) -> Result<(Fields, Vec<arrow_array::ArrayRef>), arrow_schema::ArrowError> {
        self.members.take()
    }
}

/// The Arrow fields of declared columns.
pub(super) fn fields(declared: &[schema::Column]) -> Result<Fields, BronzeError> {
    let mut names = HashSet::new();
    if let Some(twice) = declared.iter().find(|column| !names.insert(&column.name)) {
        return Err(BronzeError::Schema(format!(
            "`{}` is declared twice",
            twice.name
        )));
    }
    declared
        .iter()
        .map(|column| Ok(Field::new(&column.name, arrow_type(&column.kind)?, true)))
        .collect()
}

/// The Arrow field of a list's elements.
fn list_item(item: &ColumnType) -> Result<FieldRef, BronzeError> {
    Ok(Arc::new(Field::new("element", arrow_type(item)?, true)))
}

fn arrow_type(kind: &ColumnType) -> Result<DataType, BronzeError> {
    Ok(match kind {
        ColumnType::String => DataType::Utf8,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Decimal { precision, scale } => {
            if !(1..=38).contains(precision) || scale > precision {
                let problem = format!("decimal({precision},{scale}) has no such digits");
                return Err(BronzeError::Schema(problem));
            }
            DataType::Decimal128(*precision, arrow_scale(*scale))
        }
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Instant => metadata::instant(),
        ColumnType::Struct(columns) if columns.is_empty() => {
            let problem = "a struct without a declared member can't be a column";
            return Err(BronzeError::Schema(problem.to_owned()));
        }
        ColumnType::Struct(columns) => DataType::Struct(fields(columns)?),
        ColumnType::List(item) => DataType::List(list_item(item)?),
    })
}

/// Scales are at most 38.
fn arrow_scale(scale: u8) -> i8 {
    i8::try_from(scale).unwrap_or(i8::MAX)
}
