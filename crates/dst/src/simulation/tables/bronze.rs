//! Rows of bronze, read from the numbered files.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::{layout, rows};
use bronzed_tables::testing::Fact;
use bytes::Bytes;
use serde_json::Value;

use super::super::desk::Objects;
use super::world::days;

/// Rows of a day by the number of their commit.
pub type DayRows = BTreeMap<u64, Arc<Vec<Fact>>>;

/// Returns the rows of a dataset by day.
pub fn rows_of(objects: &Objects, dataset: &Dataset) -> BTreeMap<Day, DayRows> {
    let mut found: BTreeMap<Day, DayRows> = BTreeMap::new();
    for day in days() {
        let of_day = found.entry(day).or_default();
        for meta in objects.below(&layout::partition(&dataset.prefix, day)) {
            let key = meta.location.as_ref();
            if let Some(number) = layout::file_number(&dataset.prefix, day, key) {
                of_day.insert(number, facts(objects, dataset, day, number, key));
            }
        }
    }
    found
}

/// Returns the ids of a file's rows.
pub fn ids(bytes: &Bytes) -> Vec<String> {
    let read = rows::rows(bytes, &[]).expect("a file that can be read");
    let rows = read.flat_map(|rows| rows.expect("rows that can be read"));
    rows.map(|row| row.id.into()).collect()
}

/// Reads a file. Cached, because it is looked at after each step.
fn facts(objects: &Objects, dataset: &Dataset, day: Day, number: u64, key: &str) -> Arc<Vec<Fact>> {
    thread_local! {
        static FILES: RefCell<HashMap<String, Arc<Vec<Fact>>>> = RefCell::default();
    }
    let object = objects.get(key).expect("it was listed");
    let place = format!("{key} {}", object.version);
    if let Some(facts) = FILES.with_borrow(|files| files.get(&place).cloned()) {
        return facts;
    }
    let read = rows::rows(&object.bytes, &dataset.primary_key).expect("a file that can be read");
    let read = read.flat_map(|rows| rows.expect("rows that can be read"));
    let facts = read.enumerate().map(|(row, of)| {
        let record: Value = serde_json::from_str(&of.record).expect("a record");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Fact {
            dataset: dataset.name.clone(),
            day,
            file: number,
            row,
            id: of.id.into(),
            key: of.key.into(),
            updated: text(&record["atualizado"]),
            published: text(&record["publicado"]),
            value: record["novo"]["valor"].to_string(),
            vanished: of.vanished,
        }
    });
    let facts = Arc::new(facts.collect::<Vec<_>>());
    FILES.with_borrow_mut(|files| files.insert(place, Arc::clone(&facts)));
    facts
}
