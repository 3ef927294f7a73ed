//! Simulation of a year: a real daemon with the shipped configuration, against a model of the providers, with
//! a simulated clock and no socket. An oracle that shares no code with the daemon checks the outcome.
//!
//! - `model`: the providers' records, their responses and the injected faults
//! - `life`, `store`, `time`: the daemon, its lake, its clock, and the events of the year
//! - `alerts`: checks the alerts that the daemon raised
//! - `bronze`, `oracle`, `least`: reads the lake, checks it, and counts the requests that were necessary
//!
//! `YEAR_SEED=7` replays one seed, `YEAR_SEEDS=200` runs the seeds 0 to 199.

mod alerts;
mod bronze;
mod chance;
mod least;
mod life;
mod model;
mod oracle;
mod store;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use chrono::NaiveDate;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use alerts::Ears;
use life::World;
use model::{Api, TABLES};
use oracle::{Case, Verdict};
use time::{True, days, start_of};

/// Number of lines that a report shows for each kind of finding and dataset.
const SHOWN: usize = 5;

/// Number of days with faults, unless `YEAR_DAYS` is set.
const DAYS: i64 = 400;

/// Length of a simulation, and its datasets.
#[derive(Debug, Clone)]
struct Plan {
    /// Number of days with faults.
    days: i64,
    /// Number of days without faults at the end.
    quiet: i64,
    /// Datasets that are read. Empty: all.
    only: Vec<String>,
}

/// Result of a simulation.
struct Outcome {
    seed: u64,
    verdict: Verdict,
    story: String,
}

fn first() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 6).expect("a day")
}

async fn live(seed: u64, plan: &Plan) -> Outcome {
    let first = first();
    let noisy = first + days(plan.days - 1);
    let last = noisy + days(plan.quiet);
    let api = Api {
        ledger: Arc::new(model::ledger(seed, first, last)),
        weather: Arc::new(model::weather(seed, first, noisy)),
        truth: True::from(start_of(first)),
        asks: Arc::default(),
    };
    let ears = Ears::new(api.truth);
    let mut world = World::new(seed, api, plan.only.clone());
    let heard = tracing_subscriber::registry()
        .with(ears.clone())
        .set_default();
    world.live(seed, first, last).await;
    drop(heard);
    let bronze = bronze::read(&world.store).await;
    let is_read = |name: String| plan.only.is_empty() || plan.only.contains(&name);
    let tables = TABLES.iter().enumerate();
    let tables: BTreeSet<_> = tables
        .filter(|(_, table)| is_read(table.name()))
        .map(|(number, _)| number)
        .collect();
    let case = Case {
        ledger: &world.api.ledger,
        weather: &world.api.weather,
        bronze: &bronze,
        markers: &world.store.markers(),
        first,
        end: start_of(last) + days(1),
        new_slice_at: world.new_slice_at,
        tables: &tables,
    };
    let mut verdict = case.judge();
    let alerts = ears.heard();
    verdict.alerts = alerts::judge(&alerts, &world.api.weather, &tables);
    let least = least::least(
        &world.api.ledger,
        &tables,
        first,
        case.end,
        world.new_slice_at,
    );
    let mut story = story(seed, &verdict, &world, bronze.files, &least);
    let (stuck, lost) = (verdict.stuck_days.iter(), verdict.lost_days.iter());
    for (table, day) in stuck.take(3).chain(lost.take(3)) {
        let name = TABLES[*table].name();
        for run in bronze::last_runs(&world.store, *table, *day).await {
            _ = writeln!(story, "  of {name} {day}: {run}");
        }
    }
    for (table, day) in shown() {
        for run in bronze::last_runs(&world.store, table, day).await {
            _ = writeln!(story, "  of {} {day}: {run}", TABLES[table].name());
        }
    }
    let count = |message| {
        alerts
            .iter()
            .filter(|alert| alert.message == message)
            .count()
    };
    let (stale, of_days) = (count(alerts::STALE), count(alerts::OVERDUE));
    _ = writeln!(
        story,
        "  alerts: {stale} of stale datasets, {of_days} of overdue days"
    );
    Outcome {
        seed,
        verdict,
        story,
    }
}

/// Returns the report of a simulation.
fn story(
    seed: u64,
    verdict: &Verdict,
    world: &World,
    files: usize,
    least: &BTreeMap<usize, u64>,
) -> String {
    let mut text = String::new();
    let asks = world.api.asks.lock().expect("no panic").clone();
    let requests: u64 = asks.values().sum();
    let at_least: u64 = least.values().sum();
    _ = writeln!(
        text,
        "seed {seed}: {} listings, lost {}, falsely complete {}, stuck {}, doubled {}, snapshots {}, alerts {}, unseen {}; {requests} requests of {at_least}, {files} files, {} deaths",
        verdict.listings,
        verdict.lost.len(),
        verdict.falsely_complete.len(),
        verdict.stuck.len(),
        verdict.doubled.len(),
        verdict.snapshots.len(),
        verdict.alerts.len(),
        verdict.unseen.len(),
        world.deaths,
    );
    for (at, operations) in &world.hours {
        _ = writeln!(text, "  an idle hour until {at}: {operations:?}");
    }
    for (table, requests) in asks {
        let least = least.get(&table).copied().unwrap_or_default();
        let name = TABLES[table].name();
        _ = writeln!(text, "  {requests:>7} requests of {least:>7} {name}");
    }
    let kinds = [
        ("lost", &verdict.lost),
        ("falsely complete", &verdict.falsely_complete),
        ("stuck", &verdict.stuck),
        ("doubled", &verdict.doubled),
        ("snapshot", &verdict.snapshots),
        ("alert", &verdict.alerts),
        ("unseen", &verdict.unseen),
    ];
    for (kind, lines) in kinds {
        _ = write!(text, "{}", by_table(kind, lines));
        let mut shown = BTreeMap::<&str, usize>::new();
        for line in lines {
            let name = line.split(' ').next().unwrap_or_default();
            let shown = shown.entry(name).or_default();
            *shown += 1;
            if *shown <= SHOWN {
                _ = writeln!(text, "  {kind}: {line}");
            }
        }
    }
    text
}

/// Returns a line for each dataset with its number of findings.
fn by_table(kind: &str, lines: &[String]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for line in lines {
        let name = line.split(' ').next().unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    let mut text = String::new();
    for (name, count) in counts {
        _ = writeln!(text, "  {count:>7} {kind} {name}");
    }
    text
}

fn one(seed: u64, plan: &Plan) -> Outcome {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(live(seed, plan))
}

/// Number of datasets of a seed that doesn't read all of them.
const SHARE: u64 = 3;

impl Plan {
    /// Returns the plan of a seed: unchanged if the seed is below `whole` or the datasets are given, else with
    /// `SHARE` datasets, in turn.
    fn of(&self, seed: u64, whole: u64) -> Self {
        if seed < whole || !self.only.is_empty() {
            return self.clone();
        }
        let tables = TABLES.len() as u64;
        let share = (0..SHARE).map(|position| (SHARE * seed + position) % tables);
        let names = share.map(|number| TABLES[usize::try_from(number).expect("small")].name());
        Self {
            only: names.collect(),
            ..self.clone()
        }
    }

    /// Returns the environment variables that replay this seed.
    fn replay(&self, seed: u64) -> String {
        let mut text = format!("YEAR_SEED={seed}");
        if !self.only.is_empty() {
            _ = write!(text, " YEAR_ONLY={}", self.only.join(","));
        }
        if self.days != DAYS {
            _ = write!(text, " YEAR_DAYS={}", self.days);
        }
        text
    }
}

/// Simulates these seeds on two threads, those below `whole` with all datasets of the plan. Panics if one
/// failed.
fn many(seeds: std::ops::Range<u64>, plan: &Plan, whole: u64) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return outcomes;
            }
            let begun = begun();
            let plan = plan.of(seed, whole);
            let outcome = one(seed, &plan);
            println!(
                "{}  {} took {:.1} s",
                outcome.story,
                plan.replay(seed),
                begun.elapsed().as_secs_f64()
            );
            outcomes.push(outcome);
        }
    };
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no panic"))
            .collect()
    });
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|one| one.verdict.faults() > 0)
        .collect();
    let stories: Vec<_> = failed.iter().map(|one| one.story.as_str()).collect();
    let replays = failed
        .iter()
        .map(|one| plan.of(one.seed, whole).replay(one.seed));
    let replays: Vec<_> = replays.collect();
    assert!(
        failed.is_empty(),
        "{}\nthese failed, and live again by: {}",
        stories.join("\n"),
        replays.join(", ")
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a life takes on this machine"
)]
fn begun() -> std::time::Instant {
    std::time::Instant::now()
}

/// Returns the table and day of each entry in `YEAR_SHOW`; the report includes the runs of these days.
fn shown() -> Vec<(usize, NaiveDate)> {
    let asked = env::var("YEAR_SHOW").unwrap_or_default();
    let days = asked.split(',').filter(|day| !day.is_empty());
    days.map(|asked| {
        let (name, day) = asked.split_once('@').expect("dataset@day");
        let table = TABLES.iter().position(|table| table.name() == name);
        (table.expect("a dataset"), day.parse().expect("a day"))
    })
    .collect()
}

fn asked(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn two_months_of_three_datasets_lose_nothing() {
    let seed = asked("YEAR_SEED").unwrap_or(1);
    let only = [
        "pncp.contratacoes",
        "pncp.contratos_atualizacao",
        "comprasnet.uasg",
    ];
    let two_months = Plan {
        days: 40,
        quiet: 12,
        only: only.map(str::to_owned).to_vec(),
    };
    many(seed..seed + 1, &two_months, u64::MAX);
}

/// Environment variables:
/// - `YEAR_SEED=n` runs one seed, `YEAR_SEEDS=n` the first `n`. Default: 20.
/// - `YEAR_WHOLE=n` runs the seeds from `n` on with three datasets each, in turn. Default: all datasets.
/// - `YEAR_ONLY=tcu.acordaos,pncp.atas` runs with these datasets only.
/// - `YEAR_DAYS=n` is the number of days with faults. Default: 400.
/// - `YEAR_TELLS=1` prints the progress.
/// - `YEAR_SHOW=tcu.acordaos@2025-03-01` reports the runs of a day.
#[test]
#[ignore = "minutes: years of all datasets"]
fn years_lose_nothing_prove_nothing_false_and_leave_nothing_stuck() {
    let seeds = match asked("YEAR_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("YEAR_SEEDS").unwrap_or(20),
    };
    let only = env::var("YEAR_ONLY").unwrap_or_default();
    let days = asked("YEAR_DAYS").map(|days| i64::try_from(days).expect("small"));
    let year = Plan {
        days: days.unwrap_or(DAYS),
        quiet: 30,
        only: only
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    many(seeds, &year, asked("YEAR_WHOLE").unwrap_or(u64::MAX));
}
