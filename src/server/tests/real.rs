//! The routes over the real daemon, which reads a simulated API with a clock that stands still.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fake::FakeDaemon;
use super::{ConnectionLimits, Place, Served, TOKEN, description, served_by, settings};
use crate::daemon::{Daemon, DaemonStartError};
use crate::session::AppContext;
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::lake::Lake;

/// What daemons share that live one after the other.
struct World {
    config: Settings,
    time: ManualClock,
    clock: Arc<dyn Clock>,
    lake: Lake,
    simulator: Simulator,
}

/// A daemon at work, with its server.
struct Alive {
    daemon: Daemon,
    server: Served,
    stop: CancellationToken,
    life: JoinHandle<Result<(), DaemonStartError>>,
}

impl World {
    async fn new() -> Self {
        let time = ManualClock::new("2025-10-22T15:00:00Z".parse().unwrap());
        let clock: Arc<dyn Clock> = Arc::new(time.clone());
        let sim = SimConfig::new(Catalog::recorded_day(), SimClock::over(Arc::clone(&clock)));
        let simulator = Simulator::start(sim).await.unwrap();
        let mut config = bronzed_config::load(None, []).unwrap();
        config.sources.retain(|name, _| name == "pncp");
        for source in config.sources.values_mut() {
            let mut own = (**source).clone();
            own.base_url = simulator.base_url().parse().unwrap();
            own.enabled = true;
            *source = Arc::new(own);
        }
        let store = Arc::new(object_store::memory::InMemory::new());
        Self {
            config,
            time,
            clock,
            lake: Lake::over(store, "memory:///"),
            simulator,
        }
    }

    /// Starts a daemon, and waits until it has nothing to do.
    async fn daemon(&self, seed: u64) -> Alive {
        let (config, lake) = (self.config.clone(), self.lake.clone());
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::new(Entropy::seeded(seed)));
        let session = AppContext::over(config, lake, clock, entropy).unwrap();
        let daemon = Daemon::new(session).unwrap();
        let (living, stop) = (daemon.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let life = tokio::spawn(async move { living.run(stopped).await });
        daemon.wake();
        daemon.settled().await;
        let server = served_by(
            settings(Place::Loopback, Some(TOKEN)),
            ConnectionLimits::default(),
            Arc::new(daemon.clone()),
            Arc::new(FakeDaemon::default()),
        )
        .await;
        Alive {
            daemon,
            server,
            stop,
            life,
        }
    }
}

impl Alive {
    async fn end(self) {
        self.stop.cancel();
        self.life.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_daemon_does_what_is_described() {
    let world = World::new().await;
    let alive = world.daemon(1).await;
    let runs = alive.server.get("/api/v1/runs").await.json();
    let asked = |run: &&serde_json::Value| run["counts"]["requests"].as_u64() > Some(0);
    let run = runs["runs"].as_array().unwrap().iter().find(asked);
    let run_id = run.expect("a run")["run_id"].as_str().unwrap().to_owned();
    description::each_operation_works(&alive.server, &run_id).await;
    alive.end().await;
}

#[tokio::test]
async fn what_has_happened_is_told_after_a_restart() {
    let world = World::new().await;
    let first = world.daemon(1).await;
    let before = first.server.get("/api/v1/history").await.json();
    first.end().await;
    let second = world.daemon(2).await;
    let server = &second.server;
    let known = server.get("/api/v1/runs").await.json();
    let after = server.get("/api/v1/history").await.json();
    let ids = |history: &serde_json::Value| -> Vec<String> {
        let runs = history["runs"].as_array().unwrap().iter();
        runs.map(|run| run["run_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (before, after) = (ids(&before), ids(&after));
    assert!(!before.is_empty());
    for run_id in &before {
        assert!(after.contains(run_id), "{run_id} is forgotten");
        assert!(!known.to_string().contains(run_id), "it is of the lake");
    }
    let overview = server.get("/api/v1/overview").await.json();
    let datasets = overview["sources"][0]["datasets"].as_array().unwrap();
    let read = datasets.iter().find(|one| !one["last_run"].is_null());
    let last = &read.expect("a dataset with a last run")["last_run"];
    let text = |key: &str| last[key].as_str().unwrap();
    let page = format!(
        "/dataset/{}/{}/{}/{}",
        text("source"),
        text("dataset"),
        text("day"),
        text("run_id")
    );
    let front = server.browse(Method::GET, "/", |request| request).await;
    assert!(front.text.contains(&page), "{page}");
    let run = server.browse(Method::GET, &page, |request| request).await;
    assert_eq!(run.status, 200, "{}", run.text);
    second.end().await;
}

/// A comparison that read its day again was listed under an id of its own, which no state had: its page was gone with the
/// process, or once enough other runs had ended.
#[tokio::test]
async fn a_comparison_that_read_its_day_again_is_one_run_by_one_id_with_a_page_after_a_restart() {
    let world = World::new().await;
    let first = world.daemon(1).await;
    let late = GeneratedDay::new(12, "2025-10-22".parse().unwrap(), 4);
    world.simulator.catalog().extend(late.records());
    world.time.set("2025-10-22T22:00:00Z".parse().unwrap());
    let body = json!({
        "source": "pncp", "dataset": "contratacoes", "days": ["2025-10-22"], "mode": "verify",
    });
    let asked = first.server.post("/api/v1/runs", &body.to_string()).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let asked = asked.json()["runs"][0]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    first.daemon.settled().await;
    let of_day = |history: serde_json::Value| -> Vec<String> {
        let runs = history["runs"].as_array().unwrap().iter();
        let runs =
            runs.filter(|run| run["dataset"] == "contratacoes" && run["day"] == "2025-10-22");
        runs.filter(|run| run["job"] == "manual")
            .map(|run| run["run_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let listed = of_day(first.server.get("/api/v1/history").await.json());
    assert_eq!(listed, [asked.as_str()]);
    first.end().await;
    let second = world.daemon(2).await;
    let listed = of_day(second.server.get("/api/v1/history").await.json());
    assert_eq!(listed, [asked.as_str()]);
    let page = format!("/dataset/pncp/contratacoes/2025-10-22/{asked}");
    let run = second
        .server
        .browse(Method::GET, &page, |request| request)
        .await;
    assert_eq!(run.status, 200, "{}", run.text);
    second.end().await;
}
