//! Rows of datasets and silver tables, for commands that need no engine: tables by name, their files, and conditions.

mod filter;
mod table;

pub use filter::RowFilter;
pub use table::{NamedTable, ReadableFile, TableSpan};

use bronzed_model::json::tape::Value;

/// Returns the value at a path of names joined by dots.
pub fn at<'a>(value: Value<'a>, path: &str) -> Option<Value<'a>> {
    let mut value = value;
    for name in path.split('.') {
        value = value.object()?.get(name)?;
    }
    Some(value)
}

/// Returns the top-level column that a path leads into.
pub fn root(path: &str) -> String {
    let (root, _) = path.split_once('.').unwrap_or((path, ""));
    root.to_owned()
}
