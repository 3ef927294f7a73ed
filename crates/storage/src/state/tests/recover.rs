//! P5: the files decide. A damaged or missing state is never taken for an empty one.

use std::collections::BTreeMap;

use super::faulty::{Fault, Op};
use super::support::*;
use crate::state::{Cause, StateError};

/// A day with two runs and three files.
async fn day_of_three_files() -> World {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    world.clock.set(at("2025-10-22T15:00:00Z"));
    let (day, mut run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    ingest(&world, &day, &mut state, &mut run, &["c"])
        .await
        .unwrap();
    ingest(&world, &day, &mut state, &mut run, &["d", "e"])
        .await
        .unwrap();
    let none = BTreeMap::new();
    day.record(&mut state, &run, &none, false).await.unwrap();
    world
}

#[tokio::test]
async fn a_missing_state_is_rebuilt_with_its_runs() {
    let world = day_of_three_files().await;
    let before = world.state().await;
    world.delete(STATE).await;
    let state = world.day().open().await.unwrap();
    assert_eq!(state.recovery().rebuilt, Some(Cause::Missing));
    assert_eq!((state.len(), state.commits()), (5, 3));
    world.assert_sound().await;

    let after = world.state().await;
    let entries = after["executions"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    for (entry, known) in entries.iter().zip(before["executions"].as_array().unwrap()) {
        assert_eq!(entry["status"], "recovered");
        for member in ["run_id", "job", "new_records", "files"] {
            assert_eq!(entry[member], known[member]);
        }
    }
    let again = world.day().open().await.unwrap();
    assert!(again.recovery().is_empty(), "it was written at once");
}

#[tokio::test]
async fn an_unreadable_state_is_rebuilt() {
    let sound = day_of_three_files().await.text(STATE).await;
    let changed = |from: &str, to: &str| {
        assert!(sound.contains(from));
        sound.replacen(from, to, 1)
    };
    for (what, text) in [
        ("empty", String::new()),
        ("cut off", sound[..sound.len() / 2].to_owned()),
        ("not JSON", "<html>".to_owned()),
        ("not an object", "[]".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("another day's", changed("2025-10-22\"", "2025-10-21\"")),
        ("ids that are numbers", changed("\"a\"", "7")),
        (
            "ids that are none",
            changed("\"processed_ids\": [", "\"processed_ids\": 7, \"x\": ["),
        ),
        (
            "executions of text",
            changed("\"executions\": [", "\"executions\": [\"x\","),
        ),
        (
            "a count of text",
            changed("\"commits\": 3", "\"commits\": \"3\""),
        ),
        (
            "a flag of text",
            changed("\"complete\": false", "\"complete\": \"no\""),
        ),
        (
            "slices of text",
            changed("\"slices\": {", "\"slices\": {\"a\": 1"),
        ),
    ] {
        let world = day_of_three_files().await;
        world.put(STATE, text).await;
        let state = world.day().open().await.unwrap();
        let rebuilt = &state.recovery().rebuilt;
        assert!(
            matches!(rebuilt, Some(Cause::Unreadable(_))),
            "{what}: {rebuilt:?}"
        );
        assert_eq!(state.len(), 5, "{what}");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_rebuilt() {
    let world = day_of_three_files().await;
    world.put(STATE, vec![0xff, 0xfe, 0x00]).await;
    assert_eq!(world.day().open().await.unwrap().len(), 5);
    world.assert_sound().await;
}

/// Bug of the earlier pipeline: any read error was taken for "no state".
#[tokio::test]
async fn an_error_while_reading_stops_the_run() {
    for (op, key) in [
        (Op::Get, STATE.to_owned()),
        (Op::List, "pncp/year=2025/month=10/day=22".to_owned()),
        (Op::Get, key(2)),
    ] {
        let world = day_of_three_files().await;
        if key != STATE {
            world.delete(STATE).await;
        }
        let day = world.day_with(op, &key, vec![Fault::Fail]);
        let error = day.open().await.unwrap_err();
        assert!(matches!(error, StateError::Lake(_)), "{key}: {error}");
        assert_eq!(
            world.exists(STATE).await,
            key == STATE,
            "nothing is written"
        );
    }
}

#[tokio::test]
async fn a_damaged_file_stops_the_run_and_is_named() {
    let world = day_of_three_files().await;
    world.delete(STATE).await;
    world.put(&key(2), "PAR1, and no footer").await;
    let error = world.day().open().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StateError::File { .. }), "{text}");
    assert!(
        text.contains(&key(2)) && text.contains("restore it"),
        "{text}"
    );
}

/// Bug of the earlier pipeline: a job overwrote the state with a stale copy.
#[tokio::test]
async fn files_beyond_a_stale_state_are_adopted_in_order() {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    let stale = world.text(STATE).await;
    let run = run_once(&world, "daily", &["c"]).await;
    run_once(&world, "daily", &["d", "e"]).await;
    world.put(STATE, stale).await;

    let state = world.day().open().await.unwrap();
    assert_eq!(state.recovery().adopted, [key(2), key(3)]);
    assert_eq!(state.recovery().rebuilt, None);
    assert_eq!(world.entry(&run).await["status"], "recovered");
    world.assert_sound().await;
    assert!(world.day().open().await.unwrap().recovery().is_empty());
}

#[tokio::test]
async fn a_state_that_contradicts_itself_is_rebuilt_and_keeps_its_audit() {
    let world = day_of_three_files().await;
    let before = world.text(STATE).await;
    for (from, to) in [
        ("    \"c\",\n", ""),
        ("    \"c\",\n", "    \"c\",\n    \"never stored\",\n"),
        ("\"total_processed\": 5", "\"total_processed\": 4"),
        ("\"new_records\": 2", "\"new_records\": 3"),
    ] {
        assert!(before.contains(from));
        let changed = before.replacen(from, to, 1);
        world
            .put(
                STATE,
                changed.replace("\"format\"", "\"note\": 1.500, \"format\""),
            )
            .await;
        let state = world.day().open().await.unwrap();
        let rebuilt = &state.recovery().rebuilt;
        assert!(
            matches!(rebuilt, Some(Cause::Contradiction(_))),
            "{from}: {rebuilt:?}"
        );
        assert_eq!(state.len(), 5, "{from}");
        let after = world.text(STATE).await;
        assert!(after.contains("\"note\": 1.500"), "{from}");
        world.assert_sound().await;
    }
}

/// Repairs during a run are reported together with those at its start.
#[tokio::test(start_paused = true)]
async fn what_is_set_right_twice_is_told_twice() {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    let stale = world.text(STATE).await;
    run_once(&world, "daily", &["c"]).await;
    world.put(STATE, stale.clone()).await;
    let day = world.day();
    let mut state = day.open().await.unwrap();
    assert_eq!(state.recovery().adopted, [key(2)]);

    let elsewhere = world.clone();
    let damage = Box::pin(async move {
        let damaged = stale.replacen("\"a\"", "\"a\", \"lost\"", 1);
        elsewhere.put(STATE, damaged).await;
    });
    let day = world.day_with(Op::Put, STATE, vec![Fault::Meanwhile(damage)]);
    let mut run = world.run("manual");
    ingest(&world, &day, &mut state, &mut run, &["d"])
        .await
        .unwrap();
    let recovery = state.recovery();
    assert_eq!(recovery.adopted, [key(2)]);
    assert_eq!(recovery.removed_ids, 1);
    let rebuilt = &recovery.rebuilt;
    assert!(
        matches!(rebuilt, Some(Cause::Contradiction(_))),
        "{rebuilt:?}"
    );
    world.assert_sound().await;
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_left_alone() {
    let world = day_of_three_files().await;
    for format in ["2", "\"1.5\"", "{}", "-1"] {
        let text = world.text(STATE).await;
        let newer = text.replacen("\"format\": 1", &format!("\"format\": {format}"), 1);
        world.put(STATE, newer.clone()).await;
        let error = world.day().open().await.unwrap_err();
        assert!(matches!(error, StateError::NewerFormat { .. }), "{error}");
        assert!(
            error.to_string().contains("use the version that wrote it"),
            "{error}"
        );
        assert_eq!(world.text(STATE).await, newer);
        world.put(STATE, text).await;
    }
}

/// A listing isn't atomic: it may contain the later file and lack the earlier one.
#[tokio::test]
async fn a_file_that_a_listing_lacks_is_looked_for() {
    let world = day_of_three_files().await;
    world.delete(STATE).await;
    let partition = "pncp/year=2025/month=10/day=22";
    let day = world.day_with(Op::List, partition, vec![Fault::Hide("c000002")]);
    assert_eq!(day.open().await.unwrap().len(), 5);
    world.assert_sound().await;
}

/// Files may be gone as well: the marker alone proves nothing.
#[tokio::test]
async fn a_complete_day_without_its_state_is_complete_no_longer() {
    let world = memory();
    let (day, run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    day.record(&mut state, &run, &Default::default(), true)
        .await
        .unwrap();
    world.delete(STATE).await;
    let state = day.open().await.unwrap();
    assert!(!state.is_complete() && !world.exists(MARKER).await);
    assert_eq!(state.recovery().rebuilt, Some(Cause::Missing));
    assert_eq!(world.state().await["complete"], false);
}

/// Slice progress is known only to the state, so it is dropped if the ids were wrong.
#[tokio::test]
async fn a_rebuilt_state_has_no_proven_slices() {
    let world = memory();
    let run = run_once(&world, "hourly", &["a"]).await;
    let day = world.day();
    let mut state = day.open().await.unwrap();
    let progress = crate::state::SliceProgress::of(1, 1);
    let slices = [("modalidade=6".to_owned(), progress)].into();
    day.record(&mut state, &run, &slices, false).await.unwrap();
    let text = world.text(STATE).await;
    let wrong_total = text.replace("_processed\": 1", "_processed\": 7");
    world.put(STATE, wrong_total.clone()).await;
    let state = day.open().await.unwrap();
    assert!(state.slices().is_empty() && state.contains("a"));

    let wrong_id = wrong_total.replacen("\"a\"", "\"lost\"", 1);
    world.put(STATE, wrong_id).await;
    let state = day.open().await.unwrap();
    assert_eq!(state.recovery().removed_ids, 1);
    assert!(state.slices().is_empty() && state.contains("a"));
    let audit = world.state().await["executions"].clone();
    let told = audit.as_array().unwrap().iter();
    let told: Vec<_> = told
        .filter_map(|entry| entry["removed_ids"].as_u64())
        .collect();
    assert_eq!(told, [1], "P7: what was taken out is in the audit");
}
