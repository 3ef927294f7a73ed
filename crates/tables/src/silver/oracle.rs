//! Rows that a table has, as its readers see them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "only tests use it"
)]

use bronzed_model::declaration::SilverTable;
use bronzed_storage::lake::Lake;
use delta_kernel::arrow::array::Array;
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::Date32Type;
use delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::locate;
use super::shape::SilverShape;
use super::state::{FilePlace, TableState};
use crate::compare;
use crate::newest;
use crate::testing::SeenRow;

/// Returns the ids of the rows that readers of a bronze table's log see, sorted; and the number of its files.
pub async fn logged_ids(lake: &Lake, prefix: &str) -> (Vec<String>, usize) {
    let snapshot = newest::load(lake, prefix).await.unwrap().unwrap();
    let files = compare::live_files(lake, prefix, &snapshot).await.unwrap();
    let mut ids = Vec::new();
    for key in &files {
        let (bytes, _) = lake.get(key).await.unwrap().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let column = batch.column_by_name("_id").unwrap();
            let column = column.as_string::<i32>().iter();
            ids.extend(column.map(|id| id.unwrap().to_owned()));
        }
    }
    ids.sort();
    (ids, files.len())
}

/// Returns the rows that readers of the table see.
pub async fn seen(lake: &Lake, table: &SilverTable) -> Vec<SeenRow> {
    let shape = SilverShape::of(table).unwrap();
    let state = TableState::load(lake, &table.prefix).await.unwrap();
    let mut rows = Vec::new();
    for file in &state.files {
        let FilePlace::Table(month) = &file.place else {
            continue;
        };
        let bytes = locate::read(lake, &shape, file).await.unwrap();
        let mut before = None;
        let mut count = 0;
        for batch in locate::batches(&shape, file, bytes, |_| true).unwrap() {
            let batch = batch.unwrap();
            let text = |name: &str, row: usize| {
                let column = batch.column_by_name(name)?.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            let date = |name: &str, row: usize| {
                let column = batch.column_by_name(name)?.as_primitive::<Date32Type>();
                column.is_valid(row).then(|| column.value(row))
            };
            for row in 0..batch.num_rows() {
                let key = text("_id", row).unwrap();
                let place = Some((key.clone(), text("_order", row)));
                assert!(before < place, "{}: {before:?} before {place:?}", file.path);
                before = place;
                count += 1;
                let (least, greatest) = file.keys.as_ref().unwrap();
                assert!(
                    *least <= key && key <= *greatest,
                    "{key} of {:?}",
                    file.keys
                );
                rows.push(SeenRow {
                    key,
                    value: text("valor", row).unwrap_or_default(),
                    month: month.clone(),
                    deleted: text("_deleted", row),
                    day: date("_day", row).unwrap(),
                    valid_to: date("valid_to", row),
                });
            }
        }
        assert_eq!(count, file.rows, "{}", file.path);
    }
    rows.sort();
    rows
}
