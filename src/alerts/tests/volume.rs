//! Numbers of records, as they are read from the states of days.

use std::sync::Arc;

use bronzed_model::day::Day;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;
use object_store::memory::InMemory;
use serde_json::json;

use super::{at, well};
use crate::alerts::volume::{VolumeHistory, VolumeReader};

/// Returns a state with two runs that have stored `new` records, and three.
fn state(day: Day, new: u64) -> String {
    let run = |number: u128, new: u64| {
        json!({
            "timestamp": format!("{day}T12:00:03-03:00"),
            "new_records": new, "duplicates_filtered": 0, "filter_rate": 0.0,
            "run_id": uuid::Uuid::from_u128(number), "job": "daily", "status": "ok",
            "fetched": new, "unidentified": 0, "requests": 1, "retries": 0,
            "failed_slices": [], "off_day": 0, "files": [],
            "started_at": format!("{day}T12:00:00-03:00"), "version": "0.1.0",
        })
    };
    json!({
        "date": day,
        "processed_ids": [],
        "last_execution": format!("{day}T12:00:03-03:00"),
        "total_processed": 0,
        "executions": [run(1, new), run(2, 3)],
        "created_at": format!("{day}T12:00:00-03:00"),
        "slices": {}, "complete": true,
    })
    .to_string()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_records_of_a_day_and_of_its_weekday_are_read_once() {
    let lake = Lake::over(Arc::new(InMemory::new()), "memory:///");
    let days = [day("2025-10-14"), day("2025-10-20"), day("2025-10-21")];
    for (number, day) in (1..).zip(days) {
        let key = layout::state_key("pncp_atas", day);
        let text = state(day, 1_000 * number);
        lake.create(&key, text.into()).await.unwrap();
    }
    let mut facts = well(at("12:00"));
    let known = facts.sources[0].datasets[0].days.as_mut().unwrap();
    // Of the first one, the state is gone.
    known.complete = vec![day("2025-10-07"), days[0], days[1], days[2]];
    let mut reader = VolumeReader::new(lake);
    let read = reader.read(&facts, &VolumeHistory::default()).await;
    let name = "pncp.atas".to_owned();
    let expected = [(name.clone(), days[2], 3_003), (name, days[0], 1_003)];
    assert_eq!(read, expected);
    let mut volumes = VolumeHistory::default();
    volumes.extend(&read);
    assert!(reader.read(&facts, &volumes).await.is_empty());
}
