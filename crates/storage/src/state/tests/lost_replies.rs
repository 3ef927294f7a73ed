//! Lost replies and late writes, including the two traps of conditional writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::faulty::{Fault, Op};
use super::support::*;
use crate::state::{Cause, StateError};
use bronzed_model::execution::{Execution, Status};

#[tokio::test(start_paused = true)]
async fn a_commit_whose_reply_is_lost_is_recognised() {
    let world = memory();
    let day = world.day_with(Op::Put, &key(1), vec![Fault::LoseReply]);
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    let committed = ingest(&world, &day, &mut state, &mut run, &["a", "b"]).await;
    assert_eq!(committed.unwrap().unwrap().key, Some(key(1)));
    assert!(
        state.recovery().is_empty(),
        "it isn't taken for another run's"
    );
    assert_eq!(world.files().await.len(), 1);
    world.assert_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_whose_reply_is_lost_is_recognised() {
    let world = memory();
    let faults = || vec![Fault::LoseReply];
    for (number, ids) in [(1, ["a"]), (2, ["b"])] {
        // The first write creates the state, the second replaces it.
        let day = world.day_with(Op::Put, STATE, faults());
        let mut run = world.run("hourly");
        let mut state = day.open().await.unwrap();
        ingest(&world, &day, &mut state, &mut run, &ids)
            .await
            .unwrap();
        assert_eq!(world.state().await["revision"], number, "written once");
        ingest(&world, &day, &mut state, &mut run, &["a", "b"])
            .await
            .unwrap();
        world.assert_sound().await;
    }
}

#[tokio::test(start_paused = true)]
async fn failed_writes_are_tried_again() {
    let world = memory();
    let faults = vec![Fault::Fail, Fault::FalseExists, Fault::Fail];
    let day = world.day_with(Op::Put, &key(1), faults);
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    ingest(&world, &day, &mut state, &mut run, &["a"])
        .await
        .unwrap();
    let day = world.day_with(Op::Put, STATE, vec![Fault::Fail, Fault::Fail]);
    ingest(&world, &day, &mut state, &mut run, &["b"])
        .await
        .unwrap();
    world.assert_sound().await;
}

/// A transient conflict: the reply is "already exists" while nothing exists.
#[tokio::test(start_paused = true)]
async fn a_false_already_exists_is_not_believed() {
    let world = memory();
    let faults = || (0..12).map(|_| Fault::FalseExists).collect();
    let day = world.day_with(Op::Put, &key(1), faults());
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    ingest(&world, &day, &mut state, &mut run, &["a"])
        .await
        .unwrap();
    assert_eq!(run.files, [(key(1), 1)], "no number is passed over");
    world.assert_sound().await;
}

#[tokio::test]
async fn what_is_not_allowed_is_not_tried_again() {
    let world = memory();
    let tries = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tries);
    let day = world.faulty_day(move |op, _| {
        (op == Op::Put).then(|| {
            count.fetch_add(1, Ordering::SeqCst);
            Fault::Deny
        })
    });
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    let error = ingest(&world, &day, &mut state, &mut run, &["a"])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("refuses access: forbidden"),
        "{error}"
    );
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

/// A run whose second file of the day stays in flight on every attempt, so that it gives up.
async fn gives_up_a_commit(world: &World) -> (Execution, StateError) {
    run_once(world, "hourly", &["z"]).await;
    let mut faults = std::iter::once(Fault::Delay).chain(std::iter::repeat_with(|| Fault::Fail));
    let day = world.faulty_day(move |op, path| {
        let is_ours = op == Op::Put && path == key(2);
        is_ours.then(|| faults.next()).flatten()
    });
    let mut run = world.run("daily");
    let mut state = day.open().await.unwrap();
    let ingested = ingest(world, &day, &mut state, &mut run, &["a", "b"]).await;
    (run, ingested.unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_arrives_late_is_adopted_and_credited() {
    let world = memory();
    let (mut run, error) = gives_up_a_commit(&world).await;
    assert!(matches!(error, StateError::Unsettled { .. }), "{error}");
    assert_eq!(run.files, []);
    world.deliver_late().await;

    let day = world.day();
    let mut state = day.open().await.unwrap();
    assert_eq!(state.recovery().adopted, [key(2)]);
    assert!(state.contains("a") && state.contains("b"));
    let entry = world.entry(&run).await;
    assert_eq!(entry["status"], "recovered");
    assert_eq!(
        (&entry["new_records"], &entry["fetched"]),
        (&2.into(), &2.into())
    );
    assert_eq!(entry["job"], "daily");
    world.assert_sound().await;

    // The run that gave up records its outcome; the file credited to it stays counted.
    run.status = Status::Failed;
    run.error = Some("the lake was away".to_owned());
    day.record(&mut state, &run, &Default::default(), false)
        .await
        .unwrap();
    let entry = world.entry(&run).await;
    assert_eq!(entry["status"], "failed");
    assert_eq!(entry["error"], "the lake was away");
    assert_eq!(strings(&entry["files"]), [key(2)]);
    assert_eq!(entry["new_records"], 2);
    world.assert_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_arrives_after_its_number_was_taken_is_nothing() {
    let world = memory();
    gives_up_a_commit(&world).await;
    run_once(&world, "manual", &["a", "b", "c"]).await;
    let before = world.files().await;
    world.deliver_late().await;
    assert_eq!(world.files().await, before);
    world.assert_sound().await;
}

/// A zombie run: it continues although its own write arrived late.
#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_finds_its_own_late_commit() {
    let world = memory();
    let (mut run, _) = gives_up_a_commit(&world).await;
    let day = world.day();
    let mut state = day.open().await.unwrap();
    world.deliver_late().await;

    let ids = ["a", "b", "c"];
    let committed = ingest(&world, &day, &mut state, &mut run, &ids)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((committed.rows, committed.dropped), (1, 2));
    assert_eq!(run.files, [(key(3), 1), (key(2), 2)]);
    assert_eq!((run.counts.new, run.counts.duplicates), (3, 2));
    assert!(run.counts.balanced());
    world.assert_sound().await;
}

/// The commit happened and the state wasn't updated: the file counts from its creation on.
#[tokio::test(start_paused = true)]
async fn a_file_without_its_state_is_found_by_the_same_run_and_by_others() {
    let world = memory();
    let faults = (0..20).map(|_| Fault::Fail).collect();
    let day = world.day_with(Op::Put, STATE, faults);
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    let error = ingest(&world, &day, &mut state, &mut run, &["a"])
        .await
        .unwrap_err();
    assert!(matches!(error, StateError::Unsettled { .. }), "{error}");
    assert!(!world.exists(STATE).await);
    assert!(run.counts.balanced() && run.counts.new == 0);

    ingest(&world, &day, &mut state, &mut run, &["a", "b"])
        .await
        .unwrap();
    assert_eq!(run.counts.new, 2, "what was given up is credited: {run:?}");
    assert!(run.counts.balanced());
    assert_eq!(world.files().await.len(), 2);
    world.assert_sound().await;
}

/// The file exists, and the update of the state was refused: the run's final record counts it, in the state
/// and in the returned execution.
#[tokio::test]
async fn a_run_whose_state_was_refused_counts_its_file_with_its_last_word() {
    let world = memory();
    let day = world.day_with(Op::Put, STATE, vec![Fault::Deny]);
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    let error = ingest(&world, &day, &mut state, &mut run, &["a", "b"])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refuses access"), "{error}");

    run.status = Status::Failed;
    let written = day
        .record(&mut state, &run, &Default::default(), false)
        .await
        .unwrap();
    assert_eq!(written.files, [(key(1), 2)]);
    assert_eq!((written.counts.new, written.counts.fetched), (2, 2));
    let entry = world.entry(&run).await;
    assert_eq!(
        (&entry["status"], &entry["new_records"]),
        (&"failed".into(), &2.into())
    );
    world.assert_sound().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_that_vanishes_during_a_commit_is_rebuilt() {
    let world = memory();
    run_once(&world, "hourly", &["a", "b"]).await;
    let elsewhere = world.clone();
    let vanish = Box::pin(async move { elsewhere.delete(STATE).await });
    let day = world.day_with(Op::Put, STATE, vec![Fault::Meanwhile(vanish)]);
    let mut run = world.run("manual");
    let mut state = day.open().await.unwrap();
    ingest(&world, &day, &mut state, &mut run, &["b", "c"])
        .await
        .unwrap();
    assert_eq!(
        strings(&world.state().await["processed_ids"]),
        ["a", "b", "c"]
    );
    assert_eq!(world.entry(&run).await["duplicates_filtered"], 1);
    assert_eq!(state.recovery().rebuilt, Some(Cause::Missing));
    world.assert_sound().await;
}
