//! `bronzed state rebuild`: restores the same document from the files.

use serde_json::Value;

use super::corruption::sound_day;
use super::faulty::{Fault, Op};
use super::support::*;
use crate::state::{Cause, StateError};

/// Returns the document without the members that change with each write.
fn lasting(mut state: Value) -> Value {
    for member in ["last_execution", "revision", "digest"] {
        state[member].take();
    }
    state
}

#[tokio::test]
async fn a_sound_state_is_the_same_after_it() {
    for world in [memory(), memory().compressed()] {
        let world = sound_day(world).await;
        let before = world.state().await;
        let state = world.day().rebuild_state().await.unwrap();
        assert_eq!(state.recovery().rebuilt, Some(Cause::Asked));
        let after = world.state().await;
        assert_eq!(lasting(after.clone()), lasting(before.clone()));
        let revision = before["revision"].as_u64().unwrap();
        assert_eq!(after["revision"], revision + 1);
        assert!(world.day().open().await.unwrap().recovery().is_empty());
    }
}

/// From bronze alone, only the content of the audit is lost: runs without files, withdrawn ids, the progress
/// of slices, and completeness.
#[tokio::test]
async fn without_a_state_it_is_the_same_up_to_the_audit() {
    let world = sound_day(memory()).await;
    let before = world.state().await;
    world.delete(STATE).await;
    world.day().rebuild_state().await.unwrap();
    let after = world.state().await;
    for member in [
        "date",
        "processed_ids",
        "total_processed",
        "commits",
        "format",
    ] {
        assert_eq!(after[member], before[member], "{member}");
    }
    // The set of files before the loss is unknown.
    assert_eq!(after["complete"], false);
    assert!(!world.exists(MARKER).await);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_marker_that_is_missing_is_put() {
    let world = sound_day(memory()).await;
    world.delete(MARKER).await;
    world.day().rebuild_state().await.unwrap();
    assert!(world.exists(MARKER).await);
    assert_eq!(world.state().await["complete"], true);
}

#[tokio::test]
async fn a_day_of_which_nothing_is_known_stays_so() {
    let world = memory();
    let state = world.day().rebuild_state().await.unwrap();
    assert!(state.is_empty() && state.recovery().is_empty());
    assert!(!world.exists(STATE).await);
}

/// A run that commits meanwhile loses nothing.
#[tokio::test]
async fn a_run_that_is_quicker_is_counted() {
    let world = sound_day(memory()).await;
    let other = world.clone();
    let meanwhile = async move {
        run_once(&other, "hourly", &["new"]).await;
    };
    let faults = vec![Fault::Meanwhile(Box::pin(meanwhile)), Fault::LoseReply];
    let day = world.day_with(Op::Put, STATE, faults);
    let state = day.rebuild_state().await.unwrap();
    assert!(state.contains("new"));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_newer_versions_state_is_left_alone() {
    let world = sound_day(memory()).await;
    let newer = world
        .text(STATE)
        .await
        .replace("\"format\": 1", "\"format\": 2");
    world.put(STATE, newer.clone()).await;
    let error = world.day().rebuild_state().await.unwrap_err();
    assert!(matches!(error, StateError::NewerFormat { .. }), "{error}");
    assert_eq!(world.text(STATE).await, newer);
}
