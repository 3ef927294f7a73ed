//! The first hour: `init`, `source new`, `schema infer` for columns that don't exist yet, `demo --serve`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Outcome, Program, Running};

fn bronzed(folder: &Path, args: &[&str]) -> Outcome {
    let config = folder.join("config").display().to_string();
    let mut all = args.to_vec();
    all.extend(["--config", &config]);
    let lake = folder.join("data").display().to_string();
    Program::new(&all).env("BRONZED__LAKE__URL", lake).run()
}

/// Starts the simulated API; returns its base URL.
fn api() -> (Running, String) {
    let args = ["simulate", "--records", "60", "--faults", "0"];
    let mut simulator = Program::new(&args).start();
    let line = simulator.first_line();
    let (_, url) = line
        .split_once("BRONZED__SOURCES__PNCP__BASE_URL=")
        .expect("a URL");
    (simulator, url.to_owned())
}

#[test]
fn init_writes_a_configuration_that_is_right_and_overwrites_none() {
    let folder = tempfile::tempdir().unwrap();
    let said = bronzed(folder.path(), &["init"]).expect(0).stdout;
    assert!(said.contains("bronzed check"), "{said}");
    let config = folder.path().join("config");
    assert!(config.join("sources/pncp/contratacoes.toml").exists());
    bronzed(folder.path(), &["check"]).expect(0);
    let again = bronzed(folder.path(), &["init"]).expect(2);
    assert!(
        again.stderr.contains("has a bronzed.toml already"),
        "{again:?}"
    );

    let one = tempfile::tempdir().unwrap();
    bronzed(one.path(), &["init", "--only", "tcu"]).expect(0);
    let objects = bronzed(one.path(), &["check", "--json"]).expect(0).stdout;
    let datasets = objects
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let names = datasets.filter_map(|one| one["dataset"].as_str().map(str::to_owned));
    assert!(names.clone().count() >= 5 && names.clone().all(|name| name.starts_with("tcu.")));
    let other = tempfile::tempdir().unwrap();
    let told = bronzed(other.path(), &["init", "--only", "tcu", "--json"]);
    let told = told.expect(0).json();
    let files = told["files"].as_array().unwrap();
    assert!(files.len() >= 6, "{told}");
    for file in files {
        assert!(Path::new(file.as_str().unwrap()).exists(), "{file}");
    }
    let unknown = bronzed(one.path(), &["init", "--only", "ibge"]).expect(2);
    assert!(!unknown.stderr.is_empty());
}

#[test]
fn a_source_is_drafted_from_one_answer_and_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    bronzed(folder.path(), &["init", "--empty"]).expect(0);
    let (_simulator, base) = api();
    let url = format!(
        "{base}/consulta/v1/contratos?dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=50"
    );
    let said = bronzed(folder.path(), &["source", "new", "mine", "--from", &url])
        .expect(0)
        .stdout;
    assert!(said.contains("the configuration is right"), "{said}");
    let args = ["run", "mine.contratos", "--day", "2025-10-22", "--json"];
    let report = bronzed(folder.path(), &args).expect(0).json();
    assert_eq!(report["complete"], true, "{report}");
    assert_eq!(report["new"], 200);
    let drift = bronzed(folder.path(), &["schema", "drift", "mine", "--json"]).expect(0);
    assert_eq!(drift.json()["further_values"], 0);
    let new = ["source", "new", "also", "--from", &url, "--json"];
    let printed = [&new[..], &["--print"]].concat();
    let printed = bronzed(folder.path(), &printed).expect(0).json();
    assert_eq!(printed["written"], false, "{printed}");
    let drafted = bronzed(folder.path(), &new).expect(0).json();
    assert_eq!(drafted["problems"], Value::Null, "{drafted}");
    assert_eq!(
        (&drafted["written"], &drafted["records"], &drafted["day"]),
        (&true.into(), &50.into(), &"2025-10-22".into())
    );
    for file in [&drafted["files"][0], &drafted["files"][1]] {
        let text = fs::read_to_string(file["path"].as_str().unwrap()).unwrap();
        assert_eq!(file["text"], text);
    }
    let columns = printed["files"][1]["text"].as_str().unwrap();
    assert!(columns.contains("[columns]"), "{columns}");
    // Nothing is overwritten.
    let again = bronzed(folder.path(), &["source", "new", "mine", "--from", &url]).expect(2);
    assert!(again.stderr.contains("exists"), "{again:?}");
}

#[test]
fn infer_wanted_the_columns_that_it_was_to_write() {
    let folder = tempfile::tempdir().unwrap();
    bronzed(folder.path(), &["init", "--empty"]).expect(0);
    let (_simulator, base) = api();
    let url = format!(
        "{base}/consulta/v1/contratos?dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=50"
    );
    bronzed(folder.path(), &["source", "new", "mine", "--from", &url]).expect(0);
    let columns = folder.path().join("config/sources/mine/contratos.toml");
    fs::remove_file(&columns).unwrap();
    bronzed(folder.path(), &["check"]).expect(2);
    let file = columns.display().to_string();
    let args = [
        "schema",
        "infer",
        "mine.contratos",
        "--day",
        "2025-10-22",
        "--output",
        &file,
    ];
    bronzed(folder.path(), &args).expect(0);
    bronzed(folder.path(), &["check"]).expect(0);
}

#[test]
fn a_demo_that_serves_has_history_a_partial_day_with_its_reason_and_a_daemon() {
    let lake = TestLake::new(Backend::Folder);
    let folder = lake.as_folder().display().to_string();
    let args = [
        "demo",
        "--serve",
        "--port",
        "0",
        "--days",
        "5",
        "--records",
        "40",
        &folder,
    ];
    let mut demo = Program::new(&args).start();
    let address = demo.line("its page is ");
    let (_, address) = address.split_once("its page is ").unwrap();
    let healthy = Program::new(&[
        "healthcheck",
        "--url",
        &format!("{address}healthz"),
        "--json",
    ]);
    assert_eq!(healthy.run().expect(0).json()["healthy"], true);
    let status = Program::new(&["status", "pncp.contratacoes", "--json"]).on(&lake);
    let status = status.run().expect(0).json();
    // Within the first hours of a day, yesterday hasn't settled, and can't be complete.
    let open = status["open"].as_array().unwrap();
    let (settled, settling): (Vec<_>, Vec<_>) = open
        .iter()
        .partition(|day| day["could_be_complete"] == true);
    let complete = status["complete_days"].as_u64().unwrap();
    assert_eq!(complete + settling.len() as u64, 4, "{status}");
    assert!(settling.len() <= 1, "{status}");
    let reason = settled[0]["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("modalidade=8: gave up on"), "{reason}");
    demo.interrupt();
    demo.wait().expect(0);
}
