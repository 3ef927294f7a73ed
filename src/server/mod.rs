//! The daemon's HTTP server: probes, metrics, the API under `/api/v1`, and the status page.
//!
//! ```text
//! connections ──► around ──► guard ──► handler ──► dyn Daemon
//!  limits for      response   access    JSON in,
//!  slow clients    timeout    rules     JSON out
//! ```
//!
//! Promises: nothing is changed without the token; a slow, greedy or hostile client harms only its own
//! connection; every route is described at `/api/v1/openapi.json`. The server knows the daemon only through
//! [`daemon::DaemonService`].

mod access;
pub mod alerts;
mod api;
mod body;
mod commands;
mod connections;
pub mod daemon;
mod error;
mod filter;
mod openapi;
pub mod order;
mod page;
mod places;
mod probes;
mod routes;
pub mod view;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::server::access::Access;
use crate::server::daemon::DaemonService;
use crate::server::page::LastGlance;
use bronzed_metrics::Metrics;
use bronzed_model::settings::{ConnectionLimits, ServerSettings};

/// Error of starting the server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is in use, or isn't an address of this machine.
    #[error("can't listen on {listen}: free the address, or set `server.listen` to another one")]
    Listen {
        /// Listen address.
        listen: SocketAddr,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
}

/// Shared state of the handlers.
#[derive(Clone)]
struct App {
    daemon: Arc<dyn DaemonService>,
    metrics: Metrics,
    limits: ConnectionLimits,
    access: Arc<Access>,
    last_glance: Arc<LastGlance>,
}

/// A server that is bound to its address; it answers requests once [`Server::serve`] runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    metrics: Metrics,
    limits: ConnectionLimits,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// Returns an error if the address is in use or isn't an address of this machine.
    pub async fn bind(
        settings: &ServerSettings,
        daemon: Arc<dyn DaemonService>,
        metrics: Metrics,
    ) -> Result<Self, ServerError> {
        let (listen, limits) = (settings.listen, settings.limits);
        let refused = |source| ServerError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let app = App {
            daemon,
            metrics: metrics.clone(),
            limits,
            access: Arc::new(Access::new(settings, address)),
            last_glance: Arc::default(),
        };
        Ok(Self {
            listener,
            address,
            router: routes::router(app),
            metrics,
            limits,
        })
    }

    /// Returns the bound address with its actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled; requests in progress then have [`ConnectionLimits::drain_time`] to finish.
    pub async fn serve(self, stop: CancellationToken) {
        tokio::select! {
            () = connections::serve(self.listener, self.router, self.limits, stop) => {}
            () = keep_up(&self.metrics) => {}
        }
    }
}

/// Folds recorded durations into their histograms every minute. Each scrape does the same; without scrapes
/// the recorded values would accumulate.
async fn keep_up(metrics: &Metrics) {
    let mut interval = tokio::time::interval(Duration::from_secs(60));
    loop {
        interval.tick().await;
        metrics.upkeep();
    }
}
