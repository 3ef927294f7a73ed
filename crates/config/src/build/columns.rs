//! Parses the columns of a dataset, in a file of their own.
//!
//! ```toml
//! [columns]
//! numeroControlePNCP = "string"        # int64, boolean, date, timestamp, instant
//! valorTotalEstimado = "decimal(18,4)"
//! palavras = ["string"]                # a list
//! [columns.orgaoEntidade]              # a struct
//! cnpj = "string"
//! [[columns.fontesOrcamentarias]]      # a list of structs, declared by its one element
//! codigo = "int64"
//! ```
//!
//! What they mean stands below, under `[descriptions]`.

mod descriptions;

use std::sync::Arc;

use toml::{Table, Value};

use super::Build;
use crate::document::TomlDocument;
use crate::nearest::nearest;
use crate::path::KeyPath;
use crate::read::describe;
use bronzed_model::problem::Problems;
use bronzed_model::schema::{Column, ColumnType, METADATA_COLUMNS, PARTITION_COLUMNS, Schema};

const TYPES: [&str; 7] = [
    "string",
    "int64",
    "boolean",
    "decimal(18,4)",
    "date",
    "timestamp",
    "instant",
];
const TYPES_SHOWN: &str =
    "types are string, int64, boolean, decimal(18,4), date, timestamp and instant";

impl Build<'_> {
    /// Returns the schema that a dataset references. `None` if it is invalid, which is reported.
    pub fn schema(&mut self, path: &KeyPath, named: &str) -> Option<Schema> {
        let text = self.text_of(path, named)?;
        let name = self.files.name(&self.named_file(path, named));
        parse(name, &text, self.problems)
    }
}

/// Parses a file of columns. `None` if it has errors, which are reported.
pub fn parse(name: Arc<str>, text: &str, problems: &mut Problems) -> Option<Schema> {
    let before = problems.iter().len();
    let document = TomlDocument::parse(name, text, problems);
    if document.garbled {
        return None;
    }
    let mut reader = ColumnsReader {
        document: &document,
        problems,
    };
    let top = KeyPath::default();
    let keys = document.root.as_table().into_iter().flat_map(Table::keys);
    for key in keys.filter(|key| !matches!(key.as_str(), "columns" | "descriptions")) {
        let what = format!("unknown key `{key}`");
        reader.complain(&top.key(key), what, "columns stand under [columns]");
    }
    let mut columns = match document.root.get("columns") {
        Some(columns) => reader.members(&top.key("columns"), columns, &METADATA_COLUMNS),
        None => {
            let hint = "declare one column or more under [columns]";
            reader.complain(&top, "there is no [columns] here", hint);
            Vec::new()
        }
    };
    let refused = reader.problems.iter().len() > before;
    let (path, said) = (top.key("descriptions"), document.root.get("descriptions"));
    let description = said.and_then(|table| reader.describe(&path, table, &mut columns, refused));
    if let Some(path) = strayed(&document, text) {
        let (table, name) = path.split();
        let what = format!("`{name}` is a member of `{table}`, the table above it");
        let hint =
            format!("a column `{name}` stands under [columns], before the first nested table");
        problems.warn(document.place(&path), what, hint);
    }
    (problems.iter().len() == before).then_some(Schema {
        columns,
        description,
    })
}

struct ColumnsReader<'a> {
    document: &'a TomlDocument,
    problems: &'a mut Problems,
}

impl ColumnsReader<'_> {
    fn complain(&mut self, path: &KeyPath, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.note(self.document.place(path), what, hint);
    }

    /// Reports a problem that goes on after the name of the column; the one element of a list has its name.
    fn refuse(&mut self, path: &KeyPath, problem: &str, hint: impl Into<String>) {
        self.complain(path, format!("`{}{problem}", path.keys_alone()), hint);
    }

    /// Returns the members of a table of columns; names that are `taken` are refused.
    fn members(&mut self, path: &KeyPath, table: &Value, taken: &[&str]) -> Vec<Column> {
        let empty = Table::new();
        let table = table.as_table().unwrap_or(&empty);
        if table.is_empty() {
            let hint = "declare one or more: name = \"string\"";
            self.refuse(path, "` declares no fields", hint);
        }
        let mut columns = Vec::new();
        for (position, (name, value)) in table.iter().enumerate() {
            let path = path.key(name);
            let of_path = !taken.is_empty() && is_one_of(&PARTITION_COLUMNS, name);
            let mut before = table.keys().take(position);
            if let Some(twin) = before.find(|other| is_same(other, name)) {
                let problem = format!(
                    "` and `{twin}` differ in case only, and readers such as DuckDB take them for one \
                     name"
                );
                let hint = "leave one of them out: a field that isn't declared is kept in `_extra`, \
                            under its own name";
                self.refuse(&path, &problem, hint);
            } else if is_one_of(taken, name) || of_path {
                let hint = "leave it out: a field that isn't declared is kept in `_extra`";
                self.refuse(
                    &path,
                    "` has the name of a column that every table has",
                    hint,
                );
            } else if let Some(kind) = self.kind(&path, value) {
                let name = name.clone();
                columns.push(Column::new(name, kind));
            }
        }
        columns
    }

    fn kind(&mut self, path: &KeyPath, value: &Value) -> Option<ColumnType> {
        let (problem, hint) = match value {
            Value::String(text) => return self.named_type(path, text),
            Value::Table(_) => return Some(ColumnType::Struct(self.members(path, value, &[]))),
            Value::Array(elements) => match elements.as_slice() {
                [element] => {
                    return self
                        .kind(&path.index(0), element)
                        .map(Box::new)
                        .map(ColumnType::List);
                }
                _ => (
                    format!("` is a list of {} types", elements.len()),
                    "write the one type of its elements: [\"string\"]",
                ),
            },
            other => (format!("` is {}", describe(other)), TYPES_SHOWN),
        };
        self.refuse(path, &problem, hint);
        None
    }

    fn named_type(&mut self, path: &KeyPath, text: &str) -> Option<ColumnType> {
        let report = |WrongType { problem, hint }| self.refuse(path, &problem, hint);
        named_type(text).map_err(report).ok()
    }
}

/// Problem of a text that is not a type; `problem` goes on after the name of its key.
pub struct WrongType {
    /// The problem.
    pub problem: String,
    /// Way to a right one.
    pub hint: String,
}

/// Returns the type of a single value that a text names.
pub fn named_type(text: &str) -> Result<ColumnType, WrongType> {
    let wrong = |problem: &str, hint: String| WrongType {
        problem: format!(" = \"{text}\"` is {problem}"),
        hint,
    };
    match (text, decimal(text)) {
        ("string", _) => Ok(ColumnType::String),
        ("int64", _) => Ok(ColumnType::Int64),
        ("boolean", _) => Ok(ColumnType::Boolean),
        ("date", _) => Ok(ColumnType::Date),
        ("timestamp", _) => Ok(ColumnType::Timestamp),
        ("instant", _) => Ok(ColumnType::Instant),
        (_, Some((precision, scale))) if (1..=38).contains(&precision) && scale <= precision => {
            Ok(ColumnType::Decimal { precision, scale })
        }
        (_, Some(_)) => {
            let hint = "write 1 to 38 digits in all, and no more of them after the point";
            Err(wrong("out of range", hint.to_owned()))
        }
        (_, None) => {
            let hint = match nearest(text, TYPES.into_iter()) {
                Some(near) => format!("did you mean \"{near}\"? {TYPES_SHOWN}"),
                None => TYPES_SHOWN.to_owned(),
            };
            Err(wrong("not a type", hint))
        }
    }
}

/// Returns `true` if two names are equal for case-insensitive readers.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|taken| is_same(taken, name))
}

/// Finds a misplaced column: the last field of a file that ends with a nested table, if it was probably meant
/// as a column but, appended there, became a member of that table.
fn strayed(document: &TomlDocument, text: &str) -> Option<KeyPath> {
    let columns = KeyPath::default().key("columns");
    let columns = || (document.lines.iter()).filter(|(path, _)| path.starts_with(&columns));
    let last_line = columns().map(|(_, line)| line).max()?;
    // Of an inline table on the last line, the key is meant that has the table.
    let of_line = columns().filter(|(_, line)| *line == last_line);
    let (last, _) = of_line.min_by_key(|(path, _)| path.steps().len())?;
    let nested = last.steps().len() > 2
        && last
            .steps()
            .iter()
            .all(|step| KeyPath::position(step).is_none());
    // Misplaced if an empty line separates it from the other members, or a column has its name.
    let above = text.lines().nth(last_line.checked_sub(2)?)?;
    let known = document.root.get("columns")?.get(last.split().1).is_some();
    (nested && (above.trim().is_empty() || known)).then(|| last.clone())
}

/// Parses precision and scale of `decimal(18,4)`.
fn decimal(text: &str) -> Option<(u8, u8)> {
    let digits = text.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}
