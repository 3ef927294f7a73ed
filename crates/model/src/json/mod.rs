//! JSON as received from the API, accessed without building a tree, so that no digit and no key is lost.
//!
//! A page is indexed once, as a [`tape`]. A single value is its own text: [`members`] and [`elements`] divide
//! one level of it; [`pointer()`] follows an RFC 6901 JSON pointer; [`decimal`] reads numbers without floats;
//! [`canonical`] gives the form that is hashed.

pub mod canonical;
pub mod decimal;
mod scanner;
pub mod tape;

use std::borrow::Cow;

use tape::{Tape, TapeError};

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
    Kind::of_first_byte(trimmed(text))
}

impl Kind {
    /// Returns the type of a value without white space before it.
    fn of_first_byte(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'-' | b'0'..=b'9') => Self::Number,
            _ => Self::Null,
        }
    }
}

/// Returns the members of one object in the order of the text, repeated keys included: decoded keys, each
/// with the text of its value.
///
/// # Errors
/// Returns an error if the text isn't an object, isn't JSON, or a key isn't valid Unicode.
pub fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, TapeError> {
    let tape = Tape::parse(text)?;
    let object = tape.root(text).object();
    let object = object.ok_or_else(|| expected("an object whose keys are Unicode"))?;
    let member = |(key, value): (tape::Value<'_>, tape::Value<'_>)| {
        let name = match key.string() {
            Some(Cow::Owned(name)) => Cow::Owned(name),
            // Without escapes, the key is its text between the quotes.
            _ => Cow::Borrowed(text[key.range()].trim_matches('"')),
        };
        (name, &text[value.range()])
    };
    Ok(object.entries().map(member).collect())
}

/// Returns the elements of one array, each as its text.
///
/// # Errors
/// Returns an error if the text isn't an array or isn't JSON.
pub fn elements(text: &str) -> Result<Vec<&str>, TapeError> {
    let tape = Tape::parse(text)?;
    let elements = tape.root(text).elements();
    let elements = elements.ok_or_else(|| expected("an array"))?;
    Ok(elements.map(|element| &text[element.range()]).collect())
}

/// Returns the value at an RFC 6901 pointer (`/data`, `/orgaoEntidade/cnpj`, `/items/0`); the empty pointer
/// is the whole text. `None` if there is no such value.
///
/// # Errors
/// Returns an error if the text isn't JSON.
pub fn pointer<'a>(text: &'a str, pointer: &str) -> Result<Option<&'a str>, TapeError> {
    let tape = Tape::parse(text)?;
    let found = tape.root(text).pointer(pointer);
    Ok(found.map(|found| &text[found.range()]))
}

fn expected(problem: &'static str) -> TapeError {
    TapeError::Expected(problem)
}

/// Decodes one string.
///
/// # Errors
/// Returns an error if the text isn't a string, or has an escape that is no valid Unicode (a lone surrogate).
pub fn string(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inside = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match inside {
        Some(inside) if !inside.contains(['\\', '"']) => Ok(Cow::Borrowed(inside)),
        _ => serde_json::from_str::<String>(text).map(Cow::Owned),
    }
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
        let found = members(r#"{"a":1.50,"b":0E-8,"\u0061":2}"#).unwrap();
        let expected = [("a", "1.50"), ("b", "0E-8"), ("a", "2")];
        assert_eq!(found, expected.map(|(key, value)| (key.into(), value)));
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
    fn a_cut_off_text_is_an_error() {
        assert!(members(r#"{"a":[1,2"#).is_err());
        assert!(elements("[1,2").is_err());
        assert!(string(r#""\ud800""#).is_err());
    }
}
