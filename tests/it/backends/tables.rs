//! Contract of a lake's Delta tables, independent of its backend: logs that are published, compaction, and silver tables, by two
//! processes at once, of which one meets a faulty write or is killed there.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, DeletedRows, SilverTable};
use bronzed_storage::lake::Lake;
use bronzed_storage::testing::faulty::{Fault, Faulty, Op};
use bronzed_tables::silver::oracle::{logged_ids, seen};
use bronzed_tables::silver::verify;
use bronzed_tables::testing::{
    BronzeDays, Chance, Event, Fact, Known, SeenRow, datasets, events, list_table, records_table,
};
use bronzed_tables::{CompactionScope, Publisher, SilverBuilder, compact, compare};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::lake::TestLake;
use crate::support::python::{delta_python, json_of};
use crate::support::runtime;

/// Fixed seed of days, and of the writes that fail.
const SEED: u64 = 21;
/// Commits of a day that is compacted.
const COMMITS: u64 = 9;
/// Number of other changes of bronze.
const CHANGES: usize = 48;
/// Changes between two looks at the tables.
const AT_ONCE: usize = 12;

/// Fails the test unless tables of `lake`, which has none, keep every promise. Returns what bronze has.
pub fn hold(lake: &Lake) -> Known {
    runtime().block_on(async {
        let bronze = BronzeDays::new(lake.clone());
        let (mut known, mut chance) = (Known::default(), Chance::new(SEED));
        let all: Vec<_> = busy_day().into_iter().chain(events(SEED)).collect();
        let count = usize::try_from(COMMITS).expect("a few") + CHANGES;
        for changes in all[..count].chunks(AT_ONCE) {
            for change in changes {
                bronze.apply(change).await;
                known.hear(change);
            }
            logs_have_each_row_once(lake, changes, &known, &mut chance).await;
            a_day_of_many_files_becomes_one(lake, &known, &mut chance).await;
            silver_tables_are_the_fold(lake, &known, &mut chance).await;
        }
        known
    })
}

/// Fails the test unless other engines, which reach the lake by its URL, see what bronze has.
pub fn engines_agree(of: &TestLake, known: &Known) {
    for dataset in datasets() {
        let expected = known.ids(&dataset.name).into_iter();
        let expected: Vec<_> = expected.map(|id| json!([id])).collect();
        assert_eq!(by_engines(of, &dataset.prefix, &["_id"]), json!(expected));
    }
    for table in tables() {
        let text = |row: SeenRow| json!([row.key, row.value, row.deleted]);
        let mut expected: Vec<_> = known.expected(&table).into_iter().map(text).collect();
        expected.sort_by_key(Value::to_string);
        let columns = ["_id", "valor", "_deleted"];
        assert_eq!(by_engines(of, &table.prefix, &columns), json!(expected));
    }
}

fn by_engines(of: &TestLake, prefix: &str, columns: &[&str]) -> Value {
    let mut script = delta_python().script("delta_url.py");
    let script = script.arg(format!("{}/{prefix}", of.url())).args(columns);
    for (name, value) in of.server() {
        script.env(name, value);
    }
    json_of(script)
}

fn tables() -> [SilverTable; 2] {
    [records_table(DeletedRows::Omit), list_table(true)]
}

fn now() -> DateTime<Utc> {
    "2025-10-22T12:00:00Z".parse().expect("a time")
}

/// Returns commits of one day, whose ids aren't in their order.
fn busy_day() -> Vec<Event> {
    let day: Day = "2024-12-01".parse().expect("a day");
    let commits = (0..COMMITS).map(|number| {
        let (key, updated) = (format!("x{}", number * 7 % 10), "2024-12-01T00:00:00");
        Event::Commit(vec![Fact {
            dataset: "publicacao".to_owned(),
            day,
            file: number + 1,
            row: 0,
            id: format!("{key}@{updated}"),
            key,
            updated: Some(updated.to_owned()),
            published: Some("2024-12-01".to_owned()),
            value: number.to_string(),
            vanished: false,
        }])
    });
    commits.collect()
}

/// A process whose write meets a fault, or that is killed there.
struct Unlucky {
    lake: Lake,
    killed: Arc<Notify>,
}

impl Unlucky {
    /// The fault meets one of the first `among` writes below `folder`.
    fn new(lake: &Lake, chance: &mut Chance, folder: &'static str, among: u64) -> Self {
        let (number, fault) = (chance.below(among), chance.below(4));
        println!("write {number} below {folder} meets fault {fault}");
        let (writes, killed) = (AtomicU64::new(0), Arc::new(Notify::new()));
        let kills = Arc::clone(&killed);
        let decide = move |op, key: &str| {
            let counts = op == Op::Put && key.contains(folder);
            if !counts || writes.fetch_add(1, Ordering::Relaxed) != number {
                return None;
            }
            Some(match fault {
                0 => Fault::Fail,
                1 => Fault::LoseReply,
                fault => {
                    kills.notify_one();
                    Fault::Crash {
                        happens: fault == 2,
                    }
                }
            })
        };
        let around = |store| Arc::new(Faulty::new(store, Arc::default(), decide)) as _;
        Self {
            lake: lake.clone().around(around),
            killed,
        }
    }

    /// Works until the end, or until the process is killed.
    async fn works(&self, work: impl Future) {
        tokio::select! {
            _ = work => {}
            () = self.killed.notified() => {}
        }
    }
}

async fn logs_have_each_row_once(
    lake: &Lake,
    changes: &[Event],
    known: &Known,
    chance: &mut Chance,
) {
    for dataset in datasets() {
        let commits = changes.iter().filter_map(|change| match change {
            Event::Commit(facts) if facts[0].dataset == dataset.name => Some(facts[0].day),
            _ => None,
        });
        let days: BTreeSet<_> = commits.collect();
        if days.is_empty() {
            continue;
        }
        let unlucky = Unlucky::new(lake, chance, "_delta_log", 2);
        let (one, other) = (
            Publisher::new(lake.clone()),
            Publisher::new(unlucky.lake.clone()),
        );
        let (published, ()) = tokio::join!(
            one.publish(&dataset, &days),
            unlucky.works(other.publish(&dataset, &days))
        );
        published.unwrap_or_else(|error| panic!("{lake}: {error}"));
        each_row_once(lake, &dataset, known).await;
    }
}

async fn each_row_once(lake: &Lake, dataset: &Dataset, known: &Known) -> usize {
    let (ids, files) = logged_ids(lake, &dataset.prefix).await;
    assert_eq!(ids, known.ids(&dataset.name), "{lake}: {}", dataset.name);
    let found = compare(lake, dataset).await.expect("a log");
    assert!(found.is_equal(), "{lake}: {found:?}");
    files
}

async fn a_day_of_many_files_becomes_one(lake: &Lake, known: &Known, chance: &mut Chance) {
    let [publications, ..] = datasets();
    let before = each_row_once(lake, &publications, known).await;
    let scope = CompactionScope {
        from: None,
        to: None,
        now: now(),
        most_days: 100,
    };
    let unlucky = Unlucky::new(lake, chance, "pncp_publicacao", 2);
    let (compacted, ()) = tokio::join!(
        compact(lake, &publications, scope),
        unlucky.works(compact(&unlucky.lake, &publications, scope))
    );
    compacted.unwrap_or_else(|error| panic!("{lake}: {error}"));
    let after = each_row_once(lake, &publications, known).await;
    let found = compare(lake, &publications).await.expect("a log");
    assert_eq!(found.compacted, 1, "{lake}: {found:?}");
    assert!(after <= before, "{lake}: {after} files, of {before}");
}

async fn silver_tables_are_the_fold(lake: &Lake, known: &Known, chance: &mut Chance) {
    for table in tables() {
        let unlucky = Unlucky::new(lake, chance, "silver/", 6);
        let (one, other) = (
            SilverBuilder::new(lake.clone()),
            SilverBuilder::new(unlucky.lake.clone()),
        );
        let (built, ()) = tokio::join!(
            one.build(&table, now(), &|| false, &|_| {}),
            unlucky.works(other.build(&table, now(), &|| false, &|_| {}))
        );
        built.unwrap_or_else(|error| panic!("{lake}: {error}"));
        let rows = seen(lake, &table).await;
        assert_eq!(rows, known.expected(&table), "{lake}: {}", table.prefix);
        let status = one.status(&table).await.expect("a state");
        assert_eq!(status.days_behind, 0, "{lake}: {status:?}");
        let verified = verify(lake, &table).await.expect("a log");
        assert!(verified.is_whole(), "{lake}: {verified:?}");
    }
}
