//! A run killed at any moment costs time, never records.

use std::thread;
use std::time::Duration;

use bronzed_model::entropy::Entropy;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::pncp::oddity::Oddities;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::scene::{Expect, Scene, day};

/// Number of kills.
const KILLS: u32 = 20;
/// Fixed seed; a failure prints it with the moment of the kill.
const SEED: u64 = 20_251_022;
const RECORDS: u32 = 500;
/// Commit size at which some 40 commits are made, so that most kills fall between two of them.
const COMMIT_RECORDS: &str = "15";

#[test]
fn a_killed_run_and_a_normal_one_give_an_undisturbed_lake_in_a_folder() {
    a_killed_run_and_a_normal_one_give_an_undisturbed_lake(Backend::Folder);
}

#[test]
fn a_killed_run_and_a_normal_one_give_an_undisturbed_lake_on_s3() {
    a_killed_run_and_a_normal_one_give_an_undisturbed_lake(Backend::S3);
}

fn a_killed_run_and_a_normal_one_give_an_undisturbed_lake(backend: Backend) {
    let Undisturbed { ids, took } = undisturbed(backend);
    let entropy = Entropy::seeded(SEED);
    let mut hurt = 0;
    for kill in 1..=KILLS {
        let moment = entropy.up_to(took);
        println!("seed {SEED}, kill {kill}: after {moment:?}");
        let scene = scene(backend);
        scene.kill_after(moment, reader(&scene));
        scene.run_with(reader(&scene)).expect(0);
        assert_eq!(scene.state()["processed_ids"], ids);
        let facts = scene.assert_lake(Expect::All);
        assert_eq!(facts["rows"], RECORDS);
        // A run killed after a commit remains `running` or `recovered` in the audit.
        hurt += u32::from(facts["statuses"][0] == "running" || facts["statuses"][0] == "recovered");
    }
    assert!(hurt > 0, "no kill met a run that had committed");
}

#[test]
fn twenty_kills_in_a_row_and_a_normal_run_give_an_undisturbed_lake() {
    let Undisturbed { ids, took } = undisturbed(Backend::Folder);
    let entropy = Entropy::seeded(SEED);
    let scene = scene(Backend::Folder);
    for kill in 1..=KILLS {
        // Early kills, so that work is left for the later ones.
        let moment = entropy.up_to(took / 2);
        println!("seed {SEED}, kill {kill}: after {moment:?}");
        scene.kill_after(moment, reader(&scene));
    }
    scene.run_with(reader(&scene)).expect(0);
    assert_eq!(scene.state()["processed_ids"], ids);
    assert_eq!(scene.assert_lake(Expect::All)["rows"], RECORDS);
}

#[test]
fn ctrl_c_and_sigterm_leave_a_lake_that_the_next_run_completes() {
    for (backend, signal) in [(Backend::Folder, "INT"), (Backend::S3, "TERM")] {
        let scene = scene(backend);
        let running = reader(&scene).start();
        // Kill after the first commit, with most records still unread.
        while scene
            .lake
            .keys()
            .iter()
            .filter(|key| key.ends_with(".parquet"))
            .count()
            < 3
        {
            thread::sleep(Duration::from_millis(5));
        }
        running.signal(signal);
        let report = running.wait().expect(3).json();
        assert_eq!(report["status"], "partial", "{report}");
        assert_ne!(report["new"], RECORDS);
        scene.assert_lake(Expect::Some);
        scene.run_with(reader(&scene)).expect(0);
        assert_eq!(scene.assert_lake(Expect::All)["rows"], RECORDS);
    }
}

/// Reference: ids and duration of an undisturbed run.
struct Undisturbed {
    ids: Value,
    took: Duration,
}

fn undisturbed(backend: Backend) -> Undisturbed {
    let scene = scene(backend);
    let started = Instant::now();
    scene.run_with(reader(&scene)).expect(0);
    let took = started.elapsed();
    let ids = scene.state()["processed_ids"].clone();
    assert_eq!(ids.as_array().map(Vec::len), Some(RECORDS as usize));
    Undisturbed { ids, took }
}

/// Returns a day whose responses are slow enough to kill the run.
fn scene(backend: Backend) -> Scene {
    let records = GeneratedDay {
        oddities: Oddities::each(0.02),
        ..GeneratedDay::new(7, day(), RECORDS)
    };
    let mut config = crate::support::scene::config(Catalog::new().with(records.records()));
    config.latency = Duration::from_millis(25);
    Scene::new(backend, config)
}

fn reader(scene: &Scene) -> Program {
    scene
        .reader()
        .env("BRONZED__COMMIT__MAX_RECORDS", COMMIT_RECORDS)
}
