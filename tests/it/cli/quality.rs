//! `bronzed quality`: the results of expectations from a lake, and the exit code for scripts.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use bronzed_simulator::pncp::catalog::Catalog;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::schema::{SHIPPED, copy};
use crate::support::lake::Backend;
use crate::support::scene::{DAY, Scene};

/// Returns the shipped configuration with one more expectation, which no contratação meets.
fn config(severity: &str) -> TempDir {
    let folder = TempDir::with_prefix("bronzed-config-").unwrap();
    copy(Path::new(SHIPPED), folder.path());
    let file = folder.path().join("sources/pncp.toml");
    let table = format!(
        "\n[dataset.contratacoes.expect.never]\ncheck = \"between\"\ncolumn = \"anoCompra\"\n\
         max = 1900\nseverity = \"{severity}\"\n"
    );
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(table.as_bytes()).unwrap();
    folder
}

#[test]
fn an_expectation_that_fails_is_shown_first_and_decides_the_exit_code_by_its_severity() {
    for (severity, code) in [("warn", 0), ("error", 3)] {
        let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
        let folder = config(severity);
        let folder = folder.path().display().to_string();
        let config = ["--config", folder.as_str()];
        let run = ["run", "pncp.contratacoes", "--day", DAY, "--json"];
        let run = scene.program(&[&run[..], &config].concat()).run();
        let report = run.expect(0).json();
        assert_eq!(report["new"], 5, "bronze isn't held back: {report}");
        assert_eq!(report["expectations"]["never"]["unexpected"], 5);

        let quality = ["quality", "pncp.contratacoes"];
        let quality = [&quality[..], &config].concat();
        let said = scene.program(&[&quality[..], &["--json"]].concat()).run();
        let said = said.expect(code).stdout;
        let rows: Vec<Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let first = &rows[0];
        assert_eq!(
            (
                &first["expectation"],
                &first["result"],
                &first["unexpected"]
            ),
            (&json!("never"), &json!("fails"), &json!(5))
        );
        assert_eq!(first["failed_days"], json!([DAY]));
        assert_eq!(first["examples"].as_array().unwrap().len(), 3);
        assert!(
            rows[1..].iter().all(|row| row["result"] == "holds"),
            "{said}"
        );

        let table = scene.program(&quality).run().expect(code).stdout;
        assert!(
            table.contains("1 day failed, at last 2025-10-22"),
            "{table}"
        );
        let before = [&quality[..], &["--to", "2025-10-21"]].concat();
        let table = scene.program(&before).run().expect(0).stdout;
        assert!(table.contains("not evaluated"), "{table}");
    }
}

#[test]
fn a_state_without_failures_has_no_more_than_the_names_of_its_expectations() {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    scene.reader().run().expect(0);
    let state = scene.state();
    let results = state["executions"][0]["expectations"].as_object().unwrap();
    assert!(
        results.values().all(|one| one["success"] == true),
        "{state}"
    );
    assert!(results.values().all(|one| one.get("examples").is_none()));
}
