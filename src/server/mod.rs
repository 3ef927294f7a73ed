//! The daemon over HTTP: probes, metrics, and the API under `/api/v1`.
//!
//! ```text
//! connections ──► around ──► guard ──► handler ──► dyn Daemon
//!  bounds          time       who may   JSON in,
//!  slow clients    for all    do it     JSON out
//! ```
//!
//! What it promises: nothing is changed without the token; a slow, greedy or hostile client costs
//! its own connection and no other's; whatever is served is described at
//! `/api/v1/openapi.json`. It knows the daemon only through [`daemon::Daemon`].

mod access;
mod api;
mod body;
mod connections;
pub mod daemon;
mod error;
mod filter;
mod openapi;
pub mod order;
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
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use connections::Limits;

use crate::server::access::Access;
use crate::server::daemon::Daemon;
use crate::telemetry::metrics::Metrics;

/// Where the server listens, and who may do what.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// On loopback, what reads is open to this machine. Port 0: one that is free.
    pub listen: SocketAddr,
    /// What changes something needs it; elsewhere than on loopback, what reads does, too. `None`
    /// or blank: nobody has it.
    pub token: Option<SecretString>,
    /// What reads is open to all that can reach the address.
    pub public_reads: bool,
    /// What a client may take.
    pub limits: Limits,
}

/// Why the server can't begin.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken, or isn't this machine's.
    #[error("can't listen on {listen}: free the address, or set `server.listen` to another one")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// What the handlers work with.
#[derive(Clone)]
struct App {
    daemon: Arc<dyn Daemon>,
    metrics: Metrics,
    limits: Limits,
}

/// A server that has its address, and answers once it is served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    metrics: Metrics,
    limits: Limits,
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// When it is taken, or isn't this machine's.
    pub async fn bind(
        settings: &ServerSettings,
        daemon: Arc<dyn Daemon>,
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
        };
        Ok(Self {
            listener,
            address,
            router: routes::router(app, Access::new(settings, address)),
            metrics,
            limits,
        })
    }

    /// Where it listens, its port included.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`; requests under way then have [`Limits::drain_time`] to end.
    pub async fn serve(self, stop: CancellationToken) {
        tokio::select! {
            () = connections::serve(self.listener, self.router, self.limits, stop) => {}
            () = keep_up(&self.metrics) => {}
        }
    }
}

/// Durations are folded into their histograms at each scrape; this is for when nobody scrapes.
async fn keep_up(metrics: &Metrics) {
    let mut interval = tokio::time::interval(Duration::from_secs(60));
    loop {
        interval.tick().await;
        metrics.upkeep();
    }
}
