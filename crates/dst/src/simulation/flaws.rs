//! Stores that break their contract: the commit protocol rests on conditional writes, so a simulation that
//! finds nothing on a store without them would prove nothing.
//!
//! Faults of the program itself are patches in `crates/dst/mutations`.

use super::choices::Choices;
use super::desk::StoreFlaw;
use super::scenario::Scenario;
use super::scheduler::play;
use super::still;

/// Number of random schedules within which a flaw must be found.
const MOST: u64 = 3_000;

/// Returns the first failure on a store with this flaw.
fn first_failure(flaw: StoreFlaw) -> Option<String> {
    let runtime = still();
    (0..MOST).find_map(|seed| {
        let mut choices = Choices::seeded(seed);
        let scenario = Scenario {
            store: Some(flaw),
            ..Scenario::random(&mut choices)
        };
        let outcome = runtime.block_on(play(&scenario, choices, false));
        let failure = outcome.failure?;
        println!("{flaw:?}: found in schedule {}: {failure}", seed + 1);
        Some(failure)
    })
}

#[test]
fn a_store_that_overwrites_what_is_to_be_created_is_found() {
    first_failure(StoreFlaw::CreateOverwrites).expect("a broken promise");
}

#[test]
fn a_store_that_replaces_whatever_is_there_is_found() {
    first_failure(StoreFlaw::ReplaceOverwrites).expect("a broken promise");
}
