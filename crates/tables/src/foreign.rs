//! Files of another writer, such as the earlier pipeline: whether a table can have them.

use delta_kernel::arrow::datatypes::{DataType, Schema as ArrowSchema};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::schema::StructType;

/// Returns why a file with these columns can't be part of a table with that schema: a column of another type, or none in
/// common. `None` if it can: a column that the file lacks is null, one that the table lacks isn't seen.
pub fn mismatch(file: &ArrowSchema, table: &StructType) -> Option<String> {
    let mut shared = 0;
    for field in file.fields() {
        let Some(column) = table.field(field.name()) else {
            continue;
        };
        let declared: Result<DataType, _> = column.data_type().try_into_arrow();
        match declared {
            Ok(declared) if agrees(field.data_type(), &declared) => shared += 1,
            _ => {
                return Some(format!(
                    "column `{}` is of type {}",
                    field.name(),
                    field.data_type()
                ));
            }
        }
    }
    (shared == 0).then(|| "it has no column of the table".to_owned())
}

fn agrees(file: &DataType, table: &DataType) -> bool {
    match (file, table) {
        (DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8) => true,
        (DataType::Struct(file), DataType::Struct(table)) => file.iter().all(|member| {
            table
                .iter()
                .find(|known| known.name() == member.name())
                .is_none_or(|known| agrees(member.data_type(), known.data_type()))
        }),
        (DataType::List(file), DataType::List(table)) => {
            agrees(file.data_type(), table.data_type())
        }
        (file, table) => file == table,
    }
}
