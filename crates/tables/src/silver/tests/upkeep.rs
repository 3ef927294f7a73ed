//! Checkpoints, and files that no reader needs.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::*;

async fn data_files(lake: &Lake, table: &SilverTable) -> BTreeSet<String> {
    let listed = lake.list(&table.prefix).await.unwrap();
    let files = listed.into_iter().map(|entry| entry.key);
    files
        .filter(|key| key.ends_with(".parquet") && !key.contains("_delta_log"))
        .collect()
}

#[tokio::test]
async fn files_that_went_out_stay_a_week_and_those_of_no_version_a_day() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let all = events(8);
    for event in &all[..30] {
        bronze.apply(event).await;
    }
    let table = records_table(DeletedRows::Flag);
    let builder = builder(&lake, 24 << 20);
    let build_at =
        async |at: DateTime<Utc>| builder.build(&table, at, &|| false, &|_| {}).await.unwrap();
    // The store's clock is the system's.
    let orphan = format!("{}/part-orphan.parquet", table.prefix);
    lake.create(&orphan, bytes::Bytes::from_static(b"x"))
        .await
        .unwrap();
    let listed = lake.list(&table.prefix).await.unwrap();
    let at = listed[0].modified;
    build_at(at).await;
    let first = data_files(&lake, &table).await;
    assert!(first.contains(&orphan));
    for event in &all[30..60] {
        bronze.apply(event).await;
    }
    build_at(at + TimeDelta::hours(25)).await;
    let second = data_files(&lake, &table).await;
    assert!(!second.contains(&orphan));
    assert!(
        first
            .iter()
            .all(|key| *key == orphan || second.contains(key))
    );
    for event in &all[60..] {
        bronze.apply(event).await;
    }
    build_at(at + TimeDelta::days(9)).await;
    let state = TableState::load(&lake, &table.prefix).await.unwrap();
    let live: BTreeSet<_> = state
        .files
        .iter()
        .map(|file| format!("{}/{}", table.prefix, file.path))
        .collect();
    let third = data_files(&lake, &table).await;
    assert!(third.is_superset(&live));
    // Those that the second build removed are gone, those that the third one removed aren't.
    let went = first.iter().filter(|key| !third.contains(*key)).count();
    assert!(went > 1, "{went} files went of {}", first.len());
    assert!(third.iter().any(|key| !live.contains(key)));
}

#[tokio::test]
async fn a_table_of_many_versions_is_read_from_its_checkpoint() {
    let lake = over(&store());
    let bronze = BronzeDays::new(lake.clone());
    let mut known = Known::default();
    for event in events(9).iter().take(80) {
        bronze.apply(event).await;
        known.hear(event);
    }
    let table = records_table(DeletedRows::Omit);
    let built = build(&builder(&lake, 1), &table).await.unwrap();
    assert!(built.steps > 31, "{} steps", built.steps);
    for version in 0..30 {
        let key = format!("{}/_delta_log/{version:020}.json", table.prefix);
        lake.delete(&key).await.unwrap();
    }
    let (rows, expected) = compared(&lake, &table, &known).await;
    assert_eq!(rows, expected);
    assert_eq!(build(&builder(&lake, 1), &table).await.unwrap().steps, 0);
}
