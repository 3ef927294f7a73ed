//! Parsed TOML file: its values, and the line of each.
//!
//! All syntax errors of a file are reported at once. What is left of a file with syntax errors is not worth
//! checking, because one malformed line can change the meaning of others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toml::Value;
use toml::de::{DeInteger, DeTable, DeValue};

use super::path::KeyPath;
use bronzed_model::problem::{Location, Problems};

/// Parsed file.
#[derive(Debug)]
pub struct TomlDocument {
    /// Name of the file in problems.
    pub name: Arc<str>,
    /// Values; dates are texts, and integers are clamped to 64 bits.
    pub root: Value,
    /// Lines of the keys and elements, counted from 1.
    pub lines: HashMap<KeyPath, usize>,
    /// Keys and elements whose values are dates, not texts.
    pub dates: HashSet<KeyPath>,
    /// `true` if the text has syntax errors.
    pub garbled: bool,
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
        let mut reader = LineReader {
            index: &lines,
            lines: HashMap::new(),
            dates: HashSet::new(),
        };
        Self {
            root: reader.table(&KeyPath::default(), table.into_inner()),
            lines: reader.lines,
            dates: reader.dates,
            name,
            garbled,
        }
    }

    /// Returns the place of `path`, or of its nearest ancestor that has a line.
    pub fn place(&self, path: &KeyPath) -> Location {
        match self.lines.get(path) {
            Some(line) => Location::File(self.name.clone(), Some(*line)),
            None if path.is_top() => Location::File(self.name.clone(), Some(1)),
            None => self.place(&path.split().0),
        }
    }
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
}

/// Reader of values that notes their lines.
struct LineReader<'i> {
    index: &'i LineIndex,
    lines: HashMap<KeyPath, usize>,
    dates: HashSet<KeyPath>,
}

impl LineReader<'_> {
    fn table(&mut self, path: &KeyPath, table: DeTable<'_>) -> Value {
        let entries = table.into_iter().map(|(key, value)| {
            let path = path.key(key.get_ref());
            let line = self.index.line(key.span().start);
            self.lines.insert(path.clone(), line);
            let value = self.value(&path, value.into_inner());
            (key.into_inner().into_owned(), value)
        });
        Value::Table(entries.collect())
    }

    fn value(&mut self, path: &KeyPath, value: DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(number) => Value::Integer(integer(&number)),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => Value::Boolean(truth),
            DeValue::Datetime(date) => {
                self.dates.insert(path.clone());
                Value::String(date.to_string())
            }
            DeValue::Table(table) => self.table(path, table),
            DeValue::Array(array) => {
                let elements = array.into_iter().enumerate().map(|(position, value)| {
                    let path = path.index(position);
                    let line = self.index.line(value.span().start);
                    self.lines.insert(path.clone(), line);
                    self.value(&path, value.into_inner())
                });
                Value::Array(elements.collect())
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
        let (t, top) = (&document.root["t"], KeyPath::default());
        assert_eq!(document.root["a"], Value::Integer(1000));
        assert_eq!(t["u"]["b"][0], Value::String("x".into()));
        assert_eq!(t["u"]["b"][1], Value::Float(2.5));
        assert_eq!(t["r"][0]["c"], Value::String("2021-04-01".into()));
        assert_eq!(t["r"][1]["c"], Value::Integer(16));
        let b = top.key("t").key("u").key("b");
        let rule = top.key("t").key("r").index(1);
        for (path, line) in [
            (&top.key("a"), 1),
            (&top.key("t"), 3),
            (&b, 4),
            (&b.index(0), 5),
            (&b.index(1), 6),
            (&rule, 10),
            (&rule.key("c"), 11),
            (&rule.key("missing"), 10),
        ] {
            let place = document.place(path).to_string();
            assert_eq!(place, format!("a.toml:{line}"), "{path}");
        }
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
        let value = |key| document.root[key].clone();
        assert_eq!(value("a"), Value::Integer(i64::MAX));
        assert_eq!(value("b"), Value::Integer(i64::MIN));
        assert_eq!(value("c"), Value::Float(1000.5));
    }
}
