//! A scenario of the program in a lake: its arguments, the initial lake, and the expected result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_simulator::pncp;
use bronzed_simulator::provider::Provider;
use bronzed_simulator::row::Listing;
use bronzed_simulator::table::Stamp;
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::invariants::{self, Served, at_rest};
use bronzed_storage::state::InspectedTable;
use chrono::Timelike;
use tempfile::TempDir;

use super::trial::passed;
use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Program, Running};
use crate::support::runtime;
use crate::support::scene::day;

/// Expected result by day.
pub type Truth = BTreeMap<Day, Due>;

/// Expected result of a day.
#[derive(Debug, Clone)]
pub struct Due {
    served: Served<Box<str>>,
    complete: bool,
}

/// A scenario of the program in a lake.
pub struct Scenario {
    pub name: &'static str,
    dataset: Arc<Dataset>,
    pub simulator: Simulator,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Initial objects of the lake.
    before: Vec<(String, Vec<u8>)>,
    /// Failpoint at which the program is paused while another process does the same work completely.
    pub overtaken_at: Option<&'static str>,
    /// `true` if a day is complete at the end.
    pub completes: bool,
    pub ends: Ends,
    /// Name prefix of the failpoints under test.
    pub about: &'static str,
    expected: Expected,
    pub config: Option<TempDir>,
}

/// Condition under which the program has finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    ByItself,
    /// A daemon: finished when this object contains the day.
    WhenMarked(&'static str, Day),
}

/// Expected rows.
#[derive(Debug, Clone)]
enum Expected {
    /// The records that the API serves of the day.
    Ids(Served<Box<str>>),
    /// Total number of rows, whose ids are taken from an undisturbed run, because they contain versions
    /// that the API doesn't show.
    Rows(usize),
}

impl Scenario {
    pub fn new(name: &'static str, dataset: &str, simulated: SimConfig, args: &[&str]) -> Self {
        let simulator = runtime().block_on(Simulator::start(simulated));
        let simulator = simulator.expect("a free port");
        let settings = bronzed_config::load(None, []).expect("the shipped configuration");
        let (source, of_source) = dataset.split_once('.').expect("source.dataset");
        let declared = settings.sources[source].datasets[of_source].clone();
        let mut env = vec![("BRONZED__COMMIT__MAX_RECORDS".to_owned(), "20".to_owned())];
        for provider in Provider::ALL {
            let url = simulator.base_url_of(provider);
            let variables = provider.variables().iter();
            env.extend(variables.map(|variable| ((*variable).to_owned(), url.clone())));
        }
        let mut scenario = Self {
            name,
            dataset: declared,
            simulator,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env,
            before: Vec::new(),
            overtaken_at: None,
            completes: true,
            ends: Ends::ByItself,
            about: "",
            expected: Expected::Rows(0),
            config: None,
        };
        let zone = match source {
            // Days of `tcu` datasets are days of reading.
            "tcu" => noon(),
            _ => "America/Sao_Paulo",
        };
        // One request at a time, so that each run passes the same failpoints.
        for (key, value) in [
            ("RETRY__INITIAL", "1ms"),
            ("RETRY__MAX", "20ms"),
            ("LIMITS__CONCURRENCY", "1"),
            ("LIMITS__REQUESTS_PER_SECOND", "100000"),
            ("LIMITS__BURST", "100000"),
            ("BLACKOUT", "[]"),
            ("TIMEZONE", zone),
        ] {
            scenario = scenario.set(key, value);
        }
        scenario
    }

    /// Sets a key of the dataset's source.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let source = self.dataset.source.to_uppercase();
        self.env.push((
            format!("BRONZED__SOURCES__{source}__{key}"),
            value.to_owned(),
        ));
        self
    }

    /// Initialises the lake with the result of `work`.
    pub fn after(mut self, work: impl FnOnce(&Self, &TestLake)) -> Self {
        let lake = TestLake::new(Backend::Folder);
        work(&self, &lake);
        let keys = lake.keys().into_iter();
        self.before = keys.map(|key| (key.clone(), lake.get(&key))).collect();
        self
    }

    /// Expects everything that the API lists of the day now, and nothing that it never listed.
    pub fn expecting_what_is_listed(mut self, withdrawn: Vec<String>) -> Self {
        let now = self.simulator.clock().brasilia();
        let table = match self.dataset.name.as_str() {
            "contratos" => self
                .simulator
                .tables()
                .of(&pncp::datasets::CONTRATOS)
                .ids(Some(day()), now),
            _ => self.simulator.catalog().ids(day(), now),
        };
        let finally: BTreeSet<Box<str>> = table.into_iter().map(Into::into).collect();
        let ever = finally
            .iter()
            .cloned()
            .chain(withdrawn.into_iter().map(Into::into));
        self.expected = Expected::Ids(Served {
            ever: ever.collect(),
            finally: Some(finally),
        });
        self
    }

    pub fn expecting_rows(mut self, rows: usize) -> Self {
        assert!(rows > 0, "{}: the API has nothing", self.name);
        self.expected = Expected::Rows(rows);
        self
    }

    /// Returns the number of records that the API lists of a dataset.
    pub fn listed(&self, of: Option<Day>) -> usize {
        let name = self.dataset.full_name();
        let listed = self.simulator.listed(&name, of, Stamp::At, false);
        let listed = listed.into_iter().flatten();
        listed.filter(|one| one.listing == Listing::Visible).count()
    }

    pub fn program(&self, args: &[&str], lake: &TestLake) -> Program {
        let mut args = args.to_vec();
        if let Some(config) = &self.config {
            args.extend(["--config", config.path().to_str().expect("Unicode")]);
        }
        let env = self.env.iter();
        env.fold(Program::new(&args).on(lake), |program, (name, value)| {
            program.env(name, value)
        })
    }

    fn own_program(&self, lake: &TestLake) -> Program {
        let args: Vec<_> = self.args.iter().map(String::as_str).collect();
        self.program(&args, lake)
    }

    /// Returns a lake in the initial state.
    pub fn lake(&self, backend: Backend) -> TestLake {
        let lake = TestLake::new(backend);
        for (key, bytes) in &self.before {
            lake.put(key, bytes.clone());
        }
        lake
    }

    /// Returns `true` if the scenario covers this failpoint.
    pub fn is_about(&self, point: &str) -> bool {
        point.starts_with(self.about)
    }

    /// Runs the scenario without a fault; returns the number of passes of each failpoint.
    pub fn sound_run(&self, lake: &TestLake) -> BTreeMap<String, u32> {
        let overtaken = self.overtaken_at.map(|point| format!(",{point}"));
        let points = format!("trace{}", overtaken.unwrap_or_default());
        let mut running = self.own_program(lake).start_to_stop_at(&points);
        if let Some(point) = self.overtaken_at {
            assert!(running.stops_at(&[point]).is_some(), "{}", self.name);
            self.overtake(&mut running, lake);
        }
        let mut passed = passed(&self.finish(running, lake));
        if self.ends != Ends::ByItself {
            // A daemon runs until it is stopped, so its number of passes is random.
            passed.values_mut().for_each(|times| *times = 1);
        }
        passed
    }

    /// Starts the program and kills it at a failpoint.
    pub fn kill_at(&self, point: &str, lake: &TestLake) {
        let pause = self.overtaken_at.filter(|pause| *pause != point);
        let points = [Some(point), pause].into_iter().flatten();
        let points: Vec<_> = points.collect();
        let mut running = self.own_program(lake).start_to_stop_at(&points.join(","));
        let mut at = running.stops_at(&points);
        if at.is_some() && at == pause {
            self.overtake(&mut running, lake);
            at = running.stops_at(&[point]);
        }
        assert_eq!(at, Some(point), "it ended: {:?}", running.kill());
        running.kill();
    }

    /// Does the work in another process while the first one is frozen, for so long that its lease on the
    /// source's limits has expired.
    fn overtake(&self, running: &mut Running, lake: &TestLake) {
        running.signal("STOP");
        lake.delete(&format!("_bronzed/leases/{}.json", self.dataset.source));
        self.run_again(lake);
        running.signal("CONT");
        running.go_on();
    }

    /// Does the work again, without a fault.
    pub fn run_again(&self, lake: &TestLake) {
        self.finish(self.own_program(lake).start(), lake);
    }

    /// Waits for the end of the work, which must succeed; returns the log.
    fn finish(&self, mut running: Running, lake: &TestLake) -> String {
        if let Ends::WhenMarked(key, day) = &self.ends {
            let day = day.to_string();
            let is_marked = || {
                let is_there = lake.keys().iter().any(|found| found == key);
                is_there && lake.json(key).get(&day).is_some()
            };
            // Before this event, the daemon doesn't shut down in order.
            running.event("daemon started");
            while !running.has_ended() && !is_marked() {
                thread::sleep(Duration::from_millis(10));
            }
            running.signal("TERM");
        }
        running.wait().expect(0).stderr
    }

    /// Returns the expected result, from the lake of an undisturbed run.
    pub fn truth(&self, sound: &TestLake) -> Truth {
        let mut truth = Truth::new();
        let (mut rows, open) = (0, sound.open());
        for day in self.days(sound) {
            let read = invariants::read(&open, &self.dataset, day);
            let read = runtime().block_on(read).expect("a readable day");
            let ids: BTreeSet<_> = read.files.into_iter().flat_map(|file| file.ids).collect();
            rows += ids.len();
            let served = match &self.expected {
                Expected::Ids(served) if day == self.day() => served.clone(),
                _ => Served {
                    finally: Some(ids.clone()),
                    ever: ids,
                },
            };
            let complete = read.marker;
            truth.insert(day, Due { served, complete });
        }
        if let Expected::Rows(expected) = self.expected {
            assert_eq!(rows, expected, "{}", self.name);
        }
        let complete = truth.values().any(|day| day.complete);
        assert_eq!(complete, self.completes, "{}", self.name);
        truth
    }

    fn day(&self) -> Day {
        match &self.ends {
            Ends::ByItself => day(),
            Ends::WhenMarked(_, day) => *day,
        }
    }

    fn days(&self, lake: &TestLake) -> BTreeSet<Day> {
        let open = lake.open();
        let table = runtime().block_on(InspectedTable::list(&open, &self.dataset.prefix));
        let table = table.expect("a listing");
        assert_eq!(
            table.strays,
            Vec::<String>::new(),
            "objects without a place"
        );
        table.days
    }

    /// Checks promises P1 to P7 for every day, and runs `bronzed state verify`.
    pub fn judge(&self, lake: &TestLake, truth: &Truth) {
        let open = lake.open();
        let days = self.days(lake);
        assert!(days.iter().eq(truth.keys()), "{days:?}: {truth:?}");
        for (day, due) in truth {
            let read = invariants::read(&open, &self.dataset, *day);
            let read = runtime().block_on(read).expect("a readable day");
            let violations = at_rest(&read, &due.served);
            let violations: Vec<_> = violations.iter().map(ToString::to_string).collect();
            assert!(violations.is_empty(), "{day}: {}", violations.join("\n"));
            assert_eq!(read.marker, due.complete, "whether {day} is complete");
        }
        let target = self.dataset.full_name();
        self.program(&["state", "verify", &target], lake)
            .run()
            .expect(0);
    }
}

/// Returns a time zone in which it is about noon, because no test may cross midnight.
fn noon() -> &'static str {
    let west = i64::from(SystemClock.now().hour()) - 12;
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let wanted = format!("Etc/GMT{west:+}");
    let mut zones = zones.filter(|zone| *zone == wanted);
    zones.next().expect("a zone for each hour")
}
