//! The protocol under every order of events and every fault that is thought of.
//!
//! - `choices`: what a schedule is made of, and how a failing one is made small
//! - `scenario`: who is there, and what may go wrong
//! - `desk`, `lake`: a lake in memory at which every operation waits for its turn
//! - `actors`: runs, recoveries, onlookers, rebuilds: the program's own code
//! - `scheduler`: one schedule, and what is held against it
//! - `mutations`: the faults that it must find
//!
//! A failure prints its smallest schedule and the command that plays it again.

mod actors;
mod choices;
mod desk;
mod lake;
mod mutations;
mod scenario;
mod scheduler;

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use actors::Role;
use choices::{Choices, shrink};
use scenario::{Before, Harm, Scenario};
use scheduler::{Outcome, play};

/// Schedules by chance in the suite; `SIMULATION_SCHEDULES` asks for more.
const SCHEDULES: u64 = 2_000;

/// What many schedules came to.
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

/// A runtime whose time stands still until the scheduler moves it.
fn still() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// A schedule by chance, or the same again by its choices: they decide on the scenario, too.
async fn by_chance(mut choices: Choices, verbose: bool) -> Outcome {
    let scenario = Scenario::random(&mut choices);
    let mut outcome = play(&scenario, choices, verbose).await;
    if verbose {
        outcome.log.insert(0, format!("{scenario:?}"));
    }
    outcome
}

/// The kind of a failure, which a smaller schedule must share.
fn kind(failure: &str) -> &str {
    failure.split(':').next().unwrap_or(failure)
}

/// The story of a failure in its smallest form.
async fn story(outcome: Outcome) -> String {
    let failure = outcome.failure.unwrap_or_default();
    let runtime = thread::spawn({
        let (trace, kind) = (outcome.choices.trace(), kind(&failure).to_owned());
        move || {
            let runtime = still();
            shrink(trace, |trace| {
                let choices = Choices::given(trace.to_vec());
                let outcome = runtime.block_on(by_chance(choices, false));
                let failure = outcome.failure.unwrap_or_default();
                self::kind(&failure) == kind
            })
        }
    });
    let trace = runtime.join().unwrap_or_else(|_| outcome.choices.trace());
    let small = by_chance(Choices::given(trace.clone()), true).await;
    let trace: Vec<_> = trace.iter().map(ToString::to_string).collect();
    format!(
        "{failure}\n\nthe smallest schedule that fails alike:\n  {}\n\nplay it again: \
         SIMULATION_TRACE={} cargo test --lib simulation::one -- --ignored --nocapture",
        small.log.join("\n  "),
        trace.join(",")
    )
}

/// Plays the schedules of these seeds, on two threads.
fn seeds(seeds: std::ops::Range<u64>) -> Tally {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let work = || {
        let (runtime, mut tally) = (still(), Tally::default());
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let outcome = runtime.block_on(by_chance(Choices::seeded(seed), false));
            tally.count(&outcome);
            if outcome.failure.is_some() {
                stop.store(true, Ordering::Relaxed);
                let story = runtime.block_on(story(outcome));
                panic!("seed {seed}: {story}");
            }
        }
        tally
    };
    thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
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

fn asked(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

#[test]
fn schedules_by_chance_break_no_promise() {
    let schedules = asked("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES);
    let from = asked("SIMULATION_SEED").unwrap_or_default();
    let begun = tokio::time::Instant::now();
    let tally = seeds(from..from + schedules);
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

/// Plays the schedule of `SIMULATION_TRACE`, as a failure prints it, or of `SIMULATION_SEED`.
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
    let outcome = still().block_on(by_chance(choices, true));
    println!("{}", outcome.log.join("\n"));
    assert_eq!(outcome.failure, None);
}

/// Every crash point × what became of the operation × every order of two at work, with at most so
/// many faults.
fn exhaust(before: Before, lanes: &[Role], faults: u32, harms: &[Harm]) -> Tally {
    let scenario = Scenario::exhaustive(before, lanes, faults, harms);
    let (runtime, mut tally) = (still(), Tally::default());
    let mut next = Some(Vec::new());
    while let Some(given) = next {
        let outcome = runtime.block_on(play(&scenario, Choices::given(given), false));
        tally.count(&outcome);
        if let Some(failure) = &outcome.failure {
            let trace = outcome.choices.trace();
            let again = runtime.block_on(play(&scenario, Choices::given(trace), true));
            panic!("{scenario:?}: {failure}\n  {}", again.log.join("\n  "));
        }
        next = outcome.choices.next();
    }
    println!(
        "{before:?}, {lanes:?}, {faults} faults, {harms:?}: {} schedules, {} more left out as \
         the same, {} steps",
        tally.schedules, tally.pruned, tally.steps
    );
    tally
}

const TWO_RUNS: &[Role] = &[Role::Run, Role::Run];

#[test]
fn every_order_of_two_runs_breaks_no_promise() {
    exhaust(Before::Stored, TWO_RUNS, 0, &[]);
    exhaust(Before::Nothing, TWO_RUNS, 0, &[]);
    exhaust(Before::Unindexed, &[Role::Run, Role::Rebuild], 0, &[]);
    for harm in [Harm::Lose, Harm::Stale, Harm::Earlier] {
        exhaust(Before::Stored, &[Role::Run], 0, &[harm]);
    }
}

/// Every point of every order × died before, after or with a write under way, failed, reply lost,
/// late, refused for no reason.
#[test]
#[ignore = "takes minutes"]
fn every_order_of_two_runs_with_one_fault_breaks_no_promise() {
    exhaust(Before::Stored, TWO_RUNS, 1, &[]);
    exhaust(Before::Unindexed, &[Role::Run, Role::Open], 1, &[]);
    for harm in [Harm::Lose, Harm::Stale, Harm::Earlier] {
        exhaust(Before::Stored, &[Role::Run], 1, &[harm]);
    }
}

#[test]
#[ignore = "takes an hour"]
fn every_order_with_more_faults_breaks_no_promise() {
    exhaust(Before::Nothing, TWO_RUNS, 1, &[]);
    exhaust(Before::Earlier, TWO_RUNS, 1, &[]);
    exhaust(Before::StateLost, TWO_RUNS, 1, &[]);
    exhaust(Before::Unindexed, &[Role::Run, Role::Rebuild], 1, &[]);
    for harm in [Harm::Lose, Harm::Stale, Harm::Earlier] {
        exhaust(Before::Stored, TWO_RUNS, 1, &[harm]);
    }
    exhaust(Before::Stored, TWO_RUNS, 2, &[]);
}
