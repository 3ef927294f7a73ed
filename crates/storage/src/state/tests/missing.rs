//! P5: missing objects are noticed. A day whose files are gone, or of which only the marker is left, isn't
//! complete, and its records are read again.

use super::corruption::sound_day;
use super::faulty::{Fault, Op};
use super::support::*;
use crate::state::{Cause, complete_days, inspect, is_complete, listing, listing_with_files};
use bronzed_model::day::Day;

const ACCEPTED: &str = "pncp/_state/accepted/20251022";

async fn is_called_complete(world: &World) -> bool {
    let lake = world.day().lake;
    let days = complete_days(&lake, "pncp").await.unwrap();
    let one = is_complete(&lake, "pncp", day()).await.unwrap();
    assert_eq!(one, days.contains(&day()));
    one
}

/// Reads the whole day again, and proves it.
async fn read_again(world: &World, ids: &[&str]) -> u64 {
    let (day, mut run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    let new = ids.iter().copied().filter(|id| !state.contains(id));
    let new: Vec<_> = new.collect();
    ingest(world, &day, &mut state, &mut run, &new)
        .await
        .unwrap();
    day.record(&mut state, &run, &Default::default(), true)
        .await
        .unwrap();
    assert!(state.is_complete());
    run.counts.new
}

#[tokio::test]
async fn a_file_that_was_removed_is_noticed_and_its_records_are_read_again() {
    for gone in [1, 2, 3] {
        let world = sound_day(memory()).await;
        let ids = world.files().await[&key(gone)].clone();
        world.delete(&key(gone)).await;
        let day = world.day();
        let found = inspect(&day.lake, &day.dataset, day.zone, day.day).await;
        let findings = found.unwrap().findings;
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let told = format!("file c00000{gone} is gone: {} records", ids.len());
        assert_eq!(findings[0].what, told);

        let state = day.open().await.unwrap();
        assert!(matches!(state.recovery().rebuilt, Some(Cause::Files(_))));
        assert!(state.recovery().reopened && !state.is_complete());
        assert_eq!(state.recovery().removed_ids, ids.len() as u64);
        assert!(ids.iter().all(|id| !state.contains(id)));
        assert!(!world.exists(MARKER).await && !is_called_complete(&world).await);
        assert_eq!(strings(&world.state().await["lost_files"]), [key(gone)]);

        // The loss is reported once, and no number is reused.
        assert!(day.open().await.unwrap().recovery().is_empty());
        let all = ["a", "b", "c", "d", "e"];
        assert_eq!(read_again(&world, &all).await, ids.len() as u64);
        assert!(!world.exists(&key(gone)).await && world.exists(&key(4)).await);
        assert!(is_called_complete(&world).await);
        world.assert_sound().await;
        let found = inspect(&day.lake, &day.dataset, day.zone, day.day).await;
        assert_eq!(found.unwrap().findings, []);
    }
}

/// Days that a look at the whole table finds to have lost files.
async fn lost(world: &World) -> Vec<Day> {
    let lake = world.day().lake;
    let found = listing_with_files(&lake, "pncp").await.unwrap();
    let marked = listing(&lake, "pncp").await.unwrap().complete;
    assert!(found.lost.is_disjoint(&found.complete) && found.lost.is_subset(&marked));
    found.lost.into_iter().collect()
}

/// `status`, `coverage` and `backfill` went by the marker, and called a day complete of which nothing was left.
#[tokio::test]
async fn a_complete_day_without_its_files_is_told_by_a_listing() {
    for gone in [&[1][..], &[2], &[3], &[1, 2, 3]] {
        let world = sound_day(memory()).await;
        assert_eq!(lost(&world).await, []);
        for number in gone {
            world.delete(&key(*number)).await;
        }
        assert_eq!(lost(&world).await, [day()], "{gone:?}");
        read_again(&world, &["a", "b", "c", "d", "e"]).await;
        assert_eq!(lost(&world).await, [], "{gone:?}");
        world.assert_sound().await;
    }
}

/// The API lists nothing any more of what the file had: no commit follows, and fewer files are noted.
#[tokio::test]
async fn a_loss_that_brings_no_new_file_is_told_once() {
    let world = sound_day(memory()).await;
    world.delete(&key(3)).await;
    read_again(&world, &["a", "b", "c"]).await;
    assert!(is_called_complete(&world).await);
    assert_eq!(lost(&world).await, []);
    world.delete(&key(1)).await;
    assert_eq!(lost(&world).await, [day()]);
}

#[tokio::test]
async fn a_file_that_came_late_to_a_complete_day_is_noted_too() {
    let world = sound_day(memory()).await;
    run_once(&world, "hourly", &["f"]).await;
    assert_eq!(lost(&world).await, []);
    world.delete(&key(4)).await;
    assert_eq!(lost(&world).await, [day()]);
}

#[tokio::test]
async fn an_accepted_day_without_its_files_is_told_by_a_listing() {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    world.day().accept("enough").await.unwrap();
    world.delete(&key(1)).await;
    let found = listing_with_files(&world.day().lake, "pncp").await.unwrap();
    assert!(found.lost.contains(&day()) && found.accepted.is_empty());
}

/// A state that an earlier version wrote says nothing of sizes, and no note was put.
#[tokio::test]
async fn a_day_without_a_note_of_its_files_is_believed() {
    let world = sound_day(memory()).await;
    for entry in world.day().lake.list("pncp/_state/files").await.unwrap() {
        world.delete(&entry.key).await;
    }
    world.delete(&key(1)).await;
    assert_eq!(lost(&world).await, []);
}

/// A file that was cut off stayed counted, and `run` said that all of its records were known.
#[tokio::test]
async fn a_file_that_was_cut_off_counts_as_lost() {
    for (number, left) in [(1, 0), (2, 11), (3, 500)] {
        let world = sound_day(memory()).await;
        let (key, ids) = (key(number), world.files().await[&key(number)].clone());
        let whole = world.bytes(&key).await;
        world.put(&key, whole.slice(..left)).await;
        assert_eq!(lost(&world).await, [day()]);

        let state = world.day().open().await.unwrap();
        let told = format!("the file `{key}` is cut off");
        assert_eq!(state.recovery().rebuilt.as_ref().unwrap().to_string(), told);
        assert_eq!(state.recovery().removed_ids, ids.len() as u64);
        assert!(!state.is_complete() && !world.exists(MARKER).await);
        // The loss is reported once, and its records are stored under a number of their own.
        assert!(world.day().open().await.unwrap().recovery().is_empty());
        let all = ["a", "b", "c", "d", "e"];
        assert_eq!(read_again(&world, &all).await, ids.len() as u64);
        assert!(lost(&world).await.is_empty() && is_called_complete(&world).await);

        world.delete(&key).await;
        world.assert_sound().await;
        assert!(world.day().open().await.unwrap().recovery().is_empty());
        world.put(&key, whole).await;
        let state = world.day().open().await.unwrap();
        assert!(state.lost_files().is_empty(), "it is back");
    }
}

/// A rebuild without a state read the file, and stopped there.
#[tokio::test]
async fn a_file_too_short_for_parquet_is_lost_without_a_state_too() {
    let world = sound_day(memory()).await;
    world.put(&key(2), "PAR1").await;
    world.delete(STATE).await;
    let state = world.day().open().await.unwrap();
    assert_eq!(strings(&world.state().await["lost_files"]), [key(2)]);
    assert!(!state.contains("c") && state.contains("d") && !state.is_complete());
}

#[tokio::test]
async fn a_listing_that_leaves_a_file_out_is_not_believed() {
    let world = sound_day(memory()).await;
    let day = world.faulty_day(|op, _| (op == Op::List).then_some(Fault::Hide("c000002")));
    let state = day.open().await.unwrap();
    assert!(state.recovery().is_empty() && state.is_complete());
}

#[tokio::test]
async fn a_file_that_comes_back_is_counted_again() {
    let world = sound_day(memory()).await;
    let bytes = world.bytes(&key(2)).await;
    world.delete(&key(2)).await;
    world.day().open().await.unwrap();
    world.put(&key(2), bytes).await;
    let state = world.day().open().await.unwrap();
    assert!(state.contains("c") && !state.is_complete());
    assert!(state.lost_files().is_empty());
    world.assert_sound().await;
}

#[tokio::test]
async fn a_rebuild_that_lost_ids_leaves_no_day_complete() {
    let world = sound_day(memory()).await;
    world.delete(&key(3)).await;
    let state = world.day().rebuild_state().await.unwrap();
    assert_eq!(state.recovery().removed_ids, 2);
    assert!(!state.is_complete() && !is_called_complete(&world).await);
    assert!(!world.exists(MARKER).await);
}

#[tokio::test]
async fn a_marker_without_a_state_is_no_proof() {
    let world = sound_day(memory()).await;
    for key in [STATE.to_owned(), key(1), key(2), key(3)] {
        world.delete(&key).await;
    }
    assert!(world.exists(MARKER).await && !is_called_complete(&world).await);
    let state = world.day().open().await.unwrap();
    assert!(!state.is_complete() && !world.exists(MARKER).await);
    assert!(!is_called_complete(&world).await);
}

/// Interrupted between state and marker: the day is complete, and a listing doesn't show it.
#[tokio::test]
async fn a_complete_day_whose_marker_is_missing_is_given_it_by_any_run() {
    let world = sound_day(memory()).await;
    world.delete(MARKER).await;
    world.day().open().await.unwrap();
    assert!(is_called_complete(&world).await);
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_markers_are_taken_back_leaves_no_false_one() {
    for step in 0..12 {
        let world = sound_day(memory()).await;
        world.delete(&key(1)).await;
        let mut left = step;
        let day = world.faulty_day(move |_, _| {
            left -= 1;
            (left < 0).then_some(Fault::Fail)
        });
        drop(day.open().await);
        let says = world.state().await["complete"] == true;
        assert!(says || !world.exists(MARKER).await, "step {step}");
        assert!(!world.day().open().await.unwrap().is_complete());
        assert!(!world.exists(MARKER).await, "step {step}");
    }
}

/// The run deduplicated against ids that are gone: it hasn't looked for their records.
#[tokio::test]
async fn a_run_under_way_while_files_get_lost_calls_no_day_complete() {
    let world = sound_day(memory()).await;
    let (day, run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    world.delete(&key(2)).await;
    world.day().open().await.unwrap();
    day.record(&mut state, &run, &Default::default(), true)
        .await
        .unwrap();
    assert!(!state.is_complete() && !world.exists(MARKER).await);
    assert_eq!(world.state().await["complete"], false);
}

/// A proven day with slices of the first generation only.
#[tokio::test]
async fn a_new_slice_opens_the_days_before_it_and_keeps_what_is_proven() {
    let world = sound_day(memory()).await;
    let day = world.day();
    day.lake.set_generation("pncp", 1);
    assert!(!is_called_complete(&world).await);
    let (mut state, run) = (day.open().await.unwrap(), world.run("daily"));
    assert!(!state.is_complete() && state.is_slice_proven("modalidade=6"));
    day.record(&mut state, &run, &Default::default(), true)
        .await
        .unwrap();
    assert!(state.is_complete() && is_called_complete(&world).await);
    assert!(world.exists("pncp/_state/complete/20251022.1").await);
    // A day that lost a file has lost both markers.
    world.delete(&key(1)).await;
    day.open().await.unwrap();
    assert!(!world.exists(MARKER).await);
    assert!(!world.exists("pncp/_state/complete/20251022.1").await);
}

#[tokio::test]
async fn an_accepted_day_is_audited_and_gives_way_to_a_proof() {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    let day = world.day();
    let state = day.accept("one record too many").await.unwrap();
    assert_eq!(state.accepted().unwrap().reason, "one record too many");
    assert!(!state.is_complete() && !is_called_complete(&world).await);
    assert!(world.exists(ACCEPTED).await);
    let entry = state.audit().pop().unwrap();
    assert_eq!(
        (&entry["job"], &entry["reason"]),
        (&"accept".into(), &"one record too many".into())
    );
    world.assert_sound().await;

    assert!(day.take_back().await.unwrap());
    assert!(!world.exists(ACCEPTED).await && !day.take_back().await.unwrap());
    assert_eq!(
        day.open().await.unwrap().audit().pop().unwrap()["job"],
        "accept --undo"
    );

    day.accept("again").await.unwrap();
    read_again(&world, &["a", "b", "c"]).await;
    let state = day.open().await.unwrap();
    assert!(state.accepted().is_none() && !world.exists(ACCEPTED).await);
    // A proven day can't be accepted.
    assert!(day.accept("once more").await.unwrap().accepted().is_none());
}

#[tokio::test]
async fn an_accepted_day_that_loses_a_file_is_wanted_again() {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    world.day().accept("enough").await.unwrap();
    world.delete(&key(1)).await;
    let state = world.day().open().await.unwrap();
    assert!(state.accepted().is_none() && !world.exists(ACCEPTED).await);
}

#[tokio::test]
async fn a_day_that_is_forgotten_is_read_again_and_stores_nothing_twice() {
    let world = sound_day(memory()).await;
    let state = world.day().forget(Some("the API was wrong")).await.unwrap();
    assert!(!state.is_complete() && state.slices().is_empty());
    assert!(!world.exists(MARKER).await && !is_called_complete(&world).await);
    let entry = state.audit().pop().unwrap();
    assert_eq!(
        (&entry["job"], &entry["reason"]),
        (&"forget".into(), &"the API was wrong".into())
    );
    let new = read_again(&world, &["a", "b", "c", "d", "e"]).await;
    assert_eq!((new, is_called_complete(&world).await), (0, true));
    world.assert_sound().await;
    // A day without a state isn't written.
    let nothing = memory();
    nothing.day().forget(None).await.unwrap();
    assert!(!nothing.exists(STATE).await);
}
