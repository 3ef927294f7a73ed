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

/// What stands in a primary key for the id of a child's parent. No record has such a field: the
/// configuration takes no column of this name.
pub const PARENT_ID: &str = "/_parent_id";

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

    /// An identified record's id without a version.
    #[cfg(test)]
    pub fn plain(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            key_len: id.len(),
            identified: true,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(primary_key: &[&str], version: Option<&str>) -> Dataset {
        let settings = crate::config::load(None, []).unwrap();
        let shipped = settings.sources["pncp"].datasets["contratacoes"].as_ref();
        Dataset {
            primary_key: primary_key.iter().map(|key| (*key).to_owned()).collect(),
            version: version.map_or(Version::None, |field| Version::Field(field.to_owned())),
            ..shipped.clone()
        }
    }

    fn id(primary_key: &[&str], record: &str) -> String {
        RecordId::of(&dataset(primary_key, None), record).id
    }

    #[test]
    fn one_field_is_the_id_verbatim() {
        for (record, expected) in [
            (
                r#"{"a":"07954480000179-1-022746/2025"}"#,
                "07954480000179-1-022746/2025",
            ),
            (r#"{"a":"x|y\\z"}"#, r"x|y\z"),
            (r#"{"a":"\u00e7@1"}"#, "ç@1"),
            (r#"{"a":12.50}"#, "12.50"),
            (r#"{"a":true}"#, "true"),
            (r#"{"a":1,"a":2}"#, "2"),
            (r#"{"a":" x "}"#, " x "),
        ] {
            assert_eq!(id(&["/a"], record), expected, "{record}");
        }
        assert_eq!(id(&["/o/c~1d"], r#"{"o":{"c/d":"1"}}"#), "1");
    }

    #[test]
    fn several_fields_are_joined_so_that_none_is_taken_for_another() {
        let of = |a: &str, b: &str| {
            let record = format!(r#"{{"a":{},"b":{}}}"#, json::quote(a), json::quote(b));
            id(&["/a", "/b"], &record)
        };
        assert_eq!(
            of("43052497000102-0-000001/2025", "1139"),
            "43052497000102-0-000001/2025|1139"
        );
        assert_eq!(of("x|y", "z"), r"x\|y|z");
        assert_eq!(of("x", "y|z"), r"x|y\|z");
        assert_eq!(of("x\\", "y"), r"x\\|y");
        assert_eq!(id(&["/a", "/b"], r#"{"b":2,"a":1}"#), "1|2");
    }

    #[test]
    fn a_version_is_appended_to_the_key() {
        let dataset = dataset(&["/a"], Some("/v"));
        let id = RecordId::of(&dataset, r#"{"a":"x@y","v":"2026-05-27T07:18:44"}"#);
        assert_eq!(id.id, "x@y@2026-05-27T07:18:44");
        assert_eq!(
            (id.key(), id.version()),
            ("x@y", Some("2026-05-27T07:18:44"))
        );
        let without = RecordId::of(&dataset, r#"{"a":"x"}"#);
        assert!(!without.identified && without.version().is_none());
    }

    #[test]
    fn p2_without_a_usable_key_the_content_is_the_id() {
        for record in [
            "{}",
            r#"{"a":null}"#,
            r#"{"a":""}"#,
            r#"{"a":" "}"#,
            r#"{"a":[1]}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"\ud800":1,"a":"x"}"#,
            "5",
            "null",
            "[]",
            r#""a""#,
        ] {
            let id = RecordId::of(&dataset(&["/a"], None), record);
            assert!(!id.identified, "{record}");
            assert_eq!(id.id, RecordId::content_hash(record), "{record}");
            assert_eq!((id.key(), id.version()), (id.id.as_str(), None), "{record}");
            assert!(RecordId::is_content_hash(&id.id));
        }
        let one_missing = id(&["/a", "/b"], r#"{"a":"x"}"#);
        assert!(RecordId::is_content_hash(&one_missing));
    }

    #[test]
    fn golden_content_ids() {
        let expected = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(id(&["/a"], "{}"), expected);
        assert_eq!(id(&["/a"], r#"{"a":null}"#), expected);
        // The order of keys and the spelling of numbers make no new record.
        assert_eq!(
            id(&["/a"], r#"{"x":1.0,"y":2}"#),
            id(&["/a"], r#"{"y":2,"x":1}"#)
        );
    }
}
