//! Where each key of one file got its value: from a line of the file, or from a variable.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::problem::Place;

/// The way to a value within one file: `dataset.contratacoes.window.end`, `response[0].status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// One level down, by key.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(name.to_owned());
        Self(steps)
    }

    /// One level down, by position in a list.
    #[must_use]
    pub fn index(&self, position: usize) -> Self {
        self.key(&format!("[{position}]"))
    }

    /// The keys from the top down.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// One level up; `None` at the top.
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

/// Where each key of one file got its value.
#[derive(Debug)]
pub struct Places {
    file: Arc<str>,
    lines: HashMap<KeyPath, usize>,
    variables: HashMap<KeyPath, String>,
    refused: HashSet<KeyPath>,
}

impl Places {
    /// Of a file of which nothing is known yet.
    pub fn new(file: Arc<str>) -> Self {
        Self {
            file,
            lines: HashMap::new(),
            variables: HashMap::new(),
            refused: HashSet::new(),
        }
    }

    /// The file says `path` in this line; what a variable says stays the variable's.
    pub fn in_line(&mut self, path: KeyPath, line: usize) {
        if !self.variables.keys().any(|said| path.starts_with(said)) {
            self.lines.insert(path, line);
        }
    }

    /// A variable says `path`; what the file says of it and below no longer counts.
    pub fn in_variable(&mut self, path: KeyPath, name: String) {
        self.lines.retain(|known, _| !known.starts_with(&path));
        self.variables.insert(path, name);
    }

    /// What is said of `path` was complained about and left out.
    pub fn refuse(&mut self, path: KeyPath) {
        self.refused.insert(path);
    }

    /// Whether what is said of `path` was left out: its absence is no news, then.
    pub fn is_refused(&self, path: &KeyPath) -> bool {
        self.refused.contains(path)
    }

    /// The variable that says `path`.
    pub fn variable(&self, path: &KeyPath) -> Option<&str> {
        self.variables.get(path).map(String::as_str)
    }

    /// Where `path` is said, or else what is nearest above it.
    pub fn of(&self, path: &KeyPath) -> Place {
        if let Some(name) = self.variables.get(path) {
            return Place::Variable(name.clone());
        }
        if let Some(line) = self.lines.get(path) {
            return Place::File(self.file.clone(), Some(*line));
        }
        match path.parent() {
            Some(parent) => self.of(&parent),
            None => Place::File(self.file.clone(), Some(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_a_line_is_where_its_table_is() {
        let mut places = Places::new("a.toml".into());
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
