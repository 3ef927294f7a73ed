//! `bronzed state verify` and `bronzed state rebuild`, for an operator who doubts a lake.

use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::scene::{DAY, Expect, STATE, Scene, at, file};

const TARGET: &str = "pncp.contratacoes";

/// Returns a complete day: read after it was over.
fn complete_day(settings: impl Fn(Program) -> Program) -> Scene {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    scene.simulator.set_now(at("30:00"));
    let report = scene.run_with(settings(scene.reader())).expect(0).json();
    assert_eq!(report["complete"], true);
    scene
}

#[test]
fn a_damaged_state_is_told_and_made_anew_from_the_files() {
    let scene = complete_day(|program| program);
    let verify = scene.program(&["state", "verify", TARGET]).run().expect(0);
    assert_eq!(verify.stdout, "1 of 1 days are sound\n");

    // One byte within an id is changed: valid JSON, and all sums hold.
    let sound = scene.state();
    let id = sound["processed_ids"][1].as_str().unwrap();
    let other = id.replace("/2025", "/2024");
    let text = String::from_utf8(scene.lake.get(STATE)).unwrap();
    scene.lake.put(STATE, text.replacen(id, &other, 1));

    let args = ["state", "verify", TARGET, "--day", DAY];
    let verify = scene.program(&args).run().expect(1);
    for told in [
        format!("{TARGET} {DAY}: P3: {other} is in the state, and in no file"),
        "isn't that of its `digest`".to_owned(),
        "0 of 1 days are sound".to_owned(),
    ] {
        assert!(verify.stdout.contains(&told), "{told}: {}", verify.stdout);
    }
    let found = scene.program(&[&args[..], &["--json"]].concat()).run();
    assert_eq!(found.expect(1).json()["sound"], false);

    let args = ["state", "rebuild", TARGET, "--day", DAY];
    let rebuilt = scene.program(&args).run().expect(0);
    let told = "5 records in 1 numbered files, not complete any more: the next run reads the day \
                again; 1 ids without a row were taken out";
    assert!(rebuilt.stdout.contains(told), "{}", rebuilt.stdout);
    let state = scene.state();
    for member in ["processed_ids", "total_processed", "commits"] {
        assert_eq!(state[member], sound[member], "{member}");
    }
    let audit = state["executions"].as_array().unwrap();
    assert_eq!(audit[0]["removed_ids"], 1, "what was taken out is audited");
    assert_eq!(audit[1..], sound["executions"].as_array().unwrap()[..]);
    scene.program(&["state", "verify", TARGET]).run().expect(0);
    // A record may have been lost with the id: the day is read again, and is complete afterwards.
    let again = scene.run_with(scene.reader()).expect(0).json();
    assert_eq!(
        (&again["complete"], &again["new"]),
        (&true.into(), &0.into())
    );
    scene.assert_lake(Expect::All);
}

#[test]
fn the_whole_lake_is_verified_without_a_dataset_or_a_day() {
    let scene = complete_day(|program| program);
    let atas = ["run", "pncp.atas", "--day", DAY, "--json"];
    // Nothing is published of it: the run is partial, and leaves a state.
    scene.program(&atas).run().expect(3);
    let all = scene.program(&["state", "verify"]).run().expect(0);
    assert_eq!(all.stdout, "2 of 2 days of 2 datasets are sound\n");

    // A dataset that is switched off keeps its files, and they are looked at.
    scene.lake.delete(&file(1));
    let off = |args: &[&str]| {
        let program = scene.program(args);
        program.env(
            "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__ENABLED",
            "false",
        )
    };
    let all = off(&["state", "verify"]).run().expect(1);
    let told = format!("{TARGET} {DAY}: P5: file c000001 is gone: 5 records\n");
    assert!(all.stdout.starts_with(&told), "{}", all.stdout);
    assert!(all.stdout.contains("1 of 2 days of 2 datasets are sound\n"));
    let objects = off(&["state", "verify", "--json"]).run().expect(1).stdout;
    let sound = objects.lines().map(|line| {
        let found: serde_json::Value = serde_json::from_str(line).unwrap();
        (found["dataset"].clone(), found["sound"].clone())
    });
    let sound: Vec<_> = sound.collect();
    assert!(
        sound.contains(&("contratacoes".into(), false.into())),
        "{sound:?}"
    );
    assert!(sound.contains(&("atas".into(), true.into())), "{sound:?}");

    // A day that one of them has is a day of that one.
    let named = [
        "state",
        "verify",
        "pncp.atas",
        "pncp.contratos",
        "--day",
        DAY,
    ];
    let named = scene.program(&named).run().expect(0);
    assert_eq!(named.stdout, "1 of 1 days are sound\n");
}

#[test]
fn what_has_no_place_in_the_table_is_named() {
    let scene = complete_day(|program| program);
    let stray = file(1).replace("pncp_", "copy_of_pncp_");
    scene.lake.put(&stray, scene.lake.get(&file(1)));
    let verify = scene.program(&["state", "verify", TARGET]).run().expect(1);
    assert!(verify.stdout.contains("P1"), "{}", verify.stdout);
    assert!(verify.stdout.contains("copy_of_pncp_"), "{}", verify.stdout);
    scene.lake.delete(&stray);
    scene
        .lake
        .put("pncp/copy.parquet", scene.lake.get(&file(1)));
    let verify = scene.program(&["state", "verify", TARGET]).run().expect(1);
    let told = "`pncp/copy.parquet` has no place there";
    assert!(verify.stderr.contains(told), "{}", verify.stderr);
}

#[test]
fn a_compressed_state_has_the_same_key_and_is_understood_by_every_command() {
    let zstd = |program: Program| program.env("BRONZED__STATE__COMPRESSION", "zstd");
    let scene = complete_day(zstd);
    assert_eq!(scene.lake.get(STATE)[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    // Any process reads the compressed state, whatever its own setting.
    let report = scene.run().expect(0).json();
    assert_eq!(report["new"], 0);
    assert_eq!(scene.state()["total_processed"], 5, "plain again");
    let rebuild = scene.program(&["state", "rebuild", TARGET, "--day", DAY]);
    zstd(rebuild).run().expect(0);
    assert_eq!(scene.lake.get(STATE)[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    scene.program(&["state", "verify", TARGET]).run().expect(0);
    let shown = scene.program(&["state", "show", TARGET, "--day", DAY, "--json"]);
    assert_eq!(shown.run().expect(0).json()["records"], 5);
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused() {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    let args = [
        "state",
        "verify",
        TARGET,
        "--from",
        DAY,
        "--to",
        "2025-10-01",
    ];
    let refused = scene.program(&args).run().expect(2);
    assert!(
        refused.stderr.contains("is after --to"),
        "{}",
        refused.stderr
    );
}

/// Regression: the files were deleted, and every command still reported success.
#[test]
fn files_that_were_removed_are_missed_by_every_command_and_read_again() {
    let scene = complete_day(|program| program);
    scene.lake.delete(&file(1));
    let verify = scene.program(&["state", "verify", TARGET]).run().expect(1);
    let told = format!("{TARGET} {DAY}: P5: file c000001 is gone: 5 records\n");
    assert!(verify.stdout.starts_with(&told), "{}", verify.stdout);
    assert_eq!(verify.stdout.lines().count(), 3, "{}", verify.stdout);
    let shown = scene.program(&["state", "show", TARGET, "--day", DAY]);
    let shown = shown.run().expect(0).stdout;
    assert!(shown.contains("c000001.parquet` is gone"), "{shown}");
    assert!(shown.contains("not complete"), "{shown}");

    let again = scene.run_with(scene.reader()).expect(0).json();
    assert_eq!(
        (&again["complete"], &again["new"]),
        (&true.into(), &5.into())
    );
    assert!(
        !scene.lake.keys().contains(&file(1)),
        "no number is used again"
    );
    scene.program(&["state", "verify", TARGET]).run().expect(0);
}

#[test]
fn a_marker_without_a_state_is_a_day_that_is_missing() {
    let scene = complete_day(|program| program);
    scene.lake.delete(&file(1));
    scene.lake.delete(STATE);
    let status = scene.program(&["status", TARGET, "--json"]).run().expect(0);
    assert_eq!(status.json()["complete_days"], 0);
    let again = scene.run_with(scene.reader()).expect(0).json();
    assert_eq!(
        (&again["complete"], &again["new"]),
        (&true.into(), &5.into())
    );
}

#[test]
fn a_person_accepts_a_day_and_takes_it_back() {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    // While the day is under way, it isn't proven.
    scene.simulator.set_now(at("12:00"));
    scene.run_with(scene.reader());
    let accept = ["state", "accept", TARGET, "--day", DAY];
    scene.program(&accept).run().expect(2);
    let reasoned = [&accept[..], &["--reason", "one record too many"]].concat();
    let accepted = scene.program(&reasoned).run().expect(0);
    assert_eq!(
        accepted.stdout,
        format!("{TARGET} {DAY}: accepted as it is\n")
    );
    let status = scene.program(&["status", TARGET, "--json"]).run().expect(0);
    let status = status.json();
    assert_eq!(status["complete_days"], 0);
    assert_eq!(status["accepted"], serde_json::json!([DAY]));
    assert!(
        !status["incomplete"]
            .as_array()
            .unwrap()
            .contains(&DAY.into())
    );
    let shown = scene.program(&["state", "show", TARGET, "--day", DAY]);
    let shown = shown.run().expect(0).stdout;
    assert!(shown.contains("one record too many"), "{shown}");
    scene.program(&["state", "verify", TARGET]).run().expect(0);

    let undone = scene
        .program(&[&accept[..], &["--undo"]].concat())
        .run()
        .expect(0);
    assert!(undone.stdout.contains("wanted again"), "{}", undone.stdout);
    let status = scene.program(&["status", TARGET, "--json"]).run().expect(0);
    assert_eq!(status.json()["accepted_days"], 0);
}

#[test]
fn a_day_is_forgotten_on_purpose_and_read_again_without_doubles() {
    let scene = complete_day(|program| program);
    scene.program(&["day", "forget", TARGET]).run().expect(2);
    let forget = ["day", "forget", TARGET, "--day", DAY, "--reason", "a doubt"];
    let forgotten = scene.program(&forget).run().expect(0).stdout;
    assert!(
        forgotten.starts_with(&format!("{TARGET} {DAY}: forgotten")),
        "{forgotten}"
    );
    let status = scene.program(&["status", TARGET, "--json"]).run().expect(0);
    assert_eq!(status.json()["complete_days"], 0);
    let again = scene.run_with(scene.reader()).expect(0).json();
    assert_eq!(
        (&again["complete"], &again["new"]),
        (&true.into(), &0.into())
    );
    scene.assert_lake(Expect::All);
}

#[test]
fn a_command_that_reads_a_lake_that_is_not_there_creates_none() {
    let scene = complete_day(|program| program);
    let nowhere = scene.lake.as_folder().join("not").join("there");
    for args in [
        vec!["status"],
        vec!["state", "verify", TARGET],
        vec!["state", "show", TARGET, "--day", DAY],
        vec!["schema", "drift", TARGET],
    ] {
        let program = scene.program(&args);
        let program = program.env("BRONZED__LAKE__URL", nowhere.to_str().unwrap());
        let told = program.run().expect(1).stderr;
        assert!(told.contains("there is no lake"), "{args:?}: {told}");
        assert!(!nowhere.exists(), "{args:?}");
    }
}
