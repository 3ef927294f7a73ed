//! Triggers of the daemon's reconcile pass.

use std::time::Duration;

use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use chrono::{DateTime, TimeDelta, Utc};

use crate::support::driven::{Plan, World};
use crate::support::runtime;
use crate::support::sources::JOBS;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// The cron crate is known to stop firing. Then only the tick triggers reconcile passes, and no slot is
/// lost.
#[test]
fn a_scheduler_that_stops_waking_costs_no_slot() {
    runtime().block_on(async {
        let today = day("2025-10-22");
        let plan = Plan {
            sources: &["one"],
            jobs: JOBS,
            days: (today, today),
            records: 30,
            latency: Duration::ZERO,
            more: &[],
        };
        let begin = at("2025-10-22T00:00:07-03:00");
        let world = World::new(5, plan, begin).await;
        let life = world.start();
        life.look().await;
        for tick in 1..24 * 3600 / 15 {
            world.truth.set(begin + TimeDelta::seconds(15 * tick));
            life.look().await;
        }
        let runs = world.audit("one", today).await;
        let mut began: Vec<_> = runs
            .iter()
            .filter(|run| run["job"] == "hourly")
            .map(|run| at(run["started_at"].as_str().unwrap()))
            .collect();
        began.sort();
        let slots: Vec<_> = (0..24)
            .map(|hour| at("2025-10-22T00:00:00-03:00") + TimeDelta::hours(hour))
            .collect();
        assert_eq!(began.len(), slots.len(), "{began:?}");
        for (slot, began) in slots.iter().zip(&began) {
            let late = *began - *slot;
            assert!((0..=15).contains(&late.num_seconds()), "{slot}: {began}");
        }
        assert!(world.truth.now() < at("2025-10-23T00:00:00-03:00"));
        life.stop().await;
    });
}
