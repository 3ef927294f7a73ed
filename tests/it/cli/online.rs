//! `bronzed check --online`: comparison of live API responses with the declaration.

use std::collections::BTreeMap;

use bronzed_simulator::answer::Answer;
use bronzed_simulator::churn::Churn;
use bronzed_simulator::comprasnet::generated::{self as compras, DayOf};
use bronzed_simulator::comprasnet::{ComprasDay, datasets};
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::provider::Provider;
use bronzed_simulator::table::Tables;
use bronzed_simulator::tcu::generated::AcordaoFeed;
use bronzed_simulator::{SimConfig, pncp, tcu};
use serde_json::{Value, json};

use crate::support::lake::Backend;
use crate::support::program::{Outcome, Program};
use crate::support::scene::{DAY, Scene, config as simulated, day};

/// Returns a few records of every dataset of the three sources, on the day.
fn tables() -> Tables {
    let tables = Tables::default();
    let pncp = pncp::days::DayOf::new(1, day(), 20);
    pncp.add_contratos(&tables);
    pncp.add_atas(&tables);
    pncp.add_instrumentos(&tables);
    ComprasDay::new(1, day(), 20).add_to(&tables);
    let others = DayOf::new(1, day(), 20);
    others.add_arp(&tables);
    others.add_legado(&tables);
    let list = Churn::still(1, 20, day().date().into());
    tables
        .with(&datasets::UASG, compras::uasg(&list))
        .with(&datasets::ORGAOS, compras::orgaos(&list))
        .with(&datasets::MATERIAIS, compras::materiais(&list))
        .with(&datasets::SERVICOS, compras::servicos(&list))
        .with(&tcu::ACORDAOS, AcordaoFeed::new(1, day(), 1_000).rows())
        .with(&tcu::INIDONEOS, tcu::generated::inidoneos(&list))
        .with(&tcu::INABILITADOS, tcu::generated::inabilitados(&list))
        .with(&tcu::TERMOS, tcu::generated::termos_contratuais(&list))
}

/// Returns the three APIs, with these fault rules.
fn scene(rules: impl IntoIterator<Item = Rule>) -> Scene {
    let catalog = Catalog::generated(5, day(), 600, 2_400);
    let config = SimConfig {
        tables: tables(),
        faults: Faults::by_rule(rules),
        ..simulated(catalog)
    };
    Scene::new(Backend::Folder, config)
}

fn check(scene: &Scene, targets: &[&str]) -> Program {
    let mut args = vec!["check", "--online", "--day", DAY];
    args.extend(targets);
    let mut program = scene
        .program(&args)
        // Makes the test independent of the time of day.
        .env("BRONZED__SOURCES__TCU__BLACKOUT", "[]");
    for provider in Provider::ALL {
        for variable in provider.variables() {
            program = program.env(variable, scene.simulator.base_url_of(provider));
        }
    }
    program
}

/// Returns the findings by dataset name.
fn findings(outcome: &Outcome) -> BTreeMap<String, Value> {
    let lines = outcome.stdout.lines();
    let values = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    values
        .filter_map(|value| Some((value["dataset"].as_str()?.to_owned(), value)))
        .collect()
}

/// Returns the finding of a check of one dataset.
fn finding(scene: &Scene, dataset: &str, code: i32) -> Value {
    let outcome = check(scene, &[dataset, "--json"]).run().expect(code);
    findings(&outcome).remove(dataset).expect("a finding")
}

fn page(dataset: &'static str, body: &Value) -> Rule {
    let answer = Answer::json(200, body.to_string());
    Rule::always(Fault::Answer(Box::new(answer))).dataset(dataset)
}

fn wall(dataset: &'static str, status: u16, body: &'static str) -> Rule {
    Rule::always(Fault::Answer(Box::new(Answer::html(status, body)))).dataset(dataset)
}

#[track_caller]
fn assert_said(finding: &Value, verdict: &str, text: &str) {
    assert_eq!(finding["verdict"], verdict, "{finding:#}");
    let said = finding["problems"].to_string();
    assert!(said.contains(text), "no {text} in {said}");
}

#[test]
fn every_enabled_dataset_of_the_three_sources_is_held_against_its_declaration() {
    let scene = scene([]);
    let found = findings(&check(&scene, &["--json"]).run().expect(0));
    let shipped = bronzed_config::load(None, []).expect("the shipped configuration");
    let datasets = shipped
        .sources
        .values()
        .flat_map(|one| one.datasets.values());
    let enabled: Vec<_> = datasets
        .filter(|dataset| dataset.enabled)
        .map(|dataset| dataset.full_name())
        .collect();
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), enabled);
    for (name, finding) in &found {
        let answer = &finding["answer"];
        assert_eq!(finding["verdict"], "ok", "{name}: {finding:#}");
        assert_eq!(
            (&answer["status"], &answer["envelope"]),
            (&json!(200), &json!("as_declared"))
        );
        let records = answer["records"].as_u64().unwrap();
        assert!(records > 0, "{name}");
        assert_eq!(answer["ids"]["present"], records, "{name}");
        assert_eq!(answer["totals"]["missing"], json!([]), "{name}");
        assert_eq!(answer["fields"]["undeclared"], json!([]), "{name}");
        assert!(answer["fields"]["seen"].as_u64() > Some(5), "{name}");
    }
    let mut asked: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in scene.simulator.ledger() {
        *asked.entry(entry.dataset.expect("a dataset")).or_default() += 1;
    }
    // The simulator serves two listings of PNCP from one table.
    assert!(asked.values().all(|requests| *requests <= 4), "{asked:?}");
    assert!(scene.simulator.ledger().len() <= 2 * enabled.len());

    let table = check(&scene, &["tcu"]).run().expect(0).stdout;
    assert!(table.contains("tcu.inidoneos"), "{table}");
    assert!(
        !table.contains("pncp.") && !table.contains("tcu.pedidos_congresso"),
        "{table}"
    );
}

#[test]
fn the_newest_day_with_rows_is_asked_for_where_the_lake_has_one() {
    let scene = scene([]);
    let without_day = |dataset: &str| {
        let program = scene.program(&["check", "--online", dataset, "--json"]);
        program.env(
            "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__ENABLED",
            "true",
        )
    };
    let asked = |dataset: &str| {
        let found = findings(&without_day(dataset).run());
        found[dataset]["answer"]["day"].clone()
    };
    let usual = asked("pncp.contratacoes");
    assert_ne!(usual, DAY, "the lake has nothing yet");
    let read = ["run", "pncp.contratacoes", "--day", DAY, "--json"];
    scene.program(&read).run().expect(0);
    assert_eq!(asked("pncp.contratacoes"), DAY);
    assert_eq!(asked("pncp.atas"), usual, "each dataset by itself");
}

#[test]
fn children_are_asked_for_with_parents_just_read_or_said_not_to_be_probed() {
    let scene = scene([]);
    let outcome = check(&scene, &["pncp.arquivos", "pncp.itens", "--json"])
        .run()
        .expect(0);
    let found = findings(&outcome);
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "pncp.arquivos",
            "pncp.contratacoes_atualizacao",
            "pncp.itens"
        ]
    );
    for child in ["pncp.arquivos", "pncp.itens"] {
        let answer = &found[child]["answer"];
        assert_eq!(answer["ids"]["missing"], 0, "{answer:#}");
        assert!(answer["ids"]["present"].as_u64() > Some(0), "{answer:#}");
    }
    assert!(scene.simulator.ledger().len() <= 6);

    let nothing = Scene::of(Backend::Folder, Catalog::new());
    let finding = finding(&nothing, "pncp.itens", 3);
    assert_said(
        &finding,
        "not_asked",
        "a record of `pncp.contratacoes_atualizacao`",
    );
    assert_eq!(finding["answer"], Value::Null);
}

#[test]
fn slices_out_of_another_dataset_need_the_lake() {
    let scene = scene([]);
    let finding = finding(&scene, "comprasnet.contratos", 3);
    assert_said(
        &finding,
        "not_asked",
        "`orgaos`, which has no complete day with rows in the lake yet",
    );
    assert!(scene.simulator.ledger().is_empty());
}

#[test]
fn a_wall_is_named_for_what_it_is() {
    let scene = scene([
        Rule::always(Fault::Html).dataset("tcu.inabilitados"),
        wall(
            "tcu.inidoneos",
            200,
            "<html><title>Requisição Rejeitada</title></html>",
        ),
        wall("pncp.atas", 403, "<title>Just a moment...</title>"),
        Rule::always(Fault::Html).dataset("comprasnet.itens"),
    ]);
    let outcome = check(&scene, &["--json"]).run().expect(3);
    let found = findings(&outcome);
    for (dataset, wall, status, text) in [
        (
            "tcu.inabilitados",
            "f5_challenge",
            200,
            "takes this client for a machine",
        ),
        ("tcu.inidoneos", "rejected", 200, "has rejected the request"),
        ("pncp.atas", "cloudflare", 403, "Cloudflare"),
        ("comprasnet.itens", "html", 200, "a page for people"),
    ] {
        assert_said(&found[dataset], "wall", text);
        assert_eq!(found[dataset]["answer"]["wall"], wall, "{dataset}");
        assert_eq!(found[dataset]["answer"]["status"], status, "{dataset}");
    }
    assert_eq!(
        found["tcu.acordaos"]["verdict"], "ok",
        "others are none the worse"
    );
    let table = check(&scene, &["tcu.inidoneos"]).run().expect(1).stdout;
    assert!(
        table.contains("a wall") && table.contains("(F5)"),
        "{table}"
    );
}

#[test]
fn an_envelope_that_changed_is_told_with_what_there_is_instead() {
    let scene = scene([
        page("pncp.atas", &json!({"dados": [], "totalRegistros": 0})),
        page(
            "comprasnet.itens",
            &json!({"resultado": {"itens": []}, "totalRegistros": 0}),
        ),
        page("tcu.acordaos", &json!({"acordaos": [{}]})),
    ]);
    for (dataset, text) in [
        (
            "pncp.atas",
            "no array of records at `/data`; the answer has `dados`, `totalRegistros`",
        ),
        ("comprasnet.itens", "no array of records at `/resultado`"),
        (
            "tcu.acordaos",
            "isn't an array of records; the answer has `acordaos`",
        ),
    ] {
        let finding = finding(&scene, dataset, 1);
        assert_said(&finding, "differs", text);
        assert_eq!(finding["answer"]["envelope"], "changed");
    }
}

#[test]
fn records_without_an_id_are_told_with_the_field_that_is_missing() {
    let records = json!([{"other": 1}, {"other": 2}]);
    let scene = scene([
        page(
            "pncp.atas",
            &json!({"data": records, "totalRegistros": 2, "totalPaginas": 1}),
        ),
        page(
            "comprasnet.itens",
            &json!({"resultado": records, "totalRegistros": 2, "totalPaginas": 1}),
        ),
        page(
            "tcu.inidoneos",
            &json!({"items": records, "hasMore": false}),
        ),
    ]);
    for dataset in ["pncp.atas", "comprasnet.itens", "tcu.inidoneos"] {
        let finding = finding(&scene, dataset, 1);
        let answer = &finding["answer"];
        assert_eq!(
            (&answer["ids"]["present"], &answer["ids"]["missing"]),
            (&json!(0), &json!(2))
        );
        let field = answer["ids"]["absent_fields"][0].as_str().expect("a field");
        assert_said(
            &finding,
            "differs",
            &format!("no record has a value at `{field}`, part of its id"),
        );
        assert_eq!(answer["fields"]["undeclared"], json!(["other"]));
        assert_eq!(answer["fields"]["seen"], 0);
    }
}

#[test]
fn totals_that_are_missing_are_told_and_the_records_looked_at_all_the_same() {
    let scene = scene([
        page("pncp.atas", &json!({"data": [{"x": 1}], "totalPaginas": 1})),
        page(
            "comprasnet.itens",
            &json!({"resultado": [{"x": 1}], "totalRegistros": "many"}),
        ),
        page("tcu.inidoneos", &json!({"items": [{"x": 1}]})),
    ]);
    for (dataset, pointer) in [
        ("pncp.atas", "/totalRegistros"),
        ("comprasnet.itens", "/totalRegistros"),
        ("tcu.inidoneos", "/hasMore"),
    ] {
        let finding = finding(&scene, dataset, 1);
        assert_said(
            &finding,
            "differs",
            &format!("no usable total at `{pointer}`"),
        );
        assert_eq!(finding["answer"]["totals"]["missing"], json!([pointer]));
        assert_eq!(finding["answer"]["records"], 1);
    }
}

#[test]
fn an_api_that_is_down_is_not_asked_more_often_than_once_a_dataset() {
    let scene = scene([Rule::always(Fault::Unavailable)]);
    for source in ["pncp", "comprasnet", "tcu"] {
        let before = scene.simulator.ledger().len();
        let found = findings(&check(&scene, &[source, "--json"]).run().expect(1));
        for finding in found.values() {
            assert_said(finding, "failed", "after 1 try: answered status 503");
        }
        assert_eq!(scene.simulator.ledger().len() - before, found.len());
    }

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let outcome = check(&scene, &["pncp.atas", "pncp.contratos", "--json"])
        .env("BRONZED__SOURCES__PNCP__BASE_URL", &address)
        .run()
        .expect(1);
    let found = findings(&outcome);
    assert_said(&found["pncp.atas"], "failed", "no connection");
    assert_said(
        &found["pncp.contratos"],
        "not_asked",
        "as `pncp.atas` found",
    );
}

#[test]
fn a_blackout_is_kept_and_a_lake_that_is_not_there_is_told() {
    let scene = scene([]);
    // Two blackouts that cover the whole day.
    let closed = check(&scene, &["tcu.inidoneos", "--json"])
        .env(
            "BRONZED__SOURCES__TCU__BLACKOUT",
            r#"["00:00-12:00", "12:00-00:00"]"#,
        )
        .run()
        .expect(3);
    assert_said(
        &findings(&closed)["tcu.inidoneos"],
        "not_asked",
        "is left alone until",
    );
    assert!(scene.simulator.ledger().is_empty());

    let unwritten = check(&scene, &["tcu.inidoneos", "--json"])
        .env("BRONZED__LAKE__URL", "file:///proc/nowhere")
        .run()
        .expect(3);
    let lake: Value = serde_json::from_str(unwritten.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(lake["verdict"], "failed");
    assert_eq!(findings(&unwritten)["tcu.inidoneos"]["verdict"], "ok");
}

#[test]
fn a_day_is_of_the_online_check() {
    for args in [&["check", "pncp.x"][..], &["check", "--day", DAY]] {
        Program::new(args).run().expect(2);
    }
    let unknown = Program::new(&["check", "--online", "pncp.x"])
        .run()
        .expect(2);
    assert!(unknown.stderr.contains("has no dataset `x`"), "{unknown:?}");
}
