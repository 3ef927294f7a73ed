//! Next runs of a daemon, by its own planner.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::SourceReading;
use crate::schedule::deal::{FairQueue, QueuedRun};
use crate::schedule::plan::{Reason, Task, upcoming};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Blackout, JobDays, Mode};

/// Runs of one dataset that the daemon would start for the same reason at the same time, or slots to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRuns {
    /// `pncp.contratacoes`; `pncp` for a slot of several datasets.
    pub target: String,
    /// Time zone of the days.
    pub zone: Tz,
    /// Time at which they begin. `None`: they are due.
    pub at: Option<DateTime<Utc>>,
    /// Job that requests them.
    pub job: String,
    /// Mode of the runs.
    pub mode: Mode,
    /// Days and reason.
    pub what: NextDays,
}

/// Days that are read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextDays {
    /// Known days, in the order in which they are read, and the reason.
    Days(Vec<Day>, Reason),
    /// Days that a slot to come will name, and the number of datasets.
    OfSlot(JobDays, usize),
    /// The job is paused: its slots plan nothing.
    Paused,
}

/// Returns what the daemon would do at `now` and later: due runs in the order of their turns, then runs and
/// slots to come by time, paused jobs last.
///
/// Days that jobs name now count as named, as they do for a daemon that starts now. What only a running daemon
/// knows, such as outages, is not considered.
pub fn next_runs(readings: &mut [SourceReading], now: DateTime<Utc>) -> Vec<NextRuns> {
    let (mut due, mut later, mut slots) = (Vec::new(), Vec::new(), Vec::new());
    for reading in readings.iter_mut() {
        reading.name_days(now);
        let source: Arc<str> = reading.source.name.as_str().into();
        for one in &reading.datasets {
            let next = upcoming(&reading.schedule, reading.situation(now), &one.dataset.name);
            let zone = reading.schedule.zone;
            due.extend(next.due.into_iter().map(|task| queued(&source, zone, task)));
            let full = one.dataset.full_name();
            later.extend(
                next.later
                    .into_iter()
                    .map(|task| (full.clone(), zone, task)),
            );
        }
        slots.extend(next_slots(reading, now));
    }
    let due = FairQueue::default().order(due).into_iter();
    let due = due.map(|(turn, (zone, task))| {
        let target = format!("{}.{}", turn.source, turn.dataset);
        of_task(target, zone, task, None)
    });
    let mut due = together(due);
    let later = later.into_iter().map(|(target, zone, task)| {
        let at = Some(task.due);
        of_task(target, zone, task, at)
    });
    let mut coming = together(later);
    coming.extend(slots);
    let rank = |one: &NextRuns| (one.what == NextDays::Paused, one.at, one.target.clone());
    coming.sort_by_key(rank);
    due.extend(coming);
    due
}

impl SourceReading {
    /// Names the days that jobs and coverage name now.
    fn name_days(&mut self, now: DateTime<Utc>) {
        for one in &self.datasets {
            let name = &*one.dataset.name;
            if let Some(first) = self.schedule.first_named(name, now)
                && let Some(known) = self.knowledge.of_mut(name)
            {
                known.name_from(first);
            }
        }
    }
}

fn queued(source: &Arc<str>, zone: Tz, task: Task) -> (QueuedRun, (Tz, Task)) {
    (QueuedRun::of_task(source, &task), (zone, task))
}

fn of_task(target: String, zone: Tz, task: Task, at: Option<DateTime<Utc>>) -> NextRuns {
    NextRuns {
        target,
        zone,
        at,
        job: task.job.to_string(),
        mode: task.mode,
        what: NextDays::Days(vec![task.day], task.reason),
    }
}

/// Merges the runs of a dataset with the same job, mode, reason and time, at the place of the first one.
fn together(runs: impl Iterator<Item = NextRuns>) -> Vec<NextRuns> {
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    let mut merged: Vec<NextRuns> = Vec::new();
    for run in runs {
        let NextDays::Days(days, reason) = &run.what else {
            merged.push(run);
            continue;
        };
        let key = (run.target.clone(), run.job.clone(), *reason, run.at);
        let place = places.get(&key).and_then(|place| merged.get_mut(*place));
        match place.map(|known| (known.mode == run.mode, &mut known.what)) {
            Some((true, NextDays::Days(known, _))) => known.extend(days),
            _ => {
                places.insert(key, merged.len());
                merged.push(run);
            }
        }
    }
    merged
}

/// Returns the next slot of each job of a source that reads one of the datasets.
fn next_slots(reading: &SourceReading, now: DateTime<Utc>) -> Vec<NextRuns> {
    let schedule = &reading.schedule;
    let (source, zone) = (&reading.source.name, schedule.zone);
    let mut slots = Vec::new();
    for (name, job) in &schedule.jobs {
        let datasets = schedule.datasets_of(&job.job).filter(|(dataset, _)| {
            let mut read = reading.datasets.iter();
            read.any(|one| *one.dataset.name == ***dataset)
        });
        let datasets: Vec<_> = datasets.map(|(dataset, _)| dataset).collect();
        let target = match datasets.as_slice() {
            [] => continue,
            [one] => format!("{source}.{one}"),
            _ => source.clone(),
        };
        let is_paused = reading.paused.contains(&**name);
        let slot = job.cron.next_after(now).map(|slot| slot.at);
        // A slot within a blackout is caught up at its end.
        let at = slot.map(|at| Blackout::end_of(&job.job.blackout, at, zone).unwrap_or(at));
        slots.push(NextRuns {
            target,
            zone,
            at: at.filter(|_| !is_paused),
            job: name.to_string(),
            mode: job.job.mode,
            what: match is_paused {
                true => NextDays::Paused,
                false => NextDays::OfSlot(job.job.days, datasets.len()),
            },
        });
    }
    slots.retain(|slot| slot.at.is_some() || slot.what == NextDays::Paused);
    slots
}

/// Describes why days are read.
pub fn reason_in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Slot => "its slot has come",
        Reason::CatchUp => "missed, caught up",
        Reason::Coverage => "coverage wants it",
        Reason::Retry => "tried again",
        Reason::Settle => "read until settled",
    }
}

impl NextRuns {
    /// Serializes the runs as a JSON object. Times are in the source's zone; `at` is null if they are due.
    pub fn to_json(&self) -> Value {
        let at = self.at.map(|at| at.with_timezone(&self.zone).to_rfc3339());
        let (kind, days, reason) = match &self.what {
            NextDays::Days(days, reason) => ("runs", Some(days), Some(reason.as_str())),
            NextDays::OfSlot(..) => ("slot", None, None),
            NextDays::Paused => ("paused", None, None),
        };
        json!({
            "kind": kind,
            "target": self.target,
            "at": at,
            "job": self.job,
            "mode": self.mode,
            "days": days,
            "reason": reason,
        })
    }
}
