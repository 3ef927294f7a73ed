//! An API stand-in: real HTTP on loopback, for the demo, the tests and the benches.
//!
//! It makes three promises. It is *deterministic*: the same seed gives the same records, the same bytes of
//! each response and the same faults, in whatever order pages are requested. It is *true to the provider*:
//! its records are recorded ones or made from them, and its quirks are those that others have measured. And
//! it keeps a *ledger*, with which a program that shares no code with the engine can verify what became of
//! the records.
//!
//! ```text
//! request ──► server ──► world ──► provider: is it correct? ──► faults: what goes wrong? ──► answer
//!                          │         tables, clock                rules, chance               │
//!                          └─────────────────────────── ledger ◄──────────────────────────────┘
//! ```
//!
//! Each provider has its own module, [`pncp`], [`comprasnet`] and [`tcu`], and its own base path. Shared
//! parts: [`table`] (rows that appear, change and vanish over simulated time), `listing` (a page of a
//! table), [`churn`] (a list that changes slightly each day).

pub mod answer;
mod body;
mod call;
pub mod chance;
pub mod churn;
pub mod clock;
pub mod command;
pub mod comprasnet;
mod control;
pub mod dataset;
pub mod faults;
pub mod ledger;
mod listing;
mod meter;
mod parameters;
pub mod pncp;
pub mod provider;
pub mod row;
mod scope;
mod server;
mod spoil;
pub mod table;
pub mod tcu;
#[cfg(test)]
mod tests;
pub mod tree;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::clock::SimClock;
use self::dataset::Dataset;
use self::faults::Faults;
use self::ledger::Entry;
use self::pncp::catalog::Catalog;
use self::pncp::details::Family;
use self::provider::Provider;
use self::table::{Listed, Stamp, Table, Tables};
use self::world::World;
use bronzed_model::day::Day;

/// Configuration of a simulator.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Seed of all random draws.
    pub seed: u64,
    /// PNCP's contratações.
    pub catalog: Catalog,
    /// Records of all other datasets.
    pub tables: Tables,
    /// Number of items and documents of each PNCP procurement.
    pub details: pncp::Details,
    /// Behaviour of Compras.gov.br.
    pub comprasnet: comprasnet::Behaviour,
    /// Behaviour of the TCU's services.
    pub tcu: tcu::Behaviour,
    /// Simulated time: records are listed from their publication on, and the `Date` header shows it.
    pub clock: SimClock,
    /// Faults of requests.
    pub faults: Faults,
    /// Latency of every response.
    pub latency: Duration,
    /// Maximum number of concurrent requests; a request above it gets the firewall's 429.
    pub max_in_flight: Option<usize>,
    /// Port on loopback; 0 selects a free one.
    pub port: u16,
}

impl SimConfig {
    /// An API that holds `catalog`, at the time of `clock`, without faults.
    pub fn new(catalog: Catalog, clock: SimClock) -> Self {
        Self {
            seed: 1,
            catalog,
            tables: Tables::default(),
            details: pncp::Details::default(),
            comprasnet: comprasnet::Behaviour::default(),
            tcu: tcu::Behaviour::default(),
            clock,
            faults: Faults::default(),
            latency: Duration::ZERO,
            max_in_flight: None,
            port: 0,
        }
    }
}

impl SimConfig {
    /// Returns the table of a dataset.
    fn table(&self, dataset: &'static Dataset) -> Table {
        match *dataset == pncp::datasets::CONTRATACOES {
            true => self.catalog.table().clone(),
            false => self.tables.of(dataset),
        }
    }

    /// Returns every record of a dataset on `day` (of all days if `None`) with its state at the simulated
    /// time; `None` if there is no such dataset. See [`Table::list`].
    pub fn listed(
        &self,
        dataset: &str,
        day: Option<Day>,
        by: Stamp,
        in_full: bool,
    ) -> Option<Box<dyn Iterator<Item = Listed>>> {
        let now = self.clock.brasilia();
        let Some(children) = pncp::details::named(dataset) else {
            let table = self.table_named(dataset)?;
            return Some(Box::new(table.list(day, by, now, in_full)));
        };
        let parents = self.table(pncp::details::PARENTS).rows(day, by);
        let config = self.clone();
        Some(Box::new(parents.flat_map(move |parent| {
            let id = parent.id(pncp::details::PARENTS);
            let records = Family::of(&config, &id, &parent).children(children);
            records.into_iter().map(move |record| Listed {
                parent: Some(id.clone()),
                ..Listed::new(children, &parent, &record, now, in_full)
            })
        })))
    }

    /// Returns the table of the dataset with this name; `None` if there is none.
    fn table_named(&self, name: &str) -> Option<Table> {
        match name == pncp::datasets::CONTRATACOES.name {
            true => Some(self.catalog.table().clone()),
            false => self.tables.named(name),
        }
    }
}

/// A running simulator; dropping it ends it and its connections.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts a simulator on loopback. Needs a tokio runtime, and lives on it.
    ///
    /// # Errors
    /// Returns an error if the port isn't available.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(config));
        let served = Arc::clone(&world);
        let server = tokio::spawn(async move {
            server::serve(listener, served).await;
        });
        Ok(Self {
            world,
            address,
            server,
        })
    }

    /// Returns the base URL of PNCP's API: `http://127.0.0.1:41234/api`.
    pub fn base_url(&self) -> String {
        self.base_url_of(Provider::Pncp)
    }

    /// Returns the base URL of a provider's API: `http://127.0.0.1:41234/tcu`.
    pub fn base_url_of(&self, provider: Provider) -> String {
        format!("http://{}{}", self.address, provider.base_path())
    }

    /// Returns the URL of the simulator's own endpoints: `http://127.0.0.1:41234/_sim/`.
    pub fn control_url(&self) -> String {
        format!("http://{}{}", self.address, control::PREFIX)
    }

    /// Returns every request so far, in the order of arrival.
    pub fn ledger(&self) -> Vec<Entry> {
        self.world.ledger.entries()
    }

    /// Returns the tables of all datasets except PNCP's contratações; changes take effect at once.
    pub fn tables(&self) -> &Tables {
        &self.world.config.tables
    }

    /// Returns PNCP's contratações; changes take effect at once.
    pub fn catalog(&self) -> &Catalog {
        &self.world.config.catalog
    }

    /// Returns every record of a dataset; see [`SimConfig::listed`].
    pub fn listed(
        &self,
        dataset: &str,
        day: Option<Day>,
        by: Stamp,
        in_full: bool,
    ) -> Option<Box<dyn Iterator<Item = Listed>>> {
        self.world.config.listed(dataset, day, by, in_full)
    }

    /// Returns the simulated clock.
    pub fn clock(&self) -> &SimClock {
        &self.world.config.clock
    }

    /// Sets the simulated time.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.world.config.clock.set(now);
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Faults) {
        self.world.set_faults(faults);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.set_faults(Faults::default());
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
