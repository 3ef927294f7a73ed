//! One day of the API, a lake, and the runs between them.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::BufWriter;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use bronzed_model::day::Day;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::ledger::Entry;
use bronzed_simulator::pncp::catalog::{Catalog, Listed};
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::invariants::Violation;
use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::lake::{Backend, TestLake};
use super::program::{Outcome, Program};
use super::promises::{self, Api, Told};
use super::python::python;
use super::runtime;

/// Day that is read. It ended long ago by the program's clock; tests set the simulated clock.
pub const DAY: &str = "2025-10-22";
/// Partition of the day.
pub const PARTITION: &str = "pncp/year=2025/month=10/day=22";
/// State document of the day.
pub const STATE: &str = "pncp/_state/year=2025/month=10/day=22/state_20251022.json";
/// Complete marker of the day.
pub const COMPLETE: &str = "pncp/_state/complete/20251022";
/// Key field of the dataset.
pub const KEY: &str = "numeroControlePNCP";

/// Returns [`DAY`] as a value.
pub fn day() -> Day {
    DAY.parse().expect("a day")
}

/// Returns a time of the day in Brasília, `08:00`; `24:00` and later are in the following night.
pub fn at(time: &str) -> DateTime<Utc> {
    let (hours, minutes) = time.split_once(':').expect("08:00");
    let midnight: DateTime<FixedOffset> = format!("{DAY}T00:00:00-03:00").parse().expect("a time");
    let since = |text: &str| text.parse::<u64>().expect("a number") * 60;
    (midnight + Duration::from_secs(since(hours) * 60 + since(minutes))).to_utc()
}

/// Returns the key of the file with this commit number.
pub fn file(number: u32) -> String {
    format!("{PARTITION}/pncp_20251022_c{number:06}.parquet")
}

/// The API, the lake, and the reports of the runs.
pub struct Scene {
    pub simulator: Simulator,
    pub lake: TestLake,
    runs: RefCell<Vec<Value>>,
    disturbed: Cell<bool>,
    folder: TempDir,
}

/// Input of the judge in Python. Records are copied as text, because a tree of values would round their
/// numbers.
#[derive(Serialize)]
struct Testimony<'a> {
    records: Vec<Listed>,
    requests: Vec<Entry>,
    runs: &'a [Value],
}

/// Expected content of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Every record that the API lists now.
    All,
    /// Only records that the API has listed, not necessarily all.
    Some,
}

impl Scene {
    /// Starts an API with this configuration, over an empty lake.
    pub fn new(backend: Backend, config: SimConfig) -> Self {
        let simulator = runtime().block_on(Simulator::start(config));
        Self {
            simulator: simulator.expect("a free port"),
            lake: TestLake::new(backend),
            runs: RefCell::default(),
            disturbed: Cell::default(),
            folder: TempDir::with_prefix("bronzed-scene-").expect("a temporary folder"),
        }
    }

    /// Starts an API with these records, without faults, when the day is long over.
    pub fn of(backend: Backend, catalog: Catalog) -> Self {
        Self::new(backend, config(catalog))
    }

    /// Prepares a call of the program with this API and this lake. Its waits are the shipped ones divided
    /// by some hundreds.
    pub fn program(&self, args: &[&str]) -> Program {
        Program::new(args)
            .on(&self.lake)
            .env(
                "BRONZED__SOURCES__PNCP__BASE_URL",
                self.simulator.base_url(),
            )
            .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "5ms")
            .env("BRONZED__SOURCES__PNCP__RETRY__MAX", "50ms")
    }

    /// Prepares a run of the day.
    pub fn reader(&self) -> Program {
        self.program(&["run", "pncp.contratacoes", "--day", DAY, "--json"])
    }

    /// Runs the day, and keeps the report for the judge.
    pub fn run(&self) -> Outcome {
        self.run_with(self.reader())
    }

    /// Runs `program`, which reads the day, and keeps the report for the judge.
    pub fn run_with(&self, program: Program) -> Outcome {
        let from = self.simulator.ledger().len() + 1;
        let outcome = program.run();
        let until = self.simulator.ledger().len();
        if let Ok(report) = serde_json::from_str::<Value>(&outcome.stdout) {
            let alone = !self.disturbed.get();
            let run = json!({"from": from, "until": until, "alone": alone, "report": report});
            self.runs.borrow_mut().push(run);
        }
        outcome
    }

    /// Starts `program`, which reads the day, and kills it after a delay, as `kill -9` does. Its requests
    /// under way may reach the API later, between those of the following runs.
    pub fn kill_after(&self, moment: Duration, program: Program) {
        let running = program.start();
        thread::sleep(moment);
        running.kill();
        self.disturbed.set(true);
    }

    /// Returns the state document.
    pub fn state(&self) -> Value {
        self.lake.json(STATE)
    }

    /// Returns the violations found by the judge in Python, and its facts.
    pub fn judge(&self, expect: Expect) -> (Vec<String>, Value) {
        let output = python()
            .script("oracle.py")
            .arg(self.lake.as_folder())
            .args(["pncp", DAY, KEY])
            .arg(self.testimony())
            .args([
                "--expect",
                if expect == Expect::All { "all" } else { "some" },
            ])
            .output()
            .expect("the oracle starts");
        let said = String::from_utf8_lossy(&output.stderr);
        let verdict: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("the oracle failed: {error}: {said}"));
        let violations = verdict["violations"].as_array().expect("a list");
        let violations: Vec<_> = violations
            .iter()
            .map(|one| one.as_str().expect("text").to_owned())
            .collect();
        assert_eq!(output.status.success(), violations.is_empty(), "{said}");
        (violations, verdict["facts"].clone())
    }

    /// Fails the test unless the lake keeps every promise, by the program's own statement of them and by
    /// the judge in Python. Returns the judge's facts.
    #[track_caller]
    pub fn assert_lake(&self, expect: Expect) -> Value {
        assert_eq!(self.broken_promises(expect), []);
        let (violations, facts) = self.judge(expect);
        assert!(
            violations.is_empty(),
            "{} violations, of which the first:\n{}\n{facts:#}",
            violations.len(),
            violations[..violations.len().min(10)].join("\n")
        );
        facts
    }

    /// Returns the promises that the lake breaks, by the program's own statement of them.
    pub fn broken_promises(&self, expect: Expect) -> Vec<Violation> {
        let settings = bronzed_config::load(None, []).expect("the shipped configuration");
        let dataset = &settings.sources["pncp"].datasets["contratacoes"];
        let now = self.simulator.clock().brasilia();
        let api = Api::of(self.simulator.catalog(), day(), now);
        let requests = self.simulator.ledger();
        let runs = self.runs.borrow();
        let told = runs.iter().map(|run| Told::of(dataset, run, &requests));
        let told: Vec<_> = told.collect();
        let lake = self.lake.open();
        let verdict = promises::broken(&lake, dataset, day(), &api, expect, &told);
        runtime().block_on(verdict)
    }

    /// Writes the input of the judge: records and requests of the API, and reports of the runs.
    pub fn testimony(&self) -> PathBuf {
        let now = self.simulator.clock().brasilia();
        let records: Vec<_> = self.simulator.catalog().list(None, now, true).collect();
        let testimony = Testimony {
            records,
            requests: self.simulator.ledger(),
            runs: &self.runs.borrow(),
        };
        let path = self.folder.path().join("testimony.json");
        let file = fs::File::create(&path).expect("a new file");
        serde_json::to_writer(BufWriter::new(file), &testimony).expect("the testimony");
        path
    }
}

/// Returns an API with these records, without faults, when the day is long over.
pub fn config(catalog: Catalog) -> SimConfig {
    SimConfig::new(catalog, SimClock::standing(at("40:00")))
}
