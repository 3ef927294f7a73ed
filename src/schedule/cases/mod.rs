//! Rules of the planner as test cases: knowledge, time, due runs.
//!
//! Times are written as `22 10:00` for 2025-10-22T10:00 in São Paulo, days as `22`; with another month as
//! `11-01 10:00` and `11-01`.

mod calendar;
mod coverage;
mod only_today;
mod periods;
mod served;
mod slots;
mod together;
mod verification;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;
use uuid::Uuid;

use crate::schedule::jobs::{Schedule, ScheduledDataset, ScheduledJob};
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts, Knowledge};
use crate::schedule::plan::{Plan, PlanInput, Running, RunningRead, plan};
use bronzed_model::cron::Cron;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Job, JobDays, Mode, Priority};
use bronzed_model::execution::{Status, StopReason};
use bronzed_model::verified::Verified;

fn at(text: &str) -> DateTime<Utc> {
    let (day, time) = text.split_once(' ').unwrap();
    format!("{}T{time}:00-03:00", date(day)).parse().unwrap()
}

fn day(text: &str) -> Day {
    date(text).parse().unwrap()
}

fn date(text: &str) -> String {
    match text.contains('-') {
        true => format!("2025-{text}"),
        false => format!("2025-10-{text}"),
    }
}

/// A job as tests declare it.
pub(super) fn job(name: &str, cron: &str, days: JobDays, mode: Mode, priority: Priority) -> Job {
    Job {
        name: name.to_owned(),
        cron: cron.to_owned(),
        days,
        mode,
        priority,
        datasets: Vec::new(),
        blackout: Vec::new(),
        catch_up: Job::CATCH_UP,
        freshness: None,
        complete_by: Job::COMPLETE_BY,
        deadline: None,
    }
}

fn hourly() -> Job {
    job(
        "hourly",
        "0 * * * *",
        JobDays::Today,
        Mode::New,
        Priority::Hourly,
    )
}

fn daily() -> Job {
    job(
        "daily",
        "0 3 * * *",
        JobDays::Yesterday,
        Mode::Full,
        Priority::Daily,
    )
}

fn backfill() -> Job {
    job(
        "backfill",
        "30 4 * * *",
        JobDays::Incomplete,
        Mode::Full,
        Priority::Backfill,
    )
}

/// A source with one dataset, `notices`, and its knowledge.
struct Case {
    schedule: Schedule,
    known: DatasetKnowledge,
    running: Running,
    paused: BTreeSet<String>,
    previous: Option<DateTime<Utc>>,
    runs: u128,
}

fn given(jobs: impl IntoIterator<Item = Job>) -> Case {
    let jobs = jobs.into_iter().map(|job| {
        let cron = Cron::parse(&job.cron, Sao_Paulo).unwrap();
        (job.name.as_str().into(), ScheduledJob { job, cron })
    });
    let notices = ScheduledDataset {
        period: bronzed_model::declaration::Period::Day,
        settle: TimeDelta::hours(2),
        earliest: None,
        coverage_from: None,
        verify: true,
        only_today: false,
    };
    Case {
        schedule: Schedule {
            source: "pncp".into(),
            zone: Sao_Paulo,
            datasets: BTreeMap::from([("notices".into(), notices)]),
            jobs: jobs.collect(),
        },
        known: DatasetKnowledge::default(),
        running: Running::new(),
        paused: BTreeSet::new(),
        previous: None,
        runs: 0,
    }
}

impl Case {
    fn complete(mut self, first: &str, last: &str) -> Self {
        for day in day(first).through(day(last)) {
            self.known.complete(day);
        }
        self
    }

    fn ran(mut self, of: &str, job: &str, status: Status, from: &str, to: &str) -> Self {
        self.runs += 1;
        let facts = ExecutionFacts {
            run_id: Uuid::from_u128(self.runs),
            job: job.into(),
            status,
            stop: None,
            again_at: None,
            started_at: at(from),
            ended_at: at(to),
            mistyped: None,
        };
        self.known.note(day(of), facts);
        self
    }

    /// Adds a run that ended early with a stop reason, or with a time of the next useful attempt.
    fn ended(
        mut self,
        of: &str,
        (from, to): (&str, &str),
        stop: Option<StopReason>,
        again_at: Option<&str>,
    ) -> Self {
        self.runs += 1;
        let facts = ExecutionFacts {
            run_id: Uuid::from_u128(self.runs),
            job: "daily".into(),
            status: Status::Partial,
            stop,
            again_at: again_at.map(at),
            started_at: at(from),
            ended_at: at(to),
            mistyped: None,
        };
        self.known.note(day(of), facts);
        self
    }

    fn accepted(mut self, of: &str) -> Self {
        self.known.accept(day(of));
        self
    }

    /// Sets the first day that a job has ever named.
    fn named_from(mut self, first: &str) -> Self {
        self.known.name_from(day(first));
        self
    }

    /// Sets the time at which the first named day was written into the lake.
    fn named_at(mut self, time: &str) -> Self {
        self.known.name_at(at(time));
        self
    }

    /// Adds the comparison of a complete day with the API.
    fn verified(mut self, of: &str, time: &str, failures: u32) -> Self {
        let at = at(time);
        self.known.verified([(day(of), Verified { at, failures })]);
        self
    }

    fn running(mut self, of: &str, mode: Mode, since: &str) -> Self {
        let started_at = at(since);
        let run = RunningRead { mode, started_at };
        self.running.insert(("notices".into(), day(of)), run);
        self
    }

    fn paused(mut self, job: &str) -> Self {
        self.paused.insert(job.to_owned());
        self
    }

    fn planned_before(mut self, previous: &str) -> Self {
        self.previous = Some(at(previous));
        self
    }

    fn dataset(mut self, change: impl Fn(&mut ScheduledDataset)) -> Self {
        self.schedule.datasets.values_mut().for_each(change);
        self
    }

    fn covered_from(self, from: &str) -> Self {
        self.dataset(|dataset| dataset.coverage_from = Some(day(from)))
    }

    fn plan(&self, now: &str) -> Plan {
        let mut knowledge = Knowledge::default();
        knowledge.learn("notices", self.known.clone());
        let situation = PlanInput {
            now: at(now),
            previous: self.previous,
            knowledge: &knowledge,
            running: &self.running,
            paused: &self.paused,
        };
        plan(&self.schedule, situation)
    }

    /// Asserts the due runs: day, mode, job, priority if it isn't the job's, slot, reason.
    #[track_caller]
    fn due(self, now: &str, expected: &[&str]) -> Self {
        let plan = self.plan(now);
        let tasks = plan.tasks.iter().map(|task| {
            let declared = self.schedule.jobs[&task.job].job.priority;
            let priority = match task.priority == declared {
                true => String::new(),
                false => format!(" as {:?}", task.priority).to_lowercase(),
            };
            format!(
                "{} {:?} {}{priority} {} {}",
                task.day.date().format("%d"),
                task.mode,
                task.job,
                task.slot.with_timezone(&Sao_Paulo).format("%d %H:%M"),
                task.reason.as_str(),
            )
            .replace("Full", "full")
            .replace("New", "new")
            .replace("Verify", "verify")
        });
        assert_eq!(tasks.collect::<Vec<_>>(), expected, "at {now}");
        self
    }

    #[track_caller]
    fn wakes(self, now: &str, expected: &str) -> Self {
        assert_eq!(self.plan(now).next_wake, at(expected), "at {now}");
        self
    }

    /// Asserts the misfires: job, reason, slots.
    #[track_caller]
    fn missed(self, now: &str, expected: &[&str]) -> Self {
        let missed = self.plan(now).missed;
        let missed = missed
            .iter()
            .map(|m| format!("{} {} {}", m.job, m.reason.as_str(), m.slots));
        assert_eq!(missed.collect::<Vec<_>>(), expected, "at {now}");
        self
    }
}
