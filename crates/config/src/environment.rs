//! Environment variables `BRONZED__…` as layers over the files.
//!
//! Two underscores separate the keys of the path, and case is ignored:
//! `BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY=2` is `concurrency = 2` under `[limits]` of
//! `sources/pncp.toml`, and `BRONZED__LAKE__URL` is `url` under `[lake]` of `bronzed.toml`. A list is written
//! with commas or as in TOML: `1,2,3` or `["a", "b"]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{Node, TomlDocument, Value};
use super::place::KeyPath;
use super::raw::bronzed::BronzedFile;
use super::shape::SchemaNode;
use bronzed_model::problem::Problems;

const PREFIX: &str = "BRONZED__";
/// Prefix with one underscore missing.
const ALMOST: &str = "BRONZED_";
const SEPARATOR: &str = "__";

/// Environment variable that sets a key of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name of the variable: `BRONZED__LAKE__URL`.
    pub name: String,
    /// Keys from the top of the file, in lower case.
    pub steps: Vec<String>,
    /// Value of the variable.
    pub text: String,
}

/// Variables of this program, by the file whose keys they set.
#[derive(Debug, Default)]
pub struct Variables {
    /// Variables for `bronzed.toml`.
    pub bronzed: Vec<Variable>,
    /// Variables for `sources/{name}.toml`, by name.
    pub sources: BTreeMap<String, Vec<Variable>>,
}

impl Variables {
    /// Returns the variables that lack one underscore of the prefix (`BRONZED_LAKE__URL`), each with its
    /// correct name.
    pub fn misspelt(environment: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let SchemaNode::Table(fields) = SchemaNode::of::<BronzedFile>() else {
            return Vec::new();
        };
        let known = |step: &str| {
            let mut tables = fields.iter().map(|field| field.name.as_str());
            step == "sources" || tables.any(|table| table == step)
        };
        let misspelt = |name: &String| {
            let rest = name.strip_prefix(ALMOST)?;
            let (first, _) = rest.split_once(SEPARATOR)?;
            known(&first.to_lowercase()).then(|| (name.clone(), format!("{PREFIX}{rest}")))
        };
        environment.keys().filter_map(misspelt).collect()
    }

    /// Selects this program's variables from an environment.
    pub fn pick(environment: &BTreeMap<String, String>) -> Self {
        let mut picked = Self::default();
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let mut steps: Vec<_> = rest.split(SEPARATOR).map(str::to_lowercase).collect();
            let of_source = steps.len() > 1 && steps[0] == "sources";
            let source = of_source.then(|| steps.drain(..2).nth(1).unwrap_or_default());
            let variable = Variable {
                name: name.clone(),
                steps,
                text: text.clone(),
            };
            match source {
                Some(source) => picked.sources.entry(source).or_default().push(variable),
                None => picked.bronzed.push(variable),
            }
        }
        picked
    }
}

/// Target of a variable.
pub enum Target<'s> {
    /// A value.
    Value(KeyPath, &'s SchemaNode),
    /// An unknown key, with the known keys of its table.
    Unknown(KeyPath, String, Vec<String>),
    /// A table or list that one variable cannot set, with the hint.
    Unsayable(KeyPath, &'static str),
}

impl Variable {
    /// Resolves the variable in a file of this shape. User-defined keys are looked up in the file, ignoring
    /// case.
    pub fn target<'s>(&self, shape: &'s SchemaNode, file: &Node) -> Target<'s> {
        let mut path = KeyPath::default();
        let mut shape = shape;
        let mut node = Some(file);
        for step in &self.steps {
            let written = node.into_iter().flat_map(Node::entries);
            let written: Vec<_> = written.map(|(name, _)| name.as_str()).collect();
            let (key, inner) = match next(shape, step, &written) {
                Ok(found) => found,
                Err(known) => return Target::Unknown(path, step.clone(), known),
            };
            node = node.and_then(|node| node.get(&key));
            path = path.key(&key);
            shape = inner;
        }
        match shape {
            SchemaNode::Table(_) | SchemaNode::Open(_) => {
                Target::Unsayable(path, "name one of the table's keys, too")
            }
            SchemaNode::List(element, _) if matches!(**element, SchemaNode::Table(_)) => {
                Target::Unsayable(path, "a list of tables is written in the file")
            }
            _ => Target::Value(path, shape),
        }
    }

    /// Parses the variable's value as the type that `shape` expects.
    pub fn node(&self, shape: &SchemaNode) -> Node {
        Node {
            line: 0,
            value: self.value(shape),
        }
    }

    fn value(&self, shape: &SchemaNode) -> Value {
        let element = match shape {
            SchemaNode::List(element, _) => element,
            SchemaNode::ListOr(list, _) => return self.value(list),
            _ => return scalar(&self.text, shape),
        };
        if self.text.trim_start().starts_with('[') {
            let name = Arc::from(self.name.as_str());
            let mut problems = Problems::default();
            let list = TomlDocument::parse(name, &format!("list = {}", self.text), &mut problems);
            return match list.root.get("list") {
                Some(list) if problems.is_empty() => list.value.clone(),
                _ => Value::Text(self.text.clone()),
            };
        }
        let elements = self.text.split(',').map(str::trim);
        let elements = elements.filter(|text| !text.is_empty()).map(|text| Node {
            line: 0,
            value: scalar(text, element),
        });
        Value::List(elements.collect())
    }
}

/// Resolves one step in a table of this shape; returns the known keys as the error.
fn next<'s>(
    shape: &'s SchemaNode,
    step: &str,
    written: &[&str],
) -> Result<(String, &'s SchemaNode), Vec<String>> {
    match shape {
        SchemaNode::Table(fields) => match fields.iter().find(|field| field.name == *step) {
            Some(field) => Ok((field.name.clone(), &field.shape)),
            None => Err(fields.iter().map(|field| field.name.clone()).collect()),
        },
        SchemaNode::TextOr(table) | SchemaNode::ListOr(_, table) => next(table, step, written),
        SchemaNode::Open(inner) => {
            let same = |name: &&&str| name.eq_ignore_ascii_case(step);
            match (written.iter().find(same), &**inner) {
                (Some(name), _) => Ok(((*name).to_owned(), inner)),
                // A dataset or a job cannot be declared by variables alone: an unknown name is a typo.
                (None, SchemaNode::Table(_)) => {
                    Err(written.iter().map(ToString::to_string).collect())
                }
                (None, _) => Ok((step.to_owned(), inner)),
            }
        }
        _ => Err(Vec::new()),
    }
}

/// Parses a text as the expected type; if that fails, it stays a text, and the type check reports it.
fn scalar(text: &str, shape: &SchemaNode) -> Value {
    let read = match shape {
        SchemaNode::Integer { .. } => text.trim().parse().ok().map(Value::Integer),
        SchemaNode::Positive => text.trim().parse().ok().map(Value::Float),
        SchemaNode::Boolean => text.trim().parse().ok().map(Value::Boolean),
        _ => None,
    };
    read.unwrap_or_else(|| Value::Text(text.to_owned()))
}
