//! Values of one file, with the variables over them, and the place of each value.

use std::collections::HashSet;
use std::sync::Arc;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::document::{self, Node, TomlDocument};
use super::path::KeyPath;
use bronzed_model::problem::Location;

/// Values of one file, with the variables over them.
#[derive(Debug)]
pub struct Layers {
    file: TomlDocument,
    variables: Vec<Override>,
    /// The file, with the variables over it.
    merged: Value,
    /// Keys that were reported: their values are left out, and their absence isn't reported again.
    refused: HashSet<KeyPath>,
    /// Required keys that were reported as missing.
    missing: HashSet<KeyPath>,
}

/// Value of a variable.
#[derive(Debug, Clone)]
struct Override {
    name: Arc<str>,
    path: KeyPath,
    value: Value,
}

impl Layers {
    /// Returns the values of a file, without variables.
    pub fn new(file: TomlDocument) -> Self {
        Self {
            merged: value_of(&file.root),
            file,
            variables: Vec::new(),
            refused: HashSet::new(),
            missing: HashSet::new(),
        }
    }

    /// Puts the value of a variable over the file's.
    pub fn set(&mut self, path: KeyPath, name: Arc<str>, value: Value) {
        self.variables.push(Override { name, path, value });
        self.merge();
    }

    fn merge(&mut self) {
        let mut builder = Config::builder().add_source(Layer(value_of(&self.file.root)));
        for Override { path, value, .. } in &self.variables {
            let layer = path.steps().iter().rfold(value.clone(), |inner, key| {
                Value::new(None, Map::from_iter([(key.clone(), inner)]))
            });
            builder = builder.add_source(Layer(layer));
        }
        // Only a source can fail, and layers never do.
        if let Ok(config) = builder.build() {
            self.merged = config.cache;
        }
    }

    /// Returns all values.
    pub fn root(&self) -> &Value {
        &self.merged
    }

    /// Returns the value at a path. `None` if it isn't there.
    pub fn find(&self, path: &KeyPath) -> Option<&Value> {
        let mut steps = path.steps().iter();
        steps.try_fold(&self.merged, |value, step| match &value.kind {
            ValueKind::Table(table) => table.get(step),
            ValueKind::Array(elements) => elements.get(document::position(step)?),
            _ => None,
        })
    }

    /// Returns the place of `path`, or of its nearest ancestor that has one.
    pub fn place(&self, path: &KeyPath) -> Location {
        if let Some(variable) = self.variable(path) {
            return Location::Variable(variable.name.to_string());
        }
        match self.file.root.find(path) {
            Some(node) => Location::File(self.file.name.clone(), Some(node.line)),
            None => self.place(&path.split().0),
        }
    }

    fn variable(&self, path: &KeyPath) -> Option<&Override> {
        let mut variables = self.variables.iter();
        variables.find(|variable| path.starts_with(&variable.path))
    }

    /// Returns `true` if a variable sets the value of `path`.
    pub fn is_of_variable(&self, path: &KeyPath) -> bool {
        self.variable(path).is_some()
    }

    /// Leaves out the value of `path`, which was reported; `false` if it is left out already. Without the value
    /// of a variable, the file's counts again.
    pub fn refuse(&mut self, path: KeyPath) -> bool {
        let variable = self
            .variables
            .iter()
            .position(|variable| variable.path == path);
        match variable {
            Some(position) => {
                self.variables.remove(position);
                self.merge();
                true
            }
            None => self.refused.insert(path),
        }
    }

    /// Returns `true` if the value of `path` was reported.
    pub fn is_refused(&self, path: &KeyPath) -> bool {
        self.refused.contains(path)
    }

    /// Marks a required key as reported; `false` if it is already, here or under another name.
    pub fn lacks(&mut self, path: KeyPath) -> bool {
        !self.is_refused(&path) && self.missing.insert(path)
    }

    /// Returns `true` if a required key was reported as missing, here or under another name.
    pub fn is_lacking(&self, path: &KeyPath) -> bool {
        self.is_refused(path) || self.missing.contains(path)
    }
}

/// Returns the value of a node; a date is a text.
pub fn value_of(node: &Node) -> Value {
    let kind = match &node.value {
        document::Value::Text(text) | document::Value::Date(text) => text.as_str().into(),
        document::Value::Integer(number) => (*number).into(),
        document::Value::Float(number) => (*number).into(),
        document::Value::Boolean(truth) => (*truth).into(),
        document::Value::List(elements) => {
            ValueKind::Array(elements.iter().map(value_of).collect())
        }
        document::Value::Table(entries) => {
            let entries = entries.iter();
            ValueKind::Table(
                entries
                    .map(|(key, node)| (key.clone(), value_of(node)))
                    .collect(),
            )
        }
    };
    Value::new(None, kind)
}

/// One layer for the `config` crate.
#[derive(Debug, Clone)]
struct Layer(Value);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        self.0.clone().into_table()
    }
}
