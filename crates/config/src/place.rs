//! Location of the value of each key of one file: a line of the file, or a variable.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bronzed_model::problem::Location;

/// Path to a value within one file: `dataset.contratacoes.window.end`, `response[0].status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// Returns the path extended by a key.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(name.to_owned());
        Self(steps)
    }

    /// Returns the path extended by a position in a list.
    #[must_use]
    pub fn index(&self, position: usize) -> Self {
        self.key(&format!("[{position}]"))
    }

    /// Returns the keys from the top down.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// Returns the path of the parent. `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        let (_, steps) = self.0.split_last()?;
        Some(Self(steps.to_vec()))
    }

    fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the whole file");
        }
        for (position, step) in self.0.iter().enumerate() {
            let separator = if position == 0 || step.starts_with('[') {
                ""
            } else {
                "."
            };
            write!(f, "{separator}{step}")?;
        }
        Ok(())
    }
}

/// Location of the value of each key of one file.
#[derive(Debug)]
pub struct LocationMap {
    file: Arc<str>,
    lines: HashMap<KeyPath, usize>,
    variables: HashMap<KeyPath, String>,
    refused: HashSet<KeyPath>,
}

impl LocationMap {
    /// Creates an empty map for a file.
    pub fn new(file: Arc<str>) -> Self {
        Self {
            file,
            lines: HashMap::new(),
            variables: HashMap::new(),
            refused: HashSet::new(),
        }
    }

    /// Records that the file sets `path` at this line. A value that a variable sets keeps the variable as its
    /// location.
    pub fn in_line(&mut self, path: KeyPath, line: usize) {
        if !self.variables.keys().any(|said| path.starts_with(said)) {
            self.lines.insert(path, line);
        }
    }

    /// Records that a variable sets `path`, overriding the file's value at `path` and below.
    pub fn in_variable(&mut self, path: KeyPath, name: String) {
        self.lines.retain(|known, _| !known.starts_with(&path));
        self.variables.insert(path, name);
    }

    /// Records that the value of `path` was reported as invalid and dropped.
    pub fn refuse(&mut self, path: KeyPath) {
        self.refused.insert(path);
    }

    /// Returns `true` if the value of `path` was dropped as invalid, so that its absence is not reported
    /// again.
    pub fn is_refused(&self, path: &KeyPath) -> bool {
        self.refused.contains(path)
    }

    /// Returns the variable that sets `path`.
    pub fn variable(&self, path: &KeyPath) -> Option<&str> {
        self.variables.get(path).map(String::as_str)
    }

    /// Returns the location of `path`, or of its nearest ancestor that has one.
    pub fn of(&self, path: &KeyPath) -> Location {
        if let Some(name) = self.variables.get(path) {
            return Location::Variable(name.clone());
        }
        if let Some(line) = self.lines.get(path) {
            return Location::File(self.file.clone(), Some(*line));
        }
        match path.parent() {
            Some(parent) => self.of(&parent),
            None => Location::File(self.file.clone(), Some(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_a_line_is_where_its_table_is() {
        let mut places = LocationMap::new("a.toml".into());
        let slices = KeyPath::default().key("slices");
        places.in_line(slices.clone(), 3);
        places.in_line(slices.key("m"), 4);
        places.in_line(slices.key("m").index(1), 5);
        assert_eq!(places.of(&slices.key("m").index(1)).to_string(), "a.toml:5");
        assert_eq!(places.of(&slices.key("x")).to_string(), "a.toml:3");
        assert_eq!(places.of(&KeyPath::default()).to_string(), "a.toml:1");

        places.in_variable(slices.key("m"), "BRONZED__M".into());
        let element = slices.key("m").index(1);
        assert_eq!(places.of(&element).to_string(), "BRONZED__M");
        assert_eq!(element.to_string(), "slices.m[1]");
    }
}
