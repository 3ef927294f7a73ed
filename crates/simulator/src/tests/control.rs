//! The simulator's own endpoints, and its ledger.

use super::*;
use crate::faults::{Fault, Faults, Rule};

async fn post(simulator: &Simulator, target: &str) -> (u16, String) {
    let url = format!("{}{target}", simulator.control_url());
    let response = client().post(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn control(simulator: &Simulator, target: &str) -> Seen {
    get(&format!("{}{target}", simulator.control_url()))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_ledger_tells_every_request() {
    let simulator = given(generated(), |config| {
        config.faults = Faults::by_rule([Rule::first(1, Fault::ServerError).page(1)]);
    })
    .await;
    page(&simulator, 6, 1).await.unwrap();
    page(&simulator, 6, 1).await.unwrap();
    page(&simulator, 6, 99).await.unwrap();
    get(&format!("{}/nowhere", simulator.base_url()))
        .await
        .unwrap();
    let entries = simulator.ledger();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.ordinal,
                entry.page,
                entry.attempt,
                entry.status,
                entry.fault,
                entry.rows,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, Some(1), Some(1), Some(500), Some("server_error"), 0),
            (2, Some(1), Some(2), Some(200), None, 50),
            (3, Some(99), Some(1), Some(400), None, 0),
            (4, None, None, Some(404), None, 0),
        ]
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.in_flight == 1 && entry.method == "GET")
    );
    assert_eq!(entries[0].slice.as_deref(), Some("modalidade=6"));
    assert_eq!(entries[0].days.as_deref(), Some("20251022..20251022"));
    assert_eq!(entries[0].at, time("23:59:59"));
    let json = control(&simulator, "ledger").await.json();
    assert_eq!(json, serde_json::to_value(&entries).unwrap());
}

#[tokio::test]
async fn the_records_are_listed_with_ids_and_hashes() {
    let simulator = given(Catalog::recorded_day(), |config| {
        config.clock = SimClock::standing(time("08:00:00"));
    })
    .await;
    let seen = control(&simulator, "records?day=2025-10-22&full=true").await;
    let lines: Vec<Value> = seen
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    let visible = lines.iter().filter(|line| line["listing"] == "visible");
    assert_eq!(visible.count(), 3);
    assert!(
        lines
            .iter()
            .all(|line| line["id"] == line["record"]["numeroControlePNCP"])
    );
    assert!(
        lines
            .iter()
            .all(|line| line["hash"].as_str().unwrap().len() == 64)
    );
    assert_eq!(control(&simulator, "records?day=2025-10-21").await.body, "");
    assert_eq!(control(&simulator, "records?day=today").await.status, 400);
}

#[tokio::test]
async fn the_time_is_set_from_outside() {
    let simulator = given(Catalog::recorded_day(), |_| {}).await;
    let (status, body) = post(&simulator, "now?at=2025-10-22T08:00:00-03:00").await;
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"now":"2025-10-22T11:00:00+00:00"}"#)
    );
    let seen = page(&simulator, 4, 1).await.unwrap();
    assert_eq!(seen.json()["totalRegistros"], 3);
    assert_eq!(post(&simulator, "now?at=noon").await.0, 400);
}

#[tokio::test]
async fn faults_are_healed_from_outside() {
    let simulator = given(generated(), |config| {
        config.faults = Faults::by_rule([Rule::always(Fault::Unavailable).slice("modalidade=6")]);
    })
    .await;
    assert_eq!(page(&simulator, 6, 1).await.unwrap().status, 503);
    assert_eq!(page(&simulator, 8, 1).await.unwrap().status, 200);
    assert_eq!(post(&simulator, "heal").await.0, 204);
    assert_eq!(page(&simulator, 6, 1).await.unwrap().status, 200);
    assert_eq!(post(&simulator, "nothing").await.0, 404);
}

#[tokio::test]
async fn records_come_and_go_under_a_running_simulator() {
    let simulator = given(Catalog::recorded_day(), |_| {}).await;
    let total = async || page(&simulator, 4, 1).await.unwrap().json()["totalRegistros"].clone();
    assert_eq!(total().await, 4);
    assert!(simulator.catalog().withdraw("29138328000150-1-000189/2025"));
    assert_eq!(total().await, 3);
    let copy = r#"{"modalidadeId":4,"dataPublicacaoPncp":"2025-10-22T09:00:00","x":1}"#;
    let record = crate::pncp::record::Record::from_json(copy).unwrap();
    simulator.catalog().add(record);
    assert_eq!(total().await, 4);
}

#[tokio::test]
async fn a_dropped_simulator_is_gone() {
    let simulator = given(generated(), |_| {}).await;
    let url = page_url(&simulator, 6, 1);
    get(&url).await.unwrap();
    drop(simulator);
    // The task that holds the listener ends when it is polled next.
    tokio::task::yield_now().await;
    assert!(get(&url).await.is_err_and(|error| error.is_connect()));
}
