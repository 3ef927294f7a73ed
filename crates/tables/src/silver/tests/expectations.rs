//! Partitions that an expectation holds back.

use std::collections::BTreeSet;

use bronzed_model::declaration::{
    Check, ColumnPath, Expectation, ExpectationSeverity, Share, ValueSet,
};

use super::*;

fn expecting(severity: ExpectationSeverity, wrong: &str) -> SilverTable {
    SilverTable {
        expectations: Arc::from([Expectation {
            name: "known_value".to_owned(),
            check: Check::InSet {
                column: ColumnPath {
                    written: "valor".to_owned(),
                    pointer: "/valor".to_owned(),
                },
                values: ValueSet::Text(BTreeSet::from([wrong.to_owned()])),
            },
            severity,
            mostly: Share::ALL,
            examples: true,
        }]),
        ..records_table(DeletedRows::Flag)
    }
}

#[tokio::test]
async fn a_partition_that_fails_is_held_back_with_the_days_that_touch_it_and_no_other() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let day = |text: &str| -> bronzed_model::day::Day { text.parse().unwrap() };
    let (good, bad) = (day("2025-01-10"), day("2025-02-10"));
    let mut wrong = fact(bad, "b", "2025-02-10T00:00:00", "2025-02-10", 1);
    wrong.value = "8".to_owned();
    for fact in [
        fact(good, "a", "2025-01-10T00:00:00", "2025-01-10", 1),
        wrong,
        fact(
            day("2025-01-11"),
            "c",
            "2025-01-11T00:00:00",
            "2025-02-11",
            1,
        ),
    ] {
        bronze.apply(&Event::Commit(vec![fact])).await;
    }
    let table = expecting(ExpectationSeverity::Error, "7");
    let built = build(&builder(&lake, 24 << 20), &table).await.unwrap();
    assert_eq!(built.held_back.len(), 1, "{built:?}");
    let held = &built.held_back[0];
    assert_eq!(
        (held.partition.as_deref(), held.unexpected, held.evaluated),
        (Some("2025-02"), 1, 2)
    );
    assert_eq!(held.examples[0].value.as_deref(), Some("\"8\""));
    assert_eq!(
        held.days,
        ["publicacao 2025-01-11", "publicacao 2025-02-10"]
    );
    assert_eq!((built.days, built.days_left), (1, 2));
    let rows = seen(&lake, &table).await;
    assert_eq!(
        rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(),
        ["a"]
    );
    let status = builder(&lake, 24 << 20).status(&table).await.unwrap();
    assert_eq!((status.held_back.len(), status.days_behind), (1, 2));
    // A version that is as expected replaces the other one.
    bronze
        .apply(&Event::Commit(vec![fact(
            bad,
            "b",
            "2025-02-10T00:01:00",
            "2025-02-10",
            2,
        )]))
        .await;
    let built = build(&builder(&lake, 24 << 20), &table).await.unwrap();
    assert_eq!(
        (built.held_back.len(), built.days_left),
        (0, 0),
        "{built:?}"
    );
    assert_eq!(seen(&lake, &table).await.len(), 3);
    let status = builder(&lake, 24 << 20).status(&table).await.unwrap();
    assert_eq!((status.held_back.len(), status.days_behind), (0, 0));
}

#[tokio::test]
async fn an_expectation_that_warns_is_told_and_holds_nothing_back() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let day = "2025-01-10".parse().unwrap();
    let fact = fact(day, "a", "2025-01-10T00:00:00", "2025-01-10", 1);
    bronze.apply(&Event::Commit(vec![fact])).await;
    let table = expecting(ExpectationSeverity::Warn, "x");
    let built = build(&builder(&lake, 24 << 20), &table).await.unwrap();
    assert_eq!((built.held_back.len(), built.rows_added), (0, 1));
    let result = &built.results["known_value"];
    assert_eq!(
        (result.evaluated, result.unexpected, result.success),
        (1, 1, false)
    );
}
