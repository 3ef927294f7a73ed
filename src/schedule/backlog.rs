//! Backlog of a dataset, and the last run that served a job: shown in pages, metrics and alerts.
//!
//! ```text
//! wanted     ended, begun or named, and neither complete nor accepted
//! backlog    of these, settled before the latest slot: they could be complete
//! overdue    of these, for longer than the job's `complete_by`
//! unread     of these, never read, because they were first named less than `complete_by` ago
//! stuck      of these, tried eight times or more since they settled
//! ```
//!
//! A recent day of a dataset that settles in weeks is wanted, but not in the backlog, because it needs no
//! attention. A first start names days that are past already: none of them is overdue before it has had the
//! time of `complete_by` itself.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::schedule::due::{self, DayDeadlines};
use crate::schedule::jobs::{Schedule, ScheduledDataset, ScheduledJob, delta};
use crate::schedule::knowledge::DatasetKnowledge;
use bronzed_model::day::Day;
use bronzed_model::declaration::{JobDays, Mode, Period};

/// Number of attempts since the settle time after which a day is stuck; with back-off, at least a day has
/// passed.
pub const STUCK: usize = 8;

/// Counts of wanted, late and stuck days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Number of wanted days.
    pub wanted: u64,
    /// Number of days in the backlog.
    pub days: u64,
    /// Number of overdue days.
    pub overdue: u64,
    /// Number of days that were first named a short while ago, and not read since.
    pub unread: u64,
    /// Number of stuck days.
    pub stuck: u64,
    /// Oldest day of the backlog.
    pub oldest: Option<Day>,
    /// Oldest stuck day.
    pub oldest_stuck: Option<Day>,
    /// Time since the oldest day of the backlog settled.
    pub oldest_age: Option<TimeDelta>,
}

impl Schedule {
    /// Returns the backlog of a dataset at `now`.
    pub fn backlog(&self, dataset: &str, known: &DatasetKnowledge, now: DateTime<Utc>) -> Backlog {
        let Some(scheduled) = self.datasets.get(dataset) else {
            return Backlog::default();
        };
        let wanted = self.wanted(dataset, known, now);
        let mut found = Backlog {
            wanted: wanted.len() as u64,
            ..Backlog::default()
        };
        let Some(ripe) = self.ripe(dataset, scheduled, now, |_| TimeDelta::zero()) else {
            return found;
        };
        let due = self.ripe(dataset, scheduled, now, |job| delta(job.job.complete_by));
        for day in wanted.range(..=ripe) {
            found.days += 1;
            let is_due = due.is_some_and(|due| *day <= due);
            found.overdue += u64::from(is_due && !self.is_new(dataset, *day, known, now));
            found.unread += u64::from(self.is_unread(dataset, *day, known, now));
            if self.is_stuck(dataset, *day, known, now) {
                found.stuck += 1;
                found.oldest_stuck = found.oldest_stuck.or(Some(*day));
            }
        }
        found.oldest = wanted.first().copied().filter(|day| *day <= ripe);
        found.oldest_age = found.oldest.map(|day| {
            let settled = DayDeadlines::of(day, scheduled, self.zone).settled;
            (now - settled).max(TimeDelta::zero())
        });
        found
    }

    /// Returns the days of the backlog, oldest first.
    pub fn backlog_days(
        &self,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> BTreeSet<Day> {
        let scheduled = self.datasets.get(dataset);
        let ripe = scheduled.and_then(|one| self.ripe(dataset, one, now, |_| TimeDelta::zero()));
        let Some(ripe) = ripe else {
            return BTreeSet::new();
        };
        let mut wanted = self.wanted(dataset, known, now);
        wanted.retain(|day| *day <= ripe);
        wanted
    }

    /// Returns `true` if an open day was first named a short while ago, and wasn't read since. `false` for days
    /// that have a state.
    pub fn is_unread(
        &self,
        dataset: &str,
        day: Day,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> bool {
        !known.begun().contains(&day) && self.is_new(dataset, day, known, now)
    }

    /// Returns `true` if an open day was first named less than `complete_by` ago, and no run of it is older.
    fn is_new(
        &self,
        dataset: &str,
        day: Day,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(named_at) = known.named_at() else {
            return false;
        };
        let reading = self.jobs_of(dataset);
        let reading = reading.filter(|(_, job)| job.job.mode != Mode::Verify);
        let bound = reading.map(|(_, job)| delta(job.job.complete_by)).min();
        let age = now - named_at;
        let is_recent = age >= TimeDelta::zero() && bound.is_some_and(|bound| age < bound);
        let mut runs = known.executions(day).iter();
        is_recent && runs.all(|run| run.started_at >= named_at)
    }

    /// Returns the time of the last successful run that served the job: at least as thorough as the job's
    /// mode, and of a day still under way for a job of `today`, of an ended day otherwise. Runs of other jobs
    /// on other days don't count.
    pub fn last_served(
        &self,
        job: &ScheduledJob,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let period = self.period_of(dataset);
        if job.job.mode == Mode::Verify {
            return known.last_verification(now);
        }
        let of_today = job.job.days == JobDays::Today;
        known.last_good(now, |name, day, started| {
            let begun = Day::of(started, self.zone);
            let serves = match period {
                Period::Day => (begun <= day) == of_today,
                // Jobs name the current period and the one before, whatever days they say.
                _ => day >= period.previous(begun),
            };
            self.mode_of(name).covers(job.job.mode) && serves
        })
    }

    /// Returns the last day that had settled at a slot at least `before` ago. `None` if no job reads the
    /// dataset's ended days.
    fn ripe(
        &self,
        dataset: &str,
        scheduled: &ScheduledDataset,
        now: DateTime<Utc>,
        before: impl Fn(&ScheduledJob) -> TimeDelta,
    ) -> Option<Day> {
        let reading = self.jobs_of(dataset).filter(|(name, job)| {
            let names = matches!(job.job.days, JobDays::Yesterday | JobDays::Last(_));
            let reads = names || self.carries(name, job, dataset);
            reads && job.job.mode != Mode::Verify
        });
        let slots = reading.filter_map(|(_, job)| {
            let slot = job.cron.last_at_or_before(now - before(job))?;
            Some(slot.at)
        });
        let settled = slots.max()? - scheduled.settle;
        Some(scheduled.period.previous(Day::of(settled, self.zone)))
    }

    fn is_stuck(
        &self,
        dataset: &str,
        day: Day,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> bool {
        let runs = known.executions(day);
        let Some(scheduled) = self.datasets.get(dataset).filter(|_| runs.len() >= STUCK) else {
            return false;
        };
        let mut modes = self.jobs_of(dataset).map(|(_, job)| job.job.mode);
        let in_full = modes.any(|mode| mode == Mode::Full);
        let mode = match in_full {
            true => Mode::Full,
            false => Mode::New,
        };
        let attempts = due::attempts(runs, mode, |name| self.mode_of(name), now);
        due::tries(DayDeadlines::of(day, scheduled, self.zone), &attempts) >= STUCK
    }
}
