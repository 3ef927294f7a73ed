//! Simulates months of a daemon in seconds: the planner is driven by a fake executor over a fake lake, while
//! APIs fail, the daemon is killed at random moments and its clock is changed.
//!
//! The simulated daemon loses its memory at a restart and reloads everything from the lake. Each simulation
//! runs from a seed, which a failing test prints: `SCHEDULE_SEED=7 cargo test a_life`.
//!
//! [`faults`] generates the faults, [`world`] simulates the daemon and its runs, and this file checks the
//! invariants of every simulation.

mod faults;
mod shipped;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::{New_York, Sao_Paulo};
use chrono_tz::Australia::Lord_Howe;
use chrono_tz::Europe::London;
use chrono_tz::Tz;

use crate::schedule::cases::job;
use crate::schedule::jobs::{Schedule, ScheduledDataset, ScheduledJob};
use bronzed_model::cron::Cron;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Job, JobDays, Mode, Priority};
use bronzed_model::execution::Status;
use faults::Faults;
use world::{Read, World};

/// Zone, first day and number of days of each simulation; each includes clock changes.
const LIVES: [(Tz, &str, i64); 4] = [
    (Sao_Paulo, "2018-10-20", 130),
    (New_York, "2025-02-20", 60),
    (London, "2025-10-01", 60),
    (Lord_Howe, "2025-03-15", 60),
];

/// Number of days by which coverage begins before the daemon starts.
const HISTORY: u64 = 40;

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("SCHEDULE_SEED") {
        Ok(seed) => vec![seed.parse().expect("SCHEDULE_SEED is a number")],
        Err(_) => (1..=count).collect(),
    }
}

/// Returns a schedule of two datasets, one settling at once and one slowly, with the three jobs that every
/// source has.
fn schedule(zone: Tz, begin: Day) -> Schedule {
    use JobDays::{Incomplete, Today, Yesterday};
    let jobs = [
        job("hourly", "0 * * * *", Today, Mode::New, Priority::Hourly),
        job("daily", "0 3 * * *", Yesterday, Mode::Full, Priority::Daily),
        job(
            "backfill",
            "40 * * * *",
            Incomplete,
            Mode::Full,
            Priority::Backfill,
        ),
    ];
    let jobs = jobs.into_iter().map(|job: Job| {
        let cron = Cron::parse(&job.cron, zone).unwrap();
        (job.name.as_str().into(), ScheduledJob { job, cron })
    });
    let from = Day::new(begin.date() - chrono::Days::new(HISTORY));
    let dataset = |hours| ScheduledDataset {
        period: bronzed_model::declaration::Period::Day,
        settle: TimeDelta::hours(hours),
        earliest: None,
        coverage_from: Some(from),
        verify: true,
        only_today: false,
    };
    Schedule {
        source: "pncp".into(),
        zone,
        datasets: BTreeMap::from([("notices".into(), dataset(2)), ("slow".into(), dataset(50))]),
        jobs: jobs.collect(),
    }
}

/// Runs a simulation, and returns its world.
fn live(seed: u64, with_faults: bool) -> World {
    let (zone, begin, days) = LIVES[seed as usize % LIVES.len()];
    println!("SCHEDULE_SEED={seed}: {days} days from {begin} in {zone}");
    let begin: Day = begin.parse().unwrap();
    let from = begin.start(zone) + TimeDelta::minutes(seed as i64 * 17 % 1440);
    let until = from + TimeDelta::days(days);
    let faults = match with_faults {
        true => Faults::random(seed, from, until),
        false => Faults::none(),
    };
    let mut world = World::new(seed, schedule(zone, begin), faults, from);
    world.live_until(until);
    world
}

#[test]
fn a_life_with_faults_ends_with_every_day_complete() {
    for seed in seeds(4) {
        let world = live(seed, true);
        every_day_is_complete(&world);
        every_slot_led_to_a_run(&world);
        runs_are_near_the_ideal(&world);
    }
}

#[test]
fn a_life_without_faults_has_no_run_too_many() {
    for seed in seeds(2) {
        let world = live(seed, false);
        every_day_is_complete(&world);
        every_slot_led_to_a_run(&world);
        assert!(world.reads.iter().all(|read| read.status == Status::Ok));
        let history = HISTORY as usize;
        for (name, dataset) in &world.schedule.datasets {
            let reads = || world.reads.iter().filter(|read| read.dataset == *name);
            let news = reads().filter(|read| read.mode == Mode::New).count();
            let days = world.begun_days();
            // On the first day, an empty lake is caught up for the previous week; those runs are full ones,
            // because the daily job names these days, too.
            let slots = hourly_slots(&world).len();
            assert!(news <= slots + 1, "{name}: {news} looks at {slots} slots");
            let fulls = reads().filter(|read| read.mode == Mode::Full).count();
            // A slowly settling day is read after its end, then at 1, 2, 4 … hours, and once settled.
            let each = if dataset.settle > TimeDelta::hours(3) {
                8
            } else {
                3
            };
            let most = history + days * each;
            assert!(fulls <= most, "{name}: {fulls} readings, {most} would do");
        }
    }
}

fn every_day_is_complete(world: &World) {
    for (name, dataset) in &world.schedule.datasets {
        let known = world.lake.of(name).unwrap();
        let from = dataset.coverage_from.unwrap();
        // Allow 24 hours after the settle time for the daily run and one or two retries.
        let ripe = world.truth - dataset.settle - TimeDelta::hours(24);
        let last = Day::of(ripe, world.schedule.zone).previous();
        let missing: Vec<_> = from
            .through(last)
            .filter(|day| !known.is_complete(*day))
            .collect();
        assert!(
            missing.is_empty(),
            "{name}: {missing:?} of {from} to {last}"
        );
    }
}

fn hourly_slots(world: &World) -> Vec<(DateTime<Utc>, Day)> {
    let job = &world.schedule.jobs["hourly"];
    // No run takes two hours: all runs for these slots have ended.
    let slots = job
        .cron
        .slots(world.begin, world.truth - TimeDelta::hours(2));
    slots.map(|slot| (slot.at, slot.day)).collect()
}

/// Checks that each slot with a running daemon and a correct clock led to a run at once, or fell into one.
fn every_slot_led_to_a_run(world: &World) {
    let soon = TimeDelta::seconds(75);
    let slots = hourly_slots(world);
    let watched = slots
        .iter()
        // A run that dies within a minute leaves no trace.
        .filter(|(at, _)| world.faults.calm(*at - soon, *at + soon * 2));
    let mut count = 0;
    for (at, day) in watched {
        for name in world.schedule.datasets.keys() {
            let reads: Vec<_> = world.reads_of(name, *day).collect();
            // A run that a wrong clock dates to this slot can be taken for the slot's own.
            let claims = |read: &Read| read.wrongly_dated() && read.shown_at(*at, *at + soon);
            if reads.iter().any(|read| claims(read)) {
                continue;
            }
            count += 1;
            let serves = |read: &Read| read.begun <= *at + soon && read.ended >= *at;
            assert!(reads.iter().any(|read| serves(read)), "{name} at {at}");
        }
    }
    assert!(
        count > slots.len(),
        "too few slots were watched: {count} of {}",
        slots.len()
    );
}

/// Checks that each fault costs about one run beyond those of a simulation without faults.
fn runs_are_near_the_ideal(world: &World) {
    let good = |read: &&Read| read.status == Status::Ok && !read.wrongly_dated();
    for (name, dataset) in &world.schedule.datasets {
        let reads: Vec<_> = world
            .reads
            .iter()
            .filter(|read| read.dataset == *name)
            .collect();
        let (news, fulls): (Vec<_>, Vec<_>) = reads
            .iter()
            .copied()
            .filter(good)
            .partition(|read| read.mode == Mode::New);
        let slots = hourly_slots(world).len() + 2;
        let caught_up = world.faults.restarts();
        assert!(
            news.len() <= slots + caught_up,
            "{name}: {} looks, {slots} slots",
            news.len()
        );
        let each = if dataset.settle > TimeDelta::hours(3) {
            9
        } else {
            3
        };
        let most = HISTORY as usize + world.begun_days() * each + world.unmarked;
        assert!(
            fulls.len() <= most,
            "{name}: {} readings, {most} would do",
            fulls.len()
        );
        // Hours of outage have their slots, and a few retries between them.
        let bad = reads.len() - news.len() - fulls.len();
        let allowed = world.faults.hours_of_outage() as usize * 3 / 2
            + 12 * world.faults.outages()
            + reads.len() / 12
            + 40;
        assert!(
            bad <= allowed,
            "{name}: {bad} runs in vain, {allowed} are to be expected"
        );
    }
}

#[test]
fn a_day_that_can_not_be_read_is_tried_ever_more_seldom_and_holds_up_nobody() {
    let begin: Day = "2025-02-20".parse().unwrap();
    let schedule = schedule(New_York, begin);
    let from = begin.start(New_York);
    let stuck = Day::new(begin.date() - chrono::Days::new(10));
    let mut world = World::new(1, schedule, Faults::none(), from);
    world.stuck = Some(stuck);
    world.live_until(from + TimeDelta::days(12));
    for name in ["notices", "slow"] {
        let known = world.lake.of(name).unwrap();
        let first = Day::new(begin.date() - chrono::Days::new(HISTORY));
        let last = Day::new(begin.date() + chrono::Days::new(7));
        let missing: Vec<_> = first
            .through(last)
            .filter(|day| !known.is_complete(*day))
            .collect();
        assert_eq!(missing, [stuck], "{name}");
        let reads: Vec<_> = world.reads_of(name, stuck).collect();
        let waits = reads
            .windows(2)
            .map(|two| (two[1].begun - two[0].ended).num_minutes());
        let waits: Vec<_> = waits.collect();
        // Includes a short wait for a free run slot.
        let ladder = [10, 20, 40, 80, 160, 320, 640, 1280, 2560];
        assert!(waits.len() >= 10, "{waits:?}");
        for (wait, least) in waits.iter().zip(ladder) {
            assert!((least..least + 60).contains(wait), "{name}: {waits:?}");
        }
        // Later delays depend on the day's age, of ten to twenty-two days.
        for wait in waits.iter().skip(ladder.len()) {
            assert!((3600..8000).contains(wait), "{name}: {waits:?}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    let begun = |world: World| -> Vec<(Arc<str>, DateTime<Utc>)> {
        let reads = world.reads.into_iter();
        reads.map(|read| (read.dataset, read.begun)).collect()
    };
    assert_eq!(begun(live(2, true)), begun(live(2, true)));
}
