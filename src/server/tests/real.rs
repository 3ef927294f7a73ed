//! The described routes over the real daemon, which reads a simulated API with a clock that stands still.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::fake::FakeDaemon;
use super::{ConnectionLimits, Place, TOKEN, description, served_by, settings};
use crate::daemon::Daemon;
use crate::session::AppContext;
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::entropy::Entropy;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::lake::Lake;

#[tokio::test]
async fn the_daemon_does_what_is_described() {
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
    let lake = Lake::over(store, "memory:///");
    let entropy = Arc::new(Entropy::seeded(1));
    let daemon = Daemon::new(AppContext::over(config, lake, clock, entropy).unwrap()).unwrap();
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
    let runs = server.get("/api/v1/runs").await.json();
    let run_id = runs["runs"][0]["run_id"]
        .as_str()
        .expect("a run")
        .to_owned();
    description::each_operation_works(&server, &run_id).await;
    stop.cancel();
    life.await.unwrap().unwrap();
}
