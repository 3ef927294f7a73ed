//! `bronzed alert`, and the alerts in `bronzed status`.

use std::fs;

use bronzed_simulator::pncp::catalog::Catalog;
use serde_json::{Value, json};

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::scene::{Scene, day};
use crate::support::sources::{JOBS, write_shared, write_source};

/// Returns a lake in which one alert is active, and one has ended.
fn scene() -> Scene {
    let scene = Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400));
    scene.run().expect(0);
    let alert = |key: Value, state: &str| {
        json!({
            "key": key, "state": state,
            "since": "2025-10-22T05:07:12Z", "changed_at": "2025-10-22T07:07:12Z",
            "summary": "pncp: the API has been down since 2025-10-22 02:07-03:00",
            "detail": "20 failures in a row.", "hint": "Nothing has to be done.",
        })
    };
    let down = json!({"rule": "down", "source": "pncp", "dataset": null});
    let drift = json!({"rule": "drift", "source": "pncp", "dataset": "atas"});
    let ledger = json!({
        "format": 1,
        "alerts": {
            "down/pncp": alert(down, "active"),
            "drift/pncp/atas": alert(drift, "ended"),
        },
    });
    scene
        .lake
        .put("_bronzed/alerts.json", ledger.to_string().as_bytes());
    scene
}

#[test]
fn an_active_alert_is_listed_and_part_of_the_status_in_words() {
    let scene = scene();
    let words = "warning: pncp: the API has been down since 2025-10-22 02:07-03:00\n    \
                 20 failures in a row.\n    Nothing has to be done.\n";
    let listed = scene.program(&["alert", "list"]).run().expect(0);
    assert_eq!(listed.stdout, words);
    let status = scene
        .program(&["status", "pncp.contratacoes"])
        .run()
        .expect(0);
    assert!(status.stdout.ends_with(words), "{}", status.stdout);
    let listed = scene.program(&["alert", "list", "--json"]).run().expect(0);
    let listed: Value = serde_json::from_str(listed.stdout.trim()).unwrap();
    assert_eq!(
        (&listed["key"], &listed["rule"]),
        (&json!("down/pncp"), &json!("down"))
    );
    assert_eq!(listed["started_at"], "2025-10-22T07:07:12+00:00");
}

#[test]
fn a_ledger_of_a_newer_version_is_told_and_hides_no_status() {
    let scene = scene();
    scene.lake.put("_bronzed/alerts.json", br#"{"format": 2}"#);
    let status = scene
        .program(&["status", "pncp.contratacoes"])
        .run()
        .expect(0);
    assert!(
        status.stdout.contains("pncp.contratacoes"),
        "{}",
        status.stdout
    );
    assert!(
        status.stderr.contains("its format is 2, and 1 is known"),
        "{}",
        status.stderr
    );
    scene.program(&["alert", "list"]).run().expect(1);
}

#[test]
fn a_test_of_the_channels_needs_one_and_says_which_does_not_work() {
    let scene = Scene::of(Backend::Folder, Catalog::new());
    let none = scene.program(&["alert", "test"]).run().expect(2);
    assert!(none.stderr.contains("no channel is configured"), "{none:?}");
    let folder = tempfile::tempdir().unwrap();
    write_shared(folder.path());
    write_source(folder.path(), "one", JOBS, day());
    let file = folder.path().join("bronzed.toml");
    let channel = "[alerts.channel.well]\ntype = \"webhook\"\nurl = { env = \"HOOK\" }\n";
    let shipped = fs::read_to_string(&file).unwrap();
    fs::write(&file, shipped.replace("[alerts]\n", channel)).unwrap();
    let test = |args: &[&str]| {
        let config = folder.path().to_str().unwrap();
        let args = [&["alert", "test", "--config", config], args].concat();
        let hook = format!("{}/nothing/here/x7", scene.simulator.base_url());
        Program::new(&args).env("HOOK", hook).run()
    };
    // The simulated API knows no such path.
    let refused = test(&[]).expect(1);
    assert!(
        refused
            .stdout
            .starts_with("well: not delivered: answered 4"),
        "{refused:?}"
    );
    assert!(!refused.stdout.contains("nothing/here"), "{refused:?}");
    let unknown = test(&["boss"]).expect(2);
    assert!(
        unknown.stderr.contains("there is no channel `boss`"),
        "{unknown:?}"
    );
}
