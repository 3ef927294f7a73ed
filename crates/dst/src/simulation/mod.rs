//! Deterministic simulation of the commit protocol and of whole runs, under every order of events and every
//! modelled fault.
//!
//! - `choices`: the sequence that defines a schedule, and shrinking of a failing one
//! - `scenario`: actors and possible faults
//! - `desk`, `lake`, `api`: an in-memory lake and an API, in which every operation waits for its turn
//! - `stage`: shared context and ground truth
//! - `actors`, `reads`: runs, recoveries, readers, rebuilds: the program's own code
//! - `scheduler`: executes one schedule and checks it
//! - `exhaust`: every schedule of a scenario, by counting
//! - `flaws`: stores that break their contract, which the simulation must find
//! - `tables`: Delta logs and silver tables, which follow bronze
//! - `year`: 400 days of a daemon over realistic providers, driven by a seed without a schedule
//!
//! A failure prints its smallest schedule and the command that replays it.

mod actors;
mod api;
mod choices;
mod desk;
mod exhaust;
mod flaws;
mod lake;
mod reads;
mod scenario;
mod scheduler;
mod stage;
#[cfg(feature = "tables")]
mod tables;
#[cfg(feature = "year")]
mod year;

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use actors::Role;
use api::{Manner, Oddity, Shape};
use choices::{Choices, shrink};
use exhaust::exhaust;
use scenario::{Before, Harm, Scenario};
use scheduler::{Outcome, play};

use bronzed_model::declaration::{Mode, Require};

/// Number of random schedules in the test suite; `SIMULATION_SCHEDULES` sets another number.
const SCHEDULES: u64 = 2_000;

/// Statistics of many schedules.
#[derive(Default)]
struct Tally {
    schedules: u64,
    pruned: u64,
    steps: u64,
    fired: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        self.schedules += u64::from(!outcome.pruned);
        self.pruned += u64::from(outcome.pruned);
        self.steps += outcome.steps;
        for (what, times) in &outcome.fired {
            *self.fired.entry(what).or_default() += times;
        }
    }

    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.pruned += other.pruned;
        self.steps += other.steps;
        for (what, times) in other.fired {
            *self.fired.entry(what).or_default() += times;
        }
    }
}

/// Returns a runtime with paused time that only the scheduler advances.
fn still() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// Subject of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    /// The commit protocol, by runs that read pages without requests.
    Commits,
    /// Whole runs, which read an API.
    Runs,
    /// Delta logs and silver tables.
    #[cfg(feature = "tables")]
    Tables,
}

impl Play {
    const ALL: &[Self] = &[
        Self::Commits,
        Self::Runs,
        #[cfg(feature = "tables")]
        Self::Tables,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Commits => "commits",
            Self::Runs => "runs",
            #[cfg(feature = "tables")]
            Self::Tables => "tables",
        }
    }
}

/// Plays a random schedule, or replays one: the choices also determine the scenario.
async fn by_chance(what: Play, mut choices: Choices, verbose: bool) -> Outcome {
    let scenario = match what {
        Play::Commits => Scenario::random(&mut choices),
        Play::Runs => Scenario::random_reads(&mut choices),
        #[cfg(feature = "tables")]
        Play::Tables => return tables::by_chance(choices, verbose).await,
    };
    let mut outcome = play(&scenario, choices, verbose).await;
    if verbose {
        outcome.log.insert(0, format!("{scenario:?}"));
    }
    outcome
}

/// Returns the kind of a failure, which shrinking must preserve.
fn kind(failure: &str) -> &str {
    failure.split(':').next().unwrap_or(failure)
}

/// Shrinks a failure and describes its smallest schedule.
async fn story(what: Play, outcome: Outcome) -> String {
    let failure = outcome.failure.unwrap_or_default();
    let runtime = thread::spawn({
        let (trace, kind) = (outcome.choices.trace(), kind(&failure).to_owned());
        move || {
            let runtime = still();
            shrink(trace, |trace| {
                let choices = Choices::given(trace.to_vec());
                let outcome = runtime.block_on(by_chance(what, choices, false));
                let failure = outcome.failure.unwrap_or_default();
                self::kind(&failure) == kind
            })
        }
    });
    let trace = runtime.join().unwrap_or_else(|_| outcome.choices.trace());
    let small = by_chance(what, Choices::given(trace.clone()), true).await;
    let trace: Vec<_> = trace.iter().map(ToString::to_string).collect();
    format!(
        "{failure}\n\nthe smallest schedule that fails alike:\n  {}\n\nplay it again: \
         SIMULATION_OF={} SIMULATION_TRACE={} cargo test -p bronzed-dst simulation::one -- --ignored --nocapture",
        small.log.join("\n  "),
        what.name(),
        trace.join(",")
    )
}

/// Plays the schedules of these seeds on two threads.
fn seeds(what: Play, seeds: std::ops::Range<u64>) -> Tally {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let work = || {
        let (runtime, mut tally) = (still(), Tally::default());
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let outcome = runtime.block_on(by_chance(what, Choices::seeded(seed), false));
            tally.count(&outcome);
            if outcome.failure.is_some() {
                stop.store(true, Ordering::Relaxed);
                let story = runtime.block_on(story(what, outcome));
                panic!("seed {seed}: {story}");
            }
        }
        tally
    };
    on_two_threads(work)
}

fn asked(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

#[test]
fn schedules_by_chance_break_no_promise() {
    play_by_chance(Play::Commits, SCHEDULES);
}

#[test]
fn whole_runs_by_chance_break_no_promise() {
    play_by_chance(Play::Runs, SCHEDULES);
}

/// Of tables a tenth of what is asked for, because each schedule takes ten times as long.
#[cfg(feature = "tables")]
#[test]
fn tables_by_chance_break_no_promise() {
    let schedules = asked("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES);
    play_schedules(Play::Tables, schedules / 10);
}

fn play_by_chance(what: Play, schedules: u64) {
    play_schedules(what, asked("SIMULATION_SCHEDULES").unwrap_or(schedules));
}

fn play_schedules(what: Play, schedules: u64) {
    let from = asked("SIMULATION_SEED").unwrap_or_default();
    let begun = tokio::time::Instant::now();
    let tally = seeds(what, from..from + schedules);
    let took = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = tally.schedules as f64 / took;
    println!(
        "{} schedules of seeds {from}…, {} steps, {took:.1} s, {rate:.0} schedules a second",
        tally.schedules, tally.steps
    );
    for (what, times) in &tally.fired {
        println!("{times:>10} × {what}");
    }
}

/// Replays the schedule of `SIMULATION_TRACE`, as printed by a failure, or of `SIMULATION_SEED`.
/// `SIMULATION_OF=runs` selects whole runs, `SIMULATION_OF=tables` tables.
#[test]
#[ignore = "plays what the environment asks for"]
fn one() {
    let choices = match env::var("SIMULATION_TRACE") {
        Ok(trace) => {
            let numbers = trace.split(',').filter(|number| !number.is_empty());
            Choices::given(
                numbers
                    .map(|number| number.parse().expect("a number"))
                    .collect(),
            )
        }
        Err(_) => Choices::seeded(asked("SIMULATION_SEED").expect("a seed or a trace")),
    };
    let named = env::var("SIMULATION_OF").unwrap_or_default();
    let named = Play::ALL.iter().find(|play| play.name() == named);
    let named = named.copied().unwrap_or(Play::Commits);
    let outcome = still().block_on(by_chance(named, choices, true));
    println!("{}", outcome.log.join("\n"));
    assert_eq!(outcome.failure, None);
}

/// Does the same work on two threads.
fn on_two_threads(work: impl Fn() -> Tally + Sync) -> Tally {
    thread::scope(|scope| {
        let workers = [scope.spawn(&work), scope.spawn(&work)];
        let mut all = Tally::default();
        for worker in workers {
            match worker.join() {
                Ok(tally) => all.add(tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

fn exhaust_commits(before: Before, lanes: &[Role], faults: u32, harms: &[Harm]) {
    let name = format!("{before:?}, {lanes:?}, {faults} faults, {harms:?}");
    exhaust(&name, &Scenario::exhaustive(before, lanes, faults, harms));
}

/// Explores whole runs against faulty responses and deleted records, with each kind of proof.
fn exhaust_reads(before: Before, lanes: &[Role], faults: u32, oddities: u32, removals: usize) {
    let exhaust_with = |require| {
        let manner = Manner {
            shape: Shape::Slices,
            slices: 1,
            newest_first: false,
            require,
            dated: true,
            clock_ahead: false,
            oddities,
            kinds: Oddity::ALL.to_vec(),
            stirs: 0.0,
            removals,
            changes: 0,
            stops: 0,
        };
        let name = format!(
            "{before:?}, {lanes:?}, {require:?}, {faults} faults, {oddities} odd answers, \
             {removals} records taken away"
        );
        let scenario = Scenario::exhaustive_reads(before, lanes, faults, manner);
        exhaust(&name, &scenario);
    };
    for require in [Require::UniqueTotal, Require::RowTotal, Require::TwoWalks] {
        exhaust_with(require);
    }
}

const TWO_RUNS: &[Role] = &[Role::Run, Role::Run];
const A_READING: &[Role] = &[Role::Read(Mode::Full)];

#[test]
fn every_order_of_two_runs_breaks_no_promise() {
    exhaust_commits(Before::Stored, TWO_RUNS, 0, &[]);
    exhaust_commits(Before::Nothing, TWO_RUNS, 0, &[]);
    exhaust_commits(Before::Unindexed, &[Role::Run, Role::Rebuild], 0, &[]);
    for harm in [Harm::Lose, Harm::Stale, Harm::Earlier] {
        exhaust_commits(Before::Stored, &[Role::Run], 0, &[harm]);
    }
}

/// Every point of every order × crash before, after or during a write, failure, lost reply, delayed write,
/// spurious conflict.
#[test]
#[ignore = "takes minutes"]
fn every_order_of_two_runs_with_one_fault_breaks_no_promise() {
    exhaust_commits(Before::Stored, TWO_RUNS, 1, &[]);
    exhaust_commits(Before::Unindexed, &[Role::Run, Role::Open], 1, &[]);
    for harm in [Harm::Lose, Harm::Stale, Harm::Earlier] {
        exhaust_commits(Before::Stored, &[Role::Run], 1, &[harm]);
    }
}

/// Every order of the requests and writes of one run × every point × every faulty response, a fault of the
/// lake, or a deleted record.
#[test]
#[ignore = "takes minutes"]
fn every_order_of_one_reading_with_one_fault_breaks_no_promise() {
    exhaust_reads(Before::Nothing, A_READING, 0, 1, 0);
    exhaust_reads(Before::Stored, A_READING, 1, 0, 0);
    exhaust_reads(Before::Nothing, A_READING, 0, 0, 1);
}

/// Every order of the requests of one run × every time at which a stored record goes, and returns to its place
/// or as a new one: the total at the end of a walk is that of its last request.
#[test]
fn every_order_of_one_reading_and_a_record_that_returns_breaks_no_promise() {
    exhaust_reads(Before::StateLost, A_READING, 0, 0, 1);
}

#[test]
#[ignore = "takes an hour"]
fn every_order_of_readings_with_more_faults_breaks_no_promise() {
    exhaust_reads(Before::Nothing, A_READING, 1, 1, 0);
    exhaust_reads(Before::Nothing, A_READING, 0, 1, 1);
    exhaust_reads(Before::Nothing, A_READING, 0, 2, 0);
}

#[test]
#[ignore = "takes an hour"]
fn every_order_with_more_faults_breaks_no_promise() {
    exhaust_commits(Before::Nothing, TWO_RUNS, 1, &[]);
    exhaust_commits(Before::Earlier, TWO_RUNS, 1, &[]);
    exhaust_commits(Before::StateLost, TWO_RUNS, 1, &[]);
    exhaust_commits(Before::Unindexed, &[Role::Run, Role::Rebuild], 1, &[]);
    for harm in [Harm::Lose, Harm::Stale, Harm::Earlier] {
        exhaust_commits(Before::Stored, TWO_RUNS, 1, &[harm]);
    }
    exhaust_commits(Before::Stored, TWO_RUNS, 2, &[]);
}
