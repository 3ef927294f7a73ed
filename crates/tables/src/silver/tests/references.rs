//! Columns that refer to another table: the one of a snapshot to that of the records.

use std::collections::BTreeSet;
use std::sync::Mutex;

use bronzed_model::declaration::{
    Check, ColumnPath, Expectation, ExpectationSeverity, ReferencedColumn, Share, SilverColumn,
};
use bronzed_model::quality::ExpectationResult;
use bronzed_model::schema::{Column, ColumnType};
use bronzed_storage::testing::faulty::{Faulty, Late, Op};

use super::*;
use crate::testing::Fact;

fn exists_in(column: &str, (table, other): (&SilverTable, &str)) -> Expectation {
    Expectation {
        name: "pai".to_owned(),
        check: Check::ExistsIn {
            column: ColumnPath {
                written: column.to_owned(),
                pointer: format!("/{column}"),
            },
            other: ReferencedColumn {
                table: table.full_name(),
                prefix: table.prefix.clone(),
                column: other.to_owned(),
            },
        },
        severity: ExpectationSeverity::Warn,
        mostly: Share::ALL,
        examples: true,
    }
}

fn expecting(expectation: Expectation, table: SilverTable) -> SilverTable {
    SilverTable {
        expectations: Arc::from([expectation]),
        ..table
    }
}

/// Items, whose `valor` is the key of a record.
fn items(column: &str, other: (&SilverTable, &str)) -> SilverTable {
    expecting(exists_in(column, other), list_table(false))
}

fn with_numbers(table: SilverTable, kind: ColumnType) -> SilverTable {
    let number = SilverColumn {
        column: Column::new("numero", kind),
        pointers: vec!["/novo/valor".to_owned()],
    };
    let columns = [table.columns, vec![number]].concat();
    SilverTable { columns, ..table }
}

/// Commits a record that was published on this day.
async fn record(bronze: &BronzeDays, key: &str, day: &str) {
    let updated = format!("{day}T00:00:00");
    let fact = fact(day.parse().unwrap(), key, &updated, day, 1);
    bronze.apply(&Event::Commit(vec![fact])).await;
}

/// Commits items, each with its value as JSON.
async fn listed(bronze: &BronzeDays, day: &str, items: &[(&str, &str)]) {
    let facts = items.iter().enumerate().map(|(row, (key, value))| Fact {
        dataset: "lista".to_owned(),
        id: format!("{key}@0001-{:032x}", 1),
        row,
        updated: None,
        value: (*value).to_owned(),
        ..fact(day.parse().unwrap(), key, "", day, 1)
    });
    bronze.apply(&Event::Commit(facts.collect())).await;
}

fn told(built: &Built) -> (u64, u64, bool) {
    let result = &built.results["pai"];
    (result.evaluated, result.unexpected, result.success)
}

fn shown(result: &ExpectationResult) -> Vec<(&str, Option<&str>)> {
    let examples = result.examples.iter();
    let examples = examples.map(|one| (one.id.as_str(), one.value.as_deref()));
    examples.collect()
}

#[tokio::test]
async fn rows_whose_value_another_table_lacks_are_told_until_it_has_the_value() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    record(&bronze, "a", "2025-01-10").await;
    record(&bronze, "b", "2025-02-10").await;
    let rows = [
        ("i1", "\"a\""),
        ("i2", "\"b\""),
        ("i3", "\"zz\""),
        ("i4", "null"),
        ("i5", "\"zz\""),
    ];
    listed(&bronze, "2025-03-01", &rows).await;
    let (builder, parents) = (builder(&lake, 24 << 20), records_table(DeletedRows::Flag));
    build(&builder, &parents).await.unwrap();
    let items = items("valor", (&parents, "_id"));
    let built = build(&builder, &items).await.unwrap();
    // A null isn't evaluated, and nothing is held back.
    assert_eq!((told(&built), built.rows_added), ((4, 2, false), 5));
    let expected = [("i3", Some("\"zz\"")), ("i5", Some("\"zz\""))];
    assert_eq!(shown(&built.results["pai"]), expected);
    let most = |share| Expectation {
        mostly: Share::of(share).unwrap(),
        examples: false,
        ..exists_in("valor", (&parents, "_id"))
    };
    for (share, success) in [(0.5, true), (0.51, false)] {
        let table = expecting(most(share), items.clone());
        let judged = builder.judge(&table, now()).await.unwrap();
        let result = &judged.results["pai"];
        assert_eq!((result.unexpected, result.success), (2, success));
        // A protected value isn't shown.
        assert_eq!(shown(result), [("i3", None), ("i5", None)]);
    }
    record(&bronze, "zz", "2025-03-02").await;
    build(&builder, &parents).await.unwrap();
    let built = build(&builder, &items).await.unwrap();
    assert_eq!((built.steps, told(&built)), (0, (4, 0, true)));
}

#[tokio::test]
async fn a_table_that_is_not_there_or_other_than_declared_is_said_and_not_evaluated() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    record(&bronze, "a", "2025-01-10").await;
    listed(&bronze, "2025-03-01", &[("i1", "7")]).await;
    let (builder, parents) = (builder(&lake, 24 << 20), records_table(DeletedRows::Flag));
    let reason = async |table: &SilverTable| {
        let built = build(&builder, table).await.unwrap();
        assert!(built.results.is_empty(), "{built:?}");
        assert_eq!(built.unevaluated.len(), 1);
        built.unevaluated["pai"].clone()
    };
    let text = items("valor", (&parents, "_id"));
    assert_eq!(
        reason(&text).await,
        "silver.pncp.registros has no version yet"
    );
    build(&builder, &parents).await.unwrap();
    let more = items("valor", (&parents, "numero"));
    assert_eq!(
        reason(&more).await,
        "silver.pncp.registros has no column `numero` as it was built"
    );
    let dates = items("publicado", (&parents, "_id"));
    assert_eq!(
        reason(&dates).await,
        "`publicado` is date, and `_id` of silver.pncp.registros is string, as they were built"
    );
    // The other table is damaged: this one is built all the same.
    let state = TableState::load(&lake, &parents.prefix).await.unwrap();
    let file = format!("{}/{}", parents.prefix, state.files[0].path);
    lake.delete(&file).await.unwrap();
    listed(&bronze, "2025-03-02", &[("i2", "\"a\"")]).await;
    let builder = super::builder(&lake, 24 << 20);
    let built = build(&builder, &text).await.unwrap();
    assert_eq!(built.rows_added, 1);
    let reason = &built.unevaluated["pai"];
    assert!(
        reason.contains(&file) && reason.contains("--rebuild silver.pncp.registros"),
        "{reason}"
    );
}

/// Files that were read, by their keys.
fn hearing(store: &Arc<dyn ObjectStore>) -> (Lake, Arc<Mutex<BTreeSet<String>>>) {
    let read = Arc::new(Mutex::new(BTreeSet::new()));
    let heard = Arc::clone(&read);
    let hook = move |op, key: &str| {
        if op == Op::Get && key.ends_with(".parquet") {
            heard.lock().unwrap().insert(key.to_owned());
        }
        None
    };
    let store = Faulty::new(Arc::clone(store), Arc::new(Late::default()), hook);
    (Lake::over(Arc::new(store), "hearing:///"), read)
}

#[tokio::test]
async fn files_that_can_have_none_of_the_values_are_not_read_and_none_is_while_nothing_changes() {
    let store = store();
    let (lake, read) = hearing(&store);
    let bronze = BronzeDays::new(lake.clone());
    for (key, day) in [
        ("a1", "2025-01-10"),
        ("a9", "2025-01-11"),
        ("m5", "2025-02-10"),
        ("z1", "2025-03-10"),
    ] {
        record(&bronze, key, day).await;
    }
    let rows = [("i1", "\"a1\""), ("i2", "\"a5\""), ("i3", "\"zz\"")];
    listed(&bronze, "2025-04-01", &rows).await;
    let (builder, parents) = (builder(&lake, 24 << 20), records_table(DeletedRows::Flag));
    build(&builder, &parents).await.unwrap();
    let items = items("valor", (&parents, "_id"));
    build(&builder, &list_table(false)).await.unwrap();
    let taken = || {
        let read = std::mem::take(&mut *read.lock().unwrap());
        let months = read.into_iter().filter_map(|key| {
            let (_, month) = key.split_once("month=")?;
            Some(month.split('/').next().unwrap_or_default().to_owned())
        });
        months.collect::<Vec<_>>()
    };
    taken();
    let built = build(&builder, &items).await.unwrap();
    assert_eq!((built.steps, told(&built)), (0, (3, 2, false)));
    assert_eq!(taken(), ["2025-01"]);
    for _ in 0..2 {
        let built = build(&builder, &items).await.unwrap();
        assert_eq!(told(&built), (3, 2, false));
        assert!(read.lock().unwrap().is_empty());
    }
    // Another version of the other table.
    record(&bronze, "zz", "2025-05-10").await;
    build(&builder, &parents).await.unwrap();
    taken();
    let built = build(&builder, &items).await.unwrap();
    assert_eq!(told(&built), (3, 1, false));
    assert_eq!(taken(), ["2025-01", "2025-05"]);
}

#[tokio::test]
async fn values_are_found_whatever_the_number_that_is_looked_for_at_once() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    for number in 0..20_u32 {
        let day = format!("2025-{:02}-10", 1 + number % 4);
        record(&bronze, &format!("p{:02}", number * 7 % 20), &day).await;
    }
    for month in 1..6_u32 {
        let rows = (0..30_u32).map(|number| {
            let parent = (month * 30 + number) * 11 % 26;
            (format!("i{month}-{number:02}"), format!("\"p{parent:02}\""))
        });
        let rows: Vec<_> = rows.collect();
        let rows: Vec<_> = rows.iter().map(|(key, value)| (&**key, &**value)).collect();
        listed(&bronze, &format!("2025-{month:02}-01"), &rows).await;
    }
    let orphans = (30..180_u32).filter(|number| number * 11 % 26 >= 20);
    let orphans = orphans.count() as u64;
    let parents = records_table(DeletedRows::Flag);
    // By its date, so that it has several files.
    let items = SilverTable {
        partition_by: Some("publicado".to_owned()),
        ..items("valor", (&parents, "_id"))
    };
    build(&builder(&lake, 24 << 20), &parents).await.unwrap();
    for values in [1, 7, 1_000_000] {
        let builder = SilverBuilder {
            values,
            ..builder(&lake, 24 << 20)
        };
        let built = build(&builder, &items).await.unwrap();
        assert_eq!(told(&built), (150, orphans, false), "{values} at once");
        assert_eq!(built.results["pai"].examples.len(), 3);
    }
    let state = TableState::load(&lake, &items.prefix).await.unwrap();
    assert_eq!(state.files.len(), 5);
}

#[tokio::test]
async fn numbers_and_dates_are_found_as_such_and_a_table_may_refer_to_itself() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    record(&bronze, "a", "2025-01-10").await;
    record(&bronze, "b", "2025-01-11").await;
    listed(&bronze, "2025-01-11", &[("i1", "7"), ("i2", "8")]).await;
    listed(&bronze, "2025-01-12", &[("i3", "7.0")]).await;
    let decimal = ColumnType::Decimal {
        precision: 30,
        scale: 0,
    };
    let builder = builder(&lake, 24 << 20);
    let parents = with_numbers(records_table(DeletedRows::Flag), decimal);
    build(&builder, &parents).await.unwrap();
    for (column, other, result) in [
        ("numero", (&parents, "numero"), (3, 1, false)),
        ("publicado", (&parents, "publicado"), (3, 1, false)),
        ("_id", (&list_table(false), "_id"), (3, 0, true)),
    ] {
        let items = with_numbers(items(column, other), ColumnType::Int64);
        let built = build(&builder, &items).await.unwrap();
        assert_eq!(told(&built), result, "{column}");
    }
}

#[tokio::test]
async fn a_build_that_is_to_stop_compares_nothing() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    record(&bronze, "a", "2025-01-10").await;
    listed(&bronze, "2025-03-01", &[("i1", "\"b\"")]).await;
    let (builder, parents) = (builder(&lake, 24 << 20), records_table(DeletedRows::Flag));
    build(&builder, &parents).await.unwrap();
    build(&builder, &list_table(false)).await.unwrap();
    let items = items("valor", (&parents, "_id"));
    let built = builder.build(&items, now(), &|| true, &|_| {}).await;
    let built = built.unwrap();
    assert_eq!(built.unevaluated["pai"], "the build was stopped before");
    assert!(built.results.is_empty());
}
