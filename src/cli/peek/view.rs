//! Rows as a table, as CSV or as JSON.

use std::borrow::Cow;

use clap::ValueEnum;
use console::{measure_text_width, truncate_str};

use crate::cli::rows::at;
use crate::cli::say;
use crate::cli::text::{Paint, Screen};
use bronzed_model::json::{
    self, Kind,
    tape::{Document, TapeError, Value},
};

/// Width to which a cell is cut on a terminal.
const CELL: usize = 40;
/// Space between two columns.
const GAP: usize = 2;

/// Form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PeekFormat {
    /// A table that fits the terminal
    Table,
    /// Comma-separated values; nested ones as JSON
    Csv,
    /// One JSON object a line
    Json,
}

/// A row as a JSON object.
#[derive(Debug)]
pub struct PeekedRow(Document);

impl PeekedRow {
    /// Parses a row.
    ///
    /// # Errors
    /// Returns an error if the text isn't JSON.
    pub fn parse(text: String) -> Result<Self, TapeError> {
        Ok(Self(Document::parse(text)?))
    }

    /// Returns the object.
    pub fn value(&self) -> Value<'_> {
        self.0.value()
    }

    fn text(&self, path: &str) -> Cow<'_, str> {
        match at(self.value(), path) {
            None => Cow::Borrowed(""),
            Some(value) if value.is_null() => Cow::Borrowed(""),
            Some(value) => value.string().unwrap_or(Cow::Borrowed(value.text())),
        }
    }
}

/// Prints the rows.
pub fn print(format: PeekFormat, columns: &[String], rows: &[PeekedRow], screen: Screen) {
    match format {
        PeekFormat::Json => rows.iter().for_each(|row| say(&as_json(columns, row))),
        PeekFormat::Csv => {
            say(&csv_line(
                columns.iter().map(|name| Cow::Borrowed(name.as_str())),
            ));
            for row in rows {
                say(&csv_line(columns.iter().map(|path| row.text(path))));
            }
        }
        PeekFormat::Table => say(&table(columns, rows, screen)),
    }
}

fn as_json(columns: &[String], row: &PeekedRow) -> String {
    let mut out = String::from("{");
    for path in columns {
        let Some(value) = at(row.value(), path).filter(|value| value.kind() != Kind::Null) else {
            continue;
        };
        if out.len() > 1 {
            out.push(',');
        }
        json::push_quoted(&mut out, path);
        out.push(':');
        out.push_str(value.text());
    }
    out.push('}');
    out
}

/// Returns a line of CSV, with quotes where a reader needs them.
fn csv_line<'t>(cells: impl Iterator<Item = Cow<'t, str>>) -> String {
    let cells = cells.map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\""))),
        false => cell,
    });
    cells.collect::<Vec<_>>().join(",")
}

/// Returns a table. On a terminal, cells are cut, columns without a value are left out, and so are those at the end that don't
/// fit.
fn table(columns: &[String], rows: &[PeekedRow], screen: Screen) -> String {
    let cell = |row: &PeekedRow, path: &str| {
        let text = row.text(path).replace(char::is_control, " ");
        match screen.width {
            Some(_) => truncate_str(&text, CELL, "…").into_owned(),
            None => text,
        }
    };
    let (mut shown, mut used) = (Vec::new(), 0);
    for path in columns {
        let cells: Vec<_> = rows.iter().map(|row| cell(row, path)).collect();
        if cells.iter().all(String::is_empty) && screen.width.is_some() {
            continue;
        }
        let widths = cells.iter().map(|cell| measure_text_width(cell));
        let width = widths.chain([measure_text_width(path)]).max().unwrap_or(0);
        if !shown.is_empty() && screen.width.is_some_and(|all| used + GAP + width > all) {
            continue;
        }
        used += GAP + width;
        shown.push((path, cells, width));
    }
    let padded = |text: &str, width: usize| {
        let pad = width.saturating_sub(measure_text_width(text));
        format!("{text}{:pad$}", "")
    };
    let gap = " ".repeat(GAP);
    let names = shown.iter().map(|(path, _, width)| padded(path, *width));
    let names = names.collect::<Vec<_>>().join(&gap);
    let mut lines = vec![screen.paint(Paint::Bold, names.trim_end())];
    for row in 0..rows.len() {
        let cells = shown
            .iter()
            .map(|(_, cells, width)| padded(cells.get(row).map_or("", String::as_str), *width));
        lines.push(cells.collect::<Vec<_>>().join(&gap).trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<PeekedRow> {
        let texts = [
            r#"{"id":"1","valor":1234567890123456789.10,"orgao":{"cnpj":"00,1"}}"#,
            r#"{"id":"2","orgao":{"cnpj":"a \"b\""}}"#,
        ];
        texts
            .map(|text| PeekedRow::parse(text.to_owned()).unwrap())
            .into()
    }

    fn columns() -> Vec<String> {
        ["id", "valor", "orgao.cnpj", "nada"]
            .map(str::to_owned)
            .into()
    }

    #[test]
    fn numbers_are_shown_digit_by_digit_and_members_by_dots() {
        let rows = rows();
        assert_eq!(
            as_json(&columns(), &rows[0]),
            r#"{"id":"1","valor":1234567890123456789.10,"orgao.cnpj":"00,1"}"#
        );
        let line = |row: &PeekedRow| {
            csv_line(
                ["id", "valor", "orgao.cnpj"]
                    .iter()
                    .map(|path| row.text(path))
                    .collect::<Vec<_>>()
                    .into_iter(),
            )
        };
        assert_eq!(line(&rows[0]), r#"1,1234567890123456789.10,"00,1""#);
        assert_eq!(line(&rows[1]), r#"2,,"a ""b""""#);
    }

    #[test]
    fn a_table_fits_the_terminal_and_is_whole_when_piped() {
        let narrow = Screen {
            width: Some(30),
            color: false,
        };
        let text = table(&columns(), &rows(), narrow);
        assert_eq!(text, "id  valor\n1   1234567890123456789.10\n2");
        let piped = table(
            &columns(),
            &rows(),
            Screen {
                width: None,
                color: false,
            },
        );
        assert!(
            piped.contains("orgao.cnpj") && piped.contains("nada"),
            "{piped}"
        );
    }
}
