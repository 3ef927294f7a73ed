//! Shape of a silver table: its columns, its partitions, and what makes two declarations the same.

use std::collections::HashSet;
use std::sync::Arc;

use bronzed_model::declaration::{DeletedRows, Kind, SilverTable};
use bronzed_model::json::{self, canonical};
use bronzed_model::schema::ColumnType;
use bronzed_storage::bronze::cut::cut_fields;
use chrono::{DateTime, NaiveDate};
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::{Date32Type, TimestampMicrosecondType};
use delta_kernel::arrow::array::{Array, RecordBatch};
use delta_kernel::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
use delta_kernel::schema::{DataType as DeltaType, StructField, StructType};

use super::SilverError;
use super::{whole, widening};

/// Id of the record without its version: the table's key.
pub(super) const ID: &str = "_id";
/// Id of the parent record.
pub(super) const PARENT_ID: &str = "_parent_id";
/// Reason for which the API has the record no more.
pub(super) const DELETED: &str = "_deleted";
/// Version of the record.
pub(super) const VERSION: &str = "_version";
/// Bronze day of the version.
pub(super) const DAY: &str = "_day";
/// Time at which the version was stored.
pub(super) const INGESTED_AT: &str = "_ingested_at";
/// Order of the version, see [`super::order`].
pub(super) const ORDER: &str = "_order";
/// Order of the row that tells if the API has the record; null if it is the version itself, empty if there is none.
pub(super) const LISTED: &str = "_listed";
/// First day on which a version was in force.
pub(super) const VALID_FROM: &str = "valid_from";
/// First day on which it was in force no more.
pub(super) const VALID_TO: &str = "valid_to";
/// Column of the partition.
pub(super) const MONTH: &str = "month";

/// Version of the rules by which a table is made of bronze. Another one makes tables anew.
const RULES: &str = "1";

/// Shape of a table.
#[derive(Debug)]
pub(super) struct SilverShape {
    /// Full name of the table.
    pub name: String,
    /// Folder of the table.
    pub prefix: String,
    /// Columns of the data files.
    pub files: SchemaRef,
    /// Columns of the table, that of the partition included.
    pub table: Arc<StructType>,
    /// Name of the column whose month is the partition.
    pub date: Option<String>,
    /// `true` if the table has every version.
    pub history: bool,
    /// `true` if rows of records that the API has no more are left out.
    pub omits: bool,
    /// Digest of all by which values are derived from bronze.
    pub fingerprint: String,
}

/// Column of a table that the declaration has no more, or with another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LostColumn {
    pub name: String,
    /// Type in the table.
    pub before: String,
    /// Declared type; `None` if the column isn't declared.
    pub declared: Option<String>,
}

impl SilverShape {
    /// Returns the shape of a declared table.
    pub fn of(table: &SilverTable) -> Result<Self, SilverError> {
        let refused = |reason: String| SilverError::Declaration {
            table: table.full_name(),
            reason,
        };
        checked(table).map_err(refused)?;
        let declared = cut_fields(&table.columns).map_err(|error| refused(error.to_string()))?;
        let has_parents = table
            .inputs
            .iter()
            .any(|input| matches!(input.kind, Kind::Child(_)));
        let fixed = fixed_fields(has_parents, table.history);
        let mut names = HashSet::new();
        let fields: Vec<_> = declared
            .iter()
            .map(|field| field.as_ref().clone())
            .collect();
        let fields: Vec<_> = fields.into_iter().chain(fixed).collect();
        let of_partition = table.partition_by.is_some().then_some(MONTH);
        let all = fields.iter().map(|field| field.name().as_str());
        for name in all.chain(of_partition) {
            if !names.insert(name.to_lowercase()) {
                return Err(refused(format!(
                    "`{name}` is the name of two columns; `month` and names that begin with `_` are the table's own"
                )));
            }
        }
        let files = Schema::new(fields);
        let columns: StructType = (&files)
            .try_into_kernel()
            .map_err(|error| refused(format!("{error}")))?;
        let month = of_partition.map(|name| StructField::nullable(name, DeltaType::STRING));
        let columns = StructType::try_new(columns.fields().cloned().chain(month))
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            name: table.full_name(),
            prefix: table.prefix.clone(),
            files: Arc::new(files),
            table: Arc::new(columns),
            date: table.partition_by.clone(),
            history: table.history,
            omits: table.deleted == DeletedRows::Omit,
            fingerprint: fingerprint(table),
        })
    }

    /// Returns the month of a row: `2025-10`. `None` for a row without a date, or a table without partitions.
    pub fn month(&self, batch: &RecordBatch, row: usize) -> Option<String> {
        let column = batch.column_by_name(self.date.as_deref()?)?;
        if column.is_null(row) {
            return None;
        }
        let date = match column.data_type() {
            DataType::Date32 => {
                let days = column.as_primitive_opt::<Date32Type>()?.value(row);
                NaiveDate::from_epoch_days(days)?
            }
            _ => {
                let micros = column.as_primitive_opt::<TimestampMicrosecondType>()?;
                DateTime::from_timestamp_micros(micros.value(row))?.date_naive()
            }
        };
        Some(date.format("%Y-%m").to_string())
    }

    /// Returns a column that a table of this schema has, and the declaration has no more, or with a type that doesn't hold all
    /// values of the one before.
    pub fn lost_column(&self, table: &StructType) -> Option<LostColumn> {
        table.fields().find_map(|column| {
            let (name, before) = (column.name(), column.data_type());
            let declared = self.table.field(name).map(|declared| declared.data_type());
            if declared.is_some_and(|now| widening::takes(now, before)) {
                return None;
            }
            Some(LostColumn {
                name: name.to_owned(),
                before: before.to_string(),
                declared: declared.map(ToString::to_string),
            })
        })
    }
}

/// Returns the columns after the declared ones.
fn fixed_fields(has_parents: bool, history: bool) -> Vec<Field> {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let date = |name| Field::new(name, DataType::Date32, true);
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
    let mut fields = vec![text(ID)];
    fields.extend(has_parents.then(|| text(PARENT_ID)));
    fields.extend([text(DELETED), text(VERSION), date(DAY)]);
    fields.push(Field::new(INGESTED_AT, instant, true));
    if history {
        fields.extend([date(VALID_FROM), date(VALID_TO)]);
    }
    fields.extend([text(ORDER), text(LISTED)]);
    fields
}

fn checked(table: &SilverTable) -> Result<(), String> {
    let Some(first) = table.inputs.first() else {
        return Err("it has no input".to_owned());
    };
    if table.inputs.len() > 999 {
        return Err("it has more than 999 inputs".to_owned());
    }
    let is_snapshot = |kind: &Kind| matches!(kind, Kind::Snapshot);
    if table.history && !table.inputs.iter().all(|input| is_snapshot(&input.kind)) {
        return Err("only tables of snapshots have a history".to_owned());
    }
    if table.history && table.deleted == DeletedRows::Omit {
        return Err("a history has all rows: rows that vanished can't be omitted".to_owned());
    }
    for input in &table.inputs {
        if input.primary_key != first.primary_key {
            return Err(format!(
                "the primary key of `{}` isn't that of `{}`",
                input.name, first.name
            ));
        }
    }
    for column in &table.columns {
        let kind = &column.column.kind;
        let is_plain = !matches!(kind, ColumnType::Struct(_));
        if !is_plain {
            return Err(format!(
                "column `{}` is a {kind}: declare its members as columns",
                column.column.name
            ));
        }
    }
    if let Some(name) = &table.partition_by {
        let kind = table
            .columns
            .iter()
            .find(|column| column.column.name == *name);
        let kind = kind.map(|column| &column.column.kind);
        let dated = [ColumnType::Date, ColumnType::Timestamp, ColumnType::Instant];
        if !kind.is_some_and(|kind| dated.contains(kind)) {
            return Err(format!(
                "`{name}`, by which it is partitioned, is no date or time"
            ));
        }
    }
    for expectation in table.expectations.iter() {
        if let Some(reason) = whole::refusal(expectation) {
            return Err(reason);
        }
    }
    Ok(())
}

/// Returns the digest of all by which the table's rows are derived from bronze.
fn fingerprint(table: &SilverTable) -> String {
    let mut text = format!(
        "{RULES}|{:?}|{}|{:?}",
        table.deleted, table.history, table.order_by
    );
    text.push_str(&format!("|{:?}", table.partition_by));
    for input in &table.inputs {
        text.push_str(&format!(
            "|{} {} {}",
            input.name, input.prefix, input.verify
        ));
    }
    for column in &table.columns {
        let (name, kind) = (&column.column.name, &column.column.kind);
        text.push_str(&format!("|{name} {kind} {:?}", column.pointers));
    }
    digest(&text)
}

/// Returns a short digest of a text.
pub(super) fn digest(text: &str) -> String {
    let hash = canonical::hash(&json::quote(text));
    hash.get(..16).unwrap_or(&hash).to_owned()
}
