//! Generator of `docs/operate/sources.md`: every key of a source's file, from the doc comments of its tables.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::raw::source::SourceFile;
use super::shape::{Field, SchemaNode};

const TOP: &str = "\
# The keys of a source's file

<!-- Written from the doc comments in crates/config/src/raw: run `UPDATE_DOCS=1 cargo test -p bronzed-config reference` after a change. -->

One file in `sources/` is a source, and its name is the source's. How to write one from nothing is in
[add-a-source.md](../develop/add-a-source.md). What isn't marked as required may be left out. A duration is written
`\"30s\"`, `\"2h\"`, a size `\"64MB\"`. Every key can be set from the environment, too:
`limits.concurrency` of `pncp` is `BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY`.
";

/// Returns the text of the page.
fn page() -> String {
    let mut page = TOP.to_owned();
    let mut tables =
        VecDeque::from([(String::new(), String::new(), SchemaNode::of::<SourceFile>())]);
    while let Some((name, about, shape)) = tables.pop_front() {
        let SchemaNode::Table(fields) = shape else {
            continue;
        };
        let title = match name.as_str() {
            "" => "At the top".to_owned(),
            name => format!("`{name}`"),
        };
        let _ = write!(
            page,
            "\n## {title}\n\n{about}\n\n| key | takes | |\n|---|---|---|\n"
        );
        for field in &fields {
            let below = name.trim_start_matches('[').trim_end_matches(']');
            let inner = inner(below, field);
            let takes = match &inner {
                Some((table, ..)) => format!("`{table}`"),
                None => field.shape.expected(),
            };
            let required = if field.required { "Required. " } else { "" };
            let about = field.about.replace('|', "\\|");
            let _ = writeln!(page, "| `{}` | {takes} | {required}{about} |", field.name);
            tables.extend(inner);
        }
    }
    page.replace("\n\n\n\n", "\n\n")
}

/// Returns the table under a key: its name as written in a file, its description, its shape. `None` if the
/// key holds no table.
fn inner(below: &str, field: &Field) -> Option<(String, String, SchemaNode)> {
    let path = match below {
        "" => field.name.clone(),
        below => format!("{below}.{}", field.name),
    };
    let about = field.about.clone();
    match &field.shape {
        SchemaNode::Table(_) => Some((format!("[{path}]"), about, field.shape.clone())),
        SchemaNode::List(element, _) if matches!(**element, SchemaNode::Table(_)) => {
            Some((format!("[[{path}]]"), about, (**element).clone()))
        }
        SchemaNode::Open(inner) if matches!(**inner, SchemaNode::Table(_)) => {
            Some((format!("[{path}.NAME]"), about, (**inner).clone()))
        }
        _ => None,
    }
}

#[test]
fn the_reference_is_that_of_the_tables() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operate/sources.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    let published = std::fs::read_to_string(file).unwrap_or_default();
    assert!(published == page, "{file} is old: run with UPDATE_DOCS=1");
}
