//! Two daemons on one lake, as during a rolling deployment.

use std::time::Duration;

use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_simulator::faults::{Fault, Faults};
use chrono::{DateTime, TimeDelta, Utc};

use crate::support::driven::{Life, Plan, World};
use crate::support::runtime;
use crate::support::sources::JOBS;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// P1 with two daemons: each slot wakes both, and both read the same days at the same time.
#[test]
fn two_daemons_on_one_lake_store_everything_once() {
    runtime().block_on(async {
        let days: [Day; 2] = ["2025-10-20", "2025-10-23"].map(|day| day.parse().unwrap());
        let plan = Plan {
            sources: &["one"],
            jobs: JOBS,
            days: (days[0], days[1]),
            records: 80,
            latency: Duration::from_millis(1),
            // Several commits per run, which collide.
            more: &[("BRONZED__COMMIT__MAX_RECORDS", "10")],
        };
        let world = World::new(8, plan, at("2025-10-22T07:59:00-03:00")).await;
        world.simulators["one"].set_faults(Faults {
            rates: vec![(Fault::Reset, 0.02), (Fault::CutOff, 0.02)],
            ..Faults::default()
        });
        let mut old = world.start();
        let mut new = world.start();
        let end = at("2025-10-24T12:00:00-03:00");
        let mut hours = 0;
        while world.truth.now() < end {
            tokio::join!(old.look(), new.look());
            let next = world.next(&old).min(world.next(&new));
            world
                .truth
                .set(next.min(world.truth.now() + TimeDelta::hours(1)));
            hours += 1;
            if hours % 12 == 0 {
                // Next deployment: the older daemon stops while the newer one is at work.
                new.daemon.wake();
                let gone: Life = std::mem::replace(&mut old, new);
                gone.stop().await;
                new = world.start();
            }
        }
        old.stop().await;
        new.stop().await;
        let days: Vec<_> = days[0].through(days[1]).collect();
        world.assert_complete(&days).await;
        let mut twice = 0;
        for day in days {
            let runs = world.audit("one", day).await;
            let began = |run: &serde_json::Value| run["started_at"].as_str().unwrap().to_owned();
            twice += runs
                .windows(2)
                .filter(|two| began(&two[0]) == began(&two[1]))
                .count();
        }
        assert!(twice > 20, "both were at work at the same times: {twice}");
    });
}
