//! PNCP's other listings, and the details of a procurement: one test per quirk.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::shape::{Shape, assert_same, shape};
use super::*;
use crate::faults::{Fault, Faults, Rule};
use crate::pncp::Details;
use crate::pncp::datasets::{ATAS, CONTRATOS, INSTRUMENTOS, PCA};
use crate::pncp::days::DayOf;
use crate::pncp::generated::GeneratedDay;
use crate::table::{Stamp, Tables};

fn tables(day: DayOf) -> Tables {
    let tables = Tables::default();
    day.add_contratos(&tables);
    day.add_atas(&tables);
    day.add_pca(&tables);
    day.add_instrumentos(&tables);
    tables
}

async fn with(day: DayOf) -> Simulator {
    given(Catalog::new(), |config| config.tables = tables(day)).await
}

async fn ask(simulator: &Simulator, target: &str) -> Seen {
    get(&format!("{}/{target}", simulator.base_url()))
        .await
        .unwrap()
}

/// Returns all records of a listing from one day to another, page by page.
async fn all(simulator: &Simulator, listing: &str, days: [&str; 2], size: u64) -> Vec<Value> {
    let names = match listing {
        "pca/atualizacao" => ["dataInicio", "dataFim"],
        _ => ["dataInicial", "dataFinal"],
    };
    let mut records = Vec::new();
    for page in 1.. {
        let target = format!(
            "consulta/v1/{listing}?{}={}&{}={}&pagina={page}&tamanhoPagina={size}",
            names[0], days[0], names[1], days[1]
        );
        let seen = ask(simulator, &target).await;
        if seen.body.is_empty() || seen.status == 404 {
            break;
        }
        assert_eq!(seen.status, 200, "{}", seen.body);
        let json = seen.json();
        records.extend(json["data"].as_array().unwrap().iter().cloned());
        if json["paginasRestantes"] == 0 {
            break;
        }
    }
    records
}

fn texts<'a>(records: impl IntoIterator<Item = &'a Value>, field: &str) -> BTreeSet<String> {
    let text = |record: &Value| record[field].as_str().unwrap().to_owned();
    records.into_iter().map(text).collect()
}

const DAY: [&str; 2] = ["20251022", "20251022"];

#[tokio::test]
async fn contracts_are_listed_by_publication_and_by_update() {
    let day = DayOf {
        updated: 0.3,
        ..DayOf::new(1, day(), 700)
    };
    let simulator = with(day).await;
    let before = all(&simulator, "contratos", DAY, 500).await;
    assert_eq!(before.len(), 700);
    let updated = all(&simulator, "contratos/atualizacao", DAY, 500).await;
    assert_eq!(updated.len(), 700);
    simulator.set_now(time("12:00:00") + TimeDelta::days(30));
    let after = all(&simulator, "contratos", DAY, 500).await;
    assert_eq!(
        texts(&after, "numeroControlePNCP"),
        texts(&before, "numeroControlePNCP")
    );
    // Contracts updated since then have left the day's update listing.
    let left = all(&simulator, "contratos/atualizacao", DAY, 500).await;
    let later = all(
        &simulator,
        "contratos/atualizacao",
        ["20251023", "20251121"],
        500,
    )
    .await;
    assert_eq!(left.len() + later.len(), 700);
    assert!((150..270).contains(&later.len()), "{}", later.len());
    assert!(later.iter().all(|record| record["numeroRetificacao"] != 0));
    let stamps: Vec<_> = later
        .iter()
        .map(|record| record["dataAtualizacaoGlobal"].to_string())
        .collect();
    assert!(stamps.is_sorted());
    let listed = simulator.listed("pncp.contratos", Some(super::day()), Stamp::At, false);
    assert_eq!(
        listed
            .unwrap()
            .filter(|one| one.listing == crate::row::Listing::Visible)
            .count(),
        700
    );
}

#[tokio::test]
async fn price_registers_are_listed_by_validity_and_by_update_with_dates_only() {
    let day = DayOf {
        updated: 0.5,
        ..DayOf::new(1, day(), 200)
    };
    let simulator = with(day).await;
    assert_eq!(all(&simulator, "atas", DAY, 500).await.len(), 0);
    assert_eq!(
        all(&simulator, "atas", ["20251023", "20251023"], 500)
            .await
            .len(),
        200
    );
    let half_a_year = ["20260401", "20260401"];
    assert_eq!(all(&simulator, "atas", half_a_year, 500).await.len(), 200);
    let day = all(&simulator, "atas/atualizacao", DAY, 500).await;
    assert_eq!(day.len(), 200);
    assert!(
        day.iter()
            .all(|ata| ata["dataAtualizacaoGlobal"] == "2025-10-22")
    );
    // Some were updated twice on one day: the same date with different content.
    let mut seen = BTreeMap::<String, BTreeSet<String>>::new();
    for hours in [9, 11] {
        for days in 1..22 {
            simulator.set_now(time("00:00:00") + TimeDelta::days(days) + TimeDelta::hours(hours));
            for ata in all(
                &simulator,
                "atas/atualizacao",
                ["20251023", "20251112"],
                500,
            )
            .await
            {
                let key = format!(
                    "{}@{}",
                    ata["numeroControlePNCPAta"], ata["dataAtualizacaoGlobal"]
                );
                seen.entry(key)
                    .or_default()
                    .insert(ata["cancelado"].to_string());
            }
        }
    }
    let twice = seen.values().filter(|contents| contents.len() == 2).count();
    assert!((30..70).contains(&twice), "{twice} of {}", seen.len());
}

#[tokio::test]
async fn a_plan_comes_in_pieces_and_totals_count_its_items() {
    let simulator = with(DayOf::new(1, day(), 150)).await;
    let end_excluded = ["20251022", "20251023"];
    assert_eq!(all(&simulator, "pca/atualizacao", DAY, 20).await.len(), 0);
    let plans = all(&simulator, "pca/atualizacao", end_excluded, 20).await;
    let ids = texts(&plans, "idPcaPncp");
    assert_eq!(ids.len(), 3);
    assert!(plans.len() > 7, "{}", plans.len());
    let mut items = BTreeSet::new();
    for plan in &plans {
        for item in plan["itens"].as_array().unwrap() {
            assert!(items.insert(format!(
                "{}|{}",
                plan["idPcaPncp"].as_str().unwrap(),
                item["numeroItem"]
            )));
        }
    }
    assert_eq!(items.len(), 150);
    let listed = simulator
        .listed("pncp.pca", Some(day()), Stamp::Updated, false)
        .unwrap();
    assert_eq!(listed.map(|one| one.id).collect::<BTreeSet<_>>(), items);
    let target = "consulta/v1/pca/atualizacao?dataInicio=20251022&dataFim=20251023&pagina=1&tamanhoPagina=20";
    let json = ask(&simulator, target).await.json();
    assert_eq!(
        (&json["totalRegistros"], &json["totalPaginas"]),
        (&150.into(), &8.into())
    );
    let nothing = ask(&simulator, &target.replace("202510", "202511")).await;
    assert_eq!((nothing.status, nothing.body.as_str()), (200, ""));
}

#[tokio::test]
async fn invoices_repeat_and_none_is_404() {
    let day = DayOf {
        repeated: 0.167,
        ..DayOf::new(1, day(), 300)
    };
    let simulator = with(day).await;
    let records = all(&simulator, "instrumentoscobranca/inclusao", DAY, 100).await;
    let unique: BTreeSet<_> = records.iter().map(Value::to_string).collect();
    assert_eq!(unique.len(), 300);
    assert!((330..370).contains(&records.len()), "{}", records.len());
    let listing = simulator.tables().of(&INSTRUMENTOS);
    assert_eq!(
        listing
            .ids(Some(super::day()), simulator.clock().brasilia())
            .len(),
        300
    );
    assert!(records.iter().any(|record| {
        record["notaFiscalEletronica"]["valorNotaFiscal"]
            .as_str()
            .is_some_and(|text| text.contains(','))
    }));
    let none = ask(&simulator, "consulta/v1/instrumentoscobranca/inclusao?dataInicial=20250101&dataFinal=20250101&pagina=1&tamanhoPagina=100").await;
    assert_eq!(
        (none.status, none.json()["message"].as_str()),
        (404, Some("Nenhum instrumento de Cobrança encontrado."))
    );
    let large = ask(&simulator, "consulta/v1/instrumentoscobranca/inclusao?dataInicial=20250101&dataFinal=20250101&pagina=1&tamanhoPagina=500").await;
    assert_eq!(large.status, 400);
}

#[tokio::test]
async fn contratacoes_are_listed_by_update_and_while_proposals_are_open() {
    let updated = GeneratedDay {
        updated: 0.4,
        ..GeneratedDay::new(1, day(), 400)
    };
    let simulator = given(Catalog::new().with(updated.records()), |_| {}).await;
    let modality = "codigoModalidadeContratacao=6";
    let page = async |listing: &str, days: &str, with: &str| {
        let target =
            format!("consulta/v1/contratacoes/{listing}?{days}&{with}&pagina=1&tamanhoPagina=50");
        let seen = ask(&simulator, &target).await;
        match seen.body.is_empty() {
            true => (Vec::new(), seen.status as u64),
            false => {
                let json = seen.json();
                (
                    json["data"].as_array().unwrap().clone(),
                    json["totalRegistros"].as_u64().unwrap(),
                )
            }
        }
    };
    let (_, total) = page(
        "publicacao",
        "dataInicial=20251022&dataFinal=20251022",
        modality,
    )
    .await;
    let (_, fresh) = page(
        "atualizacao",
        "dataInicial=20251022&dataFinal=20251022",
        modality,
    )
    .await;
    simulator.set_now(time("12:00:00") + TimeDelta::days(30));
    let (_, left) = page(
        "atualizacao",
        "dataInicial=20251022&dataFinal=20251022",
        modality,
    )
    .await;
    let (rows, later) = page(
        "atualizacao",
        "dataInicial=20251023&dataFinal=20251121",
        modality,
    )
    .await;
    assert!(left < fresh && fresh <= total, "{left} {fresh} {total}");
    assert!(
        left + later >= total && later > 30,
        "{left} {later} {total}"
    );
    assert!(
        rows.iter()
            .all(|row| !row["valorTotalHomologado"].is_null())
    );
    let (same, again) = page(
        "publicacao",
        "dataInicial=20251022&dataFinal=20251022",
        modality,
    )
    .await;
    assert_eq!((again, same.len()), (total, 50));
    // Proposals of a generated day close 5 to 45 days later.
    simulator.set_now(time("12:00:00") + TimeDelta::days(10));
    let (_, soon) = page("proposta", "dataFinal=20251110", modality).await;
    let (_, all) = page("proposta", "dataFinal=20251231", modality).await;
    let (_, any) = page("proposta", "dataFinal=20251231", "x=1").await;
    assert!(
        0 < soon && soon < all && all < total && all < any,
        "{soon} {all} {any} {total}"
    );
    simulator.set_now(time("12:00:00") + TimeDelta::days(60));
    assert_eq!(
        page("proposta", "dataFinal=20251231", modality).await,
        (vec![], 204)
    );
}

fn details_of(id: &str) -> String {
    let (organ, rest) = id.split_once("-1-").unwrap();
    let (sequence, year) = rest.split_once('/').unwrap();
    format!(
        "pncp/v1/orgaos/{organ}/compras/{year}/{}",
        sequence.trim_start_matches('0')
    )
}

#[tokio::test]
async fn details_of_recorded_procurements_are_the_recorded_ones() {
    let simulator = given(Catalog::recorded_day(), |_| {}).await;
    let path = details_of("76206481000158-1-000177/2025");
    let items = ask(&simulator, &format!("{path}/itens")).await.json();
    assert_eq!(items.as_array().unwrap().len(), 10);
    assert_eq!(items[0]["descricao"], "1º LUGAR - CONCURSO CARRO ALEGÓRICO");
    assert!(items[0].get("numeroControlePNCP").is_none());
    assert_eq!(
        ask(&simulator, &format!("{path}/itens/quantidade"))
            .await
            .body,
        "10"
    );
    assert_eq!(
        ask(&simulator, &format!("{path}/itens?pagina=2"))
            .await
            .body,
        "[]"
    );
    assert_eq!(
        ask(&simulator, &format!("{path}/itens/1/resultados"))
            .await
            .status,
        204
    );
    assert_eq!(
        ask(&simulator, &format!("{path}/itens/3")).await.json()["numeroItem"],
        3
    );
    // Ten of 51 documents, unless more are asked for.
    let path = details_of("88124961000159-1-000179/2025");
    let documents = async |query: &str| {
        let json = ask(&simulator, &format!("{path}/arquivos{query}"))
            .await
            .json();
        json.as_array().unwrap().len()
    };
    assert_eq!(documents("").await, 10);
    assert_eq!(documents("?pagina=6").await, 1);
    assert_eq!(documents("?pagina=1&tamanhoPagina=500").await, 51);
    let one = ask(&simulator, &path.replace("pncp/", "consulta/"))
        .await
        .json();
    assert_eq!(one["numeroControlePNCP"], "88124961000159-1-000179/2025");
}

#[tokio::test]
async fn a_procurement_that_is_not_listed_has_no_details() {
    let simulator = given(Catalog::recorded_day(), |config| {
        config.clock = SimClock::standing(time("06:00:00"));
    })
    .await;
    let path = details_of("76206481000158-1-000177/2025");
    for about in ["/itens", "/arquivos", ""] {
        let seen = ask(&simulator, &format!("{path}{about}")).await;
        assert_eq!(seen.status, 404);
        assert_eq!(seen.json()["message"], "Contratação não cadastrada.");
        assert_eq!(seen.json()["status"], "404");
    }
    assert_eq!(ask(&simulator, &format!("{path}/nada")).await.status, 404);
    assert_eq!(
        ask(&simulator, &format!("{path}/itens?pagina=0"))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn details_belong_to_the_version_of_the_procurement() {
    let updated = GeneratedDay {
        updated: 1.0,
        ..GeneratedDay::new(1, day(), 40)
    };
    let simulator = given(Catalog::new().with(updated.records()), |config| {
        config.details = Details {
            items: 5,
            documents: 2,
        };
    })
    .await;
    let ids = simulator.catalog().ids(day(), simulator.clock().brasilia());
    let mut before = (0, 0, 0);
    for id in &ids {
        let path = details_of(id);
        let items = ask(&simulator, &format!("{path}/itens?tamanhoPagina=100"))
            .await
            .json();
        let items = items.as_array().unwrap();
        for item in items {
            let results = ask(
                &simulator,
                &format!("{path}/itens/{}/resultados", item["numeroItem"]),
            )
            .await;
            assert_eq!(results.status == 200, item["temResultado"] == true);
        }
        before.0 += items.len();
        before.1 += items
            .iter()
            .filter(|item| item["temResultado"] == true)
            .count();
        before.2 += usize::from(ask(&simulator, &format!("{path}/arquivos")).await.status == 204);
    }
    assert!(
        before.0 > 120 && before.1 < before.0 / 2 && before.2 > 2,
        "{before:?}"
    );
    let listed = simulator
        .listed("pncp.itens", Some(day()), Stamp::At, true)
        .unwrap();
    let listed: Vec<_> = listed
        .filter(|one| one.listing == crate::row::Listing::Visible)
        .collect();
    assert_eq!(listed.len(), before.0);
    assert!(
        listed
            .iter()
            .all(|one| ids.contains(one.parent.as_ref().unwrap()))
    );
    simulator.set_now(time("12:00:00") + TimeDelta::days(30));
    let first = details_of(ids.first().unwrap());
    let items = ask(&simulator, &format!("{first}/itens?tamanhoPagina=100"))
        .await
        .json();
    assert!(
        items
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["temResultado"] == true)
    );
    let ledger = simulator.ledger();
    let asked = ledger
        .iter()
        .filter(|entry| entry.dataset == Some("pncp.itens"));
    let slices: BTreeSet<_> = asked.map(|entry| entry.slice.clone().unwrap()).collect();
    assert_eq!(slices, ids);
}

#[tokio::test]
async fn faults_strike_details_too() {
    let simulator = given(Catalog::recorded_day(), |config| {
        let rule = Rule::first(1, Fault::ServerError).dataset("pncp.arquivos");
        config.faults = Faults::by_rule([rule]);
    })
    .await;
    let path = details_of("76206481000158-1-000177/2025");
    let target = format!("{path}/arquivos");
    let statuses = [
        ask(&simulator, &target).await.status,
        ask(&simulator, &target).await.status,
    ];
    assert_eq!(statuses, [500, 200]);
    assert_eq!(ask(&simulator, &format!("{path}/itens")).await.status, 200);
}

fn recorded(file: &str) -> Vec<Value> {
    let json: Value = serde_json::from_str(file).unwrap();
    let data = json.get("data").cloned().unwrap_or(json);
    data.as_array().unwrap().clone()
}

fn both(one: Shape, other: Shape) -> Shape {
    let mut all = one;
    for (path, kinds) in other {
        all.entry(path).or_default().extend(kinds);
    }
    all
}

#[tokio::test]
async fn listings_have_the_recorded_shapes() {
    let simulator = with(DayOf::new(1, day(), 100)).await;
    let contracts = [
        include_str!("../recorded/pncp/contratos.json"),
        include_str!("../../../../tests/fixtures/pncp/contratos_atualizacao.envelope.json"),
    ];
    let contracts = contracts.map(|file| shape(&recorded(file)));
    let [older, newer] = contracts;
    assert_same(
        &both(older, newer),
        &shape(&all(&simulator, "contratos", DAY, 500).await),
    );
    let atas = recorded(include_str!(
        "../../../../tests/fixtures/pncp/atas.envelope.json"
    ));
    assert_same(
        &shape(&atas),
        &shape(&all(&simulator, "atas/atualizacao", DAY, 500).await),
    );
    let plans = recorded(include_str!(
        "../../../../tests/fixtures/pncp/pca_atualizacao.envelope.json"
    ));
    let served = all(&simulator, "pca/atualizacao", ["20251022", "20251023"], 500).await;
    assert_same(&shape(&plans), &shape(&served));
    // The envelopes, without their records.
    let envelope = |mut json: Value| {
        json["data"] = Value::Array(Vec::new());
        json
    };
    let file = include_str!("../../../../tests/fixtures/pncp/atas.envelope.json");
    let target = "consulta/v1/atas/atualizacao?dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=10";
    let served = ask(&simulator, target).await.json();
    assert_same(
        &shape([&envelope(serde_json::from_str(file).unwrap())]),
        &shape([&envelope(served)]),
    );
    assert_eq!(
        simulator.tables().of(&CONTRATOS).dataset().name,
        "pncp.contratos"
    );
    assert_eq!((ATAS.name, PCA.name), ("pncp.atas", "pncp.pca"));
}

#[tokio::test]
async fn details_have_the_recorded_shapes() {
    let updated = GeneratedDay {
        updated: 1.0,
        ..GeneratedDay::new(1, day(), 30)
    };
    let simulator = given(Catalog::new().with(updated.records()), |config| {
        config.clock = SimClock::standing(time("12:00:00") + TimeDelta::days(30));
    })
    .await;
    let ids = simulator.catalog().ids(day(), simulator.clock().brasilia());
    let mut served: [Vec<Value>; 3] = Default::default();
    for id in &ids {
        let path = details_of(id);
        for (position, about) in ["itens", "itens/1/resultados", "arquivos"]
            .iter()
            .enumerate()
        {
            let seen = ask(&simulator, &format!("{path}/{about}")).await;
            if seen.status == 200 {
                served[position].extend(seen.json().as_array().unwrap().iter().cloned());
            }
        }
    }
    for (position, file) in [
        include_str!("../../../../tests/fixtures/pncp/compra_itens_b.json"),
        include_str!("../../../../tests/fixtures/pncp/item_resultados.json"),
    ]
    .iter()
    .enumerate()
    {
        assert_same(&shape(&recorded(file)), &shape(&served[position]));
    }
    let file =
        include_str!("../../../../tests/fixtures/pncp/compra_arquivos_20251022.by_compra.json");
    let documents: Vec<Value> = recorded(file)
        .iter()
        .flat_map(|parent| parent["arquivos"].as_array().unwrap().clone())
        .collect();
    assert_same(&shape(&documents), &shape(&served[2]));
}
