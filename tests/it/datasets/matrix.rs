//! Table of datasets in `docs/use/datasets.md`, generated from the shipped configuration.

use std::fmt::Write;
use std::fs;

use bronzed_model::declaration::{Dataset, JobDays, Kind, Mode, Source, Version};
use bronzed_model::schema::{Column, ColumnType};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/use/datasets.md");
const BEGIN: &str = "<!-- datasets: made from config/sources -->\n";
const END: &str = "<!-- end of datasets -->\n";

/// Run with `UPDATE_DOCS=1` after a change of the declarations.
#[test]
fn the_docs_list_the_datasets_that_are_shipped() {
    let text = fs::read_to_string(PAGE).unwrap();
    let start = text.find(BEGIN).expect("where the table begins") + BEGIN.len();
    let end = text.find(END).expect("where the table ends");
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, format!("{}{table}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert_eq!(&text[start..end], table, "run with UPDATE_DOCS=1");
    }
}

fn table() -> String {
    let mut table =
        "| dataset | read by | jobs | id | fields |\n|---|---|---|---|---|\n".to_owned();
    let settings = bronzed_config::load(None, []).unwrap();
    for source in settings.sources.values() {
        for dataset in source.datasets.values() {
            let cells = [
                format!("`{}`", dataset.full_name()),
                read_by(dataset),
                jobs(source, dataset),
                id(dataset),
                fields(&dataset.schema.columns).to_string(),
            ];
            let _ = writeln!(table, "| {} |", cells.join(" | "));
        }
    }
    table
}

fn read_by(dataset: &Dataset) -> String {
    match &dataset.kind {
        Kind::Dated(_) => "day".to_owned(),
        Kind::Snapshot => "snapshot".to_owned(),
        Kind::Feed => "feed".to_owned(),
        Kind::Child(parent) => format!("record of `{}`", parent.dataset),
    }
}

/// Returns the jobs that read the dataset, as the scheduler selects them.
fn jobs(source: &Source, dataset: &Dataset) -> String {
    if !dataset.enabled {
        return "off".to_owned();
    }
    let has_past = !matches!(dataset.kind, Kind::Snapshot | Kind::Feed);
    let of_it = source.jobs.values().filter(|job| {
        let named = job.datasets.is_empty() || job.datasets.contains(&dataset.name);
        let past = matches!(
            job.days,
            JobDays::Incomplete | JobDays::Yesterday | JobDays::Last(_)
        );
        let verified = dataset.verify && matches!(dataset.kind, Kind::Dated(_));
        named && (has_past || !past) && (job.mode != Mode::Verify || verified)
    });
    let names: Vec<_> = of_it.map(|job| job.name.as_str()).collect();
    names.join(", ")
}

fn id(dataset: &Dataset) -> String {
    let field = |pointer: &str| format!("`{}`", pointer.trim_start_matches('/').replace('/', "."));
    let key: Vec<_> = dataset
        .primary_key
        .iter()
        .map(|pointer| field(pointer))
        .collect();
    let key = key.join(" + ");
    match &dataset.version {
        Version::None => key,
        Version::Field(pointer) => format!("{key} @ {}", field(pointer)),
        Version::Content => format!("{key} @ content"),
    }
}

/// Returns the number of declared leaf fields, counting those of structs and lists.
fn fields(columns: &[Column]) -> usize {
    columns.iter().map(|column| of(&column.kind)).sum()
}

fn of(kind: &ColumnType) -> usize {
    match kind {
        ColumnType::Struct(members) => fields(members),
        ColumnType::List(item) => of(item),
        _ => 1,
    }
}
