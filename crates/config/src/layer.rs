//! Merges one file with the variables that override it, and deserializes the result into its tables.

use config::{Config, ConfigError, Map, Source, Value as Layered};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::conform::Conform;
use super::document::{TomlDocument, Value};
use super::environment::{Target, Variable};
use super::place::{KeyPath, LocationMap};
use super::shape::{Field, SchemaNode};
use bronzed_model::problem::Problems;

/// Tables of one file, merged with the variables, and the locations of their values.
#[derive(Debug)]
pub struct Layers<T> {
    /// Merged tables.
    pub tables: T,
    /// Locations of the values.
    pub places: LocationMap,
}

/// Merges `variables` over `file`. `None` if the file has syntax errors, because further checks would report
/// errors that aren't there, or if the merged tables can't be read.
pub fn read<T: DeserializeOwned + JsonSchema>(
    file: &TomlDocument,
    variables: &[Variable],
    problems: &mut Problems,
) -> Option<Layers<T>> {
    if file.garbled {
        return None;
    }
    let shape = SchemaNode::of::<T>();
    let mut places = LocationMap::new(file.name.clone());
    let mut conform = Conform {
        places: &mut places,
        problems,
    };
    let top = KeyPath::default();
    let lowest = match (&shape, &file.root.value) {
        (SchemaNode::Table(fields), Value::Table(_)) => conform.table(&top, &file.root, fields),
        _ => Map::new(),
    };
    let mut builder = Config::builder().add_source(Layer(lowest));
    for variable in variables {
        let said = over(&mut conform, file, variable, &shape);
        builder = builder.add_source(Layer(said.unwrap_or_default()));
    }
    let merged = match builder.build() {
        Ok(config) => config,
        Err(error) => return unreadable(&places, problems, &error),
    };
    require(&merged.cache, &shape, &top, &places, problems);
    match merged.try_deserialize() {
        Ok(tables) => Some(Layers { tables, places }),
        Err(error) => unreadable(&places, problems, &error),
    }
}

/// Returns the value of a variable as a layer. `None` if it is invalid, which is reported.
fn over(
    conform: &mut Conform<'_>,
    file: &TomlDocument,
    variable: &Variable,
    shape: &SchemaNode,
) -> Option<Map<String, Layered>> {
    let name = variable.name.clone();
    match variable.target(shape, &file.root) {
        Target::Value(path, shape) => {
            conform.places.in_variable(path.clone(), name);
            let value = conform.value(&path, &variable.node(shape), shape)?;
            let (last, tables) = path.steps().split_last()?;
            let innermost = Map::from_iter([(last.clone(), value)]);
            Some(tables.iter().rev().fold(innermost, |inner, key| {
                Map::from_iter([(key.clone(), Layered::new(None, inner))])
            }))
        }
        Target::Unknown(table, key, known) => {
            let path = table.key(&key);
            conform.places.in_variable(path.clone(), name);
            conform.unknown(&path, &key, known.iter().map(String::as_str));
            None
        }
        Target::Unsayable(path, hint) => {
            conform.places.in_variable(path.clone(), name);
            let place = conform.places.of(&path);
            let what = format!("`{path}` can't be said by a variable");
            conform.problems.note(place, what, hint);
            None
        }
    }
}

/// Reports every required key that is set neither in the file nor by a variable.
fn require(
    value: &Layered,
    shape: &SchemaNode,
    path: &KeyPath,
    places: &LocationMap,
    problems: &mut Problems,
) {
    use config::ValueKind::{Array, Table};
    match (shape, &value.kind) {
        (SchemaNode::ListOr(_, shape) | SchemaNode::TextOr(shape), Table(_)) => {
            require(value, shape, path, places, problems);
        }
        (SchemaNode::Table(fields), Table(table)) => {
            for field in fields {
                let path = path.key(&field.name);
                match table.get(&field.name) {
                    Some(value) => require(value, &field.shape, &path, places, problems),
                    None if field.required && !places.is_refused(&path) => {
                        missing(field, &path, places, problems);
                    }
                    None => {}
                }
            }
        }
        (SchemaNode::Open(shape), Table(table)) => {
            for (key, value) in table {
                require(value, shape, &path.key(key), places, problems);
            }
        }
        (SchemaNode::List(shape, _), Array(elements)) => {
            for (position, value) in elements.iter().enumerate() {
                require(value, shape, &path.index(position), places, problems);
            }
        }
        _ => {}
    }
}

fn missing(field: &Field, path: &KeyPath, places: &LocationMap, problems: &mut Problems) {
    let table = path.parent().unwrap_or_default();
    let within = if table.steps().is_empty() {
        String::new()
    } else {
        format!(" in `{table}`")
    };
    problems.note(
        places.of(&table),
        format!("`{}` is missing{within}", field.name),
        format!("add it: {}", field.about),
    );
}

/// Reports a value that conforms to the shapes but can't be deserialized into the tables.
fn unreadable<T>(places: &LocationMap, problems: &mut Problems, error: &ConfigError) -> Option<T> {
    problems.note(
        places.of(&KeyPath::default()),
        format!("this can't be read: {error}"),
        "compare it with the file that the program was shipped with",
    );
    None
}

/// One layer for the `config` crate.
#[derive(Debug, Clone)]
struct Layer(Map<String, Layered>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Layered>, ConfigError> {
        Ok(self.0.clone())
    }
}
