//! What the rows of a snapshot's files say of its table: which records were new, changed or gone.
//!
//! Of a row's columns only those are read that tell so; the record itself isn't.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use bytes::Bytes;

use super::BronzeError;
use super::metadata::{KEY, OP, SLICE, VERSION};
use super::reader::{open, read};
pub use super::writer::Op;

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The record's id without its version.
    pub key: &'a str,
    /// The version of it that the row is.
    pub version: &'a str,
    /// The slice that it was read from, where it was read.
    pub slice: Option<&'a str>,
    /// What became of the record.
    pub op: Op,
}

/// Hands the events of a file to `each`, in their order. Rows without a key or a version, which
/// this program doesn't write into snapshots, say nothing.
///
/// # Errors
/// When the file isn't Parquet.
pub fn events(bytes: &Bytes, mut each: impl FnMut(Event<'_>)) -> Result<(), BronzeError> {
    let wanted = [KEY, VERSION, SLICE, OP];
    for batch in read(open(bytes)?, |name| wanted.contains(&name))? {
        let batch = batch?;
        let [keys, versions, slices, ops] = wanted.map(|name| column(&batch, name));
        for row in 0..batch.num_rows() {
            let (Some(key), Some(version)) = (text(keys, row), text(versions, row)) else {
                continue;
            };
            each(Event {
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
