//! Independent readers find the records that the API served.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::pncp::oddity::Oddities;
use bronzed_simulator::pncp::record::Record;
use bronzed_simulator::tree::Tree;
use chrono::{Days, NaiveDate};
use serde_json::json;

use crate::support::lake::Backend;
use crate::support::python::{json_of, python};
use crate::support::scene::{Expect, KEY, Scene, at, day};

#[test]
fn pyarrow_and_duckdb_rebuild_every_recorded_record() {
    let records = recorded();
    let days: BTreeSet<_> = records
        .iter()
        .map(|record| record.published().date())
        .collect();
    let count = records.len();
    let scene = Scene::of(Backend::Folder, Catalog::new().with(records));
    scene.simulator.set_now(at("00:00") + Days::new(300));
    for day in &days {
        let day = day.to_string();
        scene
            .program(&["run", "pncp.contratacoes", "--day", &day])
            .run()
            .expect(0);
    }
    assert!(days.len() > 10 && days.first() == NaiveDate::from_ymd_opt(2025, 10, 22).as_ref());
    assert_both_readers_find(&scene, count);
}

#[test]
fn pyarrow_and_duckdb_rebuild_every_odd_record() {
    let records = GeneratedDay {
        oddities: Oddities::each(0.3),
        ..GeneratedDay::new(23, day(), 500)
    };
    let scene = Scene::of(Backend::Folder, Catalog::new().with(records.records()));
    scene.run().expect(0);
    scene.assert_lake(Expect::All);
    assert_both_readers_find(&scene, 500);
}

/// Returns all contratações recorded by third parties: real data, values unchanged.
fn recorded() -> Vec<Record> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pncp");
    let mut records = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if !name.starts_with("contratacoes_") {
            continue;
        }
        let file = Tree::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let Some(Tree::Array(found)) = file.get("data").or(Some(&file)) else {
            panic!("no records in {}", path.display());
        };
        records.extend(found.iter().map(|tree| Record::new(tree.clone()).unwrap()));
    }
    assert_eq!(records.len(), 88);
    records
}

#[track_caller]
fn assert_both_readers_find(scene: &Scene, count: usize) {
    let mut script = python().script("readers.py");
    let script = script
        .arg("compare")
        .arg(scene.lake.as_folder())
        .args(["pncp", KEY]);
    let found = json_of(script.arg(scene.testimony()));
    assert_eq!(found["violations"], json!([]));
    assert_eq!(found["rows"], json!({"pyarrow": count, "duckdb": count}));
}
