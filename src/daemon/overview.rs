//! The daemon at a glance, from memory: each dataset with its calendar, and the last runs of any process.

use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::board::DaemonState;
use crate::daemon::learn::enabled;
use crate::daemon::{DaemonInner, Scheduled};
use crate::schedule::calendar::CalendarSpan;
use crate::server::daemon::{Readiness, ServiceError};
use crate::server::view::{
    CalendarView, DatasetKind, DatasetOverview, History, NextSlot, OpenDay, Overview, PastRun,
    Reading, RunStatus, RunView, SourceOverview,
};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind};
use bronzed_model::execution::{Execution, Status};

/// Number of days of the short calendar.
const RECENT: TimeDelta = TimeDelta::days(91);
/// Maximum number of open days and of active runs listed for a dataset.
const LISTED: usize = 5;
/// Maximum number of runs in the history.
const HISTORY: usize = 300;

impl DaemonInner {
    /// Returns everything at a glance.
    pub(super) fn overview(&self, readiness: Readiness) -> Overview {
        let now = self.now();
        let board = self.board();
        let sources = self.sources.values().map(|one| SourceOverview {
            name: one.source.name.clone(),
            timezone: one.schedule.zone.name().to_owned(),
            datasets: enabled(&one.source, &one.schedule)
                .map(|(_, dataset)| self.at_a_glance(&board, one, dataset, now))
                .collect(),
        });
        let sources = sources.collect();
        let concerns = self.concerns(&board, readiness, now);
        let due = board
            .sources
            .values()
            .map(|source| source.plans.tasks().count());
        Overview {
            at: now,
            worst: concerns.first().map(|concern| concern.severity),
            concerns,
            sources,
            running: board.runs.under_way().count() as u64,
            waiting: (board.runs.waiting().count() + due.sum::<usize>()) as u64,
        }
    }

    /// Returns the calendar of a dataset.
    pub(super) fn calendar(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<CalendarView, ServiceError> {
        let now = self.now();
        let (source, dataset) = self.find(source, dataset)?;
        let one = self.scheduled(&source)?;
        let board = self.board();
        let known = board.knowledge(&source, &dataset)?;
        Ok(CalendarView {
            at: now,
            overview: self.at_a_glance(&board, one, &dataset, now),
            timezone: one.schedule.zone.name().to_owned(),
            days: one.schedule.calendar(&dataset.name, known, now, None),
        })
    }

    /// Returns the runs that have ended: those of this process, and those that the lake told of.
    pub(super) fn history(&self) -> History {
        let board = self.board();
        let mut runs: Vec<_> = board.runs.ended().filter_map(past_run).collect();
        let mut seen: HashSet<_> = runs.iter().map(|run| run.run_id).collect();
        self.each_past_run(|run| {
            if seen.insert(run.run_id) {
                runs.push(run);
            }
        });
        runs.sort_by_key(|run| Reverse(run.ended_at));
        runs.truncate(HISTORY);
        History { runs }
    }

    pub(super) fn scheduled(&self, source: &str) -> Result<&Scheduled, ServiceError> {
        self.sources
            .get(source)
            .ok_or_else(|| ServiceError::NotFound {
                what: format!("source `{source}`"),
            })
    }

    fn at_a_glance(
        &self,
        board: &DaemonState,
        one: &Scheduled,
        dataset: &Dataset,
        now: DateTime<Utc>,
    ) -> DatasetOverview {
        let (source, name) = (&one.schedule.source, &*dataset.name);
        let known = board.knowledge(source, dataset).ok();
        let first = Day::of(now - RECENT, one.schedule.zone);
        let recent = known.map(|known| one.schedule.calendar(name, known, now, Some(first)));
        let recent = recent.unwrap_or_default();
        let mut open_days = open_days(&recent);
        if let Some(known) = known {
            let older = (first, LISTED - open_days.len());
            let older = one.schedule.older_open_days(name, known, now, older);
            open_days.extend(
                older
                    .into_iter()
                    .map(|(day, status)| OpenDay { day, status }),
            );
        }
        let client = self.session.client(source);
        let stale = board.sources.get(source).map(|of_source| &of_source.stale);
        let stale = stale.into_iter().flatten().filter(|(of, _)| **of == *name);
        let reading = board.runs.under_way();
        let reading = reading.filter(|(key, _)| key.source == *source && *key.dataset == *name);
        DatasetOverview {
            dataset: self.dataset(board, one, dataset),
            kind: kind(dataset),
            stale_jobs: stale.map(|(_, job)| job.to_string()).collect(),
            down: client.is_some_and(|client| client.down(dataset).is_some()),
            next_run: next_slot(board, one, name, now),
            last_run: last_run(board, one, dataset),
            reading: reading
                .map(|(key, run)| Reading {
                    run_id: run.asked.run_id,
                    day: key.day,
                    progress: run.watch.progress(),
                })
                .take(LISTED)
                .collect(),
            open_days,
            recent,
        }
    }

    /// Calls `with` for each run that the lake told of and that has ended.
    fn each_past_run(&self, mut with: impl FnMut(PastRun)) {
        for one in self.sources.values() {
            for (_, dataset) in enabled(&one.source, &one.schedule) {
                one.memory.executions(&dataset.prefix, |day, run| {
                    if run.status != Status::Running {
                        with(past_execution(dataset, day, run));
                    }
                });
            }
        }
    }
}

/// Returns the run of a dataset that ended last, of this process or as the lake told.
fn last_run(board: &DaemonState, one: &Scheduled, dataset: &Dataset) -> Option<PastRun> {
    let mut ended = board.runs.ended();
    let of_process =
        ended.find(|run| (&run.source, &run.dataset) == (&dataset.source, &dataset.name));
    let of_lake = one.memory.last_execution(&dataset.prefix);
    let of_lake = of_lake.map(|(day, run)| past_execution(dataset, day, &run));
    let both = of_process.and_then(past_run).into_iter().chain(of_lake);
    both.max_by_key(|run| run.ended_at)
}

fn kind(dataset: &Dataset) -> DatasetKind {
    match dataset.kind {
        Kind::Dated(_) => DatasetKind::Day,
        Kind::Snapshot => DatasetKind::Snapshot,
        Kind::Child(_) => DatasetKind::Record,
        Kind::Feed => DatasetKind::Feed,
    }
}

fn next_slot(
    board: &DaemonState,
    one: &Scheduled,
    dataset: &str,
    now: DateTime<Utc>,
) -> Option<NextSlot> {
    let jobs = one.schedule.jobs_of(dataset);
    let going = jobs.filter(|(name, _)| board.paused.since(&one.source.name, name).is_none());
    let slots = going.filter_map(|(name, job)| {
        Some(NextSlot {
            job: name.to_string(),
            at: job.cron.next_after(now)?.at,
        })
    });
    slots.min_by_key(|slot| slot.at)
}

/// Returns the newest days that aren't as they should be.
fn open_days(calendar: &[CalendarSpan]) -> Vec<OpenDay> {
    let open = calendar.iter().rev().filter(|span| span.status.is_open());
    let days = open.flat_map(|span| {
        let newest_first = std::iter::successors(Some(span.to), |day| Some(day.previous()));
        newest_first
            .take_while(|day| *day >= span.from)
            .map(|day| OpenDay {
                day,
                status: span.status,
            })
    });
    days.take(LISTED).collect()
}

/// Returns the ended run of this process. `None` if it hasn't ended, or was a comparison that read nothing again:
/// that leaves no entry in the audit, and has no page.
fn past_run(run: &RunView) -> Option<PastRun> {
    let counts = run.counts?;
    Some(PastRun {
        run_id: run.run_id,
        source: run.source.clone(),
        dataset: run.dataset.clone(),
        day: run.day,
        job: run.job.clone(),
        status: run.status,
        started_at: run.started_at?,
        ended_at: run.ended_at?,
        new: counts.new,
        requests: counts.requests,
        retries: counts.retries,
        error: run.error.clone(),
    })
}

fn past_execution(dataset: &Dataset, day: Day, run: &Execution) -> PastRun {
    PastRun {
        run_id: run.run_id,
        source: dataset.source.clone(),
        dataset: dataset.name.clone(),
        day,
        job: run.job.clone(),
        status: RunStatus::of_ended(run.status),
        started_at: run.started_at,
        ended_at: run.timestamp,
        new: run.counts.new,
        requests: run.counts.requests,
        retries: run.counts.retries,
        error: run.error.clone(),
    }
}
