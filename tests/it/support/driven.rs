//! A real daemon over real HTTP with a manual clock: sources declared over simulators, an in-memory lake,
//! and days that pass as fast as their requests are answered.
//!
//! There are two clocks: the true time, used by the APIs, and the daemon's, which tests can skew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bronzed::daemon::Daemon;
use bronzed::session::AppContext;
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::day::Day;
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::hooked::Hooked;
use super::promises::{self, Api};
use super::sources::{SLICES, write_shared, write_source};

/// Timeout for a stuck daemon.
const PATIENCE: Duration = Duration::from_secs(60);
const DATASET: &str = "contratacoes";

/// Configuration of the sources.
pub struct Plan<'a> {
    /// Names of the sources, which are also the prefixes of their tables.
    pub sources: &'a [&'a str],
    /// Jobs of each source, as TOML.
    pub jobs: &'a str,
    /// Days that have records, and that coverage requires.
    pub days: (Day, Day),
    /// Number of records of each day.
    pub records: u32,
    /// Latency of each response.
    pub latency: Duration,
    /// Additional settings: names and values of environment variables.
    pub more: &'a [(&'a str, &'a str)],
}

/// Sources, lake and clocks of a test; see the module documentation.
pub struct World {
    pub truth: ManualClock,
    /// The daemon's clock.
    pub shown: SimClock,
    pub simulators: BTreeMap<String, Simulator>,
    pub store: Hooked,
    pub settings: Settings,
    entropy: Arc<Entropy>,
    days: (Day, Day),
    _config: TempDir,
}

/// A running daemon. Dropping it ends it like a kill.
pub struct Life {
    pub daemon: Daemon,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    /// Creates the world at `now`, with the sources of the plan.
    pub async fn new(seed: u64, plan: Plan<'_>, now: DateTime<Utc>) -> Self {
        let truth = ManualClock::new(now);
        let clock: Arc<dyn Clock> = Arc::new(truth.clone());
        let config = TempDir::with_prefix("bronzed-config-").expect("a temporary folder");
        let mut environment = vec![("BRONZED__LAKE__URL".to_owned(), "memory:///".to_owned())];
        let mut simulators = BTreeMap::new();
        write_shared(config.path());
        for (number, name) in plan.sources.iter().enumerate() {
            let catalog = Catalog::new();
            for day in plan.days.0.through(plan.days.1) {
                let of_source = seed + 1_000 * number as u64;
                let day = GeneratedDay {
                    late: 0.05,
                    bytes_per_record: 600,
                    ..GeneratedDay::new(of_source, day, plan.records)
                };
                let asked_for = |modalidade| SLICES.contains(&modalidade);
                let records = day
                    .records()
                    .filter(|record| asked_for(record.modalidade()));
                catalog.extend(records);
            }
            let simulator = Simulator::start(SimConfig {
                seed,
                latency: plan.latency,
                ..SimConfig::new(catalog, SimClock::over(Arc::clone(&clock)))
            });
            let simulator = simulator.await.expect("a free port");
            write_source(config.path(), name, plan.jobs, plan.days.0);
            let upper = name.to_uppercase();
            environment.push((
                format!("BRONZED__SOURCES__{upper}__BASE_URL"),
                simulator.base_url(),
            ));
            simulators.insert((*name).to_owned(), simulator);
        }
        let more = plan.more.iter();
        environment.extend(more.map(|(name, value)| ((*name).into(), (*value).into())));
        let settings = bronzed_config::load(Some(config.path()), environment);
        Self {
            shown: SimClock::over(clock),
            truth,
            simulators,
            store: Hooked::new(),
            settings: settings.unwrap_or_else(|problems| panic!("{problems}")),
            entropy: Arc::new(Entropy::seeded(seed)),
            days: plan.days,
            _config: config,
        }
    }

    /// Returns the lake.
    pub fn lake(&self) -> Lake {
        Lake::over(Arc::new(self.store.clone()), "the test's store")
    }

    /// Starts a daemon that knows only the lake's content.
    pub fn start(&self) -> Life {
        let clock: Arc<dyn Clock> = Arc::new(self.shown.clone());
        let (settings, entropy) = (self.settings.clone(), Arc::clone(&self.entropy));
        let session = AppContext::over(settings, self.lake(), clock, entropy).expect("a session");
        Life::start(session)
    }

    /// Advances the time to `until`, from one due event to the next.
    pub async fn pass(&self, life: &Life, until: DateTime<Utc>) {
        loop {
            life.look().await;
            if self.truth.now() >= until {
                return;
            }
            self.truth.set(self.next(life).min(until));
        }
    }

    /// Returns the true time of the next due event.
    pub fn next(&self, life: &Life) -> DateTime<Utc> {
        let skew = self.shown.now() - self.truth.now();
        let least = self.truth.now() + TimeDelta::seconds(1);
        let next = life.daemon.next_wake().map(|wake| wake - skew);
        next.unwrap_or(least).max(least)
    }

    /// Returns the number of requests that all sources have received.
    pub fn requests(&self) -> usize {
        let simulators = self.simulators.values();
        simulators.map(|simulator| simulator.ledger().len()).sum()
    }

    /// Returns the days that coverage requires and that ended at least `settled` hours ago.
    pub fn over(&self, settled: i64) -> Vec<Day> {
        let ripe = self.truth.now() - TimeDelta::hours(settled);
        let last = Day::of(ripe, Sao_Paulo).previous().min(self.days.1);
        self.days.0.through(last).collect()
    }

    /// Returns the state of a day as JSON.
    pub async fn state(&self, source: &str, day: Day) -> Value {
        let key = layout::state_key(source, day);
        let (bytes, _) = self
            .lake()
            .get(&key)
            .await
            .expect("a lake")
            .unwrap_or_else(|| {
                panic!("{source} has no state of {day}");
            });
        serde_json::from_slice(&bytes).expect("a document")
    }

    /// Returns the executions in the audit of a day.
    pub async fn audit(&self, source: &str, day: Day) -> Vec<Value> {
        let state = self.state(source, day).await;
        state["executions"].as_array().expect("a list").clone()
    }

    /// Asserts that every given day is complete, and keeps the promises for all that the API lists.
    pub async fn assert_complete(&self, days: &[Day]) {
        let lake = self.lake();
        for (source, simulator) in &self.simulators {
            let dataset = &self.settings.sources[source].datasets[DATASET];
            let now = simulator.clock().brasilia();
            for day in days {
                let api = Api::of(simulator.catalog(), *day, now);
                promises::assert_complete(&lake, dataset, *day, &api).await;
            }
        }
    }
}

impl Life {
    /// Starts a daemon.
    pub fn start(session: AppContext) -> Self {
        let daemon = Daemon::new(session).expect("jobs");
        let stop = CancellationToken::new();
        let (living, stopped) = (daemon.clone(), stop.clone());
        let task = tokio::spawn(async move {
            living.run(stopped).await.expect("a usable lake");
        });
        Self { daemon, stop, task }
    }

    /// Triggers a reconcile pass, and waits until everything that it started has finished.
    pub async fn look(&self) {
        self.daemon.wake();
        let settled = tokio::time::timeout(PATIENCE, self.daemon.settled());
        settled.await.expect("the daemon comes to rest");
    }

    /// Ends the daemon like a killed process, and waits until none of its tasks runs.
    pub async fn kill(mut self) {
        self.task.abort();
        // Cancelled or finished: the result doesn't matter.
        _ = (&mut self.task).await;
        // Its runs are aborted at the same time, and stop at their next await.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// Stops the daemon in order, and waits for its end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, &mut self.task);
        ended.await.expect("the daemon ends").expect("it ends well");
    }
}
