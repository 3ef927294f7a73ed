//! Error messages for bad input: exit code, problem and hint.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bronzed_simulator::pncp::catalog::Catalog;
use tempfile::TempDir;

use crate::support::lake::Backend;
use crate::support::program::{Outcome, Program};
use crate::support::python::python;
use crate::support::scene::{DAY, STATE, Scene, day};

const READ_THE_DAY: [&str; 4] = ["run", "pncp.contratacoes", "--day", DAY];

/// Fails the test unless the program exited with this code, printed all `parts` to stderr and did not
/// panic.
#[track_caller]
fn assert_told(outcome: Outcome, code: i32, parts: &[&str]) {
    let said = outcome.expect(code).stderr;
    for part in parts {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn scene(backend: Backend) -> Scene {
    Scene::of(backend, Catalog::recorded_day())
}

/// Runs the program with bad arguments, and asserts that nothing was read or written.
#[track_caller]
fn refuses(args: &[&str], parts: &[&str]) {
    let scene = scene(Backend::Folder);
    assert_told(scene.program(args).run(), 2, parts);
    assert!(scene.simulator.ledger().is_empty());
    assert!(scene.lake.keys().is_empty());
}

#[test]
fn an_unknown_source() {
    refuses(
        &["run", "comprasgov", "--day", DAY],
        &["`comprasgov`", "`pncp`"],
    );
}

#[test]
fn an_unknown_dataset() {
    refuses(
        &["run", "pncp.licitacoes", "--day", DAY],
        &["`pncp`", "`licitacoes`", "`contratacoes`"],
    );
}

#[test]
fn a_day_in_the_future() {
    refuses(
        &["run", "pncp.contratacoes", "--day", "2999-12-31"],
        &["2999-12-31 is in the future", "America/Sao_Paulo"],
    );
}

#[test]
fn a_day_before_the_first() {
    refuses(
        &["run", "pncp.contratacoes", "--day", "2021-03-31"],
        &["2021-04-01", "earliest"],
    );
}

#[test]
fn a_day_that_is_none() {
    for day in ["2025-13-01", "22/10/2025", "tomorrow"] {
        refuses(
            &["run", "pncp.contratacoes", "--day", day],
            &[day, "2025-10-22"],
        );
    }
}

#[test]
fn a_range_that_ends_before_it_begins() {
    refuses(
        &[
            "run",
            "pncp.contratacoes",
            "--from",
            "2025-10-22",
            "--to",
            "2025-10-21",
        ],
        &["--from 2025-10-22", "--to 2025-10-21"],
    );
}

#[test]
fn half_a_range() {
    refuses(
        &["run", "pncp.contratacoes", "--from", "2025-10-22"],
        &["--to"],
    );
}

#[test]
fn a_configuration_that_is_not_there() {
    refuses(
        &["--config", "no/such/folder", "run", "pncp"],
        &["no/such/folder"],
    );
}

#[test]
fn a_configuration_that_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    // Not even the superuser can read a folder as a file.
    fs::create_dir(folder.path().join("bronzed.toml")).unwrap();
    let config = folder.path().to_str().unwrap();
    refuses(&["--config", config, "run", "pncp"], &["bronzed.toml"]);
}

#[test]
fn a_configuration_with_mistakes_is_told_all_of_them_with_their_lines() {
    let folder = shipped_configuration();
    spoil(&folder.path().join("bronzed.toml"), "url = ", "urll = ");
    let source = folder.path().join("sources/pncp.toml");
    spoil(&source, "concurrency = 3", "concurrency = \"three\"");
    spoil(&source, "cron = \"0 3 * * *\"", "cron = \"0 25 * * *\"");
    let config = folder.path().to_str().unwrap();
    for command in [
        &["--config", config, "check"][..],
        &["--config", config, "run", "pncp"],
    ] {
        refuses(
            command,
            &[
                &line_of(&folder.path().join("bronzed.toml"), "urll"),
                "urll",
                &line_of(&source, "three"),
                &line_of(&source, "25 * * *"),
            ],
        );
    }
}

#[test]
fn a_wrong_value_in_the_environment() {
    let scene = scene(Backend::Folder);
    let program = scene
        .program(&READ_THE_DAY)
        .env("BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY", "many");
    assert_told(
        program.run(),
        2,
        &["BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY"],
    );
}

#[test]
fn a_lake_folder_that_is_not_writable() {
    let parent = TempDir::new().unwrap();
    let folder = unwritable(parent.path());
    let scene = scene(Backend::Folder);
    let program = scene
        .program(&READ_THE_DAY)
        .env("BRONZED__LAKE__URL", folder.display().to_string());
    let folder = folder.display().to_string();
    assert_told(
        program.run(),
        1,
        &["lake folder", &folder, "can't be read and written"],
    );
}

#[test]
fn a_lake_folder_below_a_file() {
    let parent = TempDir::new().unwrap();
    fs::write(parent.path().join("file"), "").unwrap();
    let folder = parent.path().join("file/lake");
    let scene = scene(Backend::Folder);
    let program = scene
        .program(&READ_THE_DAY)
        .env("BRONZED__LAKE__URL", folder.display().to_string());
    assert_told(program.run(), 1, &["lake folder", "file/lake"]);
}

#[test]
fn an_address_that_no_lake_has() {
    let scene = scene(Backend::Folder);
    let program = scene
        .program(&READ_THE_DAY)
        .env("BRONZED__LAKE__URL", "ftp://example.org/lake");
    assert_told(
        program.run(),
        2,
        &["BRONZED__LAKE__URL", "`ftp://`", "s3://"],
    );
}

#[test]
fn wrong_s3_credentials() {
    let scene = scene(Backend::S3);
    let program = scene
        .program(&READ_THE_DAY)
        .env("AWS_SECRET_ACCESS_KEY", "not-the-secret");
    let outcome = program.run();
    assert!(
        !outcome.stderr.contains("not-the-secret"),
        "{}",
        outcome.stderr
    );
    assert_told(
        outcome,
        1,
        &[scene.lake.url(), "refuses access", "credentials"],
    );
    assert!(scene.simulator.ledger().is_empty());
}

#[test]
fn a_missing_bucket() {
    let scene = scene(Backend::S3);
    let program = scene
        .program(&READ_THE_DAY)
        .env("BRONZED__LAKE__URL", "s3://no-such-bucket/lake");
    assert_told(
        program.run(),
        1,
        &["s3://no-such-bucket/lake", "doesn't exist"],
    );
    assert!(scene.simulator.ledger().is_empty());
}

#[test]
fn a_lake_that_nobody_answers_for() {
    let scene = scene(Backend::S3);
    let program = scene
        .program(&READ_THE_DAY)
        .env("AWS_ENDPOINT", "http://127.0.0.1:1");
    assert_told(program.run(), 1, &[scene.lake.url(), "can't be reached"]);
}

#[test]
fn an_api_whose_host_is_unknown() {
    let scene = scene(Backend::Folder);
    let program = scene.program(&READ_THE_DAY).env(
        "BRONZED__SOURCES__PNCP__BASE_URL",
        "http://pncp.invalid/api",
    );
    let outcome = scene.run_with(program).expect(1);
    assert!(
        outcome.stderr.contains("pncp.invalid"),
        "{}",
        outcome.stderr
    );
    // The host is down: that is no attempt at the day, and its state isn't touched (promise P11).
    let keys = scene.lake.keys();
    assert!(!keys.iter().any(|key| key.contains("_state/")), "{keys:?}");
}

#[test]
fn a_backend_without_conditional_writes() {
    let mut server = python()
        .script("careless_s3.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    let stdout = server.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut url).unwrap();
    let scene = scene(Backend::S3);
    let program = scene
        .program(&READ_THE_DAY)
        .env("AWS_ENDPOINT", url.trim())
        .env("BRONZED__LAKE__URL", "s3://lake/careless");
    let outcome = program.run();
    drop(server.stdin.take());
    server.wait().unwrap();
    assert_told(
        outcome,
        1,
        &["s3://lake/careless", "conditional writes", "If-None-Match"],
    );
    assert!(scene.simulator.ledger().is_empty());
}

#[test]
fn no_arguments_and_unknown_ones() {
    assert_told(Program::new(&[]).run(), 2, &["Usage"]);
    assert_told(Program::new(&["ingest"]).run(), 2, &["ingest"]);
    assert_told(Program::new(&["run"]).run(), 2, &["SOURCE"]);
}

/// Returns a folder that can't be created: below a read-only one, or for the superuser, who may write
/// anywhere, below one where the system allows no folders.
fn unwritable(parent: &Path) -> PathBuf {
    let mut permissions = fs::metadata(parent).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(parent, permissions).unwrap();
    match fs::write(parent.join("probe"), "") {
        Ok(()) => PathBuf::from("/proc/bronzed-lake"),
        Err(_) => parent.join("lake"),
    }
}

/// Returns a copy of the repository's configuration.
fn shipped_configuration() -> TempDir {
    let folder = TempDir::new().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    copy(&shipped, folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn spoil(path: &Path, good: &str, bad: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(good), "{good}");
    fs::write(path, text.replacen(good, bad, 1)).unwrap();
}

/// Returns file and line of a text: `pncp.toml:17`.
fn line_of(path: &Path, part: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().position(|line| line.contains(part)).unwrap() + 1;
    format!("{}:{line}", path.file_name().unwrap().display())
}

/// A table that was written with another key is refused by whatever would write or judge it, and stays as it is.
#[test]
fn a_day_is_not_stored_again_under_another_key() {
    let scene = scene(Backend::Folder);
    scene.reader().run().expect(0);
    let (keys, state) = (scene.lake.keys(), scene.lake.get(STATE));
    let key = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__PRIMARY_KEY";
    // Both datasets are of one record, which the silver table of them requires.
    let update = key.replace("CONTRATACOES", "CONTRATACOES_ATUALIZACAO");
    let other = "numeroControlePNCP,sequencialCompra";
    let name = "pncp.contratacoes";
    let commands: [&[&str]; 5] = [
        &READ_THE_DAY,
        &["verify", name, "--from", DAY, "--to", DAY],
        &["state", "rebuild", name, "--day", DAY],
        &["state", "accept", name, "--day", DAY, "--reason", "seen"],
        &["day", "forget", name, "--day", DAY],
    ];
    for args in commands {
        let program = scene.program(args);
        let refused = program.env(key, other).env(&update, other).run();
        assert_ne!(refused.code, Some(0), "{args:?}: {refused:?}");
        if args[0] == "run" {
            assert!(refused.stderr.contains("table refused"), "{refused:?}");
        }
        // The log tells of each refused table; the command itself says why it did nothing.
        let log = |line: &&str| !line.contains("\"table refused\"");
        let said = refused.stderr.lines().filter(log).collect::<Vec<_>>();
        let told = format!("{}{}", refused.stdout, said.join("\n"));
        assert!(
            told.contains("was written with primary_key"),
            "{args:?}: {refused:?}"
        );
        assert_eq!(scene.lake.keys(), keys, "{args:?}");
        assert_eq!(scene.lake.get(STATE), state, "{args:?}");
    }
}

/// A slice that isn't declared any more isn't asked for: its records may well be listed.
#[test]
fn records_of_a_slice_that_was_dropped_were_noted_as_taken_away() {
    let catalog = Catalog::generated(9, day(), 200, 1_200);
    let scene = Scene::of(Backend::Folder, catalog);
    scene.reader().run().expect(0);
    let slices = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__SLICES__MODALIDADE";
    let report = scene.reader().env(slices, "6").run().expect(0).json();
    assert_eq!(
        (&report["complete"], &report["withdrawn"]),
        (&true.into(), &0.into()),
        "{report}"
    );
    assert!(scene.lake.json(STATE).get("withdrawn_ids").is_none());
}

/// `today` and `yesterday` are taken wherever a day is, and named where it isn't one.
#[test]
fn every_command_that_takes_a_day_takes_today_and_yesterday() {
    let dataset = "pncp.contratacoes";
    for args in [
        &["run", dataset, "--day", "X"][..],
        &["run", dataset, "--from", "X", "--to", "today"],
        &["backfill", dataset, "--from", "X", "--to", "today"],
        &["verify", dataset, "--from", "X", "--to", "yesterday"],
        &["coverage", dataset, "--from", "X", "--to", "today"],
        &["day", dataset, "X"],
        &["day", "forget", dataset, "--day", "X"],
        &["runs", dataset, "--since", "X"],
        &["quality", dataset, "--day", "X"],
        &["state", "show", dataset, "--day", "X"],
        &["state", "verify", "--day", "X"],
        &["state", "rebuild", dataset, "--from", "X"],
        &["state", "accept", dataset, "--reason", "r", "--day", "X"],
        &["check", "--online", dataset, "--day", "X"],
        &["schema", "infer", dataset, "--day", "X"],
        &["schema", "drift", dataset, "--from", "X"],
        &["peek", dataset, "--day", "X"],
        &[
            "export",
            dataset,
            "--from",
            "X",
            "--output",
            "/proc/nowhere.csv",
        ],
        &["tables", "compact", dataset, "--from", "X"],
    ] {
        let with = |day: &'static str| {
            let args = args.iter().map(|arg| if *arg == "X" { day } else { arg });
            args.collect::<Vec<_>>()
        };
        let refused = Program::new(&with("tomorrow")).run().expect(2).stderr;
        let hint = "write it as 2025-10-22, or `today` or `yesterday`";
        assert!(refused.contains(hint), "{args:?}: {refused}");
        // What the command says of a lake or an API that isn't there is its own affair.
        let taken = Program::new(&with("yesterday"))
            .env("BRONZED__LAKE__URL", "file:///proc/nowhere")
            .env("BRONZED__SOURCES__PNCP__BASE_URL", "http://127.0.0.1:9")
            .env("BRONZED__SOURCES__PNCP__RETRY__MAX_ATTEMPTS", "1")
            .run();
        assert!(
            !taken.stderr.contains("is not a day"),
            "{args:?}: {taken:?}"
        );
        assert_ne!(taken.code, Some(101), "{args:?}: {taken:?}");
    }
    let early = ["run", dataset, "--from", "today", "--to", "yesterday"];
    let refused = Program::new(&early).run().expect(2).stderr;
    assert!(refused.contains("is after --to"), "{refused}");
}
