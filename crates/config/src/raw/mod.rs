//! Tables of the TOML files as they are written: one struct per table, one field per key.
//!
//! These structs define the format. Their doc comments and types become the JSON Schema that editors use for
//! completion ([`json_schema()`]), and the same schema is used to check files and variables
//! ([`crate::shape`]). Durations, sizes, time zones and the like are still text here;
//! [`crate::build`] parses them.

pub mod alerts;
pub mod bronzed;
pub mod dataset;
pub mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Returns the JSON Schema of a file with the top table `T`.
pub fn json_schema<T: JsonSchema>() -> Schema {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema
}

/// Removes `null` from all types, because TOML has none: an optional key has its plain type if it is present.
fn without_null(schema: &mut Schema) {
    let types = schema.get_mut("type").and_then(|kind| kind.as_array_mut());
    if let Some(types) = types {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let choices = schema.get_mut("anyOf").and_then(|any| any.as_array_mut());
    if let Some(choices) = choices {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [serde_json::Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
}

/// Table with user-defined keys, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs<T>(pub Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Pairs<T> {
    fn schema_name() -> Cow<'static, str> {
        BTreeMap::<String, T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Value that is sent as text, and may be written as string, integer or boolean.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Scalar(pub String);

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "boolean"] })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `UPDATE_SCHEMA=1` after a change of the tables.
    #[test]
    fn the_published_schemas_are_those_of_the_tables() {
        let schemas = [
            ("bronzed", json_schema::<bronzed::BronzedFile>()),
            ("source", json_schema::<source::SourceFile>()),
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/schema");
        for (name, schema) in schemas {
            let file = format!("{folder}/{name}.schema.json");
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("UPDATE_SCHEMA").is_some() {
                std::fs::write(&file, &text).unwrap();
            }
            let published = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(published == text, "{file} is old: run with UPDATE_SCHEMA=1");
        }
    }
}
