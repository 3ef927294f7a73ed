//! Delta tables of a lake, as engines see them: delta-rs, Polars and DuckDB.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

use bronzed_model::entropy::Entropy;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use serde_json::{Value, json};

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::python::{delta_python, json_of};
use crate::support::scene::{self, Scene, day};

/// Number of kills.
const KILLS: u32 = 12;
/// Fixed seed; a failure prints it with the moment of the kill.
const SEED: u64 = 152_026;
const RECORDS: u32 = 300;

fn scene(backend: Backend) -> Scene {
    let mut config =
        scene::config(Catalog::new().with(GeneratedDay::new(7, day(), RECORDS).records()));
    config.latency = Duration::from_millis(15);
    Scene::new(backend, config)
}

fn reader(scene: &Scene) -> Program {
    scene.reader().env("BRONZED__COMMIT__MAX_RECORDS", "15")
}

/// Returns what the engines see of the table.
fn judged(scene: &Scene) -> Value {
    let table = scene.lake.as_folder().join("pncp");
    json_of(delta_python().script("delta.py").arg(table))
}

fn verify(scene: &Scene) -> Program {
    scene.program(&["tables", "verify", "pncp.contratacoes", "--json"])
}

/// Readers in a loop, until they are stopped.
struct Watch(Child);

impl Watch {
    fn begin(scene: &Scene) -> Self {
        Self::of(scene, "pncp")
    }

    fn of(scene: &Scene, prefix: &str) -> Self {
        let table = scene.lake.as_folder().join(prefix);
        let mut script = delta_python().script("delta.py");
        let script = script.arg(table).arg("--watch");
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(script.spawn().expect("the readers begin"))
    }

    fn end(mut self) -> Value {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().expect("the readers end");
        assert!(output.status.success(), "a reader met an error");
        serde_json::from_slice(&output.stdout).expect("what they have seen")
    }
}

#[test]
fn engines_see_each_row_once_whatever_was_killed_when_in_a_folder() {
    let scene = scene(Backend::Folder);
    let entropy = Entropy::seeded(SEED);
    let watch = Watch::begin(&scene);
    for kill in 1..=KILLS {
        let moment = entropy.up_to(Duration::from_millis(1_500));
        println!("seed {SEED}, kill {kill}: after {moment:?}");
        scene.kill_after(moment, reader(&scene));
        if kill % 4 == 0 {
            scene.run_with(reader(&scene)).expect(0);
            verify(&scene).run().expect(0);
        }
    }
    let seen = watch.end();
    assert_eq!(seen["violations"], json!([]), "{seen}");
    let judged = judged(&scene);
    assert_eq!(judged["violations"], json!([]), "{judged}");
    assert_eq!(judged["rows"], RECORDS);
}

#[test]
fn engines_see_each_row_once_on_s3() {
    let scene = scene(Backend::S3);
    scene.kill_after(Duration::from_millis(700), reader(&scene));
    scene.run_with(reader(&scene)).expect(0);
    verify(&scene).run().expect(0);
    let judged = judged(&scene);
    assert_eq!(judged["violations"], json!([]), "{judged}");
    assert_eq!(judged["rows"], RECORDS);
}

#[test]
fn a_lake_without_delta_logs_gets_them_whole_and_sql_by_which_an_engine_knows_its_tables() {
    let scene = scene(Backend::Folder);
    let without = reader(&scene).env("BRONZED__DELTA__ENABLED", "false");
    scene.run_with(without).expect(0);
    assert!(
        scene
            .lake
            .keys()
            .iter()
            .all(|key| !key.contains("_delta_log"))
    );
    let sql = || scene.program(&["tables", "sql"]).run();
    assert!(sql().expect(1).stderr.contains("tables rebuild"));
    let missing = verify(&scene).run().expect(3).json();
    assert_eq!(missing["version"], Value::Null);

    scene
        .program(&["tables", "rebuild", "pncp"])
        .run()
        .expect(0);
    let judged = judged(&scene);
    assert_eq!(judged["violations"], json!([]), "{judged}");
    assert_eq!(judged["rows"], RECORDS);

    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(sql().expect(0).stdout.as_bytes())
        .expect("written");
    let counted = json_of(
        delta_python()
            .script("delta.py")
            .args(["--sql"])
            .arg(file.path())
            .arg("SELECT count(*), min(dataPublicacaoPncp)::DATE::VARCHAR FROM pncp_contratacoes"),
    );
    assert_eq!(counted, json!([[RECORDS, day().to_string()]]));
}

#[test]
fn a_lost_file_is_told_and_taken_out_of_the_table() {
    let scene = scene(Backend::Folder);
    scene.run_with(reader(&scene)).expect(0);
    scene.lake.delete(&scene::file(2));
    let found = verify(&scene).run().expect(3).json();
    assert_eq!(found["gone"], json!([scene::file(2)]));
    scene
        .program(&["tables", "rebuild", "pncp.contratacoes"])
        .run()
        .expect(0);
    verify(&scene).run().expect(0);
    assert_eq!(judged(&scene)["violations"], json!([]));
}

fn compaction(scene: &Scene) -> Program {
    scene.program(&["tables", "compact", "pncp.contratacoes", "--json"])
}

#[test]
fn readers_see_each_row_once_while_commits_and_compaction_are_at_work_and_killed() {
    let scene = scene(Backend::Folder);
    let entropy = Entropy::seeded(SEED + 1);
    let watch = Watch::begin(&scene);
    for kill in 1..=6 {
        let moment = entropy.up_to(Duration::from_millis(2_500));
        let compacting = entropy.up_to(Duration::from_millis(400));
        println!("kill {kill}: a run after {moment:?}, a compaction after {compacting:?}");
        let beside = compaction(&scene).start();
        scene.kill_after(moment, reader(&scene));
        beside.wait();
        scene.kill_after(compacting, compaction(&scene));
        if kill % 3 == 0 {
            scene.run_with(reader(&scene)).expect(0);
            compaction(&scene).run().expect(0);
            verify(&scene).run().expect(0);
        }
    }
    let seen = watch.end();
    assert_eq!(seen["violations"], json!([]), "{seen}");
    let judged = judged(&scene);
    assert_eq!(judged["violations"], json!([]), "{judged}");
    assert_eq!(judged["rows"], RECORDS);
    let found = verify(&scene).run().expect(0).json();
    assert_eq!(found["compacted"], 1, "{found}");
    assert!(judged["files"].as_u64() < Some(9), "{judged}");
    scene
        .program(&["state", "verify", "pncp.contratacoes"])
        .run()
        .expect(0);

    // A compacted file that was lost: readers fail until the numbered ones are shown again.
    let keys = scene.lake.keys();
    for key in keys.iter().filter(|key| key.contains("/_compacted/")) {
        scene.lake.delete(key);
    }
    verify(&scene).run().expect(3);
    scene
        .program(&["tables", "rebuild", "pncp.contratacoes"])
        .run()
        .expect(0);
    assert_eq!(self::judged(&scene)["violations"], json!([]));
}

#[test]
fn readers_of_bronze_and_silver_see_whole_commits_while_runs_compaction_and_builds_are_at_work() {
    let scene = scene(Backend::Folder);
    let build = || scene.program(&["silver", "build", "pncp.contratacoes"]);
    let watches = ["pncp", "silver/pncp_contratacoes"].map(|prefix| Watch::of(&scene, prefix));
    let killed_run = || {
        let mut run = reader(&scene).start_to_stop_at("data.after:4");
        run.stops_at(&["data.after:4"]);
        run.kill();
    };
    killed_run();
    for _ in 0..4 {
        let beside = [compaction(&scene).start(), build().start()];
        killed_run();
        for running in beside {
            running.wait().expect(0);
        }
    }
    reader(&scene).run().expect(0);
    build().run().expect(0);
    compaction(&scene).run().expect(0);
    let files = scene.lake.keys().into_iter();
    let files = files.filter(|key| key.starts_with(scene::PARTITION) && key.ends_with(".parquet"));
    let whole: BTreeSet<_> = files
        .scan(0, |rows, key| {
            let file = bronzed_storage::bronze::reader::records(scene.lake.get(&key).into());
            *rows += file.expect("a file of ours").len();
            Some(*rows)
        })
        .collect();
    assert_eq!(whole.last(), Some(&(RECORDS as usize)));
    for watch in watches {
        let seen = watch.end();
        assert_eq!(seen["violations"], json!([]), "{seen}");
        let counts = seen["counts"].as_array().expect("counts").iter();
        let counts = counts.map(|count| count.as_u64().expect("a number") as usize);
        let halves: Vec<_> = counts.filter(|count| !whole.contains(count)).collect();
        assert_eq!(halves, [0; 0], "{seen}, of {whole:?}");
    }
}

#[test]
fn rows_are_shown_without_an_engine_newest_first() {
    let scene = scene(Backend::Folder);
    scene.run_with(reader(&scene)).expect(0);
    let peek = |more: &[&str]| {
        let args = [&["peek", "pncp.contratacoes"], more].concat();
        scene.program(&args).run()
    };
    let shown = peek(&[
        "--limit",
        "3",
        "--columns",
        "_id,orgaoEntidade.cnpj",
        "--format",
        "json",
    ]);
    let lines: Vec<Value> = shown
        .expect(0)
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 3);
    let (id, cnpj) = (&lines[1]["_id"], &lines[1]["orgaoEntidade.cnpj"]);
    let condition = format!(
        "_id = '{}' and orgaoEntidade.cnpj = '{}' and _key is not null",
        id.as_str().expect("an id"),
        cnpj.as_str().expect("a number")
    );
    let csv = peek(&["--where", &condition, "--columns", "_id", "--format", "csv"]);
    let csv = csv.expect(0).stdout;
    assert_eq!(
        csv.trim_end(),
        format!("_id\n{}", id.as_str().expect("an id"))
    );
    let all = peek(&["--limit", "1000", "--columns", "_id", "--format", "csv"]).expect(0);
    assert_eq!(all.stdout.lines().count(), RECORDS as usize + 1);
    assert_eq!(
        peek(&["--day", "2020-01-01"]).expect(0).stdout,
        "no such row\n"
    );
    assert!(
        peek(&["--where", "x"])
            .expect(2)
            .stderr
            .contains("after `x`")
    );
}
