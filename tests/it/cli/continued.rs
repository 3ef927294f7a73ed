//! A lake that an earlier commit of bronzed has written is continued: formats and file names are promises.
//!
//! `tests/fixtures/lake-3cc3b64` was written by the program of that commit over `bronzed simulate --seed 5 --records 60
//! --record-bytes 800 --others 5 --compras 5 --list 40 --faults 0`, in two runs over 2025-10-22.

use std::path::Path;

use bronzed_simulator::pncp::catalog::Catalog;
use serde_json::json;

use crate::support::lake::Backend;
use crate::support::scene::{DAY, Expect, Scene, day, file};

/// Tables of the lake: of days, of a snapshot, of a feed.
const TABLES: [&str; 4] = [
    "pncp.contratacoes",
    "comprasnet.contratacoes",
    "tcu.inidoneos",
    "tcu.acordaos",
];

fn scene(backend: Backend) -> Scene {
    let scene = Scene::of(backend, Catalog::generated(5, day(), 60, 800));
    let lake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lake-3cc3b64");
    scene.lake.fill_from(&lake);
    scene
}

fn is_continued(backend: Backend) {
    let scene = scene(backend);
    let before = scene.state();
    assert_eq!(before["total_processed"], 48);
    for dataset in TABLES {
        scene.program(&["state", "verify", dataset]).run().expect(0);
    }

    let report = scene.run().expect(0).json();
    assert_eq!(
        (&report["new"], &report["duplicates"]),
        (&json!(12), &json!(48))
    );
    assert_eq!(report["files"], json!([file(3)]));
    let state = scene.state();
    assert_eq!(state["created_at"], before["created_at"]);
    let (old, new) = (
        before["executions"].as_array(),
        state["executions"].as_array(),
    );
    assert_eq!(
        old.unwrap()[..],
        new.unwrap()[..2],
        "the audit stays as it was"
    );
    scene.assert_lake(Expect::All);
    assert_eq!(scene.state()["complete"], true);

    // What was complete is so, and nothing is stored twice.
    let report = scene.run().expect(0).json();
    assert_eq!((&report["new"], &report["files"]), (&json!(0), &json!([])));
    scene
        .program(&["state", "verify", "pncp.contratacoes"])
        .run()
        .expect(0);
    scene.program(&["status"]).run().expect(0);
    let shown = scene.program(&["state", "show", "pncp.contratacoes", "--day", DAY]);
    shown.run().expect(0);
}

#[test]
fn a_lake_of_an_earlier_commit_is_continued_in_a_folder() {
    is_continued(Backend::Folder);
}

#[test]
fn a_lake_of_an_earlier_commit_is_continued_on_s3() {
    is_continued(Backend::S3);
}
