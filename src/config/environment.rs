//! Variables `BRONZED__…` as further layers over the files.
//!
//! Two underscores part the steps, and case doesn't count:
//! `BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY=2` is `concurrency = 2` under `[limits]` of
//! `sources/pncp.toml`, and `BRONZED__LAKE__URL` is `url` under `[lake]` of `bronzed.toml`. A list
//! is written with commas or as TOML does: `1,2,3` or `["a", "b"]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{Document, Node, Value};
use super::place::KeyPath;
use super::problem::Problems;
use super::raw::bronzed::BronzedFile;
use super::shape::Shape;

const PREFIX: &str = "BRONZED__";
/// The prefix with an underscore too few.
const ALMOST: &str = "BRONZED_";
const SEPARATOR: &str = "__";

/// A variable that says a key of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// As it is set: `BRONZED__LAKE__URL`.
    pub name: String,
    /// The keys from the top of the file, in lower case.
    pub steps: Vec<String>,
    /// What it is set to.
    pub text: String,
}

/// The variables of this program, by the file whose keys they say.
#[derive(Debug, Default)]
pub struct Variables {
    /// Of `bronzed.toml`.
    pub bronzed: Vec<Variable>,
    /// Of `sources/{name}.toml`, by name.
    pub sources: BTreeMap<String, Vec<Variable>>,
}

impl Variables {
    /// The variables that would be this program's with one underscore more, each with that name:
    /// `BRONZED_LAKE__URL`.
    pub fn misspelt(environment: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let Shape::Table(fields) = Shape::of::<BronzedFile>() else {
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

    /// Picks this program's variables from an environment.
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

/// Where a variable leads.
pub enum Target<'s> {
    /// To a value.
    Value(KeyPath, &'s Shape),
    /// To a key that there isn't; these are known in its stead.
    Unknown(KeyPath, String, Vec<String>),
    /// To something that one variable can't say, for this reason.
    Unsayable(KeyPath, &'static str),
}

impl Variable {
    /// Where the variable leads in a file of this shape. Keys that are the user's own are found
    /// in what the file says, in whatever case they are written there.
    pub fn target<'s>(&self, shape: &'s Shape, file: &Node) -> Target<'s> {
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
            Shape::Table(_) | Shape::Open(_) => {
                Target::Unsayable(path, "name one of the table's keys, too")
            }
            Shape::List(element, _) if matches!(**element, Shape::Table(_)) => {
                Target::Unsayable(path, "a list of tables is written in the file")
            }
            _ => Target::Value(path, shape),
        }
    }

    /// What the variable says, read as what may stand there.
    pub fn node(&self, shape: &Shape) -> Node {
        Node {
            line: 0,
            value: self.value(shape),
        }
    }

    fn value(&self, shape: &Shape) -> Value {
        let element = match shape {
            Shape::List(element, _) => element,
            Shape::ListOr(list, _) => return self.value(list),
            _ => return scalar(&self.text, shape),
        };
        if self.text.trim_start().starts_with('[') {
            let name = Arc::from(self.name.as_str());
            let mut problems = Problems::default();
            let list = Document::parse(name, &format!("list = {}", self.text), &mut problems);
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

/// The key that a step names in a table of this shape, or else those that there are.
fn next<'s>(
    shape: &'s Shape,
    step: &str,
    written: &[&str],
) -> Result<(String, &'s Shape), Vec<String>> {
    match shape {
        Shape::Table(fields) => match fields.iter().find(|field| field.name == *step) {
            Some(field) => Ok((field.name.clone(), &field.shape)),
            None => Err(fields.iter().map(|field| field.name.clone()).collect()),
        },
        Shape::TextOr(table) | Shape::ListOr(_, table) => next(table, step, written),
        Shape::Open(inner) => {
            let same = |name: &&&str| name.eq_ignore_ascii_case(step);
            match (written.iter().find(same), &**inner) {
                (Some(name), _) => Ok(((*name).to_owned(), inner)),
                // A dataset or a job is too much for variables: a name that isn't there is a slip.
                (None, Shape::Table(_)) => Err(written.iter().map(ToString::to_string).collect()),
                (None, _) => Ok((step.to_owned(), inner)),
            }
        }
        _ => Err(Vec::new()),
    }
}

/// A text as what is wanted, where it can be read so; else it stays a text, and is complained of.
fn scalar(text: &str, shape: &Shape) -> Value {
    let read = match shape {
        Shape::Integer { .. } => text.trim().parse().ok().map(Value::Integer),
        Shape::Positive => text.trim().parse().ok().map(Value::Float),
        Shape::Boolean => text.trim().parse().ok().map(Value::Boolean),
        _ => None,
    };
    read.unwrap_or_else(|| Value::Text(text.to_owned()))
}
