//! Requests to a daemon over its API, and job settings: runs, backfills, pauses, deadlines; and a run that
//! panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bronzed::server::daemon::{DaemonService as _, ServiceError};
use bronzed::server::order::{BackfillOrder, RunOrder};
use bronzed::server::view::{RunStatus, RunView};
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;
use bronzed_storage::bronze::layout;
use chrono::{DateTime, TimeDelta, Utc};

use crate::support::driven::{Life, Plan, World};
use crate::support::runtime;
use crate::support::sources::JOBS;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Returns one source with these jobs, whose coverage begins two days before 2025-10-22.
async fn world(jobs: &str, more: &[(&str, &str)], now: &str) -> World {
    let plan = Plan {
        sources: &["one"],
        jobs,
        days: (day("2025-10-20"), day("2025-10-22")),
        records: 60,
        latency: Duration::ZERO,
        more,
    };
    World::new(3, plan, at(now)).await
}

fn order(days: &[&str], mode: Mode) -> RunOrder {
    RunOrder {
        source: "one".to_owned(),
        dataset: "contratacoes".to_owned(),
        days: days.iter().map(|text| day(text)).collect(),
        mode,
    }
}

async fn run(life: &Life, of: &RunView) -> RunView {
    let runs = life.daemon.runs().await.unwrap();
    runs.into_iter()
        .find(|run| run.run_id == of.run_id)
        .expect("the run that was promised")
}

#[test]
fn a_run_that_is_asked_for_keeps_its_id_and_one_of_a_day_under_way_is_joined() {
    runtime().block_on(async {
        let world = world("", &[], "2025-10-22T12:30:00-03:00").await;
        let life = world.start();
        life.look().await;
        let asked = order(&["2025-10-22", "2025-10-20"], Mode::Full);
        let [first, second]: [RunView; 2] = life
            .daemon
            .start_runs(asked.clone())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (first.day, second.day),
            (day("2025-10-22"), day("2025-10-20"))
        );
        assert_eq!(first.status, RunStatus::Queued);
        // Requested again while under way: the same runs.
        let again = life.daemon.start_runs(asked).await.unwrap();
        assert_eq!(
            [first.run_id, second.run_id],
            [again[0].run_id, again[1].run_id]
        );
        life.look().await;
        let done = run(&life, &second).await;
        assert_eq!((done.status, &*done.job), (RunStatus::Ok, "manual"));
        assert_eq!(done.counts.unwrap().new, done.progress.new);
        assert!(done.progress.records > 0 && done.progress.pages_read > 0);
        let audit = world.audit("one", second.day).await;
        assert_eq!(audit.len(), 1, "once, although it was asked for twice");
        assert_eq!(audit[0]["run_id"], second.run_id.to_string());
        assert_eq!(world.audit("one", first.day).await.len(), 1);
        let tomorrow = life
            .daemon
            .start_runs(order(&["2025-10-23"], Mode::Full))
            .await;
        assert!(
            matches!(tomorrow, Err(ServiceError::Refused { .. })),
            "{tomorrow:?}"
        );
        life.stop().await;
    });
}

#[test]
fn a_backfill_that_is_asked_for_reads_what_is_not_complete_newest_first() {
    runtime().block_on(async {
        let world = world("", &[], "2025-10-23T12:30:00-03:00").await;
        let life = world.start();
        life.look().await;
        life.daemon
            .start_runs(order(&["2025-10-21"], Mode::Full))
            .await
            .unwrap();
        life.look().await;
        let asked = BackfillOrder {
            source: "one".to_owned(),
            dataset: "contratacoes".to_owned(),
            from: day("2025-10-20"),
            to: day("2025-10-22"),
        };
        let found = life.daemon.start_backfill(asked.clone()).await.unwrap();
        assert_eq!((found.queued_days, found.complete_days), (2, 1));
        life.look().await;
        world
            .assert_complete(&[day("2025-10-20"), day("2025-10-21"), day("2025-10-22")])
            .await;
        assert_eq!(world.audit("one", day("2025-10-21")).await.len(), 1);
        let again = life.daemon.start_backfill(asked).await.unwrap();
        assert_eq!((again.queued_days, again.complete_days), (0, 3));
        life.stop().await;
    });
}

#[test]
fn a_pause_outlives_the_daemon_and_a_resumed_job_catches_up() {
    runtime().block_on(async {
        let world = world(JOBS, &[], "2025-10-22T09:59:00-03:00").await;
        let life = world.start();
        life.look().await;
        let runs = async |of: &str| world.audit("one", day(of)).await.len();
        let before = runs("2025-10-22").await;
        let paused = life.daemon.set_paused("one", "hourly", true).await.unwrap();
        assert_eq!(paused.paused_since, Some(at("2025-10-22T09:59:00-03:00")));
        assert_eq!(paused.next_slot, None);
        life.stop().await;
        world.truth.set(at("2025-10-22T11:00:05-03:00"));
        let life = world.start();
        life.look().await;
        world.pass(&life, at("2025-10-22T12:30:00-03:00")).await;
        assert_eq!(runs("2025-10-22").await, before, "no hourly run meanwhile");
        let jobs = life.daemon.jobs().await.unwrap();
        let hourly = jobs.iter().find(|job| job.name == "hourly").unwrap();
        assert_eq!(hourly.paused_since, paused.paused_since);
        life.daemon
            .set_paused("one", "hourly", false)
            .await
            .unwrap();
        life.look().await;
        assert_eq!(
            runs("2025-10-22").await,
            before + 1,
            "once for all the slots"
        );
        let missing = life.daemon.set_paused("one", "weekly", true).await;
        assert!(matches!(missing, Err(ServiceError::NotFound { .. })));
        life.stop().await;
    });
}

/// A daemon planned as soon as it knew the days, which was at times before it knew the paused jobs.
#[test]
fn a_paused_job_does_not_run_before_its_pause_is_known() {
    runtime().block_on(async {
        let world = world(JOBS, &[], "2025-10-22T09:59:00-03:00").await;
        let life = world.start();
        life.look().await;
        life.daemon.set_paused("one", "hourly", true).await.unwrap();
        life.stop().await;
        let before = world.audit("one", day("2025-10-22")).await.len();
        world
            .store
            .refuse(|operation| operation == "GET _bronzed/paused.json");
        world.truth.set(at("2025-10-22T11:00:05-03:00"));
        let life = world.start();
        life.look().await;
        world.store.refuse(|_| false);
        world.pass(&life, at("2025-10-22T11:30:00-03:00")).await;
        let seen = world.audit("one", day("2025-10-22")).await;
        assert_eq!(seen.len(), before, "{seen:#?}");
        // The other jobs wait for nothing else.
        world.pass(&life, at("2025-10-23T04:00:00-03:00")).await;
        world.assert_complete(&[day("2025-10-22")]).await;
        life.stop().await;
    });
}

/// A run that panics keeps its commits and is audited as failed; the daemon and its other runs continue,
/// and the day is read again.
#[test]
fn a_run_that_panics_is_audited_and_ends_nobody_else() {
    const IN_A_PANIC: &str = "planted-in-a-panic-90b3aa";
    bronzed_model::redact::register([IN_A_PANIC.to_owned()]);
    runtime().block_on(async {
        let more = [("BRONZED__COMMIT__MAX_RECORDS", "10")];
        let world = world(JOBS, &more, "2025-10-23T03:00:00-03:00").await;
        let panicked = Arc::new(AtomicBool::new(false));
        let once = Arc::clone(&panicked);
        let second = layout::file_key("one", day("2025-10-22"), 2);
        world.store.refuse(move |operation| {
            let panics = operation == format!("PUT {second}") && !once.swap(true, Ordering::SeqCst);
            assert!(!panics, "a fault, for the test: {IN_A_PANIC}");
            false
        });
        let life = world.start();
        life.look().await;
        assert!(panicked.load(Ordering::SeqCst));
        let audit = world.audit("one", day("2025-10-22")).await;
        assert_eq!(audit[0]["status"], "failed");
        let error = audit[0]["error"].as_str().unwrap();
        assert!(error.contains("a fault, for the test: [secret]"), "{error}");
        assert!(!error.contains(IN_A_PANIC), "{error}");
        assert_eq!(audit[0]["new_records"], 10, "the first file is its own");
        let shown = life.daemon.runs().await.unwrap();
        assert!(shown.iter().any(|run| run.status == RunStatus::Failed));
        world.assert_complete(&[day("2025-10-21")]).await;
        world.pass(&life, at("2025-10-23T03:20:00-03:00")).await;
        world.assert_complete(&[day("2025-10-22")]).await;
        life.stop().await;
    });
}

#[test]
fn a_run_beyond_its_deadline_commits_what_it_has_and_is_tried_again() {
    runtime().block_on(async {
        let jobs = r#"
[job.daily]
cron = "0 3 * * *"
days = "yesterday"
deadline = "2s"
"#;
        let plan = Plan {
            sources: &["one"],
            jobs,
            days: (day("2025-10-22"), day("2025-10-22")),
            records: 120,
            // Some 25 requests, three at a time.
            latency: Duration::from_millis(400),
            more: &[],
        };
        let world = World::new(3, plan, at("2025-10-23T02:59:50-03:00")).await;
        // Paused until the slot, because earlier days are outside this test.
        let life = world.start();
        life.daemon.set_paused("one", "daily", true).await.unwrap();
        life.look().await;
        world.truth.set(at("2025-10-23T03:00:00-03:00"));
        life.daemon.set_paused("one", "daily", false).await.unwrap();
        life.look().await;
        let audit = world.audit("one", day("2025-10-22")).await;
        assert_eq!(audit[0]["status"], "partial", "{audit:#?}");
        assert!(
            audit[0]["error"]
                .as_str()
                .unwrap()
                .contains("deadline of 2s")
        );
        assert!(audit[0]["new_records"].as_u64() > Some(0));
        let next = life.daemon.next_wake().unwrap() - world.truth.now();
        assert_eq!(next.num_minutes(), 10, "not at once, and not never");
        life.stop().await;
    });
}

#[test]
fn stopping_is_no_failure_and_the_next_daemon_goes_on_at_once() {
    runtime().block_on(async {
        let plan = Plan {
            sources: &["one"],
            jobs: JOBS,
            days: (day("2025-10-22"), day("2025-10-22")),
            records: 120,
            latency: Duration::from_millis(40),
            more: &[("BRONZED__COMMIT__MAX_RECORDS", "10")],
        };
        let world = World::new(3, plan, at("2025-10-23T03:00:00-03:00")).await;
        let life = world.start();
        life.daemon.wake();
        let first = layout::file_key("one", day("2025-10-22"), 1);
        while !world.lake().exists(&first).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        life.stop().await;
        let audit = world.audit("one", day("2025-10-22")).await;
        assert_eq!(audit[0]["status"], "partial", "{audit:#?}");
        let error = audit[0]["error"].as_str().unwrap();
        assert!(error.contains("told to stop"), "{error}");
        world.truth.advance(TimeDelta::seconds(2));
        let life = world.start();
        life.look().await;
        world.assert_complete(&[day("2025-10-22")]).await;
        life.stop().await;
    });
}
