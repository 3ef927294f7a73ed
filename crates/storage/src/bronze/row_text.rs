//! Rows as JSON text with their metadata columns, for those who look at them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;

use super::BronzeError;
use super::metadata::{EXTRA, ID};
use super::reader::{open, read};
use super::rebuild::Row;

/// Returns the rows of a Parquet file, whoever wrote it, each as the text of a JSON object: the columns that are `wanted`, and
/// of a file of this program what `_extra` holds beside them. Members that are null are left out. Numbers are exact.
///
/// # Errors
/// Returns an error if the file isn't Parquet, or a column has no form in JSON.
pub fn row_texts<F: Fn(&str) -> bool>(
    bytes: &Bytes,
    wanted: F,
) -> Result<impl Iterator<Item = Result<String, BronzeError>> + use<F>, BronzeError> {
    let file = open(bytes)?;
    let ours = file.schema().column_with_name(ID).is_some();
    let batches = read(file, move |name| wanted(name) || (ours && name == EXTRA))?;
    let mut before = 0;
    Ok(batches.flat_map(move |batch| {
        let texts = batch.and_then(|batch| {
            let texts = texts(&batch, ours, before);
            before += batch.num_rows();
            texts
        });
        match texts {
            Ok(texts) => texts.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    }))
}

/// Returns the rows of a batch, of which `before` rows were before it in a file, as JSON text.
pub(super) fn texts(
    batch: &RecordBatch,
    ours: bool,
    before: usize,
) -> Result<Vec<String>, BronzeError> {
    let schema = batch.schema_ref();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns
        .filter(|(field, _)| !(ours && field.name() == EXTRA))
        .map(|(field, array)| (field, array.as_ref()));
    let row = Row::new(columns, "")?;
    let extra = batch.column_by_name(EXTRA).filter(|_| ours);
    let extra = extra.and_then(|array| array.as_string_opt::<i32>());
    let text = |position: usize| {
        let beside = extra.filter(|array| array.is_valid(position));
        let beside = beside.map(|array| array.value(position));
        let mut text = String::new();
        let pushed = row.push(position, beside, &mut text);
        pushed.map_err(|error| BronzeError::Extra {
            row: before + position,
            error,
        })?;
        Ok(text)
    };
    (0..batch.num_rows()).map(text).collect()
}
