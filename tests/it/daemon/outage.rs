//! Promise P11: while an API or the lake is down, work waits, and resumes by itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bronzed::server::daemon::DaemonService as _;
use bronzed::server::order::BackfillOrder;
use bronzed::server::view::RunStatus;
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;
use tokio::runtime::Builder;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::driven::{Life, Plan, World};
use crate::support::sources::JOBS;

/// Longest cool-down of the circuit breaker.
const PROBE_INTERVAL: TimeDelta = TimeDelta::minutes(10);

fn noon() -> DateTime<Utc> {
    "2025-10-22T15:07:00Z".parse().unwrap()
}

/// Returns a source whose last days have two records each.
async fn world(days: u64, jobs: &str) -> World {
    let today = Day::of(noon(), Sao_Paulo);
    let plan = Plan {
        sources: &["one"],
        jobs,
        days: (Day::new(today.date() - Days::new(days)), today),
        records: 2,
        latency: Duration::ZERO,
        more: &[],
    };
    World::new(3, plan, noon()).await
}

fn away() -> Faults {
    Faults {
        rules: vec![Rule::always(Fault::Unavailable)],
        ..Faults::default()
    }
}

/// Counts the bytes that are logged.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Counted {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn puts(world: &World) -> Vec<String> {
    let log = world.store.take_log();
    log.into_iter().filter(|op| op.starts_with("PUT")).collect()
}

/// Runs a test on one thread, so that its log bytes can be counted.
fn alone(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test());
}

async fn complete_days(world: &World) -> usize {
    let markers = world.lake().list("one/_state/complete").await.unwrap();
    markers.len()
}

/// Advances time from one wake of the daemon to the next until requests arrive, without waiting for their
/// end.
async fn until_asked(world: &World, life: &Life, last: DateTime<Utc>) {
    let before = world.requests();
    while world.requests() == before {
        assert!(world.truth.now() < last, "nobody asks");
        world.truth.set(world.next(life).min(last));
        life.daemon.wake();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn an_outage_of_an_hour_made_ten_thousand_runs_fail() {
    let logs = Counted::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(logs.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    alone(async || {
        let world = world(10_000, JOBS).await;
        world.simulators["one"].set_faults(away());
        let life = world.start();
        world.pass(&life, noon() + TimeDelta::hours(1)).await;
        let (requests, writes) = (world.requests(), puts(&world));
        let bytes = logs.0.load(Ordering::Relaxed);
        println!(
            "{requests} requests, {} writes, {bytes} bytes of logs",
            writes.len()
        );
        assert!(requests <= 200, "{requests} requests");
        assert!(writes.len() <= 100, "{writes:#?}");
        assert!(bytes <= 1_000_000, "{bytes} bytes of logs");
        // No attempt is recorded for any day.
        assert!(
            !writes.iter().any(|key| key.contains("/_state/")),
            "{writes:#?}"
        );

        world.simulators["one"].heal();
        let healed = world.truth.now();
        until_asked(&world, &life, healed + PROBE_INTERVAL).await;
        // Without further time passing, day after day is read.
        let begun = tokio::time::Instant::now();
        while complete_days(&world).await < 50 {
            assert!(begun.elapsed() < Duration::from_secs(60), "days wait");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn a_backfill_that_was_asked_for_was_forgotten_in_an_outage() {
    alone(async || {
        let jobs = "[job.hourly]\ncron = \"0 4 * * *\"\ndays = \"today\"\nmode = \"new\"\npriority = \"hourly\"";
        let world = world(8, jobs).await;
        world.simulators["one"].set_faults(away());
        let life = world.start();
        life.look().await;
        let today = Day::of(noon(), Sao_Paulo);
        let order = BackfillOrder {
            source: "one".to_owned(),
            dataset: "contratacoes".to_owned(),
            from: Day::new(today.date() - Days::new(8)),
            to: today.previous(),
        };
        let asked = life.daemon.start_backfill(order).await.unwrap();
        assert_eq!(asked.queued_days, 8);
        world.pass(&life, noon() + TimeDelta::hours(3)).await;
        let waiting = || async {
            let runs = life.daemon.runs().await.unwrap();
            let waiting = runs.iter().filter(|run| run.status == RunStatus::Queued);
            waiting.count()
        };
        assert_eq!(waiting().await, 8);
        assert!(world.requests() < 60, "{} requests", world.requests());
        world.simulators["one"].heal();
        world.pass(&life, world.truth.now() + PROBE_INTERVAL).await;
        assert_eq!(waiting().await, 0);
        assert_eq!(complete_days(&world).await, 8);
    });
}

#[test]
fn a_full_lake_had_day_after_day_read_for_nothing() {
    alone(async || {
        let world = world(35, JOBS).await;
        // Refuses all writes, except the probe at the start and other objects below `_bronzed/`.
        let started = AtomicUsize::new(0);
        world.store.refuse(move |operation| {
            let at_start = operation.starts_with("PUT _bronzed/")
                && (!operation.contains("probe") || started.fetch_add(1, Ordering::Relaxed) < 4);
            operation.starts_with("PUT") && !at_start
        });
        let life = world.start();
        let refused = async {
            life.look().await;
            assert!(!life.daemon.readiness().lake_writable);
            assert!(!life.daemon.readiness().is_ready());
            world.pass(&life, noon() + TimeDelta::hours(1)).await;
            world.requests()
        };
        let requests = refused.await;
        assert!(requests <= 40, "{requests} requests for nothing");
        assert!(!life.daemon.readiness().lake_writable);
        world.store.refuse(|_| false);
        world
            .pass(&life, world.truth.now() + TimeDelta::minutes(5))
            .await;
        assert!(life.daemon.readiness().is_ready());
        // Neither the day whose write was refused nor another one is under back-off.
        assert_eq!(complete_days(&world).await, 35);
    });
}
