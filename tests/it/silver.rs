//! Silver tables as engines see them, beside SQL over the Parquet files of bronze, after random numbers of commits.

use std::collections::BTreeSet;
use std::io::Write;

use bronzed_model::day::Day;
use bronzed_model::declaration::{DeletedRows, SilverTable};
use bronzed_model::schema::{Column, ColumnType};
use bronzed_model::settings::LakeSettings;
use bronzed_storage::lake::Lake;
use bronzed_tables::SilverBuilder;
use bronzed_tables::testing::{BronzeDays, Chance, Event, Fact, events, list_table, records_table};
use serde_json::json;

use crate::support::python::{delta_python, json_of};

/// Fixed seed of days and of the moments at which tables are built.
const SEED: u64 = 152_026;

fn tables() -> [(&'static str, SilverTable); 4] {
    let named = |prefix: &str, table| SilverTable {
        prefix: prefix.to_owned(),
        ..table
    };
    [
        ("flag", records_table(DeletedRows::Flag)),
        (
            "omit",
            named("silver/omit", records_table(DeletedRows::Omit)),
        ),
        ("current", list_table(false)),
        ("history", named("silver/history", list_table(true))),
    ]
}

/// Opens a lake in a folder; also returns the folder's path.
fn lake_in(folder: &tempfile::TempDir) -> (String, Lake) {
    let root = folder.path().to_str().expect("a path").to_owned();
    let lake = Lake::open(&LakeSettings {
        url: root.clone(),
        options: Default::default(),
        simulated: false,
    });
    (root, lake.expect("a lake"))
}

#[tokio::test]
async fn engines_see_the_fold_of_bronze_after_any_number_of_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, lake) = lake_in(&folder);
    let (bronze, mut chance) = (BronzeDays::new(lake.clone()), Chance::new(SEED));
    let events = events(SEED);
    let mut noted: BTreeSet<(Day, String)> = BTreeSet::new();
    let (mut judged, last) = (0, events.len() - 1);
    for (number, event) in events.iter().enumerate() {
        bronze.apply(event).await;
        if let Event::Note {
            day,
            gone,
            returned,
        } = event
        {
            noted.extend(gone.iter().map(|id| (*day, id.clone())));
            for id in returned {
                noted.remove(&(*day, id.clone()));
            }
        }
        // All datasets have files by then.
        if number < 10 || (number < last && chance.below(60) > 0) {
            continue;
        }
        judged += 1;
        let mut notes = tempfile::NamedTempFile::new().expect("a file");
        let listed: Vec<_> = noted.iter().map(|(day, id)| json!([day, id])).collect();
        write!(notes, "{}", json!(listed)).expect("written");
        for (kind, table) in tables() {
            let builder = SilverBuilder::new(lake.clone());
            let at = "2025-10-22T12:00:00Z".parse().expect("a time");
            let built = builder.build(&table, at, &|| false, &|_| {}).await;
            built.expect("the table is built");
            let mut script = delta_python().script("silver.py");
            let script = script.arg(&root).arg(notes.path());
            let found = json_of(script.arg(format!("{root}/{}", table.prefix)).arg(kind));
            println!("seed {SEED}, event {number}, {kind}: {found}");
            assert_eq!(found["violations"], json!([]), "event {number}, {kind}");
        }
    }
    assert!(judged > 2, "only {judged} times");
}

#[tokio::test]
async fn engines_read_a_table_before_and_after_its_columns_are_widened() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, lake) = lake_in(&folder);
    let bronze = BronzeDays::new(lake.clone());
    for (key, day, value) in [("a", "2025-01-10", "7"), ("b", "2025-02-10", "-8")] {
        let updated = format!("{day}T00:00:00");
        let fact = Fact {
            dataset: "publicacao".to_owned(),
            day: day.parse().expect("a day"),
            file: 1,
            row: 0,
            id: format!("{key}@{updated}"),
            key: key.to_owned(),
            updated: Some(updated),
            published: Some(format!("{day}T10:20:30")),
            value: value.to_owned(),
            vanished: false,
        };
        bronze.apply(&Event::Commit(vec![fact])).await;
    }
    let table = |number, date| {
        let mut table = records_table(DeletedRows::Flag);
        table.columns[0].column.kind = date;
        table.columns[1].column = Column::new("numero", number);
        table
    };
    let decimal = ColumnType::Decimal {
        precision: 24,
        scale: 4,
    };
    let tables = [
        table(ColumnType::Int64, ColumnType::Date),
        table(decimal, ColumnType::Timestamp),
    ];
    let builder = SilverBuilder::new(lake);
    let seen = |table: &SilverTable, version: u64| {
        let mut script = delta_python().script("widened.py");
        let script = script.arg(format!("{root}/{}", table.prefix));
        let script = script.arg(version.to_string());
        json_of(script.args(["_id", "numero", "publicado"]))
    };
    let before = json!([["a", "7", "2025-01-10"], ["b", "-8", "2025-02-10"]]);
    let after = json!([
        ["a", "7.0000", "2025-01-10 10:20:30"],
        ["b", "-8.0000", "2025-02-10 10:20:30"]
    ]);
    let at = "2025-10-22T12:00:00Z".parse().expect("a time");
    for (table, version, rows, types) in [
        (&tables[0], 0, &before, ["VARCHAR", "BIGINT", "DATE"]),
        (
            &tables[1],
            1,
            &after,
            ["VARCHAR", "DECIMAL(24,4)", "TIMESTAMP"],
        ),
    ] {
        let built = builder.build(table, at, &|| false, &|_| {}).await;
        assert_eq!(built.expect("the table is built").version, Some(version));
        let found = seen(table, version);
        assert_eq!(found["duckdb"]["types"], json!(types), "{found}");
        for engine in ["duckdb", "delta-rs"] {
            assert_eq!(found[engine]["rows"], *rows, "{engine}: {found}");
        }
    }
    // Readers of the version before have it as it was.
    let found = seen(&tables[1], 0);
    assert_eq!(found["delta-rs"]["rows"], before, "{found}");
}
