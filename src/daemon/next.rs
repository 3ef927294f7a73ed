//! Plan ahead: the slots of the coming 24 hours, what is due, and a job run now.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::board::DaemonState;
use crate::daemon::{DaemonInner, Scheduled};
use crate::schedule::jobs::ScheduledJob;
use crate::server::daemon::ServiceError;
use crate::server::view::{DueRun, JobSlots, RunView, ScheduleView};

/// Time that the schedule covers.
const AHEAD: TimeDelta = TimeDelta::hours(24);
/// Maximum number of slots listed for a job.
const SLOTS: usize = 96;
/// Maximum number of due runs that are listed.
const DUE: usize = 200;
/// Maximum number of days of a dataset that running a job queues.
const DAYS: usize = 366;

impl DaemonInner {
    /// Returns the slots of the coming 24 hours, and what is due.
    pub(super) fn next_day(&self) -> ScheduleView {
        let now = self.now();
        let board = self.board();
        let jobs = self.sources.values().flat_map(|one| {
            let jobs = one.schedule.jobs.iter();
            jobs.map(|(name, job)| slots(&board, one, name, job, now))
        });
        let jobs = jobs.collect();
        let mut due = due(&board);
        let due_runs = due.len() as u64;
        due.truncate(DUE);
        ScheduleView {
            at: now,
            jobs,
            due,
            due_runs,
        }
    }

    /// Queues what a slot of the job would name now, of every dataset that it reads.
    pub(super) fn run_job(&self, source: &str, job: &str) -> Result<Vec<RunView>, ServiceError> {
        let not_found = || ServiceError::NotFound {
            what: format!("job `{source}.{job}`"),
        };
        let (source, one) = self.sources.get_key_value(source).ok_or_else(not_found)?;
        let found = one.schedule.jobs.get_key_value(job);
        let (name, declared) = found.ok_or_else(not_found)?;
        let now = self.now();
        let mut asked = Vec::new();
        for (short, _) in one.schedule.datasets_of(&declared.job) {
            let Some(dataset) = one.source.datasets.get(&**short) else {
                continue;
            };
            let days = {
                let board = self.board();
                let known = board.knowledge(source, dataset)?;
                one.schedule.named_now(declared, short, known, now)
            };
            let as_job = (Arc::clone(name), declared.job.priority);
            let days = days.into_iter().take(DAYS);
            asked.extend(self.ask(source, dataset, days, declared.job.mode, as_job)?);
        }
        if asked.is_empty() {
            return Err(ServiceError::Refused {
                reason: format!("job `{source}.{job}` has nothing to read now"),
                hint: "its days are complete, or not yet".to_owned(),
            });
        }
        Ok(asked)
    }
}

fn slots(
    board: &DaemonState,
    one: &Scheduled,
    name: &Arc<str>,
    job: &ScheduledJob,
    now: DateTime<Utc>,
) -> JobSlots {
    let next = |after| job.cron.next_after(after).map(|slot| slot.at);
    let slots = std::iter::successors(next(now), |at| next(*at));
    let datasets = one.schedule.datasets_of(&job.job);
    JobSlots {
        source: one.source.name.clone(),
        job: name.to_string(),
        cron: job.job.cron.clone(),
        timezone: one.schedule.zone.name().to_owned(),
        datasets: datasets.map(|(name, _)| name.to_string()).collect(),
        paused_since: board.paused.since(&one.source.name, name),
        slots: slots
            .take_while(|at| *at <= now + AHEAD)
            .take(SLOTS)
            .collect(),
        next: next(now),
    }
}

/// Returns what is due and waits for its turn, the longest due first.
fn due(board: &DaemonState) -> Vec<DueRun> {
    let sources = board.sources.iter();
    let due = sources.flat_map(|(source, of_source)| {
        of_source.plans.tasks().map(|task| DueRun {
            source: source.to_string(),
            dataset: task.dataset.to_string(),
            day: task.day,
            job: task.job.to_string(),
            reason: task.reason.as_str().to_owned(),
            since: task.due,
        })
    });
    let mut due: Vec<_> = due.collect();
    due.sort_by_key(|run| run.since);
    due
}
