//! Responses without faults.

use std::collections::BTreeSet;

use super::*;
use crate::pncp::generated::GeneratedDay;
use crate::pncp::oddity::Oddities;

#[tokio::test]
async fn a_page_has_rows_and_totals() {
    let simulator = given(generated(), |_| {}).await;
    let first = page(&simulator, 6, 1).await.unwrap();
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    let json = first.json();
    let total = json["totalRegistros"].as_u64().unwrap();
    let pages = json["totalPaginas"].as_u64().unwrap();
    assert_eq!(json["data"].as_array().unwrap().len(), 50);
    assert_eq!(pages, total.div_ceil(50));
    assert_eq!(json["numeroPagina"], 1);
    assert_eq!(json["paginasRestantes"], pages - 1);
    assert_eq!(json["empty"], false);
}

#[tokio::test]
async fn all_pages_of_all_slices_are_the_whole_catalogue() {
    let simulator = given(generated(), |_| {}).await;
    let mut ids = Vec::new();
    for modalidade in 1..=14 {
        for number in 1.. {
            let seen = page(&simulator, modalidade, number).await.unwrap();
            if seen.body.is_empty() {
                break;
            }
            ids.extend(seen.ids());
            if seen.json()["paginasRestantes"] == 0 {
                break;
            }
        }
    }
    let unique: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), 500);
    let now = simulator.clock().brasilia();
    assert_eq!(unique, simulator.catalog().ids(day(), now));
}

#[tokio::test]
async fn pages_ascend_and_the_newest_is_on_the_last() {
    let simulator = given(generated(), |_| {}).await;
    let pages = page(&simulator, 6, 1).await.unwrap().json()["totalPaginas"]
        .as_u64()
        .unwrap();
    let mut published = Vec::new();
    for number in 1..=pages {
        let json = page(&simulator, 6, number).await.unwrap().json();
        for row in json["data"].as_array().unwrap() {
            published.push(row["dataPublicacaoPncp"].as_str().unwrap().to_owned());
        }
    }
    assert!(published.is_sorted());
}

#[tokio::test]
async fn no_rows_is_204_or_a_body_of_no_bytes() {
    let simulator = given(Catalog::new(), |_| {}).await;
    let mut statuses = BTreeSet::new();
    for modalidade in 1..=13 {
        let first = page(&simulator, modalidade, 1).await.unwrap();
        let again = page(&simulator, modalidade, 1).await.unwrap();
        assert_eq!(first.status, again.status);
        assert_eq!(first.body, "");
        statuses.insert(first.status);
    }
    assert_eq!(statuses, BTreeSet::from([200, 204]));
}

#[tokio::test]
async fn a_page_beyond_the_last_is_400() {
    let simulator = given(generated(), |_| {}).await;
    let seen = page(&simulator, 6, 99).await.unwrap();
    assert_eq!(seen.status, 400);
    assert!(seen.json()["message"].is_string());
}

#[tokio::test]
async fn wrong_requests_get_pncps_answers() {
    let simulator = given(generated(), |_| {}).await;
    let good = page_url(&simulator, 6, 1);
    for (from, to, status, message) in [
        (
            "&pagina=1",
            "",
            400,
            "Required parameter 'pagina' is not present.",
        ),
        (
            "tamanhoPagina=50",
            "tamanhoPagina=51",
            400,
            "Tamanho de página inválido",
        ),
        (
            "dataInicial=20251022",
            "dataInicial=20241021",
            422,
            "365 dias",
        ),
        (
            "dataInicial=20251022",
            "dataInicial=20210331",
            422,
            "20210401",
        ),
        (
            "dataInicial=20251022",
            "dataInicial=20251023",
            422,
            "anterior ou igual",
        ),
    ] {
        let seen = get(&good.replace(from, to)).await.unwrap();
        assert_eq!(seen.status, status, "{to}");
        let found = seen.json()["message"].as_str().unwrap().to_owned();
        assert!(found.contains(message), "{found}");
    }
    let ignored = get(&format!("{good}&cnpjOrgao=1&uf=SC")).await.unwrap();
    assert_eq!(ignored.ids().len(), 50);
}

#[tokio::test]
async fn a_wrong_path_is_404_as_json() {
    let simulator = given(generated(), |_| {}).await;
    let seen = get(&format!("{}/consulta/v2/nada", simulator.base_url()))
        .await
        .unwrap();
    assert_eq!(seen.status, 404);
    assert_eq!(seen.json()["status"], 404);
    let good = page_url(&simulator, 6, 1);
    assert_eq!(
        client().post(&good).send().await.unwrap().status().as_u16(),
        405
    );
}

#[tokio::test]
async fn a_day_grows_and_the_date_header_follows_the_simulated_clock() {
    let simulator = given(Catalog::recorded_day(), |_| {}).await;
    let mut totals = Vec::new();
    for hour in ["08:00:00", "12:00:00", "16:00:00"] {
        simulator.set_now(time(hour));
        let mut total = 0;
        for modalidade in [3, 4] {
            let seen = page(&simulator, modalidade, 1).await.unwrap();
            let date = httpdate::parse_http_date(seen.header("date").unwrap()).unwrap();
            assert_eq!(chrono::DateTime::<chrono::Utc>::from(date), time(hour));
            if !seen.body.is_empty() {
                total += seen.json()["totalRegistros"].as_u64().unwrap();
            }
        }
        totals.push(total);
    }
    assert_eq!(totals, [3, 5, 5]);
}

#[tokio::test]
async fn the_order_of_keys_differs_between_calls_and_not_within_a_page() {
    let simulator = given(generated(), |_| {}).await;
    let mut orders = BTreeSet::new();
    let mut nested = BTreeSet::new();
    for _ in 0..6 {
        let seen = page(&simulator, 6, 1).await.unwrap();
        let rows: Vec<_> = bronzed_model::json::pointer(&seen.body, "/data")
            .unwrap()
            .map(|data| bronzed_model::json::elements(data).unwrap())
            .unwrap();
        let of_page: BTreeSet<_> = rows.iter().map(|row| keys(row)).collect();
        // A newer recorded record has a field more than the older ones.
        assert!(of_page.len() <= 2, "{of_page:?}");
        orders.extend(of_page);
        let organ = |row: &str| {
            bronzed_model::json::pointer(row, "/orgaoEntidade")
                .unwrap()
                .map(keys)
        };
        let of_page: BTreeSet<_> = rows.iter().filter_map(|row| organ(row)).collect();
        assert_eq!(of_page.len(), 1);
        nested.extend(of_page);
    }
    assert!(orders.len() >= 6, "{}", orders.len());
    assert!(nested.len() >= 3, "{nested:?}");
}

fn keys(object: &str) -> Vec<String> {
    let members = bronzed_model::json::members(object).unwrap();
    members.iter().map(|(key, _)| key.to_string()).collect()
}

#[tokio::test]
async fn recorded_records_are_served_with_every_digit() {
    let simulator = given(Catalog::recorded_day(), |_| {}).await;
    let seen = page(&simulator, 4, 1).await.unwrap();
    for amount in ["3905791.69", "9363095.9", "1330033.21"] {
        assert!(
            seen.body
                .contains(&format!("\"valorTotalEstimado\":{amount}"))
        );
    }
}

#[tokio::test]
async fn odd_records_are_served_as_they_are_listed() {
    let odd = GeneratedDay {
        oddities: Oddities::each(0.3),
        ..GeneratedDay::new(1, day(), 200)
    };
    let simulator = given(Catalog::new().with(odd.records()), |_| {}).await;
    let now = simulator.clock().brasilia();
    let listed: BTreeSet<_> = simulator
        .catalog()
        .list(Some(day()), now, false)
        .filter(|record| record.group == 8)
        .map(|record| record.hash)
        .collect();
    let mut served = BTreeSet::new();
    let mut unidentified = 0;
    for number in 1..=2 {
        let seen = page(&simulator, 8, number).await.unwrap();
        let data = bronzed_model::json::pointer(&seen.body, "/data")
            .unwrap()
            .unwrap();
        for row in bronzed_model::json::elements(data).unwrap() {
            served.insert(bronzed_model::json::canonical::hash(row));
            let id = bronzed_model::json::pointer(row, "/numeroControlePNCP").unwrap_or_default();
            unidentified += usize::from(id.is_none_or(|id| {
                bronzed_model::json::kind(id) != bronzed_model::json::Kind::String
            }));
        }
    }
    assert_eq!(served, listed);
    assert!(unidentified > 5, "{unidentified}");
}

#[tokio::test]
async fn an_answer_takes_as_long_as_it_is_told_to() {
    let latency = Duration::from_millis(60);
    let simulator = given(generated(), |config| config.latency = latency).await;
    let start = tokio::time::Instant::now();
    page(&simulator, 6, 1).await.unwrap();
    assert!(start.elapsed() >= latency);
}
