//! Logs stale jobs and overdue days: once when the condition begins, and once when it ends.
//!
//! Freshness is tracked by job: only a run that serves the job makes its data fresh, not a successful run of
//! another job. Missing days are tracked separately, by day.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::board::SourceState;
use crate::daemon::{DaemonInner, Scheduled};
use crate::schedule::jobs::ScheduledJob;
use crate::schedule::knowledge::DatasetKnowledge;

/// Interval between checks of overdue days.
const EVERY: TimeDelta = TimeDelta::minutes(10);

impl DaemonInner {
    /// Logs datasets that became stale, fresh, overdue or complete since the last check.
    pub(super) fn watch(&self, scheduled: &Scheduled, board: &mut SourceState, now: DateTime<Utc>) {
        let schedule = &scheduled.schedule;
        let Some(knowledge) = board.knowledge.take() else {
            return;
        };
        for (job, declared) in &schedule.jobs {
            let Some(bound) = declared.job.freshness else {
                continue;
            };
            for (dataset, _) in schedule.datasets_of(&declared.job) {
                let known = knowledge.of(dataset);
                let age = self.age(scheduled, (declared, dataset), known, now);
                let entry = (Arc::clone(dataset), Arc::clone(job));
                tell_age(&schedule.source, board, entry, age, bound);
            }
        }
        // Checking all days in each reconcile pass would be wasted work.
        if board.overdue_at.is_none_or(|at| (now - at).abs() >= EVERY) {
            board.overdue_at = Some(now);
            for dataset in schedule.datasets.keys() {
                if let Some(known) = knowledge.of(dataset) {
                    tell_overdue(scheduled, board, dataset, known, now);
                }
            }
        }
        board.knowledge = Some(knowledge);
    }

    /// Returns the time since a job was last served. If no successful run is known, the uptime of the daemon.
    pub(super) fn age(
        &self,
        scheduled: &Scheduled,
        (job, dataset): (&ScheduledJob, &str),
        known: Option<&DatasetKnowledge>,
        now: DateTime<Utc>,
    ) -> Duration {
        let schedule = &scheduled.schedule;
        let served = known.and_then(|known| schedule.last_served(job, dataset, known, now));
        let age = now - served.unwrap_or(self.started_at);
        age.to_std().unwrap_or_default()
    }
}

fn tell_age(
    source: &str,
    board: &mut SourceState,
    entry: (Arc<str>, Arc<str>),
    age: Duration,
    bound: Duration,
) {
    let (dataset, job) = (Arc::clone(&entry.0), Arc::clone(&entry.1));
    let (dataset, job) = (&*dataset, &*job);
    if age <= bound {
        if board.stale.remove(&entry) {
            tracing::info!(source, dataset, job, "dataset fresh again");
        }
    } else if board.stale.insert(entry) {
        let (age_seconds, bound_seconds) = (age.as_secs(), bound.as_secs());
        tracing::warn!(
            source,
            dataset,
            job,
            age_seconds,
            bound_seconds,
            "dataset stale"
        );
    }
}

fn tell_overdue(
    scheduled: &Scheduled,
    board: &mut SourceState,
    dataset: &Arc<str>,
    known: &DatasetKnowledge,
    now: DateTime<Utc>,
) {
    let source = &*scheduled.schedule.source;
    let backlog = scheduled.schedule.backlog(dataset, known, now);
    match backlog.oldest.filter(|_| backlog.overdue > 0) {
        None => {
            if board.overdue.remove(dataset) {
                tracing::info!(source, dataset = &**dataset, "days no longer overdue");
            }
        }
        Some(oldest) => {
            if board.overdue.insert(Arc::clone(dataset)) {
                tracing::warn!(
                    source,
                    dataset = &**dataset,
                    day = %oldest,
                    days = backlog.overdue,
                    "days overdue"
                );
            }
        }
    }
}
