//! Several processes on one lake: together they keep the rate limits of an API that apply to one.

use std::time::Duration;

use bronzed_model::day::Day;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::{SimConfig, Simulator};

use crate::support::lake::{Backend, TestLake};
use crate::support::program::Program;
use crate::support::runtime;

const DAY: &str = "2025-10-22";
/// Response latency that makes requests overlap, even on a slow machine.
const LATENCY: Duration = Duration::from_millis(250);

#[test]
fn a_run_beside_a_backfill_asked_with_six_requests_in_flight_where_three_are_allowed() {
    let day: Day = DAY.parse().unwrap();
    let catalog = Catalog::new();
    catalog.extend(GeneratedDay::new(3, day, 200).records());
    let clock = SimClock::standing("2025-12-01T12:00:00Z".parse().unwrap());
    let config = SimConfig {
        latency: LATENCY,
        ..SimConfig::new(catalog, clock)
    };
    let simulator = runtime().block_on(Simulator::start(config)).unwrap();
    let lake = TestLake::new(Backend::Folder);
    let program = |args: &[&str]| {
        Program::new(args)
            .on(&lake)
            .env("BRONZED__SOURCES__PNCP__BASE_URL", simulator.base_url())
            .env("BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY", "3")
    };
    let table = "pncp.contratacoes";
    let range = ["--from", "2022-01-01", "--to", "2024-12-31"];
    let backfill = program(&[&["backfill", table], &range[..]].concat()).start();
    while simulator.ledger().len() < 10 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let run = program(&["run", table, "--day", DAY, "--json"])
        .run()
        .expect(0);
    assert_eq!(run.json()["new"], 200);
    backfill.interrupt();
    backfill.wait().expect(3);
    let in_flight = |entry: &bronzed_simulator::ledger::Entry| entry.in_flight;
    let most = simulator.ledger().iter().map(in_flight).max();
    assert_eq!(most, Some(3));
    // Both processes have released their leases.
    let lease = lake.json("_bronzed/leases/pncp.json");
    assert_eq!(lease["holders"], serde_json::json!({}));
}
