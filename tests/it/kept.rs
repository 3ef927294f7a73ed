//! Silver tables as a person builds them, and as a daemon keeps them.

use std::io::Write as _;
use std::time::Duration;

use bronzed::server::daemon::DaemonService as _;
use bronzed_model::clock::Clock as _;
use bronzed_model::day::Day;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::driven::{Plan, World};
use crate::support::lake::Backend;
use crate::support::python::{delta_python, json_of};
use crate::support::runtime;
use crate::support::scene::{DAY, Scene, day};
use crate::support::sources::JOBS;

const RECORDS: u32 = 120;
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/use/silver.md"));

/// A lake with a day of procurements by publication and by update.
fn scene() -> Scene {
    let records = GeneratedDay::new(11, day(), RECORDS).records();
    let scene = Scene::of(Backend::Folder, Catalog::new().with(records));
    for dataset in ["pncp.contratacoes", "pncp.contratacoes_atualizacao"] {
        let read = scene.program(&["run", dataset, "--day", DAY, "--json"]);
        read.run().expect(0);
    }
    scene
}

/// Returns the rows of a query, after the statements of `bronzed tables sql`.
fn query(scene: &Scene, text: &str) -> Value {
    let mut file = NamedTempFile::new().expect("a file");
    let sql = scene.program(&["tables", "sql", "pncp"]).run().expect(0);
    file.write_all(sql.stdout.as_bytes()).expect("written");
    let mut script = delta_python().script("delta.py");
    json_of(script.args(["--sql"]).arg(file.path()).arg(text))
}

/// Returns the blocks of code in a language of the page on silver tables.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let blocks = PAGE.split(&begin).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn a_silver_table_is_the_latest_version_of_each_record_by_an_independent_query() {
    let scene = scene();
    let built = ["silver", "build", "pncp.contratacoes", "--json"];
    let first = scene.program(&built).run().expect(0).json();
    assert_eq!(first["days_left"], 0, "{first}");
    assert_eq!(first["held_back"], json!([]), "{first}");
    assert_eq!(first["unfit"], json!({}), "{first}");

    let lake = scene.lake.as_folder();
    let glob = |prefix: &str| format!("{}/{prefix}/year=*/**/*.parquet", lake.display());
    let columns = "numeroControlePNCP, objetoCompra, valorTotalEstimado, orgaoEntidade.cnpj, \
                   unidadeOrgao.ufSigla, dataAtualizacaoGlobal";
    let oracle = format!(
        "SELECT {columns} FROM (\
           SELECT *, 1 AS input FROM read_parquet('{}', union_by_name = true) UNION ALL BY NAME \
           SELECT *, 2 AS input FROM read_parquet('{}', union_by_name = true)) \
         QUALIFY row_number() OVER (PARTITION BY numeroControlePNCP \
           ORDER BY dataAtualizacaoGlobal DESC NULLS LAST, input DESC) = 1",
        glob("pncp"),
        glob("pncp_contratacoes_atualizacao"),
    );
    let silver = "SELECT numero_controle_pncp, objeto_compra, valor_total_estimado, orgao_entidade_cnpj, \
                  unidade_orgao_uf_sigla, data_atualizacao_global FROM silver_pncp_contratacoes";
    let found = query(
        &scene,
        &format!(
            "SELECT (SELECT count(*) FROM ({silver})), (SELECT count(*) FROM ({oracle})), \
             (SELECT count(*) FROM ({silver} EXCEPT {oracle})), \
             (SELECT count(*) FROM ({oracle} EXCEPT {silver}))"
        ),
    );
    assert_eq!(found, json!([[RECORDS, RECORDS, 0, 0]]));

    let again = scene.program(&["silver", "build", "pncp.contratacoes"]);
    let again = again.run().expect(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    let status = ["silver", "status", "pncp", "--fail-if-behind", "--json"];
    let status = scene.program(&status).run().expect(0);
    assert_eq!(status.stderr, "", "nothing is amiss");
    let of_table = |status: &str, name: &str| {
        let lines = status.lines().map(serde_json::from_str::<Value>);
        let mut lines = lines.map(|line| line.expect("JSON"));
        lines.find(|line| line["table"] == name).expect("the table")
    };
    let table = of_table(&status.stdout, "contratacoes");
    assert_eq!(
        (&table["rows"], &table["days_behind"]),
        (&json!(RECORDS), &json!(0))
    );

    // The queries of the page give rows.
    for sql in blocks("sql") {
        // Comments would hide what follows them.
        let counted = format!("SELECT count(*) > 0 FROM (\n{sql}\n) AS answer");
        assert_eq!(query(&scene, &counted), json!([[true]]), "{sql}");
    }
}

#[test]
fn a_partition_that_is_held_back_is_told_and_bronze_goes_on() {
    let scene = scene();
    let expect = "BRONZED__SOURCES__PNCP__SILVER__CONTRATACOES__EXPECT__CNPJ_DO_ORGAO__";
    let strict = |args: &[&str]| {
        scene
            .program(args)
            .env(&format!("{expect}PATTERN"), "^never$")
            .env(&format!("{expect}SEVERITY"), "error")
    };
    let held = strict(&["silver", "build", "pncp.contratacoes"]);
    let held = held.run().expect(3);
    assert!(
        held.stdout.contains("2025-10 is held back"),
        "{}",
        held.stdout
    );
    assert!(held.stdout.contains("cnpj_do_orgao"), "{}", held.stdout);
    let behind = ["silver", "status", "pncp.contratacoes", "--fail-if-behind"];
    strict(&behind).run().expect(3);
    scene.reader().run().expect(0);
    // Without the expectation, everything is taken in.
    let built = ["silver", "build", "pncp.contratacoes"];
    scene.program(&built).run().expect(0);
    scene.program(&behind).run().expect(0);
}

#[test]
fn values_that_another_table_lacks_are_told_and_a_table_that_is_not_there_too() {
    let scene = scene();
    let expect = "BRONZED__SOURCES__PNCP__SILVER__CONTRATACOES__EXPECT__IDENTIDADE__";
    let name = "pncp.contratacoes";
    let told = |command: &[&str], table: &str| {
        let args = [&["silver"], command, &[name]].concat();
        scene
            .program(&args)
            .env(&format!("{expect}CHECK"), "exists_in")
            .env(&format!("{expect}COLUMN"), "orgao_entidade_cnpj")
            .env(&format!("{expect}TABLE"), table)
            .env(&format!("{expect}SEVERITY"), "warn")
            .run()
            .expect(0)
    };
    let lacks =
        format!("not as expected: `identidade` (exists_in) fails for {RECORDS} of {RECORDS} rows");
    let absent = "not evaluated: `identidade`: silver.pncp.atas has no version yet";
    for command in ["build", "status"] {
        // No body is the key of a procurement.
        let all = told(&[command], name).stdout;
        assert!(all.contains(&lacks), "{all}");
        let none = told(&[command], "pncp.atas").stdout;
        assert!(none.contains(absent), "{none}");
        let json = told(&[command, "--json"], "pncp.atas").json();
        assert_eq!(json["expectations"].get("identidade"), None, "{json}");
        assert_eq!(
            json["unevaluated"],
            json!({"identidade": "silver.pncp.atas has no version yet"})
        );
        let json = told(&[command, "--json"], name).json();
        let result = &json["expectations"]["identidade"];
        assert_eq!(
            (&result["unexpected"], &result["success"]),
            (&json!(RECORDS), &json!(false))
        );
        assert_eq!(result["examples"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn a_file_that_a_silver_table_has_lost_is_named_until_the_table_is_made_anew() {
    let scene = scene();
    scene
        .program(&["silver", "build", "pncp.contratacoes"])
        .run()
        .expect(0);
    let name = "silver.pncp.contratacoes";
    let verify = |targets: &[&str]| {
        let args = [&["tables", "verify"], targets].concat();
        scene.program(&args).run()
    };
    let whole = verify(&[name]).expect(0).stdout;
    assert!(
        whole.contains(&format!("{name}: ")) && whole.contains("as in the lake"),
        "{whole}"
    );
    assert!(!whole.contains("\npncp.contratacoes"), "{whole}");
    for targets in [&["pncp"][..], &[], &["pncp.contratacoes", name]] {
        let both = verify(targets).expect(0).stdout;
        let lines = both.lines().filter(|line| line.contains("as in the lake"));
        let names: Vec<_> = lines.filter_map(|line| line.split(':').next()).collect();
        assert!(
            names.contains(&"pncp.contratacoes") && names.contains(&name),
            "{targets:?}: {both}"
        );
    }
    let keys = scene.lake.keys();
    let of_table = |key: &&String| key.starts_with("silver/") && key.ends_with(".parquet");
    let lost = keys.iter().find(of_table).expect("a file");
    scene.lake.delete(lost);
    let told = verify(&[name]).expect(3).stdout;
    let mend = format!("bronzed silver build --rebuild {name}");
    assert!(
        told.contains(&format!("gone: {lost}")) && told.contains(&mend),
        "{told}"
    );
    let json = verify(&[name, "--json"]).expect(3).json();
    assert_eq!(json["gone"], json!([lost]));
    scene
        .program(&["silver", "build", "--rebuild", name])
        .run()
        .expect(0);
    verify(&[name]).expect(0);
}

#[test]
fn names_of_tables_that_are_not_there_are_told_with_those_that_are_meant() {
    let scene = Scene::of(Backend::Folder, Catalog::new());
    for (target, meant) in [
        ("pncp.contratacao", "did you mean `contratacoes`?"),
        ("pnpc", "did you mean `pncp`?"),
        ("tcu.x", "There is `inidoneos`"),
    ] {
        let told = scene.program(&["silver", "build", target]).run().expect(2);
        assert!(told.stderr.contains(meant), "{}", told.stderr);
    }
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[test]
fn a_daemon_builds_a_table_after_the_runs_that_feed_it() {
    runtime().block_on(async {
        let days: [Day; 2] = ["2025-10-21", "2025-10-22"].map(|day| day.parse().unwrap());
        let silver = "[silver.contratacoes]\nfrom = [\"contratacoes\"]\n\
                      partition_by = \"data_publicacao_pncp\"\n";
        let plan = Plan {
            sources: &["one"],
            jobs: &format!("{JOBS}\n{silver}"),
            days: (days[0], days[1]),
            records: 40,
            latency: Duration::from_millis(1),
            more: &[],
        };
        let world = World::new(8, plan, at("2025-10-22T22:50:00-03:00")).await;
        let life = world.start();
        // Bronze comes by the jobs of the night; the table follows, an hour later at the latest.
        world.pass(&life, at("2025-10-23T08:00:00-03:00")).await;
        let tables = life.daemon.silver().await.unwrap();
        let [table] = tables.as_slice() else {
            panic!("{tables:?}");
        };
        assert_eq!(table.error, None);
        assert_eq!(table.days_behind, Some(0), "{table:?}");
        let now = world.simulators["one"].clock().brasilia();
        let catalog = world.simulators["one"].catalog();
        let listed = days.map(|day| catalog.ids(day, now).len() as u64);
        assert_eq!(table.rows, listed.iter().sum::<u64>(), "{table:?}");
        assert!(table.rows > 0 && table.version.is_some(), "{table:?}");
        // Nothing comes, and the table stays as it is.
        let version = table.version;
        let later = world.truth.now() + TimeDelta::hours(12);
        world.pass(&life, later).await;
        let tables = life.daemon.silver().await.unwrap();
        assert_eq!(tables[0].version, version);
        life.stop().await;
    });
}

#[test]
fn a_daemon_tells_of_a_partition_that_it_holds_back_and_of_a_table_that_is_not_as_expected() {
    runtime().block_on(async {
        let day: Day = "2025-10-21".parse().unwrap();
        let silver = "
            [silver.atual]
            from = [\"contratacoes\"]
            [silver.atual.expect.nova]
            check = \"freshness\"
            column = \"data_publicacao_pncp\"
            max_age = \"3h\"
            [silver.atual.expect.outra]
            check = \"exists_in\"
            column = \"orgao_entidade_cnpj\"
            table = \"one.atual\"
            [silver.atual.expect.retida]
            check = \"exists_in\"
            column = \"numero_controle_pncp\"
            table = \"one.retida\"
            [silver.retida]
            from = [\"contratacoes\"]
            [silver.retida.expect.orgao]
            check = \"matches\"
            column = \"orgao_entidade_cnpj\"
            pattern = \"^never$\"
            severity = \"error\"
        ";
        let plan = Plan {
            sources: &["one"],
            jobs: &format!("{JOBS}\n{silver}"),
            days: (day, day),
            records: 40,
            latency: Duration::from_millis(1),
            more: &[],
        };
        let world = World::new(9, plan, at("2025-10-21T22:50:00-03:00")).await;
        let life = world.start();
        world.pass(&life, at("2025-10-22T12:00:00-03:00")).await;
        life.daemon.alerts().settled().await;
        let tables = life.daemon.silver().await.unwrap();
        let [current, held] = tables.as_slice() else {
            panic!("{tables:?}");
        };
        assert!(
            current.rows > 0 && current.held_back.is_empty(),
            "{current:?}"
        );
        let [old, lacking] = current.unmet.as_slice() else {
            panic!("{current:?}");
        };
        assert_eq!((&*old.expectation, &*old.check), ("nova", "freshness"));
        assert!(
            old.found.as_ref().unwrap().contains("2025-10-21T"),
            "{old:?}"
        );
        // No body is the key of a procurement.
        assert_eq!(
            (&*lacking.expectation, &*lacking.check),
            ("outra", "exists_in")
        );
        let counts = (lacking.unexpected, lacking.evaluated);
        assert_eq!(counts, (current.rows, current.rows));
        assert!(lacking.found.is_some(), "{lacking:?}");
        let [unevaluated] = current.unevaluated.as_slice() else {
            panic!("{current:?}");
        };
        let told = (&*unevaluated.expectation, &*unevaluated.reason);
        assert_eq!(told, ("retida", "silver.one.retida has no version yet"));
        assert_eq!(held.held_back.len(), 1, "{held:?}");
        let active = life.daemon.alerts().active();
        let active = active
            .iter()
            .find(|one| one.key.to_string().starts_with("held_back"));
        let active = active.expect("an alert");
        assert_eq!(active.key.to_string(), "held_back/one/retida");
        assert_eq!(
            active.summary,
            "silver.one.retida holds a partition back: `orgao` fails in the table"
        );
        life.stop().await;
    });
}
