//! Target: writing records to a Parquet file and reading them back unchanged (promise P9).

use chrono::DateTime;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::respelled::respelled;
use super::{Input, sources};
use bronzed_model::day::Day;
use bronzed_model::json::canonical::canonical;
use bronzed_model::record::RecordId;
use bronzed_storage::bronze::drift::Drift;
use bronzed_storage::bronze::infer::Draft;
use bronzed_storage::bronze::reader;
use bronzed_storage::bronze::writer::{FileMeta, FileWriter, RowOrigin};

/// Input: dataset name, then one record per line.
pub fn columns(input: &[u8]) {
    let mut input = Input::new(input);
    let dataset = sources::dataset(&mut input);
    let mut records = Vec::new();
    while !input.is_empty() && records.len() < 16 {
        let record = input.words().trim().to_owned();
        // A page hands over valid JSON only.
        if serde_json::from_str::<&RawValue>(&record).is_ok() {
            records.extend(respelled(&record));
            records.push(record);
        }
    }
    let day: Day = "2025-10-22".parse().unwrap();
    let meta = FileMeta {
        dataset: dataset.full_name(),
        day,
        run_id: Uuid::from_u128(7),
        job: "hourly".to_owned(),
        ingested_at: DateTime::from_timestamp(1_761_145_203, 0).unwrap(),
    };
    let mut draft = Draft::default();
    let mut writer = FileWriter::new(&dataset.schema, meta).unwrap();
    for record in &records {
        let id = RecordId::of(dataset, record);
        writer
            .append_text(&id, RowOrigin::slice("all"), record)
            .unwrap();
        draft.see(record);
    }
    if let Some(text) = draft.text(&dataset.full_name()) {
        let drafted = bronzed_config::columns("drafted.toml", &text);
        drafted.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    }
    let file = writer.finish().unwrap();
    let facts = reader::facts(file.bytes.clone(), &dataset.primary_key).unwrap();
    assert_eq!(facts.ids, file.ids);
    let mut drift = Drift::default();
    let extras = reader::extras(file.bytes.clone()).unwrap();
    for extra in extras.iter().flatten() {
        drift.see(&dataset.schema, day, extra);
    }
    let read = reader::records(file.bytes).unwrap();
    assert_eq!(read.len(), records.len());
    for (read, record) in read.iter().zip(&records) {
        serde_json::from_str::<&RawValue>(read).expect("what is read is JSON");
        if let Ok(expected) = canonical(record) {
            assert_eq!(
                canonical(read).unwrap(),
                expected,
                "P9: {record} became {read}"
            );
        }
    }
}
