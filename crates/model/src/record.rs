//! Ids of records.
//!
//! An id is one field verbatim, or several joined with `|` (which, like `\`, is escaped by `\` inside a
//! value), followed by `@version` if the dataset has versions. Ids never change, because a lake deduplicates
//! by them.
//!
//! ```text
//! 07954480000179-1-022746/2025                      one field
//! 43052497000102-0-000001/2025|1139                 two fields
//! 43052497000102-1-000308/2026@2026-05-27T07:18:44  with its version
//! 43052497000102-1-000308/2026@sha256:9f86d081…     its version is absent: the hash of its content
//! 43052497000102-1-000308/2026@0002-9f86d081…       the second of its versions by content
//! sha256:9f86d081…                                  no usable id: the hash of the canonical JSON
//! ```

use std::borrow::Cow;
use std::fmt;

use crate::declaration::{Dataset, Version};
use crate::json::tape::{Object, Tape, Value};
use crate::json::{self, Kind};

/// Prefix of the id of a record without a usable key.
const CONTENT_HASH: &str = "sha256:";

/// Placeholder in a primary key for the id of a child's parent. No record has such a field: the configuration
/// rejects a column of this name.
pub const PARENT_ID: &str = "/_parent_id";

/// The id of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordId {
    /// Id by which rows are deduplicated.
    pub id: String,
    /// Length of the key within `id`, without the version.
    key_len: usize,
    /// `true` if the id is built from the record's own fields, not from its hash.
    pub identified: bool,
    /// Content hash that distinguishes versions, until the version is known.
    content: Option<Box<str>>,
}

/// A version by content: `0002-9f86d081884c7d659a2feaa0c55ad015`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentVersion {
    /// Number within a day, from 1, in the order of storing.
    pub ordinal: u32,
    /// Prefix of the hash of the canonical JSON.
    pub hash: Box<str>,
}

impl ContentVersion {
    /// Number of hash digits that distinguish the versions of one record: 128 bits.
    const HASH_DIGITS: usize = 32;

    /// Parses a version. `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (ordinal, hash) = text.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let right = ordinal.len() >= 4
            && digits(ordinal)
            && hash.len() == Self::HASH_DIGITS
            && hash.bytes().all(hex);
        Some(Self {
            ordinal: right.then(|| ordinal.parse().ok())??,
            hash: hash.into(),
        })
    }
}

impl fmt::Display for ContentVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{}", self.ordinal, self.hash)
    }
}

impl RecordId {
    /// Returns the id of `record` in `dataset`.
    ///
    /// A record is unidentified if a key field is absent, null, empty or not a scalar, or if the record is
    /// not an object: its id is then the hash of its content.
    pub fn of_value(dataset: &Dataset, record: Value<'_>) -> Self {
        let id = Self::from_fields(dataset, None, record);
        id.unwrap_or_else(|| Self::from_content(record.text()))
    }

    /// Returns the id of a record given as text, as [`RecordId::of_value`] does. A text that isn't JSON is
    /// unidentified.
    pub fn of(dataset: &Dataset, record: &str) -> Self {
        match Tape::parse(record) {
            Ok(tape) => Self::of_value(dataset, tape.root(record)),
            Err(_) => Self::from_content(record),
        }
    }

    /// Returns the id of a child record of the parent with the id `parent`.
    ///
    /// Without a usable key, the parent's id is hashed together with the record, because two parents may have
    /// equal children.
    pub fn of_child_value(dataset: &Dataset, parent: &str, record: Value<'_>) -> Self {
        let id = Self::from_fields(dataset, Some(parent), record);
        id.unwrap_or_else(|| Self::from_content_of_child(parent, record.text()))
    }

    /// Returns the id of a child record given as text, as [`RecordId::of_child_value`] does.
    pub fn of_child(dataset: &Dataset, parent: &str, record: &str) -> Self {
        match Tape::parse(record) {
            Ok(tape) => Self::of_child_value(dataset, parent, tape.root(record)),
            Err(_) => Self::from_content_of_child(parent, record),
        }
    }

    /// Returns the id of a version of the record with this key.
    pub fn of_version(key: &str, version: &str) -> Self {
        Self {
            id: format!("{key}@{version}"),
            key_len: key.len(),
            identified: !Self::is_content_hash(key),
            content: None,
        }
    }

    /// Returns the id of a record without a usable key: the hash of its canonical JSON.
    pub fn content_hash(record: &str) -> String {
        format!("{CONTENT_HASH}{}", json::canonical::hash(record))
    }

    /// `true` if an id is the hash of a record's content.
    pub fn is_content_hash(id: &str) -> bool {
        id.starts_with(CONTENT_HASH)
    }

    /// Creates the id of an identified record without a version.
    #[cfg(feature = "test-util")]
    pub fn plain(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            key_len: id.len(),
            identified: true,
            content: None,
        }
    }

    /// The id without its version.
    pub fn key(&self) -> &str {
        &self.id[..self.key_len]
    }

    /// Returns the version. `None` if the dataset has no versions, or the record is unidentified.
    pub fn version(&self) -> Option<&str> {
        self.id.get(self.key_len + 1..)
    }

    /// Returns the hash that distinguishes versions by content. `None` if there are none, or if the version
    /// is already part of the id.
    pub fn content(&self) -> Option<&str> {
        self.content.as_deref()
    }

    /// The id with a version by content.
    #[must_use]
    pub fn with_version(&self, version: &ContentVersion) -> Self {
        Self {
            id: format!("{}@{version}", self.key()),
            key_len: self.key_len,
            identified: self.identified,
            content: None,
        }
    }

    fn from_content(record: &str) -> Self {
        let id = Self::content_hash(record);
        Self {
            key_len: id.len(),
            id,
            identified: false,
            content: None,
        }
    }

    fn from_content_of_child(parent: &str, record: &str) -> Self {
        Self::from_content(&format!("[{},{record}]", json::quote(parent)))
    }

    fn from_fields(dataset: &Dataset, parent: Option<&str>, record: Value<'_>) -> Option<Self> {
        let object = record.object()?;
        let mut id = key_of(&dataset.primary_key, parent, &object)?;
        let key_len = id.len();
        let mut content = None;
        match &dataset.version {
            Version::None => {}
            Version::Field(pointer) => {
                id.push('@');
                match scalar(&object, pointer) {
                    Some(version) => id.push_str(&version),
                    // Without a version field, only the content identifies the version.
                    None => {
                        id.push_str(CONTENT_HASH);
                        id.push_str(&json::canonical::hash_value(record));
                    }
                }
            }
            Version::Content => {
                let hash = json::canonical::hash_value(record);
                content = hash.get(..ContentVersion::HASH_DIGITS).map(Into::into);
            }
        }
        Some(Self {
            id,
            key_len,
            identified: true,
            content,
        })
    }
}

/// Returns the text of the non-empty scalar at a JSON pointer in a record.
pub fn field(record: Value<'_>, pointer: &str) -> Option<String> {
    scalar(&record.object()?, pointer).map(Cow::into_owned)
}

/// Returns the key of a record given as text by the JSON pointers of `primary_key`. `None` if the record is
/// unidentified (see [`RecordId::of_value`]).
pub fn key(primary_key: &[String], record: &str) -> Option<String> {
    key_of(
        primary_key,
        None,
        &Tape::parse(record).ok()?.root(record).object()?,
    )
}

fn key_of(primary_key: &[String], parent: Option<&str>, object: &Object<'_>) -> Option<String> {
    let value = |pointer: &String| match pointer.as_str() {
        PARENT_ID => parent.map(Cow::Borrowed),
        _ => scalar(object, pointer),
    };
    let values: Vec<_> = primary_key.iter().map(value).collect::<Option<_>>()?;
    Some(join_key(values.iter().map(AsRef::as_ref)))
}

/// Joins the values of key fields to a key.
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

/// Returns the text of a non-empty scalar: strings decoded, numbers and booleans verbatim.
fn scalar<'a>(object: &Object<'a>, pointer: &str) -> Option<Cow<'a, str>> {
    let path = pointer.strip_prefix('/')?;
    let first = path.split('/').next()?;
    let value = object.get(&json::unescaped_step(first))?;
    let value = value.pointer(&path[first.len()..])?;
    let text = match value.kind() {
        Kind::String => value.string()?,
        Kind::Number | Kind::Boolean => Cow::Borrowed(value.text()),
        Kind::Null | Kind::Array | Kind::Object => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
