//! Canonical JSON: the one form of a value from which hashes, and so ids, are computed. It must never change.
//!
//! - Members of an object are sorted by the UTF-8 bytes of their keys. Null members are omitted, so that a
//!   new field that is null everywhere doesn't make every record a new one. Of a repeated key, the last
//!   counts.
//! - Numbers are written by [`Decimal::push_canonical`]: `12.50`, `12.5` and `125e-1` are equal.
//! - Strings are decoded and escaped only where JSON demands it.
//! - There is no white space.
//!
//! ```text
//! { "b" : 12.50, "a" : null, "c" : [null, "\u00e7"] }   →   {"b":12.5,"c":[null,"ç"]}
//! ```

use sha2::{Digest, Sha256};

use crate::json::decimal::Decimal;
use crate::json::tape::{Tape, TapeError, Value};
use crate::json::{self, Kind};

/// Maximum nesting depth of objects and arrays.
const MAX_DEPTH: usize = 128;

/// Reason why a text has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON.
    #[error("the text isn't JSON: {0}")]
    Json(#[from] TapeError),
    /// A string that is no valid Unicode.
    #[error("a string in `{0}` is no valid Unicode")]
    NoUnicode(String),
    /// Nested deeper than the limit.
    #[error("more than {MAX_DEPTH} objects and arrays within each other")]
    TooDeep,
}

/// Returns the canonical form of one JSON value.
///
/// # Errors
/// Returns an error if the text isn't JSON, has an escape that is no valid Unicode, or is nested too deeply.
pub fn canonical(text: &str) -> Result<String, CanonicalError> {
    canonical_value(Tape::parse(text)?.root(text))
}

fn canonical_value(value: Value<'_>) -> Result<String, CanonicalError> {
    let mut out = String::with_capacity(value.text().len());
    push(&mut out, value, 0)?;
    Ok(out)
}

/// Returns the SHA-256 of the canonical form in lower-case hexadecimal. A text without a canonical form is
/// hashed as it is, so every text has a hash.
pub fn hash(text: &str) -> String {
    match Tape::parse(text) {
        Ok(tape) => hash_value(tape.root(text)),
        Err(_) => hex(text),
    }
}

/// Returns the SHA-256 of the canonical form of a value, as [`hash()`] does.
pub fn hash_value(value: Value<'_>) -> String {
    match canonical_value(value) {
        Ok(canonical) => hex(&canonical),
        Err(_) => hex(value.text()),
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn push(out: &mut String, value: Value<'_>, depth: usize) -> Result<(), CanonicalError> {
    let text = value.text();
    match value.kind() {
        Kind::Object | Kind::Array if depth == MAX_DEPTH => return Err(CanonicalError::TooDeep),
        Kind::Object => push_object(out, value, depth + 1)?,
        Kind::Array => push_array(out, value, depth + 1)?,
        Kind::String => {
            let string = value.string().ok_or_else(|| no_unicode(text))?;
            json::push_quoted(out, &string);
        }
        Kind::Number => match Decimal::parse(text) {
            Some(number) => number.push_canonical(out),
            // An exponent of more than 18 digits isn't normalized.
            None => out.push_str(text),
        },
        Kind::Boolean | Kind::Null => out.push_str(text),
    }
    Ok(())
}

fn no_unicode(text: &str) -> CanonicalError {
    CanonicalError::NoUnicode(text.chars().take(40).collect())
}

fn push_object(out: &mut String, value: Value<'_>, depth: usize) -> Result<(), CanonicalError> {
    let object = value.object().ok_or_else(|| no_unicode(value.text()))?;
    let mut members: Vec<_> = object.members().collect();
    // Stable sort, so that the last of equal keys stays the last.
    members.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    out.push('{');
    let start = out.len();
    for (position, (key, value)) in members.iter().enumerate() {
        let repeated = members
            .get(position + 1)
            .is_some_and(|(next, _)| next == key);
        if repeated || value.is_null() {
            continue;
        }
        if out.len() > start {
            out.push(',');
        }
        json::push_quoted(out, key);
        out.push(':');
        push(out, *value, depth)?;
    }
    out.push('}');
    Ok(())
}

fn push_array(out: &mut String, value: Value<'_>, depth: usize) -> Result<(), CanonicalError> {
    out.push('[');
    for (position, element) in value.elements().into_iter().flatten().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push(out, element, depth)?;
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_forms() {
        for (text, expected) in [
            (r#" { "b" : 12.50, "a" : null } "#, r#"{"b":12.5}"#),
            (
                r#"{"b":1,"a":{"d":null,"c":{}}}"#,
                r#"{"a":{"c":{}},"b":1}"#,
            ),
            (
                r#"[null, 1.0, "x" , true,false]"#,
                r#"[null,1,"x",true,false]"#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":1,"a":null}"#, "{}"),
            (
                r#""\u00e7\/\u0001\n\"\\\ud83d\ude00\u007f""#,
                "\"ç/\\u0001\\n\\\"\\\\😀\u{7f}\"",
            ),
            (
                r#"{"é":1,"z":2,"Z":3,"a\nb":4}"#,
                r#"{"Z":3,"a\nb":4,"z":2,"é":1}"#,
            ),
            // Sorted by UTF-8 bytes, which is by code points: U+FFFD before U+1F600.
            (r#"{"😀":1,"�":2}"#, r#"{"�":2,"😀":1}"#),
            ("-0.0", "0"),
            ("null", "null"),
            ("[]", "[]"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert_eq!(canonical(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn golden_hashes() {
        for (text, expected) in [
            (
                "{}",
                "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            ),
            (
                "null",
                "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
            ),
            (
                r#"{"valor": 12.50, "nome": "São Paulo", "extra": null}"#,
                "93712cef7c1071b772c2753dd05e46b3194c084fed94de9d71350fe22f894ebd",
            ),
        ] {
            assert_eq!(hash(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_form_still_has_a_hash() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(matches!(canonical(&deep), Err(CanonicalError::TooDeep)));
        for text in [
            deep.as_str(),
            r#""\ud800""#,
            "{",
            "tru",
            "1.",
            "",
            "nothing",
            "\u{b}1",
            "\u{a0}[]",
        ] {
            assert!(canonical(text).is_err(), "{text}");
            assert_eq!(hash(text), hex(text), "{text}");
        }
    }

    #[test]
    fn depth_is_allowed_up_to_its_bound() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(&nested(MAX_DEPTH)).is_ok());
        assert!(canonical(&nested(MAX_DEPTH + 1)).is_err());
    }

    fn hex(text: &str) -> String {
        let digest = Sha256::digest(text);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
