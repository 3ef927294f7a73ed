//! Outcome of a run, progress of the slices, and the marker of a complete day.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::faulty::{Fault, Op};
use super::support::*;
use crate::state::{SliceProgress, complete_days, glance};
use bronzed_model::execution::{Execution, Status};

fn slices(read: &[(&str, u64)]) -> BTreeMap<String, SliceProgress> {
    let progress = |total| SliceProgress::of(total, total);
    let read = read.iter();
    read.map(|(label, total)| ((*label).to_owned(), progress(*total)))
        .collect()
}

#[tokio::test]
async fn every_member_of_an_entry_is_there() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("hourly"));
    let mut state = day.open().await.unwrap();
    run.counts.requests = 14;
    run.counts.retries = 1;
    run.counts.fetched = 3;
    run.counts.off_day = 1;
    run.counts.duplicates = 2;
    run.status = Status::Partial;
    run.failed_slices = vec![("modalidade=6".to_owned(), "no \"JSON\"".to_owned())];
    world.clock.set(at("2025-10-22T12:00:01.5Z"));
    day.record(&mut state, &run, &slices(&[("modalidade=8", 812)]), false)
        .await
        .unwrap();

    let expected = format!(
        r#"{{
  "date": "2025-10-22",
  "processed_ids": [],
  "last_execution": "2025-10-22T09:00:01-03:00",
  "total_processed": 0,
  "executions": [
    {{"timestamp": "2025-10-22T09:00:01-03:00", "new_records": 0, "duplicates_filtered": 2, "filter_rate": 66.67, "fetched": 3, "unidentified": 0, "off_day": 1, "requests": 14, "retries": 1, "drift": 0, "run_id": "{}", "job": "hourly", "status": "partial", "failed_slices": ["modalidade=6"], "failures": {{"modalidade=6": "no \"JSON\""}}, "files": [], "started_at": "2025-10-22T08:00:00-03:00", "version": "{}"}}
  ],
  "created_at": "2025-10-22T08:00:00-03:00",
  "slices": {{
    "modalidade=8": {{"total": 812, "seen": 812}}
  }},
  "complete": false,
  "commits": 0,
  "revision": 1,
  "format": 1"#,
        run.run_id,
        env!("CARGO_PKG_VERSION")
    );
    let text = world.text(STATE).await;
    let digest = text
        .strip_prefix(&expected)
        .unwrap_or_else(|| panic!("{text}"));
    let digest = digest.strip_prefix(",\n  \"digest\": \"sha256:").unwrap();
    let digest = digest.strip_suffix("\"\n}\n").unwrap();
    let hash = Sha256::digest(expected.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, hash, "the digest is of all that stands before it");
}

/// P4: a complete day stays complete.
#[tokio::test]
async fn a_complete_day_stays_complete_and_has_its_marker() {
    let world = memory();
    let (day, run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    day.record(&mut state, &run, &slices(&[("modalidade=6", 3)]), true)
        .await
        .unwrap();
    assert!(state.is_complete());
    assert!(world.exists(MARKER).await);

    let mut state = day.open().await.unwrap();
    assert!(state.is_complete());
    day.record(&mut state, &run, &slices(&[("modalidade=8", 5)]), false)
        .await
        .unwrap();
    let stored = world.state().await;
    assert_eq!(stored["complete"], true);
    assert_eq!(stored["slices"].as_object().unwrap().len(), 2, "merged");
    assert_eq!(state.slice("modalidade=6").unwrap().total, 3);
    assert_eq!(state.slices().len(), 2);
    assert_eq!(state.slice("modalidade=1"), None);
    // Recording it again succeeds.
    day.record(&mut state, &run, &slices(&[]), true)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_marker_never_comes_before_the_state() {
    let world = memory();
    let day = world.day_with(Op::Put, STATE, vec![Fault::Deny]);
    let mut state = day.open().await.unwrap();
    let run = world.run("daily");
    let recorded = day.record(&mut state, &run, &slices(&[]), true).await;
    assert!(recorded.is_err());
    assert!(!world.exists(MARKER).await);
}

#[tokio::test]
async fn an_error_that_is_over_leaves_the_entry() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("hourly"));
    let mut state = day.open().await.unwrap();
    for error in [Some("the lake was away".to_owned()), None] {
        run.error = error.clone();
        day.record(&mut state, &run, &slices(&[]), false)
            .await
            .unwrap();
        assert_eq!(
            world.entry(&run).await.get("error").is_some(),
            error.is_some()
        );
    }
    assert_eq!(
        world.state().await["executions"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn p7_parents_that_are_done_without_a_row_are_noted_with_their_run() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("hourly"));
    let mut state = day.open().await.unwrap();
    day.note_parents(&mut state, &["p@1".into()], &mut run)
        .await
        .unwrap();
    assert!(state.is_parent_done("p@1") && !state.is_parent_done("p"));
    assert_eq!(strings(&world.state().await["parents_done"]), ["p@1"]);
    assert_eq!(world.entry(&run).await["status"], "running");
}

/// The cost of reading the day comes from runs that read all of it.
#[tokio::test]
async fn the_most_requests_are_those_of_runs_that_read_everything() {
    let world = memory();
    let day = world.day();
    let mut state = day.open().await.unwrap();
    assert_eq!(state.most_requests(), None);
    for (status, requests) in [
        (Status::Ok, 14),
        (Status::Partial, 30),
        (Status::Ok, 7),
        (Status::Failed, 90),
    ] {
        let mut run = world.run("hourly");
        (run.status, run.counts.requests) = (status, requests);
        day.record(&mut state, &run, &slices(&[]), false)
            .await
            .unwrap();
    }
    assert_eq!(state.most_requests(), Some(14));
}

#[tokio::test]
async fn what_a_state_says_is_seen_at_a_glance() {
    let world = memory();
    let day = world.day();
    let look = || async { glance(&day.lake, "pncp", day.day, day.zone).await.unwrap() };
    assert_eq!(look().await, None);
    let mut run = run_once(&world, "hourly", &["a", "b"]).await;
    let mut state = day.open().await.unwrap();
    run.status = Status::Partial;
    run.error = Some("the API was away".to_owned());
    let run = day
        .record(&mut state, &run, &slices(&[]), true)
        .await
        .unwrap();
    let seen = look().await.unwrap();
    let expected = Execution {
        files: Vec::new(),
        ..run
    };
    assert_eq!((seen.complete, seen.runs), (true, vec![expected]));
    let days = complete_days(&day.lake, "pncp").await.unwrap();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [day.day]);

    let text = world.text(STATE).await;
    world.put(STATE, text.replace("\"a\"", "\"x\"")).await;
    assert_eq!(look().await, None, "it can't be relied on");
}

/// Two runs that end at the same time keep each other's entries.
#[tokio::test(start_paused = true)]
async fn entries_and_slices_of_others_are_kept() {
    let world = memory();
    let others = world.clone();
    let other = world.run("hourly");
    let other_id = other.run_id;
    let meanwhile = Box::pin(async move {
        let day = others.day();
        let mut state = day.open().await.unwrap();
        day.record(&mut state, &other, &slices(&[("modalidade=6", 3)]), true)
            .await
            .unwrap();
    });
    let day = world.day_with(Op::Put, STATE, vec![Fault::Meanwhile(meanwhile)]);
    let run = world.run("manual");
    let mut state = day.open().await.unwrap();
    day.record(&mut state, &run, &slices(&[("modalidade=8", 5)]), false)
        .await
        .unwrap();
    let stored = world.state().await;
    assert_eq!(stored["complete"], true);
    assert_eq!(stored["slices"].as_object().unwrap().len(), 2);
    assert_eq!(entry_of(&stored, other_id)["job"], "hourly");
    assert_eq!(entry_of(&stored, run.run_id)["job"], "manual");
}

/// P7: the entry of a run that was killed after a commit stayed `running` for ever.
#[tokio::test]
async fn a_run_that_was_cut_off_has_an_end_when_the_next_one_has() {
    let world = memory();
    let killed = world.run("hourly");
    let living = world.run("daily");
    let day = world.day();
    let mut of_living = day.open().await.unwrap();
    for (run, id) in [(&killed, "a"), (&living, "b")] {
        let mut run = run.clone();
        run.counts.fetched = 1;
        run.counts.new = 1;
        let file = world.file(&run, &[id]);
        day.commit(&mut of_living, file, &mut run).await.unwrap();
    }
    let status = async |run: &Execution| world.entry(run).await["status"].clone();
    assert_eq!(status(&killed).await, "running");

    let alive = day.lake.living().begin(living.run_id);
    let next = world.run("manual");
    let mut state = day.open().await.unwrap();
    day.record(&mut state, &next, &BTreeMap::new(), false)
        .await
        .unwrap();
    let entry = world.entry(&killed).await;
    assert_eq!(
        (&entry["status"], &entry["stop"]),
        (&"partial".into(), &"interrupted".into())
    );
    assert_eq!(entry["new_records"], 1, "what it committed is its own");
    assert_eq!(status(&living).await, "running", "it is this process's");
    drop(alive);

    // A run of another process is taken for interrupted until it writes again.
    day.record(&mut state, &next, &BTreeMap::new(), false)
        .await
        .unwrap();
    assert_eq!(status(&living).await, "partial");
    let mut ended = living.clone();
    (ended.counts.fetched, ended.counts.new) = (1, 1);
    ended.files = vec![(key(2), 1)];
    ended.status = Status::Ok;
    day.record(&mut of_living, &ended, &BTreeMap::new(), false)
        .await
        .unwrap();
    let entry = world.entry(&living).await;
    assert_eq!((&entry["status"], entry.get("stop")), (&"ok".into(), None));
    world.assert_sound().await;
}
