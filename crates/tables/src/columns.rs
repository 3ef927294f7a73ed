//! Schema of a Delta table: the columns of its files, and those of its partitions.

use std::sync::Arc;

use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze;
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
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

/// Returns the top-level columns that a table's schema lacks. Members that were added to a nested column aren't among them.
pub fn added<'s>(declared: &'s StructType, table: &StructType) -> Vec<&'s StructField> {
    let columns = declared.fields();
    columns
        .filter(|column| table.field(column.name()).is_none())
        .collect()
}
