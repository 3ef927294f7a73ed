//! Memory grows only with the ids of a day, never with its records (promise P8).
//!
//! Takes minutes: `.ci/run conformance` runs it.

use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Program, allocator_as_deployed};
use crate::support::scene::{DAY, STATE};

const RECORDS: u32 = 100_000;
/// Maximum resident memory, in bytes; the simulator is a separate process and doesn't count. Of a build without optimization,
/// 58 MB are pages of the program.
const LIMIT: u64 = 100_000_000;

#[test]
#[ignore = "takes minutes: .ci/run conformance"]
fn a_day_of_a_hundred_thousand_records_stays_below_100_mb() {
    let records = RECORDS.to_string();
    let simulator = Program::new(&[
        "simulate",
        "--day",
        DAY,
        "--records",
        &records,
        "--record-bytes",
        "2500",
        "--faults",
        "0",
        "--max-in-flight",
        "100",
    ]);
    let mut simulator = simulator.start();
    let line = simulator.first_line();
    let url = line.rsplit('=').next().unwrap();
    let lake = TestLake::new(Backend::Folder);
    let program = Program::new(&["run", "pncp.contratacoes", "--day", DAY, "--json"])
        .on(&lake)
        .envs(&allocator_as_deployed())
        .env("BRONZED__SOURCES__PNCP__BASE_URL", url)
        .env("BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY", "8");
    let (outcome, peak) = program.start().wait_and_watch_memory();
    let report = outcome.expect(0).json();
    assert_eq!(report["new"], RECORDS);
    assert_eq!(lake.json(STATE)["total_processed"], RECORDS);
    println!("peak: {:.1} MB", peak as f64 / 1e6);
    assert!(peak < LIMIT, "{peak} bytes");
    simulator.kill();
}
