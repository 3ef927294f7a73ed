//! The simulator through a real HTTP client.

mod answers;
mod comprasnet;
mod control;
mod faults;
mod pncp;
mod shape;
mod tcu;

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::clock::SimClock;
use super::pncp::catalog::Catalog;
use super::{SimConfig, Simulator};
use bronzed_model::day::Day;

fn day() -> Day {
    "2025-10-22".parse().unwrap()
}

/// Parses a Brasília time of day on 2025-10-22.
fn time(clock: &str) -> chrono::DateTime<chrono::Utc> {
    format!("2025-10-22T{clock}-03:00").parse().unwrap()
}

/// Starts a simulator at 23:59:59 of the day; `change` edits its configuration.
async fn given(catalog: Catalog, change: impl FnOnce(&mut SimConfig)) -> Simulator {
    let mut config = SimConfig::new(catalog, SimClock::standing(time("23:59:59")));
    change(&mut config);
    Simulator::start(config).await.unwrap()
}

/// 500 records in 13 modalidades, some 180 of them in modalidade 6.
fn generated() -> Catalog {
    Catalog::generated(1, day(), 500, 2_400)
}

/// A response as a client sees it.
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn ids(&self) -> Vec<String> {
        let json = self.json();
        let rows = json["data"].as_array().unwrap();
        let id = |row: &Value| row["numeroControlePNCP"].as_str().unwrap().to_owned();
        rows.iter().map(id).collect()
    }
}

/// Returns a client shared by all tests, because making one takes longer than most requests. Each request
/// has a connection of its own.
fn client() -> reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let builder = reqwest::Client::builder().no_proxy();
        let builder = builder.timeout(Duration::from_secs(10));
        builder.pool_max_idle_per_host(0).build().unwrap()
    });
    CLIENT.clone()
}

/// Sends a GET request to any URL, on a connection of its own.
async fn get(url: &str) -> Result<Seen, reqwest::Error> {
    let response = client().get(url).send().await?;
    Ok(Seen {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await?,
    })
}

fn page_url(simulator: &Simulator, modalidade: u32, page: u64) -> String {
    format!(
        "{}/consulta/v1/contratacoes/publicacao?dataInicial=20251022&dataFinal=20251022\
         &codigoModalidadeContratacao={modalidade}&pagina={page}&tamanhoPagina=50",
        simulator.base_url()
    )
}

async fn page(simulator: &Simulator, modalidade: u32, page: u64) -> Result<Seen, reqwest::Error> {
    get(&page_url(simulator, modalidade, page)).await
}

/// Returns the page, or the error, as text for comparing two runs.
async fn trace(simulator: &Simulator, modalidade: u32, number: u64) -> String {
    match page(simulator, modalidade, number).await {
        Ok(seen) => format!("{} {}", seen.status, seen.body),
        Err(error) if error.is_decode() || error.is_body() => "cut off".to_owned(),
        Err(_) => "no answer".to_owned(),
    }
}
