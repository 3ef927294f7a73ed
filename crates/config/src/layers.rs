//! Values of one file, with the variables over them, and the place of each value.

use std::collections::HashSet;
use std::sync::Arc;

use config::{Config, ConfigError, Map, Source};
use toml::Value;

use super::document::TomlDocument;
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
}

/// Value of a variable.
#[derive(Debug)]
struct Override {
    name: Arc<str>,
    path: KeyPath,
    value: Value,
}

impl Layers {
    /// Returns the values of a file, without variables.
    pub fn new(file: TomlDocument) -> Self {
        Self {
            merged: file.root.clone(),
            file,
            variables: Vec::new(),
            refused: HashSet::new(),
        }
    }

    /// Puts the value of a variable over the file's.
    pub fn set(&mut self, path: KeyPath, name: Arc<str>, value: Value) {
        self.variables.push(Override { name, path, value });
        self.merge();
    }

    fn merge(&mut self) {
        let mut builder = Config::builder().add_source(Layer(self.file.root.clone()));
        for Override { path, value, .. } in &self.variables {
            let steps = path.steps().iter();
            let layer = steps.rfold(value.clone(), |inner, key| {
                Value::Table(toml::Table::from_iter([(key.clone(), inner)]))
            });
            builder = builder.add_source(Layer(layer));
        }
        let merged = builder.build().and_then(Config::try_deserialize);
        // Nothing is lost on the way from TOML's values to those of the crate and back.
        if let Ok(merged) = merged {
            self.merged = merged;
        }
    }

    /// Returns the value at a path. `None` if it isn't there.
    pub fn find(&self, path: &KeyPath) -> Option<&Value> {
        let mut steps = path.steps().iter();
        steps.try_fold(&self.merged, |value, step| match KeyPath::position(step) {
            Some(position) if value.is_array() => value.get(position),
            _ => value.get(step),
        })
    }

    /// Returns the values without those that were refused.
    pub fn right(&self) -> Value {
        let mut right = self.merged.clone();
        for path in &self.refused {
            let (table, key) = path.split();
            let mut steps = table.steps().iter();
            let table = steps.try_fold(&mut right, |value, step| match KeyPath::position(step) {
                Some(position) if value.is_array() => value.get_mut(position),
                _ => value.get_mut(step),
            });
            if let Some(Value::Table(table)) = table {
                table.remove(key);
            }
        }
        right
    }

    /// Returns the place of `path`, or of its nearest ancestor that has one.
    pub fn place(&self, path: &KeyPath) -> Location {
        match self.variable(path) {
            Some(variable) => Location::Variable(variable.name.to_string()),
            None => self.file.place(path),
        }
    }

    fn variable(&self, path: &KeyPath) -> Option<&Override> {
        let mut variables = self.variables.iter();
        variables.find(|variable| path.starts_with(&variable.path))
    }

    /// Returns `true` if the value of `path` is a date in the file.
    pub fn is_date(&self, path: &KeyPath) -> bool {
        self.file.dates.contains(path) && !self.is_of_variable(path)
    }

    /// Returns `true` if a variable sets the value of `path`.
    pub fn is_of_variable(&self, path: &KeyPath) -> bool {
        self.variable(path).is_some()
    }

    /// Leaves out the value of `path`, which was reported; `false` if it is left out already. Instead of an element,
    /// its list is left out, because positions must stay those of the file. Without the value of a variable, the
    /// file's counts again.
    pub fn refuse(&mut self, path: KeyPath) -> bool {
        let (list, last) = path.split();
        if self.find(&list).is_some_and(Value::is_array) && KeyPath::position(last).is_some() {
            return self.refuse(list);
        }
        let mut variables = self.variables.iter();
        match variables.position(|variable| variable.path == path) {
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
}

/// One layer for the `config` crate.
#[derive(Debug, Clone)]
struct Layer(Value);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, config::Value>, ConfigError> {
        let values = self.0.clone().try_into();
        values.map_err(|error| ConfigError::Foreign(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::problem::Problems;

    fn layers(text: &str) -> Layers {
        let file = TomlDocument::parse("a.toml".into(), text, &mut Problems::default());
        Layers::new(file)
    }

    #[test]
    fn a_key_without_a_line_is_where_its_table_is() {
        let mut layers = layers("\n\n[slices]\nm = [\n1]\n");
        let slices = KeyPath::default().key("slices");
        let place = |layers: &Layers, path: &KeyPath| layers.place(path).to_string();
        assert_eq!(place(&layers, &slices.key("m").index(0)), "a.toml:5");
        assert_eq!(place(&layers, &slices.key("x")), "a.toml:3");
        assert_eq!(place(&layers, &KeyPath::default()), "a.toml:1");

        layers.set(slices.key("m"), "BRONZED__M".into(), Value::Integer(1));
        assert_eq!(place(&layers, &slices.key("m").index(0)), "BRONZED__M");
        assert_eq!(place(&layers, &slices), "a.toml:3");
    }

    #[test]
    fn the_value_of_the_file_counts_again_when_that_of_a_variable_is_wrong() {
        let mut layers = layers("[a]\nb = 1\nc = 2\n");
        let b = KeyPath::default().key("a").key("b");
        layers.set(b.clone(), "B".into(), Value::Integer(3));
        assert_eq!(layers.right().to_string(), "{ a = { b = 3, c = 2 } }");
        assert!(layers.refuse(b.clone()));
        assert_eq!(layers.right().to_string(), "{ a = { b = 1, c = 2 } }");
        assert!(layers.refuse(b.clone()));
        assert_eq!(layers.right().to_string(), "{ a = { c = 2 } }");
        assert!(!layers.refuse(b));
    }
}
