//! The routes over the real daemon, which reads a simulated API with a clock that stands still.

use std::sync::Arc;

use reqwest::Method;
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
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::lake::Lake;

/// What daemons share that live one after the other.
struct World {
    config: Settings,
    clock: Arc<dyn Clock>,
    lake: Lake,
    _simulator: Simulator,
}

/// A daemon at work, with its server.
struct Alive {
    server: Served,
    stop: CancellationToken,
    life: JoinHandle<Result<(), DaemonStartError>>,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::new("2025-10-22T15:00:00Z".parse().unwrap());
        let clock: Arc<dyn Clock> = Arc::new(clock);
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
            clock,
            lake: Lake::over(store, "memory:///"),
            _simulator: simulator,
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
            Arc::new(daemon),
            Arc::new(FakeDaemon::default()),
        )
        .await;
        Alive { server, stop, life }
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
    let run_id = runs["runs"][0]["run_id"]
        .as_str()
        .expect("a run")
        .to_owned();
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
