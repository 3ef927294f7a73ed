//! Snapshots over real HTTP: the stored rows of a table that changes, with faults of API and lake.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::ingest::report::RunReport;
use crate::ingest::testing::{Params, Row, Shared, World, at_every_operation};
use bronzed_model::declaration::{Completeness, Dataset, Kind, PagingStyle, Require, Version};
use bronzed_model::execution::Status;
use bronzed_model::json::canonical::canonical;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_model::template::Template;
use bronzed_source::testing::{self, Step, answer, json};
use bronzed_storage::testing::faulty::Fault;

/// Table as an API serves it: by offset, in the order of its keys.
#[derive(Debug, Clone, Default)]
struct Table {
    rows: BTreeMap<u32, String>,
    /// Number of requests; after `shift_after` requests, the first row is deleted.
    requests: usize,
    shift_after: Option<usize>,
    /// Offset from which on requests fail.
    broken_from: Option<usize>,
    /// Number of rows by which the stated total is too high.
    overstated: usize,
}

impl Table {
    fn of(rows: u32) -> Self {
        let rows = (0..rows).map(|key| (key, "a".to_owned())).collect();
        Self {
            rows,
            ..Self::default()
        }
    }

    fn answer(&mut self, params: &Params) -> Step {
        let number = |name: &str| params[name].parse::<usize>().unwrap();
        let (offset, limit) = (number("offset"), number("limit"));
        self.requests += 1;
        if self.shift_after.is_some_and(|after| self.requests > after) {
            self.rows.pop_first();
            self.shift_after = None;
        }
        if self.broken_from.is_some_and(|from| offset >= from) {
            return Step::Answer(answer("500 Internal Server Error", "", b"no"));
        }
        let page = self.rows.iter().skip(offset).take(limit);
        let items: Vec<_> = page.map(|(key, nome)| record(*key, nome)).collect();
        let body = json!({
            "items": items,
            "hasMore": offset + limit < self.rows.len(),
            "total": self.rows.len() + self.overstated,
        });
        Step::Answer(json(&body.to_string()))
    }

    /// Returns the records that should be in force according to the files.
    fn records(&self) -> BTreeMap<String, String> {
        let rows = self.rows.iter();
        rows.map(|(key, nome)| {
            let record = canonical(&record(*key, nome).to_string()).unwrap();
            (key.to_string(), record)
        })
        .collect()
    }
}

fn record(key: u32, nome: &str) -> Value {
    json!({"doc": key.to_string(), "nome": nome, "uf": "DF"})
}

/// Dataset of a list as Oracle's ORDS serves it.
fn dataset(require: Require) -> Dataset {
    let text = |name: &str| Column::new(name, ColumnType::String);
    let mut dataset = testing::dataset();
    dataset.source = "tcu".to_owned();
    dataset.name = "inidoneos".to_owned();
    dataset.prefix = "tcu_inidoneos".to_owned();
    dataset.path = Template::parse("/inidoneos").unwrap();
    dataset.params = Vec::new();
    dataset.slices = Vec::new();
    dataset.data_selector = "/items".to_owned();
    dataset.primary_key = vec!["/doc".to_owned()];
    dataset.kind = Kind::Snapshot;
    dataset.version = Version::None;
    dataset.completeness = Completeness {
        require,
        rewalks: 2,
    };
    let with_total = matches!(require, Require::UniqueTotal | Require::RowTotal);
    dataset.paginator.style = PagingStyle::Offset {
        offset_param: "offset".to_owned(),
        overlap: 0,
    };
    dataset.paginator.page_size_param = Some("limit".to_owned());
    dataset.paginator.page_size = 500;
    dataset.paginator.total_pages_path = None;
    dataset.paginator.total_records_path = with_total.then(|| "/total".to_owned());
    dataset.paginator.has_more_path = (!with_total).then(|| "/hasMore".to_owned());
    dataset.schema = Arc::new(Schema {
        columns: vec![text("doc"), text("nome")],
        ..Schema::default()
    });
    dataset
}

async fn given(table: Table, dataset: Dataset, seed: u64) -> (World, Shared<Table>) {
    let table = Arc::new(Mutex::new(table));
    let served = table.clone();
    let world = World::new(dataset, seed, move |params| {
        served.lock().unwrap().answer(&params)
    })
    .await;
    (world, table)
}

/// Sets up a small list with four rows a page.
async fn given_small(rows: u32) -> (World, Shared<Table>) {
    let mut dataset = dataset(Require::HasMore);
    dataset.paginator.page_size = 4;
    given(Table::of(rows), dataset, 1).await
}

/// Returns the records in force according to the rows, independently of the code that stores them: the last
/// row of each key decides.
fn in_force(rows: &[Row]) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for row in rows {
        if row.op.as_deref() == Some("vanished") {
            assert_eq!(row.record, "{}");
            assert!(table.remove(&row.key).is_some(), "it was there: {row:?}");
        } else {
            let record = canonical(&row.record).unwrap();
            table.insert(row.key.clone(), record);
        }
    }
    table
}

fn ops(rows: &[Row]) -> [usize; 3] {
    ["new", "changed", "vanished"].map(|op| {
        let of_op = rows.iter().filter(|row| row.op.as_deref() == Some(op));
        of_op.count()
    })
}

/// Checks that a run has succeeded and made the day complete, with `new` rows.
#[track_caller]
fn assert_whole(report: &RunReport, new: u64) {
    assert_eq!(report.status(), Status::Ok, "{report:?}");
    assert!(report.complete, "{report:?}");
    assert_eq!(report.counts().new, new, "{:?}", report.counts());
    assert!(report.counts().balanced(), "P2: {:?}", report.counts());
}

#[tokio::test]
async fn three_daily_reads_store_what_became_of_the_table() {
    for require in [
        Require::HasMore,
        Require::UniqueTotal,
        Require::RowTotal,
        Require::TwoWalks,
    ] {
        let (world, table) = given(Table::of(5_000), dataset(require), 1).await;
        assert_whole(&world.run().await, 5_000);
        let mut was = vec![table.lock().unwrap().records()];
        let mut seen = 5_000;
        for (day, first) in [("23", 100), ("24", 2_100)] {
            world.at(&format!("2025-10-{day}T11:00:00Z"));
            {
                let mut table = table.lock().unwrap();
                for key in first..first + 20 {
                    table.rows.insert(key, format!("changed on {day}"));
                }
                for key in first + 20..first + 23 {
                    table.rows.remove(&key);
                }
                for key in 0..5 {
                    table.rows.insert(10_000 + first + key, "a".to_owned());
                }
                was.push(table.records());
            }
            assert_whole(&world.run().await, 28);
            let rows = world.rows().await;
            assert_eq!(ops(&rows[seen..]), [5, 20, 3]);
            assert_eq!(in_force(&rows), table.lock().unwrap().records());
            seen = rows.len();
            // Everything but the files may be lost: the next run rebuilds it (P5).
            if day == "23" {
                for key in world.keys("/_state/").await {
                    world.delete(&key).await;
                }
            }
        }
        // The table of each day can be rebuilt from the files up to that day.
        let rows = world.rows().await;
        for (day, was) in ["2025-10-22", "2025-10-23", "2025-10-24"].iter().zip(was) {
            let until = rows.iter().filter(|row| row.day <= day.parse().unwrap());
            assert_eq!(in_force(&until.cloned().collect::<Vec<_>>()), was, "{day}");
        }
        let files = world.keys(".parquet").await;
        assert_eq!(files.len(), 3, "{files:?}");
    }
}

#[tokio::test]
async fn a_table_that_stays_the_same_stores_nothing() {
    let (world, _) = given_small(10).await;
    assert_whole(&world.run().await, 10);
    assert_whole(&world.run().await, 0);
    world.at("2025-10-25T11:00:00Z");
    assert_whole(&world.run().await, 0);
    assert_eq!(world.keys(".parquet").await.len(), 1, "P6");
    assert_eq!(world.state("2025-10-25").await["complete"], true);
    // A day that wasn't read stays without a marker.
    assert_eq!(world.keys("_state/complete").await.len(), 2);
    // Every page was read once in each run.
    assert_eq!(world.requests(), 9);
}

#[tokio::test]
async fn what_changes_back_and_forth_within_a_day_is_told_in_order() {
    let (world, table) = given_small(2).await;
    let write = |nome: Option<&str>| {
        let mut table = table.lock().unwrap();
        match nome {
            Some(nome) => table.rows.insert(7, nome.to_owned()),
            None => table.rows.remove(&7),
        };
    };
    let mut ids = Vec::new();
    for nome in [
        Some("a"),
        Some("b"),
        Some("a"),
        None,
        Some("a"),
        None,
        Some("b"),
    ] {
        write(nome);
        world.run().await;
        let rows = world.rows().await;
        assert_eq!(in_force(&rows), table.lock().unwrap().records());
        let id = &rows.last().unwrap().id;
        ids.push(id.strip_prefix("7@").unwrap().to_owned());
    }
    let (a, b) = (&ids[0][..32], &ids[1][..32]);
    assert_eq!(
        ids,
        [
            a.to_owned(),
            b.to_owned(),
            format!("{a}~2"),
            "vanished".to_owned(),
            format!("{a}~3"),
            "vanished~2".to_owned(),
            format!("{b}~2"),
        ]
    );
    world.at("2025-10-23T11:00:00Z");
    assert_whole(&world.run().await, 0);
}

#[tokio::test]
async fn p4_nothing_is_called_vanished_by_a_table_that_was_not_read_whole() {
    let (world, table) = given(Table::of(1_200), dataset(Require::UniqueTotal), 1).await;
    assert_whole(&world.run().await, 1_200);
    world.at("2025-10-23T11:00:00Z");
    let damage: [fn(&mut Table); 3] = [
        // One page fails.
        |table| table.broken_from = Some(1_000),
        // Every page is read, but the rows are fewer than the total.
        |table| table.overstated = 3,
        |table| table.broken_from = Some(0),
    ];
    for (round, damage) in damage.into_iter().enumerate() {
        {
            let mut table = table.lock().unwrap();
            table.rows.remove(&u32::try_from(round).unwrap());
            table.rows.insert(50, format!("round {round}"));
            damage(&mut table);
        }
        let report = world.run().await;
        assert!(!report.complete, "{report:?}");
        assert_ne!(report.status(), Status::Ok);
        assert_eq!(report.counts().vanished, 0);
        assert!(report.counts().balanced());
        let mut table = table.lock().unwrap();
        (table.broken_from, table.overstated) = (None, 0);
    }
    // Changes that were read are stored nevertheless.
    assert_eq!(ops(&world.rows().await), [1_200, 2, 0]);
    assert_whole(&world.run().await, 4);
    assert_eq!(ops(&world.rows().await), [1_200, 3, 3]);
}

#[tokio::test]
async fn a_row_that_slips_past_a_walk_has_not_vanished() {
    let (world, table) = given_small(12).await;
    assert_whole(&world.run().await, 12);
    world.at("2025-10-23T11:00:00Z");
    // Row 0 is deleted before the second page is requested: row 4 moves to the page that was read already.
    {
        let mut table = table.lock().unwrap();
        table.shift_after = Some(table.requests + 1);
    }
    let report = world.run().await;
    assert!(report.complete, "{report:?}");
    assert_eq!(in_force(&world.rows().await), {
        let mut records = table.lock().unwrap().records();
        // Row 0 was read before it was deleted.
        records.insert(
            "0".to_owned(),
            canonical(&record(0, "a").to_string()).unwrap(),
        );
        records
    });
    assert_whole(&world.run().await, 1);
    assert_eq!(
        in_force(&world.rows().await),
        table.lock().unwrap().records()
    );
}

/// Regression: half a table that wasn't listed for an hour was stored as vanished, and as new the next day.
#[tokio::test]
async fn half_a_table_vanishes_when_another_run_hours_later_misses_it_too() {
    let (world, table) = given(Table::of(60), dataset(Require::RowTotal), 5).await;
    assert_whole(&world.run().await, 60);
    let half = {
        let mut table = table.lock().unwrap();
        table.rows.split_off(&30)
    };
    world.at("2025-10-23T11:00:00Z");
    let report = world.run().await;
    assert_eq!((report.status(), report.complete), (Status::Partial, false));
    assert_eq!((report.counts().new, report.counts().vanished), (0, 0));
    assert!(
        report
            .reasons()
            .contains("30 of 60 known rows weren't listed"),
        "{}",
        report.reasons()
    );
    let again = "2025-10-23T15:00:00Z".parse().unwrap();
    assert_eq!(report.execution.again_at, Some(again));

    // The rows are listed again an hour later: nothing has changed.
    table.lock().unwrap().rows.extend(half);
    world.at("2025-10-23T12:00:00Z");
    assert_whole(&world.run().await, 0);

    table.lock().unwrap().rows.split_off(&20);
    for (time, vanished) in [("T13", 0), ("T14", 0), ("T17", 40)] {
        world.at(&format!("2025-10-23{time}:00:00Z"));
        let report = world.run().await;
        assert_eq!(report.counts().vanished, vanished, "{report:?}");
        assert!(report.complete, "the day was complete at noon");
        assert!(report.counts().balanced());
    }
    let rows = world.rows().await;
    assert_eq!(in_force(&rows), table.lock().unwrap().records());
}

#[tokio::test]
async fn a_table_that_is_empty_all_of_a_sudden_is_a_failure_of_the_api() {
    let (world, table) = given_small(5).await;
    world.run().await;
    world.at("2025-10-23T11:00:00Z");
    let full = std::mem::take(&mut *table.lock().unwrap());
    let report = world.run().await;
    assert_eq!(report.status(), Status::Failed, "{report:?}");
    assert!(!report.complete);
    *table.lock().unwrap() = full;
    assert_whole(&world.run().await, 0);
    // A table that was always empty is believed.
    let (world, _) = given_small(0).await;
    assert_whole(&world.run().await, 0);
}

#[tokio::test]
async fn a_snapshot_is_of_the_day_on_which_it_is_read() {
    let (world, _) = given_small(5).await;
    let report = world
        .run_over(world.store.clone(), "2025-10-21".parse().unwrap())
        .await;
    assert_eq!(report.status(), Status::Failed);
    let error = report.execution.error.unwrap();
    assert_eq!(
        error,
        "a snapshot is of the day on which it is read, which is 2025-10-22: 2025-10-21 can't be read"
    );
    assert_eq!((world.requests(), world.keys("").await.len()), (0, 0));
}

#[tokio::test]
async fn keys_that_are_not_unique_lose_no_content_and_repeat_none_within_a_run() {
    let mut dataset = dataset(Require::TwoWalks);
    dataset.primary_key = vec!["/uf".to_owned()];
    let mut table = Table::of(3);
    table.rows.insert(1, "b".to_owned());
    table.rows.insert(2, "c".to_owned());
    let (world, _) = given(table, dataset, 1).await;
    let report = world.run().await;
    assert_eq!(report.counts().new, 3, "{report:?}");
    assert!(report.counts().balanced());
}

/// Injects each fault into every operation on the lake: after one more run, the files have the table, each
/// row once.
#[tokio::test]
async fn p1_whatever_operation_goes_wrong_the_files_say_what_the_table_is() {
    let given = async || {
        let (mut world, table) = given_small(9).await;
        world.commit.max_records = 4;
        world.run().await;
        world.at("2025-10-23T11:00:00Z");
        {
            let mut table = table.lock().unwrap();
            (0..6).for_each(|key| drop(table.rows.insert(key, "b".to_owned())));
            table.rows.remove(&7);
            table.rows.insert(20, "a".to_owned());
        }
        (world, table)
    };
    let unharmed = |report: &RunReport| assert_whole(report, 8);
    let met = at_every_operation(given, unharmed, async |world, table| {
        let rows = world.rows().await;
        assert_eq!(in_force(&rows), table.lock().unwrap().records());
        assert_eq!(rows.len(), 17);
        let state = world.state("2025-10-23").await;
        assert_eq!(state["total_processed"], 8);
    })
    .await;
    assert!(met > 50, "{met} operations were met");
}

/// Two concurrent runs: wherever the second interrupts the operations of the first, each change is stored
/// once.
#[tokio::test]
async fn p1_two_runs_at_once_store_what_both_saw_once() {
    for (nth, changes) in (0..).flat_map(|nth| [(nth, false), (nth, true)]) {
        let (world, table) = given_small(9).await;
        let world = Arc::new(world);
        world.run().await;
        world.at("2025-10-23T11:00:00Z");
        {
            let mut table = table.lock().unwrap();
            (0..3).for_each(|key| drop(table.rows.insert(key, "b".to_owned())));
            table.rows.remove(&7);
        }
        let (second, changed) = (world.clone(), table.clone());
        let meanwhile = Box::pin(async move {
            if changes {
                let mut table = changed.lock().unwrap();
                table.rows.insert(1, "c".to_owned());
                table.rows.insert(7, "a".to_owned());
                table.rows.remove(&5);
            }
            assert_eq!(second.run().await.status(), Status::Ok);
        });
        let (first, was_met) = world
            .run_with_fault_at(nth, Fault::Meanwhile(meanwhile))
            .await;
        let first = first.unwrap();
        assert_eq!(first.status(), Status::Ok, "operation {nth}: {first:?}");
        assert!(first.counts().balanced());
        if !changes {
            // Both read the same changes, which are stored once.
            let rows = world.rows().await;
            assert_eq!(rows.len(), 13, "operation {nth}");
        }
        // Differences between the two runs are corrected by the next reading.
        let last = world.run().await;
        assert!(last.complete, "operation {nth}: {last:?}");
        assert_eq!(
            in_force(&world.rows().await),
            table.lock().unwrap().records(),
            "operation {nth}"
        );
        world.at("2025-10-24T11:00:00Z");
        assert_whole(&world.run().await, 0);
        if !was_met {
            assert!(nth > 8, "{nth}");
            break;
        }
    }
}

/// A run that began before midnight stores rows late: the known rows of later days are derived again from
/// all files.
#[tokio::test]
async fn what_an_earlier_day_stores_late_is_set_right_by_the_next_reading() {
    let (world, table) = given_small(9).await;
    let world = Arc::new(world);
    world.run().await;
    world.at("2025-10-23T11:00:00Z");
    table.lock().unwrap().rows.insert(3, "b".to_owned());
    let (next_day, back) = (world.clone(), table.clone());
    let midnight = Box::pin(async move {
        next_day.at("2025-10-24T03:00:01Z");
        back.lock().unwrap().rows.insert(3, "a".to_owned());
        assert_whole(&next_day.run().await, 0);
    });
    let mut midnight = Some(midnight);
    let report = world
        .run_with(move |op, key| {
            let commits =
                op == bronzed_storage::testing::faulty::Op::Put && key.ends_with(".parquet");
            let midnight = midnight.take_if(|_| commits)?;
            Some(Fault::Meanwhile(midnight))
        })
        .await;
    assert_eq!(report.unwrap().counts().new, 1);
    assert_ne!(
        in_force(&world.rows().await),
        table.lock().unwrap().records()
    );
    assert_whole(&world.run().await, 1);
    assert_eq!(
        in_force(&world.rows().await),
        table.lock().unwrap().records()
    );
    assert_whole(&world.run().await, 0);
}

#[tokio::test]
async fn p5_known_rows_that_are_lost_or_damaged_are_made_again() {
    let (world, table) = given_small(9).await;
    world.run().await;
    let known = world.keys("/_state/known/").await;
    assert_eq!(known.len(), 1);
    assert_eq!(world.state("2025-10-22").await["known"], known[0].as_str());
    world.at("2025-10-23T11:00:00Z");
    table.lock().unwrap().rows.remove(&3);
    world.put(&known[0], b"<html>").await;
    assert_whole(&world.run().await, 1);
    world.delete(&known[0]).await;
    assert_whole(&world.run().await, 0);
    assert_eq!(
        in_force(&world.rows().await),
        table.lock().unwrap().records()
    );
}

#[tokio::test]
async fn known_rows_are_kept_again_when_many_files_came_after() {
    let (world, table) = given_small(9).await;
    world.run().await;
    for round in 0..40 {
        table.lock().unwrap().rows.insert(3, format!("{round}"));
        assert_whole(&world.run().await, 1);
    }
    // One checkpoint after the first reading, and one after 32 more files.
    let known = world.keys("/_state/known/").await;
    assert_eq!(known.len(), 2, "{known:?}");
    world.at("2025-10-23T11:00:00Z");
    assert_whole(&world.run().await, 0);
    assert_eq!(world.state("2025-10-23").await["known"], known[1].as_str());
}

/// The files decide: a checkpoint of rows whose files are gone isn't used.
#[tokio::test]
async fn p5_rows_whose_files_were_taken_out_are_known_no_more() {
    let (world, table) = given_small(9).await;
    world.run().await;
    assert_eq!(world.keys("/_state/known/").await.len(), 1);
    for key in world.keys(".parquet").await {
        world.delete(&key).await;
    }
    world.at("2025-10-23T11:00:00Z");
    assert_whole(&world.run().await, 9);
    assert_eq!(
        in_force(&world.rows().await),
        table.lock().unwrap().records()
    );
}

/// Random histories of changes, faults and concurrent runs, over many days.
#[tokio::test]
async fn p1_p3_p5_any_history_ends_with_the_table_in_the_files() {
    let seeds: Vec<u64> = match std::env::var("BRONZED_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..25).collect(),
    };
    for seed in seeds {
        println!("BRONZED_SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut world, table) = given_small(10).await;
        world.commit.max_records = 3;
        let world = Arc::new(world);
        for step in 0..30_u32 {
            {
                let mut table = table.lock().unwrap();
                for _ in 0..rng.random_range(0..4) {
                    let key = rng.random_range(0..14);
                    if rng.random_bool(0.3) {
                        table.rows.remove(&key);
                    } else {
                        let nome = ["a", "b", "c"][rng.random_range(0..3)];
                        table.rows.insert(key, nome.to_owned());
                    }
                }
            }
            if rng.random_bool(0.3) {
                let day = 22 + step / 3;
                let date = chrono::NaiveDate::from_ymd_opt(2025, 10, 1).unwrap();
                let date = date + chrono::Days::new(u64::from(day));
                world.at(&format!("{date}T11:00:00Z"));
            }
            let second = world.clone();
            let nth = rng.random_range(0..24);
            let fault = match rng.random_range(0..6) {
                0 => Fault::Crash { happens: true },
                1 => Fault::Crash { happens: false },
                2 => Fault::LoseReply,
                3 => Fault::Delay,
                4 => Fault::Fail,
                _ => Fault::Meanwhile(Box::pin(async move { drop(second.run().await) })),
            };
            world.run_with_fault_at(nth, fault).await;
            if rng.random_bool(0.2) {
                world.deliver_late().await;
            }
            if rng.random_bool(0.1) {
                for key in world.keys("/_state/").await {
                    world.delete(&key).await;
                }
            }
            if rng.random_bool(0.4) {
                let report = world.run().await;
                if report.complete && report.status() == Status::Ok {
                    let expected = table.lock().unwrap().records();
                    if !expected.is_empty() {
                        let rows = world.rows().await;
                        assert_eq!(in_force(&rows), expected, "seed {seed}, step {step}");
                    }
                }
            }
        }
        world.deliver_late().await;
        table.lock().unwrap().rows.insert(3, "end".to_owned());
        let report = world.run().await;
        assert!(
            report.complete && report.counts().balanced(),
            "seed {seed}: {report:?}"
        );
        let expected = table.lock().unwrap().records();
        assert_eq!(in_force(&world.rows().await), expected, "seed {seed}");
    }
}
