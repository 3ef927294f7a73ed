//! Schema of a file, derived from the JSON Schema of its tables: the single definition that editors complete
//! from and that files and variables are checked against.

use serde_json::{Map, Value};

use super::raw;

/// Expected type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum SchemaNode {
    /// A table with known keys.
    Table(Vec<Field>),
    /// A table with user-defined keys.
    Open(Box<SchemaNode>),
    /// A list, with its minimum number of elements.
    List(Box<SchemaNode>, usize),
    /// A string.
    Text(Words),
    /// A date, as a TOML date or a string.
    Date,
    /// A string, integer or boolean, converted to a string.
    Scalar,
    /// A string, or a table that refers to one.
    TextOr(Box<SchemaNode>),
    /// A list, or a table that refers to one.
    ListOr(Box<SchemaNode>, Box<SchemaNode>),
    /// An integer within bounds, both inclusive.
    Integer {
        /// Minimum.
        min: i64,
        /// Maximum.
        max: i64,
    },
    /// A number greater than zero.
    Positive,
    /// `true` or `false`.
    Boolean,
}

/// Key of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name of the key.
    pub name: String,
    /// Expected type of the value.
    pub shape: SchemaNode,
    /// `true` if the key is required.
    pub required: bool,
    /// Description of the key.
    pub about: String,
}

/// Allowed values of a string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Allowed values; empty if any string is allowed.
    pub known: Vec<String>,
    /// Values of the format that this version does not support.
    pub later: Vec<String>,
}

impl SchemaNode {
    /// Returns the shape of a file with the top table `T`.
    pub fn of<T: schemars::JsonSchema>() -> Self {
        let schema = raw::json_schema::<T>();
        SchemaReader {
            root: schema.as_value(),
        }
        .shape(schema.as_value())
    }

    /// Returns a description of the expected value, for messages: `a whole number of at least 1`.
    pub fn expected(&self) -> String {
        match self {
            Self::Table(_) | Self::Open(_) => "a table".to_owned(),
            Self::List(element, _) => format!("a list, each element {}", element.expected()),
            Self::Text(words) if !words.known.is_empty() => one_of(&words.known),
            Self::Text(_) => "a text in \"quotes\"".to_owned(),
            Self::Date => "a date such as 2025-10-22".to_owned(),
            Self::Scalar => "a text, a whole number or a boolean".to_owned(),
            Self::TextOr(_) => "a text, { env = \"NAME\" } or { file = \"PATH\" }".to_owned(),
            Self::ListOr(list, table) => format!("{}, or {}", list.expected(), table.inline()),
            Self::Integer { min, max } if *max >= i64::from(u32::MAX) => {
                format!("a whole number of at least {min}")
            }
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Positive => "a number greater than 0".to_owned(),
            Self::Boolean => "true or false".to_owned(),
        }
    }
}

impl SchemaNode {
    /// Returns a table as an inline table, for messages.
    fn inline(&self) -> String {
        let keys: Vec<_> = match self {
            Self::Table(fields) => fields.iter().map(|f| format!("{} = …", f.name)).collect(),
            _ => Vec::new(),
        };
        format!("{{ {} }}", keys.join(", "))
    }
}

/// Formats words as a list of choices: `` `a`, `b` or `c` ``.
pub fn one_of(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// Converts the subset of JSON Schema that the tables use.
struct SchemaReader<'a> {
    root: &'a Value,
}

impl SchemaReader<'_> {
    fn shape(&self, schema: &Value) -> SchemaNode {
        let schema = self.resolve(schema);
        let words = Words {
            known: known_words(schema),
            later: strings(&schema["x-later"]),
        };
        if !words.known.is_empty() {
            return SchemaNode::Text(words);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let choices: Vec<_> = choices.iter().map(|choice| self.shape(choice)).collect();
            let is_table = |shape: &&SchemaNode| matches!(shape, SchemaNode::Table(_));
            let is_list = |shape: &&SchemaNode| matches!(shape, SchemaNode::List(..));
            let table = choices.iter().find(is_table);
            let table = Box::new(table.cloned().unwrap_or(SchemaNode::Scalar));
            return match choices.iter().find(is_list) {
                Some(list) => SchemaNode::ListOr(Box::new(list.clone()), table),
                None => SchemaNode::TextOr(table),
            };
        }
        match schema["type"].as_str() {
            Some("object") => match schema["properties"].as_object() {
                Some(properties) => self.table(properties, &strings(&schema["required"])),
                None => SchemaNode::Open(Box::new(self.shape(&schema["additionalProperties"]))),
            },
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or_default();
                let least = usize::try_from(least).unwrap_or_default();
                SchemaNode::List(Box::new(self.shape(&schema["items"])), least)
            }
            Some("integer") => SchemaNode::Integer {
                min: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                max: greatest(schema),
            },
            Some("number") => SchemaNode::Positive,
            Some("boolean") => SchemaNode::Boolean,
            Some("string") if schema["format"] == "date" => SchemaNode::Date,
            Some("string") => SchemaNode::Text(words),
            _ => SchemaNode::Scalar,
        }
    }

    fn table(&self, properties: &Map<String, Value>, required: &[String]) -> SchemaNode {
        let field = |(name, schema): (&String, &Value)| Field {
            name: name.clone(),
            shape: self.shape(schema),
            required: required.contains(name),
            about: schema["description"]
                .as_str()
                .unwrap_or("")
                .replace('\n', " "),
        };
        SchemaNode::Table(properties.iter().map(field).collect())
    }

    /// Resolves `$ref`, also if it is wrapped in `allOf` to allow sibling keys.
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let reference = schema["$ref"].as_str();
        let reference = reference.or_else(|| schema["allOf"][0]["$ref"].as_str());
        let target = reference.and_then(|name| self.root.pointer(name.strip_prefix('#')?));
        target.map_or(schema, |target| self.resolve(target))
    }
}

/// Returns the values of an enum: one list, or one `oneOf` entry for each described value.
fn known_words(schema: &Value) -> Vec<String> {
    let mut words = strings(&schema["enum"]);
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        words.extend(choice["const"].as_str().map(str::to_owned));
        words.extend(strings(&choice["enum"]));
    }
    words
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// Returns the maximum of an integer: the stated one, or that of its Rust type.
fn greatest(schema: &Value) -> i64 {
    let of_type = match schema["format"].as_str() {
        Some("uint8") => u8::MAX.into(),
        Some("uint16") => u16::MAX.into(),
        Some("uint32") => u32::MAX.into(),
        _ => i64::MAX,
    };
    schema["maximum"].as_i64().unwrap_or(of_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{bronzed::BronzedFile, source::SourceFile};

    fn at<'a>(shape: &'a SchemaNode, path: &[&str]) -> &'a Field {
        let SchemaNode::Table(fields) = shape else {
            panic!("{shape:?} at {path:?}")
        };
        let field = fields.iter().find(|field| field.name == path[0]).unwrap();
        match (&path[1..], &field.shape) {
            ([], _) => field,
            (
                rest,
                SchemaNode::Open(inner) | SchemaNode::List(inner, _) | SchemaNode::TextOr(inner),
            ) => at(inner, rest),
            (rest, inner) => at(inner, rest),
        }
    }

    #[test]
    fn the_tables_are_what_their_structs_say() {
        let source = SchemaNode::of::<SourceFile>();
        let concurrency = at(&source, &["limits", "concurrency"]);
        assert_eq!(
            concurrency.shape,
            SchemaNode::Integer {
                min: 1,
                max: 65_535
            }
        );
        assert!(!concurrency.required);
        assert!(at(&source, &["base_url"]).required);
        assert_eq!(
            at(&source, &["retry", "initial"]).shape,
            SchemaNode::Text(Words::default())
        );
        assert_eq!(
            at(&source, &["dataset", "window", "earliest"]).shape,
            SchemaNode::Date
        );
        let SchemaNode::Text(kind) = &at(&source, &["dataset", "kind"]).shape else {
            panic!()
        };
        assert_eq!(kind.known, ["dated", "snapshot", "child", "feed"]);
        let SchemaNode::Text(action) = &at(&source, &["response", "action"]).shape else {
            panic!()
        };
        assert_eq!(
            action.known,
            ["ok", "empty", "retry", "rate_limited", "skip", "fail"]
        );
        let slices = &at(&source, &["dataset", "slices"]).shape;
        let SchemaNode::Open(values) = slices else {
            panic!("{slices:?}")
        };
        let SchemaNode::ListOr(list, table) = &**values else {
            panic!("{values:?}")
        };
        assert_eq!(**list, SchemaNode::List(Box::new(SchemaNode::Scalar), 0));
        assert!(at(table, &["field"]).required);
        assert_eq!(
            at(&source, &["limits", "requests_per_second"]).shape,
            SchemaNode::Positive
        );

        let bronzed = SchemaNode::of::<BronzedFile>();
        let SchemaNode::Open(option) = &at(&bronzed, &["lake", "options"]).shape else {
            panic!()
        };
        let SchemaNode::TextOr(secret) = &**option else {
            panic!("{option:?}")
        };
        assert_eq!(
            at(secret, &["env"]).shape,
            SchemaNode::Text(Words::default())
        );
    }
}
