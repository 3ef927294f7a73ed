//! Simulates the shipped configuration over 200 days without faults: its jobs read every day that they name,
//! and once more after the day has settled.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts, Knowledge};
use crate::schedule::plan::{PlanInput, Running, Task, plan};
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;

const DAYS: i64 = 200;

/// Duration of a run.
const TAKES: TimeDelta = TimeDelta::minutes(5);

/// Start times of all full reads of a dataset's day.
type Reads = BTreeMap<(Arc<str>, Day), Vec<DateTime<Utc>>>;

struct Life {
    schedule: Schedule,
    lake: Knowledge,
    reads: Reads,
    begin: DateTime<Utc>,
    now: DateTime<Utc>,
}

/// Simulates 200 days; due runs start at once.
fn live(source: &str) -> Life {
    let settings = bronzed_config::load(None, []).unwrap();
    let mut schedule = Schedule::of(&settings.sources[source]).unwrap();
    // Leave out the verification of complete days.
    schedule.jobs.retain(|_, job| job.job.mode != Mode::Verify);
    let begin: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
    let mut lake = Knowledge::default();
    for name in schedule.datasets.keys() {
        lake.learn(name, DatasetKnowledge::default());
    }
    let mut life = Life {
        schedule,
        lake,
        reads: Reads::new(),
        begin,
        now: begin,
    };
    while life.now < begin + TimeDelta::days(DAYS) {
        life.look();
    }
    life
}

impl Life {
    fn look(&mut self) {
        for name in self.schedule.datasets.keys() {
            let first = self.schedule.first_named(name, self.now);
            let known = self.lake.of_mut(name).unwrap();
            first.into_iter().for_each(|day| known.name_from(day));
        }
        let plan = plan(
            &self.schedule,
            PlanInput {
                now: self.now,
                previous: Some(self.now),
                knowledge: &self.lake,
                running: &Running::new(),
                paused: &Default::default(),
            },
        );
        for task in &plan.tasks {
            self.read(task);
        }
        // Plan again at a run's end, or when something becomes due.
        let next = match plan.tasks.is_empty() {
            true => plan.next_wake,
            false => self.now + TAKES,
        };
        self.now = next.max(self.now + TAKES);
    }

    fn read(&mut self, task: &Task) {
        let facts = ExecutionFacts {
            run_id: Uuid::from_u128(self.reads.len() as u128 * 1000 + self.now.timestamp() as u128),
            job: Arc::clone(&task.job),
            status: Status::Ok,
            stop: None,
            again_at: None,
            started_at: self.now,
            ended_at: self.now + TAKES,
            mistyped: None,
        };
        let dataset = self.schedule.datasets[&task.dataset];
        let known = self.lake.of_mut(&task.dataset).unwrap();
        known.note(task.day, facts);
        if task.mode == Mode::Full {
            let key = (Arc::clone(&task.dataset), task.day);
            self.reads.entry(key).or_default().push(self.now);
            let settled = task.day.end(self.schedule.zone) + dataset.settle;
            if self.now >= settled && !dataset.only_today {
                known.complete(task.day);
            }
        }
    }

    /// Checks every named day of dated datasets that settled at least a day ago.
    fn every_named_day_is_read_after_its_settle_time(&self) {
        let mut settles_late = 0;
        for (name, dataset) in &self.schedule.datasets {
            let Some(first) = self.schedule.first_named(name, self.begin) else {
                continue;
            };
            let ripe = self.now - dataset.settle - TimeDelta::days(1);
            let last = Day::of(ripe, self.schedule.zone).previous();
            assert!(first < last, "{name}: nothing could settle in {DAYS} days");
            let known = self.lake.of(name).unwrap();
            let missing: Vec<_> = first
                .through(last)
                .filter(|day| !known.is_complete(*day))
                .collect();
            assert!(
                missing.is_empty(),
                "{name}: {missing:?} of {first} to {last}"
            );
            settles_late += usize::from(dataset.settle > TimeDelta::days(14));
            assert_eq!(
                self.schedule.backlog(name, known, self.now).overdue,
                0,
                "{name}"
            );
        }
        println!(
            "{}: {settles_late} settle after their jobs' window",
            self.schedule.source
        );
    }
}

#[test]
fn pncp_as_shipped_reads_every_day_that_its_jobs_name_when_it_has_settled() {
    live("pncp").every_named_day_is_read_after_its_settle_time();
}

#[test]
fn comprasnet_as_shipped_reads_every_day_that_its_jobs_name_when_it_has_settled() {
    let life = live("comprasnet");
    life.every_named_day_is_read_after_its_settle_time();
    // Five datasets settle in 45 to 120 days. Formerly every open day was read each night (390).
    let since = life.now - TimeDelta::days(50);
    let dated = |dataset: &Arc<str>| !life.schedule.datasets[dataset].only_today;
    let of_days = life.reads.iter().filter(|((dataset, _), _)| dated(dataset));
    let late = of_days
        .flat_map(|(_, reads)| reads)
        .filter(|at| **at >= since);
    let nightly = late.count() / 50;
    assert!((30..=130).contains(&nightly), "{nightly} readings a night");
    println!("{nightly} readings a night");
}
