//! `bronzed daemon`: keeps every enabled source complete and fresh until stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::cli::signal::cancel_on_signal;
use crate::cli::{CliContext, CliError, Exit};
use crate::daemon::{Daemon, wakers};
use crate::server::Server;
use crate::session::AppContext;
use bronzed_metrics::Metrics;
use bronzed_metrics::events::start_at_zero;
use bronzed_metrics::silver::SilverBuilt;
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(shell: &CliContext, Args {}: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, false)?;
    let stop = CancellationToken::new();
    cancel_on_signal(stop.clone());
    serve(settings, stop, |_| {}).await
}

/// Runs the daemon until `stop` is cancelled. `started` is called with the address that it answers on.
pub async fn serve(
    settings: Settings,
    stop: CancellationToken,
    started: impl FnOnce(SocketAddr),
) -> Result<Exit, CliError> {
    let metrics = Metrics::install().context("metrics")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let lake = Lake::open(&settings.lake).map_err(anyhow::Error::from)?;
    let server_settings = settings.server.clone();
    for source in settings.sources.values().filter(|source| source.enabled) {
        let jobs = || source.jobs.keys().map(String::as_str);
        for dataset in source.datasets.values().filter(|dataset| dataset.enabled) {
            start_at_zero(&source.name, &dataset.name, jobs());
        }
    }
    if settings.silver.enabled {
        let sources = settings.sources.values().filter(|source| source.enabled);
        let tables = sources.flat_map(|source| source.silver.values());
        for table in tables.filter(|table| table.enabled) {
            let (source, table) = (&*table.source, &*table.name);
            SilverBuilt { source, table }.start_at_zero();
        }
    }
    let enabled = settings.sources.values().filter(|source| source.enabled);
    let sources: Vec<_> = enabled.map(|source| source.name.clone()).collect();
    let entropy = Arc::new(Entropy::from_system());
    let session = AppContext::over(settings, lake, clock.clone(), entropy)?;
    let daemon = Daemon::new(session).map_err(anyhow::Error::from)?;
    let shown = Arc::new(daemon.clone());
    let server = Server::bind(&server_settings, shown, metrics);
    let server = server.await.map_err(anyhow::Error::from)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %server.address(),
        sources = sources.join(", "),
        "daemon started"
    );
    started(server.address());
    if server_settings.token.is_none() {
        tracing::info!("nothing can be paused or asked for: no token");
    }
    let serving = tokio::spawn(server.serve(stop.clone()));
    tokio::spawn(wakers::tick(daemon.clone(), clock, stop.clone()));
    tokio::spawn(wake_at_slots(daemon.clone(), stop.clone()));
    let lived = daemon.run(stop.clone()).await;
    stop.cancel();
    // Errors of the server no longer matter, because the daemon has ended.
    let _ = serving.await;
    lived.map_err(anyhow::Error::from)?;
    Ok(Exit::Done)
}

async fn wake_at_slots(daemon: Daemon, stop: CancellationToken) {
    if let Err(error) = wakers::cron(daemon, stop).await {
        tracing::warn!(%error, "cron scheduler failed");
    }
}
