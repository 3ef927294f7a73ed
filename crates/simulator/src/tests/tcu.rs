//! The TCU's services: one test per quirk.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::shape::{assert_same, shape};
use super::*;
use crate::churn::Churn;
use crate::faults::{Fault, Faults, Rule};
use crate::provider::Provider;
use crate::table::Tables;
use crate::tcu::generated::{self, AcordaoFeed};
use crate::tcu::{ACORDAOS, Behaviour, INABILITADOS, INIDONEOS, PEDIDOS, TERMOS, recorded};

/// Starts a simulator with 1,200 acórdãos up to the day, whose own session isn't listed yet, and with the
/// lists.
async fn tcu(change: impl FnOnce(&mut SimConfig)) -> Simulator {
    let since = time("06:00:00").naive_utc() - TimeDelta::days(2);
    let list = |records| Churn::still(1, records, since);
    given(Catalog::new(), |config| {
        config.tables = Tables::default()
            .with(&ACORDAOS, AcordaoFeed::new(1, day(), 1_200).rows())
            .with(&INIDONEOS, recorded::inidoneos(since))
            .with(&INABILITADOS, generated::inabilitados(&list(1_400)))
            .with(&TERMOS, generated::termos_contratuais(&list(300)))
            .with(&PEDIDOS, generated::pedidos_congresso(&list(60)));
        change(config);
    })
    .await
}

async fn ask(simulator: &Simulator, target: &str) -> Seen {
    let base = simulator.base_url_of(Provider::Tcu);
    get(&format!("{base}{target}")).await.unwrap()
}

async fn feed(simulator: &Simulator, start: u64, count: u64) -> Vec<String> {
    let target = format!("/api/acordao/recupera-acordaos?inicio={start}&quantidade={count}");
    let json = ask(simulator, &target).await.json();
    let rows = json.as_array().unwrap().iter();
    rows.map(|row| row["key"].as_str().unwrap().to_owned())
        .collect()
}

async fn list(simulator: &Simulator, target: &str) -> Value {
    let target = format!("/ords/condenacao/consulta/{target}");
    ask(simulator, &target).await.json()
}

#[tokio::test]
async fn the_feed_has_the_newest_first_and_ends_in_an_empty_array() {
    let simulator = tcu(|_| {}).await;
    let target = "/api/acordao/recupera-acordaos?inicio=0&quantidade=500";
    let seen = ask(&simulator, target).await.json();
    let session = |row: &Value| {
        let text = row["dataSessao"].as_str().unwrap().to_owned();
        chrono::NaiveDate::parse_from_str(&text, "%d/%m/%Y").unwrap()
    };
    let sessions: Vec<_> = seen.as_array().unwrap().iter().map(session).collect();
    assert_eq!(sessions.len(), 500);
    assert!(sessions.iter().rev().is_sorted());
    // The session of the day itself, a Wednesday, is listed two days later; of the day before,
    // one day later.
    assert_eq!(sessions[0].to_string(), "2025-10-15");
    assert_eq!(feed(&simulator, 600, 500).await.len(), 0);
    assert_eq!(feed(&simulator, 500, 500).await.len(), 100);
}

#[tokio::test]
async fn dates_in_the_query_of_the_feed_are_ignored() {
    let simulator = tcu(|_| {}).await;
    let target = "/api/acordao/recupera-acordaos?inicio=0&quantidade=10";
    let plain = ask(&simulator, target).await.body;
    let dated = format!("{target}&dataInicio=01/01/2020&dataFim=02/01/2020");
    assert_eq!(ask(&simulator, &dated).await.body, plain);
    let refused = ask(&simulator, "/api/acordao/recupera-acordaos?inicio=x").await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_head_that_grows_serves_rows_twice() {
    let simulator = tcu(|_| {}).await;
    let first = feed(&simulator, 0, 100).await;
    // The session of the day before is being listed: a third of its 400 acórdãos by noon, and the one of
    // that moment.
    simulator.set_now(time("12:00:00") + TimeDelta::days(1));
    let second = feed(&simulator, 100, 100).await;
    assert_eq!(second[34..], first[..66]);
    let all: BTreeSet<_> = feed(&simulator, 0, 2_000).await.into_iter().collect();
    assert!(first.iter().all(|key| all.contains(key)));
    let now = simulator.clock().brasilia();
    assert_eq!(all, simulator.tables().of(&ACORDAOS).ids(None, now));
}

#[tokio::test]
async fn a_shift_serves_the_last_row_of_a_page_again_on_the_next() {
    let simulator = tcu(|config| {
        config.faults = Faults::by_rule([Rule::nth(1, Fault::Shift).page(2)]);
    })
    .await;
    let first = feed(&simulator, 0, 100).await;
    let second = feed(&simulator, 100, 100).await;
    assert_eq!(first.last(), second.first());
}

#[tokio::test]
async fn a_list_goes_on_while_it_has_more() {
    let simulator = tcu(|_| {}).await;
    let mut names = Vec::new();
    let mut offset = 0;
    loop {
        let page = list(
            &simulator,
            &format!("inabilitados?offset={offset}&limit=500"),
        )
        .await;
        let items = page["items"].as_array().unwrap();
        assert_eq!(page["count"], items.len());
        assert_eq!(
            (&page["offset"], &page["limit"]),
            (&offset.into(), &500.into())
        );
        names.extend(items.iter().map(|row| row["nome"].to_string()));
        offset += 500;
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(names.len(), 1_400);
    assert!(names.is_sorted());
    let first = list(&simulator, "inabilitados").await;
    assert_eq!(first["count"], 25);
}

#[tokio::test]
async fn a_limit_above_500_is_lowered_without_a_word() {
    let simulator = tcu(|_| {}).await;
    let page = list(&simulator, "inabilitados?limit=10000").await;
    assert_eq!((&page["limit"], &page["count"]), (&500.into(), &500.into()));
    assert_eq!(page["hasMore"], true);
    let whole = list(&simulator, "inidoneos?limit=10000").await;
    assert_eq!(
        (&whole["count"], &whole["hasMore"]),
        (&91.into(), &false.into())
    );
}

#[tokio::test]
async fn links_lead_to_another_scheme() {
    let simulator = tcu(|_| {}).await;
    let page = list(&simulator, "inabilitados?offset=500&limit=500").await;
    let links: Vec<_> = page["links"].as_array().unwrap().iter().collect();
    let rels: Vec<_> = links
        .iter()
        .map(|link| link["rel"].as_str().unwrap())
        .collect();
    assert_eq!(rels, ["self", "describedby", "first", "next", "prev"]);
    let http = "http://contas.tcu.gov.br/";
    assert!(
        links
            .iter()
            .all(|link| link["href"].as_str().unwrap().starts_with(http))
    );
}

#[tokio::test]
async fn a_list_is_the_recorded_one() {
    let simulator = tcu(|_| {}).await;
    let envelopes = [
        include_str!("../../../../tests/fixtures/tcu/inidoneos_filtro_q.envelope.json"),
        include_str!("../../../../tests/fixtures/tcu/inidoneos_vazio.envelope.json"),
    ];
    let recorded: Vec<Value> = envelopes
        .map(|text| serde_json::from_str(text).unwrap())
        .into();
    let filter = "inidoneos?q=%7B%22cpf_cnpj%22%3A%2230.139.983%2F0001-02%22%7D";
    let found = list(&simulator, filter).await;
    assert_eq!(found["items"], recorded[0]["items"]);
    let digits = filter.replace("30.139.983%2F0001-02", "30139983000102");
    let empty = list(&simulator, &digits).await;
    assert_eq!(
        (&empty["count"], &empty["hasMore"]),
        (&0.into(), &false.into())
    );
    assert_same(&shape(&recorded), &shape([&found, &empty]));
    let by_path = list(&simulator, "inidoneos/30139983000102").await;
    assert_eq!(by_path["items"], found["items"]);
}

#[tokio::test]
async fn both_lists_have_the_recorded_rows_shape() {
    let simulator = tcu(|config| {
        let since = time("00:00:00").naive_utc() - TimeDelta::days(1);
        let companies = generated::inidoneos(&Churn::still(1, 50, since));
        config.tables = Tables::default().with(&INIDONEOS, companies).with(
            &INABILITADOS,
            generated::inabilitados(&Churn::still(1, 50, since)),
        );
    })
    .await;
    let text = include_str!("../../../../tests/fixtures/tcu/inidoneos_completo.records.json");
    let recorded: Value = serde_json::from_str(text).unwrap();
    let companies = list(&simulator, "inidoneos").await;
    assert_same(&shape([&recorded]), &shape([&companies["items"]]));
    // Rows of persons weren't recorded, because they hold names; only the document field is named
    // differently.
    let renamed: Value = serde_json::from_str(&text.replace("cpf_cnpj", "cpf")).unwrap();
    let persons = list(&simulator, "inabilitados").await;
    assert_same(&shape([&renamed]), &shape([&persons["items"]]));
}

#[tokio::test]
async fn contracts_come_whole_and_requests_by_links() {
    let simulator = tcu(|_| {}).await;
    let contracts = ask(&simulator, "/contrata2RS/api/publico/termos-contratuais")
        .await
        .json();
    assert_eq!(contracts.as_array().unwrap().len(), 300);
    assert!(
        contracts[0]["dataAssinatura"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00-0300")
    );
    let path = "/ords/api/publica/scn/pedidos_congresso";
    let mut counts = Vec::new();
    for query in ["", "?page=1", "?page=2"] {
        let page = ask(&simulator, &format!("{path}{query}")).await.json();
        let next = page["next"]["$ref"].as_str().map(str::to_owned);
        counts.push((page["items"].as_array().unwrap().len(), next));
    }
    let link = |page| Some(format!("http://contas.tcu.gov.br{path}?page={page}"));
    assert_eq!(counts, [(25, link(1)), (25, link(2)), (10, None)]);
}

#[tokio::test]
async fn the_wall_answers_with_a_challenge_and_status_200() {
    let simulator = tcu(|config| {
        let wall = Rule::first(1, Fault::Html).dataset("tcu.inidoneos");
        config.faults = Faults::by_rule([wall]);
    })
    .await;
    let seen = ask(&simulator, "/ords/condenacao/consulta/inidoneos").await;
    assert_eq!(seen.status, 200);
    assert!(
        seen.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(seen.body.contains("support ID"));
    assert_eq!(list(&simulator, "inidoneos").await["count"], 25);
    assert_eq!(list(&simulator, "inabilitados").await["count"], 25);
}

#[tokio::test]
async fn maintenance_closes_all_services() {
    let simulator = tcu(|config| {
        config.tcu.maintenance = Behaviour::nightly_maintenance();
        config.clock = SimClock::standing(time("20:30:00"));
    })
    .await;
    let contracts = "/contrata2RS/api/publico/termos-contratuais";
    assert_eq!(ask(&simulator, contracts).await.status, 503);
    simulator.set_now(time("21:00:00"));
    assert_eq!(ask(&simulator, contracts).await.status, 200);
    let faults: Vec<_> = simulator.ledger().iter().map(|entry| entry.fault).collect();
    assert_eq!(faults, [Some("closed"), None]);
}

#[tokio::test]
async fn a_walk_can_be_made_to_die_at_an_offset() {
    let simulator = tcu(|config| {
        config.faults = Faults::by_rule([Rule::always(Fault::Unavailable).from_offset(300)]);
        config.tcu.depth = vec![(0, Duration::ZERO), (100, Duration::from_millis(60))];
    })
    .await;
    assert_eq!(feed(&simulator, 200, 100).await.len(), 100);
    let target = "/api/acordao/recupera-acordaos?inicio=300&quantidade=100";
    let start = tokio::time::Instant::now();
    assert_eq!(ask(&simulator, target).await.status, 503);
    assert!(start.elapsed() >= Duration::from_millis(60));
    let told: Vec<_> = simulator
        .ledger()
        .iter()
        .map(|entry| {
            (
                entry.dataset,
                entry.offset,
                entry.page,
                entry.rows,
                entry.total,
            )
        })
        .collect();
    let name = Some("tcu.acordaos");
    assert_eq!(
        told,
        [
            (name, Some(200), Some(3), 100, Some(600)),
            (name, Some(300), Some(4), 0, Some(600)),
        ]
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_faults() {
    let walk = async |faults: f64| {
        let simulator = tcu(|config| config.faults = Faults::bad_day(faults)).await;
        let base = simulator.base_url_of(Provider::Tcu);
        let mut seen = Vec::new();
        for start in [0, 100, 200, 300, 400, 0, 100] {
            let target = format!("/api/acordao/recupera-acordaos?inicio={start}&quantidade=100");
            let answer = get(&format!("{base}{target}")).await;
            seen.push(answer.map_or_else(|_| "none".to_owned(), |seen| seen.body));
        }
        seen
    };
    assert_eq!(walk(0.1).await, walk(0.1).await);
    assert_ne!(walk(0.1).await, walk(0.0).await);
}

#[tokio::test]
async fn the_list_for_oracles_has_every_dataset() {
    let simulator = Arc::new(tcu(|_| {}).await);
    let control = async |target: &str| get(&format!("{}{target}", simulator.control_url())).await;
    let names = control("datasets").await.unwrap().json();
    assert!(names.as_array().unwrap().contains(&"tcu.inidoneos".into()));
    let listed = control("records?dataset=tcu.acordaos&day=2025-10-15&full=true");
    let listed = listed.await.unwrap().body;
    let rows: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 200);
    assert!(rows.iter().all(|row| row["id"] == row["record"]["key"]));
    assert_eq!(
        control("records?dataset=tcu.nothing").await.unwrap().status,
        400
    );
    let first = feed(&simulator, 0, 1).await.remove(0);
    let url = format!(
        "{}withdraw?dataset=tcu.acordaos&id={first}",
        simulator.control_url()
    );
    assert_eq!(
        client().post(&url).send().await.unwrap().status().as_u16(),
        204
    );
    assert_eq!(
        client().post(&url).send().await.unwrap().status().as_u16(),
        204
    );
    assert_ne!(feed(&simulator, 0, 1).await[0], first);
    let url = format!("{}fail?dataset=tcu.acordaos", simulator.control_url());
    client().post(&url).send().await.unwrap();
    assert_eq!(
        ask(&simulator, "/api/acordao/recupera-acordaos")
            .await
            .status,
        503
    );
    assert_eq!(list(&simulator, "inidoneos").await["count"], 25);
}
