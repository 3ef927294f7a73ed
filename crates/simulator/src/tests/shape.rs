//! The shape of a JSON value: its fields and their types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// JSON pointers, with `*` for the elements of a list, and the types found there.
pub(super) type Shape = BTreeMap<String, BTreeSet<&'static str>>;

/// Returns the combined shape of these values.
pub(super) fn shape<'a>(values: impl IntoIterator<Item = &'a Value>) -> Shape {
    let mut shape = Shape::new();
    for value in values {
        walk(value, String::new(), &mut shape);
    }
    shape
}

fn walk(value: &Value, path: String, shape: &mut Shape) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(elements) => {
            for element in elements {
                walk(element, format!("{path}/*"), shape);
            }
            "list"
        }
        Value::Object(members) => {
            for (key, member) in members {
                walk(member, format!("{path}/{key}"), shape);
            }
            "object"
        }
    };
    shape.entry(path).or_default().insert(kind);
}

/// Panics unless `simulated` has the fields of `recorded`, with the same types if both have values there.
#[track_caller]
pub(super) fn assert_same(recorded: &Shape, simulated: &Shape) {
    let paths = |shape: &Shape| shape.keys().cloned().collect::<BTreeSet<_>>();
    let (theirs, ours) = (paths(recorded), paths(simulated));
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let invented: Vec<_> = ours.difference(&theirs).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "missing: {missing:?}, invented: {invented:?}"
    );
    for (path, kinds) in recorded {
        let valued = |kinds: &BTreeSet<&'static str>| {
            let mut kinds = kinds.clone();
            kinds.remove("null");
            kinds
        };
        let (theirs, ours) = (valued(kinds), valued(&simulated[path]));
        let fits = theirs.is_empty() || ours.is_empty() || ours.is_subset(&theirs);
        assert!(fits, "{path}: {theirs:?} recorded, {ours:?} simulated");
    }
}
