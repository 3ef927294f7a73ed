//! Log lines of the program, checked against the catalogue of events.

use std::collections::BTreeSet;

use bronzed::telemetry::events::{CATALOGUE, Within};
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use serde_json::Value;

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::scene::{DAY, STATE, Scene, config, day};

const OF_A_RUN: [&str; 5] = ["run_id", "source", "dataset", "day", "job"];
const OF_ANY_LINE: [&str; 4] = ["timestamp", "level", "event", "target"];

/// Runs the program and checks each log line against the catalogue; returns the lines.
fn lines(program: Program, code: i32) -> Vec<Value> {
    let outcome = program
        .env("RUST_LOG", "bronzed=debug")
        .env("BRONZED__COMMIT__MAX_RECORDS", "40")
        .run()
        .expect(code);
    let lines = outcome.stderr.lines();
    let lines = lines.filter(|line| !line.starts_with("bronzed: "));
    lines.map(checked).collect()
}

fn checked(line: &str) -> Value {
    let said: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let object = said.as_object().expect("an object");
    let name = object["event"].as_str().expect("a name");
    let known = CATALOGUE.iter().find(|event| event.name == name);
    let event = known.unwrap_or_else(|| panic!("not in the catalogue: {line}"));
    let level = object["level"].as_str().unwrap().to_lowercase();
    assert!(
        event.levels.iter().any(|known| known.name() == level),
        "{line}"
    );
    let given: &[&str] = match event.within {
        Within::Run => &OF_A_RUN,
        Within::Verification | Within::Reading => &OF_A_RUN[1..],
        Within::Process => &[],
    };
    for key in given {
        assert!(object.contains_key(*key), "{key} is missing: {line}");
    }
    let mut allowed: BTreeSet<&str> = OF_ANY_LINE.into();
    allowed.extend(OF_A_RUN);
    allowed.extend(event.fields);
    for key in object.keys() {
        assert!(allowed.contains(&**key), "{key} isn't documented: {line}");
    }
    said
}

fn named<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

fn reader(scene: &Scene) -> Program {
    scene.program(&["run", "pncp.contratacoes", "--day", DAY])
}

#[test]
fn every_line_of_a_bad_run_is_a_documented_event_and_names_its_run() {
    let mut config = config(Catalog::generated(9, day(), 400, 2_400));
    config.faults = Faults::bad_day(0.08);
    config.faults.rules = vec![
        Rule::nth(1, Fault::EmptyPage).slice("modalidade=6").page(2),
        Rule::always(Fault::ServerError).slice("modalidade=12"),
    ];
    let scene = Scene::new(Backend::Folder, config);
    let bad = lines(reader(&scene), 3);
    for name in [
        "run started",
        "request answered",
        "request failed",
        "answer contradicts the slice",
        "slice not complete",
        "file committed",
    ] {
        assert!(!named(&bad, name).is_empty(), "{name}");
    }
    let finished = named(&bad, "run finished");
    let [summary] = finished.as_slice() else {
        panic!("one summary: {finished:?}")
    };
    let event = CATALOGUE.iter().find(|event| event.name == "run finished");
    for field in event.unwrap().fields {
        assert!(summary.get(field).is_some(), "{field}: {summary}");
    }
    assert_eq!(summary["status"], "partial");
    // The creation of the lake belongs to no run.
    let of_run = bad
        .iter()
        .filter(|line| line["event"] != "new lake created");
    let ids: BTreeSet<_> = of_run.map(|line| line["run_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "each line of a run names it: {ids:?}");

    scene.simulator.heal();
    scene.lake.delete(STATE);
    let healed = lines(reader(&scene), 0);
    assert_eq!(named(&healed, "state rebuilt from the files").len(), 1);
}

#[test]
fn every_line_of_a_verification_and_its_repair_is_documented() {
    let scene = Scene::of(Backend::Folder, Catalog::generated(9, day(), 60, 2_400));
    lines(reader(&scene), 0);
    let late = GeneratedDay::new(10, day(), 3).records();
    scene.simulator.catalog().extend(late);
    let args = [
        "verify",
        "pncp.contratacoes",
        "--from",
        DAY,
        "--to",
        DAY,
        "--repair",
    ];
    let said = lines(scene.program(&args), 0);
    let verified = named(&said, "day verified");
    assert_eq!(verified[0]["outcome"], "repaired");
    assert_eq!(verified[0]["job"], "manual");
    assert_eq!(named(&said, "run finished")[0]["new"], 3);
}

#[test]
fn a_log_is_pretty_where_that_is_asked_for() {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    let outcome = reader(&scene)
        .env("RUST_LOG", "info")
        .env("BRONZED__TELEMETRY__FORMAT", "pretty")
        .run()
        .expect(0);
    let line = outcome.stderr.lines().find(|l| l.contains("run finished"));
    let line = line.unwrap_or_else(|| panic!("{}", outcome.stderr));
    assert!(line.contains("run_id=") && line.contains("new=5"), "{line}");
}
