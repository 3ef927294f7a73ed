//! Wanted days (promise P10): an ended day that was begun, or that a job or coverage has ever named, stays
//! wanted until it is complete or accepted.
//!
//! ```text
//! begun      it has a state
//! named      from the first day that a slot or coverage has ever named (recorded in `_bronzed/named`)
//!            up to the newest that slots name now
//! covered    from `coverage.from` on, if a job of incomplete days reads the dataset
//! ```
//!
//! A job's window determines when a day is first read, not when it is given up: wanted days that have left
//! the windows are read by the dataset's *carrier*, one of its jobs, at the lowest priority. An older day
//! that a person read is wanted alone, without the days in between.
//!
//! Of snapshots and feeds, only today can be read: they have no wanted days.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::schedule::jobs::{Schedule, ScheduledDataset, ScheduledJob, days_of};
use crate::schedule::knowledge::DatasetKnowledge;
use bronzed_model::day::Day;
use bronzed_model::declaration::{JobDays, Mode};

impl Schedule {
    /// Returns the wanted days of a dataset at `now`, oldest first.
    pub fn wanted(
        &self,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> BTreeSet<Day> {
        let Some(scheduled) = self.datasets.get(dataset).filter(|one| !one.only_today) else {
            return BTreeSet::new();
        };
        let period = scheduled.period;
        let last_ended = period.previous(Day::of(now, self.zone));
        let earliest = scheduled
            .earliest
            .unwrap_or(Day::new(chrono::NaiveDate::MIN));
        let open = |day: &Day| (earliest..=last_ended).contains(day) && !known.is_done(*day);
        let through = |from: Option<Day>, to: Day| {
            let days = from
                .into_iter()
                .flat_map(move |from| period.through(from, to));
            days.filter(open)
        };
        let mut wanted: BTreeSet<_> = known.begun().iter().copied().filter(open).collect();
        wanted.extend(through(self.covered_from(dataset, scheduled), last_ended));
        if let Some(newest) = self.newest_named(dataset, now) {
            let from = known.named_from().map(|from| from.max(earliest));
            wanted.extend(through(from, newest.min(last_ended)));
        }
        wanted
    }

    /// Returns the first day named now by coverage or by slots within the catch-up period, which is to be
    /// recorded in the lake.
    pub fn first_named(&self, dataset: &str, now: DateTime<Utc>) -> Option<Day> {
        let scheduled = self.datasets.get(dataset).filter(|one| !one.only_today)?;
        let naming = self
            .jobs_of(dataset)
            .filter(|(_, job)| names_ended_days(job));
        let period = scheduled.period;
        let named = naming.filter_map(|(_, job)| job.named_days(now, period).into_keys().next());
        let first = named.chain(self.covered_from(dataset, scheduled)).min()?;
        Some(
            scheduled
                .earliest
                .map_or(first, |earliest| first.max(earliest)),
        )
    }

    /// Returns the first day whose runs matter to a plan: of a snapshot or a feed, the first day that slots
    /// may still name; otherwise the API's earliest day.
    pub fn first_readable(&self, dataset: &str, now: DateTime<Utc>) -> Day {
        let first = Day::new(chrono::NaiveDate::MIN);
        match self.datasets.get(dataset) {
            Some(scheduled) if scheduled.only_today => {
                let named = self.jobs_of(dataset).filter_map(|(_, job)| {
                    let days = job.named_days(now, scheduled.period).into_keys();
                    days.min()
                });
                let today = Day::of(now, self.zone);
                named.min().unwrap_or(today)
            }
            scheduled => scheduled.and_then(|one| one.earliest).unwrap_or(first),
        }
    }

    /// `true` if the job carries the wanted days of a dataset that have left the windows: each job of
    /// incomplete days; if there is none, one job, preferably a full one of ended days.
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

    /// Returns the newest ended day that the jobs' slots have named by `now`.
    fn newest_named(&self, dataset: &str, now: DateTime<Utc>) -> Option<Day> {
        let naming = self
            .jobs_of(dataset)
            .filter(|(_, job)| names_ended_days(job));
        let newest = naming.filter_map(|(_, job)| {
            let slot = job.cron.last_at_or_before(now)?;
            days_of(job.job.days, slot).next()
        });
        let period = self.period_of(dataset);
        newest.max().map(|day| period.first(day))
    }
}

/// `true` if the job's slots name ended days to be read.
fn names_ended_days(job: &ScheduledJob) -> bool {
    let names = matches!(job.job.days, JobDays::Yesterday | JobDays::Last(_));
    names && job.job.mode != Mode::Verify
}
