//! `bronzed schema infer` and `drift`: from recorded responses, from the API, and from a lake.

use std::fs;
use std::path::{Path, PathBuf};

use bronzed_simulator::pncp::catalog::Catalog;
use serde_json::json;
use tempfile::TempDir;

use crate::support::lake::Backend;
use crate::support::scene::{DAY, Scene};

pub(super) const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
const RECORDED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/pncp/contratacoes_modalidade5_sc.envelope.json"
);

fn scene() -> Scene {
    Scene::of(Backend::Folder, Catalog::recorded_day())
}

/// Returns the shipped configuration with changed columns of contratações.
fn config(change: impl FnOnce(String) -> String) -> TempDir {
    let folder = TempDir::with_prefix("bronzed-config-").unwrap();
    copy(Path::new(SHIPPED), folder.path());
    let file = folder.path().join("sources/pncp/contratacoes.toml");
    let text = change(fs::read_to_string(&file).unwrap());
    fs::write(&file, text).unwrap();
    folder
}

pub(super) fn copy(from: &Path, to: &Path) {
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

fn path(folder: &TempDir) -> PathBuf {
    folder.path().to_owned()
}

#[test]
fn drift_names_the_fields_that_no_column_holds() {
    let scene = scene();
    let lacking = config(|columns| {
        columns
            .replace("usuarioNome = \"string\"\n", "")
            .replace("numeroCompra = \"string\"", "numeroCompra = \"int64\"")
            .replace("razaoSocial = \"string\"\n", "")
    });
    let lacking = path(&lacking).display().to_string();
    let run = [
        "run",
        "pncp.contratacoes",
        "--day",
        DAY,
        "--config",
        &lacking,
    ];
    scene.program(&run).run().expect(0);

    let drift = ["schema", "drift", "pncp.contratacoes", "--config", &lacking];
    let said = scene
        .program(&[&drift[..], &["--json"]].concat())
        .run()
        .expect(0)
        .json();
    assert_eq!(
        (&said["files"], &said["rows_with_extra"]),
        (&json!(1), &json!(5))
    );
    let found: Vec<_> = said["findings"].as_array().unwrap().iter().collect();
    let names: Vec<_> = found
        .iter()
        .map(|one| (&one["field"], &one["why"], &one["values"]))
        .collect();
    assert_eq!(
        names,
        [
            (&json!("numeroCompra"), &json!("mistyped"), &json!(5)),
            (
                &json!("orgaoEntidade.razaoSocial"),
                &json!("undeclared"),
                &json!(5)
            ),
            (&json!("usuarioNome"), &json!("undeclared"), &json!(5)),
        ]
    );
    assert_eq!(found[0]["declared"], "int64");
    assert_eq!(found[0]["seen"], json!({"string": 5}));
    assert_eq!(
        (&found[0]["first_day"], &found[0]["last_day"]),
        (&json!(DAY), &json!(DAY))
    );
    assert!(found[2]["example"].as_str().unwrap().starts_with('"'));

    let table = scene.program(&drift).run().expect(0).stdout;
    assert!(
        table.contains("pncp.contratacoes: 5 rows with drift in 1 files"),
        "{table}"
    );
    assert!(table.contains("orgaoEntidade.razaoSocial"), "{table}");

    // Once the columns are declared again, drift reports the earlier rows as `declared since`.
    let now = scene
        .program(&["schema", "drift", "pncp", "--from", DAY, "--to", DAY])
        .run();
    let now = now.expect(0).stdout;
    assert_eq!(now.matches("declared since").count(), 3, "{now}");
    assert!(
        !now.contains("undeclared") && !now.contains("mistyped"),
        "{now}"
    );

    let earlier = ["schema", "drift", "pncp.contratacoes", "--to", "2025-10-21"];
    let earlier = scene.program(&earlier).run().expect(0).stdout;
    assert_eq!(earlier.trim_end(), "pncp.contratacoes: no drift in 0 files");
}

#[test]
fn a_day_that_fits_its_columns_has_no_drift() {
    let scene = scene();
    scene.run().expect(0);
    let said = scene
        .program(&["schema", "drift", "pncp.contratacoes"])
        .run()
        .expect(0);
    assert_eq!(
        said.stdout.trim_end(),
        "pncp.contratacoes: no drift in 1 files"
    );
}

#[test]
fn a_draft_of_a_recorded_answer_is_a_file_of_columns() {
    let scene = scene();
    let infer = ["schema", "infer", "pncp.contratacoes", "--from", RECORDED];
    let text = scene.program(&infer).run().expect(0).stdout;
    assert!(text.contains("made of 31 records"), "{text}");
    assert!(text.contains("\n[columns.orgaoEntidade]\n"), "{text}");
    assert!(
        text.contains("\nvalorTotalEstimado = \"decimal(18,4)\"\n"),
        "{text}"
    );
    let columns = bronzed_config::columns("draft.toml", &text);
    assert!(columns.is_ok(), "{text}");
    assert!(scene.lake.keys().is_empty() && scene.simulator.ledger().is_empty());
}

#[test]
fn a_draft_of_what_the_api_answers_now_holds_a_whole_day() {
    let scene = scene();
    let folder = TempDir::with_prefix("bronzed-draft-").unwrap();
    let draft = folder.path().join("draft.toml");
    let draft = draft.to_str().unwrap();
    let infer = [
        "schema",
        "infer",
        "pncp.contratacoes",
        "--day",
        DAY,
        "--output",
        draft,
    ];
    let said = scene.program(&infer).run().expect(0);
    assert_eq!(said.stdout, "");
    let text = fs::read_to_string(draft).unwrap();
    assert!(text.contains("made of 5 records"), "{text}");

    let drafted = config(|_| text);
    let drafted = path(&drafted).display().to_string();
    let run = [
        "run",
        "pncp.contratacoes",
        "--day",
        DAY,
        "--config",
        &drafted,
    ];
    scene.program(&run).run().expect(0);
    let drift = [
        "schema",
        "drift",
        "pncp.contratacoes",
        "--config",
        &drafted,
        "--json",
    ];
    let drift = scene.program(&drift).run().expect(0).json();
    // A list that is empty in all records gives no type.
    let found = drift["findings"].as_array().unwrap();
    let found: Vec<_> = found.iter().map(|one| &one["field"]).collect();
    assert_eq!(found, ["fontesOrcamentarias"]);

    // An edited draft isn't overwritten by the next one.
    let again = scene.program(&infer).run().expect(2);
    assert!(
        again.stderr.contains("can't be written"),
        "{}",
        again.stderr
    );
}

#[test]
fn infer_says_what_it_can_not_use() {
    let folder = TempDir::with_prefix("bronzed-infer-").unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let html = file("page.html", "<html>Limite de Requisições Excedido</html>");
    let empty = file(
        "empty.json",
        r#"{"data":[],"totalRegistros":0,"totalPaginas":0}"#,
    );
    let lines = file("lines.json", "{\"a\":1}\n\n{\"a\":2.5}\n");
    for (target, from, code, part) in [
        (
            "pncp.contratacoes",
            html.as_str(),
            1,
            "has no records of `pncp.contratacoes`",
        ),
        ("pncp.contratacoes", empty.as_str(), 1, "0 records"),
        ("pncp.contratacoes", "/nowhere/at/all", 2, "can't be read"),
        ("pncp", lines.as_str(), 2, "name one of its datasets"),
        ("pncp.nada", lines.as_str(), 2, "`nada`"),
    ] {
        let scene = scene();
        let outcome = scene
            .program(&["schema", "infer", target, "--from", from])
            .run();
        let said = outcome.expect(code).stderr;
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let scene = scene();
    scene
        .program(&["schema", "infer", "pncp.contratacoes"])
        .run()
        .expect(2);
    for (target, part) in [
        (
            "pncp.itens",
            "is read for each record of `contratacoes_atualizacao`",
        ),
        (
            "comprasnet.contratos",
            "takes its slices from another dataset",
        ),
    ] {
        let asked = ["schema", "infer", target, "--day", DAY];
        let said = scene.program(&asked).run().expect(2).stderr;
        assert!(said.contains(part) && said.contains("--from"), "{said}");
    }
    let infer = ["schema", "infer", "pncp.contratacoes", "--from", &lines];
    let text = scene.program(&infer).run().expect(0).stdout;
    assert!(text.contains("\na = \"decimal(18,4)\""), "{text}");
}
