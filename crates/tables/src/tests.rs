//! Publication over lakes in memory and in folders. Other readers are in `tests/it/tables.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::declaration::Dataset;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_storage::lake::Lake;
use bronzed_storage::testing::faulty::{Fault, Faulty, Op};
use bronzed_storage::testing::support::{self, World, run_once};

use delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use delta_kernel::parquet::basic::Compression;

use super::*;

fn lake(world: &World) -> Lake {
    world.day().lake
}

async fn publish(world: &World, publisher: &Publisher) -> Published {
    let days = BTreeSet::from([support::day()]);
    let dataset = support::shared_dataset();
    let _ = world;
    publisher.publish(&dataset, &days).await.unwrap()
}

#[tokio::test]
async fn what_is_committed_is_published_once() {
    let (_folder, worlds) = support::worlds();
    for world in worlds {
        let publisher = Publisher::new(lake(&world));
        assert_eq!(publish(&world, &publisher).await, Published::default());
        run_once(&world, "hourly", &["1", "2"]).await;
        let first = publish(&world, &publisher).await;
        assert_eq!((first.files, first.version), (1, Some(0)));
        assert_eq!(publish(&world, &publisher).await.files, 0);
        run_once(&world, "hourly", &["3"]).await;
        // Another process.
        let other = Publisher::new(lake(&world));
        let second = publish(&world, &other).await;
        assert_eq!((second.files, second.version), (1, Some(1)));
        assert_eq!(publish(&world, &publisher).await.files, 0);
        run_once(&world, "hourly", &["4"]).await;
        let third = publish(&world, &publisher).await;
        assert_eq!((third.files, third.version), (1, Some(2)));
    }
}

#[tokio::test]
async fn publishers_at_once_add_each_file_once() {
    let world = support::memory();
    let days = BTreeSet::from([support::day()]);
    for round in 0..5 {
        run_once(&world, "hourly", &[&round.to_string()]).await;
        let publishing: Vec<_> = (0..4)
            .map(|_| {
                let (publisher, days) = (Publisher::new(lake(&world)), days.clone());
                let dataset = support::shared_dataset();
                tokio::spawn(async move { publisher.publish(&dataset, &days).await })
            })
            .collect();
        let mut files = 0;
        for published in publishing {
            files += published.await.unwrap().unwrap().files;
        }
        assert_eq!(files, 1, "in round {round}");
    }
}

/// Both must look again at the log that was made between a publisher's look and the kernel's.
#[tokio::test]
async fn a_log_that_another_process_makes_meanwhile_is_no_error() {
    for rebuilds in [false, true] {
        let world = support::memory();
        run_once(&world, "hourly", &["1", "2"]).await;
        let (days, mut looks) = (BTreeSet::from([support::day()]), 0);
        let (other, of_other) = (Publisher::new(lake(&world)), days.clone());
        let store = Arc::clone(&world.store);
        let faulty = Faulty::new(store, Arc::default(), move |op, key| {
            let reads_file = op == Op::Get && key.ends_with(".parquet");
            looks += u32::from(reads_file);
            let (other, days) = (other.clone(), of_other.clone());
            (reads_file && looks == 1).then(|| {
                let dataset = support::shared_dataset();
                Fault::Meanwhile(Box::pin(async move {
                    let published = other.publish(&dataset, &days).await.unwrap();
                    assert_eq!(published.version, Some(0));
                }))
            })
        });
        let publisher = Publisher::new(Lake::over(Arc::new(faulty), "faulty:///"));
        let dataset = support::shared_dataset();
        match rebuilds {
            false => {
                let published = publisher.publish(&dataset, &days).await.unwrap();
                assert_eq!((published.files, published.version), (0, Some(0)));
            }
            true => assert_eq!(publisher.rebuild(&dataset).await.unwrap().published, 1),
        }
        let found = compare(&lake(&world), &dataset).await.unwrap();
        assert!(found.is_equal() && found.published == 1, "{found:?}");
    }
}

#[tokio::test]
async fn a_log_that_isnt_as_its_files_is_made_so() {
    let world = support::memory();
    let (publisher, dataset) = (Publisher::new(lake(&world)), support::shared_dataset());
    for id in ["1", "2", "3"] {
        run_once(&world, "hourly", &[id]).await;
        publish(&world, &publisher).await;
    }
    let same = compare(&lake(&world), &dataset).await.unwrap();
    assert!(same.is_equal() && same.published == 3, "{same:?}");

    world.delete(&support::key(2)).await;
    let found = publisher.rebuild(&dataset).await.unwrap();
    assert_eq!(found.gone, BTreeSet::from([support::key(2)]));
    let mended = compare(&lake(&world), &dataset).await.unwrap();
    assert!(mended.is_equal() && mended.published == 2, "{mended:?}");

    world
        .put("pncp/_delta_log/00000000000000000001.json", "{")
        .await;
    assert!(compare(&lake(&world), &dataset).await.is_err());
    publisher.rebuild(&dataset).await.unwrap();
    let mended = compare(&lake(&world), &dataset).await.unwrap();
    assert!(mended.is_equal() && mended.published == 2, "{mended:?}");
    assert_eq!(mended.version, Some(0));
}

#[tokio::test]
async fn a_long_log_has_checkpoints_and_is_read_from_them() {
    let world = support::memory();
    let (publisher, dataset) = (Publisher::new(lake(&world)), support::shared_dataset());
    for id in 0..65 {
        run_once(&world, "hourly", &[&id.to_string()]).await;
        publish(&world, &publisher).await;
    }
    let found = compare(&lake(&world), &dataset).await.unwrap();
    assert!(found.is_equal() && found.published == 65, "{found:?}");
    let log = lake(&world).list("pncp/_delta_log").await.unwrap();
    let checkpoints = log
        .iter()
        .filter(|entry| entry.key.contains(".checkpoint."));
    assert_eq!(checkpoints.clone().count(), 2);
    for checkpoint in checkpoints {
        let (bytes, _) = lake(&world).get(&checkpoint.key).await.unwrap().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let groups = reader.metadata().row_groups();
        let columns = groups.iter().flat_map(|group| group.columns());
        let mut codecs = columns.map(|column| column.compression());
        assert!(codecs.all(|codec| codec == Compression::SNAPPY));
    }
    // The checkpoint is enough: no version up to it is needed.
    for version in 0..60 {
        world
            .delete(&format!("pncp/_delta_log/{version:020}.json"))
            .await;
    }
    let found = compare(&lake(&world), &dataset).await.unwrap();
    assert!(found.is_equal() && found.published == 65, "{found:?}");
    let other = Publisher::new(lake(&world));
    assert_eq!(publish(&world, &other).await.files, 0);
}

/// The kernel refuses to create a log of which some versions are there.
#[tokio::test]
async fn a_log_that_has_lost_its_first_version_is_made_anew() {
    let world = support::memory();
    let (publisher, dataset) = (Publisher::new(lake(&world)), support::shared_dataset());
    for id in ["1", "2"] {
        run_once(&world, "hourly", &[id]).await;
        publish(&world, &publisher).await;
    }
    world
        .delete("pncp/_delta_log/00000000000000000000.json")
        .await;
    assert!(compare(&lake(&world), &dataset).await.is_err());
    let other = Publisher::new(lake(&world));
    other.rebuild(&dataset).await.unwrap();
    let found = compare(&lake(&world), &dataset).await.unwrap();
    assert!(found.is_equal() && found.published == 2, "{found:?}");
}

#[tokio::test]
async fn files_of_the_earlier_pipeline_are_in_the_table_where_their_columns_agree() {
    let world = support::memory();
    let (publisher, dataset) = (Publisher::new(lake(&world)), support::shared_dataset());
    let partition = "pncp/year=2025/month=10/day=22";
    world
        .put(
            &format!("{partition}/part-0.parquet"),
            support::old_file(&[Some("9")]),
        )
        .await;
    run_once(&world, "hourly", &["1"]).await;
    assert_eq!(publish(&world, &publisher).await.files, 2);
    let found = compare(&lake(&world), &dataset).await.unwrap();
    assert!(found.is_equal() && found.foreign.is_empty(), "{found:?}");
}

#[tokio::test]
async fn columns_and_members_that_are_added_are_in_the_table_in_lists_too() {
    let world = support::memory();
    let publisher = Publisher::new(lake(&world));
    let of = |members: &[&str], more: &[&str]| {
        let text = |name: &&str| Column::new(*name, ColumnType::String);
        let member = ColumnType::Struct(members.iter().map(text).collect());
        let mut columns = vec![
            Column::new("numeroControlePNCP", ColumnType::String),
            Column::new("orgao", member.clone()),
            Column::new("itens", ColumnType::List(Box::new(member))),
        ];
        columns.extend(more.iter().map(text));
        Dataset {
            schema: Arc::new(Schema {
                columns,
                ..Schema::default()
            }),
            ..support::dataset()
        }
    };
    let days = BTreeSet::from([support::day()]);
    for (number, dataset) in [(1, of(&["a"], &[])), (2, of(&["a", "b"], &["c"]))] {
        let run = world.run("hourly");
        let id = number.to_string();
        let file = support::file_of(&dataset, &run, &[&id], SystemClock.now());
        world.put(&support::key(number), file.bytes).await;
        publisher.publish(&dataset, &days).await.unwrap();
    }
    let snapshot = newest::load(&lake(&world), "pncp").await.unwrap().unwrap();
    let schema = snapshot.schema();
    assert!(schema.field("c").is_some());
    for column in ["orgao", "itens"] {
        let kind = schema.field(column).unwrap().data_type().to_string();
        assert!(kind.contains('b'), "{column}: {kind}");
    }
    let declared = columns::table_schema(&of(&["a", "b"], &["c"])).unwrap();
    assert!(columns::added(&declared, &schema).is_empty());
}

/// Returns a lake of which the first listing of a folder lacks a key: a listing isn't a view of one moment.
fn torn(world: &World, folder: &'static str, lacks: &'static str) -> Lake {
    let mut first = true;
    let faulty = world.faulty_day(move |op, key| {
        let is_it = op == Op::List && key == folder && std::mem::take(&mut first);
        is_it.then_some(Fault::Hide(lacks))
    });
    faulty.lake
}

const DAY: &str = "pncp/year=2025/month=10/day=22";

#[tokio::test]
async fn a_commit_that_a_listing_lacks_is_in_the_log_nevertheless() {
    let world = support::memory();
    // The log is created, and then added to.
    for (folder, ids) in [("pncp", ["1", "2", "3"]), (DAY, ["4", "5", "6"])] {
        for id in ids {
            run_once(&world, "hourly", &[id]).await;
        }
        let lacks = if folder == DAY { "c000005" } else { "c000002" };
        let publisher = Publisher::new(torn(&world, folder, lacks));
        publish(&world, &publisher).await;
        publish(&world, &Publisher::new(lake(&world))).await;
        let found = compare(&lake(&world), &support::shared_dataset()).await;
        let found = found.unwrap();
        assert!(found.is_equal(), "{folder}: {found:?}");
    }
    // Lost ones aren't waited for.
    for id in ["7", "8"] {
        run_once(&world, "hourly", &[id]).await;
    }
    world.delete(&support::key(7)).await;
    assert_eq!(
        publish(&world, &Publisher::new(lake(&world))).await.files,
        1
    );
}

#[tokio::test]
async fn a_log_of_which_a_listing_lacks_a_version_is_not_made_anew() {
    let world = support::memory();
    for id in ["1", "2", "3"] {
        run_once(&world, "hourly", &[id]).await;
        publish(&world, &Publisher::new(lake(&world))).await;
    }
    let publisher = Publisher::new(torn(&world, "pncp/_delta_log", "0001.json"));
    let found = publisher.rebuild(&support::shared_dataset()).await.unwrap();
    assert!(found.is_equal() && found.version == Some(2), "{found:?}");
}

/// Does what `other` does before the n-th operation of what `one` does, for each n.
async fn at_each_moment<F, G>(one: impl Fn(Lake) -> F, other: impl Fn(World) -> G)
where
    F: Future<Output = ()>,
    G: Future<Output = ()> + Send + 'static,
{
    for moment in 0.. {
        let world = support::memory();
        run_once(&world, "hourly", &["1"]).await;
        run_once(&world, "hourly", &["2"]).await;
        if moment % 2 == 0 {
            publish(&world, &Publisher::new(lake(&world))).await;
        }
        let (mut count, mut between) = (0, Some(other(world.clone())));
        let met = Arc::new(AtomicBool::new(false));
        let is_met = Arc::clone(&met);
        let faulty = world.faulty_day(move |_, _| {
            count += 1;
            let between = between.take_if(|_| count > moment / 2)?;
            is_met.store(true, Ordering::Relaxed);
            Some(Fault::Meanwhile(Box::pin(between)))
        });
        one(faulty.lake).await;
        let found = compare(&lake(&world), &support::shared_dataset()).await;
        let found = found.unwrap();
        assert!(found.is_equal(), "at moment {moment}: {found:?}");
        if !met.load(Ordering::Relaxed) {
            assert!(moment > 8, "it has more moments");
            return;
        }
    }
}

async fn commit_and_publish(world: World) {
    run_once(&world, "hourly", &["3"]).await;
    publish(&world, &Publisher::new(lake(&world))).await;
}

#[tokio::test]
async fn a_file_that_is_published_while_a_log_is_made_equal_stays_in_it() {
    let rebuild = |lake| async move {
        let dataset = support::shared_dataset();
        Publisher::new(lake).rebuild(&dataset).await.unwrap();
    };
    at_each_moment(rebuild, commit_and_publish).await;
}

#[tokio::test]
async fn a_log_that_another_writer_creates_meanwhile_is_no_error() {
    let published = |lake| async move {
        let days = BTreeSet::from([support::day()]);
        let dataset = support::shared_dataset();
        Publisher::new(lake).publish(&dataset, &days).await.unwrap();
    };
    at_each_moment(published, commit_and_publish).await;
}
