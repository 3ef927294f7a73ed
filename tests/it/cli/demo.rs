//! `bronzed demo` as the README shows it: its output is true, and the printed commands work.

use std::fs;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::Program;
use crate::support::python::{json_of, python};
use crate::support::scene::{DAY, STATE, Scene, config, day};
use bronzed_simulator::pncp::catalog::Catalog;

const ONLY_DUPLICATES: &str = "Only duplicates this time";

/// Returns the output of a demo into the lake's folder.
fn demo(lake: &TestLake) -> String {
    let folder = lake.as_folder().display().to_string();
    let ended = Program::new(&["demo", &folder]).run().expect(0);
    // A library that logs what is none is an alarm in the first minute.
    assert!(!ended.stderr.contains("error"), "{}", ended.stderr);
    ended.stdout
}

/// Returns the keys of the lake but for the requests of runs, which each run leaves.
fn kept(lake: &TestLake) -> Vec<String> {
    let keys = lake.keys().into_iter();
    keys.filter(|key| !key.starts_with(bronzed_storage::requests::FOLDER))
        .collect()
}

/// Returns the rows of the printed DuckDB query: modality, records, money.
fn query(lake: &TestLake, said: &str) -> Vec<(String, u64)> {
    let (_, sql) = said.split_once("duckdb -c \"").expect("a command");
    let (sql, _) = sql.split_once('"').expect("its end");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), sql).expect("a temporary file");
    let mut script = python().script("readers.py");
    let rows = json_of(script.arg("query").arg(lake.as_folder()).arg(file.path()));
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| {
        let name = row["modalidadeNome"].as_str().expect("a name").to_owned();
        (name, row["count_star()"].as_u64().expect("a number"))
    })
    .collect()
}

#[test]
fn a_demo_for_programs_is_a_report_of_each_run() {
    let lake = TestLake::new(Backend::Folder);
    let folder = lake.as_folder().display().to_string();
    let args = ["demo", &folder, "--records", "60", "--json"];
    let told = Program::new(&args).run().expect(0).stdout;
    let reports = told.lines().map(serde_json::from_str::<serde_json::Value>);
    let reports: Vec<_> = reports.collect::<Result<_, _>>().expect("objects alone");
    assert_eq!(reports.len(), 3);
    let new: u64 = reports.iter().map(|one| one["new"].as_u64().unwrap()).sum();
    assert!(new > 0 && reports[0]["dataset"] == "contratacoes", "{told}");
}

/// A demo's day that is read from an API, as `status` recommends, would be a proven day of real and made-up records.
#[test]
fn made_up_and_real_records_never_share_a_lake() {
    let lake = TestLake::new(Backend::Folder);
    demo(&lake);
    let keys = lake.keys();
    let told = Program::new(&["status"]).on(&lake).run();
    assert!(told.stdout.contains("its records are made up"), "{told:?}");
    for args in [
        &["run", "pncp.contratacoes", "--day", "2025-10-22"][..],
        &[
            "backfill",
            "pncp.contratacoes",
            "--from",
            "2025-10-22",
            "--to",
            "2025-10-22",
        ],
        &[
            "verify",
            "pncp.contratacoes",
            "--from",
            "2025-10-22",
            "--to",
            "2025-10-22",
        ],
        &["daemon"],
    ] {
        let refused = Program::new(args).on(&lake).run();
        assert!(
            refused.stderr.contains("is a demo's"),
            "{args:?}: {refused:?}"
        );
        assert_ne!(refused.code, Some(0), "{args:?}");
    }
    assert_eq!(lake.keys(), keys);

    let real = Scene::new(
        Backend::Folder,
        config(Catalog::generated(9, day(), 100, 2_400)),
    );
    real.program(&["run", "pncp.contratacoes", "--day", DAY])
        .run()
        .expect(0);
    let folder = real.lake.as_folder().display().to_string();
    let refused = Program::new(&["demo", &folder]).run().expect(1);
    assert!(refused.stderr.contains("isn't a demo's"), "{refused:?}");
}

#[test]
fn a_second_demo_finds_only_duplicates_and_both_print_a_query_that_works() {
    let lake = TestLake::new(Backend::Folder);
    let first = demo(&lake);
    for told in ["08:00", "12:00", "16:00", "new ones in 1 file(s)"] {
        assert!(first.contains(told), "no `{told}` in {first}");
    }
    assert!(!first.contains(ONLY_DUPLICATES), "{first}");
    let keys = kept(&lake);
    for key in &keys {
        assert!(first.contains(key.as_str()), "no {key} in {first}");
    }
    let stored = lake.json(STATE)["total_processed"].as_u64().expect("ids");
    let rows = query(&lake, &first);
    assert!(rows.len() > 5 && stored > 500, "{rows:?}");
    assert_eq!(rows.iter().map(|(_, count)| count).sum::<u64>(), stored);
    let (_, answer) = first.split_once("Its answer:").expect("an answer");
    for (name, count) in &rows {
        let told = answer.lines().any(|line| {
            let mut words = line.trim().strip_prefix(name.as_str()).into_iter();
            let count = count.to_string();
            words.any(|rest| rest.split_whitespace().next() == Some(count.as_str()))
        });
        assert!(told, "no {name} with {count} records in {answer}");
    }

    let second = demo(&lake);
    assert!(second.contains(ONLY_DUPLICATES), "{second}");
    assert!(second.contains("nothing new, so no file"), "{second}");
    assert_eq!(kept(&lake), keys, "P6");
    assert_eq!(lake.json(STATE)["total_processed"], stored);
    assert_eq!(query(&lake, &second), rows);
}
