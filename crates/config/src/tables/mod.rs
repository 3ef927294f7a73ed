//! Tables of the TOML files: one struct per table, one field per key.
//!
//! These structs, and those of [`bronzed_model`] that they contain, define the format. Their types parse the values
//! ([`crate::read`]); types and doc comments become the JSON Schema that editors use for completion
//! ([`json_schema()`]), from which ranges, required keys and hints are taken, too ([`crate::shape`]).

pub mod alerts;
pub mod bronzed;
pub mod dataset;
pub mod either;
pub mod expect;
pub mod silver;
pub mod source;

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Returns the JSON Schema of a file with the top table `T`.
pub fn json_schema<T: JsonSchema>() -> Schema {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(as_toml).transform(&mut schema);
    schema
}

/// Removes `null` from all types, because TOML has none: an optional key has its plain type if it is present.
/// Removes defaults, which are in the descriptions, in the words of a file.
fn as_toml(schema: &mut Schema) {
    schema.remove("default");
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

/// Value that is sent as text, and may be written as string, integer or boolean.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Scalar(pub String);

/// A scalar as written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Integer(i64),
    Boolean(bool),
}

impl From<Written> for Scalar {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Text(text) => text,
            Written::Integer(number) => number.to_string(),
            Written::Boolean(truth) => truth.to_string(),
        })
    }
}

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

/// Part of a JSON body: a value, or a table of parts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum JsonPart {
    /// A text with `{variables}`.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// A list of values.
    List(Vec<JsonPart>),
    /// An object.
    Table(IndexMap<String, JsonPart>),
}

impl JsonSchema for JsonPart {
    fn schema_name() -> Cow<'static, str> {
        "JsonPart".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let part = generator.subschema_for::<Self>();
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "integer" },
                { "type": "boolean" },
                { "type": "array", "items": { "type": ["string", "integer", "boolean"] } },
                { "type": "object", "additionalProperties": part },
            ]
        })
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
