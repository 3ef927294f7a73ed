//! Delta logs and silver tables after kills of real processes (SIGKILL), at moments drawn by a seed.
//!
//! While bronze grows by random commits, `bronzed silver build`, `tables rebuild`, `tables compact` and `run` are killed before
//! or after one of their writes, or between the system calls of one; alone, and beside another process at the same table.
//! After each kill, DuckDB and delta-rs see a prefix of the commits of each day, and the fold of those that went in; after an
//! undisturbed build, that of all.
//!
//! - `made`: a lake of made-up days, and the processes over it
//! - `kill`: kills at a drawn moment
//! - `read`: days that `bronzed run` reads from an API, and publishes
//! - `judge`: the judge in Python

mod judge;
mod kill;
mod made;
mod read;

use std::env;

use bronzed_tables::testing::Chance;

/// Fixed seed of the ordinary test. `CRASHED_SEED` sets another one.
const SEED: u64 = 281_126;

/// Number of kills, by what is killed.
struct Kills {
    /// Processes over made-up days.
    made: u32,
    /// Runs, and what follows them.
    read: u32,
}

fn chance() -> Chance {
    let seed = env::var("CRASHED_SEED").ok();
    let seed = seed.map(|seed| seed.parse().expect("a number"));
    let seed = seed.unwrap_or(SEED);
    println!("CRASHED_SEED={seed}");
    Chance::new(seed)
}

#[test]
fn tables_are_prefixes_and_folds_of_bronze_after_each_of_a_few_kills() {
    play(&Kills { made: 10, read: 2 });
}

#[test]
#[ignore = "takes minutes: .ci/run failpoints"]
fn tables_are_prefixes_and_folds_of_bronze_after_each_of_200_kills() {
    play(&Kills {
        made: 160,
        read: 40,
    });
}

fn play(kills: &Kills) {
    let mut chance = chance();
    let mut judge = judge::Judge::start();
    let mut killed = made::play(kills.made, &mut chance, &mut judge);
    killed.extend(read::play(kills.read, &mut chance, &mut judge));
    println!("{} kills, {} judgements", killed.len(), judge.judged);
    assert_eq!(killed.len(), (kills.made + kills.read) as usize);
}
