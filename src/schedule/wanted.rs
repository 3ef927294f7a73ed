//! Which ended days are wanted (promise P10): a day that was begun, or that a job or coverage has ever
//! named, stays wanted until it is complete, or a person has accepted it.
//!
//! ```text
//! begun      it has a state
//! named      from the first day that a slot or coverage has ever named (the lake knows it: `_bronzed/named`)
//!            up to the newest that slots name now
//! covered    from `coverage.from` on, where a job works on it
//! ```
//!
//! A job's window says when a day is first read, not when it is given up: what has left the windows is read
//! by the dataset's *carrier*, one job of its own, at the lowest priority. A day that a person read, from
//! before all that, is wanted alone, and not the days between.
//!
//! Of snapshots and feeds only today can be read: nothing is carried.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::day::Day;
use crate::schedule::jobs::{Schedule, ScheduledDataset, ScheduledJob, days_of};
use crate::schedule::knowledge::DatasetKnowledge;
use crate::source::declaration::{JobDays, Mode};

impl Schedule {
    /// The ended days of a dataset that are wanted at `now`, the oldest first.
    pub fn wanted(
        &self,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> BTreeSet<Day> {
        let Some(scheduled) = self.datasets.get(dataset).filter(|one| !one.only_today) else {
            return BTreeSet::new();
        };
        let yesterday = Day::of(now, self.zone).previous();
        let earliest = scheduled
            .earliest
            .unwrap_or(Day::new(chrono::NaiveDate::MIN));
        let open = |day: &Day| (earliest..=yesterday).contains(day) && !known.is_done(*day);
        let through = |from: Option<Day>, to: Day| {
            let days = from.into_iter().flat_map(move |from| from.through(to));
            days.filter(open)
        };
        let mut wanted: BTreeSet<_> = known.begun().iter().copied().filter(open).collect();
        wanted.extend(through(self.covered_from(dataset, scheduled), yesterday));
        if let Some(newest) = self.newest_named(dataset, now) {
            let from = known.named_from().map(|from| from.max(earliest));
            wanted.extend(through(from, newest.min(yesterday)));
        }
        wanted
    }

    /// The first day that slots within the catch-up name now, or coverage: what the lake is to remember.
    pub fn first_named(&self, dataset: &str, now: DateTime<Utc>) -> Option<Day> {
        let scheduled = self.datasets.get(dataset).filter(|one| !one.only_today)?;
        let naming = self
            .jobs_of(dataset)
            .filter(|(_, job)| names_ended_days(job));
        let named = naming.filter_map(|(_, job)| job.named_days(now).into_keys().next());
        let first = named.chain(self.covered_from(dataset, scheduled)).min()?;
        Some(
            scheduled
                .earliest
                .map_or(first, |earliest| first.max(earliest)),
        )
    }

    /// The first day whose runs matter to a plan: of a snapshot or a feed those that slots may still name,
    /// of all others every day that the API has.
    pub fn first_readable(&self, dataset: &str, now: DateTime<Utc>) -> Day {
        let first = Day::new(chrono::NaiveDate::MIN);
        match self.datasets.get(dataset) {
            Some(scheduled) if scheduled.only_today => {
                let named = self.jobs_of(dataset).filter_map(|(_, job)| {
                    let days = job.named_days(now).into_keys();
                    days.min()
                });
                let today = Day::of(now, self.zone);
                named.min().unwrap_or(today)
            }
            scheduled => scheduled.and_then(|one| one.earliest).unwrap_or(first),
        }
    }

    /// Whether the job reads those wanted days of a dataset that have left the windows: each job of
    /// incomplete days; where there is none, one of those that read ended days in full, or else any.
    pub(super) fn carries(&self, name: &str, job: &ScheduledJob, dataset: &str) -> bool {
        let of_incomplete = |job: &ScheduledJob| job.job.days == JobDays::Incomplete;
        let mut jobs = self.jobs_of(dataset);
        match jobs.any(|(_, other)| of_incomplete(other)) {
            true => of_incomplete(job),
            false => self
                .carrier(dataset)
                .is_some_and(|carrier| **carrier == *name),
        }
    }

    fn carrier<'a>(&'a self, dataset: &'a str) -> Option<&'a Arc<str>> {
        let jobs = self.jobs_of(dataset);
        let reading = jobs.filter(|(_, job)| job.job.mode != Mode::Verify);
        let best = reading.max_by_key(|(_, job)| {
            let in_full = job.job.mode == Mode::Full;
            (
                in_full,
                names_ended_days(job),
                std::cmp::Reverse(job.job.priority),
            )
        });
        best.map(|(name, _)| name)
    }

    fn covered_from(&self, dataset: &str, scheduled: &ScheduledDataset) -> Option<Day> {
        let mut jobs = self.jobs_of(dataset);
        let worked_on = jobs.any(|(_, job)| job.job.days == JobDays::Incomplete);
        scheduled.coverage_from.filter(|_| worked_on)
    }

    /// The newest ended day that the jobs' slots have named by `now`.
    fn newest_named(&self, dataset: &str, now: DateTime<Utc>) -> Option<Day> {
        let naming = self
            .jobs_of(dataset)
            .filter(|(_, job)| names_ended_days(job));
        let newest = naming.filter_map(|(_, job)| {
            let slot = job.cron.last_at_or_before(now)?;
            days_of(job.job.days, slot).next()
        });
        newest.max()
    }
}

/// Whether the job's slots name days that have ended, to be read.
fn names_ended_days(job: &ScheduledJob) -> bool {
    let names = matches!(job.job.days, JobDays::Yesterday | JobDays::Last(_));
    names && job.job.mode != Mode::Verify
}
