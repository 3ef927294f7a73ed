//! Days on which the API fails in every way at once, or always in one way.

use std::time::Duration;

use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::pncp::oddity::Oddities;
use serde_json::Value;

use crate::support::lake::Backend;
use crate::support::scene::{COMPLETE, Expect, Scene, config, day};

/// Share of responses with each of the five failures: 500, 429, cut-off, HTML, reset.
const SHARE: f64 = 0.05;
const SEED: u64 = 11;

#[test]
fn odd_records_of_a_bad_day_are_in_a_folder_within_three_runs() {
    odd_records_of_a_bad_day_are_in_the_lake_within_three_runs(Backend::Folder);
}

#[test]
fn odd_records_of_a_bad_day_are_on_s3_within_three_runs() {
    odd_records_of_a_bad_day_are_in_the_lake_within_three_runs(Backend::S3);
}

fn odd_records_of_a_bad_day_are_in_the_lake_within_three_runs(backend: Backend) {
    let records = GeneratedDay {
        oddities: Oddities::each(0.05),
        ..GeneratedDay::new(SEED, day(), 2_000)
    };
    let mut config = config(Catalog::new().with(records.records()));
    config.seed = SEED;
    config.faults = Faults {
        retry_after: Duration::ZERO,
        ..Faults::bad_day(SHARE)
    };
    let scene = Scene::new(backend, config);
    let codes: Vec<_> = (0..3)
        .map(|_| scene.run().code)
        .take_while(|code| *code != Some(0))
        .collect();
    assert!(codes.iter().all(|code| *code == Some(3)), "{codes:?}");
    assert!(codes.len() < 3, "not whole after three runs");
    let facts = scene.assert_lake(Expect::All);
    assert_eq!(facts["rows"], 2_000);
    assert_eq!(scene.state()["complete"], true);
}

#[test]
fn a_slice_that_never_becomes_understandable_is_named_everywhere_and_read_by_the_next_run() {
    for fault in [Fault::Html, Fault::CutOff, Fault::ServerError, Fault::Reset] {
        a_slice_fails_and_is_read_by_the_next_run(&fault);
    }
}

fn a_slice_fails_and_is_read_by_the_next_run(fault: &Fault) {
    let name = fault.name();
    let scene = Scene::of(Backend::Folder, Catalog::generated(3, day(), 400, 2_400));
    let rule = Rule::always(fault.clone()).slice("modalidade=8").page(2);
    scene.simulator.set_faults(Faults::by_rule([rule]));

    let outcome = scene.run().expect(3);
    let report = outcome.json();
    assert_eq!(report["status"], "partial", "{name}");
    let failed = report["failed_slices"].as_object().unwrap();
    assert_eq!(
        failed.keys().collect::<Vec<_>>(),
        ["modalidade=8"],
        "{name}"
    );
    assert!(report["new"].as_u64() > Some(200), "{name}: {report}");
    let state = scene.state();
    let execution = &state["executions"][0];
    assert_eq!(execution["status"], "partial");
    assert!(
        execution["failed_slices"]
            .to_string()
            .contains("modalidade=8"),
        "{execution}"
    );
    let warned = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line["level"] == "WARN" && line.to_string().contains("modalidade=8")
    };
    assert!(outcome.stderr.lines().any(warned), "{}", outcome.stderr);
    assert_eq!(state["complete"], false);
    assert!(!scene.lake.keys().contains(&COMPLETE.to_owned()));
    scene.assert_lake(Expect::Some);

    scene.simulator.heal();
    let report = scene.run().expect(0).json();
    assert_eq!(report["complete"], true, "{name}");
    assert_eq!(scene.assert_lake(Expect::All)["rows"], 400, "{name}");
}
