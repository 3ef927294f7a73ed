//! Rows as CSV, quoted as RFC 4180 has it.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::ExportError;
use crate::bronze::BronzeError;
use crate::bronze::rebuild::Cells;

/// Writes the names of the columns.
pub(super) fn header(schema: &Schema, out: &mut impl Write) -> Result<(), ExportError> {
    let mut line = String::new();
    for (at, field) in schema.fields().iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        push_text(&mut line, field.name());
    }
    line.push('\n');
    Ok(out.write_all(line.as_bytes())?)
}

/// Writes the rows.
pub(super) fn rows(batch: &RecordBatch, out: &mut impl Write) -> Result<(), ExportError> {
    let schema = batch.schema_ref();
    let failed = |error| ExportError::File {
        key: "a column".to_owned(),
        error,
    };
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, array)| Cells::new(array.as_ref(), field.name()));
    let columns: Vec<_> = columns.collect::<Result<_, _>>().map_err(failed)?;
    let (mut line, mut value) = (String::new(), String::new());
    for row in 0..batch.num_rows() {
        line.clear();
        for (at, cells) in columns.iter().enumerate() {
            if at > 0 {
                line.push(',');
            }
            value.clear();
            let pushed = cells.push(row, None, &mut value);
            let pushed = pushed.map_err(|error| failed(BronzeError::Extra { row, error }))?;
            if !pushed {
                continue;
            }
            match value.starts_with('"') {
                true => {
                    let text: Result<String, _> = serde_json::from_str(&value);
                    push_text(&mut line, &text.map_err(std::io::Error::from)?);
                }
                false => push_text(&mut line, &value),
            }
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Pushes a cell. An empty text is in quotes, so that it isn't a null.
fn push_text(line: &mut String, text: &str) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        line.push_str(text);
        return;
    }
    line.push('"');
    for c in text.chars() {
        if c == '"' {
            line.push('"');
        }
        line.push(c);
    }
    line.push('"');
}
