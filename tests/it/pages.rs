//! Pages for those who read the lake: what they show works, word for word, over a lake of simulated days.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use bronzed_simulator::Simulator;
use bronzed_simulator::command::{self, Args};
use bronzed_simulator::provider::Provider;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::Program;
use crate::support::python::{json_of, python};
use crate::support::runtime;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// APIs, and a lake with some days of nearly every dataset.
struct Simulated {
    simulator: Simulator,
    lake: PathBuf,
}

/// Returns the lake, which is filled on first use and then only read.
fn simulated() -> &'static Simulated {
    static SIMULATED: OnceLock<Simulated> = OnceLock::new();
    SIMULATED.get_or_init(|| {
        let lake = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        _ = fs::remove_dir_all(&lake);
        let simulator = runtime().block_on(command::start(&apis()));
        let simulated = Simulated {
            simulator: simulator.expect("a free port"),
            lake,
        };
        simulated.fill();
        simulated
    })
}

fn apis() -> Args {
    Args {
        port: 0,
        seed: 1,
        days: ["20", "21", "22"]
            .map(|day| format!("2025-10-{day}").parse().expect("a day"))
            .to_vec(),
        records: 200,
        record_bytes: 2_400,
        others: 60,
        updated: 0.3,
        compras: 30,
        feed: 500,
        list: 50,
        faults: 0.0,
        odd: 0.0,
        late: 0.0,
        now: Some("2025-10-22T23:50:00-03:00".parse().expect("a time")),
        latency: Duration::ZERO,
        max_in_flight: 6,
    }
}

impl Simulated {
    /// Returns the variables that direct the program to simulated APIs.
    fn variables(&self, providers: &[Provider]) -> Vec<(&'static str, String)> {
        let named = |provider: &Provider| {
            let url = self.simulator.base_url_of(*provider);
            let names = provider.variables().iter();
            names.map(move |name| (*name, url.clone()))
        };
        providers.iter().flat_map(named).collect()
    }

    fn program(&self, args: &[&str]) -> Program {
        let lake = Program::new(args).env("BRONZED__LAKE__URL", self.lake.to_str().unwrap());
        let variables = self.variables(&Provider::ALL).into_iter();
        variables.fold(lake, |program, (name, value)| program.env(name, value))
    }

    fn fill(&self) {
        let run = |args: &[&str]| self.program(&[&["run"], args].concat()).run().expect(0);
        let range = ["--from", "2025-10-20", "--to", "2025-10-22"];
        let updates = "pncp.contratacoes_atualizacao";
        // The last day isn't over: some of its records are updated again later, and are read as second versions.
        run(&[&[updates], &range[..]].concat());
        let weeks_later = "2025-11-20T09:00:00-03:00";
        let weeks_later = chrono::DateTime::parse_from_rfc3339(weeks_later).expect("a time");
        self.simulator.set_now(weeks_later.to_utc());
        run(&[updates, "--from", "2025-10-23", "--to", "2025-10-31"]);
        run(&[&["pncp"], &range[..]].concat());
        for child in ["pncp.itens", "pncp.arquivos", "pncp.resultados"] {
            run(&[child, "--day", "2025-10-22"]);
        }
        run(&["comprasnet", "--day", "2025-10-21"]);
        run(&["tcu"]);
        for list in [
            "comprasnet.uasg",
            "comprasnet.orgaos",
            "comprasnet.materiais",
        ] {
            run(&[list]);
        }
    }

    /// Runs a page in a folder of its own, with a copy of the lake if it is to begin with one. Returns what its
    /// blocks returned, and the folder.
    fn page(&self, page: &str, with_lake: bool) -> (Vec<Value>, TempDir) {
        let folder = TempDir::with_prefix("bronzed-page-").expect("a temporary folder");
        if with_lake {
            let copied = Command::new("cp")
                .arg("-r")
                .args([&self.lake, &folder.path().join("lake")])
                .status();
            assert!(copied.expect("cp").success());
        }
        let built = Path::new(env!("CARGO_BIN_EXE_bronzed"));
        let mut path = vec![built.parent().unwrap().to_owned(), python().program("")];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut script = python().script("pages.py");
        script
            .arg(Path::new(DOCS).join(page))
            .current_dir(&folder)
            .env("PATH", env::join_paths(path).unwrap())
            .env("BRONZED__LAKE__URL", "./lake")
            // The pages write a configuration of PNCP alone.
            .envs(self.variables(&[Provider::Pncp]));
        (json_of(&mut script).as_array().unwrap().clone(), folder)
    }
}

/// Returns what each block of a kind returned.
fn of_kind(told: &[Value], kind: &str) -> Vec<Value> {
    let blocks = told.iter().filter(|block| block["kind"] == kind);
    blocks.map(|block| block["rows"].clone()).collect()
}

fn assert_questions_are_answered(page: &str) {
    let simulated = simulated();
    let before = simulated.simulator.ledger().len();
    let (told, _) = simulated.page(page, true);
    let rows = of_kind(&told, "sql");
    let (copies, asked): (Vec<_>, Vec<_>) = rows.iter().partition(|rows| rows.is_null());
    assert_eq!((copies.len(), asked.len()), (2, 9), "{told:?}");
    for (position, rows) in asked.iter().enumerate() {
        assert!(
            rows.as_u64() > Some(0),
            "the query {} finds nothing",
            position + 1
        );
    }
    // The one record of question 3 has come in two versions.
    assert_eq!(asked[2], &json!(2));
    assert!(of_kind(&told, "python").len() >= 4 && of_kind(&told, "sh").len() == 3);
    // One city alone is asked for as the API takes it.
    let asked = simulated.simulator.ledger();
    let of_city = asked[before..].iter().filter(|entry| {
        let request = serde_json::to_string(entry).unwrap();
        request.contains("codigoMunicipioIbge=4209003")
    });
    assert!(of_city.count() >= 14, "a request for each modality");
}

#[test]
fn the_questions_are_answered() {
    assert_questions_are_answered("use/questions.md");
}

#[test]
fn the_questions_in_portuguese_are_answered() {
    assert_questions_are_answered("use/perguntas.md");
}

#[test]
fn views_have_the_latest_version_of_each_record_in_flat_columns() {
    let simulated = simulated();
    let views = |args: &[&str]| {
        simulated
            .program(&[&["views"], args].concat())
            .run()
            .expect(0)
    };
    let sql = simulated.lake.with_extension("sql");
    fs::write(&sql, views(&[]).stdout).unwrap();
    let mut script = python().script("views.py");
    let told = json_of(script.arg(&simulated.lake).arg(&sql));
    assert!(told["views"].as_u64() > Some(20), "{told}");
    assert!(
        told["superseded"].as_u64() > Some(0),
        "no record has two versions"
    );
    assert_eq!(told["violations"], json!([]));

    // A dataset without a file has no view, as DuckDB would refuse it.
    let created = |text: &str| text.matches("CREATE OR REPLACE VIEW").count() as u64;
    let text = fs::read_to_string(&sql).unwrap();
    assert_eq!(told["views"], created(&text));
    assert!(!text.contains("pncp_pca"));
    assert!(created(&views(&["--all"]).stdout) > created(&text));
    let elsewhere = views(&["pncp.pca", "--all", "--lake", "s3://bucket/it's/"]).stdout;
    assert!(elsewhere.contains("'s3://bucket/it''s/pncp_pca/year=*/**/*.parquet'"));
    assert!(elsewhere.contains("INSTALL httpfs"));
}

/// A column that is declared today is in no file yet.
#[test]
fn a_view_shows_a_column_that_no_file_has_as_null() {
    let simulated = simulated();
    let folder = TempDir::with_prefix("bronzed-config-").unwrap();
    let config = folder.path().join("config");
    let config = config.to_str().unwrap();
    simulated.program(&["init", config]).run().expect(0);
    let file = Path::new(config).join("sources/pncp/contratacoes.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text
        .replace("[columns]\n", "[columns]\nnova = \"date\"\n")
        .replace(
            "[columns.orgaoEntidade]\n",
            "[columns.orgaoEntidade]\nsigla = \"string\"\n",
        );
    fs::write(&file, text).unwrap();
    let args = ["views", "pncp.contratacoes", "--config", config];
    let sql = folder.path().join("views.sql");
    fs::write(&sql, simulated.program(&args).run().expect(0).stdout).unwrap();
    let query = "SELECT DISTINCT nova, orgao_entidade_sigla FROM pncp_contratacoes";
    let mut script = python().script("views.py");
    let rows = json_of(script.arg(&simulated.lake).arg(&sql).arg(query));
    assert_eq!(rows, json!([{"nova": null, "orgao_entidade_sigla": null}]));
}

/// The types that pandas gave are those of the declaration in the view.
#[test]
fn a_view_reads_the_files_of_the_earlier_pipeline_with_those_of_today() {
    let lake = TestLake::new(Backend::Folder);
    let folder = lake.as_folder();
    let day = folder.join("pncp/year=2025/month=10/day=21");
    fs::create_dir_all(&day).unwrap();
    let old = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/pandas/contratacoes.parquet"
    );
    fs::copy(old, day.join("pncp_20251021_080000.parquet")).unwrap();
    let simulated = simulated();
    let new = "pncp/year=2025/month=10/day=22";
    fs::create_dir_all(folder.join(new)).unwrap();
    let file = format!("{new}/pncp_20251022_c000001.parquet");
    fs::copy(simulated.lake.join(&file), folder.join(&file)).unwrap();
    let said = Program::new(&["views", "pncp.contratacoes", "--all"])
        .on(&lake)
        .run();
    let sql = simulated.lake.with_extension("old.sql");
    fs::write(&sql, said.expect(0).stdout).unwrap();
    let query = "SELECT day, count(*) > 0 AS rows, count(orgao_entidade_cnpj) = count(*) AS organs, \
                 typeof(any_value(valor_total_estimado)) AS money, typeof(any_value(data_publicacao_pncp)) AS time \
                 FROM pncp_contratacoes GROUP BY day ORDER BY day";
    let mut script = python().script("views.py");
    let rows = json_of(script.arg(&folder).arg(&sql).arg(query));
    let row = |day: u32| json!({"day": day, "rows": true, "organs": true, "money": "DECIMAL(18,4)", "time": "TIMESTAMP"});
    assert_eq!(rows, json!([row(21), row(22)]));
}

#[test]
fn what_has_no_views_is_said() {
    let simulated = simulated();
    let refused = |program: Program, code: i32, what: &str| {
        let said = program.run().expect(code).stderr;
        assert!(said.contains(what), "{said}");
    };
    let none = simulated.program(&["views", "pncp.pca"]);
    refused(none, 1, "has no files of these datasets");
    let memory = simulated.program(&["views", "--lake", "memory:///"]);
    refused(memory, 2, "in memory");
}

#[test]
fn every_shipped_expectation_holds_for_the_simulated_records() {
    let disabled = ["pncp.itens", "pncp.arquivos", "pncp.resultados"];
    let mut held = 0;
    for targets in std::iter::once(None).chain(disabled.map(Some)) {
        let quality = ["quality", "--from", "2025-10-01", "--json"];
        let quality: Vec<_> = quality.into_iter().chain(targets).collect();
        let said = simulated().program(&quality).run().expect(0).stdout;
        for line in said.lines() {
            let told: Value = serde_json::from_str(line).expect("JSON");
            assert_ne!(told["result"], "fails", "{line}");
            held += usize::from(told["result"] == "holds");
        }
    }
    assert!(held > 60, "{held} were evaluated");
}

#[test]
fn the_first_steps_are_taken() {
    for page in ["use/getting-started.md", "use/primeiros-passos.md"] {
        let (told, _) = simulated().page(page, false);
        assert_eq!(
            (of_kind(&told, "sh").len(), of_kind(&told, "python").len()),
            (2, 1)
        );
        let [rows] = &of_kind(&told, "sql")[..] else {
            panic!("{told:?}");
        };
        assert_eq!(rows, &json!(200), "the records of the day that it reads");
    }
}

/// Returns the files of a folder, by their path in it, except those that only one process has.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => _ = found.insert(path.strip_prefix(folder).unwrap().to_owned()),
            }
        }
    }
    found
}

#[test]
fn a_lake_that_was_backed_up_and_moved_goes_on() {
    let simulated = simulated();
    let (_, folder) = simulated.page("operate/upkeep.md", true);
    assert_eq!(files(&folder.path().join("backup")), files(&simulated.lake));
    for copy in ["restored", "moved"] {
        let lake = folder.path().join(copy);
        let args = ["run", "pncp.contratacoes", "--day", "2025-10-22", "--json"];
        let again = simulated
            .program(&args)
            .env("BRONZED__LAKE__URL", lake.to_str().unwrap());
        let report = again.run().expect(0).json();
        let counts = (&report["new"], &report["duplicates"], &report["complete"]);
        assert_eq!(counts, (&json!(0), &json!(200), &json!(true)), "{copy}");
    }
}
