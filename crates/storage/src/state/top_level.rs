//! Top level of a state document, divided without an index of all it holds: a state may have a million ids.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Members of the document in the order of the text, repeated keys included: each with its own text.
pub(super) struct TopLevel<'a> {
    pub(super) members: Vec<(String, &'a str)>,
}

impl<'a> TopLevel<'a> {
    /// Parses a document.
    ///
    /// # Errors
    /// Returns an error if the bytes aren't one JSON object, or a key isn't valid Unicode.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Returns the value of a key; the last one if the key is repeated.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let mut last_first = self.members.iter().rev();
        let found = last_first.find(|(name, _)| name == key);
        found.map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TopLevel<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = TopLevel<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TopLevel<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((key, value.get()));
                }
                Ok(TopLevel { members })
            }
        }
        deserializer.deserialize_map(Members)
    }
}
