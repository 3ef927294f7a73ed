//! Type of each key as the JSON Schema of its table states it: ranges, required keys, and the words for messages.

use serde_json::Value as Json;
use toml::Value;

use super::path::KeyPath;

/// Schema of one value.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'s> {
    root: &'s Json,
    /// Schema as stated where the value is declared.
    stated: &'s Json,
    /// Schema of the type, behind all references.
    kind: &'s Json,
}

impl<'s> Shape<'s> {
    /// Returns the shape of a file.
    pub fn of(root: &'s Json) -> Self {
        Self::at(root, root)
    }

    fn at(root: &'s Json, stated: &'s Json) -> Self {
        let mut kind = stated;
        // A reference stands in `allOf` if it has siblings.
        while let Some(name) = kind["$ref"].as_str().or(kind["allOf"][0]["$ref"].as_str()) {
            kind = &root["definitions"][name.trim_start_matches("#/definitions/")];
        }
        Self { root, stated, kind }
    }

    fn inner(self, schema: &'s Json) -> Self {
        Self::at(self.root, schema)
    }

    /// Returns the choice of this type: the shape itself, or one of those that a value may have.
    pub fn choice(self, name: &str) -> Option<Self> {
        let choices = self.kind["anyOf"].as_array().into_iter().flatten();
        let mut choices = choices.map(|schema| self.inner(schema));
        match self.kind["type"] == name {
            true => Some(self),
            false => choices.find(|choice| choice.kind["type"] == name),
        }
    }

    /// Returns the shape of a table, or that of the table that may stand for the value.
    pub fn table(self) -> Option<Self> {
        self.choice("object")
    }

    /// Returns the shape of the elements of a list.
    pub fn element(self) -> Option<Self> {
        let list = self.choice("array")?;
        Some(list.inner(&list.kind["items"]))
    }

    /// Returns the known keys of a table, sorted.
    pub fn keys(self) -> Vec<&'s str> {
        let keys = self.table().map(|table| &table.kind["properties"]);
        let keys = keys.and_then(Json::as_object).into_iter().flatten();
        keys.map(|(key, _)| key.as_str()).collect()
    }

    /// Returns the shape of the value of a known key.
    pub fn key(self, key: &str) -> Option<Self> {
        let known = self.table()?.kind["properties"].get(key)?;
        Some(self.inner(known))
    }

    /// Returns the shape of the values of a table with user-defined keys.
    pub fn entry(self) -> Option<Self> {
        let values = &self.table()?.kind["additionalProperties"];
        values.is_object().then(|| self.inner(values))
    }

    /// Returns the shape of a key, or of an element such as `[0]`.
    pub fn step(self, step: &str) -> Option<Self> {
        let element = KeyPath::position(step).and_then(|_| self.element());
        element.or_else(|| self.key(step)).or_else(|| self.entry())
    }

    /// Returns the shape of the value at a path.
    pub fn find(self, path: &KeyPath) -> Option<Self> {
        let mut steps = path.steps().iter();
        steps.try_fold(self, |shape, step| shape.step(step))
    }

    /// Returns the required keys of a table.
    pub fn required(self) -> impl Iterator<Item = &'s str> {
        let keys = self.table().map(|table| &table.kind["required"]);
        let keys = keys.and_then(Json::as_array).into_iter().flatten();
        keys.filter_map(Json::as_str)
    }

    /// Returns the description of the key that has the value.
    pub fn about(self) -> String {
        let about = self.stated["description"].as_str();
        about.unwrap_or_default().replace('\n', " ")
    }

    /// Returns `true` if the value is of this type alone.
    pub fn is(self, name: &str) -> bool {
        self.kind["type"] == name
    }

    /// Returns `true` if a value may be a date in TOML.
    pub fn is_date(self) -> bool {
        self.kind["format"] == "date"
    }

    /// Returns `true` if a value has the right type, a number is in range, and a list has elements enough.
    pub fn admits(self, value: &Value) -> bool {
        let least = &self.kind["exclusiveMinimum"];
        match value {
            Value::String(_) => self.allows("string") || !self.words().is_empty(),
            Value::Boolean(_) => self.allows("boolean"),
            Value::Integer(number) if self.is("number") => {
                least.as_i64().is_none_or(|least| *number > least)
            }
            Value::Integer(number) => {
                let (min, max) = self.range();
                self.allows("integer") && (min..=max).contains(number)
            }
            Value::Float(number) => {
                let above = least.as_f64().is_none_or(|least| *number > least);
                self.is("number") && number.is_finite() && above
            }
            Value::Array(elements) => self.choice("array").is_some_and(|list| {
                elements.len() as u64 >= list.kind["minItems"].as_u64().unwrap_or_default()
            }),
            Value::Table(_) => self.table().is_some(),
            Value::Datetime(_) => false,
        }
    }

    /// Returns `true` if the type is one of those that a value may have.
    fn allows(self, name: &str) -> bool {
        let types = self.kind["type"].as_array();
        types.is_some_and(|types| types.iter().any(|kind| kind == name))
            || self.choice(name).is_some()
    }

    /// Returns the bounds of an integer, both inclusive: those stated, or those of its Rust type.
    fn range(self) -> (i64, i64) {
        let of_type = match self.kind["format"].as_str() {
            Some("uint8") => u8::MAX.into(),
            Some("uint16") => u16::MAX.into(),
            Some("uint32") => u32::MAX.into(),
            _ => i64::MAX,
        };
        let min = self.kind["minimum"].as_i64().unwrap_or(i64::MIN);
        (min, self.kind["maximum"].as_i64().unwrap_or(of_type))
    }

    /// Returns the allowed words of a text; empty if any text is allowed.
    pub fn words(self) -> Vec<&'s str> {
        let described = self.kind["oneOf"].as_array().into_iter().flatten();
        described
            .filter_map(|word| word["const"].as_str())
            .collect()
    }

    /// Returns a description of the expected value, for messages: `a whole number of at least 1`.
    pub fn expected(self) -> String {
        if let (Some(table), false) = (self.table(), self.is("object")) {
            return match (self.choice("array"), self.choice("boolean")) {
                (Some(plain), _) | (_, Some(plain)) => {
                    format!("{}, or {}", plain.expected(), table.inline())
                }
                (None, None) => "a text, { env = \"NAME\" } or { file = \"PATH\" }".to_owned(),
            };
        }
        match self.kind["type"].as_str() {
            Some("object") => "a table".to_owned(),
            Some("array") => {
                let element = self.element().map(Self::expected).unwrap_or_default();
                format!("a list, each element {element}")
            }
            Some("string") if self.is_date() => "a date such as 2025-10-22".to_owned(),
            Some("string") => "a text in \"quotes\"".to_owned(),
            Some("integer") => match self.range() {
                (min, max) if max >= i64::from(u32::MAX) => {
                    format!("a whole number of at least {min}")
                }
                (min, max) => format!("a whole number from {min} to {max}"),
            },
            Some("number") => "a number greater than 0".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            None if !self.words().is_empty() => one_of(&self.words()),
            _ => "a text, a whole number or a boolean".to_owned(),
        }
    }

    /// Returns a table as an inline table, for messages.
    fn inline(self) -> String {
        let keys = self.keys().into_iter().map(|key| format!("{key} = …"));
        format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
    }
}

/// Formats words as a list of choices: `` `a`, `b` or `c` ``.
pub fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}
