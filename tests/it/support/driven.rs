//! A real daemon over real HTTP with a driven clock: sources declared over simulators, a lake in
//! memory, and days that pass as fast as the requests in them are answered.
//!
//! There are two clocks: the true time, which the APIs go by, and the daemon's, which is right
//! unless a test puts it elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bronzed::bronze::layout;
use bronzed::clock::{Clock, ManualClock};
use bronzed::config;
use bronzed::config::settings::Settings;
use bronzed::daemon::Daemon;
use bronzed::day::Day;
use bronzed::entropy::Entropy;
use bronzed::lake::Lake;
use bronzed::session::Session;
use bronzed::simulator::clock::SimClock;
use bronzed::simulator::pncp::catalog::Catalog;
use bronzed::simulator::pncp::generated::GeneratedDay;
use bronzed::simulator::{SimConfig, Simulator};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::hooked::Hooked;
use super::promises::{self, Api};
use super::sources::{SLICES, write_shared, write_source};

/// Longer than anything takes that isn't stuck.
const PATIENCE: Duration = Duration::from_secs(60);
const DATASET: &str = "contratacoes";

/// What the sources are like.
pub struct Plan<'a> {
    /// Their names, which are the prefixes of their tables, too.
    pub sources: &'a [&'a str],
    /// The jobs of each, as its file has them.
    pub jobs: &'a str,
    /// The days that have records, and that coverage asks for.
    pub days: (Day, Day),
    /// Records of each day.
    pub records: u32,
    /// How long each answer takes.
    pub latency: Duration,
    /// More settings: names of variables and values.
    pub more: &'a [(&'a str, &'a str)],
}

/// See the module.
pub struct World {
    pub truth: ManualClock,
    /// What the daemon takes for the time.
    pub shown: SimClock,
    pub simulators: BTreeMap<String, Simulator>,
    pub store: Hooked,
    pub settings: Settings,
    entropy: Arc<Entropy>,
    days: (Day, Day),
    _config: TempDir,
}

/// A daemon that is alive. Dropped, it ends as one that is killed.
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
    /// At the beginning of the last day but `days_before_end` of the plan.
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
        let settings = config::load(Some(config.path()), environment);
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

    /// The lake.
    pub fn lake(&self) -> Lake {
        Lake::over(Arc::new(self.store.clone()), "the test's store")
    }

    /// A daemon that begins to live now, knowing nothing but what the lake tells.
    pub fn start(&self) -> Life {
        let clock: Arc<dyn Clock> = Arc::new(self.shown.clone());
        let (settings, entropy) = (self.settings.clone(), Arc::clone(&self.entropy));
        let session = Session::over(settings, self.lake(), clock, entropy).expect("a session");
        let daemon = Daemon::new(session).expect("jobs");
        let stop = CancellationToken::new();
        let (living, stopped) = (daemon.clone(), stop.clone());
        let task = tokio::spawn(async move {
            living.run(stopped).await.expect("a usable lake");
        });
        Life { daemon, stop, task }
    }

    /// Lets time pass until `until`, in steps from one thing that is due to the next.
    pub async fn pass(&self, life: &Life, until: DateTime<Utc>) {
        loop {
            life.look().await;
            if self.truth.now() >= until {
                return;
            }
            self.truth.set(self.next(life).min(until));
        }
    }

    /// When the next thing is due, by the true time.
    pub fn next(&self, life: &Life) -> DateTime<Utc> {
        let skew = self.shown.now() - self.truth.now();
        let least = self.truth.now() + TimeDelta::seconds(1);
        let next = life.daemon.next_wake().map(|wake| wake - skew);
        next.unwrap_or(least).max(least)
    }

    /// How many requests a source's API has got.
    pub fn requests(&self) -> usize {
        let simulators = self.simulators.values();
        simulators.map(|simulator| simulator.ledger().len()).sum()
    }

    /// The days that coverage asks for and that have been over for `settled` hours.
    pub fn over(&self, settled: i64) -> Vec<Day> {
        let ripe = self.truth.now() - TimeDelta::hours(settled);
        let last = Day::of(ripe, Sao_Paulo).previous().min(self.days.1);
        self.days.0.through(last).collect()
    }

    /// The state of a day, parsed.
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

    /// The runs of a day as its state audits them.
    pub async fn audit(&self, source: &str, day: Day) -> Vec<Value> {
        let state = self.state(source, day).await;
        state["executions"].as_array().expect("a list").clone()
    }

    /// Every given day is complete, and keeps the promises with all that the API lists.
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
    /// Calls for a look, and waits until all that it led to is done.
    pub async fn look(&self) {
        self.daemon.wake();
        let settled = tokio::time::timeout(PATIENCE, self.daemon.settled());
        settled.await.expect("the daemon comes to rest");
    }

    /// Ends it as a process that is killed, and waits until nothing of it moves any more.
    pub async fn kill(mut self) {
        self.task.abort();
        // Ended or not: what counts is that it is over.
        _ = (&mut self.task).await;
        // Its runs are told at the same time, and stop where they next wait for something.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// Tells it to stop, and waits for its end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, &mut self.task);
        ended.await.expect("the daemon ends").expect("it ends well");
    }
}
