//! Parsed TOML file: a tree in which every value has its line.
//!
//! All syntax errors of a file are reported at once. The tree of a file with syntax errors is not worth
//! checking, because one malformed line can change the meaning of others.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::path::KeyPath;
use bronzed_model::problem::{Location, Problems};

/// Parsed file.
#[derive(Debug)]
pub struct TomlDocument {
    /// Name of the file in problems.
    pub name: Arc<str>,
    /// Top-level table.
    pub root: Node,
    /// `true` if the text has syntax errors.
    pub garbled: bool,
}

/// Value and its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line, counted from 1; for the value of a key, the line of the key.
    pub line: usize,
    /// Value.
    pub value: Value,
}

/// TOML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer; clamped to 64 bits.
    Integer(i64),
    /// A float.
    Float(f64),
    /// `true` or `false`
    Boolean(bool),
    /// A date, a time, or both, as written.
    Date(String),
    /// An array, or an array of tables.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Table(Vec<(String, Node)>),
}

impl TomlDocument {
    /// Parses the text of a file, and reports syntax errors to `problems`.
    pub fn parse(name: Arc<str>, text: &str, problems: &mut Problems) -> Self {
        let lines = LineIndex::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        let (twice, garbled): (Vec<_>, Vec<_>) = errors
            .iter()
            .partition(|error| error.message() == "duplicate key");
        let start = |error: &toml::de::Error| error.span().unwrap_or_default().start;
        let place = |error| Location::File(name.clone(), Some(lines.line(start(error))));
        for error in &garbled {
            let what = format!("this isn't TOML: {}", error.message());
            let hint = "mend the line; a text stands in \"quotes\"";
            problems.note(place(error), what, hint);
        }
        // A malformed line can make other keys look like duplicates.
        for error in twice.iter().filter(|_| garbled.is_empty()) {
            let (what, instead) = said_twice(text, lines.range(start(error)));
            problems.note(place(error), what, instead);
        }
        let garbled = !garbled.is_empty();
        Self {
            name,
            root: Node {
                line: 1,
                value: lines.table(table.into_inner()),
            },
            garbled,
        }
    }
}

impl Node {
    /// Returns the value of a key, or of a position such as `[0]` in a list. `None` if it isn't there.
    pub fn get(&self, step: &str) -> Option<&Self> {
        if let Value::List(elements) = &self.value {
            return elements.get(position(step)?);
        }
        let mut entries = self.entries().iter();
        entries.find(|(name, _)| name == step).map(|(_, node)| node)
    }

    /// Returns the value at a path. `None` if it isn't there.
    pub fn find(&self, path: &KeyPath) -> Option<&Self> {
        let mut steps = path.steps().iter();
        steps.try_fold(self, |node, step| node.get(step))
    }

    /// Returns the entries of a table; empty for other values.
    pub fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }
}

impl Value {
    /// Returns the type of the value, for messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "a boolean",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Returns the position in a list that a step such as `[0]` names.
pub fn position(step: &str) -> Option<usize> {
    let digits = step.strip_prefix('[')?.strip_suffix(']')?;
    digits.parse().ok()
}

/// Returns the error and the hint for a line with a duplicate key or table.
fn said_twice(text: &str, line: std::ops::Range<usize>) -> (String, &'static str) {
    let line = text[line].trim();
    if line.starts_with('[') {
        let end = line.find(']').map_or(line.len(), |end| end + 1);
        (
            format!("`{}` is declared a second time", &line[..end]),
            "give one of the two another name, or make one table of both",
        )
    } else {
        let key = line.split('=').next().unwrap_or(line).trim();
        (
            format!("`{key}` is said a second time"),
            "keep one of the two",
        )
    }
}

/// Byte offsets at which the lines of a text begin.
struct LineIndex {
    starts: Vec<usize>,
    end: usize,
}

impl LineIndex {
    fn of(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(position, _)| position + 1);
        Self {
            starts: std::iter::once(0).chain(breaks).collect(),
            end: text.len(),
        }
    }

    fn line(&self, position: usize) -> usize {
        self.starts.partition_point(|start| *start <= position)
    }

    fn range(&self, position: usize) -> std::ops::Range<usize> {
        let line = self.line(position);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        start..self.starts.get(line).copied().unwrap_or(self.end)
    }

    fn table(&self, table: DeTable<'_>) -> Value {
        let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| {
            let line = self.line(key.span().start);
            let value = self.value(value.into_inner());
            let key: std::borrow::Cow<'_, str> = key.into_inner();
            (key.into_owned(), Node { line, value })
        };
        Value::Table(table.into_iter().map(entry).collect())
    }

    fn value(&self, value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => Value::Integer(integer(&number)),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => Value::Boolean(truth),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Table(table) => self.table(table),
            DeValue::Array(array) => {
                let element = |value: Spanned<DeValue<'_>>| {
                    let line = self.line(value.span().start);
                    Node {
                        line,
                        value: self.value(value.into_inner()),
                    }
                };
                Value::List(array.into_iter().map(element).collect())
            }
        }
    }
}

fn integer(number: &DeInteger<'_>) -> i64 {
    let bound = if number.as_str().starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (TomlDocument, Problems) {
        let mut problems = Problems::default();
        let document = TomlDocument::parse("a.toml".into(), text, &mut problems);
        (document, problems)
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "a = 1_000\n\n[t.u]\nb = [\n  \"x\",\n  2.5,\n]\n[[t.r]]\nc = 2021-04-01\n[[t.r]]\nc = 0x10\n";
        let (document, problems) = read(text);
        assert_eq!(problems.to_string(), "");
        let t = document.root.get("t").unwrap();
        let at = |node: &Node| (node.line, node.value.clone());
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(
            at(document.root.get("a").unwrap()),
            (1, Value::Integer(1000))
        );
        assert_eq!(t.line, 3);
        let b = t.get("u").unwrap().get("b").unwrap();
        let Value::List(elements) = &b.value else {
            panic!("{b:?}")
        };
        assert_eq!(b.line, 4);
        assert_eq!(at(&elements[0]), (5, text("x")));
        assert_eq!(at(&elements[1]), (6, Value::Float(2.5)));
        let Value::List(rules) = &t.get("r").unwrap().value else {
            panic!("{t:?}")
        };
        assert_eq!(rules[1].line, 10);
        assert_eq!(
            at(rules[0].get("c").unwrap()),
            (9, Value::Date("2021-04-01".into()))
        );
        assert_eq!(at(rules[1].get("c").unwrap()), (11, Value::Integer(16)));
    }

    #[test]
    fn all_syntax_errors_are_noted() {
        let (document, problems) = read("a = \nb = 2\nc = x y\nd = [1\n");
        let mut lines: Vec<_> = problems.iter().map(|p| p.location.to_string()).collect();
        lines.dedup();
        assert_eq!(lines, ["a.toml:1", "a.toml:3", "a.toml:4"], "{problems}");
        assert!(document.garbled);
    }

    #[test]
    fn what_is_said_twice_is_named() {
        let (document, problems) = read("[x.a]\nb = 1\nb = 2\n[x.a] # again\n");
        let shown = problems.to_string();
        assert!(
            shown.contains("a.toml:3: `b` is said a second time"),
            "{shown}"
        );
        assert!(
            shown.contains("a.toml:4: `[x.a]` is declared a second time"),
            "{shown}"
        );
        assert!(!document.garbled);
    }

    #[test]
    fn numbers_beyond_64_bits_stay_out_of_any_range() {
        let (document, _) =
            read("a = 99999999999999999999\nb = -99999999999999999999\nc = 1_000.5\n");
        let value = |key| document.root.get(key).unwrap().value.clone();
        assert_eq!(value("a"), Value::Integer(i64::MAX));
        assert_eq!(value("b"), Value::Integer(i64::MIN));
        assert_eq!(value("c"), Value::Float(1000.5));
    }
}
