//! Priority of urgent runs over a backfill that uses all permits of an API.

use std::time::Duration;

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_simulator::ledger::Entry;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;

use crate::support::driven::{Plan, World};
use crate::support::runtime;

/// Duration of a response.
const LATENCY: Duration = Duration::from_secs(5);
/// Maximum number of requests started per second.
const RATE: usize = 2;

/// While a backfill of 90 days holds all permits, the first request of an hourly run is sent within a
/// second of the next free permit; and the request log shows neither more requests in flight nor more
/// started in any second than configured.
#[test]
#[ignore = "takes a minute of waiting: .ci/run conformance"]
fn an_hourly_run_goes_before_a_backfill_that_holds_all_permits() {
    runtime().block_on(async {
        let jobs = r#"
[job.hourly]
cron = "0 * * * *"
days = "today"
mode = "new"
priority = "hourly"
catch_up = "30m"

[job.backfill]
cron = "30 4 * * *"
days = "incomplete"
mode = "full"
priority = "backfill"
"#;
        let slot: DateTime<Utc> = "2025-10-22T15:00:00Z".parse().unwrap();
        let today = Day::of(slot, Sao_Paulo);
        let from = Day::new(today.date() - chrono::Days::new(90));
        let rate = RATE.to_string();
        let plan = Plan {
            sources: &["one"],
            jobs,
            days: (from, today),
            records: 40,
            latency: LATENCY,
            more: &[
                ("BRONZED__SOURCES__ONE__LIMITS__REQUESTS_PER_SECOND", &rate),
                ("BRONZED__SOURCES__ONE__LIMITS__BURST", "1"),
            ],
        };
        // Starts early enough to finish the catch-up of the previous slot before this one.
        let lead = TimeDelta::seconds(40);
        let world = World::new(6, plan, slot - lead).await;
        let simulator = &world.simulators["one"];
        // The clock runs at the machine's speed, so that distances in the ledger are real time.
        let begun = SystemClock.now();
        let life = world.start();
        let watch = async |until: &dyn Fn(&[Entry]) -> bool| loop {
            world.truth.set(slot - lead + (SystemClock.now() - begun));
            let entries = simulator.ledger();
            if until(&entries) {
                return entries;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let is_of_today = |entry: &Entry| {
            let days = entry.days.as_deref().unwrap_or_default();
            days.starts_with(&today.compact())
        };
        let before = watch(&|_| world.truth.now() >= slot).await;
        life.daemon.wake();
        let last: Vec<_> = before.iter().rev().take(6).collect();
        assert!(
            last.len() == 6 && !last.into_iter().any(is_of_today),
            "{before:#?}"
        );
        let entries = watch(&|entries| entries[before.len()..].iter().any(is_of_today)).await;
        let latency = TimeDelta::from_std(LATENCY).unwrap();
        let first = entries[before.len()..]
            .iter()
            .find(|entry| is_of_today(entry));
        let answered = before.iter().map(|entry| entry.at + latency);
        let free = answered.filter(|at| *at >= slot).min().unwrap();
        let waited = first.unwrap().at - free;
        println!("the first hourly request left {waited} after the next free permit");
        assert!(waited < TimeDelta::seconds(1), "{waited}");
        // Some more requests of both runs, to check the limits.
        let entries = watch(&|found| found.len() >= entries.len() + 12).await;
        let in_flight = entries.iter().map(|entry| entry.in_flight).max().unwrap();
        assert!(in_flight <= 3, "{in_flight}");
        for window in entries.windows(RATE + 1) {
            // Network latency shifts arrivals by some milliseconds.
            let apart = window[RATE].at - window[0].at;
            assert!(
                apart > TimeDelta::milliseconds(960),
                "{} in {apart}",
                RATE + 1
            );
        }
        println!("{} requests, {in_flight} in flight at most", entries.len());
    });
}
