//! The reference day of the design: 3 records at 08:00, 5 at 12:00, no new ones at 16:00.

use bronzed_simulator::pncp::catalog::Catalog;
use serde_json::json;

use crate::support::lake::Backend;
use crate::support::scene::{COMPLETE, Expect, STATE, Scene, at, file};

#[test]
fn a_day_grows_from_three_records_to_five_in_a_folder() {
    a_day_grows_from_three_records_to_five(Backend::Folder);
}

#[test]
fn a_day_grows_from_three_records_to_five_on_s3() {
    a_day_grows_from_three_records_to_five(Backend::S3);
}

fn a_day_grows_from_three_records_to_five(backend: Backend) {
    let scene = Scene::of(backend, Catalog::recorded_day());

    scene.simulator.set_now(at("08:00"));
    let report = scene.run().expect(0).json();
    assert_eq!(report["new"], 3);
    assert_eq!(report["files"], json!([file(1)]));

    scene.simulator.set_now(at("12:00"));
    let report = scene.run().expect(0).json();
    assert_eq!(
        (&report["new"], &report["duplicates"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(report["files"], json!([file(2)]));
    let noon = scene.state();

    scene.simulator.set_now(at("16:00"));
    let report = scene.run().expect(0).json();
    assert_eq!(
        (&report["new"], &report["duplicates"]),
        (&json!(0), &json!(5))
    );
    assert_eq!(
        report["files"],
        json!([]),
        "promise P6: no file without new records"
    );

    let state = scene.state();
    assert_eq!(state["total_processed"], 5);
    assert_eq!(state["executions"].as_array().unwrap().len(), 3);
    assert_eq!(state["last_execution"], state["executions"][2]["timestamp"]);
    assert_eq!(state["processed_ids"], noon["processed_ids"]);
    assert_eq!(state["complete"], false, "at 16:00 the day wasn't over");
    assert_eq!(
        keys_of_the_dataset(&scene),
        [file(1), file(2), STATE.to_owned()]
    );
    scene.assert_lake(Expect::All);

    // Read again after it has ended and settled, the day is complete.
    scene.simulator.set_now(at("30:00"));
    let report = scene.run().expect(0).json();
    assert_eq!(
        (&report["new"], &report["complete"]),
        (&json!(0), &json!(true))
    );
    assert!(scene.lake.keys().contains(&COMPLETE.to_owned()));
    scene.assert_lake(Expect::All);
}

/// Returns all keys except those at the lake's root, such as the probe's.
fn keys_of_the_dataset(scene: &Scene) -> Vec<String> {
    let keys = scene.lake.keys().into_iter();
    let mut keys: Vec<_> = keys
        .filter(|key| !key.starts_with("_bronzed/") && !key.contains("/_delta_log/"))
        .collect();
    keys.sort_by_key(|key| key.contains("_state"));
    keys
}
