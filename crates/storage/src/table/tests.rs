//! Changes of a declaration while the table has data.

use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use bronzed_model::declaration::{SliceValues, Version};
use bronzed_model::schema::{Column, ColumnType};

fn dataset() -> Dataset {
    let settings = bronzed_config::load(None, []).unwrap();
    settings.sources["pncp"].datasets["contratacoes"]
        .as_ref()
        .clone()
}

fn lake() -> Lake {
    Lake::over(Arc::new(InMemory::new()), "memory:///")
}

async fn with_data() -> Lake {
    let lake = lake();
    settle_as(&lake, &dataset()).await.unwrap();
    let day = "2025-10-22".parse().unwrap();
    let file = layout::file_key("pncp", day, 1);
    lake.create(&file, "rows".into()).await.unwrap();
    lake
}

async fn settle_as(lake: &Lake, dataset: &Dataset) -> Result<u64, TableError> {
    let now = "2025-10-22T12:00:00Z".parse().unwrap();
    settle(lake, dataset, &Entropy::seeded(7), now).await?;
    Ok(lake.generation("pncp"))
}

fn values(dataset: &mut Dataset) -> &mut Vec<String> {
    match &mut dataset.slices[0].values {
        SliceValues::Listed(values) => values,
        SliceValues::OfDataset { .. } => unreachable!(),
    }
}

#[tokio::test]
async fn another_key_over_data_that_exist_is_refused_and_stores_nothing_twice() {
    let lake = with_data().await;
    let mut other = dataset();
    other.primary_key.push("/anoCompra".to_owned());
    let error = settle_as(&lake, &other).await.unwrap_err().to_string();
    for told in [
        "`pncp.contratacoes`: the table `pncp` in the lake was written with primary_key = [\"/numeroControlePNCP\"]",
        "/anoCompra",
        "another `prefix`",
        "bronzed backfill pncp.contratacoes",
    ] {
        assert!(error.contains(told), "{told}: {error}");
    }
    assert!(matches!(
        look(&lake, &other).await,
        Err(TableError::Other { .. })
    ));
    // The original declaration is still accepted.
    assert_eq!(settle_as(&lake, &dataset()).await.unwrap(), 0);
}

#[tokio::test]
async fn whatever_ids_and_days_depend_on_is_held() {
    let lake = with_data().await;
    let changes: [fn(&mut Dataset); 4] = [
        |one| one.version = Version::Content,
        |one| one.explode = Some("/itens".to_owned()),
        |one| one.days.zone = chrono_tz::UTC,
        |one| one.days.day_field = Some("/dataInclusao".to_owned()),
    ];
    for change in changes {
        let mut other = dataset();
        change(&mut other);
        let error = settle_as(&lake, &other).await;
        assert!(matches!(error, Err(TableError::Other { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn a_column_of_another_type_is_refused_and_a_new_one_is_taken() {
    let lake = with_data().await;
    let mut schema = (*dataset().schema).clone();
    let is_decimal = |one: &&mut Column| matches!(one.kind, ColumnType::Decimal { .. });
    let column = schema.columns.iter_mut().find(is_decimal).unwrap();
    let path = format!("`/{}` as decimal(", column.name);
    column.kind = ColumnType::String;
    let retyped = Dataset {
        schema: Arc::new(schema),
        ..dataset()
    };
    let error = settle_as(&lake, &retyped).await.unwrap_err().to_string();
    assert!(
        error.contains(&path) && error.contains("says string"),
        "{error}"
    );

    let mut schema = (*dataset().schema).clone();
    let dropped = schema.columns.pop().unwrap();
    let mut fewer = dataset();
    fewer.schema = Arc::new(schema.clone());
    settle_as(&lake, &fewer).await.unwrap();
    // A dropped column stays recorded, and can't return with another type.
    let mut back = dropped;
    back.kind = match back.kind {
        ColumnType::String => ColumnType::Int64,
        _ => ColumnType::String,
    };
    schema.columns.push(back);
    fewer.schema = Arc::new(schema);
    assert!(settle_as(&lake, &fewer).await.is_err());
}

#[tokio::test]
async fn a_table_without_data_takes_any_declaration() {
    let lake = lake();
    settle_as(&lake, &dataset()).await.unwrap();
    let mut other = dataset();
    other.primary_key.push("/anoCompra".to_owned());
    assert!(look(&lake, &other).await.unwrap().is_none());
    settle_as(&lake, &other).await.unwrap();
    assert_eq!(settle_as(&lake, &dataset()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_fifteenth_modalidade_opens_the_days_before_it() {
    let lake = with_data().await;
    let mut more = dataset();
    values(&mut more).push("15".to_owned());
    assert_eq!(settle_as(&lake, &more).await.unwrap(), 1);
    assert_eq!(settle_as(&lake, &more).await.unwrap(), 1);
    // A declaration of the first fourteen requires only these, and the fifteenth keeps its generation.
    assert_eq!(settle_as(&lake, &dataset()).await.unwrap(), 0);
    assert_eq!(settle_as(&lake, &more).await.unwrap(), 1);
    // A removed slice is new again if days were completed without it.
    let mut other = dataset();
    values(&mut other).push("16".to_owned());
    assert_eq!(settle_as(&lake, &other).await.unwrap(), 2);
    assert_eq!(settle_as(&lake, &more).await.unwrap(), 3);
    let mut first = dataset();
    values(&mut first).remove(0);
    assert_eq!(settle_as(&lake, &first).await.unwrap(), 0);
    assert_eq!(settle_as(&lake, &dataset()).await.unwrap(), 4);
}

#[tokio::test]
async fn who_only_reads_writes_nothing() {
    let lake = lake();
    assert!(look(&lake, &dataset()).await.unwrap().is_none());
    assert_eq!(lake.list("_bronzed").await.unwrap(), []);
}
