//! What a person types who wants to know: `status`, `day`, `runs`, `coverage`, `next`, on 80 columns, on a
//! lake with a day that is complete, one that is partial, and one that was never settled.

use std::collections::BTreeSet;

use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use serde_json::Value;

use crate::support::lake::Backend;
use crate::support::program::{Outcome, Program};
use crate::support::scene::{DAY, Scene, at, day};

const DATASET: &str = "pncp.contratacoes";
/// Day of which a slice can't be read.
const BAD: &str = "2025-10-21";

/// Returns a lake with a complete day and a partial one.
fn scene() -> Scene {
    let catalog = Catalog::new();
    for day in [day(), BAD.parse().unwrap()] {
        catalog.extend(GeneratedDay::new(5, day, 200).records());
    }
    let scene = Scene::of(Backend::Folder, catalog);
    scene.simulator.set_now(at("30:00"));
    scene.run().expect(0);
    let rule = Rule::always(Fault::Unavailable).slice("modalidade=6");
    scene.simulator.set_faults(Faults::by_rule([rule]));
    let args = ["run", DATASET, "--day", BAD, "--json"];
    scene.program(&args).run().expect(3);
    scene
}

fn look(scene: &Scene, args: &[&str]) -> Outcome {
    scene.program(args).env("COLUMNS", "80").run()
}

fn objects(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Checks that no line is wider than 80 columns.
#[track_caller]
fn fits(text: &str) {
    let wide = text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "{text}");
}

#[test]
fn status_says_first_what_is_wrong_why_when_it_is_tried_again_and_what_to_type() {
    let scene = scene();
    let told = look(&scene, &["status"]).expect(0).stdout;
    fits(&told);
    let place = |part: &str| {
        let place = told.find(part);
        place.unwrap_or_else(|| panic!("no `{part}` in\n{told}"))
    };
    let order = [
        "1 dataset needs attention",
        "pncp.contratacoes: 1 day not complete",
        BAD,
        "why       partial: modalidade=6: gave up on",
        "503",
        "next try",
        "bronzed day pncp.contratacoes 2025-10-21",
        "bronzed run pncp.contratacoes --day 2025-10-21",
        "dataset            complete",
    ];
    let places = order.map(place);
    assert!(places.is_sorted(), "{told}");
    look(&scene, &["status", "--fail-if-incomplete"]).expect(3);
    look(&scene, &["status", "tcu", "--fail-if-incomplete"]).expect(0);
    let [status] = objects(&look(&scene, &["status", DATASET, "--json"]).expect(0))
        .try_into()
        .unwrap();
    assert_eq!(status["needs_attention"], true);
    assert_eq!(status["open"][0]["day"], BAD);
    // A wide pipe has more columns, and the same facts.
    let wide = scene.program(&["status"]).run().expect(0).stdout;
    assert!(wide.contains("of day      job     status"), "{wide}");

    // Healed and read again, nothing is wrong.
    scene.simulator.heal();
    let args = ["run", DATASET, "--day", BAD, "--json"];
    scene.program(&args).run().expect(0);
    look(&scene, &["status", "--fail-if-incomplete"]).expect(0);
    let told = look(&scene, &["status"]).expect(0).stdout;
    assert!(told.starts_with("all is well"), "{told}");
}

#[test]
fn a_day_says_why_it_is_not_complete_and_state_show_says_the_same() {
    let scene = scene();
    let told = look(&scene, &["day", DATASET, BAD]).expect(0).stdout;
    assert!(
        told.starts_with("pncp.contratacoes 2025-10-21: not complete\n"),
        "{told}"
    );
    for part in [
        "why",
        "modalidade=6: gave up on",
        "next try",
        "modalidade=6",
        "not proven",
        "manual",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    let same = look(&scene, &["state", "show", DATASET, "--day", BAD]);
    let seconds_apart = |text: &str| {
        text.lines()
            .filter(|line| !line.contains("next try"))
            .count()
    };
    assert_eq!(seconds_apart(&same.expect(0).stdout), seconds_apart(&told));
    let json = look(&scene, &["day", DATASET, BAD, "--json"])
        .expect(0)
        .json();
    let reason = json["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("modalidade=6: gave up on"), "{reason}");
    let well = look(&scene, &["day", DATASET, DAY]).expect(0).stdout;
    assert!(
        well.starts_with("pncp.contratacoes 2025-10-22: complete\n"),
        "{well}"
    );
    assert!(!well.contains("why"), "{well}");
    look(&scene, &["day"]).expect(2);
    look(&scene, &["day", DATASET, "tomorrow"]).expect(2);
}

#[test]
fn runs_outlive_the_process_that_made_them() {
    let scene = scene();
    let all = objects(&look(&scene, &["runs", "--json", "--since", "2025-01-01"]).expect(0));
    let days: BTreeSet<_> = all.iter().map(|run| run["day"].as_str().unwrap()).collect();
    assert_eq!(days, BTreeSet::from([BAD, DAY]));
    let args = [
        "runs",
        "--json",
        "--status",
        "partial",
        "--since",
        "2025-01-01",
    ];
    let [partial] = objects(&look(&scene, &args).expect(0)).try_into().unwrap();
    assert_eq!(
        (&partial["day"], &partial["dataset"]),
        (&BAD.into(), &DATASET.into())
    );
    let told = look(&scene, &["runs", "--since", "2025-01-01"])
        .expect(0)
        .stdout;
    fits(&told);
    assert!(
        told.contains("partial") && told.contains("    modalidade=6: gave up on"),
        "{told}"
    );
}

#[test]
fn coverage_is_a_calendar_of_what_the_lake_has() {
    let scene = scene();
    let one = look(&scene, &["coverage", DATASET]).expect(0).stdout;
    fits(&one);
    // The 21st is partial, the 22nd complete.
    let month = one
        .lines()
        .find(|line| line.starts_with("2025-10"))
        .unwrap();
    assert_eq!(month, format!("2025-10  {:20}▲■", ""));
    assert!(one.contains("1 of 2 days complete"), "{one}");
    let several = look(&scene, &["coverage", "pncp"]).expect(0).stdout;
    fits(&several);
    assert!(several.contains("pncp.contratacoes  ▲■"), "{several}");
    let json = look(&scene, &["coverage", DATASET, "--json"])
        .expect(0)
        .json();
    assert_eq!(json["days"]["complete"][0], DAY);
    assert_eq!(json["days"]["partial"][0], BAD);
}

#[test]
fn next_is_what_the_daemon_would_do() {
    let scene = scene();
    let next = objects(&look(&scene, &["next", DATASET, "--json"]).expect(0));
    let kinds: BTreeSet<_> = next
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["runs", "slot"]));
    // A run by hand is no try of a job: the daemon reads the day at once.
    let due = next.iter().find(|one| {
        let days = one["days"].as_array().into_iter().flatten();
        days.into_iter().any(|day| day == BAD)
    });
    let due = due.unwrap_or_else(|| panic!("{BAD} isn't in {next:?}"));
    assert_eq!(due["at"], Value::Null);
    let told = look(&scene, &["next"]).expect(0).stdout;
    fits(&told);
    assert!(
        told.contains("due now: a daemon starts them in this order"),
        "{told}"
    );
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    for (typed, meant) in [
        ("pncp.contratacao", "did you mean `pncp.contratacoes`?"),
        ("pcnp.contratos", "did you mean `pncp.contratos`?"),
        ("inidoneos", "did you mean `tcu.inidoneos`?"),
        (
            "contratos",
            "did you mean `comprasnet.contratos` or `pncp.contratos`?",
        ),
    ] {
        let refused = Program::new(&["status", typed]).run().expect(2);
        assert!(refused.stderr.contains(meant), "{refused:?}");
    }
}

#[test]
fn every_command_has_its_completion_and_its_manual_page() {
    for shell in ["bash", "zsh", "fish"] {
        let said = Program::new(&["completions", shell]).run().expect(0).stdout;
        for command in ["status", "coverage", "fail-if-incomplete"] {
            assert!(said.contains(command), "no {command} for {shell}");
        }
    }
    let page = Program::new(&["man"]).run().expect(0).stdout;
    assert!(page.contains(".TH bronzed 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    Program::new(&["man", "--output", path]).run().expect(0);
    for name in ["bronzed.1", "bronzed-status.1", "bronzed-day-forget.1"] {
        assert!(folder.path().join(name).exists(), "no {name}");
    }
}
