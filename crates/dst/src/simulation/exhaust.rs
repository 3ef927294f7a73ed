//! Every schedule of a scenario, by counting its choices.
//!
//! The schedules that begin by the same choices are a branch. Two threads play one branch each at a time, and a part of the
//! branches may be asked for, because all of them take half an hour.

use std::env;
use std::sync::Mutex;

use super::choices::Choices;
use super::scenario::Scenario;
use super::scheduler::play;
use super::{Tally, on_two_threads, still};

/// Number of choices that define a branch: all schedules that begin by them. A branch is played by one thread.
const BRANCH: usize = 12;

/// Branches of all schedules of a scenario, in counting order.
struct Branches<'a> {
    scenario: &'a Scenario,
    next: Option<Vec<u32>>,
    number: u64,
    /// The part that is played, from 0, and the number of parts.
    share: (u64, u64),
}

impl Branches<'_> {
    /// Returns the choices of the next branch that is played.
    fn take(&mut self, runtime: &tokio::runtime::Runtime) -> Option<Vec<u32>> {
        loop {
            let first = Choices::given(self.next.take()?);
            let choices = runtime.block_on(play(self.scenario, first, false)).choices;
            self.next = choices.next_in(0..BRANCH);
            let number = self.number;
            self.number += 1;
            let (part, parts) = self.share;
            if number % parts == part {
                let mut branch = choices.trace();
                branch.truncate(BRANCH);
                return Some(branch);
            }
        }
    }
}

/// Explores every crash point × outcome of the operation × order of two actors, with a bounded number of faults, on two
/// threads. `SIMULATION_SHARE=2/4` plays the second of four parts, of which each has every fourth branch.
pub fn exhaust(name: &str, scenario: &Scenario) {
    let branches = Mutex::new(Branches {
        scenario,
        next: Some(Vec::new()),
        number: 0,
        share: share(),
    });
    let tally = on_two_threads(|| {
        let (runtime, mut tally) = (still(), Tally::default());
        let take = || {
            let mut branches = branches.lock().expect("no panic while it is held");
            branches.take(&runtime)
        };
        while let Some(branch) = take() {
            let mut next = Some(branch.clone());
            while let Some(given) = next {
                let outcome = runtime.block_on(play(scenario, Choices::given(given), false));
                tally.count(&outcome);
                if let Some(failure) = &outcome.failure {
                    let trace = outcome.choices.trace();
                    let again = runtime.block_on(play(scenario, Choices::given(trace), true));
                    panic!("{scenario:?}: {failure}\n  {}", again.log.join("\n  "));
                }
                next = outcome.choices.next_in(branch.len()..usize::MAX);
            }
        }
        tally
    });
    println!(
        "{name}: {} schedules, {} more left out as the same, {} steps",
        tally.schedules, tally.pruned, tally.steps
    );
}

/// Returns the part that `SIMULATION_SHARE` asks for, from 0, and the number of parts.
fn share() -> (u64, u64) {
    let Ok(text) = env::var("SIMULATION_SHARE") else {
        return (0, 1);
    };
    let numbers = text.split_once('/').and_then(|(part, parts)| {
        let (part, parts): (u64, u64) = (part.parse().ok()?, parts.parse().ok()?);
        (1..=parts).contains(&part).then_some((part - 1, parts))
    });
    numbers.expect("SIMULATION_SHARE is a part and the number of parts: 2/4")
}
