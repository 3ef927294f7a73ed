//! What the configuration asks of one source: its jobs with their cron expressions read, and of its
//! datasets what says when a day can be complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::day::Day;
use crate::schedule::cron::{Cron, CronError, Slot};
use crate::schedule::due::LATE;
use crate::source::declaration::{Job, JobDays, Kind, Mode, Source};

/// The jobs of one source, and the datasets that they read.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The source's name.
    pub source: Arc<str>,
    /// The zone of its days and of its cron expressions.
    pub zone: Tz,
    /// By short name.
    pub datasets: BTreeMap<Arc<str>, ScheduledDataset>,
    /// By name; none where the source isn't enabled.
    pub jobs: BTreeMap<Arc<str>, ScheduledJob>,
}

/// What planning needs of a dataset.
#[derive(Debug, Clone, Copy)]
pub struct ScheduledDataset {
    /// How long after its end a day may still change.
    pub settle: TimeDelta,
    /// The API has nothing before this day.
    pub earliest: Option<Day>,
    /// Every day from here on must become complete, where a job of incomplete days works on it.
    pub coverage_from: Option<Day>,
    /// Whether its complete days are compared with the API later.
    pub verify: bool,
    /// Whether a day can be read only while it is under way.
    pub only_today: bool,
}

/// A job with its cron expression read.
#[derive(Debug, Clone)]
pub struct ScheduledJob {
    /// As it is declared.
    pub job: Job,
    /// When it is due.
    pub cron: Cron,
}

/// A job whose cron expression can't be read. The configuration's checks rule it out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job `{job}`: `{cron}` is not a cron expression: {reason}")]
pub struct ScheduleError {
    job: String,
    cron: String,
    reason: CronError,
}

impl Schedule {
    /// The schedule of a source.
    ///
    /// # Errors
    /// When a cron expression can't be read.
    pub fn of(source: &Source) -> Result<Self, ScheduleError> {
        let enabled = source
            .datasets
            .iter()
            .filter(|(_, dataset)| dataset.enabled);
        let datasets = enabled.map(|(name, dataset)| {
            let days = &dataset.days;
            let scheduled = ScheduledDataset {
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
            // A run that is begun in the source's own would hold a place, and ask nothing.
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

    /// The datasets that a job reads.
    pub fn datasets_of<'a>(
        &'a self,
        job: &'a Job,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a ScheduledDataset)> {
        let all = job.datasets.is_empty();
        self.datasets
            .iter()
            .filter(move |(name, _)| all || job.datasets.iter().any(|asked| **asked == ***name))
    }

    /// The jobs that read a dataset, by name.
    pub fn jobs_of<'a>(
        &'a self,
        dataset: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a ScheduledJob)> {
        let reads = move |job: &Job| {
            job.datasets.is_empty() || job.datasets.iter().any(|asked| asked == dataset)
        };
        self.jobs.iter().filter(move |(_, job)| reads(&job.job))
    }

    /// Returns whether the next slot of the job names the day: true for a job that isn't known any more.
    pub fn names_again(&self, job: &str, day: Day, now: DateTime<Utc>) -> bool {
        let Some(job) = self.jobs.get(job) else {
            return true;
        };
        let next = job.cron.next_after(now);
        next.is_some_and(|slot| days_of(job.job.days, slot).any(|named| named == day))
    }

    /// How a day was read that was read in the name of `job`. A job that isn't known any more, or
    /// a person, may have looked for new records only.
    pub(super) fn mode_of(&self, job: &str) -> Mode {
        self.jobs.get(job).map_or(Mode::New, |known| known.job.mode)
    }
}

impl ScheduledJob {
    /// For every civil day within the catch-up that has slots, the last that has come by `now`;
    /// the newest first. A slot that isn't late needs no catching up with.
    pub(super) fn slots_by_day(&self, now: DateTime<Utc>) -> Vec<Slot> {
        let oldest = now - delta(self.job.catch_up).max(LATE);
        let newest = self.cron.last_at_or_before(now);
        std::iter::successors(newest, |slot| self.cron.last_before(slot.day))
            .take_while(|slot| slot.at > oldest)
            .collect()
    }

    /// The ended or current days that the job names within its catch-up, each with its latest
    /// slot. Not for jobs of incomplete days, which coverage names.
    pub(super) fn named_days(&self, now: DateTime<Utc>) -> BTreeMap<Day, Slot> {
        let mut named = BTreeMap::new();
        for slot in self.slots_by_day(now) {
            for day in days_of(self.job.days, slot) {
                named.entry(day).or_insert(slot);
            }
        }
        named
    }
}

/// The days that one slot names.
pub(super) fn days_of(days: JobDays, slot: Slot) -> impl Iterator<Item = Day> {
    let (first, count) = match days {
        JobDays::Today => (slot.day, 1),
        JobDays::Yesterday => (slot.day.previous(), 1),
        JobDays::Last(count) => (slot.day.previous(), count),
        JobDays::Incomplete => (slot.day, 0),
    };
    std::iter::successors(Some(first), |day| Some(day.previous())).take(count as usize)
}

/// A configured duration as the calendar counts: a century at most, which any instant of our times
/// can be moved by.
pub(super) fn delta(duration: std::time::Duration) -> TimeDelta {
    const MOST: TimeDelta = TimeDelta::days(365 * 100);
    TimeDelta::from_std(duration).unwrap_or(MOST).min(MOST)
}
