//! Generator of the data dictionary, `docs/use/dictionary/`, from the descriptions in the shipped files of columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bronzed_model::declaration::{Dataset, Kind, Source, Version};
use bronzed_model::schema::{Column, ColumnType, Description, METADATA_COLUMNS};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/use/dictionary");

/// One field of a table, at any depth.
struct Field<'a> {
    path: String,
    column: &'a Column,
}

/// Run with `UPDATE_DOCS=1` after a change of the columns.
#[test]
fn the_dictionary_is_that_of_the_columns() {
    let settings = bronzed_config::load(None, []).unwrap();
    for source in settings.sources.values() {
        let file = Path::new(FOLDER).join(format!("{}.md", source.name));
        let page = page(source);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&file, &page).unwrap();
        }
        let published = fs::read_to_string(&file).unwrap_or_default();
        let file = file.display();
        assert!(published == page, "{file} is old: run with UPDATE_DOCS=1");
    }
}

#[test]
fn every_shipped_column_is_described() {
    let settings = bronzed_config::load(None, []).unwrap();
    let mut missing = Vec::new();
    for dataset in settings
        .sources
        .values()
        .flat_map(|source| source.datasets.values())
    {
        let name = dataset.full_name();
        let fields = fields(&dataset.schema.columns);
        let bare = fields
            .iter()
            .filter(|field| field.column.description.is_none());
        missing.extend(bare.map(|field| format!("{name}: {}", field.path)));
        missing.extend(dataset.schema.description.is_none().then_some(name));
    }
    assert!(missing.is_empty(), "no [descriptions] for {missing:#?}");
}

#[test]
fn the_columns_that_every_table_has_are_in_the_dictionary() {
    let page = fs::read_to_string(Path::new(FOLDER).join("index.md")).unwrap();
    for column in METADATA_COLUMNS {
        let row = format!("\n| `{column}` |");
        assert!(page.contains(&row), "{column}");
    }
}

fn page(source: &Source) -> String {
    let mut page = format!(
        "# Dictionary of `{}`\n\n<!-- Written from config/sources/{0}/: run `UPDATE_DOCS=1 cargo test -p bronzed-config \
         --test dictionary` after a change. -->\n\nHow to read this page, and what is common to all tables: \
         [the dictionary](index.md).\n",
        source.name
    );
    // Datasets with the same columns share a section.
    let mut sections: Vec<Vec<&Dataset>> = Vec::new();
    for dataset in source.datasets.values() {
        match sections
            .iter_mut()
            .find(|section| section[0].schema == dataset.schema)
        {
            Some(section) => section.push(dataset),
            None => sections.push(vec![dataset]),
        }
    }
    for section in sections {
        table(&mut page, &section);
    }
    page
}

/// Adds the section of the datasets that have the same columns.
fn table(page: &mut String, datasets: &[&Dataset]) {
    let prefixes: Vec<_> = datasets
        .iter()
        .map(|one| format!("`{}`", one.prefix))
        .collect();
    let _ = writeln!(page, "\n## {}\n", prefixes.join(", "));
    let schema = &datasets[0].schema;
    if let Some(Description { pt, en, .. }) = &schema.description {
        let _ = writeln!(page, "{pt} / {en}\n");
    }
    for dataset in datasets {
        let (name, prefix) = (dataset.full_name(), &dataset.prefix);
        let _ = writeln!(page, "- `{name}`, in `{prefix}/`: {}.", read_by(dataset));
    }
    let _ = writeln!(
        page,
        "\n| column | type | português | English |\n|---|---|---|---|"
    );
    let fields = fields(&schema.columns);
    let mut codes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Field { path, column } in &fields {
        let Some(said) = &column.description else {
            continue;
        };
        let cell = |text: &str| text.replace('|', "\\|");
        let (pt, en) = (cell(&said.pt), cell(&said.en));
        let _ = writeln!(
            page,
            "| `{path}` | {} | {pt} | {en} |",
            type_of(&column.kind)
        );
        if let Some(list) = &said.codes {
            codes.entry(list).or_default().push(format!("`{path}`"));
        }
    }
    if !codes.is_empty() {
        let _ = writeln!(page, "\nCódigos / Codes:\n");
    }
    for (list, paths) in codes {
        let _ = writeln!(page, "- {}: {list}", paths.join(", "));
    }
}

/// Describes which rows are in which day, and what a row is.
fn read_by(dataset: &Dataset) -> String {
    let key: Vec<_> = dataset
        .primary_key
        .iter()
        .map(|field| name(field))
        .collect();
    let key = key.join(" + ");
    let row = match (&dataset.kind, &dataset.version) {
        (Kind::Snapshot, _) => {
            return format!("a row for each change of a {key}; [how to read it](../snapshots.md)");
        }
        (_, Version::None) => format!("one row for each {key}"),
        (_, Version::Field(field)) => format!("one row for each {key} and {}", name(field)),
        (_, Version::Content) => format!("one row for each {key} and content"),
    };
    match (&dataset.kind, &dataset.days.day_field) {
        (Kind::Child(parent), _) => format!(
            "{row}; the day is that of its record in `{}.{}`",
            dataset.source, parent.dataset
        ),
        (_, Some(field)) => format!("{row}; the day is that of {}", name(field)),
        (_, None) => row,
    }
}

fn name(pointer: &str) -> String {
    format!("`{}`", pointer.trim_start_matches('/').replace('/', "."))
}

/// Returns all fields in the order of their file, the members of structs after these.
fn fields(columns: &[Column]) -> Vec<Field<'_>> {
    fn add<'a>(fields: &mut Vec<Field<'a>>, above: &str, columns: &'a [Column]) {
        for column in columns {
            let path = format!("{above}{}", column.name);
            let (mut kind, mut list) = (&column.kind, "");
            while let ColumnType::List(item) = kind {
                (kind, list) = (item, "[]");
            }
            let below = format!("{path}{list}.");
            fields.push(Field { path, column });
            if let ColumnType::Struct(members) = kind {
                add(fields, &below, members);
            }
        }
    }
    let mut fields = Vec::new();
    add(&mut fields, "", columns);
    fields
}

/// Returns the type as DuckDB shows it; of a struct without its members, which have rows of their own.
fn type_of(kind: &ColumnType) -> String {
    match kind {
        ColumnType::Struct(_) => "STRUCT".to_owned(),
        ColumnType::List(item) => format!("{}[]", type_of(item)),
        kind => kind.duckdb_name(),
    }
}
