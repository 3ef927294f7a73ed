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

use std::sync::Arc;

use super::Build;
use crate::document::{Node, TomlDocument, Value};
use crate::nearest::nearest;
use crate::path::KeyPath;
use bronzed_model::problem::{Location, Problems};
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
    let file = TomlDocument::parse(name.clone(), text, problems);
    if file.garbled {
        return None;
    }
    let mut reader = ColumnsReader { name, problems };
    for (key, node) in file
        .root
        .entries()
        .iter()
        .filter(|(key, _)| key != "columns")
    {
        reader.complain(
            node.line,
            format!("unknown key `{key}`"),
            "columns stand under [columns]",
        );
    }
    let columns = match file.root.get("columns") {
        Some(node) => reader.members("columns", node, &METADATA_COLUMNS),
        None => {
            reader.complain(
                1,
                "there is no [columns] here",
                "declare one column or more under [columns]",
            );
            Vec::new()
        }
    };
    if let Some((line, name, table)) = strayed(&file.root, text) {
        let what = format!("`{name}` is a member of `{table}`, the table above it");
        let hint =
            format!("a column `{name}` stands under [columns], before the first nested table");
        problems.warn(Location::File(file.name, Some(line)), what, hint);
    }
    (problems.iter().len() == before).then_some(Schema { columns })
}

struct ColumnsReader<'a> {
    name: Arc<str>,
    problems: &'a mut Problems,
}

impl ColumnsReader<'_> {
    fn complain(&mut self, line: usize, what: impl Into<String>, instead: impl Into<String>) {
        let place = Location::File(self.name.clone(), Some(line));
        self.problems.note(place, what, instead);
    }

    fn members(&mut self, path: &str, node: &Node, taken: &[&str]) -> Vec<Column> {
        let entries = node.entries();
        if entries.is_empty() {
            let what = format!("`{path}` declares no fields");
            self.complain(node.line, what, "declare one or more: name = \"string\"");
        }
        let mut columns = Vec::new();
        for (position, (name, node)) in entries.iter().enumerate() {
            let path = format!("{path}.{name}");
            let of_path = !taken.is_empty() && is_one_of(&PARTITION_COLUMNS, name);
            let before = entries[..position].iter().map(|(other, _)| other);
            let twin = before.clone().find(|other| is_same(other, name));
            if let Some(twin) = twin {
                self.complain(
                    node.line,
                    format!(
                        "`{path}` and `{twin}` differ in case only, and readers such as DuckDB take \
                         them for one name"
                    ),
                    "leave one of them out: a field that isn't declared is kept in `_extra`, under \
                     its own name",
                );
            } else if is_one_of(taken, name) || of_path {
                self.complain(
                    node.line,
                    format!("`{path}` has the name of a column that every table has"),
                    "leave it out: a field that isn't declared is kept in `_extra`",
                );
            } else if let Some(kind) = self.kind(&path, node) {
                columns.push(Column {
                    name: name.clone(),
                    kind,
                });
            }
        }
        columns
    }

    fn kind(&mut self, path: &str, node: &Node) -> Option<ColumnType> {
        match &node.value {
            Value::Text(text) => self.named_type(path, node.line, text),
            Value::Table(_) => Some(ColumnType::Struct(self.members(path, node, &[]))),
            Value::List(elements) => match elements.as_slice() {
                [element] => Some(ColumnType::List(Box::new(self.kind(path, element)?))),
                _ => {
                    let what = format!("`{path}` is a list of {} types", elements.len());
                    self.complain(
                        node.line,
                        what,
                        "write the one type of its elements: [\"string\"]",
                    );
                    None
                }
            },
            other => {
                let what = format!("`{path}` is {}", other.describe());
                self.complain(node.line, what, TYPES_SHOWN);
                None
            }
        }
    }

    fn named_type(&mut self, path: &str, line: usize, text: &str) -> Option<ColumnType> {
        match text {
            "string" => Some(ColumnType::String),
            "int64" => Some(ColumnType::Int64),
            "boolean" => Some(ColumnType::Boolean),
            "date" => Some(ColumnType::Date),
            "timestamp" => Some(ColumnType::Timestamp),
            "instant" => Some(ColumnType::Instant),
            _ => match decimal(text) {
                Some((precision, scale)) if (1..=38).contains(&precision) && scale <= precision => {
                    Some(ColumnType::Decimal { precision, scale })
                }
                Some(_) => {
                    let hint = "write 1 to 38 digits in all, and no more of them after the point";
                    self.complain(line, format!("`{path} = \"{text}\"` is out of range"), hint);
                    None
                }
                None => {
                    let what = format!("`{path} = \"{text}\"` is not a type");
                    let instead = match nearest(text, TYPES.into_iter()) {
                        Some(near) => format!("did you mean \"{near}\"? {TYPES_SHOWN}"),
                        None => TYPES_SHOWN.to_owned(),
                    };
                    self.complain(line, what, instead);
                    None
                }
            },
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
/// as a column but, appended there, became a member of that table. Returns its line, its name and the path of
/// the table.
fn strayed(root: &Node, text: &str) -> Option<(usize, String, String)> {
    let columns = root.get("columns")?;
    let (mut table, mut path) = (columns, "columns".to_owned());
    let (name, last) = loop {
        let (name, last) = table.entries().iter().max_by_key(|(_, node)| end(node))?;
        match &last.value {
            Value::Table(members) if members.first().is_some_and(|(_, it)| it.line > last.line) => {
                (table, path) = (last, format!("{path}.{name}"));
            }
            _ => break (name, last),
        }
    };
    if std::ptr::eq(table, columns) {
        return None;
    }
    // Misplaced if an empty line separates it from the other members, or a column has its name.
    let above = text.lines().nth(last.line.checked_sub(2)?)?;
    let parted = above.trim().is_empty();
    let known = columns.get(name).is_some();
    (parted || known).then(|| (last.line, name.clone(), path))
}

/// Returns the last line of a node's content.
fn end(node: &Node) -> usize {
    let inner = match &node.value {
        Value::Table(entries) => entries.iter().map(|(_, node)| end(node)).max(),
        Value::List(elements) => elements.iter().map(end).max(),
        _ => None,
    };
    inner.unwrap_or_default().max(node.line)
}

/// Parses precision and scale of `decimal(18,4)`.
fn decimal(text: &str) -> Option<(u8, u8)> {
    let digits = text.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}
