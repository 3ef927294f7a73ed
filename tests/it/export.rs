//! `bronzed export`, held against the files by pyarrow; and silver tables as `bronzed peek` shows them.

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bronzed_model::entropy::Entropy;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::python::{Python, delta_python, json_of, python};
use crate::support::scene::{DAY, Scene, day};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/use/query.md");
const RECORDS: u32 = 200;
const SEED: u64 = 281_126;
/// Number of kills.
const KILLS: u32 = 10;

/// A lake with a day in several files, and its silver table.
fn scene(backend: Backend) -> Scene {
    let records = GeneratedDay::new(3, day(), RECORDS).records();
    let scene = Scene::of(backend, Catalog::new().with(records));
    let reader = scene.reader().env("BRONZED__COMMIT__MAX_RECORDS", "30");
    reader.run().expect(0);
    scene
}

fn export(scene: &Scene, table: &str, file: &Path, more: &[&str]) -> Program {
    let file = file.to_str().expect("a path");
    scene.program(&[&["export", table, "--output", file], more].concat())
}

/// Returns what pyarrow says of an exported file and the table's files.
fn judged(scene: &Scene, file: &Path, prefix: &str, columns: Option<&str>) -> Value {
    let mut script = python().script("export.py");
    script.arg(file).arg(scene.lake.as_folder().join(prefix));
    json_of(script.args(columns))
}

fn names(folder: &TempDir) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name());
    names
        .map(|name| name.to_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn an_exported_file_has_the_rows_that_pyarrow_reads_of_the_lake() {
    let scene = scene(Backend::Folder);
    let folder = TempDir::new().expect("a folder");
    for format in ["csv", "parquet"] {
        let file = folder.path().join(format!("all.{format}"));
        let told = export(&scene, "pncp.contratacoes", &file, &["--json"]);
        let told = told.run().expect(0).json();
        let judged = judged(&scene, &file, "pncp", None);
        assert_eq!(judged, json!({"rows": RECORDS, "violations": []}));
        assert_eq!(told["rows"], RECORDS, "{told}");
        assert_eq!(told["bytes"], fs::metadata(&file).expect("it").len());
        assert!(told["files_read"].as_u64() > Some(3), "{told}");

        let columns = "_id,orgaoEntidade.cnpj,valorTotalEstimado";
        let file = folder.path().join(format!("some.{format}"));
        let more = ["--columns", columns, "--month", "2025-10"];
        export(&scene, "pncp.contratacoes", &file, &more)
            .run()
            .expect(0);
        let judged = self::judged(&scene, &file, "pncp", Some(columns));
        assert_eq!(judged["violations"], json!([]), "{judged}");
    }
    // Conditions are those of peek.
    let first = fs::read_to_string(folder.path().join("some.csv")).expect("CSV");
    let id = first.lines().nth(1).and_then(|line| line.split(',').next());
    let id = id.expect("a row");
    let file = folder.path().join("one.csv");
    let condition = format!("_id = '{id}'");
    let more = ["--where", &condition, "--columns", "_id"];
    let told = export(&scene, "pncp.contratacoes", &file, &more)
        .run()
        .expect(0);
    assert!(told.stdout.contains(": 1 rows, "), "{}", told.stdout);
    assert_eq!(
        fs::read_to_string(&file).expect("CSV"),
        format!("_id\n{id}\n")
    );
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force_and_what_makes_no_sense_is_told() {
    let scene = scene(Backend::Folder);
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("mine.csv");
    fs::write(&file, "mine").expect("written");
    let told = export(&scene, "pncp.contratacoes", &file, &[])
        .run()
        .expect(2);
    assert!(told.stderr.contains("--force"), "{}", told.stderr);
    assert_eq!(fs::read_to_string(&file).expect("mine"), "mine");
    export(&scene, "pncp.contratacoes", &file, &["--force"])
        .run()
        .expect(0);
    assert_eq!(judged(&scene, &file, "pncp", None)["violations"], json!([]));

    for (table, name, more, code, meant) in [
        (
            "pncp.contratacoes",
            "a.xlsx",
            &[][..],
            2,
            ".csv or .parquet",
        ),
        ("pncp", "a.csv", &[], 2, "has several tables"),
        ("silver.pncp", "a.csv", &[], 2, "has several tables"),
        ("silver.pncp.contratacao", "a.csv", &[], 2, "did you mean"),
        ("silver.pncp.contratacoes", "a.csv", &[], 1, "silver build"),
        (
            "pncp.contratacoes",
            "a.csv",
            &["--month", "2025-13"],
            2,
            "is no month",
        ),
        (
            "pncp.contratacoes",
            "a.csv",
            &["--month", "2024-10"],
            1,
            "nothing was written",
        ),
        (
            "pncp.contratacoes",
            "a.csv",
            &["--columns", "nada"],
            1,
            "no file has a column `nada`",
        ),
        (
            "pncp.contratacoes",
            "a.csv",
            &["--where", "x"],
            2,
            "after `x`",
        ),
    ] {
        let file = folder.path().join(name);
        let told = export(&scene, table, &file, more).run().expect(code);
        assert!(told.stderr.contains(meant), "{}", told.stderr);
    }
    assert_eq!(names(&folder), ["mine.csv"]);
}

#[test]
fn an_export_that_is_killed_leaves_no_half_file_of_its_name() {
    let scene = scene(Backend::Folder);
    let folder = TempDir::new().expect("a folder");
    let whole = folder.path().join("whole.csv");
    export(&scene, "pncp.contratacoes", &whole, &[])
        .run()
        .expect(0);
    let whole = fs::read(&whole).expect("it");
    let entropy = Entropy::seeded(SEED);
    for kill in 1..=KILLS {
        let moment = entropy.up_to(Duration::from_millis(250));
        println!("seed {SEED}, kill {kill}: after {moment:?}");
        let file = folder.path().join(format!("{kill}.csv"));
        scene.kill_after(moment, export(&scene, "pncp.contratacoes", &file, &[]));
        if file.exists() {
            assert!(fs::read(&file).expect("it") == whole, "half a file");
        }
        // The leftovers of a killed one are in nobody's way, and go with the next one.
        let again = export(&scene, "pncp.contratacoes", &file, &["--force"]);
        again.run().expect(0);
        assert!(fs::read(&file).expect("it") == whole);
        let left = names(&folder);
        assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
    }
}

#[test]
fn silver_tables_are_exported_and_shown_by_the_files_of_their_newest_version() {
    let scene = scene(Backend::Folder);
    let update = ["run", "pncp.contratacoes_atualizacao", "--day", DAY];
    let build = ["silver", "build", "pncp.contratacoes"];
    scene.program(&build).run().expect(0);
    // A second version replaces files, which stay in the lake for a while.
    scene.program(&update).run().expect(0);
    scene.program(&build).run().expect(0);
    let folder = TempDir::new().expect("a folder");
    let table = "silver.pncp.contratacoes";
    for format in ["csv", "parquet"] {
        let file = folder.path().join(format!("silver.{format}"));
        let told = export(&scene, table, &file, &["--month", "2025-10", "--json"]);
        assert_eq!(told.run().expect(0).json()["rows"], RECORDS);
    }
    let ids = fs::read_to_string({
        let file = folder.path().join("ids.csv");
        export(&scene, table, &file, &["--columns", "_id"])
            .run()
            .expect(0);
        file
    })
    .expect("CSV");
    let mut exported: Vec<_> = ids.lines().skip(1).collect();
    let args = ["--columns", "_id", "--format", "csv", "--limit", "1000"];
    let shown = scene.program(&[&["peek", table][..], &args].concat()).run();
    let shown = shown.expect(0).stdout;
    let mut shown: Vec<_> = shown.lines().skip(1).collect();
    exported.sort_unstable();
    shown.sort_unstable();
    assert_eq!(exported, shown);
    exported.dedup();
    assert_eq!(exported.len(), RECORDS as usize, "each record once");

    let days = scene
        .program(&["peek", table, "--day", DAY])
        .run()
        .expect(2);
    assert!(days.stderr.contains("no days"), "{}", days.stderr);
}

/// Runs the page's blocks of these kinds in a folder. Returns those that ran.
fn page(scene: &Scene, python: &Python, folder: &TempDir, kinds: &[&str]) -> Vec<bool> {
    let built = Path::new(env!("CARGO_BIN_EXE_bronzed"));
    let mut path = vec![built.parent().expect("its folder").to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut script = python.script("query.py");
    script.arg(PAGE).args(kinds).current_dir(folder);
    script.env("PATH", env::join_paths(path).expect("a path"));
    let told = json_of(script.envs(scene.lake.env()));
    let blocks = told.as_array().expect("blocks").iter();
    blocks.map(|block| block["ran"] == true).collect()
}

#[test]
fn what_the_page_on_queries_shows_gives_rows() {
    let scene = scene(Backend::Folder);
    let build = ["silver", "build", "pncp.contratacoes"];
    scene.program(&build).run().expect(0);
    let folder = TempDir::new().expect("a folder");
    let lake = scene.lake.as_folder();
    std::os::unix::fs::symlink(lake, folder.path().join("data")).expect("a link");
    let commands = page(&scene, delta_python(), &folder, &["sh", "sql"]);
    assert_eq!(commands, [true; 4]);
    // Each package is in one of the two environments, or in both.
    let with_delta = page(&scene, delta_python(), &folder, &["python"]);
    let with_pandas = page(&scene, python(), &folder, &["python"]);
    let ran = with_delta.iter().zip(&with_pandas);
    let ran: Vec<_> = ran.map(|(one, other)| *one || *other).collect();
    assert_eq!(ran, [true; 4]);
}
