//! Expectations on a table as a whole.

use std::time::Duration;

use bronzed_model::declaration::{
    Check, ColumnPath, Expectation, ExpectationSeverity, Share, SilverColumn,
};
use bronzed_model::quality::Results;
use bronzed_model::schema::{Column, ColumnType};
use chrono::TimeDelta;

use super::*;

fn expecting(check: Check, table: SilverTable) -> SilverTable {
    SilverTable {
        expectations: Arc::from([Expectation {
            name: "whole".to_owned(),
            check,
            severity: ExpectationSeverity::Warn,
            mostly: Share::ALL,
            examples: true,
        }]),
        ..table
    }
}

fn newer_than(days: u64) -> Check {
    Check::Freshness {
        column: ColumnPath {
            written: "publicado".to_owned(),
            pointer: "/publicado".to_owned(),
        },
        max_age: Duration::from_secs(days * 24 * 3600),
    }
}

async fn published(bronze: &BronzeDays, key: &str, day: &str) {
    let updated = format!("{day}T00:00:00");
    let fact = fact(day.parse().unwrap(), key, &updated, day, 1);
    bronze.apply(&Event::Commit(vec![fact])).await;
}

/// Success of the expectation, and what was found if it fails.
fn judged(results: &Results) -> (bool, Option<String>) {
    let result = &results["whole"];
    assert_eq!(result.evaluated, 1);
    let found = result.examples.first();
    (
        result.success,
        found.and_then(|example| example.value.clone()),
    )
}

#[tokio::test]
async fn a_table_whose_newest_value_is_old_is_told_by_each_build_and_nothing_is_held_back() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    published(&bronze, "a", "2025-10-10").await;
    published(&bronze, "b", "2025-01-10").await;
    let table = expecting(newer_than(7), records_table(DeletedRows::Flag));
    let builder = builder(&lake, 24 << 20);
    let built = build(&builder, &table).await.unwrap();
    assert_eq!((built.rows_added, built.held_back.len()), (2, 0));
    let old = (false, Some("\"2025-10-10\"".to_owned()));
    assert_eq!(judged(&built.results), old);
    // Nothing comes: just that is to be told.
    let built = build(&builder, &table).await.unwrap();
    assert_eq!((built.steps, judged(&built.results)), (0, old));
    published(&bronze, "c", "2025-10-14").await;
    let built = build(&builder, &table).await.unwrap();
    // The end of the 14th is seven days and a half before.
    assert_eq!(
        judged(&built.results),
        (false, Some("\"2025-10-14\"".to_owned()))
    );
    published(&bronze, "d", "2025-10-15").await;
    let built = build(&builder, &table).await.unwrap();
    assert_eq!(judged(&built.results), (true, None));
    let later = now() + TimeDelta::days(2);
    let results = builder.judge(&table, later).await.unwrap();
    assert_eq!(
        judged(&results.results),
        (false, Some("\"2025-10-15\"".to_owned()))
    );
}

/// The log has no statistics of such columns.
#[tokio::test]
async fn the_newest_value_of_a_column_behind_many_others_is_found_in_footers() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    published(&bronze, "a", "2025-10-20").await;
    published(&bronze, "b", "2025-10-21").await;
    let mut table = expecting(newer_than(2), records_table(DeletedRows::Flag));
    let text = |number: usize| SilverColumn {
        column: Column::new(format!("c{number:02}"), ColumnType::String),
        pointers: vec!["/id".to_owned()],
    };
    table.columns.splice(0..0, (0..40).map(text));
    let built = build(&builder(&lake, 24 << 20), &table).await.unwrap();
    assert_eq!(judged(&built.results), (true, None));
    let snapshot = TableState::load(&lake, &table.prefix).await.unwrap().base;
    let snapshot = snapshot.unwrap();
    let files = TableState::with_statistics(&lake, &table.prefix, &snapshot);
    let files = files.await.unwrap();
    assert!(
        files
            .iter()
            .all(|(_, of)| !of.max_values.contains_key("publicado"))
    );
    let table = expecting(newer_than(1), table);
    let builder = builder(&lake, 24 << 20);
    let results = builder.judge(&table, now() + TimeDelta::days(1)).await;
    assert_eq!(
        judged(&results.unwrap().results),
        (false, Some("\"2025-10-21\"".to_owned()))
    );
}

#[tokio::test]
async fn rows_of_the_whole_table_are_counted_and_those_that_are_left_out_are_not() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let day = "2025-10-10";
    published(&bronze, "a", day).await;
    let table = |min| {
        let check = Check::RowCountBetween { min, max: 9 };
        expecting(check, records_table(DeletedRows::Omit))
    };
    let builder = builder(&lake, 24 << 20);
    // Bronze has no rows, or a table none.
    let results = builder.judge(&table(1), now()).await.unwrap();
    assert_eq!(results, WholeJudgement::default());
    let built = build(&builder, &table(2)).await.unwrap();
    assert_eq!(judged(&built.results), (false, Some("1".to_owned())));
    published(&bronze, "b", "2025-10-11").await;
    let built = build(&builder, &table(2)).await.unwrap();
    assert_eq!(judged(&built.results), (true, None));
    bronze
        .apply(&Event::Note {
            day: day.parse().unwrap(),
            gone: vec![format!("a@{day}T00:00:00")],
            returned: Vec::new(),
        })
        .await;
    let built = build(&builder, &table(2)).await.unwrap();
    assert_eq!(judged(&built.results), (false, Some("1".to_owned())));
}
