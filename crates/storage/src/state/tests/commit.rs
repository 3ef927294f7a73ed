//! Sequential and concurrent runs, without faults.

use std::collections::BTreeMap;

use super::faulty::{Fault, Op};
use super::support::*;
use bronzed_model::execution::Status;

/// Reference scenario of the design.
#[tokio::test]
async fn a_day_grows_by_what_is_new_each_time() {
    let (_folder, worlds) = worlds();
    for world in worlds {
        let morning = run_once(&world, "hourly", &["c", "a", "b"]).await;
        world.clock.set(at("2025-10-22T15:00:03Z"));
        let noon = run_once(&world, "hourly", &["a", "b", "c", "d", "e"]).await;
        world.clock.set(at("2025-10-22T19:00:03Z"));
        let afternoon = run_once(&world, "hourly", &["a", "b", "c", "d", "e"]).await;

        assert_eq!(morning.files, [(key(1), 3)]);
        assert_eq!(noon.files, [(key(2), 2)]);
        assert_eq!(afternoon.files, [], "P6: no file without new records");
        let state = world.state().await;
        assert_eq!(state["last_execution"], "2025-10-22T16:00:03-03:00");
        assert_eq!(state["created_at"], "2025-10-22T08:00:00-03:00");
        assert_eq!(state["executions"].as_array().unwrap().len(), 3);
        assert_eq!(entry_of(&state, noon.run_id)["filter_rate"], 60.0);
        assert_eq!(world.files().await.len(), 2);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_run_has_one_entry_that_is_brought_up_to_date() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    assert!(state.is_empty() && state.recovery().is_empty());
    assert!(
        !world.exists(STATE).await,
        "nothing is written for a day that is new"
    );
    for (ids, total) in [(&["a", "b"][..], 2), (&["b", "c", "d"], 4)] {
        ingest(&world, &day, &mut state, &mut run, ids)
            .await
            .unwrap();
        world.assert_sound().await;
        let entry = world.entry(&run).await;
        assert_eq!(entry["status"], "running", "P7: it may yet die");
        assert_eq!(entry["new_records"], total);
        assert_eq!(state.len(), total);
    }
    assert_eq!(run.files, [(key(1), 2), (key(2), 2)]);
    assert_eq!(state.commits(), 2);
    assert!(state.contains("c") && !state.contains("e") && !state.is_empty());
    let revision = world.state().await["revision"].clone();
    assert_eq!(revision, 2, "it grows by one with each write");
    assert_eq!(state.revision(), 2);
    let audit = state.audit();
    assert_eq!((audit.len(), &audit[0]["new_records"]), (1, &4.into()));
}

#[tokio::test]
async fn two_runs_at_once_store_each_record_once() {
    let (_folder, worlds) = worlds();
    for world in worlds {
        let (first, second) = (world.day(), world.day());
        let (mut early, mut late) = (world.run("hourly"), world.run("manual"));
        let mut seen_by_first = first.open().await.unwrap();
        let mut seen_by_second = second.open().await.unwrap();
        let ids = ["a", "b", "c"];
        ingest(&world, &first, &mut seen_by_first, &mut early, &ids)
            .await
            .unwrap();

        let ids = ["b", "c", "d"];
        let committed = ingest(&world, &second, &mut seen_by_second, &mut late, &ids).await;
        let committed = committed.unwrap().unwrap();
        assert_eq!(committed.key, Some(key(2)));
        assert_eq!((committed.rows, committed.dropped), (1, 2));
        assert_eq!((late.counts.new, late.counts.duplicates), (1, 2));
        assert!(late.counts.balanced());
        assert_eq!(late.files, [(key(2), 1)]);
        world.assert_sound().await;

        // The first run continues with its old state, and finds number 2 taken.
        let ids = ["a", "d", "e"];
        ingest(&world, &first, &mut seen_by_first, &mut early, &ids)
            .await
            .unwrap();
        assert_eq!(early.files, [(key(1), 3), (key(3), 1)]);
        assert!(early.counts.balanced());
        world.assert_sound().await;
        assert_eq!(world.state().await["commits"], 3);
    }
}

#[tokio::test]
async fn a_file_that_others_stored_row_by_row_is_not_written() {
    let world = memory();
    let (day, mut run) = (world.day(), world.run("hourly"));
    let mut state = day.open().await.unwrap();
    run_once(&world, "manual", &["a", "b", "c"]).await;

    let committed = ingest(&world, &day, &mut state, &mut run, &["a", "b"]).await;
    let committed = committed.unwrap().unwrap();
    assert_eq!(committed.key, None, "P6");
    assert_eq!((committed.rows, committed.dropped), (0, 2));
    assert_eq!((run.counts.new, run.counts.duplicates), (0, 2));
    assert_eq!(world.files().await.len(), 1);
    assert_eq!(world.entry(&run).await["duplicates_filtered"], 2);
    world.assert_sound().await;
}

/// A file is adopted by another run before its own run has counted it: it is counted once.
#[tokio::test]
async fn a_file_that_others_adopt_first_is_counted_once() {
    let world = memory();
    run_once(&world, "daily", &["z"]).await;
    let other = world.day();
    let adopt = Box::pin(async move {
        let state = other.open().await.unwrap();
        assert_eq!(state.recovery().adopted, [key(2)]);
    });
    let day = world.day_with(Op::Put, STATE, vec![Fault::Meanwhile(adopt)]);
    let mut run = world.run("hourly");
    let mut state = day.open().await.unwrap();
    ingest(&world, &day, &mut state, &mut run, &["a", "b"])
        .await
        .unwrap();

    assert_eq!(run.files, [(key(2), 2)]);
    let entry = world.entry(&run).await;
    assert_eq!(
        entry["status"], "running",
        "the run speaks for itself again"
    );
    assert_eq!(entry["new_records"], 2);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_change_of_others_between_reading_and_writing_is_kept() {
    let world = memory();
    run_once(&world, "hourly", &["a"]).await;
    let (others, elsewhere) = (world.clone(), world.clone());
    let meanwhile = Box::pin(async move {
        run_once(&others, "daily", &["x", "y"]).await;
    });
    let day = elsewhere.day_with(Op::Put, &key(2), vec![Fault::Meanwhile(meanwhile)]);
    let mut run = world.run("manual");
    let mut state = day.open().await.unwrap();
    ingest(&world, &day, &mut state, &mut run, &["a", "b", "x"])
        .await
        .unwrap();

    assert_eq!(run.files, [(key(3), 1)]);
    assert_eq!(
        world.state().await["executions"].as_array().unwrap().len(),
        3
    );
    world.assert_sound().await;
}

#[tokio::test(start_paused = true)]
async fn who_never_gets_a_word_in_gives_up() {
    let world = memory();
    run_once(&world, "hourly", &["a"]).await;
    let others = world.clone();
    let day = world.faulty_day(move |op, key| {
        let others = others.clone();
        let interrupt = Box::pin(async move {
            run_once(&others, "hourly", &["a"]).await;
        });
        (op == Op::Put && key == STATE).then(|| Fault::Meanwhile(interrupt))
    });
    let mut run = world.run("manual");
    let mut state = day.open().await.unwrap();
    let began = tokio::time::Instant::now();
    let error = ingest(&world, &day, &mut state, &mut run, &["b"])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("changed by others 20 times"),
        "{error}"
    );
    assert_eq!(run.files, [], "as it was given");
    // On the paused clock: at most 50 ms to 2 s per back-off, half of that on average.
    let waited = began.elapsed().as_secs();
    assert!((5..30).contains(&waited), "{waited} s between the tries");

    // The file exists, and the next run counts it.
    let state = world.day().open().await.unwrap();
    assert!(state.contains("b"));
    world.assert_sound().await;
}

/// Another run takes each number just after this run has found it free.
#[tokio::test(start_paused = true)]
async fn who_finds_every_number_taken_gives_up() {
    let world = memory();
    let (others, mut taken) = (world.clone(), 0);
    let day = world.faulty_day(move |op, path| {
        let others = others.clone();
        (op == Op::Put && path.ends_with(".parquet")).then(|| {
            taken += 1;
            let id = format!("other-{taken}");
            let take = async move {
                run_once(&others, "hourly", &[id.as_str()]).await;
            };
            Fault::Meanwhile(Box::pin(take))
        })
    });
    let mut run = world.run("manual");
    let mut state = day.open().await.unwrap();
    let error = ingest(&world, &day, &mut state, &mut run, &["b"])
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains(&key(21)),
        "the number that it wanted next: {error}"
    );
    assert_eq!(run.files, []);
    assert_eq!(world.files().await.len(), 20);
    world.assert_sound().await;
}

/// Concurrent runs on a store where most of them collide.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_runs_at_once_in_a_folder() {
    let (_folder, worlds) = worlds();
    let world = worlds.into_iter().next_back().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..10 {
        let world = world.clone();
        tasks.spawn(async move {
            let (day, mut run) = (world.day(), world.run("hourly"));
            let mut state = day.open().await.unwrap();
            let ids: Vec<_> = (number..number + 5)
                .map(|id| format!("id-{id:02}"))
                .collect();
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            ingest(&world, &day, &mut state, &mut run, &ids)
                .await
                .unwrap();
            run.status = Status::Ok;
            let none = BTreeMap::new();
            day.record(&mut state, &run, &none, false).await.unwrap();
            assert!(run.counts.balanced());
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    world.assert_sound().await;
    let state = world.state().await;
    assert_eq!(state["total_processed"], 14);
    assert_eq!(state["executions"].as_array().unwrap().len(), 10);
}
