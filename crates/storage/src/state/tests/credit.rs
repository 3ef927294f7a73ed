//! Counts of a found file in its run's entry: when it is adopted, when the run writes its entry again, and
//! when the state is rebuilt.

use serde_json::json;

use super::support::*;
use crate::bronze::writer::{EncodedFile, FileMeta, FileWriter, Op, RowOrigin};
use bronzed_model::execution::Execution;
use bronzed_model::record::RecordId;

/// A file of a snapshot's run: a record, one without an id, and a deletion.
fn mixed_file(world: &World, run: &Execution, id: &str) -> EncodedFile {
    let day = world.day();
    let meta = FileMeta {
        dataset: day.dataset.full_name(),
        day: day.day,
        run_id: run.run_id,
        job: run.job.clone(),
        ingested_at: day.clock.now(),
    };
    let mut writer = FileWriter::new(&day.dataset.schema, meta).unwrap();
    let from = RowOrigin::slice("modalidade=6");
    let record = format!(r#"{{"numeroControlePNCP":"{id}"}}"#);
    writer
        .append_text(&RecordId::of(&day.dataset, &record), from, &record)
        .unwrap();
    let record = format!(r#"{{"objetoCompra":"{id}"}}"#);
    writer
        .append_text(&RecordId::of(&day.dataset, &record), from, &record)
        .unwrap();
    let gone = RowOrigin {
        op: Some(Op::Vanished),
        ..RowOrigin::default()
    };
    let id = RecordId::plain(&format!("gone-{id}"));
    writer.append_text(&id, gone, "{}").unwrap();
    writer.finish().unwrap()
}

/// Returns the entry's counts: fetched, new, unidentified, vanished.
async fn counted(world: &World, run: &Execution) -> [serde_json::Value; 4] {
    let entry = world.entry(run).await;
    ["fetched", "new_records", "unidentified", "vanished"].map(|key| entry[key].clone())
}

#[tokio::test]
async fn p7_each_row_of_a_found_file_is_counted_for_what_it_is() {
    let world = memory();
    run_once(&world, "hourly", &["z"]).await;
    let run = world.run("daily");
    for (number, id) in [(2, "a"), (3, "b")] {
        world
            .put(&key(number), mixed_file(&world, &run, id).bytes)
            .await;
    }
    // A row for a vanished record is new, and wasn't fetched.
    let expected = [4, 6, 2, 2].map(|count| json!(count));

    world.clock.set(at("2025-10-22T16:00:00Z"));
    let day = world.day();
    let mut state = day.open().await.unwrap();
    assert_eq!(state.recovery().adopted, [key(2), key(3)]);
    assert_eq!(counted(&world, &run).await, expected, "adopted");
    let entry = world.entry(&run).await;
    assert_eq!(entry["timestamp"], "2025-10-22T13:00:00-03:00");

    let written = day
        .record(&mut state, &run, &[].into(), false)
        .await
        .unwrap();
    assert_eq!(
        counted(&world, &run).await,
        expected,
        "the run speaks again"
    );
    let counts = written.counts;
    assert_eq!((counts.new, counts.fetched), (6, 4));
    assert_eq!((counts.unidentified, counts.vanished), (2, 2));

    world.delete(STATE).await;
    world.day().open().await.unwrap();
    assert_eq!(counted(&world, &run).await, expected, "rebuilt");
}

/// A foreign writer stored an existing row again, in a file with a numbered name.
#[tokio::test]
async fn p7_rows_of_a_found_file_that_were_known_are_duplicates() {
    let world = memory();
    run_once(&world, "hourly", &["a"]).await;
    let run = world.run("daily");
    for (number, ids) in [(2, ["a", "b"]), (3, ["b", "c"])] {
        world.put(&key(number), world.file(&run, &ids).bytes).await;
    }
    world.day().open().await.unwrap();
    let entry = world.entry(&run).await;
    let counts = ["fetched", "new_records", "duplicates_filtered"].map(|key| entry[key].clone());
    assert_eq!(counts, [4, 2, 2].map(|count| json!(count)));
}

/// An entry that contradicts the files is corrected, and keeps the counts that they don't show.
#[tokio::test]
async fn p7_what_the_files_do_not_show_stays_in_a_corrected_entry() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    run.counts.off_day = 3;
    run.counts.fetched = 3;
    ingest(&world, &day, &mut state, &mut run, &["a", "b"])
        .await
        .unwrap();
    ingest(&world, &day, &mut state, &mut run, &["a", "b"])
        .await
        .unwrap();
    day.record(&mut state, &run, &[].into(), false)
        .await
        .unwrap();
    let text = world.text(STATE).await;
    for (from, to) in [
        ("\"new_records\": 2", "\"new_records\": 3"),
        ("c000001.parquet", "c000009.parquet"),
        ("\"fetched\": 7", "\"fetched\": 8"),
        ("\"drift\": 0", "\"vanished\": 5"),
    ] {
        assert!(text.contains(from), "{text}");
        world.put(STATE, text.replacen(from, to, 1)).await;
        day.open().await.unwrap();
        world.assert_sound().await;
        let entry = world.entry(&run).await;
        let counts = ["fetched", "new_records", "duplicates_filtered", "off_day"];
        let counts = counts.map(|key| entry[key].clone());
        assert_eq!(counts, [7, 2, 2, 3].map(|count| json!(count)), "{from}");
        let vanished = entry["vanished"].as_u64().unwrap_or_default();
        assert_eq!(vanished, 0, "{from}: no file has such a row");
    }
}
