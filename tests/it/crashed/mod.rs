//! Delta logs and silver tables after kills of real processes (SIGKILL), at moments drawn by a seed.
//!
//! While bronze grows by random commits, `bronzed silver build`, `tables rebuild`, `tables compact` and `run` are killed before
//! or after one of their writes, or between the system calls of one; alone, and beside another process at the same table.
//! After each kill, DuckDB and delta-rs see a prefix of the commits of each day, and the fold of those that went in; after an
//! undisturbed build, that of all.
//!
//! A part of the kills is on S3, where the readers get a copy of the objects.
//!
//! - `made`: a lake of made-up days, and the processes over it
//! - `kill`: kills at a drawn moment
//! - `read`: days that `bronzed run` reads from an API, and publishes
//! - `judge`: the judge in Python; `copy`: objects of a server in a folder

mod copy;
mod judge;
mod kill;
mod made;
mod read;

use std::env;
use std::thread;

use bronzed_tables::testing::Chance;
use tokio::time::Instant;

use crate::support::lake::Backend;

/// Fixed seed of the ordinary test. `CRASHED_SEED` sets another one.
const SEED: u64 = 281_126;

/// Number of kills of one backend, by what is killed.
struct Kills {
    on: Backend,
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
    let in_a_folder = Kills {
        on: Backend::Folder,
        made: 8,
        read: 2,
    };
    let on_s3 = Kills {
        on: Backend::S3,
        made: 1,
        read: 1,
    };
    play(&[in_a_folder, on_s3]);
}

#[test]
#[ignore = "takes minutes: .ci/run failpoints"]
fn tables_are_prefixes_and_folds_of_bronze_after_each_of_200_kills() {
    let in_a_folder = || Kills {
        on: Backend::Folder,
        made: 65,
        read: 15,
    };
    let on_s3 = Kills {
        on: Backend::S3,
        made: 30,
        read: 10,
    };
    play(&[in_a_folder(), in_a_folder(), on_s3]);
}

/// Kills by several threads at once, each over lakes of its own: processes wait for disks and answers as much as they compute.
fn play(parts: &[Kills]) {
    let mut chance = chance();
    let seeds: Vec<_> = parts.iter().map(|_| chance.below(u64::MAX)).collect();
    thread::scope(|scope| {
        for (kills, seed) in parts.iter().zip(seeds) {
            scope.spawn(move || play_part(kills, &mut Chance::new(seed)));
        }
    });
}

fn play_part(kills: &Kills, chance: &mut Chance) {
    let (mut judge, begun) = (judge::Judge::start(), Instant::now());
    let mut killed = made::play(kills.on, kills.made, chance, &mut judge);
    killed.extend(read::play(kills.on, kills.read, chance, &mut judge));
    let (count, took) = (killed.len(), begun.elapsed());
    println!(
        "{count} kills on {:?} in {took:.0?}, {} judgements",
        kills.on, judge.judged
    );
    assert_eq!(count, (kills.made + kills.read) as usize);
}
