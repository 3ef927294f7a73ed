//! What a record is known by: its id.
//!
//! An id is one field verbatim, or several joined with `|` (which, like `\`, is escaped by `\`
//! inside a value), then `@version` where the dataset has versions. Ids are for ever: a lake's
//! dedup goes by them.
//!
//! ```text
//! 07954480000179-1-022746/2025                      one field
//! 43052497000102-0-000001/2025|1139                 two fields
//! 43052497000102-1-000308/2026@2026-05-27T07:18:44  with its version
//! sha256:9f86d081…                                  no usable id: the hash of the canonical JSON
//! ```

use std::borrow::Cow;

use crate::json::{self, Kind, Object};
use crate::source::declaration::{Dataset, Version};

/// What the id of a record without a usable key begins with.
const CONTENT_HASH: &str = "sha256:";

/// The id of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordId {
    /// What dedup goes by.
    pub id: String,
    /// How much of `id` is the key without its version.
    key_len: usize,
    /// Whether the id is made of the record's own fields (not of its hash).
    pub identified: bool,
}

impl RecordId {
    /// The id of `record` (one JSON value) in `dataset`.
    ///
    /// A record is unidentified where a key field is absent, null, empty, or not a scalar, and
    /// where the element isn't an object at all: then its id is the hash of its content.
    pub fn of(dataset: &Dataset, record: &str) -> Self {
        Self::from_fields(dataset, record).unwrap_or_else(|| Self::from_content(record))
    }

    /// An id without a version, for tests that need no record.
    #[cfg(test)]
    pub fn of_key(id: String) -> Self {
        Self {
            key_len: id.len(),
            id,
            identified: true,
        }
    }

    /// The id of a record without a usable one: the hash of its canonical JSON.
    pub fn content_hash(record: &str) -> String {
        format!("{CONTENT_HASH}{}", json::canonical::hash(record))
    }

    /// Whether an id is the hash of a record's content.
    pub fn is_content_hash(id: &str) -> bool {
        id.starts_with(CONTENT_HASH)
    }

    /// The id without its version.
    pub fn key(&self) -> &str {
        &self.id[..self.key_len]
    }

    /// The version, where the dataset has versions and the record is identified.
    pub fn version(&self) -> Option<&str> {
        self.id.get(self.key_len + 1..)
    }

    fn from_content(record: &str) -> Self {
        let id = Self::content_hash(record);
        Self {
            key_len: id.len(),
            id,
            identified: false,
        }
    }

    fn from_fields(dataset: &Dataset, record: &str) -> Option<Self> {
        let object = Object::parse(record).ok()?;
        let mut id = key_of(&dataset.primary_key, &object)?;
        let key_len = id.len();
        if let Version::Field(pointer) = &dataset.version {
            id.push('@');
            id.push_str(&scalar(&object, pointer)?);
        }
        Some(Self {
            id,
            key_len,
            identified: true,
        })
    }
}

/// The key of `record` (one JSON value) that the JSON pointers of `primary_key` make; `None` where
/// it is unidentified, as [`RecordId::of`] says.
pub fn key(primary_key: &[String], record: &str) -> Option<String> {
    key_of(primary_key, &Object::parse(record).ok()?)
}

fn key_of(primary_key: &[String], object: &Object<'_>) -> Option<String> {
    let values = primary_key.iter();
    let values: Vec<_> = values
        .map(|pointer| scalar(object, pointer))
        .collect::<Option<_>>()?;
    Some(join_key(values.iter().map(AsRef::as_ref)))
}

/// Joins the values of several key fields, as ids of several fields are joined.
pub fn join_key<'a>(values: impl ExactSizeIterator<Item = &'a str>) -> String {
    let single = values.len() == 1;
    let mut key = String::new();
    for (position, value) in values.enumerate() {
        if position > 0 {
            key.push('|');
        }
        if single {
            key.push_str(value);
        } else {
            push_escaped(&mut key, value);
        }
    }
    key
}

fn push_escaped(id: &mut String, value: &str) {
    for character in value.chars() {
        if matches!(character, '|' | '\\') {
            id.push('\\');
        }
        id.push(character);
    }
}

/// A non-empty scalar's text: strings decoded, numbers and booleans verbatim.
fn scalar<'a>(object: &Object<'a>, pointer: &str) -> Option<Cow<'a, str>> {
    let path = pointer.strip_prefix('/')?;
    let (first, rest) = match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let mut value = object.get(&first.replace("~1", "/").replace("~0", "~"))?;
    if let Some(rest) = rest {
        value = json::pointer(value, &format!("/{rest}")).ok()??;
    }
    let text = match json::kind(value) {
        Kind::String => json::string(value).ok()?,
        Kind::Number | Kind::Boolean => Cow::Borrowed(value),
        Kind::Null | Kind::Array | Kind::Object => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}
