//! Takeover: a lake of the earlier pipeline, with its faults, is continued in place.

use std::fs;
use std::path::Path;

use bronzed_simulator::Simulator;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};

use crate::support::lake::{Backend, TestLake};
use crate::support::python::{json_of, python};
use crate::support::scene::{DAY, Expect, KEY, STATE, Scene, day, file};

#[test]
fn a_lake_of_the_earlier_pipeline_is_taken_over_in_a_folder() {
    a_lake_of_the_earlier_pipeline_is_taken_over(Backend::Folder);
}

#[test]
fn a_lake_of_the_earlier_pipeline_is_taken_over_on_s3() {
    a_lake_of_the_earlier_pipeline_is_taken_over(Backend::S3);
}

fn a_lake_of_the_earlier_pipeline_is_taken_over(backend: Backend) {
    let scene = Scene::of(backend, Catalog::generated(5, day(), 60, 2_400));
    let made = leave_a_legacy_lake(&scene);
    let old = scene.state();

    let report = scene.run().expect(0).json();
    // Two records that the pipeline lost, two that it never knew, and two whose rows lack their id.
    assert_eq!(report["new"], 2 + 2 + 2);
    assert_eq!(report["duplicates"], 54);
    assert_eq!(report["files"], json!([file(1)]));

    let state = scene.state();
    assert_eq!(state["format"], 1);
    // Times without a zone are in Brasília time.
    let created_at = format!("{}-03:00", old["created_at"].as_str().unwrap());
    assert_eq!(state["created_at"], created_at);
    let executions = state["executions"].as_array().unwrap();
    for (position, before) in old["executions"].as_array().unwrap().iter().enumerate() {
        assert_eq!(
            &executions[position], before,
            "entries of the past stay as they were"
        );
    }
    let adopted = &executions[3];
    assert_eq!(adopted["status"], "adopted");
    assert_eq!(
        adopted["new_records"], 56,
        "ids that the old files really hold"
    );
    assert_eq!(executions.len(), 5);
    let ids = state["processed_ids"].as_array().unwrap();
    let nameless = ids
        .iter()
        .filter(|id| id.as_str().unwrap().starts_with("sha256:"));
    assert_eq!(nameless.count(), made["nameless"].as_array().unwrap().len());
    scene.assert_lake(Expect::All);
    assert_eq!(old_reader(&scene)["total_processed"], 62);

    // A second run adopts nothing and stores nothing.
    let report = scene.run().expect(0).json();
    assert_eq!((&report["new"], &report["files"]), (&json!(0), &json!([])));
    assert_eq!(scene.state()["executions"].as_array().unwrap().len(), 6);
    scene.assert_lake(Expect::All);
}

/// The way back: the pipeline goes on with what this program wrote, and this program with what that one has
/// added and written over.
#[test]
fn the_earlier_pipeline_takes_over_and_gives_back() {
    let scene = Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400));
    // Not told to the judge: its audit is what the pipeline overwrites.
    scene.reader().run().expect(0);
    let more = GeneratedDay::new(6, day(), 12);
    scene.simulator.catalog().extend(more.records());

    let made = written_by_the_pipeline(&scene.simulator, &scene.lake.as_folder(), &["again"]);
    assert_eq!(
        made["new"], 12,
        "it stores nothing again that this program stored"
    );
    assert!(
        scene.state().get("format").is_none(),
        "and overwrites the state"
    );
    assert_eq!(old_reader(&scene)["total_processed"], 72);

    let report = scene.run().expect(0).json();
    assert_eq!(
        (&report["new"], &report["duplicates"]),
        (&json!(0), &json!(72))
    );
    assert_eq!(scene.state()["format"], 1);
    assert_eq!(scene.state()["total_processed"], 72);
    scene.assert_lake(Expect::All);
}

#[test]
fn fields_that_nobody_knows_survive_the_rewrite() {
    let scene = Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400));
    leave_a_legacy_lake(&scene);
    let mut state = scene.state();
    state["operator_note"] = json!({"by": "ana", "text": "recarga após queda do banco"});
    state["executions"][0]["spark_job"] = json!(17);
    scene.lake.put(STATE, state.to_string());
    scene.run().expect(0);
    scene.run().expect(0);
    let after = scene.state();
    assert_eq!(after["operator_note"], state["operator_note"]);
    assert_eq!(after["executions"][0], state["executions"][0]);
    assert_eq!(
        after["executions"][1]["validation"],
        state["executions"][1]["validation"]
    );
    assert_eq!(
        after["executions"][2]["backfill"],
        state["executions"][2]["backfill"]
    );
}

#[test]
fn the_earlier_pipeline_can_read_our_state() {
    let scene = Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400));
    scene.run().expect(0);
    scene.run().expect(0);
    let summary = old_reader(&scene);
    assert_eq!(summary["date"], DAY);
    assert_eq!(summary["total_processed"], 60);
    assert_eq!(summary["total_executions"], 2);
    assert_eq!(summary["total_new_across_executions"], 60);
    assert_eq!(summary["ids"], scene.state()["processed_ids"]);
}

#[test]
fn a_state_of_a_newer_format_is_not_written_over() {
    let scene = Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400));
    scene.run().expect(0);
    let mut state = scene.state();
    state["format"] = json!(99);
    scene.lake.put(STATE, state.to_string());
    let outcome = scene.run().expect(1);
    assert!(outcome.stderr.contains("99"), "{}", outcome.stderr);
    assert_eq!(scene.state(), state);
}

/// Writes the scene's day into the lake as the earlier pipeline would have.
fn leave_a_legacy_lake(scene: &Scene) -> Value {
    leave_a_legacy_day(&scene.simulator, &scene.lake)
}

/// Writes the simulator's day to any lake as the earlier pipeline would have.
pub fn leave_a_legacy_day(simulator: &Simulator, to: &TestLake) -> Value {
    let folder = TempDir::with_prefix("bronzed-legacy-").unwrap();
    let made = written_by_the_pipeline(simulator, folder.path(), &[]);
    to.fill_from(folder.path());
    made
}

/// Writes the simulator's day into a folder as the earlier pipeline does.
fn written_by_the_pipeline(simulator: &Simulator, lake: &Path, more: &[&str]) -> Value {
    let now = simulator.clock().brasilia();
    let listed = simulator.catalog().list(Some(day()), now, true);
    let records: Vec<_> = listed.map(|listed| listed.record).collect();
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, serde_json::to_vec(&records).unwrap()).unwrap();
    let mut script = python().script("legacy_lake.py");
    let script = script.arg(lake).args(["pncp", DAY, KEY]);
    json_of(script.arg(file.path()).args(more))
}

/// Returns the state as the earlier pipeline reads it.
fn old_reader(scene: &Scene) -> Value {
    let state = scene.lake.as_folder().join(STATE);
    json_of(python().script("old_reader.py").arg(state))
}

#[test]
fn the_documented_query_reads_old_and_new_files_together() {
    let scene = Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400));
    leave_a_legacy_lake(&scene);
    scene.run().expect(0);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate/takeover.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_, query) = docs.split_once("```sql\n").unwrap();
    let (query, _) = query.split_once("```").unwrap();
    let file = scene.lake.as_folder().join("query.sql");
    fs::write(&file, query).unwrap();
    let mut script = python().script("readers.py");
    let rows = json_of(script.arg("query").arg(scene.lake.as_folder()).arg(&file));
    let rows = rows.as_array().unwrap();
    // 54 rows and a duplicate, two without id, and the six written by this program.
    assert_eq!(rows.len(), 54 + 1 + 2 + 6);
    for row in rows {
        for (column, value) in row.as_object().unwrap() {
            let nameless = column == KEY && row["written_by_the_old_pipeline"] == true;
            assert!(nameless || !value.is_null(), "{column} of {row}");
        }
    }
    let ours = rows
        .iter()
        .filter(|row| row["written_by_the_old_pipeline"] == false);
    assert_eq!(ours.count(), 6);
}
