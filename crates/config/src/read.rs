//! Reads the tables of a document, and reports everything that is wrong with its values.
//!
//! serde stops at the first error. The value that it stopped at is reported and left out, and the document is read
//! again, until nothing is wrong any more.

use std::fmt;

use config::{Value, ValueKind};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::layers::Layers;
use super::nearest::nearest;
use super::path::KeyPath;
use super::shape::{Shape, one_of};
use bronzed_model::problem::{Location, Problems};

/// Returns the tables of a document, without what is wrong, which is reported. `None` if nothing is left.
pub fn tables<T: DeserializeOwned>(
    layers: &mut Layers,
    shape: Shape<'_>,
    problems: &mut Problems,
) -> Option<T> {
    loop {
        let reader = Reader {
            layers,
            value: layers.root(),
            shape,
            path: KeyPath::default(),
        };
        let refusal = match T::deserialize(reader) {
            Ok(tables) => return Some(tables),
            Err(refusal) => refusal,
        };
        if !refusal.report(layers, shape, problems) {
            return None;
        }
    }
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

/// First thing that is wrong with the values of a document.
#[derive(Debug)]
struct Refusal {
    /// Path of the wrong value. `None` until the error has passed the value's table.
    path: Option<KeyPath>,
    fault: Fault,
}

/// Reason that a value is wrong.
#[derive(Debug)]
enum Fault {
    /// Wrong type, or out of range.
    Mismatch,
    /// The key isn't among these.
    UnknownKey(&'static [&'static str]),
    /// The word isn't among these.
    UnknownWord(String, &'static [&'static str]),
    /// The table lacks this key.
    Missing(String),
    /// Elements of the list were reported. Positions must stay those of the file, so the list isn't used.
    Elements,
    /// Problem and hint, on a line each.
    Text(String),
}

impl Refusal {
    fn within(mut self, path: &KeyPath) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }

    /// Reports the problem, and marks the value as refused; `false` if it is already.
    fn report(self, layers: &mut Layers, shape: Shape<'_>, problems: &mut Problems) -> bool {
        let path = self.path.unwrap_or_default();
        let (what, hint) = match self.fault {
            Fault::Elements => return layers.refuse(path),
            Fault::UnknownKey(known) => {
                let mut known = known.to_vec();
                known.sort_unstable();
                let place = layers.place(&path);
                unknown_key(layers, (&path, place), &known, problems);
                return layers.refuse(path);
            }
            Fault::Missing(key) => {
                let missing = path.key(&key);
                if !layers.lacks(missing.clone()) {
                    // The table can't be used without the key.
                    return layers.refuse(path);
                }
                let within = match path.is_top() {
                    true => String::new(),
                    false => format!(" in `{path}`"),
                };
                let about = shape.find(&missing).map(Shape::about).unwrap_or_default();
                let what = format!("`{key}` is missing{within}");
                problems.note(layers.place(&path), what, format!("add it: {about}"));
                return true;
            }
            Fault::Mismatch => {
                let found = layers.find(&path).map(found).unwrap_or_default();
                let expected = shape.find(&path).map(Shape::expected).unwrap_or_default();
                (format!("`{path}` is {found}"), format!("write {expected}"))
            }
            Fault::UnknownWord(word, known) => {
                let what = format!("`{path}` is `{word}`");
                (what, format!("write {}", one_of(known)))
            }
            Fault::Text(text) => {
                let (what, hint) = text.split_once('\n').unwrap_or((&text, "correct it"));
                (named(what, &path), hint.to_owned())
            }
        };
        problems.note(layers.place(&path), what, hint);
        layers.refuse(path)
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

/// Returns a description of the value that was found.
fn found(value: &Value) -> String {
    match &value.kind {
        ValueKind::I64(number) => number.to_string(),
        ValueKind::Float(number) => number.to_string(),
        ValueKind::Boolean(_) => "a boolean".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(elements) if elements.is_empty() => "an empty list".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        _ => "a text".to_owned(),
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { path: None, fault }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.fault)
    }
}

impl std::error::Error for Refusal {}

impl Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::Text(message.to_string()).into()
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Fault::Mismatch.into()
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Fault::Mismatch.into()
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Fault::UnknownWord(word.to_owned(), known).into()
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Fault::UnknownKey(known).into()
    }

    fn missing_field(key: &'static str) -> Self {
        Fault::Missing(key.to_owned()).into()
    }
}

/// Deserializer of one value.
struct Reader<'d> {
    layers: &'d Layers,
    value: &'d Value,
    shape: Shape<'d>,
    path: KeyPath,
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if !self.shape.admits(self.value) {
            return Err(Fault::Mismatch.into());
        }
        match &self.value.kind {
            ValueKind::String(text) => visitor.visit_str(text),
            ValueKind::I64(number) => visitor.visit_i64(*number),
            ValueKind::Float(number) => visitor.visit_f64(*number),
            ValueKind::Boolean(truth) => visitor.visit_bool(*truth),
            ValueKind::Array(elements) => visitor.visit_seq(Elements {
                rest: elements.iter().enumerate(),
                left_out: false,
                list: self,
            }),
            ValueKind::Table(entries) => visitor.visit_map(Entries {
                rest: Box::new(entries.iter()),
                value: None,
                table: self,
            }),
            // TOML has no other values.
            _ => Err(Fault::Mismatch.into()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.value.kind {
            ValueKind::Table(_) => self.deserialize_any(visitor),
            _ => Err(Fault::Mismatch.into()),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.value.kind {
            ValueKind::String(word) => visitor.visit_enum(word.as_str().into_deserializer()),
            _ => Err(Fault::Mismatch.into()),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Entries of a table that aren't refused.
struct Entries<'d> {
    rest: Box<dyn Iterator<Item = (&'d String, &'d Value)> + 'd>,
    value: Option<(KeyPath, &'d str, &'d Value)>,
    table: Reader<'d>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refusal> {
        let Reader {
            layers,
            shape,
            path,
            ..
        } = &self.table;
        for (key, value) in self.rest.by_ref() {
            let path = path.key(key);
            if !layers.is_refused(&path) {
                let known = seed.deserialize(key.as_str().into_deserializer());
                let known = known.map_err(|refusal: Refusal| refusal.within(&path))?;
                self.value = Some((path, key, value));
                return Ok(Some(known));
            }
        }
        let mut missing = shape
            .required()
            .filter(|key| layers.find(&path.key(key)).is_none());
        match missing.find(|key| !layers.is_lacking(&path.key(key))) {
            Some(key) => Err(Fault::Missing(key.to_owned()).into()),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (path, key, value) = self.value.take().ok_or(Fault::Mismatch)?;
        let reader = Reader {
            layers: self.table.layers,
            value,
            shape: self.table.shape.step(key).unwrap_or(self.table.shape),
            path: path.clone(),
        };
        let value = seed.deserialize(reader);
        value.map_err(|refusal| refusal.within(&path))
    }
}

/// Elements of a list that aren't refused.
struct Elements<'d> {
    rest: std::iter::Enumerate<std::slice::Iter<'d, Value>>,
    left_out: bool,
    list: Reader<'d>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refusal> {
        for (position, value) in self.rest.by_ref() {
            let path = self.list.path.index(position);
            if self.list.layers.is_refused(&path) {
                self.left_out = true;
                continue;
            }
            let reader = Reader {
                layers: self.list.layers,
                value,
                shape: self.list.shape.element().unwrap_or(self.list.shape),
                path: path.clone(),
            };
            let element = seed.deserialize(reader);
            return element.map(Some).map_err(|refusal| refusal.within(&path));
        }
        match self.left_out {
            true => Err(Fault::Elements.into()),
            false => Ok(None),
        }
    }
}
