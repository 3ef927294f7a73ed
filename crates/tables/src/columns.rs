//! Schema of a Delta table: the columns of its files, and those of its partitions.

use std::sync::Arc;

use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze;
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
use delta_kernel::expressions::ColumnName;
use delta_kernel::schema::{DataType, SchemaRef, StructField, StructType};

use crate::error::DeltaError;

/// Columns of the partitions, in the order of the folders. They are text, as the folders have them: `2025`, `10`, `07`.
pub const PARTITION_COLUMNS: [&str; 3] = ["year", "month", "day"];

/// Returns the schema of the dataset's Delta table.
///
/// # Errors
/// Returns an error if the format can't have such columns: two whose names differ in case only, or one named as a
/// partition.
pub fn table_schema(dataset: &Dataset) -> Result<SchemaRef, DeltaError> {
    let refused = |reason: String| DeltaError::Columns {
        prefix: dataset.prefix.clone(),
        reason,
    };
    let files =
        bronze::arrow_schema(&dataset.schema).map_err(|error| refused(error.to_string()))?;
    let files: StructType = (&files)
        .try_into_kernel()
        .map_err(|error| refused(error.to_string()))?;
    let partitions = PARTITION_COLUMNS
        .iter()
        .map(|name| StructField::nullable(*name, DataType::STRING));
    let fields = files.fields().cloned().chain(partitions);
    let schema = StructType::try_new(fields).map_err(|error| refused(error.to_string()))?;
    Ok(Arc::new(schema))
}

/// A column, or a member of one, that a table lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedColumn {
    /// Path of the column that it is a member of; empty for a column of its own.
    pub parent: ColumnName,
    /// The column.
    pub field: StructField,
}

/// Returns the columns that a table's schema lacks, members of nested columns included.
pub fn added(declared: &StructType, table: &StructType) -> Vec<AddedColumn> {
    let mut found = Vec::new();
    lacking(&[], declared, table, &mut found);
    found
}

fn lacking(
    parent: &[String],
    declared: &StructType,
    table: &StructType,
    found: &mut Vec<AddedColumn>,
) {
    for field in declared.fields() {
        match table.field(field.name()) {
            None => found.push(AddedColumn {
                parent: ColumnName::new(parent),
                field: field.clone(),
            }),
            Some(known) => {
                let path = [parent, std::slice::from_ref(field.name())].concat();
                lacking_within(path, field.data_type(), known.data_type(), found);
            }
        }
    }
}

fn lacking_within(
    mut path: Vec<String>,
    declared: &DataType,
    table: &DataType,
    found: &mut Vec<AddedColumn>,
) {
    match (declared, table) {
        (DataType::Struct(declared), DataType::Struct(table)) => {
            lacking(&path, declared, table, found);
        }
        (DataType::Array(declared), DataType::Array(table)) => {
            path.push("element".to_owned());
            lacking_within(path, declared.element_type(), table.element_type(), found);
        }
        _ => {}
    }
}
