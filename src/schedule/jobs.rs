//! Schedule of one source from the configuration: its jobs with parsed cron expressions, and the settings of
//! its datasets that determine when a day can be complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::schedule::due::LATE;
use crate::schedule::knowledge::DatasetKnowledge;
use bronzed_model::cron::{Cron, CronError, Slot};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Job, JobDays, Kind, Mode, Period, Source};

/// Jobs of one source, and the datasets that they read.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The source's name.
    pub source: Arc<str>,
    /// The zone of its days and of its cron expressions.
    pub zone: Tz,
    /// Datasets by short name.
    pub datasets: BTreeMap<Arc<str>, ScheduledDataset>,
    /// Jobs by name; empty if the source is disabled.
    pub jobs: BTreeMap<Arc<str>, ScheduledJob>,
}

/// Settings of a dataset that planning needs.
#[derive(Debug, Clone, Copy)]
pub struct ScheduledDataset {
    /// Period of a partition; its first day stands for it.
    pub period: Period,
    /// Settle time: period after its end during which a day may still change.
    pub settle: TimeDelta,
    /// Earliest day that the API has.
    pub earliest: Option<Day>,
    /// First day of coverage; effective only if a job of incomplete days reads the dataset.
    pub coverage_from: Option<Day>,
    /// `true` if complete days are later compared with the API.
    pub verify: bool,
    /// `true` if a day can be read only while it is under way (snapshots and feeds).
    pub only_today: bool,
}

/// A job with its parsed cron expression.
#[derive(Debug, Clone)]
pub struct ScheduledJob {
    /// The job as declared.
    pub job: Job,
    /// The parsed cron expression.
    pub cron: Cron,
}

/// A job with an invalid cron expression, which validation of the configuration rules out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job `{job}`: `{cron}` is not a cron expression: {reason}")]
pub struct ScheduleError {
    job: String,
    cron: String,
    reason: CronError,
}

impl Schedule {
    /// Creates the schedule of a source.
    ///
    /// # Errors
    /// Returns an error if a cron expression is invalid.
    pub fn of(source: &Source) -> Result<Self, ScheduleError> {
        let enabled = source
            .datasets
            .iter()
            .filter(|(_, dataset)| dataset.enabled);
        let datasets = enabled.map(|(name, dataset)| {
            let days = &dataset.days;
            let scheduled = ScheduledDataset {
                period: days.period,
                settle: delta(days.settle),
                earliest: days.earliest,
                coverage_from: days.coverage_from,
                verify: dataset.verify && matches!(dataset.kind, Kind::Dated(_)),
                only_today: dataset.kind.is_of_today(),
            };
            (name.as_str().into(), scheduled)
        });
        let jobs = source.jobs.values().filter(|_| source.enabled).map(|job| {
            let refused = |reason| ScheduleError {
                job: job.name.clone(),
                cron: job.cron.clone(),
                reason,
            };
            let cron = Cron::parse(&job.cron, source.timezone).map_err(refused)?;
            let mut job = job.clone();
            // Add the source's blackout, because a run started within it would occupy a slot without sending
            // requests.
            job.blackout.extend(&source.blackout);
            Ok((job.name.as_str().into(), ScheduledJob { job, cron }))
        });
        Ok(Self {
            source: source.name.as_str().into(),
            zone: source.timezone,
            datasets: datasets.collect(),
            jobs: jobs.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the datasets that a job reads.
    pub fn datasets_of<'a>(
        &'a self,
        job: &'a Job,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a ScheduledDataset)> {
        let all = job.datasets.is_empty();
        self.datasets
            .iter()
            .filter(move |(name, _)| all || job.datasets.iter().any(|asked| **asked == ***name))
    }

    /// Returns the jobs that read a dataset, by name.
    pub fn jobs_of<'a>(
        &'a self,
        dataset: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a ScheduledJob)> {
        let reads = move |job: &Job| {
            job.datasets.is_empty() || job.datasets.iter().any(|asked| asked == dataset)
        };
        self.jobs.iter().filter(move |(_, job)| reads(&job.job))
    }

    /// Returns `true` if the next slot of the job names the day, or if the job no longer exists.
    pub fn names_again(&self, job: &str, dataset: &str, day: Day, now: DateTime<Utc>) -> bool {
        let period = self.period_of(dataset);
        let Some(job) = self.jobs.get(job) else {
            return true;
        };
        let next = job.cron.next_after(now);
        next.is_some_and(|slot| days_of(job.job.days, slot).any(|named| period.first(named) == day))
    }

    /// Returns the days of a dataset that a slot of the job at `now` would name, and that are worth a run:
    /// newest first.
    pub fn named_now(
        &self,
        job: &ScheduledJob,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> Vec<Day> {
        let earliest = self.datasets.get(dataset).and_then(|one| one.earliest);
        let day = Day::of(now, self.zone);
        let named: Vec<_> = match job.job.days {
            JobDays::Incomplete => self.wanted(dataset, known, now).into_iter().rev().collect(),
            days => partitions(days, Slot { at: now, day }, self.period_of(dataset)).collect(),
        };
        let is_verify = job.job.mode == Mode::Verify;
        let worth = named.into_iter().filter(|day| {
            let is_there = earliest.is_none_or(|earliest| *day >= earliest);
            is_there && known.is_complete(*day) == is_verify
        });
        worth.collect()
    }

    /// Returns the period of a dataset's partitions.
    pub fn period_of(&self, dataset: &str) -> Period {
        let scheduled = self.datasets.get(dataset);
        scheduled.map_or(Period::Day, |scheduled| scheduled.period)
    }

    /// Returns the mode of runs of `job`. For a job that no longer exists, or a person, `Mode::New` is
    /// assumed.
    pub(crate) fn mode_of(&self, job: &str) -> Mode {
        self.jobs.get(job).map_or(Mode::New, |known| known.job.mode)
    }
}

impl ScheduledJob {
    /// Returns, for every civil day with slots in the catch-up period, the last slot by `now`; newest first.
    /// The period is at least as long as the delay after which a slot counts as late.
    pub(super) fn slots_by_day(&self, now: DateTime<Utc>) -> Vec<Slot> {
        let oldest = now - delta(self.job.catch_up).max(LATE);
        let newest = self.cron.last_at_or_before(now);
        std::iter::successors(newest, |slot| self.cron.last_before(slot.day))
            .take_while(|slot| slot.at > oldest)
            .collect()
    }

    /// Returns the current or ended days that the job names within its catch-up period, or the first days of
    /// their periods, each with its latest slot. Empty for jobs of incomplete days, whose days coverage names.
    pub(super) fn named_days(&self, now: DateTime<Utc>, period: Period) -> BTreeMap<Day, Slot> {
        let mut named = BTreeMap::new();
        for slot in self.slots_by_day(now) {
            for day in partitions(self.job.days, slot, period) {
                named.entry(day).or_insert(slot);
            }
        }
        named
    }
}

/// Returns the days that one slot names.
pub(super) fn days_of(days: JobDays, slot: Slot) -> impl Iterator<Item = Day> {
    let (first, count) = match days {
        JobDays::Today => (slot.day, 1),
        JobDays::Yesterday => (slot.day.previous(), 1),
        JobDays::Last(count) => (slot.day.previous(), count),
        JobDays::Incomplete => (slot.day, 0),
    };
    std::iter::successors(Some(first), |day| Some(day.previous())).take(count as usize)
}

/// Returns the first days of the periods that have a day which one slot names, newest first.
pub(super) fn partitions(days: JobDays, slot: Slot, period: Period) -> impl Iterator<Item = Day> {
    let mut last = None;
    let days = days_of(days, slot).map(move |day| period.first(day));
    days.filter(move |day| last.replace(*day) != Some(*day))
}

/// Converts a configured duration, limited to a century so that adding it to a current instant can't
/// overflow.
pub(super) fn delta(duration: std::time::Duration) -> TimeDelta {
    const MOST: TimeDelta = TimeDelta::days(365 * 100);
    TimeDelta::from_std(duration).unwrap_or(MOST).min(MOST)
}
