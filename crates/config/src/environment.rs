//! Environment variables `BRONZED__…` over the values of the files.
//!
//! Two underscores separate the keys of the path, and case is ignored:
//! `BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY=2` is `concurrency = 2` under `[limits]` of
//! `sources/pncp.toml`, and `BRONZED__LAKE__URL` is `url` under `[lake]` of `bronzed.toml`. A list is written
//! with commas or as in TOML: `1,2,3` or `["a", "b"]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Value;

use super::document::TomlDocument;
use super::layers::Layers;
use super::path::KeyPath;
use super::read::unknown_key;
use super::shape::Shape;
use bronzed_model::problem::{Location, Problems};

const PREFIX: &str = "BRONZED__";
/// Prefix with one underscore missing.
const ALMOST: &str = "BRONZED_";
const SEPARATOR: &str = "__";

/// Environment variable that sets a key of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name of the variable: `BRONZED__LAKE__URL`.
    name: Arc<str>,
    /// Keys from the top of the file, in lower case.
    steps: Vec<String>,
    /// Value of the variable.
    text: String,
}

/// Variables of this program, by the file whose keys they set.
#[derive(Debug, Default)]
pub struct Variables {
    /// Variables for `bronzed.toml`.
    pub bronzed: Vec<Variable>,
    /// Variables for `sources/{name}.toml`, by name.
    pub sources: BTreeMap<String, Vec<Variable>>,
}

impl Variables {
    /// Returns the variables that lack one underscore of the prefix (`BRONZED_LAKE__URL`), each with its
    /// correct name; `tables` are those of `bronzed.toml`.
    pub fn misspelt(
        environment: &BTreeMap<String, String>,
        tables: &[&str],
    ) -> Vec<(String, String)> {
        let misspelt = |name: &String| {
            let rest = name.strip_prefix(ALMOST)?;
            let first = rest.split_once(SEPARATOR)?.0.to_lowercase();
            let known = first == "sources" || tables.contains(&first.as_str());
            known.then(|| (name.clone(), format!("{PREFIX}{rest}")))
        };
        environment.keys().filter_map(misspelt).collect()
    }

    /// Selects this program's variables from an environment.
    pub fn pick(environment: &BTreeMap<String, String>) -> Self {
        let mut picked = Self::default();
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let mut steps: Vec<_> = rest.split(SEPARATOR).map(str::to_lowercase).collect();
            let of_source = steps.len() > 1 && steps[0] == "sources";
            let source = of_source.then(|| steps.drain(..2).nth(1).unwrap_or_default());
            let variables = match source {
                Some(source) => picked.sources.entry(source).or_default(),
                None => &mut picked.bronzed,
            };
            variables.push(Variable {
                name: name.as_str().into(),
                steps,
                text: text.clone(),
            });
        }
        picked
    }
}

impl Variable {
    /// Puts the value of the variable over that of the file; reports a variable that no key takes. User-defined
    /// keys are looked up in the file, ignoring case.
    pub fn set(&self, layers: &mut Layers, shape: Shape<'_>, problems: &mut Problems) {
        let mut path = KeyPath::default();
        let mut shape = shape;
        for step in &self.steps {
            let table = layers.find(&path).and_then(Value::as_table);
            let written = table.into_iter().flat_map(toml::Table::keys);
            let written: Vec<_> = written.cloned().collect();
            match next(shape, step, &written) {
                Ok((key, inner)) => {
                    path = path.key(&key);
                    shape = inner;
                }
                Err(known) => {
                    let known: Vec<_> = known.iter().map(String::as_str).collect();
                    let at = (&path.key(step), self.place());
                    return unknown_key(layers, at, &known, problems);
                }
            }
        }
        let of_tables = shape.element().is_some_and(|element| element.is("object"));
        if !shape.is("object") && !of_tables {
            return layers.set(path, self.name.clone(), self.value(shape));
        }
        let hint = match of_tables {
            true => "a list of tables is written in the file",
            false => "name one of the table's keys, too",
        };
        let what = format!("`{path}` can't be said by a variable");
        problems.note(self.place(), what, hint);
    }

    /// Returns the place of the variable in problems.
    pub fn place(&self) -> Location {
        Location::Variable(self.name.to_string())
    }

    /// Parses the variable's value as the type that is expected.
    fn value(&self, shape: Shape<'_>) -> Value {
        let text = self.text.as_str();
        let Some(element) = shape.element() else {
            return scalar(text, shape);
        };
        if text.trim_start().starts_with('[') {
            return self.list().unwrap_or_else(|| text.into());
        }
        let elements = text.split(',').map(str::trim);
        let elements = elements.filter(|text| !text.is_empty());
        let elements = elements.map(|text| scalar(text, element));
        Value::Array(elements.collect())
    }

    /// Returns the list that the variable has in the words of TOML. `None` if it isn't TOML.
    fn list(&self) -> Option<Value> {
        let mut problems = Problems::default();
        let text = format!("list = {}", self.text);
        let document = TomlDocument::parse(self.name.clone(), &text, &mut problems);
        let list = document.root.get("list").cloned();
        list.filter(|_| problems.is_empty())
    }
}

/// Resolves one step in a table of this shape; returns the known keys as the error.
fn next<'s>(
    shape: Shape<'s>,
    step: &str,
    written: &[String],
) -> Result<(String, Shape<'s>), Vec<String>> {
    match (shape.key(step), shape.entry()) {
        (Some(inner), _) => Ok((step.to_owned(), inner)),
        (None, Some(inner)) => match written.iter().find(|name| name.eq_ignore_ascii_case(step)) {
            Some(name) => Ok((name.clone(), inner)),
            // A dataset or a job cannot be declared by variables alone: an unknown name is a typo.
            None if inner.is("object") => Err(written.to_vec()),
            None => Ok((step.to_owned(), inner)),
        },
        (None, None) => Err(shape.keys().into_iter().map(str::to_owned).collect()),
    }
}

/// Parses a text as the expected type; if that fails, it stays a text, and its type is reported when it is read.
fn scalar(text: &str, shape: Shape<'_>) -> Value {
    let trimmed = text.trim();
    let read = match () {
        () if shape.is("integer") => trimmed.parse().ok().map(Value::Integer),
        () if shape.is("number") => trimmed.parse().ok().map(Value::Float),
        () if shape.is("boolean") => trimmed.parse().ok().map(Value::Boolean),
        () => None,
    };
    read.unwrap_or_else(|| text.into())
}
