//! JSON as received from the API, accessed without building a tree, so that no digit and no key is lost.
//!
//! A value is its own text, a `&str` slice of a response. [`Object`] and [`elements`] parse one level of it;
//! [`pointer()`] follows an RFC 6901 JSON pointer; [`decimal`] reads numbers without floats; [`canonical`]
//! gives the form that is hashed.

pub mod canonical;
pub mod decimal;
mod scanner;
pub mod tape;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Type of a JSON value, determined by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Returns the text without surrounding JSON white space.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// Returns the type of a value. `text` must be one valid JSON value, as everywhere in this module.
pub fn kind(text: &str) -> Kind {
    match trimmed(text).as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Null,
    }
}

/// Members of one object in the order of the text, repeated keys included.
#[derive(Debug, Default)]
pub struct Object<'a> {
    /// Decoded keys, each with the text of its value.
    pub members: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Object<'a> {
    /// Parses the top level of an object.
    ///
    /// # Errors
    /// Returns an error if the text isn't an object, isn't JSON, or a key isn't valid Unicode.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns the value of a key; the last one if the key is repeated, like most JSON parsers.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.members
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(48);
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value::<&RawValue>()?.get()));
                }
                Ok(Object { members })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Key that borrows from the text if it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Returns the elements of one array, each as its text.
///
/// # Errors
/// Returns an error if the text isn't an array or isn't JSON.
pub fn elements(text: &str) -> Result<Vec<&str>, serde_json::Error> {
    let raw: Vec<&RawValue> = serde_json::from_str(text)?;
    Ok(raw.into_iter().map(RawValue::get).collect())
}

/// Returns the elements of one array, each as its text; `None` if there are more than `most`. The excess is
/// parsed but not kept, because `[{},{},…]` takes sixty times its own memory as a list of slices.
///
/// # Errors
/// Returns an error if the text isn't an array or isn't JSON.
pub fn elements_at_most(text: &str, most: usize) -> Result<Option<Vec<&str>>, serde_json::Error> {
    struct AtMost(usize);
    impl<'de> Visitor<'de> for AtMost {
        type Value = Option<Vec<&'de str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while elements.len() < self.0 {
                match seq.next_element::<&RawValue>()? {
                    Some(element) => elements.push(element.get()),
                    None => return Ok(Some(elements)),
                }
            }
            let mut more = false;
            while seq.next_element::<IgnoredAny>()?.is_some() {
                more = true;
            }
            Ok((!more).then_some(elements))
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let elements = deserializer.deserialize_seq(AtMost(most))?;
    deserializer.end()?;
    Ok(elements)
}

/// Decodes one string.
///
/// # Errors
/// Returns an error if the text isn't a string, or has an escape that is no valid Unicode (a lone surrogate).
pub fn string(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    serde_json::from_str::<Key<'_>>(text).map(|key| key.0)
}

/// Returns `text` as a JSON string.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text);
    out
}

/// Appends `text` as a JSON string. Only quotes, backslashes and control characters are escaped, in the one
/// way that [`canonical`] hashes.
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (position, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0c => "\\f",
            0x0d => "\\r",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..position]);
        plain_from = position + 1;
        match short {
            "" => out.push_str(&format!("\\u{byte:04x}")),
            short => out.push_str(short),
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

/// Returns the value at an RFC 6901 pointer (`/data`, `/orgaoEntidade/cnpj`, `/items/0`); the empty pointer
/// is the whole text. `None` if there is no such value.
///
/// # Errors
/// Returns an error if a level on the pointer's path isn't valid JSON.
pub fn pointer<'a>(text: &'a str, pointer: &str) -> Result<Option<&'a str>, serde_json::Error> {
    let mut value = trimmed(text);
    for step in pointer.split('/').skip(1) {
        let step = unescaped_step(step);
        let next = match kind(value) {
            Kind::Object => Object::parse(value)?.get(&step),
            Kind::Array => match step.parse::<usize>() {
                Ok(index) => elements(value)?.get(index).copied(),
                Err(_) => None,
            },
            _ => None,
        };
        match next {
            Some(found) => value = found,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// Returns a step of an RFC 6901 pointer without its escapes.
pub(crate) fn unescaped_step(step: &str) -> Cow<'_, str> {
    match step.contains('~') {
        true => Cow::Owned(step.replace("~1", "/").replace("~0", "~")),
        false => Cow::Borrowed(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_repeated_keys_keep_their_text() {
        let object = Object::parse(r#"{"a":1.50,"b":0E-8,"a":2}"#).unwrap();
        assert_eq!(object.get("a"), Some("2"));
        assert_eq!(object.get("b"), Some("0E-8"));
        assert_eq!(object.members.len(), 3);
    }

    #[test]
    fn pointers_pass_objects_and_arrays() {
        let text = r#" {"a":[{"b/c":7},{"~":"x"}]} "#;
        assert_eq!(pointer(text, "/a/0/b~1c").unwrap(), Some("7"));
        assert_eq!(pointer(text, "/a/1/~0").unwrap(), Some("\"x\""));
        assert_eq!(pointer(text, "/a/2").unwrap(), None);
        assert_eq!(pointer(text, "/a/0/b~1c/d").unwrap(), None);
        assert_eq!(pointer("[1]", "").unwrap(), Some("[1]"));
    }

    #[test]
    fn a_quoted_string_is_itself_again() {
        let text: String = (0..0x100_u32).filter_map(char::from_u32).collect();
        assert_eq!(string(&quote(&text)).unwrap(), text);
        assert_eq!(quote("a\"\u{1f}\né"), r#""a\"\u001f\né""#);
    }

    #[test]
    fn more_elements_than_asked_for_are_none() {
        let three = " [1, [2], {}] ";
        let all = Some(vec!["1", "[2]", "{}"]);
        assert_eq!(elements_at_most(three, 3).unwrap(), all);
        assert_eq!(elements_at_most(three, 4).unwrap(), all);
        assert_eq!(elements_at_most(three, 2).unwrap(), None);
        assert_eq!(elements_at_most("[]", 0).unwrap(), Some(Vec::new()));
        for broken in ["[1,2", "[1,2,]", "[1]]", "{}", "[1,2 3]"] {
            assert!(elements_at_most(broken, 1).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_cut_off_text_is_an_error() {
        assert!(Object::parse(r#"{"a":[1,2"#).is_err());
        assert!(elements("[1,2").is_err());
        assert!(string(r#""\ud800""#).is_err());
    }
}
