//! Mutation tests of the simulation: each planted bug in the commit protocol or in reading is found within
//! a bounded number of random schedules, or is harmless for a stated reason.

use std::sync::Mutex;
use std::thread;

use super::choices::Choices;
use super::{Play, by_chance, still};
use bronzed_model::mutation::Mutation;

/// Number of random schedules within which a bug must be found.
const MOST: u64 = 20_000;
/// Number of random schedules without a failure that count as harmless.
const HARMLESS: u64 = 3_000;

/// Expected result of a planted bug.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// Some promise or assertion fails.
    Found,
    /// Nothing fails, for this reason.
    Harmless(&'static str),
}

use Expected::{Found, Harmless};

/// Planted bugs in the commit protocol.
const OF_COMMITS: &[(Mutation, Expected)] = &[
    (Mutation::StateBeforeData, Found),
    (Mutation::ReadErrorIsNothing, Found),
    (Mutation::ExistsIsSuccess, Found),
    (Mutation::CreateOverwrites, Found),
    (Mutation::ReplaceOverwrites, Found),
    (Mutation::OwnNumber, Found),
    (Mutation::NothingAdopted, Found),
    (Mutation::RebuildForgets, Found),
    (Mutation::ListingDecides, Found),
    (Mutation::DedupIsStale, Found),
    (Mutation::OwnFileIsAnothers, Found),
    (
        Mutation::OwnStateIsAnothers,
        Harmless("a change that is applied twice is the same as once; it costs one more write"),
    ),
    (Mutation::DoubtIsIgnored, Found),
    (Mutation::UnreadableIsNew, Found),
    (Mutation::CompleteIsForgotten, Found),
    (
        Mutation::MarkerBeforeState,
        Harmless("the rows are stored by then; a crash in between leaves a marker that is right"),
    ),
    (Mutation::OnlyCommitsAreAudited, Found),
    (Mutation::EmptyFiles, Found),
    (Mutation::DroppedAreNew, Found),
    (Mutation::CreditIsForgotten, Found),
    (
        Mutation::BusyIsBelieved,
        Harmless("what is said to exist is read before it is taken for another run's"),
    ),
];

/// Planted bugs in reading.
const OF_RUNS: &[(Mutation, Expected)] = &[
    (Mutation::UnreadableIsEmpty, Found),
    (Mutation::FailedPageIsSkipped, Found),
    (Mutation::ProofIsSkipped, Found),
    (Mutation::EmptyIsTheEnd, Found),
    (Mutation::NotFoundIsTheEnd, Found),
    (Mutation::RetrySkipsThePage, Found),
    (Mutation::OnlyTheEndCounts, Found),
    (
        Mutation::LastPageIsKnown,
        Harmless("what has filled the page up is missing from the count, and the slice unproven"),
    ),
    (Mutation::OneEmptyAnswerIsProof, Found),
    (Mutation::OffDayIsForgotten, Found),
    (
        Mutation::DedupByCommit,
        Harmless("the commit compares with the whole day once more"),
    ),
    (
        Mutation::GrowthIsBelieved,
        Harmless("it is said when every page was read, back to the first"),
    ),
    (Mutation::SettlingIsIgnored, Found),
    (Mutation::ServerTimeIsIgnored, Found),
    (Mutation::RestIsDropped, Found),
    (Mutation::CountedBeforeStored, Found),
    (Mutation::FailedSliceIsGreen, Found),
    (Mutation::NotedWithoutProof, Found),
    (Mutation::ChangeIsRepeat, Found),
    (Mutation::FailedParentIsDone, Found),
];

/// Planted bugs that only few schedules expose.
const RARE: &[(Mutation, Expected)] = &[
    (Mutation::LastPageFirst, Found),
    (Mutation::UnmetTotalIsKept, Found),
    (Mutation::LakeErrorIsGreen, Found),
];

/// Returns the number of schedules until the bug was found, and the failure.
fn hunt(what: Play, mutation: Mutation, most: u64) -> Option<(u64, String)> {
    let runtime = still();
    mutation.while_on(|| {
        (0..most).find_map(|seed| {
            let outcome = runtime.block_on(by_chance(what, Choices::seeded(seed), false));
            outcome.failure.map(|failure| (seed + 1, failure))
        })
    })
}

#[test]
#[ignore = "takes half a minute"]
fn every_fault_of_the_protocol_is_found() {
    hunt_all(Play::Commits, OF_COMMITS);
}

#[test]
#[ignore = "takes a minute"]
fn every_fault_of_reading_is_found() {
    hunt_all(Play::Runs, OF_RUNS);
}

#[test]
#[ignore = "takes minutes"]
fn rare_faults_of_reading_are_found() {
    hunt_all(Play::Runs, RARE);
}

fn hunt_all(what: Play, all: &[(Mutation, Expected)]) {
    let next = Mutex::new(all.iter());
    let wrong = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some((mutation, expected)) = next.lock().unwrap().next() else {
                break;
            };
            let most = match expected {
                Found => MOST,
                Harmless(_) => HARMLESS,
            };
            match (hunt(what, *mutation, most), expected) {
                (Some((schedules, what)), Found) => {
                    println!("{mutation:?}: found in schedule {schedules}: {what}");
                }
                (None, Harmless(why)) => {
                    println!("{mutation:?}: harmless in {HARMLESS} schedules: {why}");
                }
                (found, expected) => wrong
                    .lock()
                    .unwrap()
                    .push(format!("{mutation:?}: {expected:?}, but {found:?}")),
            }
        }
    };
    thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
