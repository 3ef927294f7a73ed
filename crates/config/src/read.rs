//! Reads the tables of a file, and reports everything that is wrong with its values.
//!
//! Unknown keys, missing ones, and values of a wrong type or out of range are found by the schema. Then serde reads
//! the tables, and stops at the first text that is wrong: it is reported and left out, and the tables are read again,
//! until nothing is wrong any more.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::Value;

use super::layers::Layers;
use super::nearest::nearest;
use super::path::KeyPath;
use super::shape::{Shape, one_of};
use bronzed_model::problem::{Location, Problems};

/// Returns the tables of a file, without what is wrong, which is reported. `None` if nothing is left.
pub fn tables<T: DeserializeOwned>(
    layers: &mut Layers,
    shape: Shape<'_>,
    problems: &mut Problems,
) -> Option<T> {
    keys_and_types(layers, shape, &KeyPath::default(), problems);
    loop {
        let (path, message) = match serde_path_to_error::deserialize(layers.right()) {
            Ok(tables) => return Some(tables),
            Err(error) => (key_path(error.path()), error.inner().message().to_owned()),
        };
        // A missing key is reported already, and its table can't be used.
        if !message.starts_with("missing field") {
            let (what, hint) = wrong(&path, &message, layers, shape);
            problems.note(layers.place(&path), what, hint);
        }
        if !layers.refuse(path) {
            return None;
        }
    }
}

fn key_path(path: &serde_path_to_error::Path) -> KeyPath {
    path.iter()
        .fold(KeyPath::default(), |path, segment| match segment {
            Segment::Seq { index } => path.index(*index),
            Segment::Map { key } => path.key(key),
            // A word, or a value that serde doesn't know the place of: the error is that of the value around it.
            Segment::Enum { .. } | Segment::Unknown => path,
        })
}

/// Returns the problem and the hint of a value that serde has refused with this message.
fn wrong(path: &KeyPath, message: &str, layers: &Layers, shape: Shape<'_>) -> (String, String) {
    // A wrong text has a message of two lines, which no message of serde has.
    if let Some((problem, hint)) = message.split_once('\n') {
        return (named(problem, path), hint.to_owned());
    }
    let words = shape.find(path).map(Shape::words).unwrap_or_default();
    match layers.find(path) {
        Some(Value::String(word)) if !words.is_empty() => {
            let hint = format!("write {}", one_of(&words));
            (format!("`{path}` is `{word}`"), hint)
        }
        found => {
            let found = found.map(describe).unwrap_or_default();
            mismatch(path, &found, shape.find(path))
        }
    }
}

/// Reports unknown keys, missing ones and values out of range, and leaves the values out.
fn keys_and_types(layers: &mut Layers, shape: Shape<'_>, path: &KeyPath, problems: &mut Problems) {
    let Some(value) = layers.find(path).cloned() else {
        return;
    };
    let misplaced_date = layers.is_date(path) && !shape.is_date();
    if misplaced_date || !shape.admits(&value) {
        let found = match misplaced_date {
            true => "a date".to_owned(),
            false => describe(&value),
        };
        let (what, hint) = mismatch(path, &found, Some(shape));
        problems.note(layers.place(path), what, hint);
        let of_variable = layers.is_of_variable(path);
        layers.refuse(path.clone());
        if of_variable {
            // Now the file's value counts again.
            keys_and_types(layers, shape, path, problems);
        }
        return;
    }
    match value {
        Value::Table(table) => {
            for key in table.keys() {
                let path = path.key(key);
                match shape.step(key) {
                    Some(shape) => keys_and_types(layers, shape, &path, problems),
                    None => {
                        let place = layers.place(&path);
                        unknown_key(layers, (&path, place), &shape.keys(), problems);
                        layers.refuse(path);
                    }
                }
            }
            for key in shape.required().filter(|key| !table.contains_key(*key)) {
                missing(layers, shape, &path.key(key), problems);
            }
        }
        Value::Array(elements) => {
            for position in 0..elements.len() {
                let element = shape.element().unwrap_or(shape);
                keys_and_types(layers, element, &path.index(position), problems);
            }
        }
        _ => {}
    }
}

/// Reports a required key that isn't there, unless its value was refused, or it was misspelt.
fn missing(layers: &Layers, table_shape: Shape<'_>, path: &KeyPath, problems: &mut Problems) {
    if layers.is_refused(path) {
        return;
    }
    let (table, key) = path.split();
    let within = match table.is_top() {
        true => String::new(),
        false => format!(" in `{table}`"),
    };
    let about = table_shape.key(key).map(Shape::about).unwrap_or_default();
    let what = format!("`{key}` is missing{within}");
    problems.note(layers.place(&table), what, format!("add it: {about}"));
}

/// Returns the problem and the hint of a value of a wrong type, or out of range.
fn mismatch(path: &KeyPath, found: &str, expected: Option<Shape<'_>>) -> (String, String) {
    let expected = expected.map(Shape::expected).unwrap_or_default();
    (format!("`{path}` is {found}"), format!("write {expected}"))
}

/// Reports the unknown key at `path`, with the known keys of its table.
pub fn unknown_key(
    layers: &mut Layers,
    (path, place): (&KeyPath, Location),
    known: &[&str],
    problems: &mut Problems,
) {
    let (table, key) = path.split();
    let near = nearest(key, known.iter().copied());
    let hint = match (secret_hint(&table, key), near) {
        (Some(hint), _) => hint.to_owned(),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) if known.is_empty() => format!("`{table}` has no keys"),
        (None, None) => format!("known here: {}", known.join(", ")),
    };
    let within = match table.is_top() {
        true => "at the top".to_owned(),
        false => format!("in `{table}`"),
    };
    let what = format!("unknown key `{key}` {within}");
    problems.note(place, what, hint);
    // The intended key is misspelt, so it is not reported as missing too.
    if let Some(meant) = near.map(|near| table.key(near))
        && layers.find(&meant).is_none()
    {
        layers.refuse(meant);
    }
}

/// Returns a hint for keys under which literal secrets are often written.
fn secret_hint(table: &KeyPath, key: &str) -> Option<&'static str> {
    match key {
        _ if table.steps() != ["auth"] => None,
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

/// Returns the problem of a text with the name of its key, or of its list.
pub fn named(problem: &str, path: &KeyPath) -> String {
    if let Some(rest) = problem.strip_prefix("`{key}") {
        format!("`{path}{rest}")
    } else if let Some(rest) = problem.strip_prefix("`{list}") {
        format!("`{}{rest}", path.split().0)
    } else {
        problem.to_owned()
    }
}

/// Returns a description of a value that was found, for messages.
pub fn describe(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(_) => "a boolean".to_owned(),
        Value::Table(_) => "a table".to_owned(),
        Value::Array(elements) if elements.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(_) | Value::Datetime(_) => "a text".to_owned(),
    }
}
