//! Reads the changes that a snapshot's file records: new, changed and vanished records.
//!
//! Reads only the metadata columns needed for that, not the records.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use bytes::Bytes;

use super::BronzeError;
use super::metadata::{KEY, OP, SLICE, VERSION};
use super::reader::{open, read};
pub use super::writer::Op;

/// One changed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonEvent<'a> {
    /// The record's id without its version.
    pub key: &'a str,
    /// Version of the record in this row.
    pub version: &'a str,
    /// Slice from which the record was read, if it was read.
    pub slice: Option<&'a str>,
    /// Kind of change.
    pub op: Op,
}

/// Passes the events of a file to `each`, in row order. Skips rows without a key or a version, which this
/// program doesn't write into snapshots.
///
/// # Errors
/// Returns an error if the file isn't Parquet.
pub fn events(bytes: &Bytes, mut each: impl FnMut(JsonEvent<'_>)) -> Result<(), BronzeError> {
    let wanted = [KEY, VERSION, SLICE, OP];
    for batch in read(open(bytes)?, |name| wanted.contains(&name))? {
        let batch = batch?;
        let [keys, versions, slices, ops] = wanted.map(|name| column(&batch, name));
        for row in 0..batch.num_rows() {
            let (Some(key), Some(version)) = (text(keys, row), text(versions, row)) else {
                continue;
            };
            each(JsonEvent {
                key,
                version,
                slice: text(slices, row),
                op: text(ops, row).and_then(Op::named).unwrap_or(Op::New),
            });
        }
    }
    Ok(())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    let column = column.filter(|column| column.is_valid(row))?;
    Some(column.value(row))
}
