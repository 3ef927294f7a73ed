//! Declarations that change, and those that make no table.

use bronzed_model::declaration::{
    Check, ColumnPath, Expectation, ExpectationSeverity, Share, SilverColumn,
};
use bronzed_model::schema::{Column, ColumnType};

use super::*;

async fn some_bronze(lake: &Lake) -> Known {
    let bronze = BronzeDays::new(lake.clone());
    let mut known = Known::default();
    for event in events(6).iter().take(40) {
        bronze.apply(event).await;
        known.hear(event);
    }
    known
}

fn with_column(
    table: &SilverTable,
    name: &str,
    kind: ColumnType,
    pointers: &[&str],
) -> SilverTable {
    let mut table = table.clone();
    table.columns.push(SilverColumn {
        column: Column::new(name, kind),
        pointers: pointers.iter().map(|text| (*text).to_owned()).collect(),
    });
    table
}

#[tokio::test]
async fn a_column_that_is_added_is_filled_from_bronze_in_one_version() {
    let lake = over(&store());
    let known = some_bronze(&lake).await;
    let table = records_table(DeletedRows::Flag);
    let first = build(&builder(&lake, 20_000), &table).await.unwrap();
    let more = with_column(
        &table,
        "numero",
        ColumnType::Int64,
        &["/nada", "/novo/valor"],
    );
    let status = builder(&lake, 20_000).status(&more).await.unwrap();
    assert!(status.declaration_changed);
    let built = build(&builder(&lake, 20_000), &more).await.unwrap();
    assert!(built.rebuilt);
    assert_eq!(built.version, first.version.map(|version| version + 1));
    let (rows, expected) = compared(&lake, &more, &known).await;
    assert_eq!(rows, expected);
    let state = TableState::load(&lake, &table.prefix).await.unwrap();
    let schema = state.base.unwrap().schema();
    assert!(schema.field("numero").is_some());
    let again = build(&builder(&lake, 20_000), &more).await.unwrap();
    assert_eq!((again.steps, again.rebuilt), (0, false));
}

#[tokio::test]
async fn a_column_that_is_lost_or_retyped_is_refused_until_the_table_is_made_anew() {
    let lake = over(&store());
    let known = some_bronze(&lake).await;
    let table = records_table(DeletedRows::Flag);
    let more = with_column(&table, "numero", ColumnType::Int64, &["/novo/valor"]);
    build(&builder(&lake, 20_000), &more).await.unwrap();
    let retyped = with_column(&table, "numero", ColumnType::Timestamp, &["/atualizado"]);
    for changed in [&table, &retyped] {
        let refused = build(&builder(&lake, 20_000), changed).await;
        assert!(
            matches!(&refused, Err(SilverError::Changed { column, .. }) if column == "numero"),
            "{refused:?}"
        );
    }
    for changed in [&retyped, &table] {
        let builder = builder(&lake, 20_000);
        let built = builder
            .rebuild(changed, now(), &|| false, &|_| {})
            .await
            .unwrap();
        assert!(built.rebuilt && built.version > Some(0), "{built:?}");
        let (rows, expected) = compared(&lake, changed, &known).await;
        assert_eq!(rows, expected);
    }
    let state = TableState::load(&lake, &table.prefix).await.unwrap();
    assert!(state.base.unwrap().schema().field("numero").is_none());
}

#[tokio::test]
async fn a_column_that_is_widened_is_taken_with_all_its_values_and_a_narrower_one_is_refused() {
    let lake = over(&store());
    let known = some_bronze(&lake).await;
    let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
    let of = |number, date| {
        let mut table = with_column(
            &records_table(DeletedRows::Flag),
            "numero",
            number,
            &["/novo/valor"],
        );
        // By which it is partitioned.
        table.columns[0].column.kind = date;
        table
    };
    let (date, time) = (ColumnType::Date, ColumnType::Timestamp);
    let builder = builder(&lake, 20_000);
    let first = build(&builder, &of(ColumnType::Int64, date.clone())).await;
    let mut version = first.unwrap().version;
    for table in [
        of(decimal(20, 0), date.clone()),
        of(decimal(20, 0), time.clone()),
        of(decimal(26, 4), time.clone()),
    ] {
        let built = build(&builder, &table).await.unwrap();
        assert!(built.rebuilt && built.unfit.is_empty(), "{built:?}");
        version = version.map(|version| version + 1);
        assert_eq!(built.version, version);
        let (rows, expected) = compared(&lake, &table, &known).await;
        assert_eq!(rows, expected);
        let state = TableState::load(&lake, &table.prefix).await.unwrap();
        let shape = SilverShape::of(&table).unwrap();
        assert_eq!(*state.base.unwrap().schema(), *shape.table);
    }
    for (table, column) in [
        (of(ColumnType::Int64, time.clone()), "numero"),
        (of(decimal(26, 5), time.clone()), "numero"),
        (of(decimal(26, 4), date), "publicado"),
    ] {
        let refused = build(&builder, &table).await.unwrap_err().to_string();
        assert!(
            refused.contains(&format!("column `{column}` of silver.pncp.registros is"))
                && refused.contains("doesn't hold all its values")
                && refused.contains("--rebuild silver.pncp.registros"),
            "{refused}"
        );
    }
}

/// Makes a table anew, which must then be the fold of bronze.
async fn rebuild_and_compare(lake: &Lake, table: &SilverTable, known: &Known) {
    builder(lake, 24 << 20)
        .rebuild(table, now(), &|| false, &|_| {})
        .await
        .unwrap();
    let (rows, expected) = compared(lake, table, known).await;
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn a_log_that_is_damaged_is_made_anew_when_that_is_asked_for() {
    let store = store();
    let lake = over(&store);
    let known = some_bronze(&lake).await;
    let table = records_table(DeletedRows::Flag);
    build(&builder(&lake, 24 << 20), &table).await.unwrap();
    let first = format!("{}/_delta_log/{:020}.json", table.prefix, 0);
    lake.delete(&first).await.unwrap();
    lake.create(&first, bytes::Bytes::from_static(b"{"))
        .await
        .unwrap();
    let refused = build(&builder(&lake, 24 << 20), &table).await;
    assert!(refused.is_err(), "{refused:?}");
    rebuild_and_compare(&lake, &table, &known).await;
}

#[tokio::test]
async fn a_log_that_has_lost_its_first_version_is_made_anew_when_that_is_asked_for() {
    let lake = over(&store());
    let known = some_bronze(&lake).await;
    let table = records_table(DeletedRows::Flag);
    let built = build(&builder(&lake, 1), &table).await.unwrap();
    assert!(built.version > Some(0), "{built:?}");
    let first = format!("{}/_delta_log/{:020}.json", table.prefix, 0);
    lake.delete(&first).await.unwrap();
    let refused = build(&builder(&lake, 1), &table).await;
    assert!(refused.is_err(), "{refused:?}");
    rebuild_and_compare(&lake, &table, &known).await;
}

#[test]
fn a_declaration_that_makes_no_table_is_refused_with_the_reason() {
    let table = records_table(DeletedRows::Flag);
    let member = Column::new("a", ColumnType::String);
    let expectation = |check| SilverTable {
        expectations: Arc::from([Expectation {
            name: "fresh".to_owned(),
            check,
            severity: ExpectationSeverity::Error,
            mostly: Share::ALL,
            examples: true,
        }]),
        ..table.clone()
    };
    let path = ColumnPath {
        written: "publicado".to_owned(),
        pointer: "/publicado".to_owned(),
    };
    for (table, reason) in [
        (
            SilverTable {
                inputs: Vec::new(),
                ..table.clone()
            },
            "no input",
        ),
        (
            SilverTable {
                history: true,
                ..table.clone()
            },
            "snapshots",
        ),
        (
            SilverTable {
                deleted: DeletedRows::Omit,
                ..list_table(true)
            },
            "history",
        ),
        (
            SilverTable {
                partition_by: Some("valor".to_owned()),
                ..table.clone()
            },
            "no date",
        ),
        (
            with_column(&table, "month", ColumnType::String, &["/a"]),
            "two columns",
        ),
        (
            with_column(&table, "_Id", ColumnType::String, &["/a"]),
            "two columns",
        ),
        (
            with_column(&table, "s", ColumnType::Struct(vec![member]), &["/a"]),
            "members",
        ),
        (
            expectation(Check::Freshness {
                column: path,
                max_age: std::time::Duration::ZERO,
            }),
            "nothing can be held back",
        ),
        (
            expectation(Check::RowCountBetween { min: 1, max: 2 }),
            "nothing can be held back",
        ),
    ] {
        let error = SilverShape::of(&table).err().map(|error| error.to_string());
        assert!(
            error.as_ref().is_some_and(|text| text.contains(reason)),
            "{reason}: {error:?}"
        );
    }
}
