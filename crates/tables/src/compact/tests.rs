//! Compaction over lakes in memory. Other readers are in `tests/it/tables.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_storage::testing::faulty::{Fault, Op};
use bronzed_storage::testing::support::{self, World, run_once};
use chrono::TimeDelta;
use delta_kernel::arrow::json::LineDelimitedWriter;
use delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::{Comparison, Publisher};

fn scope() -> CompactionScope {
    CompactionScope {
        from: None,
        to: None,
        now: SystemClock.now(),
        most_days: 100,
    }
}

fn lake(world: &World) -> Lake {
    world.day().lake
}

async fn publish(world: &World) {
    let days = BTreeSet::from([support::day()]);
    let dataset = support::shared_dataset();
    let publisher = Publisher::new(lake(world));
    publisher.publish(&dataset, &days).await.unwrap();
}

/// Commits of these numbers, of two rows each, whose ids aren't in the order of the commits.
async fn commits(world: &World, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let ids = [
            format!("{}-a", 997 * number % 100),
            format!("{}-b", 313 * number % 100),
        ];
        run_once(world, "hourly", &[&ids[0], &ids[1]]).await;
    }
}

async fn given(count: usize) -> World {
    let world = support::memory();
    commits(&world, 0..count).await;
    publish(&world).await;
    world
}

async fn compared(world: &World) -> Comparison {
    crate::compare(&lake(world), &support::shared_dataset())
        .await
        .unwrap()
}

async fn live(world: &World) -> BTreeSet<String> {
    let lake = lake(world);
    let snapshot = load(&lake, "pncp").await.unwrap().unwrap();
    compare::live_files(&lake, "pncp", &snapshot).await.unwrap()
}

/// Rows of files with all of their columns, sorted.
async fn rows(world: &World, keys: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut rows = Vec::new();
    for key in keys {
        let file = ParquetRecordBatchReaderBuilder::try_new(world.bytes(&key).await).unwrap();
        for batch in file.build().unwrap() {
            let mut text = LineDelimitedWriter::new(Vec::new());
            text.write(&batch.unwrap()).unwrap();
            text.finish().unwrap();
            let text = String::from_utf8(text.into_inner()).unwrap();
            rows.extend(text.lines().map(str::to_owned));
        }
    }
    rows.sort();
    rows
}

async fn stored(world: &World) -> Vec<String> {
    let files = world.files().await;
    rows(world, files.into_keys()).await
}

async fn shown(world: &World) -> Vec<String> {
    rows(world, live(world).await).await
}

#[tokio::test]
async fn a_day_of_many_files_has_one_for_readers_with_the_same_rows_sorted() {
    let world = given(9).await;
    let done = compact(&lake(&world), &support::shared_dataset(), scope())
        .await
        .unwrap();
    assert_eq!((done.days, done.files, done.rows), (1, 9, 18), "{done:?}");
    let live = live(&world).await;
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!(shown(&world).await, stored(&world).await);
    assert_eq!(world.files().await.len(), 9, "the numbered files stay");
    let key = live.into_iter().next().unwrap();
    let ids = bronzed_storage::bronze::reader::facts(world.bytes(&key).await, &[]).unwrap();
    assert!(ids.ids.is_sorted(), "{:?}", ids.ids);
    let found = compared(&world).await;
    assert!(found.is_equal() && found.compacted == 1, "{found:?}");
    let version = format!("pncp/_delta_log/{:020}.json", 1);
    let version = world.text(&version).await;
    assert_eq!(
        version.matches(r#""dataChange":false"#).count(),
        10,
        "{version}"
    );
    assert!(!version.contains(r#""dataChange":true"#), "{version}");
    let again = compact(&lake(&world), &support::shared_dataset(), scope())
        .await
        .unwrap();
    assert_eq!(again, Compacted::default());
}

#[tokio::test]
async fn later_commits_stand_beside_and_a_grown_day_is_compacted_again() {
    let world = given(9).await;
    let dataset = support::shared_dataset();
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    commits(&world, 9..12).await;
    publish(&world).await;
    assert_eq!(live(&world).await.len(), 4);
    assert_eq!(shown(&world).await, stored(&world).await);
    let none = compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!(none.days, 0, "three files beside aren't many");
    commits(&world, 12..20).await;
    publish(&world).await;
    let done = compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!((done.days, done.files, done.rows), (1, 12, 40));
    assert_eq!(live(&world).await.len(), 1);
    assert_eq!(shown(&world).await, stored(&world).await);
    assert!(compared(&world).await.is_equal());
}

#[tokio::test]
async fn a_complete_day_is_compacted_once_nothing_was_added_for_two_days() {
    let world = given(2).await;
    let dataset = support::shared_dataset();
    let later = CompactionScope {
        now: SystemClock.now() + TimeDelta::days(3),
        ..scope()
    };
    let open = compact(&lake(&world), &dataset, later).await.unwrap();
    assert_eq!(open.days, 0, "the day isn't complete");
    world.put(support::MARKER, "").await;
    let fresh = compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!(fresh.days, 0, "its files are new");
    let elsewhere = CompactionScope {
        from: Some(support::day().next()),
        ..later
    };
    let outside = compact(&lake(&world), &dataset, elsewhere).await.unwrap();
    assert_eq!(outside.days, 0);
    let done = compact(&lake(&world), &dataset, later).await.unwrap();
    assert_eq!(done.days, 1);
    assert_eq!(shown(&world).await, stored(&world).await);
}

#[tokio::test]
async fn what_a_kill_at_any_write_has_left_is_healed_by_the_next_compaction() {
    let mut writes = 0;
    for happens in [false, true] {
        for kill in 0.. {
            let world = given(9).await;
            let count = std::sync::Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&count);
            let faulty = world.faulty_day(move |op, _| {
                let at = (op == Op::Put).then(|| seen.fetch_add(1, Ordering::SeqCst));
                (at == Some(kill)).then_some(Fault::Crash { happens })
            });
            let dataset = support::shared_dataset();
            let compacting = compact(&faulty.lake, &dataset, scope());
            let killed = tokio::time::timeout(Duration::from_millis(500), compacting).await;
            assert_eq!(shown(&world).await, stored(&world).await, "kill at {kill}");
            assert!(compared(&world).await.is_equal(), "kill at {kill}");
            compact(&lake(&world), &dataset, scope()).await.unwrap();
            assert_eq!(live(&world).await.len(), 1, "kill at {kill}");
            assert_eq!(shown(&world).await, stored(&world).await, "kill at {kill}");
            if killed.is_ok() {
                writes = kill;
                break;
            }
        }
    }
    assert_eq!(writes, 2, "the file, and the version");
}

#[tokio::test]
async fn a_file_that_a_kill_has_left_is_used() {
    let world = given(9).await;
    let dataset = support::shared_dataset();
    let faulty = world.faulty_day(|op, key| {
        let version = op == Op::Put && key.contains("_delta_log");
        version.then_some(Fault::Fail)
    });
    compact(&faulty.lake, &dataset, scope()).await.unwrap_err();
    let done = compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!((done.days, done.rows), (1, 0));
    assert_eq!(shown(&world).await, stored(&world).await);
}

#[tokio::test]
async fn a_commit_at_the_moment_of_the_swap_is_neither_lost_nor_doubled() {
    let world = given(9).await;
    let dataset = support::shared_dataset();
    let (other, mut once) = (world.clone(), true);
    let faulty = world.faulty_day(move |op, key| {
        let version = op == Op::Put && key.contains("_delta_log");
        (version && std::mem::take(&mut once)).then(|| {
            let other = other.clone();
            Fault::Meanwhile(Box::pin(async move {
                run_once(&other, "hourly", &["new"]).await;
                publish(&other).await;
            }))
        })
    });
    let done = compact(&faulty.lake, &dataset, scope()).await.unwrap();
    assert_eq!(done.days, 1);
    assert_eq!(shown(&world).await, stored(&world).await);
    assert!(stored(&world).await.iter().any(|row| row.contains("new")));
    assert!(compared(&world).await.is_equal());
}

#[tokio::test]
async fn a_lost_compacted_file_is_told_and_the_numbered_files_are_shown_again() {
    let world = given(9).await;
    let dataset = support::shared_dataset();
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    let key = live(&world).await.into_iter().next().unwrap();
    world.delete(&key).await;
    let found = compared(&world).await;
    assert_eq!(found.gone, BTreeSet::from([key]));
    assert_eq!(found.unpublished.len(), 9);
    Publisher::new(lake(&world))
        .rebuild(&dataset)
        .await
        .unwrap();
    assert!(compared(&world).await.is_equal());
    assert_eq!(shown(&world).await, stored(&world).await);
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!(live(&world).await.len(), 1);
    assert_eq!(shown(&world).await, stored(&world).await);
}

#[tokio::test]
async fn rows_of_a_lost_file_that_are_read_again_arent_shown_twice() {
    let world = given(9).await;
    let dataset = support::shared_dataset();
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    let compacted = live(&world).await;
    world.delete(&support::key(3)).await;
    assert_eq!(compared(&world).await.stale, compacted);
    let untouched = compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!(untouched.days, 0);
    // The next run reads the rows again.
    run_once(&world, "hourly", &["94-a", "26-b"]).await;
    publish(&world).await;
    assert_eq!(shown(&world).await, stored(&world).await);
    let found = compared(&world).await;
    assert!(found.is_equal() && found.compacted == 0, "{found:?}");
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!(live(&world).await.len(), 1);
    assert_eq!(shown(&world).await, stored(&world).await);
}

#[tokio::test]
async fn a_day_larger_than_memory_is_sorted_by_ranges() {
    let world = given(30).await;
    let dataset = support::shared_dataset();
    let objects = TableObjects::of("pncp", lake(&world).list("pncp").await.unwrap());
    let (due, _) = due("pncp", &objects, &live(&world).await, scope());
    let schema = world.lake_schema(&dataset).await;
    let merge = |most| merged_with(&world, &dataset, &schema, &due[0], most);
    let (whole, count) = merge(usize::MAX).await;
    let (parts, again) = merge(1).await;
    assert_eq!((count, again), (60, 60));
    world.put("whole", whole).await;
    world.put("parts", parts).await;
    let in_order = |key: &'static str| async {
        let bytes = world.bytes(key).await;
        bronzed_storage::bronze::reader::facts(bytes, &[])
            .unwrap()
            .ids
    };
    assert_eq!(in_order("whole").await, in_order("parts").await);
    let both = [
        rows(&world, ["whole".to_owned()]).await,
        rows(&world, ["parts".to_owned()]).await,
    ];
    assert_eq!(both[0], both[1]);
}

#[tokio::test]
async fn files_that_no_reader_needs_are_deleted_after_a_week() {
    let world = given(9).await;
    let dataset = support::shared_dataset();
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    let first = live(&world).await.into_iter().next().unwrap();
    commits(&world, 9..18).await;
    publish(&world).await;
    let done = compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!((done.days, done.deleted), (1, 0));
    assert!(world.exists(&first).await, "older versions have it");
    // The log says for a week that it was removed; an orphan is in no version.
    let orphan = first.replace("c000009", "c000003");
    world.put(&orphan, "x").await;
    let later = CompactionScope {
        now: SystemClock.now() + TimeDelta::days(8),
        ..scope()
    };
    let done = compact(&lake(&world), &dataset, later).await.unwrap();
    assert_eq!(done.deleted, 1);
    assert!(!world.exists(&orphan).await);
    assert!(world.exists(&first).await, "the log still names it");
    assert_eq!(shown(&world).await, stored(&world).await);
}

#[tokio::test]
async fn older_files_with_fewer_columns_are_null_there_nested_ones_too() {
    let world = given(9).await;
    let old = support::shared_dataset();
    let member = |name: &str| Column::new(name, ColumnType::String);
    let dataset = Dataset {
        schema: Arc::new(Schema {
            columns: vec![
                Column::new("numeroControlePNCP", ColumnType::String),
                Column::new(
                    "orgao",
                    ColumnType::Struct(vec![member("cnpj"), member("uf")]),
                ),
            ],
            ..Schema::default()
        }),
        ..old.as_ref().clone()
    };
    let run = world.run("hourly");
    let file = support::file_of(&dataset, &run, &["x"], SystemClock.now());
    world.put(&support::key(10), file.bytes).await;
    let days = BTreeSet::from([support::day()]);
    Publisher::new(lake(&world))
        .publish(&dataset, &days)
        .await
        .unwrap();
    compact(&lake(&world), &dataset, scope()).await.unwrap();
    assert_eq!(live(&world).await.len(), 1);
    assert_eq!(shown(&world).await, stored(&world).await);
}

async fn merged_with(
    world: &World,
    dataset: &Dataset,
    schema: &SchemaRef,
    day: &DueDay,
    most: usize,
) -> (bytes::Bytes, u64) {
    let schema = Arc::clone(schema);
    merged(&lake(world), dataset, schema, day, most)
        .await
        .unwrap()
}

trait TableSchema {
    async fn lake_schema(&self, dataset: &Dataset) -> SchemaRef;
}

impl TableSchema for World {
    async fn lake_schema(&self, dataset: &Dataset) -> SchemaRef {
        let snapshot = load(&lake(self), "pncp").await.unwrap().unwrap();
        file_schema(dataset, &snapshot.schema()).unwrap()
    }
}
