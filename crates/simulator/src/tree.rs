//! A JSON value that can be edited, and written with its keys in any order.
//!
//! PNCP changes the key order of its records from response to response, in nested objects too, and keeps it
//! within one page. Scalars keep their recorded text: no digit of an amount changes.

use std::sync::Arc;

use super::chance::Chance;
use bronzed_model::json::tape::{Tape, TapeError, Value};
use bronzed_model::json::{self, Kind};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// A scalar: its JSON text.
    Scalar(Arc<str>),
    /// Members: the key as JSON text (quoted), and the value.
    Object(Vec<(Arc<str>, Tree)>),
    /// Elements.
    Array(Vec<Tree>),
}

impl Tree {
    /// Parses a JSON text.
    ///
    /// # Errors
    /// Returns an error if the text isn't JSON.
    pub fn parse(text: &str) -> Result<Self, TapeError> {
        Ok(Self::of(Tape::parse(text)?.root(text)))
    }

    fn of(value: Value<'_>) -> Self {
        match (value.object(), value.elements()) {
            (Some(object), _) => Self::Object(
                object
                    .members()
                    .map(|(key, value)| (json::quote(&key).into(), Self::of(value)))
                    .collect(),
            ),
            (_, Some(elements)) => Self::Array(elements.map(Self::of).collect()),
            _ => Self::Scalar(value.text().into()),
        }
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        Self::Scalar(json::quote(text).into())
    }

    /// `null`.
    pub fn null() -> Self {
        Self::literal("null")
    }

    /// A whole number.
    pub fn number(number: impl Into<i64>) -> Self {
        Self::literal(&number.into().to_string())
    }

    /// An object with these members.
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        let quoted = members.map(|(key, value)| (json::quote(key).into(), value));
        Self::Object(quoted.into())
    }

    /// `null`, a number or a boolean, given as its JSON text.
    pub fn literal(text: &str) -> Self {
        Self::Scalar(text.into())
    }

    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let found = members.iter().find(|(name, _)| is_named(name, key));
        found.map(|(_, value)| value)
    }

    /// The member of an object, for editing.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let found = members.iter_mut().find(|(name, _)| is_named(name, key));
        found.map(|(_, value)| value)
    }

    /// Sets a member of an object, in place if it exists. No effect on other kinds of values.
    pub fn set(&mut self, key: &str, value: Self) {
        match self.get_mut(key) {
            Some(place) => *place = value,
            None => {
                if let Self::Object(members) = self {
                    members.push((json::quote(key).into(), value));
                }
            }
        }
    }

    /// Sets several members of an object.
    pub fn set_all<const N: usize>(&mut self, members: [(&str, Self); N]) {
        for (key, value) in members {
            self.set(key, value);
        }
    }

    /// Renames a member of an object, in place.
    pub fn rename(&mut self, old: &str, new: &str) {
        if let Self::Object(members) = self {
            let found = members.iter_mut().find(|(name, _)| is_named(name, old));
            if let Some((name, _)) = found {
                *name = json::quote(new).into();
            }
        }
    }

    /// Removes a member of an object.
    pub fn remove(&mut self, key: &str) {
        if let Self::Object(members) = self {
            members.retain(|(name, _)| !is_named(name, key));
        }
    }

    /// Returns the content of a string; `None` for other values.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Scalar(text) if json::kind(text) == Kind::String => {
                json::string(text).ok().map(|text| text.into_owned())
            }
            _ => None,
        }
    }

    /// Returns the text of a scalar: a string's content, a number or boolean as written; `None` for `null`,
    /// arrays and objects.
    pub fn as_scalar_text(&self) -> Option<String> {
        match self {
            Self::Scalar(text) => match json::kind(text) {
                Kind::String => self.as_text(),
                Kind::Number | Kind::Boolean => Some(text.to_string()),
                Kind::Null | Kind::Array | Kind::Object => None,
            },
            Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// The JSON text with the members in their own order.
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(2_560);
        self.write(None, &mut text);
        text
    }

    /// Appends the JSON text; `order` decides the order of the members of every object, if given.
    pub fn write(&self, order: Option<Chance>, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Array(elements) => {
                out.push('[');
                for (position, element) in elements.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    element.write(order, out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                if let Some(order) = order {
                    sorted.sort_by_cached_key(|(key, _)| order.of(key).bits());
                }
                out.push('{');
                for (position, (key, value)) in sorted.into_iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    out.push_str(key);
                    out.push(':');
                    value.write(order, out);
                }
                out.push('}');
            }
        }
    }
}

/// Returns `true` if a quoted key is `key`, which must not need escapes.
fn is_named(quoted: &str, key: &str) -> bool {
    quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        == Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"a":1.50,"b":{"x":"é\n","y":[{"p":null,"q":true}]},"c":39000.0}"#;

    #[test]
    fn a_value_comes_back_to_the_letter() {
        assert_eq!(Tree::parse(RECORD).unwrap().to_json(), RECORD);
        assert!(Tree::parse("{\"a\":nul}").is_err());
    }

    #[test]
    fn the_order_of_keys_is_drawn_in_nested_objects_too() {
        let tree = Tree::parse(RECORD).unwrap();
        let written = |seed| {
            let mut text = String::new();
            tree.write(Some(Chance::new(seed)), &mut text);
            text
        };
        assert_eq!(written(1), written(1));
        let variants: std::collections::BTreeSet<_> = (0..50).map(written).collect();
        assert!(variants.len() > 6, "{variants:?}");
        assert!(variants.iter().any(|text| text.contains(r#"{"q":true"#)));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        for variant in &variants {
            assert_eq!(value(variant), value(RECORD));
        }
    }

    #[test]
    fn members_are_set_and_removed() {
        let mut tree = Tree::parse(RECORD).unwrap();
        tree.set("a", Tree::string("one"));
        tree.set("d", Tree::literal("4"));
        tree.remove("b");
        assert_eq!(tree.to_json(), r#"{"a":"one","c":39000.0,"d":4}"#);
        assert_eq!(
            tree.get("a").and_then(Tree::as_text).as_deref(),
            Some("one")
        );
    }
}
