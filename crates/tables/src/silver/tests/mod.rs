//! Silver tables over lakes in memory and in folders. Other stores are in `tests/it/backends`; other readers, and an oracle that
//! shares no code with this, in `tests/it/silver.rs`.

mod declarations;
mod expectations;
mod faults;
mod measure;
mod references;
mod small;
mod upkeep;
mod verification;
mod whole;

use std::sync::Arc;

use bronzed_model::declaration::DeletedRows;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::oracle::seen;
use super::*;
use crate::testing::{
    BronzeDays, Chance, Event, Known, SeenRow, events, list_table, records_table,
};

pub fn store() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

pub fn over(store: &Arc<dyn ObjectStore>) -> Lake {
    Lake::over(Arc::clone(store), "memory:///")
}

pub fn now() -> DateTime<Utc> {
    "2025-10-22T12:00:00Z".parse().unwrap()
}

/// Returns a builder that takes in a few rows a step.
pub fn builder(lake: &Lake, step_bytes: usize) -> SilverBuilder {
    SilverBuilder {
        step_bytes,
        ..SilverBuilder::new(lake.clone())
    }
}

pub async fn build(builder: &SilverBuilder, table: &SilverTable) -> Result<Built, SilverError> {
    builder.build(table, now(), &|| false, &|_| {}).await
}

/// Returns the table's rows, and those that it is to have.
pub async fn compared(
    lake: &Lake,
    table: &SilverTable,
    known: &Known,
) -> (Vec<SeenRow>, Vec<SeenRow>) {
    (seen(lake, table).await, known.expected(table))
}

#[tokio::test]
async fn a_table_is_the_fold_of_bronze_whatever_the_steps() {
    for seed in 0..3 {
        let lake = over(&store());
        let bronze = BronzeDays::new(lake.clone());
        let mut chance = Chance::new(seed + 100);
        let mut known = Known::default();
        let tables = [
            records_table(DeletedRows::Flag),
            SilverTable {
                prefix: "silver/omitting".to_owned(),
                ..records_table(DeletedRows::Omit)
            },
            list_table(false),
            SilverTable {
                prefix: "silver/history".to_owned(),
                ..list_table(true)
            },
        ];
        let events = events(seed);
        let last = events.len() - 1;
        for (number, event) in events.iter().enumerate() {
            bronze.apply(event).await;
            known.hear(event);
            if number < last && chance.below(40) > 0 {
                continue;
            }
            for table in &tables {
                let step = [1, 30_000, 24 << 20][usize::try_from(chance.below(3)).unwrap()];
                let built = build(&builder(&lake, step), table).await.unwrap();
                assert_eq!(built.days_left, 0);
                let (rows, expected) = compared(&lake, table, &known).await;
                assert_eq!(
                    rows, expected,
                    "seed {seed}, event {number}, {}",
                    table.prefix
                );
                let again = build(&builder(&lake, step), table).await.unwrap();
                assert_eq!((again.steps, again.version), (0, built.version));
            }
        }
        for table in &tables {
            let status = SilverBuilder::new(lake.clone())
                .status(table)
                .await
                .unwrap();
            let rows = seen(&lake, table).await.len();
            assert_eq!((status.days_behind, status.rows), (0, rows as u64));
            let builder = builder(&lake, 50_000);
            let made = builder
                .rebuild(table, now(), &|| false, &|_| {})
                .await
                .unwrap();
            assert_eq!(made.version, status.version.map(|version| version + 1));
            let (rows, expected) = compared(&lake, table, &known).await;
            assert_eq!(rows, expected, "seed {seed}, anew, {}", table.prefix);
        }
    }
}

#[tokio::test]
async fn files_that_nothing_changes_are_not_written_anew() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let all = events(1);
    let (last, before) = all.split_last().unwrap();
    for event in before {
        bronze.apply(event).await;
    }
    let table = records_table(DeletedRows::Flag);
    build(&builder(&lake, 24 << 20), &table).await.unwrap();
    let files = |state: &TableState| -> Vec<String> {
        state.files.iter().map(|file| file.path.clone()).collect()
    };
    let first = TableState::load(&lake, &table.prefix).await.unwrap();
    // A snapshot isn't an input of the table.
    assert!(matches!(last, Event::Commit(facts) if facts[0].dataset == "lista"));
    bronze.apply(last).await;
    let built = build(&builder(&lake, 24 << 20), &table).await.unwrap();
    assert_eq!((built.steps, built.files_written), (0, 0));
    let day: bronzed_model::day::Day = "2025-01-20".parse().unwrap();
    bronze
        .apply(&Event::Commit(vec![fact(
            day,
            "000-new",
            "2026-01-01T00:00:00",
            "2025-01-20",
            50,
        )]))
        .await;
    let built = build(&builder(&lake, 24 << 20), &table).await.unwrap();
    assert_eq!(
        (built.steps, built.files_written, built.rows_added),
        (1, 1, 1)
    );
    let second = TableState::load(&lake, &table.prefix).await.unwrap();
    let stay = files(&second);
    let stay = stay.iter().filter(|path| files(&first).contains(path));
    assert_eq!(stay.count(), first.files.len() - 1);
}

#[tokio::test]
async fn a_build_that_is_to_stop_does_so_between_two_steps_and_goes_on_later() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let mut known = Known::default();
    for event in events(2).iter().take(60) {
        bronze.apply(event).await;
        known.hear(event);
    }
    let table = records_table(DeletedRows::Flag);
    let steps = std::sync::atomic::AtomicU64::new(0);
    let stop = || steps.load(std::sync::atomic::Ordering::Relaxed) >= 2;
    let hear = |progress: &BuildProgress| {
        steps.store(progress.steps, std::sync::atomic::Ordering::Relaxed);
    };
    let builder = builder(&lake, 1);
    let built = builder.build(&table, now(), &stop, &hear).await.unwrap();
    assert_eq!(built.steps, 2);
    let status = builder.status(&table).await.unwrap();
    assert!(
        built.days_left > 0 && status.days_behind == built.days_left,
        "{built:?} {status:?}"
    );
    let stopped = builder.rebuild(&table, now(), &stop, &hear).await;
    assert!(
        matches!(stopped, Err(SilverError::Stopped { .. })),
        "{stopped:?}"
    );
    build(&builder, &table).await.unwrap();
    let (rows, expected) = compared(&lake, &table, &known).await;
    assert_eq!(rows, expected);
}

/// Returns a row of the publications, in a file of its own.
pub fn fact(
    day: bronzed_model::day::Day,
    key: &str,
    updated: &str,
    published: &str,
    file: u64,
) -> crate::testing::Fact {
    crate::testing::Fact {
        dataset: "publicacao".to_owned(),
        day,
        file,
        row: 0,
        id: format!("{key}@{updated}"),
        key: key.to_owned(),
        updated: Some(updated.to_owned()),
        published: Some(published.to_owned()),
        value: "7".to_owned(),
        vanished: false,
    }
}
