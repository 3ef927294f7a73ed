//! CSV bodies: each row becomes a JSON object with all columns as text, so that a row is a record like any other.
//!
//! A body is believed as a whole or not at all. CSV has no end of its own, so that each of these is an error,
//! and no page: a row with more or fewer fields than the header, quotes that aren't closed, a last row without its line
//! break (unless the declaration says that there is none), a header without the fields of the primary key.

use std::collections::HashSet;

use bronzed_model::declaration::{CsvFormat, Dataset};
use bronzed_model::json::{push_quoted, quote};

use crate::failure::snippet;

/// Reason why a body isn't CSV of the declared shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// A row has another number of fields than the header.
    #[error(
        "row {row} of the CSV has {found} fields, where {expected} are declared or in the header"
    )]
    Fields {
        /// Number of the row, counted from 1, the header included.
        row: usize,
        /// Number of its fields.
        found: usize,
        /// Number of columns.
        expected: usize,
    },
    /// A quoted field isn't closed, or followed by text.
    #[error("the quotes of row {0} of the CSV aren't closed, or stand within a field")]
    Quotes(usize),
    /// The last row has no line break.
    #[error(
        "the last row of the CSV has no line break, as if the body were cut off (where the API never \
         ends it with one: `csv.final_newline = false`)"
    )]
    CutOff,
    /// The header lacks a field of the primary key.
    #[error("the header of the CSV has no column `{0}`, which is part of the primary key")]
    NoColumn(String),
    /// The header names a column twice, or not at all.
    #[error("the header of the CSV has the column `{0}` twice, or one without a name")]
    Columns(String),
    /// The rows as JSON exceed `max_body_bytes`.
    #[error("the rows of the CSV have more than {0} bytes as JSON: raise `max_body_bytes`")]
    TooLarge(u64),
}

/// Maximum number of columns of a header.
const MOST_COLUMNS: usize = 10_000;

/// Converts a body to a JSON array with one object for each row.
///
/// # Errors
/// If the body isn't whole CSV of the declared shape: see [`CsvError`].
pub fn to_json(dataset: &Dataset, format: &CsvFormat, body: &str) -> Result<String, CsvError> {
    let mut rows = CsvRows {
        rest: body,
        delimiter: format.delimiter,
        row: 0,
        final_newline: format.final_newline,
    };
    let mut fields = Vec::new();
    let columns = match &format.columns {
        Some(columns) => columns.clone(),
        None => {
            rows.next(&mut fields, MOST_COLUMNS)?;
            let names = fields.iter().map(|name| name.trim().to_owned());
            names.collect()
        }
    };
    check_columns(dataset, &columns)?;
    let names: Vec<_> = columns.iter().map(|name| quote(name)).collect();
    let most = dataset.limits.max_body_bytes;
    let mut json = String::from("[");
    while rows.next(&mut fields, names.len())? {
        if fields.len() != names.len() {
            return Err(CsvError::Fields {
                row: rows.row,
                found: fields.len(),
                expected: names.len(),
            });
        }
        json.push_str(if json.len() == 1 { "{" } else { ",{" });
        for (position, (name, field)) in names.iter().zip(&fields).enumerate() {
            if position > 0 {
                json.push(',');
            }
            json.push_str(name);
            json.push(':');
            push_quoted(&mut json, field);
        }
        json.push('}');
        if json.len() as u64 > most {
            return Err(CsvError::TooLarge(most));
        }
    }
    json.push(']');
    Ok(json)
}

/// Checks that the columns differ, and that those of the primary key are among them.
fn check_columns(dataset: &Dataset, columns: &[String]) -> Result<(), CsvError> {
    let mut known = HashSet::new();
    for name in columns {
        if name.is_empty() || !known.insert(name) {
            return Err(CsvError::Columns(snippet(name.as_bytes())));
        }
    }
    for pointer in &dataset.primary_key {
        let name = pointer.trim_start_matches('/').replace("~1", "/");
        let name = name.replace("~0", "~");
        if !columns.contains(&name) {
            return Err(CsvError::NoColumn(name));
        }
    }
    Ok(())
}

/// Rows of a body.
struct CsvRows<'b> {
    rest: &'b str,
    delimiter: char,
    /// Number of the last row, counted from 1.
    row: usize,
    final_newline: bool,
}

impl CsvRows<'_> {
    /// Reads the next row into `fields`. Returns `false` at the end. Empty lines are skipped. A row of more than `most`
    /// fields is an error before it takes memory.
    fn next(&mut self, fields: &mut Vec<String>, most: usize) -> Result<bool, CsvError> {
        fields.clear();
        while let Some(rest) = self
            .rest
            .strip_prefix("\r\n")
            .or_else(|| self.rest.strip_prefix('\n'))
        {
            self.rest = rest;
            self.row += 1;
        }
        if self.rest.is_empty() {
            return Ok(false);
        }
        self.row += 1;
        loop {
            let field = self.field()?;
            fields.push(field);
            if fields.len() > most {
                return Err(CsvError::Fields {
                    row: self.row,
                    found: fields.len(),
                    expected: most,
                });
            }
            if let Some(rest) = self.rest.strip_prefix(self.delimiter) {
                self.rest = rest;
                continue;
            }
            let ended = self.rest.strip_prefix("\r\n");
            let ended = ended.or_else(|| self.rest.strip_prefix('\n'));
            match ended {
                Some(rest) => self.rest = rest,
                None if !self.rest.is_empty() => return Err(CsvError::Quotes(self.row)),
                None if self.final_newline => return Err(CsvError::CutOff),
                None => {}
            }
            return Ok(true);
        }
    }

    /// Reads a field up to the delimiter or the line break, which stays.
    fn field(&mut self) -> Result<String, CsvError> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([self.delimiter, '\n']);
            let (mut field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            let mut rest_from = self.rest.len() - rest.len();
            if rest.starts_with('\n') && field.ends_with('\r') {
                field = &field[..field.len() - 1];
                rest_from -= 1;
            }
            if field.contains('"') {
                return Err(CsvError::Quotes(self.row));
            }
            self.rest = &self.rest[rest_from..];
            return Ok(field.to_owned());
        };
        let mut field = String::new();
        let mut rest = quoted;
        loop {
            let Some(end) = rest.find('"') else {
                return Err(CsvError::Quotes(self.row));
            };
            field.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    rest = more;
                }
                None => break,
            }
        }
        self.rest = rest;
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn format() -> CsvFormat {
        CsvFormat {
            delimiter: ';',
            ..CsvFormat::default()
        }
    }

    fn converted(format: &CsvFormat, body: &str) -> Result<String, CsvError> {
        let mut dataset = testing::dataset();
        dataset.primary_key = vec!["/id".to_owned()];
        to_json(&dataset, format, body)
    }

    #[test]
    fn a_row_is_an_object_with_all_columns_as_text() {
        let body = "id;nome;valor\r\n1;\"São \"\"João\"\"; dois\nlinhas\";1.234,50\r\n2;;\n";
        let json = converted(&format(), body).unwrap();
        assert_eq!(
            json,
            r#"[{"id":"1","nome":"São \"João\"; dois\nlinhas","valor":"1.234,50"},{"id":"2","nome":"","valor":""}]"#
        );
        assert_eq!(converted(&format(), "id;nome\n").unwrap(), "[]");
    }

    #[test]
    fn rows_without_a_header_have_the_declared_columns() {
        let declared = CsvFormat {
            columns: Some(vec!["id".to_owned(), "n".to_owned()]),
            ..format()
        };
        assert_eq!(
            converted(&declared, "1;a\n").unwrap(),
            r#"[{"id":"1","n":"a"}]"#
        );
    }

    #[test]
    fn a_body_that_is_cut_anywhere_is_no_page() {
        let whole = "id;nome\r\n1;\"a;b\"\r\n2;c\r\n";
        assert!(converted(&format(), whole).is_ok());
        let rows = ["id;nome\r\n", "id;nome\r\n1;\"a;b\"\r\n"];
        for end in 0..whole.len() {
            let cut = &whole[..end];
            // Only where a row ends does a shorter body look whole; the proof of the walk sees that.
            let looks_whole = rows.contains(&cut);
            assert_eq!(converted(&format(), cut).is_ok(), looks_whole, "{cut:?}");
        }
        let open = CsvFormat {
            final_newline: false,
            ..format()
        };
        assert!(converted(&open, "id;nome\n1;a").is_ok());
        assert!(converted(&open, "id;nome\n1").is_err());
    }

    #[test]
    fn what_is_no_table_with_the_key_is_no_page() {
        for (body, part) in [
            ("Erro interno\n", "no column `id`"),
            ("{\"erro\":\"x\"}\n", "quotes of row 1"),
            ("id;id\n", "`id` twice"),
            ("id;\n", "without a name"),
            ("id;nome\n1;a;b\n", "row 2 of the CSV has 3 fields"),
            ("id;nome\n1;a\"b\n", "quotes of row 2"),
            ("id;nome\n1;\"a\"b\n", "quotes of row 2"),
            ("", "no column `id`"),
        ] {
            let error = converted(&format(), body).unwrap_err().to_string();
            assert!(error.contains(part), "{body:?}: {error}");
        }
    }

    #[test]
    fn long_names_of_columns_do_not_fill_the_memory() {
        let mut dataset = testing::dataset();
        dataset.primary_key = vec!["/id".to_owned()];
        dataset.limits.max_body_bytes = 10_000;
        let header = format!("id;{}\n", "n".repeat(5_000));
        let body = header + &"1;2\n".repeat(100);
        let error = to_json(&dataset, &format(), &body).unwrap_err();
        assert_eq!(error, CsvError::TooLarge(10_000));
    }
}
