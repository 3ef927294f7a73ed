//! A plain value, or a table that stands for it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

/// A text, a boolean or a list, or a table that stands for it.
pub enum Either<P, T> {
    /// The value itself.
    Plain(P),
    /// A table that refers to the value.
    Table(T),
}

impl<'de, P: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for Either<P, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherVisitor(PhantomData))
    }
}

struct EitherVisitor<P, T>(PhantomData<(P, T)>);

impl<'de, P: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for EitherVisitor<P, T> {
    type Value = Either<P, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or a table that stands for it")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        P::deserialize(truth.into_deserializer()).map(Either::Plain)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        P::deserialize(text.into_deserializer()).map(Either::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        P::deserialize(SeqAccessDeserializer::new(list)).map(Either::Plain)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(Either::Table)
    }
}

impl<P: JsonSchema, T: JsonSchema> JsonSchema for Either<P, T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", P::schema_name(), T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [generator.subschema_for::<P>(), generator.subschema_for::<T>()]
        })
    }

    fn inline_schema() -> bool {
        true
    }
}
