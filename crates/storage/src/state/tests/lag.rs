//! A state that lags behind the files (P5): written less often than rows are committed, and nobody misses it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::faulty::{Fault, Op};
use super::support::*;
use crate::invariants::Promise;
use crate::state::{DayState, DayStore, inspect};
use bronzed_model::execution::{Execution, Status};

/// Number of rows of a commit.
const ROWS: usize = 10;

/// Ids of the commit with this number.
fn page(number: usize) -> Vec<String> {
    let rows = number * ROWS..(number + 1) * ROWS;
    // The order of the ids isn't that of the commits.
    rows.map(|row| format!("{:05}", row * 7_919 % 100_003))
        .collect()
}

async fn commit(
    world: &World,
    day: &DayStore,
    (state, run): (&mut DayState, &mut Execution),
    number: usize,
) {
    let ids = page(number);
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    ingest(world, day, state, run, &ids).await.unwrap();
}

/// Writes the last word of a run that has read everything.
async fn end(day: &DayStore, state: &mut DayState, run: &mut Execution, complete: bool) {
    run.status = Status::Ok;
    *run = day
        .record(state, run, &BTreeMap::new(), complete)
        .await
        .unwrap();
}

/// Returns the number of files that the state counts.
async fn counted(world: &World) -> u64 {
    world.state().await["commits"].as_u64().unwrap()
}

/// P8: what a run writes grows with its rows, and not with their square.
#[tokio::test]
async fn the_states_of_forty_commits_take_thrice_the_bytes_of_the_last_one() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("backfill"));
    let mut state = day.open().await.unwrap();
    let (mut written, mut revision) = (0, 0);
    for number in 0..41 {
        match number {
            40 => end(&day, &mut state, &mut run, false).await,
            _ => commit(&world, &day, (&mut state, &mut run), number).await,
        }
        let now = world.state().await["revision"].as_u64().unwrap();
        if now > revision {
            assert_eq!(now, revision + 1, "one write at most");
            written += world.bytes(STATE).await.len();
            revision = now;
        }
    }
    let last = world.bytes(STATE).await.len();
    assert!(
        written <= 3 * last,
        "{written} bytes, and the last has {last}"
    );
    assert_eq!(revision, 7, "with commits 1, 2, 4, 8, 16 and 32, and last");
    assert_eq!(state.revision(), revision);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_run_that_is_killed_far_ahead_of_its_state_loses_nothing() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("backfill"));
    let mut state = day.open().await.unwrap();
    for number in 0..15 {
        commit(&world, &day, (&mut state, &mut run), number).await;
    }
    drop(state);
    assert_eq!(counted(&world).await, 8, "seven files are ahead");
    let found = inspect(&day.lake, &day.dataset, day.zone, day.day).await;
    let findings = found.unwrap().findings;
    assert!(
        findings
            .iter()
            .all(|finding| finding.promise == Promise::P7),
        "{findings:?}"
    );

    let (day, mut next) = (world.day(), world.run("hourly"));
    let mut state = day.open().await.unwrap();
    assert_eq!((state.commits(), state.len()), (15, 15 * ROWS));
    assert_eq!(state.recovery().adopted.len(), 7);
    let entry = world.entry(&run).await;
    assert_eq!(entry["status"], "recovered");
    assert_eq!(entry["new_records"], 15 * ROWS);
    world.assert_sound().await;
    for number in 0..15 {
        commit(&world, &day, (&mut state, &mut next), number).await;
    }
    end(&day, &mut state, &mut next, true).await;
    assert_eq!(
        (next.counts.new, next.counts.duplicates),
        (0, 15 * ROWS as u64)
    );
    assert!(state.is_complete());
    world.assert_sound().await;
}

#[tokio::test]
async fn two_runs_in_turn_that_both_are_ahead_store_each_record_once() {
    let world = memory();
    let (day, other_day) = (world.day(), world.day());
    let (mut run, mut other) = (world.run("daily"), world.run("hourly"));
    let mut state = day.open().await.unwrap();
    let mut other_state = other_day.open().await.unwrap();
    // Each goes on alone for a while, and both read everything.
    for stretch in 0..4 {
        for number in stretch * 4..stretch * 4 + 6 {
            commit(&world, &day, (&mut state, &mut run), number).await;
        }
        for number in stretch * 4..stretch * 4 + 8 {
            commit(&world, &other_day, (&mut other_state, &mut other), number).await;
        }
    }
    end(&day, &mut state, &mut run, false).await;
    world.assert_sound().await;
    end(&other_day, &mut other_state, &mut other, false).await;
    world.assert_sound().await;
    assert_eq!(counted(&world).await, 20);
    for run in [&run, &other] {
        assert_eq!(world.entry(run).await["status"], "ok");
        assert!(run.counts.new > 0 && run.counts.balanced());
    }
}

/// Another run opens the day meanwhile, and adopts what is ahead: the run's own entry has the last word.
#[tokio::test]
async fn files_that_another_run_adopted_stay_those_of_the_run_that_goes_on() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("backfill"));
    let mut state = day.open().await.unwrap();
    for number in 0..7 {
        commit(&world, &day, (&mut state, &mut run), number).await;
    }
    assert_eq!(counted(&world).await, 4);
    let opened = world.day().open().await.unwrap();
    assert_eq!(opened.recovery().adopted.len(), 3);
    world.assert_sound().await;
    for number in 5..9 {
        commit(&world, &day, (&mut state, &mut run), number).await;
    }
    end(&day, &mut state, &mut run, false).await;
    let entry = world.entry(&run).await;
    assert_eq!(
        (&entry["status"], &entry["new_records"]),
        (&"ok".into(), &(9 * ROWS).into())
    );
    assert_eq!(entry["duplicates_filtered"], 2 * ROWS);
    assert_eq!(strings(&entry["files"]).len(), 9);
    world.assert_sound().await;
}

/// A write that failed is repeated: nothing is read again, and the day's proof stands.
#[tokio::test]
async fn a_last_word_that_fails_once_is_repeated_from_memory() {
    for fault in [Fault::Fail, Fault::FalseExists] {
        let world = memory();
        let (reads, mut fault) = (Arc::new(AtomicUsize::new(0)), Some(fault));
        let counter = Arc::clone(&reads);
        let mut puts = 0;
        let day = world.faulty_day(move |op, key| {
            let is_file = key.ends_with(".parquet");
            counter.fetch_add(usize::from(op == Op::Get && is_file), Ordering::Relaxed);
            puts += u32::from(op == Op::Put && key == STATE);
            // With commits 1, 2 and 4, and last.
            if puts == 4 { fault.take() } else { None }
        });
        let mut run = world.run("backfill");
        let mut state = day.open().await.unwrap();
        for number in 0..7 {
            commit(&world, &day, (&mut state, &mut run), number).await;
        }
        let before = reads.load(Ordering::Relaxed);
        end(&day, &mut state, &mut run, true).await;
        assert_eq!(reads.load(Ordering::Relaxed), before);
        assert!(state.is_complete());
        world.assert_sound().await;
    }
}
