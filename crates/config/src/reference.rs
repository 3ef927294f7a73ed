//! Generator of `docs/operate/sources.md`: every key of a source's file, from the doc comments of its tables.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::shape::Shape;
use super::tables::json_schema;
use super::tables::source::SourceFile;

const TOP: &str = "\
# The keys of a source's file

<!-- Written from the doc comments in crates/config/src/tables and crates/model/src: run `UPDATE_DOCS=1 cargo test -p bronzed-config reference` after a change. -->

One file in `sources/` is a source, and its name is the source's. How to write one from nothing is in
[add-a-source.md](../develop/add-a-source.md). What isn't marked as required may be left out. A duration is written
`\"30s\"`, `\"2h\"`, a size `\"64MB\"`. Every key can be set from the environment, too:
`limits.concurrency` of `pncp` is `BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY`.
";

/// Returns the text of the page.
fn page() -> String {
    let schema = json_schema::<SourceFile>();
    let mut page = TOP.to_owned();
    let mut tables = VecDeque::from([(String::new(), Shape::of(schema.as_value()))]);
    while let Some((name, shape)) = tables.pop_front() {
        let (title, about) = match name.as_str() {
            "" => ("At the top".to_owned(), String::new()),
            name => (format!("`{name}`"), shape.about()),
        };
        let _ = write!(
            page,
            "\n## {title}\n\n{about}\n\n| key | takes | |\n|---|---|---|\n"
        );
        let table = inner_table(shape).unwrap_or(shape);
        let required: Vec<_> = table.required().collect();
        for key in table.keys() {
            let Some(field) = table.key(key) else {
                continue;
            };
            let below = name.trim_start_matches('[').trim_end_matches(']');
            let inner = heading(below, key, field);
            let takes = match &inner {
                Some(table) => format!("`{table}`"),
                None => field.expected(),
            };
            let required = if required.contains(&key) {
                "Required. "
            } else {
                ""
            };
            let about = field.about().replace('|', "\\|");
            let _ = writeln!(page, "| `{key}` | {takes} | {required}{about} |");
            tables.extend(inner.map(|table| (table, field)));
        }
    }
    page.replace("\n\n\n\n", "\n\n")
}

/// Returns the table that describes the entries of a table with user-defined keys, or the elements of a list.
fn inner_table(shape: Shape<'_>) -> Option<Shape<'_>> {
    let inner = shape.entry().or_else(|| shape.element())?;
    // A body's parts may be tables, too, and have no keys of their own.
    let or_left_out = inner.table().filter(|_| inner.choice("boolean").is_some());
    let plain = inner.is("object").then_some(inner);
    plain.or(or_left_out.filter(|table| !table.keys().is_empty()))
}

/// Returns the heading of the table under a key, as written in a file. `None` if the key holds no table.
fn heading(below: &str, key: &str, shape: Shape<'_>) -> Option<String> {
    let path = match below {
        "" => key.to_owned(),
        below => format!("{below}.{key}"),
    };
    match inner_table(shape) {
        Some(_) if shape.is("array") => Some(format!("[[{path}]]")),
        Some(_) => Some(format!("[{path}.NAME]")),
        None if shape.is("object") && shape.entry().is_none() => Some(format!("[{path}]")),
        None => None,
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
