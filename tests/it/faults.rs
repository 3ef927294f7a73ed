//! Bad days of the API: random faults from printed seeds, and responses that never become valid.

use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::{Backend, TestLake};
use crate::support::stage::{NEXT_MORNING, Stage, day};

/// Plays one bad day; the seed replays it: `BAD_DAY_SEED=7 cargo test bad_days`.
fn bad_day(seed: u64, records: u32) {
    let catalog = Catalog::generated(seed, day(), records, 2_400);
    let faults = Faults {
        retry_after: std::time::Duration::ZERO,
        ..Faults::bad_day(0.05)
    };
    let stage = Stage::new(TestLake::new(Backend::Folder), catalog, faults, seed);
    stage.at(NEXT_MORNING);
    let complete = (0..3).any(|_| stage.run(Mode::Full).complete);
    assert!(complete, "seed {seed}: not complete after three runs");
    assert_eq!(stage.stored(), stage.served(), "seed {seed}");
    stage.judge("all");
}

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("BAD_DAY_SEED") {
        Ok(seed) => vec![seed.parse().expect("BAD_DAY_SEED is a number")],
        Err(_) => (1..=count).collect(),
    }
}

#[test]
fn large_bad_days_end_with_every_record_once() {
    for seed in seeds(5) {
        bad_day(seed, 20_000);
    }
}

#[test]
fn small_bad_days_end_with_every_record_once() {
    for seed in seeds(50) {
        bad_day(seed, 2_000);
    }
}

#[test]
fn a_page_that_never_becomes_understandable_makes_the_run_partial_and_costs_no_other() {
    let catalog = Catalog::generated(9, day(), 2_000, 2_400);
    let broken = Rule::always(Fault::Html).slice("modalidade=6").page(3);
    let faults = Faults::by_rule([broken]);
    let stage = Stage::new(TestLake::new(Backend::Folder), catalog, faults, 9);
    let report = stage.at(NEXT_MORNING).run(Mode::Full);
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    assert!(!report.complete);
    let (slice, reason) = &report.execution.failed_slices[0];
    assert_eq!(slice, "modalidade=6");
    assert!(reason.contains("HTML"), "{reason}");
    let state = stage.state();
    assert_eq!(state["executions"][0]["status"], "partial");
    assert_eq!(state["executions"][0]["failed_slices"][0], "modalidade=6");
    let missing = stage.served().len() - stage.stored().len();
    assert_eq!(missing, 50, "only the page that can't be read is missing");
    stage.judge("some");

    stage.simulator.heal();
    let next = stage.run(Mode::Full);
    assert_eq!((next.status(), next.counts().new), (Status::Ok, 50));
    assert!(next.complete);
    stage.judge("all");
}
