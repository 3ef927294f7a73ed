//! Takeover of lakes of the earlier pipeline in place.

use super::support::*;
use crate::state::Cause;

const OLD_FILE: &str = "pncp/year=2025/month=10/day=22/pncp_20251022_080003.parquet";
const LATER_OLD_FILE: &str = "pncp/year=2025/month=10/day=22/pncp_20251022_120003.parquet";

/// Two stored ids, one of them also in the second file; one that was never stored; one row without an id.
const OLD_STATE: &str = r#"{
  "date": "2025-10-22",
  "processed_ids": ["b", "a", "lost"],
  "last_execution": "2025-10-22T12:00:03.123456",
  "total_processed": 3,
  "executions": [
    {
      "timestamp": "2025-10-22T08:00:02.500000", "new_records": 2, "duplicates_filtered": 0, "filter_rate": 0.0,
      "validation": {"ok": true, "limite": 1.50, "id": 12345678901234567890123}
    },
    {"timestamp": "2025-10-22T12:00:03", "new_records": 1, "duplicates_filtered": 2, "filter_rate": 66.67, "backfill": {"de": "2025-10-01", "itens": [1, 2.0, 3e2]}}
  ],
  "created_at": "2025-10-22 08:00:02.500000",
  "pipeline": {"versao": "3.10", "taxa": 1e-7}
}"#;

async fn old_lake() -> World {
    let world = memory();
    world
        .put(OLD_FILE, old_file(&[Some("a"), Some("b"), None]))
        .await;
    world.put(LATER_OLD_FILE, old_file(&[Some("b")])).await;
    world.put(STATE, OLD_STATE).await;
    world
}

#[tokio::test]
async fn the_files_of_the_earlier_pipeline_decide() {
    let world = old_lake().await;
    let state = world.day().open().await.unwrap();
    assert_eq!(state.recovery().rebuilt, Some(Cause::Earlier));
    assert_eq!(state.recovery().removed_ids, 1);
    assert!(state.contains("a") && state.contains("b") && !state.contains("lost"));
    assert_eq!(
        state.len(),
        3,
        "the row without an id has the hash of its content"
    );
    assert!(!state.is_complete());

    let stored = world.state().await;
    assert_eq!(stored["format"], 1);
    assert_eq!(stored["commits"], 0, "its files have no number");
    assert_eq!(stored["total_processed"], 3);
    let adopted = &stored["executions"][2];
    assert_eq!(adopted["status"], "adopted");
    assert_eq!(
        (&adopted["new_records"], &adopted["fetched"]),
        (&3.into(), &3.into())
    );
    assert_eq!(adopted["removed_ids"], 1);
    assert_eq!(adopted["unidentified"], 1);
    assert_eq!(adopted["repeated_rows"], 1);
    assert_eq!(strings(&adopted["files"]), [OLD_FILE, LATER_OLD_FILE]);
    assert!(
        world.day().open().await.unwrap().recovery().is_empty(),
        "once is enough"
    );
}

/// Records that the earlier pipeline lost (its state was written before the data) are read again; stored ones
/// aren't stored again.
#[tokio::test]
async fn what_the_old_state_lost_is_stored_now() {
    let world = old_lake().await;
    let run = run_once(&world, "hourly", &["a", "b", "lost", "new"]).await;
    assert_eq!(run.counts.new, 2);
    assert_eq!(world.files().await[&key(1)], ["lost", "new"]);
    let state = world.state().await;
    assert_eq!(state["total_processed"], 5);
    let counted = [&state["executions"][2], &state["executions"][3]];
    let new: u64 = counted
        .iter()
        .map(|entry| entry["new_records"].as_u64().unwrap())
        .sum();
    assert_eq!(new, 5, "from the takeover on the sums hold");
}

#[tokio::test]
async fn what_is_not_known_survives_every_rewrite_to_the_letter() {
    let world = old_lake().await;
    run_once(&world, "hourly", &["new"]).await;
    run_once(&world, "hourly", &["newer"]).await;
    let text = world.text(STATE).await;
    for verbatim in [
        r#""validation": {"ok": true, "limite": 1.50, "id": 12345678901234567890123}"#,
        r#""backfill": {"de": "2025-10-01", "itens": [1, 2.0, 3e2]}"#,
        r#""pipeline": {"versao": "3.10", "taxa": 1e-7}"#,
        r#"{"timestamp": "2025-10-22T12:00:03", "new_records": 1,"#,
        // A time without an offset was in the source's zone.
        r#""created_at": "2025-10-22T08:00:02.500-03:00""#,
    ] {
        assert!(text.contains(verbatim), "{verbatim} in {text}");
    }
}

#[tokio::test]
async fn files_of_the_earlier_pipeline_without_any_state_are_taken_over() {
    let world = old_lake().await;
    world.delete(STATE).await;
    let state = world.day().open().await.unwrap();
    assert_eq!(state.recovery().rebuilt, Some(Cause::Missing));
    assert_eq!(state.len(), 3);
    let stored = world.state().await;
    assert_eq!(stored["executions"][0]["status"], "adopted");
    assert_eq!(stored["executions"][0]["removed_ids"], 0);
}

/// P3: an old state without any file names records that were never stored.
#[tokio::test]
async fn an_old_state_without_files_is_empty_and_says_what_it_claimed() {
    let world = memory();
    world.put(STATE, OLD_STATE).await;
    let state = world.day().open().await.unwrap();
    assert!(state.is_empty());
    assert_eq!(state.recovery().removed_ids, 3);
    world.assert_sound().await;
}

/// The docs ask to stop the old writer first. If it still runs, nothing is lost.
#[tokio::test]
async fn a_day_is_taken_over_again_from_a_stray_old_writer() {
    let world = old_lake().await;
    let run = run_once(&world, "hourly", &["new"]).await;
    world
        .put(STATE, OLD_STATE.replace("\"lost\"", "\"lost\", \"stray\""))
        .await;
    let stray = "pncp/year=2025/month=10/day=22/pncp_20251022_160003.parquet";
    world.put(stray, old_file(&[Some("stray")])).await;

    let state = world.day().open().await.unwrap();
    assert!(state.contains("new") && state.contains("stray") && !state.contains("lost"));
    let stored = world.state().await;
    assert_eq!(stored["commits"], 1);
    assert_eq!(stored["total_processed"], 5);
    let statuses: Vec<_> = stored["executions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["status"])
        .collect();
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == "adopted")
            .count(),
        1
    );
    assert_eq!(entry_of(&stored, run.run_id)["status"], "recovered");
    assert!(
        world.day().open().await.unwrap().recovery().is_empty(),
        "the sums hold"
    );

    // It appends to what it read, and so keeps new entries, but not the format.
    let text = world.text(STATE).await.replace(",\n  \"format\": 1", "");
    world.put(STATE, text).await;
    world.day().open().await.unwrap();
    let stored = world.state().await;
    let adopted = stored["executions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["status"] == "adopted");
    assert_eq!(adopted.count(), 1);
    assert!(
        world.day().open().await.unwrap().recovery().is_empty(),
        "the sums hold"
    );
}

/// Numbered files and those of the earlier pipeline in one day, without a state.
#[tokio::test]
async fn a_lost_state_of_a_day_that_was_taken_over_is_rebuilt_from_both() {
    let world = old_lake().await;
    run_once(&world, "hourly", &["lost", "new"]).await;
    world.delete(STATE).await;
    let state = world.day().open().await.unwrap();
    assert_eq!((state.len(), state.commits()), (5, 1));
    assert!(
        world.day().open().await.unwrap().recovery().is_empty(),
        "the sums hold"
    );
}
