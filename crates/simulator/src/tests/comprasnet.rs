//! Compras.gov.br: one test per quirk.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, TimeDelta};

use super::shape::{assert_same, shape};
use super::*;
use crate::churn::Churn;
use crate::comprasnet::datasets as of;
use crate::comprasnet::generated::{self, DayOf};
use crate::comprasnet::{ComprasDay, Vintage};
use crate::faults::{Fault, Faults, Rule};
use crate::provider::Provider;
use crate::table::Tables;

const CONTRATACOES: &str = "modulo-contratacoes/1_consultarContratacoes_PNCP_14133";
const ITENS: &str = "modulo-contratacoes/2_consultarItensContratacoes_PNCP_14133";
const RESULTADOS: &str = "modulo-contratacoes/3_consultarResultadoItensContratacoes_PNCP_14133";

/// Starts a simulator at noon of 2025-10-24, when the warehouse has the day 2025-10-22.
async fn with(tables: Tables, change: impl FnOnce(&mut SimConfig)) -> Simulator {
    given(Catalog::new(), |config| {
        config.clock = SimClock::standing(time("12:00:00") + TimeDelta::days(2));
        config.tables = tables;
        change(config);
    })
    .await
}

fn compras(day: ComprasDay) -> Tables {
    let tables = Tables::default();
    day.add_to(&tables);
    tables
}

async fn ask(simulator: &Simulator, target: &str) -> Seen {
    let base = simulator.base_url_of(Provider::Comprasnet);
    get(&format!("{base}/{target}")).await.unwrap()
}

/// Returns every row of a listing, page by page up to the reported total, and that total.
async fn all(simulator: &Simulator, target: &str) -> (Vec<Value>, u64) {
    let mut rows = Vec::new();
    for page in 1.. {
        let json = ask(
            simulator,
            &format!("{target}&pagina={page}&tamanhoPagina=500"),
        )
        .await
        .json();
        let total = json["totalRegistros"].as_u64().unwrap();
        rows.extend(json["resultado"].as_array().unwrap().iter().cloned());
        if rows.len() as u64 >= total {
            return (rows, total);
        }
        assert!(page < 100);
    }
    unreachable!("there is no last page number")
}

fn itens(first: &str, last: &str) -> String {
    format!("{ITENS}?dataInclusaoPncpInicial={first}&dataInclusaoPncpFinal={last}")
}

#[tokio::test]
async fn a_window_of_equal_dates_is_empty_with_status_200() {
    let simulator = with(compras(ComprasDay::new(1, day(), 40)), |_| {}).await;
    let equal = ask(&simulator, &itens("2025-10-22", "2025-10-22")).await;
    assert_eq!(equal.status, 200);
    assert_eq!(
        (
            &equal.json()["totalRegistros"],
            equal.json()["resultado"].as_array()
        ),
        (&0.into(), Some(&vec![]))
    );
    let (rows, _) = all(&simulator, &itens("2025-10-22", "2025-10-23")).await;
    assert!(rows.len() > 200, "{}", rows.len());
    let (before, _) = all(&simulator, &itens("2025-10-21", "2025-10-22")).await;
    assert_eq!(before.len(), 0);
}

#[tokio::test]
async fn ends_of_windows_differ_in_the_archive() {
    let tables = Tables::default();
    DayOf::new(1, day(), 20).add_legado(&tables);
    let simulator = with(tables, |_| {}).await;
    let total =
        async |target: &str| ask(&simulator, target).await.json()["totalRegistros"].as_u64();
    let legado = "modulo-legado";
    for (path, found) in [
        (
            "1_consultarLicitacao?data_publicacao_inicial=2025-10-22&data_publicacao_final=2025-10-22",
            20,
        ),
        (
            "3_consultarPregoes?dt_data_edital_inicial=2025-10-22&dt_data_edital_final=2025-10-22",
            20,
        ),
        (
            "4_consultarItensPregoes?dt_hom_inicial=2025-10-22&dt_hom_final=2025-10-22",
            0,
        ),
        (
            "4_consultarItensPregoes?dt_hom_inicial=2025-10-22&dt_hom_final=2025-10-23",
            40,
        ),
        ("2_consultarItemLicitacao?modalidade=5", 40),
        ("5_consultarComprasSemLicitacao?dt_ano_aviso=2025", 20),
        (
            "6_consultarCompraItensSemLicitacao?dt_ano_aviso_licitacao=2025",
            120,
        ),
        (
            "6_consultarCompraItensSemLicitacao?dt_ano_aviso_licitacao=2024",
            0,
        ),
    ] {
        assert_eq!(
            total(&format!("{legado}/{path}")).await,
            Some(found),
            "{path}"
        );
    }
    let archive = "modulo-legado/1_consultarLicitacao?data_publicacao_inicial=2025-10-22&data_publicacao_final=2025-10-22";
    assert!(
        ask(&simulator, archive)
            .await
            .json()
            .get("paginasRestantes")
            .is_none()
    );
}

#[tokio::test]
async fn rows_repeat_and_the_total_counts_the_repeats() {
    let day = ComprasDay {
        repeated: 0.1,
        ..ComprasDay::new(1, day(), 100)
    };
    let simulator = with(compras(day), |_| {}).await;
    let (rows, total) = all(&simulator, &itens("2025-10-22", "2025-10-23")).await;
    let unique: BTreeSet<_> = rows.iter().map(Value::to_string).collect();
    assert_eq!(rows.len() as u64, total);
    assert!(
        (40..140).contains(&(rows.len() - unique.len())),
        "{} of {}",
        unique.len(),
        rows.len()
    );
    let now = simulator.clock().brasilia();
    assert_eq!(
        simulator
            .tables()
            .of(&of::ITENS)
            .ids(Some(super::day()), now)
            .len(),
        unique.len()
    );
}

#[tokio::test]
async fn a_missing_parameter_is_404_and_a_wrong_one_400_in_plain_text() {
    let simulator = with(compras(ComprasDay::new(1, day(), 5)), |_| {}).await;
    let days = "dataPublicacaoPncpInicial=2025-10-22&dataPublicacaoPncpFinal=2025-10-23";
    assert_eq!(
        ask(&simulator, &format!("{CONTRATACOES}?{days}"))
            .await
            .status,
        404
    );
    assert_eq!(
        ask(&simulator, "modulo-contratos/1_consultarContratos")
            .await
            .status,
        404
    );
    let good = format!("{CONTRATACOES}?{days}&codigoModalidade=6");
    for (change, text) in [
        ("&tamanhoPagina=9", "intervalo de 10 a 500"),
        ("&tamanhoPagina=501", "intervalo de 10 a 500"),
    ] {
        let seen = ask(&simulator, &format!("{good}{change}")).await;
        assert_eq!(seen.status, 400);
        assert!(
            seen.header("content-type")
                .unwrap()
                .starts_with("text/plain")
        );
        assert!(seen.body.contains(text), "{}", seen.body);
    }
    let long = good.replace("Inicial=2025-10-22", "Inicial=2024-10-22");
    let seen = ask(&simulator, &long).await;
    assert_eq!(
        (seen.status, seen.body.as_str()),
        (400, "Período inicial e final maior que 365 dias.")
    );
    assert_eq!(
        ask(&simulator, "modulo-contratacoes/9_nada").await.status,
        404
    );
    let broken = ask(&simulator, "modulo-ocds/1_releases?page=1").await;
    assert!(broken.status == 400 && broken.body.contains("'releases'"));
}

#[tokio::test]
async fn contratacoes_are_sliced_by_the_codes_of_siasg() {
    let simulator = with(compras(ComprasDay::new(1, day(), 200)), |_| {}).await;
    let days = "dataPublicacaoPncpInicial=2025-10-22&dataPublicacaoPncpFinal=2025-10-23";
    let mut ids = BTreeSet::new();
    let mut counts = BTreeMap::new();
    for code in 1..=9 {
        let target = format!("{CONTRATACOES}?{days}&codigoModalidade={code}");
        let (rows, _) = all(&simulator, &target).await;
        assert!(rows.iter().all(|row| row["codigoModalidade"] == code));
        ids.extend(
            rows.iter()
                .map(|row| row["numeroControlePNCP"].as_str().unwrap().to_owned()),
        );
        counts.insert(code, rows.len());
    }
    assert_eq!(ids.len(), 200);
    let filled: Vec<_> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(code, _)| *code)
        .collect();
    assert_eq!(filled, [3, 5, 6, 7]);
    let target = format!("{CONTRATACOES}?{days}&codigoModalidade=6");
    // The misspelt filter is ignored, the right one finds nothing.
    let (plain, _) = all(&simulator, &target).await;
    let (ignored, _) = all(
        &simulator,
        &format!("{target}&dataAualizacaoPncp=2025-10-22"),
    )
    .await;
    assert_eq!(plain.len(), ignored.len());
    let (none, _) = all(
        &simulator,
        &format!("{target}&dataAtualizacaoPncp=2025-10-22"),
    )
    .await;
    assert_eq!(none.len(), 0);
}

#[tokio::test]
async fn items_name_their_contratacao_and_results_their_item() {
    let simulator = with(compras(ComprasDay::new(1, day(), 60)), |_| {}).await;
    let days = "dataPublicacaoPncpInicial=2025-10-22&dataPublicacaoPncpFinal=2025-10-23";
    let mut controls = BTreeSet::new();
    for code in [3, 5, 6, 7] {
        let (rows, _) = all(
            &simulator,
            &format!("{CONTRATACOES}?{days}&codigoModalidade={code}"),
        )
        .await;
        controls.extend(rows.iter().map(|row| row["numeroControlePNCP"].to_string()));
    }
    let (rows, _) = all(&simulator, &itens("2025-10-22", "2025-10-23")).await;
    let parents: BTreeSet<_> = rows
        .iter()
        .map(|row| row["numeroControlePNCPCompra"].to_string())
        .collect();
    assert_eq!(parents, controls);
    let items: BTreeSet<_> = rows
        .iter()
        .map(|row| row["idCompraItem"].to_string())
        .collect();
    let target = format!(
        "{RESULTADOS}?dataResultadoPncpInicial=2025-10-22&dataResultadoPncpFinal=2025-10-23"
    );
    let (results, _) = all(&simulator, &target).await;
    assert!(results.len() > 100, "{}", results.len());
    assert!(
        results
            .iter()
            .all(|row| items.contains(&row["idCompraItem"].to_string()))
    );
    assert!(
        results
            .iter()
            .all(|row| row["dataResultadoPncp"] == "2025-10-22T00:00:00")
    );
    assert!(
        results
            .iter()
            .all(|row| parents.contains(&row["numeroControlePNCPCompra"].to_string()))
    );
}

#[tokio::test]
async fn items_are_revised_in_place_and_the_update_filter_finds_them() {
    let simulator = with(compras(ComprasDay::new(1, day(), 60)), |_| {}).await;
    let window = itens("2025-10-22", "2025-10-23");
    let key = |row: &Value| {
        format!(
            "{}|{}",
            row["numeroControlePNCPCompra"], row["numeroItemPncp"]
        )
    };
    let (before, total) = all(&simulator, &window).await;
    simulator.set_now(time("12:00:00") + TimeDelta::days(60));
    let (after, same) = all(&simulator, &window).await;
    assert_eq!(total, same);
    let of_keys = |rows: &[Value]| -> BTreeMap<_, _> {
        rows.iter().map(|row| (key(row), row.to_string())).collect()
    };
    let (before, after) = (of_keys(&before), of_keys(&after));
    assert!(before.keys().eq(after.keys()));
    let revised = before
        .iter()
        .filter(|(key, text)| after[*key] != **text)
        .count();
    assert!(revised > 50, "{revised}");
    let (updated, _) = all(
        &simulator,
        &format!("{window}&dataAtualizacaoPncp=2025-10-23"),
    )
    .await;
    assert_eq!(of_keys(&updated).len(), revised);
}

#[tokio::test]
async fn nothing_of_a_day_is_there_before_the_warehouse_is_filled() {
    let late = ComprasDay {
        late: 0.3,
        ..ComprasDay::new(1, day(), 60)
    };
    let simulator = with(compras(late), |_| {}).await;
    let window = itens("2025-10-22", "2025-10-23");
    let mut totals = Vec::new();
    for (days, clock) in [
        (0, "23:00:00"),
        (1, "02:59:59"),
        (1, "03:00:00"),
        (7, "03:00:00"),
    ] {
        simulator.set_now(time(clock) + TimeDelta::days(days));
        totals.push(
            ask(&simulator, &window).await.json()["totalRegistros"]
                .as_u64()
                .unwrap(),
        );
    }
    assert_eq!(totals[..2], [0, 0]);
    assert!(totals[2] > 0 && totals[3] > totals[2], "{totals:?}");
}

#[tokio::test]
async fn pages_are_told_wrongly_where_there_is_only_one() {
    let simulator = with(compras(ComprasDay::new(1, day(), 3)), |_| {}).await;
    let window = itens("2025-10-22", "2025-10-23");
    let mut told = BTreeSet::new();
    for _ in 0..20 {
        let json = ask(&simulator, &format!("{window}&tamanhoPagina=500"))
            .await
            .json();
        assert_eq!(
            json["totalRegistros"],
            json["resultado"].as_array().unwrap().len()
        );
        told.insert((
            json["totalPaginas"].as_u64(),
            json["paginasRestantes"].as_u64(),
        ));
    }
    assert_eq!(
        told,
        BTreeSet::from([(Some(0), Some(0)), (Some(0), Some(1)), (Some(1), Some(0))])
    );
    let beyond = ask(&simulator, &format!("{window}&tamanhoPagina=500&pagina=9")).await;
    assert_eq!(
        (
            beyond.status,
            beyond.json()["resultado"].as_array().unwrap().len()
        ),
        (200, 0)
    );
    let json = ask(&simulator, &window).await.json();
    assert_eq!(json["resultado"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn too_many_requests_to_a_module_say_in_the_text_how_long_to_wait() {
    let simulator = with(Tables::default(), |config| {
        config.comprasnet.rates.insert("modulo-contratos", 0.01);
    })
    .await;
    let target = "modulo-contratos/1_consultarContratos?codigoOrgao=20000&dataVigenciaInicialMin=2025-01-01&dataVigenciaInicialMax=2026-01-01";
    assert_eq!(ask(&simulator, target).await.status, 200);
    let refused = ask(&simulator, target).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    let json = refused.json();
    assert_eq!(json["statusCode"], 429);
    let text = json["message"].as_str().unwrap().to_owned();
    assert!(
        text.starts_with("Rate limit is exceeded. Try again in "),
        "{text}"
    );
    assert!(text.ends_with(" seconds."), "{text}");
    assert_eq!(
        ask(&simulator, "modulo-uasg/1_consultarUasg?statusUasg=true")
            .await
            .status,
        200
    );
    assert_eq!(simulator.ledger()[1].fault, Some("over_rate"));
}

#[tokio::test]
async fn faults_speak_as_this_provider_does() {
    let simulator = with(Tables::default(), |config| {
        config.faults = Faults::by_rule([
            Rule::nth(1, Fault::PoolExhausted),
            Rule::nth(2, Fault::RateLimited),
            Rule::nth(3, Fault::Firewall),
        ]);
    })
    .await;
    let target = "modulo-uasg/1_consultarUasg?statusUasg=true";
    let pool = ask(&simulator, target).await;
    assert!(
        pool.status == 400 && pool.body.contains("HikariPool"),
        "{}",
        pool.body
    );
    for _ in 0..2 {
        let limited = ask(&simulator, target).await;
        assert!(limited.status == 429 && limited.header("retry-after").is_none());
        assert!(
            limited.body.contains("Try again in 1 seconds"),
            "{}",
            limited.body
        );
    }
    assert_eq!(ask(&simulator, target).await.status, 200);
}

#[tokio::test]
async fn price_registers_may_be_valid_in_the_future_and_excluded_items_come_twice() {
    let ahead = bronzed_model::day::Day::new(day().date() + Days::new(10));
    let tables = Tables::default();
    let arp = DayOf {
        repeated: 0.2,
        ..DayOf::new(1, ahead, 40)
    };
    arp.add_arp(&tables);
    let simulator = with(tables, |_| {}).await;
    let window = "dataVigenciaInicialMin=2025-11-01&dataVigenciaInicialMax=2025-11-02";
    let (known, _) = all(&simulator, &format!("modulo-arp/1_consultarARP?{window}")).await;
    assert!((20..40).contains(&known.len()), "{}", known.len());
    simulator.set_now(time("12:00:00") + TimeDelta::days(10));
    let (atas, _) = all(&simulator, &format!("modulo-arp/1_consultarARP?{window}")).await;
    assert_eq!(atas.len(), 40);
    let ends = "dataVigenciaFinalMin=2026-11-01&dataVigenciaFinalMax=2026-11-02";
    let (ending, _) = all(
        &simulator,
        &format!("modulo-arp/1.2_consultarARP_FimVigencia?{ends}"),
    )
    .await;
    assert_eq!(ending.len(), 40);
    let (items, _) = all(
        &simulator,
        &format!("modulo-arp/2_consultarARPItem?{window}"),
    )
    .await;
    let excluded = items
        .iter()
        .filter(|item| item["itemExcluido"] == true)
        .count();
    assert!((30..100).contains(&excluded), "{excluded}");
    assert_eq!(items.len() - excluded, 320);
}

#[tokio::test]
async fn contracts_belong_to_an_organ() {
    let tables = Tables::default();
    for organ in [20_000, 20_007] {
        DayOf::new(1, day(), 95).add_contratos(&tables, organ);
    }
    let simulator = with(tables, |_| {}).await;
    let window = "dataVigenciaInicialMin=2025-01-01&dataVigenciaInicialMax=2026-01-01";
    let contracts = format!("modulo-contratos/1_consultarContratos?{window}");
    let (rows, _) = all(&simulator, &format!("{contracts}&codigoOrgao=20007")).await;
    assert_eq!(rows.len(), 95);
    assert!(rows.iter().all(|row| row["codigoOrgao"] == "20007"));
    assert!(rows.iter().any(|row| row["idCompra"].is_null()));
    let items = format!("modulo-contratos/2_consultarContratosItem?{window}&codigoOrgao=20000");
    assert_eq!(all(&simulator, &items).await.1, 285);
    assert_eq!(
        all(&simulator, &format!("{contracts}&codigoOrgao=20001"))
            .await
            .1,
        0
    );
}

#[tokio::test]
async fn registers_are_swept_by_status_and_change_from_day_to_day() {
    let since = time("06:00:00").naive_utc() - TimeDelta::days(3);
    let churn = Churn {
        days: 10,
        changed: 20,
        added: 5,
        removed: 3,
        ..Churn::still(1, 1_200, since)
    };
    let tables = Tables::default()
        .with(&of::UASG, generated::uasg(&churn))
        .with(&of::ORGAOS, generated::orgaos(&churn))
        .with(&of::FORNECEDORES, generated::fornecedores(&churn))
        .with(&of::MATERIAIS, generated::materiais(&churn))
        .with(&of::SERVICOS, generated::servicos(&churn));
    let simulator = with(tables, |config| {
        config.clock = SimClock::standing(time("12:00:00") - TimeDelta::days(3));
    })
    .await;
    let sweep = async || {
        let mut rows = Vec::new();
        for status in ["true", "false"] {
            let (part, _) = all(
                &simulator,
                &format!("modulo-uasg/1_consultarUasg?statusUasg={status}"),
            )
            .await;
            assert!(
                part.iter()
                    .all(|row| row["statusUasg"] == (status == "true"))
            );
            rows.extend(part.iter().map(Value::to_string));
        }
        rows.into_iter().collect::<BTreeSet<_>>()
    };
    let first = sweep().await;
    assert_eq!(first.len(), 1_200);
    simulator.set_now(time("12:00:00") - TimeDelta::days(2));
    let second = sweep().await;
    assert_eq!(second.len(), 1_202);
    assert_eq!(second.difference(&first).count(), 25);
    assert_eq!(
        ask(&simulator, "modulo-uasg/2_consultarOrgao").await.status,
        404
    );
    for (target, total) in [
        ("modulo-uasg/2_consultarOrgao?statusOrgao=false", 120),
        ("modulo-fornecedor/1_consultarFornecedor?ativo=false", 120),
        ("modulo-material/4_consultarItemMaterial?x=1", 1_202),
        ("modulo-servico/6_consultarItemServico?x=1", 1_202),
    ] {
        let (_, found) = all(&simulator, target).await;
        assert!(found.abs_diff(total) < 10, "{target}: {found}");
    }
    // The registers of units and organs have a fixed page size.
    let json = ask(
        &simulator,
        "modulo-uasg/1_consultarUasg?statusUasg=true&tamanhoPagina=10",
    )
    .await
    .json();
    assert_eq!(json["resultado"].as_array().unwrap().len(), 500);
}

#[tokio::test]
async fn envelopes_and_rows_have_the_recorded_shape() {
    let tables = Tables::default();
    let vintage = Vintage::Recorded;
    ComprasDay {
        vintage,
        ..ComprasDay::new(1, day(), 30)
    }
    .add_to(&tables);
    let days = DayOf {
        vintage,
        ..DayOf::new(1, day(), 10)
    };
    days.add_arp(&tables);
    days.add_legado(&tables);
    days.add_contratos(&tables, 20_000);
    let since = time("06:00:00").naive_utc();
    let churn = Churn::still(1, 40, since);
    let tables = tables
        .with(&of::UASG, generated::uasg(&churn))
        .with(&of::ORGAOS, generated::orgaos(&churn))
        .with(&of::FORNECEDORES, generated::fornecedores(&churn));
    let simulator = with(tables, |_| {}).await;
    let validity = "dataVigenciaInicialMin=2025-10-22&dataVigenciaInicialMax=2025-10-23";
    for (target, recorded) in [
        (
            format!("{CONTRATACOES}?dataPublicacaoPncpInicial=2025-10-22&dataPublicacaoPncpFinal=2025-10-23&codigoModalidade=6"),
            include_str!("../../../../tests/fixtures/comprasnet/contratacoes_14133.records.json"),
        ),
        (itens("2025-10-22", "2025-10-23"), include_str!("../../../../tests/fixtures/comprasnet/contratacoes_itens_14133.envelope.json")),
        (
            format!("{RESULTADOS}?dataResultadoPncpInicial=2025-10-22&dataResultadoPncpFinal=2025-10-23"),
            include_str!("../../../../tests/fixtures/comprasnet/contratacoes_resultados_14133.records.json"),
        ),
        (format!("modulo-arp/1_consultarARP?{validity}"), include_str!("../../../../tests/fixtures/comprasnet/arp.envelope.json")),
        (format!("modulo-arp/2_consultarARPItem?{validity}"), include_str!("../../../../tests/fixtures/comprasnet/arp_itens.records.json")),
        (
            format!("modulo-contratos/1_consultarContratos?{validity}&codigoOrgao=20000"),
            include_str!("../../../../tests/fixtures/comprasnet/contratos.records.json"),
        ),
        (
            format!("modulo-contratos/2_consultarContratosItem?{validity}&codigoOrgao=20000"),
            include_str!("../../../../tests/fixtures/comprasnet/contratos_itens.envelope.json"),
        ),
        (
            "modulo-legado/1_consultarLicitacao?data_publicacao_inicial=2025-10-22&data_publicacao_final=2025-10-22".to_owned(),
            include_str!("../../../../tests/fixtures/comprasnet/legado_licitacao.envelope.json"),
        ),
        (
            "modulo-legado/2_consultarItemLicitacao?modalidade=5".to_owned(),
            include_str!("../recorded/comprasnet/legado_itens_licitacao.json"),
        ),
        (
            "modulo-legado/3_consultarPregoes?dt_data_edital_inicial=2025-10-22&dt_data_edital_final=2025-10-22".to_owned(),
            include_str!("../../../../tests/fixtures/comprasnet/legado_pregoes.records.json"),
        ),
        (
            "modulo-legado/4_consultarItensPregoes?dt_hom_inicial=2025-10-22&dt_hom_final=2025-10-23".to_owned(),
            include_str!("../../../../tests/fixtures/comprasnet/legado_itens_pregoes.records.json"),
        ),
        (
            "modulo-legado/5_consultarComprasSemLicitacao?dt_ano_aviso=2025".to_owned(),
            include_str!("../recorded/comprasnet/legado_compras_sem_licitacao.json"),
        ),
        (
            "modulo-legado/6_consultarCompraItensSemLicitacao?dt_ano_aviso_licitacao=2025".to_owned(),
            include_str!("../recorded/comprasnet/legado_itens_sem_licitacao.json"),
        ),
        ("modulo-uasg/1_consultarUasg?statusUasg=true".to_owned(), include_str!("../../../../tests/fixtures/comprasnet/uasg.envelope.json")),
        ("modulo-uasg/2_consultarOrgao?statusOrgao=true".to_owned(), include_str!("../../../../tests/fixtures/comprasnet/orgao.envelope.json")),
        (
            "modulo-fornecedor/1_consultarFornecedor?ativo=true".to_owned(),
            include_str!("../../../../tests/fixtures/comprasnet/fornecedor.envelope.json"),
        ),
    ] {
        let served = ask(&simulator, &target).await.json();
        assert!(!served["resultado"].as_array().unwrap().is_empty(), "{target}");
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        println!("{target}");
        match recorded.is_array() {
            true => assert_same(&shape([&recorded]), &shape([&served["resultado"]])),
            false => assert_same(&shape([&recorded]), &shape([&served])),
        }
    }
}

#[tokio::test]
async fn the_current_vintage_has_new_names_and_texts_for_codes() {
    let tables = compras(ComprasDay::new(1, day(), 10));
    DayOf::new(1, day(), 3).add_arp(&tables);
    let simulator = with(tables, |_| {}).await;
    let (items, _) = all(&simulator, &itens("2025-10-22", "2025-10-23")).await;
    assert!(items[0]["unidadeOrgaoCodigoUnidade"].is_string());
    assert_eq!(
        items[0]["numeroControlePNCPCompra"],
        items[0]["idContratacaoPNCP"]
    );
    let validity = "dataVigenciaInicialMin=2025-10-22&dataVigenciaInicialMax=2025-10-23";
    let (atas, _) = all(&simulator, &format!("modulo-arp/1_consultarARP?{validity}")).await;
    assert_eq!(
        (
            &atas[0]["codigoModalidadeCompra"],
            &atas[0]["dataVigenciaInicial"]
        ),
        (&"05".into(), &"2025-10-22".into())
    );
    let text = ask(&simulator, &format!("modulo-arp/1_consultarARP?{validity}"))
        .await
        .body;
    assert!(text.contains("00000000") && !text.contains("E+"), "{text}");
}
