//! Validates a file or a variable against its shape: reports every unknown key and wrong type, and passes on
//! only the valid part.

use config::{Map, Value as Layered, ValueKind};

use super::document::{Node, Value};
use super::place::{KeyPath, LocationMap};
use super::shape::{Field, SchemaNode, Words, one_of};
use bronzed_model::problem::Problems;

/// Validator of one file.
pub struct Conform<'a> {
    /// Locations of keys, filled during validation.
    pub places: &'a mut LocationMap,
    /// Receives the problems.
    pub problems: &'a mut Problems,
}

impl Conform<'_> {
    /// Returns the valid part of a table.
    pub fn table(&mut self, path: &KeyPath, node: &Node, fields: &[Field]) -> Map<String, Layered> {
        let mut table = Map::new();
        for (key, node) in node.entries() {
            let path = path.key(key);
            self.places.in_line(path.clone(), node.line);
            match fields.iter().find(|field| field.name == *key) {
                Some(field) => table.extend(
                    self.value(&path, node, &field.shape)
                        .map(|value| (key.clone(), value)),
                ),
                None => self.unknown(&path, key, fields.iter().map(|field| &*field.name)),
            }
        }
        table
    }

    /// Returns the value, or its valid part. `None` if it is invalid, which is reported.
    pub fn value(&mut self, path: &KeyPath, node: &Node, shape: &SchemaNode) -> Option<Layered> {
        let kind = match (shape, &node.value) {
            (SchemaNode::Table(fields), Value::Table(_)) => self.table(path, node, fields).into(),
            (SchemaNode::TextOr(table) | SchemaNode::ListOr(_, table), Value::Table(_)) => {
                return self.value(path, node, table);
            }
            (SchemaNode::ListOr(list, _), Value::List(_)) => return self.value(path, node, list),
            (SchemaNode::Open(shape), Value::Table(entries)) => {
                self.open(path, entries, shape).into()
            }
            (SchemaNode::List(shape, least), Value::List(elements)) if elements.len() >= *least => {
                match self.list(path, elements, shape) {
                    Some(list) => ValueKind::Array(list),
                    None => return self.refuse(path),
                }
            }
            (SchemaNode::Text(words), Value::Text(text)) if self.word(path, text, words) => {
                text.as_str().into()
            }
            (SchemaNode::Text(_), Value::Text(_)) => return self.refuse(path),
            (SchemaNode::Date, Value::Text(text) | Value::Date(text))
            | (SchemaNode::TextOr(_) | SchemaNode::Scalar, Value::Text(text)) => {
                text.as_str().into()
            }
            (SchemaNode::Scalar, Value::Integer(number)) => number.to_string().into(),
            (SchemaNode::Scalar, Value::Boolean(truth)) => truth.to_string().into(),
            (SchemaNode::Integer { min, max }, Value::Integer(number))
                if (min..=max).contains(&number) =>
            {
                (*number).into()
            }
            (SchemaNode::Positive, Value::Integer(number)) if *number > 0 => (*number).into(),
            (SchemaNode::Positive, Value::Float(number)) if *number > 0.0 && number.is_finite() => {
                (*number).into()
            }
            (SchemaNode::Boolean, Value::Boolean(truth)) => (*truth).into(),
            (shape, value) => {
                let found = match value {
                    Value::Integer(number) => number.to_string(),
                    Value::Float(number) => number.to_string(),
                    Value::List(elements) if elements.is_empty() => "an empty list".to_owned(),
                    other => other.describe().to_owned(),
                };
                let place = self.places.of(path);
                self.problems.note(
                    place,
                    format!("`{path}` is {found}"),
                    format!("write {}", shape.expected()),
                );
                return self.refuse(path);
            }
        };
        Some(Layered::new(None, kind))
    }

    fn open(
        &mut self,
        path: &KeyPath,
        entries: &[(String, Node)],
        shape: &SchemaNode,
    ) -> Map<String, Layered> {
        let mut table = Map::new();
        for (key, node) in entries {
            let path = path.key(key);
            self.places.in_line(path.clone(), node.line);
            let value = self.value(&path, node, shape);
            table.extend(value.map(|value| (key.clone(), value)));
        }
        table
    }

    /// Returns the elements. `None` unless all of them are valid, because positions must stay those of the
    /// file.
    fn list(
        &mut self,
        path: &KeyPath,
        elements: &[Node],
        shape: &SchemaNode,
    ) -> Option<Vec<Layered>> {
        let mut list = Vec::new();
        for (position, node) in elements.iter().enumerate() {
            let path = path.index(position);
            self.places.in_line(path.clone(), node.line);
            list.push(self.value(&path, node, shape));
        }
        list.into_iter().collect()
    }

    /// Returns `true` if the text is an allowed value; reports it otherwise.
    fn word(&mut self, path: &KeyPath, text: &str, words: &Words) -> bool {
        if words.later.iter().any(|later| later == text) {
            self.problems.note(
                self.places.of(path),
                format!("`{path} = \"{text}\"` is not supported by this version"),
                format!("supported: {}", one_of(&words.known)),
            );
            return false;
        }
        if words.known.is_empty() || words.known.iter().any(|known| known == text) {
            return true;
        }
        self.problems.note(
            self.places.of(path),
            format!("`{path}` is `{text}`"),
            format!("write {}", one_of(&words.known)),
        );
        false
    }

    /// Reports an unknown key.
    pub fn unknown<'n>(
        &mut self,
        path: &KeyPath,
        key: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let place = self.places.of(path);
        let table = path.parent().unwrap_or_default();
        let within = if table.steps().is_empty() {
            "at the top".to_owned()
        } else {
            format!("in `{table}`")
        };
        let near = nearest(key, known.clone());
        let instead = match (secret_hint(&table, key), near) {
            (Some(hint), _) => hint.to_owned(),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => {
                let known: Vec<_> = known.collect();
                match known.as_slice() {
                    [] => format!("`{table}` has no keys"),
                    known => format!("known here: {}", known.join(", ")),
                }
            }
        };
        // The intended key is misspelt, so it is not reported as missing too.
        if let Some(near) = near {
            self.places.refuse(table.key(near));
        }
        self.problems
            .note(place, format!("unknown key `{key}` {within}"), instead);
    }

    fn refuse(&mut self, path: &KeyPath) -> Option<Layered> {
        self.places.refuse(path.clone());
        None
    }
}

/// Returns a hint for keys under which literal secrets are often written.
fn secret_hint(table: &KeyPath, key: &str) -> Option<&'static str> {
    if table.steps() != ["auth"] {
        return None;
    }
    match key {
        "token" => {
            Some("secrets aren't written here: token_env = \"NAME\" or token_file = \"PATH\"")
        }
        "key" => Some("secrets aren't written here: key_env = \"NAME\" or key_file = \"PATH\""),
        "password" => {
            Some("secrets aren't written here: password_env = \"NAME\" or password_file = \"PATH\"")
        }
        _ => None,
    }
}

/// Returns the known name that was probably meant, by edit distance. `None` if none is close.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let bound = name.chars().count().div_ceil(3);
    known
        .map(|known| {
            (
                strsim::damerau_levenshtein(&name, &known.to_lowercase()),
                known,
            )
        })
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, known)| known)
}
