//! The program at some work in a lake: what it is called with, what is there before, and what must be
//! there at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bronzed::clock::{Clock, SystemClock};
use bronzed::config;
use bronzed::day::Day;
use bronzed::invariants::{self, Served, at_rest};
use bronzed::simulator::pncp;
use bronzed::simulator::provider::Provider;
use bronzed::simulator::row::Listing;
use bronzed::simulator::table::Stamp;
use bronzed::simulator::{SimConfig, Simulator};
use bronzed::source::declaration::Dataset;
use bronzed::state::Table;
use chrono::Timelike;
use tempfile::TempDir;

use super::trial::passed;
use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Program, Running};
use crate::support::runtime;
use crate::support::scene::day;

/// What each day must be at the end.
pub type Truth = BTreeMap<Day, Due>;

/// What a day must be.
#[derive(Debug, Clone)]
pub struct Due {
    served: Served<Box<str>>,
    complete: bool,
}

/// The program at some work.
pub struct Scenario {
    pub name: &'static str,
    dataset: Arc<Dataset>,
    pub simulator: Simulator,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// The objects that are in the lake before.
    before: Vec<(String, Vec<u8>)>,
    /// Where another process comes in between, and does the same work to its end.
    pub overtaken_at: Option<&'static str>,
    /// Whether a day is complete when the work is done.
    pub completes: bool,
    pub ends: Ends,
    /// How the names of the points begin that are tried.
    pub about: &'static str,
    expected: Expected,
    pub config: Option<TempDir>,
}

/// When the program has done its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    ByItself,
    /// A daemon: when this object names the day.
    WhenMarked(&'static str, Day),
}

/// What must be stored.
#[derive(Debug, Clone)]
enum Expected {
    /// Of the day, what the API serves.
    Ids(Served<Box<str>>),
    /// So many rows in all, as a run has them that nothing disturbs: their ids tell versions, which
    /// the API doesn't.
    Rows(usize),
}

impl Scenario {
    pub fn new(name: &'static str, dataset: &str, simulated: SimConfig, args: &[&str]) -> Self {
        let simulator = runtime().block_on(Simulator::start(simulated));
        let simulator = simulator.expect("a free port");
        let settings = config::load(None, []).expect("the shipped configuration");
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
            // Its days are those of reading.
            "tcu" => noon(),
            _ => "America/Sao_Paulo",
        };
        // One request at a time, so that each run passes the same points.
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

    /// Puts into the lake what `work` leaves there.
    pub fn after(mut self, work: impl FnOnce(&Self, &TestLake)) -> Self {
        let lake = TestLake::new(Backend::Folder);
        work(&self, &lake);
        let keys = lake.keys().into_iter();
        self.before = keys.map(|key| (key.clone(), lake.get(&key))).collect();
        self
    }

    /// What the API lists of the day now must be stored, and nothing that it never listed.
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

    /// How many records the API lists of a dataset.
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

    /// A lake as it is before.
    pub fn lake(&self, backend: Backend) -> TestLake {
        let lake = TestLake::new(backend);
        for (key, bytes) in &self.before {
            lake.put(key, bytes.clone());
        }
        lake
    }

    /// Whether the scenario is there for this point.
    pub fn is_about(&self, point: &str) -> bool {
        point.starts_with(self.about)
    }

    /// The work without a fault; how often it passes each point.
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
            // A daemon goes on until it is told to stop: how often it passes a point is chance.
            passed.values_mut().for_each(|times| *times = 1);
        }
        passed
    }

    /// Begins the work, and kills the program at a point.
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

    /// Does the work while the program that has begun it is frozen, for so long that its lease on the
    /// source's limits is gone.
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

    /// Waits until the work is done, which must go well; gives what was logged.
    fn finish(&self, mut running: Running, lake: &TestLake) -> String {
        if let Ends::WhenMarked(key, day) = &self.ends {
            let day = day.to_string();
            let is_marked = || {
                let is_there = lake.keys().iter().any(|found| found == key);
                is_there && lake.json(key).get(&day).is_some()
            };
            // Before that, it doesn't end in order.
            running.event("daemon started");
            while !running.has_ended() && !is_marked() {
                thread::sleep(Duration::from_millis(10));
            }
            running.signal("TERM");
        }
        running.wait().expect(0).stderr
    }

    /// What must be there, by what a run has left that nothing disturbed.
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
        let table = runtime().block_on(Table::list(&open, &self.dataset.prefix));
        let table = table.expect("a listing");
        assert_eq!(
            table.strays,
            Vec::<String>::new(),
            "objects without a place"
        );
        table.days
    }

    /// P1 to P7 of every day, by the functions that state them; and `bronzed state verify`.
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

/// A zone in which it is noon, or nearly: no test goes over midnight.
fn noon() -> &'static str {
    let west = i64::from(SystemClock.now().hour()) - 12;
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let wanted = format!("Etc/GMT{west:+}");
    let mut zones = zones.filter(|zone| *zone == wanted);
    zones.next().expect("a zone for each hour")
}
