//! Whole runs over a feed, over real HTTP.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::ingest::report::RunReport;
use crate::ingest::testing::{Params, Row, Shared, World, at_every_operation};
use bronzed_model::declaration::{
    Completeness, Dataset, Days, Kind, PagingStyle, Require, Version,
};
use bronzed_model::execution::Status;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_model::template::Template;
use bronzed_source::testing::{self, Step, answer, json};
use bronzed_storage::testing::faulty::{Fault, Op};

const PAGE: usize = 500;
const OVERLAP: usize = 20;

/// Feed as the TCU serves its decisions: a bare array, newest first, by offset.
#[derive(Debug, Clone, Default)]
struct Feed {
    /// Number and session day of each record, newest first.
    records: Vec<(u32, NaiveDate)>,
    situations: std::collections::BTreeMap<u32, String>,
    /// Number of records that appear at the head after each request.
    growing: u32,
    requests: usize,
    /// Offset from which on requests fail.
    broken_from: Option<usize>,
}

impl Feed {
    /// Creates a feed of `records` records, `a_day` each day, the newest of day `last`.
    fn of(records: u32, a_day: u32, last: &str) -> Self {
        let last: NaiveDate = last.parse().unwrap();
        let day = |number: u32| last - chrono::Days::new(u64::from((records - number) / a_day));
        Self {
            records: (1..=records).rev().map(|n| (n, day(n))).collect(),
            ..Self::default()
        }
    }

    fn publish(&mut self, records: u32, day: NaiveDate) {
        for _ in 0..records {
            let next = self.records.iter().map(|(n, _)| *n).max().unwrap_or(0) + 1;
            self.records.insert(0, (next, day));
        }
    }

    fn answer(&mut self, params: &Params) -> Step {
        let number = |name: &str| params[name].parse::<usize>().unwrap();
        let (offset, limit) = (number("inicio"), number("quantidade"));
        self.requests += 1;
        if self.broken_from.is_some_and(|from| offset >= from) {
            return Step::Answer(answer("500 Internal Server Error", "", b"no"));
        }
        let page = self.records.iter().skip(offset).take(limit);
        let page: Vec<_> = page
            .map(|(number, day)| self.record(*number, *day))
            .collect();
        if let Some((_, newest)) = self.records.first().copied() {
            self.publish(self.growing, newest);
        }
        Step::Answer(json(&Value::from(page).to_string()))
    }

    fn record(&self, number: u32, day: NaiveDate) -> Value {
        let situation = self.situations.get(&number);
        json!({
            "key": format!("ACORDAO-COMPLETO-{number}"),
            "dataSessao": day.format("%d/%m/%Y").to_string(),
            "situacao": situation.map_or("OFICIALIZADO", String::as_str),
        })
    }
}

fn dataset() -> Dataset {
    let text = |name: &str| Column::new(name, ColumnType::String);
    let mut dataset = testing::dataset();
    dataset.source = "tcu".to_owned();
    dataset.name = "acordaos".to_owned();
    dataset.prefix = "tcu_acordaos".to_owned();
    dataset.path = Template::parse("/recupera-acordaos").unwrap();
    dataset.params = Vec::new();
    dataset.slices = Vec::new();
    dataset.data_selector = String::new();
    dataset.primary_key = vec!["/key".to_owned()];
    dataset.kind = Kind::Feed;
    dataset.version = Version::Content;
    dataset.days = Days {
        coverage_from: None,
        earliest: None,
        day_field: Some("/dataSessao".to_owned()),
        day_format: "%d/%m/%Y".to_owned(),
        settle: std::time::Duration::from_secs(5 * 24 * 3600),
        ..dataset.days
    };
    dataset.completeness = Completeness {
        require: Require::None,
        rewalks: 0,
    };
    dataset.paginator.style = PagingStyle::Offset {
        offset_param: "inicio".to_owned(),
        overlap: OVERLAP as u64,
    };
    dataset.paginator.page_size = PAGE as u64;
    dataset.paginator.page_size_param = Some("quantidade".to_owned());
    dataset.paginator.total_records_path = None;
    dataset.paginator.total_pages_path = None;
    dataset.schema = Arc::new(Schema {
        columns: vec![text("key"), text("dataSessao")],
        ..Schema::default()
    });
    dataset
}

async fn given(feed: Feed, dataset: Dataset) -> (World, Shared<Feed>) {
    let feed = Arc::new(Mutex::new(feed));
    let served = feed.clone();
    let world = World::new(dataset, 1, move |params| {
        served.lock().unwrap().answer(&params)
    })
    .await;
    (world, feed)
}

/// Sets up a small feed: ten records a page, of which two are repeated on the next page.
async fn given_small(records: u32) -> (World, Shared<Feed>) {
    let mut dataset = dataset();
    dataset.paginator.page_size = 10;
    dataset.paginator.style = PagingStyle::Offset {
        offset_param: "inicio".to_owned(),
        overlap: 2,
    };
    given(Feed::of(records, 7, "2025-10-22"), dataset).await
}

/// Checks that every record that the feed lists is in one row, under its own day.
#[track_caller]
fn assert_whole(rows: &[Row], feed: &Feed) {
    let mut listed: Vec<_> = feed
        .records
        .iter()
        .map(|(number, day)| (day.to_string(), format!("ACORDAO-COMPLETO-{number}")))
        .collect();
    listed.sort();
    let mut stored: Vec<_> = rows
        .iter()
        .map(|row| (row.day.to_string(), row.key.clone()))
        .collect();
    stored.sort();
    assert!(
        stored == listed,
        "{} rows, {} listed",
        stored.len(),
        listed.len()
    );
}

fn balanced(report: &RunReport) -> bool {
    report.counts().balanced()
}

/// Returns the executions of one run in the states of all days.
async fn entries(world: &World, run_id: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for key in world.keys("/_state/year=").await {
        let day = key
            .rsplit_once("state_")
            .unwrap()
            .1
            .trim_end_matches(".json");
        let day = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
        let state = world.state(&day).await;
        let entries = state["executions"].as_array().unwrap();
        found.extend(entries.iter().filter(|e| e["run_id"] == run_id).cloned());
    }
    found
}

#[tokio::test]
async fn a_first_walk_that_dies_is_taken_up_by_later_ones_without_a_gap() {
    let feed = Feed {
        growing: 1,
        broken_from: Some(10_000),
        ..Feed::of(60_000, 150, "2025-10-22")
    };
    let (world, feed) = given(feed, dataset()).await;
    let first = world.run().await;
    assert_eq!(first.status(), Status::Partial, "{first:?}");
    assert!(balanced(&first));
    let died_after = first.counts().requests - u64::from(first.counts().retries > 0) * 4;

    // The API fails further back the next day, and not at all on the third.
    world.at("2025-10-23T11:00:00Z");
    {
        let mut feed = feed.lock().unwrap();
        feed.broken_from = Some(30_000);
        feed.publish(200, "2025-10-23".parse().unwrap());
    }
    let second = world.run().await;
    assert_eq!(second.status(), Status::Partial, "{second:?}");
    world.at("2025-10-24T11:00:00Z");
    {
        let mut feed = feed.lock().unwrap();
        feed.broken_from = None;
        feed.publish(200, "2025-10-24".parse().unwrap());
    }
    let third = world.run().await;
    assert_eq!(third.status(), Status::Ok, "{third:?}");
    assert!(balanced(&second) && balanced(&third));

    let (rows, listed) = (world.rows().await, feed.lock().unwrap().clone());
    // Records that appeared while the last pages were read are left to the next walk.
    let seen = Feed {
        records: listed.records[listed.records.len() - rows.len()..].to_vec(),
        ..listed
    };
    assert_whole(&rows, &seen);
    // Requests: each page of the 60,000 records once, in any of the runs; on each day the head again as far
    // back as it may change (6 days of 150 records); a leap over the covered stretch; the end, confirmed
    // once.
    let step = (PAGE - OVERLAP) as u64;
    let answered: u64 = [&first, &second, &third]
        .iter()
        .map(|report| report.counts().requests - report.counts().retries)
        .sum();
    let pages = 60_000_u64.div_ceil(step);
    let heads = 2 * (900_u64 + 200).div_ceil(step);
    let ideal = pages + heads + 1;
    println!("{answered} pages were asked for; {ideal} at best ({died_after} in the first walk)");
    assert!(
        answered <= ideal + 10,
        "{answered} requests, {ideal} at best"
    );

    // Everything is covered now: the next walk reads the head, and stops.
    feed.lock().unwrap().growing = 0;
    let fourth = world.run().await;
    assert_eq!(fourth.status(), Status::Ok);
    assert!(fourth.counts().requests <= 4, "{:?}", fourth.counts());
    assert_whole(&world.rows().await, &feed.lock().unwrap());
}

/// Regression: the audit of a feed named no field of the values that no column held.
#[tokio::test]
async fn each_day_with_drift_names_a_field_of_it_as_the_other_kinds_do() {
    // `situacao` is no column.
    let (world, _) = given_small(20).await;
    let report = world.run().await;
    let example = json!({"field": "situacao", "why": "undeclared"});
    let found = entries(&world, &report.execution.run_id.to_string()).await;
    assert!(found.len() >= 3, "{found:#?}");
    for entry in found.iter().filter(|entry| entry["new_records"] != 0) {
        assert_eq!(entry["drift_example"], example, "{entry:#}");
    }
    let told = report.execution.drift_example.map(|example| example.field);
    assert_eq!(told.as_deref(), Some("situacao"));

    let mut declared = dataset();
    let mut schema = (*declared.schema).clone();
    schema
        .columns
        .push(Column::new("situacao", ColumnType::String));
    declared.schema = Arc::new(schema);
    let (world, _) = given(Feed::of(20, 7, "2025-10-22"), declared).await;
    let report = world.run().await;
    let found = entries(&world, &report.execution.run_id.to_string()).await;
    assert!(
        found
            .iter()
            .all(|entry| entry["drift_example"] == Value::Null)
    );
}

#[tokio::test]
async fn each_day_has_its_state_its_commits_and_an_entry_of_the_run() {
    let (world, feed) = given_small(100).await;
    let report = world.run().await;
    assert_eq!(report.status(), Status::Ok, "{report:?}");
    assert_eq!(report.counts().new, 100);
    assert_whole(&world.rows().await, &feed.lock().unwrap());
    let entries = entries(&world, &report.execution.run_id.to_string()).await;
    // 15 days of 7 records; the day of reading is one of them (P7).
    assert_eq!(entries.len(), 15);
    let sum = |member: &str| -> u64 { entries.iter().map(|e| e[member].as_u64().unwrap()).sum() };
    let counts = report.counts();
    assert_eq!(sum("new_records"), counts.new);
    assert_eq!(
        sum("fetched"),
        counts.fetched,
        "P2, over the days that it meets"
    );
    assert_eq!(sum("duplicates_filtered"), counts.duplicates);
    assert_eq!(sum("requests"), counts.requests);
    assert!(entries.iter().all(|entry| entry["status"] == "ok"));
    assert!(entries.iter().all(|entry| {
        entry["fetched"].as_u64().unwrap()
            == entry["new_records"].as_u64().unwrap()
                + entry["duplicates_filtered"].as_u64().unwrap()
    }));
    // The settle time is five days: the 17th settles at the end of the 22nd.
    assert_eq!(world.state("2025-10-16").await["complete"], true);
    assert_eq!(world.state("2025-10-17").await["complete"], false);
    assert_eq!(world.keys("_state/complete").await.len(), 9);
    world.at("2025-10-23T11:00:00Z");
    let report = world.run().await;
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 0));
    assert_eq!(world.state("2025-10-17").await["complete"], true);
    // P7: the day of reading records the run, too, although it has no record.
    let state = world.state("2025-10-23").await;
    assert_eq!(state["executions"][0]["requests"], report.counts().requests);
    assert_eq!(world.keys("day=23/tcu").await.len(), 0, "P6");
}

#[tokio::test]
async fn late_and_changed_records_are_found_as_long_as_their_day_may_change() {
    let (world, feed) = given_small(200).await;
    world.run().await;
    world.at("2025-10-23T11:00:00Z");
    {
        let mut feed = feed.lock().unwrap();
        let of = |feed: &Feed, day: &str| {
            let day: NaiveDate = day.parse().unwrap();
            feed.records.iter().position(|(_, of)| *of == day).unwrap()
        };
        let place = of(&feed, "2025-10-19");
        feed.records
            .insert(place + 1, (9_000, "2025-10-19".parse().unwrap()));
        let place = of(&feed, "2025-10-20");
        let changed = feed.records[place].0;
        feed.situations.insert(changed, "INVALIDADO".to_owned());
    }
    let report = world.run().await;
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 2));
    let rows = world.rows().await;
    let late = rows.iter().find(|row| row.key == "ACORDAO-COMPLETO-9000");
    assert_eq!(late.unwrap().day.to_string(), "2025-10-19");
    let changed = rows.iter().filter(|row| row.record.contains("INVALIDADO"));
    assert_eq!(
        changed.map(|row| row.day.to_string()).collect::<Vec<_>>(),
        ["2025-10-20"]
    );
}

#[tokio::test]
async fn p10_a_day_on_which_a_feed_was_only_read_never_was_complete() {
    let (world, _) = given_small(100).await;
    for (now, complete) in [
        ("2025-10-23T11:00:00Z", false),
        ("2025-10-24T11:00:00Z", false),
        // The 23rd ends at 03:00 UTC of the 24th, and settles five days later.
        ("2025-10-29T02:00:00Z", false),
        ("2025-10-30T11:00:00Z", true),
    ] {
        world.at(now);
        assert_eq!(world.run().await.status(), Status::Ok);
        let complete_days = world.keys("_state/complete").await;
        let is_complete = complete_days.iter().any(|key| key.ends_with("20251023"));
        assert_eq!(is_complete, complete, "{now}: {complete_days:?}");
        assert!(!complete_days.iter().any(|key| key.ends_with("20251030")));
    }
    let state = world.state("2025-10-23").await;
    assert_eq!(state["complete"], true);
}

#[tokio::test]
async fn p5_a_day_of_a_feed_that_lost_its_file_is_read_again_once() {
    let (world, feed) = given_small(100).await;
    world.run().await;
    // The day had settled, so no later walk reads it again.
    let files = world.keys("day=12/tcu").await;
    let marker = "tcu_acordaos/_state/complete/20251012";
    assert!(!files.is_empty());
    assert!(world.keys(marker).await.len() == 1);
    for key in files.iter().map(String::as_str).chain([marker]) {
        world.delete(key).await;
    }
    for now in [
        "2025-10-24T11:00:00Z",
        "2025-10-25T11:00:00Z",
        "2025-10-26T11:00:00Z",
    ] {
        world.at(now);
        world.run().await;
        let has_rows = !world.keys("day=12/tcu").await.is_empty();
        let is_complete = !world.keys(marker).await.is_empty();
        assert!(has_rows || !is_complete, "{now}: complete without its rows");
    }
    // The first of these walks found the loss, the second read the covered records again.
    assert!(!world.keys("day=12/tcu").await.is_empty());
    assert_eq!(world.keys(marker).await.len(), 1);
    assert_whole(&world.rows().await, &feed.lock().unwrap());
    // This happens once, not on each day.
    world.at("2025-10-27T11:00:00Z");
    let report = world.run().await;
    assert!(report.counts().requests < 10, "{report:?}");
}

#[tokio::test]
async fn records_without_a_readable_day_have_one_day_of_their_own() {
    let mut dataset = dataset();
    dataset.days.day_format = "%Y-%m-%d".to_owned();
    let (world, _) = given(Feed::of(30, 7, "2025-10-22"), dataset).await;
    let report = world.run().await;
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 30));
    world.at("2025-10-23T11:00:00Z");
    let report = world.run().await;
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 0));
    let rows = world.rows().await;
    assert!(rows.iter().all(|row| row.day.to_string() == "1970-01-01"));
    assert_eq!(world.state("1970-01-01").await["complete"], false);
}

#[tokio::test]
async fn a_feed_that_is_empty_all_of_a_sudden_is_a_failure_of_the_api() {
    let (world, feed) = given_small(30).await;
    world.run().await;
    feed.lock().unwrap().records.clear();
    let report = world.run().await;
    assert_eq!(report.status(), Status::Failed, "{report:?}");
    let (world, _) = given_small(0).await;
    assert_eq!(world.run().await.status(), Status::Ok);
}

#[tokio::test]
async fn a_feed_is_read_as_it_is_today() {
    let (world, _) = given_small(30).await;
    let yesterday = "2025-10-21".parse().unwrap();
    let report = world.run_over(world.store.clone(), yesterday).await;
    assert_eq!(report.status(), Status::Failed);
    assert_eq!(
        report.execution.error.unwrap(),
        "a feed is read as it is today, 2025-10-22: 2025-10-21 can't be asked for"
    );
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn p5_a_lost_coverage_costs_a_walk_and_no_record() {
    let (world, feed) = given_small(200).await;
    world.run().await;
    let key = object_store::path::Path::from("_bronzed/feeds/tcu_acordaos.json");
    object_store::ObjectStoreExt::delete(&*world.store, &key)
        .await
        .unwrap();
    let report = world.run().await;
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 0));
    assert!(report.counts().requests > 20);
    // A document that can't be parsed doesn't count as an empty one.
    world.put("_bronzed/feeds/tcu_acordaos.json", b"[]").await;
    let report = world.run().await;
    assert_eq!(report.status(), Status::Failed);
    assert!(
        report
            .execution
            .error
            .unwrap()
            .contains("remove the object")
    );
    assert_whole(&world.rows().await, &feed.lock().unwrap());
}

/// Injects each fault into every operation on the lake: covered records are stored, and one more walk leaves
/// nothing out.
#[tokio::test]
async fn p1_p3_whatever_operation_goes_wrong_no_record_is_missing_or_doubled() {
    let given = async || {
        let (mut world, feed) = given_small(24).await;
        world.commit.max_records = 10;
        world.run().await;
        world.at("2025-10-23T11:00:00Z");
        feed.lock()
            .unwrap()
            .publish(18, "2025-10-23".parse().unwrap());
        (world, feed)
    };
    let unharmed = |report: &RunReport| assert_eq!(report.status(), Status::Ok);
    let met = at_every_operation(given, unharmed, async |world, feed| {
        assert_whole(&world.rows().await, &feed.lock().unwrap());
    })
    .await;
    assert!(met > 100, "{met} operations were met");
}

/// Covered records aren't read again: a day that a crashing walk has covered but not closed would never be
/// complete.
#[tokio::test]
async fn a_walk_that_dies_leaves_no_day_that_never_is_complete() {
    let (undisturbed, _) = given_small(100).await;
    undisturbed.run().await;
    let complete = undisturbed.keys("_state/complete").await;
    assert!(complete.len() > 5, "{complete:?}");
    for nth in 0.. {
        let (world, _) = given_small(100).await;
        let crash = Fault::Crash { happens: true };
        if !world.run_with_fault_at(nth, crash).await.1 {
            break;
        }
        world.run().await;
        let found = world.keys("_state/complete").await;
        assert_eq!(found, complete, "it died at operation {nth}");
    }
}

/// A walk crashes while it commits days that aren't read again: the next walk finds all of them.
#[tokio::test]
async fn p2_what_is_called_covered_is_stored_already() {
    let mut met = 0;
    for nth in (0..).step_by(7) {
        // 20 days, of which the last few may still change.
        let (world, feed) = given_small(140).await;
        let fault = Fault::Crash { happens: false };
        let (_, was_met) = world.run_with_fault_at(nth, fault).await;
        if !was_met {
            break;
        }
        met += 1;
        let next = world.run().await;
        assert_eq!(next.status(), Status::Ok, "operation {nth}: {next:?}");
        assert_whole(&world.rows().await, &feed.lock().unwrap());
    }
    assert!(met > 10, "{met} operations were met");
}

/// Two concurrent walks, wherever the second interrupts the first.
#[tokio::test]
async fn p1_two_walks_at_once_store_each_record_once() {
    for nth in (0..).step_by(3) {
        let (world, feed) = given_small(40).await;
        let world = Arc::new(world);
        let (second, grown) = (world.clone(), feed.clone());
        let meanwhile = Box::pin(async move {
            grown
                .lock()
                .unwrap()
                .publish(13, "2025-10-22".parse().unwrap());
            assert_eq!(second.run().await.status(), Status::Ok);
        });
        let (first, was_met) = world
            .run_with_fault_at(nth, Fault::Meanwhile(meanwhile))
            .await;
        let first = first.unwrap();
        assert_eq!(first.status(), Status::Ok, "operation {nth}: {first:?}");
        assert!(balanced(&first));
        world.at("2025-10-23T11:00:00Z");
        assert_eq!(world.run().await.status(), Status::Ok);
        assert_whole(&world.rows().await, &feed.lock().unwrap());
        if !was_met {
            break;
        }
    }
}

#[tokio::test]
async fn p8_a_walk_over_years_keeps_few_days_open() {
    let mut dataset = dataset();
    dataset.paginator.page_size = 100;
    // One record a day.
    let (world, feed) = given(Feed::of(400, 1, "2025-10-22"), dataset).await;
    // From a read of a day's state to its next write, its rows wait in memory.
    let (mut waiting, most) = (BTreeSet::new(), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let report = world
        .run_with(move |op, key| {
            if key.contains("/_state/year=") {
                match op {
                    Op::Get => drop(waiting.insert(key.to_owned())),
                    Op::Put => drop(waiting.remove(key)),
                    Op::List => {}
                }
                seen.fetch_max(waiting.len(), Ordering::Relaxed);
            }
            None
        })
        .await
        .unwrap();
    let most = most.load(Ordering::Relaxed);
    assert!(
        (100..=64 + 100).contains(&most),
        "the rows of {most} days waited at once"
    );
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 400));
    let entries = entries(&world, &report.execution.run_id.to_string()).await;
    assert!(entries.iter().all(|entry| entry["status"] == "ok"));
    assert_eq!(entries.len(), 400);
    assert_whole(&world.rows().await, &feed.lock().unwrap());
}
