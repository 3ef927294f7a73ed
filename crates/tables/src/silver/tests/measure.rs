//! Cost of a merge: a day of updates into many months. Run with
//! `cargo test --release -p bronzed-tables --lib -- --ignored --nocapture a_day_of_updates`.

use bronzed_model::day::Day;

use super::*;
use crate::testing::Fact;

const MONTHS: u32 = 36;
const ROWS: u64 = 20_000;
const UPDATES: u64 = 7_000;

fn publication(number: u64, month: u32) -> Fact {
    let date = format!("{}-{:02}-10", 2022 + month / 12, month % 12 + 1);
    // Keys come in no order.
    let key = format!("{:08}-{month:02}-{number:06}", number * 7_919 % 100_000);
    let mut fact = fact(
        date.parse().unwrap(),
        &key,
        &format!("{date}T00:00:00"),
        &date,
        1,
    );
    fact.value = (number * 104_729 % 1_000_003).to_string();
    fact
}

#[tokio::test]
#[ignore = "it measures, and takes minutes without optimization"]
async fn a_day_of_updates_into_three_years_is_merged_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&bronzed_model::settings::LakeSettings {
        url: folder.path().to_str().unwrap().to_owned(),
        options: std::collections::BTreeMap::new(),
        simulated: false,
    })
    .unwrap();
    let bronze = BronzeDays::new(lake.clone());
    for month in 0..MONTHS {
        let facts = (0..ROWS).map(|number| publication(number, month));
        let mut facts: Vec<_> = facts.collect();
        for (row, fact) in facts.iter_mut().enumerate() {
            fact.row = row;
        }
        bronze.apply(&Event::Commit(facts)).await;
    }
    let table = records_table(DeletedRows::Flag);
    let builder = SilverBuilder::new(lake.clone());
    let begun = tokio::time::Instant::now();
    let first = build(&builder, &table).await.unwrap();
    println!(
        "first: {:?}, {} steps, {} bytes",
        begun.elapsed(),
        first.steps,
        first.bytes_written
    );
    let mut chance = Chance::new(1);
    let day: Day = "2025-06-01".parse().unwrap();
    let mut updates = std::collections::BTreeMap::new();
    while (updates.len() as u64) < UPDATES {
        let month = u32::try_from(chance.below(u64::from(MONTHS))).unwrap();
        let mut fact = publication(chance.below(ROWS), month);
        let updated = "2025-06-01T00:00:00".to_owned();
        fact.id = format!("{}@{updated}", fact.key);
        fact.updated = Some(updated);
        fact.dataset = "atualizacao".to_owned();
        fact.day = day;
        updates.insert(fact.key.clone(), fact);
    }
    bronze
        .apply(&Event::Commit(updates.into_values().collect()))
        .await;
    let files = lake.list("pncp_atualizacao/year=2025").await.unwrap();
    let new: u64 = files.iter().map(|file| file.size).sum();
    let begun = tokio::time::Instant::now();
    let built = build(&builder, &table).await.unwrap();
    println!(
        "merge: {:?}, {} rows changed, {} files, {} bytes written for {new} new, {:.1} a byte",
        begun.elapsed(),
        built.rows_changed,
        built.files_written,
        built.bytes_written,
        built.bytes_written as f64 / new as f64,
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("peak of the process, making of bronze included: {peak:?}");
    assert_eq!(built.rows_changed, UPDATES);
}
