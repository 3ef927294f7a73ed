//! Simulated life of a daemon: three sources with growing days, outages of hours, crashes at any moment,
//! and clock skew. At the end, the lake shows no trace of the faults.
//!
//! `DAEMON_SEED=7` replays a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use bronzed::server::daemon::DaemonService as _;
use bronzed::server::view::RunStatus;
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::ledger::Entry;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use uuid::Uuid;

use crate::support::driven::{Life, Plan, World};
use crate::support::runtime;
use crate::support::sources::{JOBS, PAGE, SLICES};

const SOURCES: [&str; 3] = ["one", "two", "three"];
/// Durations of outages, in hours.
const OUTAGES: [i64; 3] = [1, 5, 30];
/// Number of days by which coverage begins before the daemon does.
const HISTORY: i64 = 4;
const RECORDS: u32 = 60;

fn seed() -> u64 {
    let seed = std::env::var("DAEMON_SEED");
    let seed = seed.map_or(4, |seed| seed.parse().expect("DAEMON_SEED is a number"));
    println!("DAEMON_SEED={seed}");
    seed
}

#[test]
fn a_stormy_week_ends_with_every_day_complete_and_nothing_doubled() {
    runtime().block_on(compare(7, seed()));
}

#[test]
#[ignore = "takes a minute or two: .ci/run conformance"]
fn a_stormy_month_ends_with_every_day_complete_and_nothing_doubled() {
    runtime().block_on(compare(31, seed()));
}

/// Compares a life with faults to one without.
async fn compare(days: i64, seed: u64) {
    let calm = live(days, seed, &Storm::none()).await;
    let storm = Storm::random(seed, begin(), days);
    let stormy = live(days, seed, &storm).await;
    let of_calm = calm.requests as f64 / calm.least as f64;
    let of_stormy = stormy.requests as f64 / calm.requests as f64;
    println!("{days} days of {} sources", SOURCES.len());
    println!("calm: {calm:?}");
    println!("stormy: {stormy:?}");
    println!("requests, calm to the least possible: {of_calm:.3}; stormy to calm: {of_stormy:.3}");
    assert_eq!((calm.restarts, calm.failed), (1, 0));
    assert!(i64::from(stormy.restarts) > days);
    // Outages occurred, and none counted as an attempt at a day: only rare probes were sent (P11).
    assert!(stormy.unavailable > 0, "{stormy:?}");
    let hours = OUTAGES.iter().sum::<i64>().unsigned_abs() as usize;
    assert!(stormy.unavailable < 40 * hours, "{stormy:?}");
    assert!(i64::from(stormy.killed_within_runs) > days / 3);
    // New records cost their pages; an empty response is requested twice, with a canary in between.
    assert!(of_calm < 1.3, "{of_calm}");
    // Only failed, truncated or misdated reads are repeated; hours without a daemon cost nothing.
    assert!(of_stormy < 1.25, "{of_stormy}");
}

/// Returns the minimum number of requests of a life: one per slice and slot, and each page of each day
/// once.
fn least(world: &World, until: DateTime<Utc>, days: &[Day]) -> usize {
    let slots = (until - begin()).num_hours().unsigned_abs() as usize + 1;
    let mut requests = 0;
    for simulator in world.simulators.values() {
        requests += slots * SLICES.len();
        let now = simulator.clock().brasilia();
        for day in days {
            let mut records: BTreeMap<u64, usize> = SLICES.map(|slice| (slice.into(), 0)).into();
            for record in simulator.catalog().list(Some(*day), now, false) {
                *records.entry(record.group).or_default() += 1;
            }
            let pages = records
                .values()
                .map(|records| records.div_ceil(PAGE).max(1));
            requests += pages.sum::<usize>();
        }
    }
    requests
}

fn begin() -> DateTime<Utc> {
    "2025-10-01T03:07:00Z".parse().unwrap()
}

/// Faults of a life, with their times.
struct Storm {
    /// Outages by source: from, to.
    outages: Vec<(&'static str, DateTime<Utc>, DateTime<Utc>)>,
    /// Clock skew of the daemon: from, to, offset.
    skews: Vec<(DateTime<Utc>, DateTime<Utc>, TimeDelta)>,
    /// Crashes of the daemon, and the delay until its restart.
    deaths: Vec<(DateTime<Utc>, TimeDelta)>,
    /// `true` if responses fail randomly, and time sometimes advances before a reconcile pass has finished.
    rough: bool,
}

impl Storm {
    fn none() -> Self {
        Self {
            outages: Vec::new(),
            skews: Vec::new(),
            deaths: Vec::new(),
            rough: false,
        }
    }

    fn random(seed: u64, begin: DateTime<Utc>, days: i64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut at = || begin + TimeDelta::minutes(rng.random_range(60..(days - 2) * 1440));
        let outages = OUTAGES
            .iter()
            .zip(SOURCES.iter().cycle())
            .map(|(hours, source)| {
                let from = at();
                (*source, from, from + TimeDelta::hours(*hours))
            });
        let outages: Vec<_> = outages.collect();
        let skews = [-3 * 60, 7, 26 * 60].map(|minutes| {
            let from = at();
            (
                from,
                from + TimeDelta::minutes(95),
                TimeDelta::minutes(minutes),
            )
        });
        let mut deaths: Vec<_> = (0..days * 2).map(|_| at()).collect();
        for at in deaths.iter_mut().step_by(2) {
            // At a slot, where a run can be interrupted.
            *at = at.duration_trunc(TimeDelta::hours(1)).unwrap();
        }
        deaths.sort();
        let deaths = deaths.into_iter().enumerate();
        let deaths = deaths.map(|(number, at)| {
            // Most restarts follow at once; every fifth one after a night.
            let away = if number % 5 == 4 { 9 * 60 } else { 1 };
            (at, TimeDelta::minutes(away))
        });
        Self {
            deaths: deaths.collect(),
            outages,
            skews: skews.into(),
            rough: true,
        }
    }

    fn skew(&self, now: DateTime<Utc>) -> TimeDelta {
        let within = self
            .skews
            .iter()
            .find(|(from, to, _)| (*from..*to).contains(&now));
        within.map_or(TimeDelta::zero(), |(.., skew)| *skew)
    }

    fn is_dead(&self, now: DateTime<Utc>) -> bool {
        let mut deaths = self.deaths.iter();
        deaths.any(|(at, away)| (*at..*at + *away).contains(&now))
    }

    fn faults(&self, source: &str, now: DateTime<Utc>) -> Faults {
        let mut outages = self.outages.iter();
        let away = outages.any(|(of, from, to)| *of == source && (*from..*to).contains(&now));
        let shaky = |fault| (fault, 0.004);
        Faults {
            rules: match away {
                true => vec![Rule::always(Fault::Unavailable)],
                false => Vec::new(),
            },
            rates: match self.rough {
                true => [Fault::ServerError, Fault::Reset, Fault::CutOff, Fault::Html]
                    .map(shaky)
                    .into(),
                false => Vec::new(),
            },
            ..Faults::default()
        }
    }

    /// Returns the next instant at which a fault begins or ends.
    fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let outages = self.outages.iter().flat_map(|(_, from, to)| [*from, *to]);
        let skews = self.skews.iter().flat_map(|(from, to, _)| [*from, *to]);
        let deaths = self.deaths.iter().flat_map(|(at, away)| [*at, *at + *away]);
        outages
            .chain(skews)
            .chain(deaths)
            .filter(|at| *at > now)
            .min()
    }
}

/// Statistics of a life.
#[derive(Debug, Default)]
struct Facts {
    restarts: u32,
    killed_within_runs: u32,
    looks: u32,
    runs: usize,
    /// Number of runs that didn't end well.
    failed: usize,
    requests: usize,
    /// Number of requests during an outage.
    unavailable: usize,
    least: usize,
}

async fn live(days: i64, seed: u64, storm: &Storm) -> Facts {
    let from = Day::of(
        begin() - TimeDelta::days(HISTORY),
        chrono_tz::America::Sao_Paulo,
    );
    let until = begin() + TimeDelta::days(days);
    let last = Day::of(until, chrono_tz::America::Sao_Paulo);
    let plan = Plan {
        sources: &SOURCES,
        jobs: JOBS,
        days: (from, last),
        records: RECORDS,
        latency: Duration::ZERO,
        more: &[],
    };
    let world = World::new(seed, plan, begin()).await;
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut facts = Facts::default();
    let mut seen = BTreeMap::new();
    let mut life: Option<Life> = None;
    while world.truth.now() < until {
        let now = world.truth.now();
        for (source, simulator) in &world.simulators {
            simulator.set_faults(storm.faults(source, now));
        }
        world.shown.set(now + storm.skew(now));
        if storm.is_dead(now) {
            if let Some(life) = life.take() {
                facts.killed_within_runs += u32::from(kill_soon(life, &mut rng).await);
            }
        } else {
            let living = life.get_or_insert_with(|| {
                facts.restarts += 1;
                world.start()
            });
            facts.looks += 1;
            if storm.rough && rng.random_bool(0.05) {
                // Time advances while runs are under way.
                living.daemon.wake();
                tokio::time::sleep(Duration::from_millis(rng.random_range(1..8))).await;
            } else {
                living.look().await;
            }
            note_ended(living, &mut seen).await;
        }
        let due = life.as_ref().map(|life| world.next(life));
        let next = [due, storm.next_change(now)].into_iter().flatten().min();
        world.truth.set(next.unwrap_or(until).min(until));
    }
    // After the last fault, all pending work is caught up within a day.
    for simulator in world.simulators.values() {
        simulator.heal();
    }
    world.shown.set(world.truth.now());
    let life = life.take().unwrap_or_else(|| world.start());
    world.pass(&life, until + TimeDelta::hours(26)).await;
    note_ended(&life, &mut seen).await;
    life.stop().await;
    let days = world.over(24);
    assert!(days.len() as i64 >= HISTORY, "{days:?}");
    world.assert_complete(&days).await;
    facts.runs = seen.len();
    facts.failed = seen.values().filter(|(.., well)| !well).count();
    facts.requests = world.requests();
    let ledgers = world.simulators.values().map(|one| one.ledger());
    let met = |entry: &Entry| entry.fault == Some("unavailable");
    facts.unavailable = ledgers.flatten().filter(met).count();
    facts.least = least(&world, world.truth.now(), &days);
    every_run_is_audited(&world, &seen).await;
    no_day_was_read_twice_at_a_time(&world, &days, storm).await;
    facts
}

/// Kills the daemon a moment after waking it. Returns `true` if runs were under way.
async fn kill_soon(life: Life, rng: &mut SmallRng) -> bool {
    life.daemon.wake();
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..12))).await;
    let runs = life.daemon.runs().await.unwrap();
    life.kill().await;
    runs.iter().any(|run| run.ended_at.is_none())
}

/// Finished runs: source, day, and `true` if they ended well.
type Ended = BTreeMap<Uuid, (String, Day, bool)>;

async fn note_ended(life: &Life, seen: &mut Ended) {
    for run in life.daemon.runs().await.unwrap() {
        if run.ended_at.is_some() {
            // Working days before the first one with records are caught up, too: the first run of each
            // doesn't believe an empty response yet.
            let unbelieved = "a working day without a record";
            let waits = run.error.is_some_and(|error| error.contains(unbelieved));
            let well = run.status == RunStatus::Ok || waits;
            seen.insert(run.run_id, (run.source, run.day, well));
        }
    }
}

/// P7: each run reported by the daemon is in the audit of its day, once.
async fn every_run_is_audited(world: &World, seen: &Ended) {
    let mut audits: BTreeMap<(String, Day), Vec<Value>> = BTreeMap::new();
    for (run_id, (source, day, _)) in seen {
        let key = (source.clone(), *day);
        if !audits.contains_key(&key) {
            audits.insert(key.clone(), world.audit(source, *day).await);
        }
        let entries = audits[&key].iter();
        let own = entries.filter(|entry| entry["run_id"] == run_id.to_string());
        assert_eq!(own.count(), 1, "{run_id} of {source} {day}");
    }
}

async fn no_day_was_read_twice_at_a_time(world: &World, days: &[Day], storm: &Storm) {
    let at = |run: &Value, key: &str| -> DateTime<Utc> {
        let text = run[key].as_str().unwrap();
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    };
    let mut pairs = 0;
    for source in SOURCES {
        for day in days {
            let mut runs = world.audit(source, *day).await;
            // A crashed run has no exact end time, and a run during clock skew can't be told from another
            // one.
            runs.retain(|run| !matches!(run["status"].as_str(), Some("running" | "recovered")));
            runs.retain(|run| {
                let near = |(from, to, skew): &(DateTime<Utc>, DateTime<Utc>, TimeDelta)| {
                    let shown = (*from + *skew)..(*to + *skew);
                    let hour = TimeDelta::hours(1);
                    let around = shown.start - hour..shown.end + hour;
                    around.contains(&at(run, "started_at"))
                };
                !storm.skews.iter().any(near)
            });
            runs.sort_by_key(|run| (at(run, "started_at"), at(run, "timestamp")));
            for two in runs.windows(2) {
                pairs += 1;
                let (ended, began) = (at(&two[0], "timestamp"), at(&two[1], "started_at"));
                assert!(ended <= began, "{source} {day}: {two:#?}");
            }
        }
    }
    assert!(pairs > 0);
}
