//! A lake, a simulated API and a manual clock: whole runs through the public API of the crate, at any time
//! of any day.

use std::cell::RefCell;
use std::fs;
use std::sync::Arc;

use bronzed_engine::ingest::progress::Unwatched;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Context, Order, run};
use bronzed_model::clock::ManualClock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Priority};
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::faults::Faults;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_source::SourceClient;
use bronzed_storage::lake::Lake;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::lake::TestLake;
use super::promises::{self, Api, Told};
use super::python::python;
use super::runtime;
use super::scene::Expect;

/// Day of the tests.
pub const DAY: &str = "2025-10-22";
/// Exact key of the day's state.
pub const STATE: &str = "pncp/_state/year=2025/month=10/day=22/state_20251022.json";
/// A time after the day has ended and settled.
pub const NEXT_MORNING: &str = "2025-10-23T09:00:00-03:00";

/// Lake, API and clock of a test.
pub struct Stage {
    pub lake: TestLake,
    pub simulator: Simulator,
    pub clock: ManualClock,
    settings: Settings,
    /// Replaces the lake of the settings.
    store: Option<Lake>,
    entropy: Arc<Entropy>,
    runs: RefCell<Vec<Value>>,
}

impl Stage {
    /// Starts an API that holds `catalog`, at the start of [`DAY`].
    pub fn new(lake: TestLake, catalog: Catalog, faults: Faults, seed: u64) -> Self {
        Self::with(lake, catalog, faults, seed, &[])
    }

    /// Starts an API with additional settings: names and values of environment variables.
    pub fn with(
        lake: TestLake,
        catalog: Catalog,
        faults: Faults,
        seed: u64,
        more: &[(&str, &str)],
    ) -> Self {
        let clock = ManualClock::new(instant("2025-10-22T00:00:00-03:00"));
        let sim = SimConfig {
            seed,
            faults,
            ..SimConfig::new(catalog, SimClock::over(Arc::new(clock.clone())))
        };
        let simulator = runtime()
            .block_on(Simulator::start(sim))
            .expect("the simulator starts");
        let mut environment = vec![
            ("BRONZED__LAKE__URL".to_owned(), lake.url().to_owned()),
            (
                "BRONZED__SOURCES__PNCP__BASE_URL".to_owned(),
                simulator.base_url(),
            ),
            (
                "BRONZED__SOURCES__PNCP__RETRY__INITIAL".to_owned(),
                "1ms".to_owned(),
            ),
            (
                "BRONZED__SOURCES__PNCP__RETRY__MAX".to_owned(),
                "20ms".to_owned(),
            ),
        ];
        environment.extend(
            more.iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        );
        let mut settings = bronzed_config::load(None, environment).expect("settings");
        for (name, value) in lake.env() {
            if name.starts_with("AWS_") {
                let options = &mut settings.lake.options;
                options.insert(name.to_lowercase(), value.into());
            }
        }
        Self {
            lake,
            simulator,
            clock,
            settings,
            store: None,
            entropy: Arc::new(Entropy::seeded(seed)),
            runs: RefCell::default(),
        }
    }

    /// Directs runs to this store.
    pub fn over(mut self, store: impl object_store::ObjectStore) -> Self {
        self.store = Some(Lake::over(Arc::new(store), "the test's store"));
        self
    }

    /// Sets the time, for the program and the API.
    pub fn at(&self, time: &str) -> &Self {
        self.clock.set(instant(time));
        self
    }

    /// Runs [`DAY`].
    pub fn run(&self, mode: Mode) -> RunReport {
        self.run_of("contratacoes", mode)
    }

    /// Runs [`DAY`] of one dataset.
    pub fn run_of(&self, dataset: &str, mode: Mode) -> RunReport {
        let report = runtime().block_on(self.play(dataset, mode, CancellationToken::new()));
        // A store of the test itself may fail on purpose, and logs operations.
        if self.store.is_none() {
            self.assert_kept();
        }
        report
    }

    /// Asserts that each stored day keeps the promises. No run may be under way.
    pub fn assert_kept(&self) {
        runtime().block_on(promises::assert_kept(&self.lake.open(), &self.settings));
    }

    /// Asserts that these days are complete, with all that the API lists now.
    pub fn assert_complete(&self, days: &[Day]) {
        let lake = self.lake.open();
        let dataset = &self.settings.sources["pncp"].datasets["contratacoes"];
        let now = self.simulator.clock().brasilia();
        for day in days {
            let api = Api::of(self.simulator.catalog(), *day, now);
            runtime().block_on(promises::assert_complete(&lake, dataset, *day, &api));
        }
    }

    /// Runs [`DAY`] as a future, for concurrent runs.
    pub async fn play(&self, dataset: &str, mode: Mode, cancel: CancellationToken) -> RunReport {
        let from = self.simulator.ledger().len() as u64 + 1;
        let report = run(&self.context(cancel), &self.order(dataset, mode)).await;
        let until = self.simulator.ledger().len();
        let said = report.to_json();
        self.runs
            .borrow_mut()
            .push(json!({"from": from, "until": until, "report": said}));
        report
    }

    /// Returns the context of a run, with a client of its own.
    pub fn context(&self, cancel: CancellationToken) -> Context {
        let source = &self.settings.sources["pncp"];
        let clock: Arc<dyn bronzed_model::clock::Clock> = Arc::new(self.clock.clone());
        let entropy = self.entropy.clone();
        Context {
            index: None,
            lake: match &self.store {
                Some(lake) => lake.clone(),
                None => Lake::open(&self.settings.lake).expect("a lake"),
            },
            client: SourceClient::new(source, clock.clone(), entropy.clone()).expect("a client"),
            zone: source.timezone,
            concurrency: source.limits.concurrency,
            commit: self.settings.commit,
            clock,
            entropy,
            observer: Arc::new(Unwatched),
            keeps_requests: true,
            cancel,
        }
    }

    /// Returns the order of a run of [`DAY`].
    pub fn order(&self, dataset: &str, mode: Mode) -> Order {
        Order {
            dataset: self.settings.sources["pncp"].datasets[dataset].clone(),
            day: day(),
            mode,
            job: "test".to_owned(),
            priority: Priority::Hourly,
        }
    }

    /// Returns the day's state document.
    pub fn state(&self) -> Value {
        self.lake.json(STATE)
    }

    /// Returns the ids that the API lists now.
    pub fn served(&self) -> Vec<String> {
        let now = self.simulator.clock().brasilia();
        self.simulator
            .catalog()
            .ids(day(), now)
            .into_iter()
            .collect()
    }

    /// Returns the ids in the state.
    pub fn stored(&self) -> Vec<String> {
        serde_json::from_value(self.state()["processed_ids"].clone()).expect("a list of ids")
    }

    /// Returns the keys of the day's data files.
    pub fn files(&self) -> Vec<String> {
        let keys = self.lake.keys().into_iter();
        keys.filter(|key| key.ends_with(".parquet")).collect()
    }

    /// Judges the lake by the API's records and the runs' reports, with the program's own statement of the
    /// promises and with the judge in Python. `expect`: `all` if everything listed must be stored, else
    /// `some`.
    #[track_caller]
    pub fn judge(&self, expect: &str) {
        let now = self.simulator.clock().brasilia();
        let records: Vec<_> = self
            .simulator
            .catalog()
            .list(Some(day()), now, true)
            .collect();
        let requests = self.simulator.ledger();
        let dataset = &self.settings.sources["pncp"].datasets["contratacoes"];
        let told: Vec<_> = {
            let runs = self.runs.borrow();
            runs.iter()
                .map(|run| Told::of(dataset, run, &requests))
                .collect()
        };
        let (lake, api) = (self.lake.open(), Api::listing(&records, day(), now));
        let all = match expect {
            "all" => Expect::All,
            _ => Expect::Some,
        };
        let broken = promises::broken(&lake, dataset, day(), &api, all, &told);
        assert_eq!(runtime().block_on(broken), []);
        // Text, because a tree of values would round the records' numbers.
        let testimony = format!(
            "{{\"records\": {}, \"requests\": {}, \"runs\": {}}}",
            serde_json::to_string(&records).expect("records"),
            serde_json::to_string(&requests).expect("a ledger"),
            Value::from(self.runs.borrow().clone()),
        );
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), testimony).expect("a temporary file");
        let output = python()
            .script("oracle.py")
            .arg(self.lake.as_folder())
            .args(["pncp", DAY, "numeroControlePNCP"])
            .arg(file.path())
            .args(["--expect", expect])
            .output()
            .expect("the judge runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        let said: String = said.chars().take(4_000).collect();
        assert!(output.status.success(), "{said}\n{complaint}");
    }
}

/// Returns [`DAY`] as a value.
pub fn day() -> Day {
    DAY.parse().expect("a day")
}

/// Parses a time.
pub fn instant(time: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(time).expect("a time").to_utc()
}
