//! Implementation of the server's interface to the daemon.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::alerts::ledger::AlertEntry;
use crate::daemon::board::DaemonState;
use crate::daemon::learn::enabled;
use crate::daemon::paused::Paused;
use crate::daemon::runs::{RunKey, RunRequest};
use crate::daemon::wakers::TICK;
use crate::daemon::{Daemon, DaemonInner, Scheduled};
use crate::schedule::jobs::ScheduledJob;
use crate::server::daemon::{Readiness, ServiceError};
use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::view::{
    Backfill, BackfillForecast, BackfillView, CalendarView, CoverageView, DatasetView, DayView,
    FailedSlice, History, JobView, Overview, ProgressView, RunStatus, RunView, ScheduleView,
    SilverTableView, Volumes,
};
use bronzed_metrics::events::{DatasetGauges, job_freshness};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode, Priority};
use bronzed_model::execution::{Execution, Status};
use bronzed_model::requests::RunRequests;

/// Job name of runs requested by a person.
const MANUAL: &str = "manual";

/// Number of ticks without a reconcile pass after which the daemon counts as stuck.
const TICKS: u32 = 3;

#[async_trait]
impl crate::server::daemon::DaemonService for Daemon {
    fn readiness(&self) -> Readiness {
        let board = self.0.board();
        let age = board.looked_at.map(|at| at.elapsed());
        Readiness {
            lake_reachable: board.lake_reachable.unwrap_or(false),
            lake_writable: !board.lake.is_closed(),
            scheduler_ticking: !board.stopping && age.is_some_and(|age| age <= TICK * TICKS),
            last_tick_age: age,
        }
    }

    fn observe(&self) {
        let board = self.0.board();
        let now = self.0.now();
        for (source, scheduled) in &self.0.sources {
            let client = self.0.session.client(source);
            for (name, dataset) in enabled(&scheduled.source, &scheduled.schedule) {
                let view = self.0.dataset(&board, scheduled, dataset);
                let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
                let gauges = DatasetGauges {
                    source,
                    dataset: &dataset.name,
                    freshness: view.freshness_seconds.and_then(seconds),
                    complete_days: view.coverage.complete_days,
                    accepted_days: view.coverage.accepted_days,
                    incomplete_days: view.coverage.incomplete_days,
                    backlog_days: view.coverage.backlog_days,
                    oldest_backlog_seconds: view.coverage.oldest_backlog_seconds,
                    overdue_days: view.coverage.overdue_days,
                    stuck_days: view.coverage.stuck_days,
                    down: client.is_some_and(|client| client.down(dataset).is_some()),
                };
                gauges.record();
                let known = board.knowledge(source, dataset).ok();
                for (job, declared) in scheduled.schedule.jobs_of(name) {
                    if let (Some(limit), Some(_)) = (declared.job.freshness, known) {
                        let age = self.0.age(scheduled, (declared, name), known, now);
                        job_freshness((source, &dataset.name, job), age, limit);
                    }
                }
            }
        }
    }

    fn alerts(&self) -> Vec<AlertEntry> {
        self.0.alerts.active()
    }

    async fn jobs(&self) -> Result<Vec<JobView>, ServiceError> {
        let board = self.0.board();
        let sources = self.0.sources.values();
        let jobs = sources.flat_map(|one| {
            let jobs = one.schedule.jobs.iter();
            jobs.map(|(name, job)| self.0.job(&board, one, name, job))
        });
        Ok(jobs.collect())
    }

    async fn datasets(&self) -> Result<Vec<DatasetView>, ServiceError> {
        let board = self.0.board();
        let sources = self.0.sources.values();
        let datasets = sources.flat_map(|one| {
            let datasets = enabled(&one.source, &one.schedule);
            datasets.map(|(_, dataset)| self.0.dataset(&board, one, dataset))
        });
        Ok(datasets.collect())
    }

    async fn runs(&self) -> Result<Vec<RunView>, ServiceError> {
        Ok(self.0.board().runs.shown())
    }

    async fn overview(&self) -> Result<Overview, ServiceError> {
        Ok(self.0.overview(self.readiness()))
    }

    async fn calendar(&self, source: &str, dataset: &str) -> Result<CalendarView, ServiceError> {
        self.0.calendar(source, dataset)
    }

    async fn day(&self, source: &str, dataset: &str, day: Day) -> Result<DayView, ServiceError> {
        self.0.day(source, dataset, day).await
    }

    async fn requests(&self, run_id: Uuid) -> Result<Option<RunRequests>, ServiceError> {
        self.0.requests(run_id).await
    }

    async fn volumes(&self, source: &str, dataset: &str) -> Result<Volumes, ServiceError> {
        self.0.recent_volumes(source, dataset).await
    }

    async fn history(&self) -> Result<History, ServiceError> {
        Ok(self.0.history())
    }

    async fn schedule(&self) -> Result<ScheduleView, ServiceError> {
        Ok(self.0.next_day())
    }

    async fn backfills(&self) -> Result<Vec<BackfillView>, ServiceError> {
        Ok(self.0.backfills())
    }

    async fn silver(&self) -> Result<Vec<SilverTableView>, ServiceError> {
        Ok(self.0.silver_tables())
    }

    async fn start_runs(&self, order: RunOrder) -> Result<Vec<RunView>, ServiceError> {
        let (source, dataset) = self.0.find(&order.source, &order.dataset)?;
        for day in &order.days {
            self.0.readable(&source, &dataset, *day)?;
        }
        let days = order.days.iter().copied();
        let job = (Arc::from(MANUAL), Priority::Hourly);
        let asked = self.0.ask(&source, &dataset, days, order.mode, job)?;
        self.wake();
        Ok(asked)
    }

    async fn start_backfill(&self, order: BackfillOrder) -> Result<Backfill, ServiceError> {
        let found = self.0.start_backfill(&order)?;
        self.wake();
        Ok(found)
    }

    async fn forecast_backfill(
        &self,
        order: BackfillOrder,
    ) -> Result<BackfillForecast, ServiceError> {
        self.0.forecast_backfill(&order).await
    }

    async fn stop_backfill(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<BackfillView, ServiceError> {
        self.0.stop_backfill(source, dataset)
    }

    async fn run_job(&self, source: &str, job: &str) -> Result<Vec<RunView>, ServiceError> {
        let asked = self.0.run_job(source, job)?;
        self.wake();
        Ok(asked)
    }

    async fn set_paused(
        &self,
        source: &str,
        job: &str,
        paused: bool,
    ) -> Result<JobView, ServiceError> {
        let not_found = || ServiceError::NotFound {
            what: format!("job `{source}.{job}`"),
        };
        let one = self.0.sources.get(source).ok_or_else(not_found)?;
        let (name, declared) = one.schedule.jobs.get_key_value(job).ok_or_else(not_found)?;
        let since = paused.then(|| self.0.now());
        let (lake, entropy) = (self.0.session.lake(), self.0.session.entropy());
        let _pausing = self.0.pausing.lock().await;
        let changed = Paused::change(lake, entropy, source, job, since).await;
        let changed = changed.map_err(|error| ServiceError::Unavailable {
            reason: error.to_string(),
        })?;
        let view = {
            let mut board = self.0.board();
            board.paused = changed;
            self.0.job(&board, one, name, declared)
        };
        self.wake();
        Ok(view)
    }
}

impl DaemonInner {
    pub(super) fn find(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<(Arc<str>, Arc<Dataset>), ServiceError> {
        let not_found = || ServiceError::NotFound {
            what: format!("dataset `{source}.{dataset}` that is enabled"),
        };
        let (name, one) = self.sources.get_key_value(source).ok_or_else(not_found)?;
        let found = enabled(&one.source, &one.schedule).find(|(name, _)| ***name == *dataset);
        let (_, dataset) = found.ok_or_else(not_found)?;
        Ok((Arc::clone(name), Arc::clone(dataset)))
    }

    /// Checks that a day can be read: it has begun, and is not before the API's earliest day.
    pub(super) fn readable(
        &self,
        source: &str,
        dataset: &Dataset,
        day: Day,
    ) -> Result<(), ServiceError> {
        let zone = self.sources.get(source).map(|one| one.schedule.zone);
        let today = zone.map(|zone| Day::of(self.now(), zone));
        if let Some(today) = today.filter(|today| day > *today) {
            return Err(ServiceError::Refused {
                reason: format!("{day} is in the future: today is {today}"),
                hint: format!("ask for {today} or an earlier day"),
            });
        }
        match dataset.days.earliest {
            Some(earliest) if day < earliest => Err(ServiceError::Refused {
                reason: format!("`{}` has nothing before {earliest}", dataset.full_name()),
                hint: format!("ask for {earliest} or a later day"),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn ask(
        &self,
        source: &Arc<str>,
        dataset: &Dataset,
        days: impl Iterator<Item = Day>,
        mode: Mode,
        (job, priority): (Arc<str>, Priority),
    ) -> Result<Vec<RunView>, ServiceError> {
        let mut board = self.board();
        if board.stopping {
            return Err(ServiceError::Unavailable {
                reason: "the daemon is stopping".to_owned(),
            });
        }
        let now = self.now();
        let period = dataset.days.period;
        let dataset: Arc<str> = dataset.name.as_str().into();
        let mut days: Vec<_> = days.map(|day| period.first(day)).collect();
        days.dedup();
        let asked = days.into_iter().map(|day| {
            let key = RunKey {
                source: Arc::clone(source),
                dataset: Arc::clone(&dataset),
                day,
            };
            let asked = RunRequest {
                run_id: self.session.entropy().run_id(now),
                job: Arc::clone(&job),
                mode,
                priority,
            };
            board.runs.ask(key, asked)
        });
        Ok(asked.collect())
    }

    fn job(
        &self,
        board: &DaemonState,
        one: &Scheduled,
        name: &Arc<str>,
        job: &ScheduledJob,
    ) -> JobView {
        let source = &one.schedule.source;
        let paused_since = board.paused.since(source, name);
        let next_slot = job.cron.next_after(self.now()).map(|slot| slot.at);
        JobView {
            source: source.to_string(),
            name: name.to_string(),
            cron: job.job.cron.clone(),
            timezone: one.schedule.zone.name().to_owned(),
            next_slot: next_slot.filter(|_| paused_since.is_none()),
            paused_since,
            last_run: board
                .runs
                .last_of(source, name)
                .or_else(|| last_of_lake(one, name)),
        }
    }

    pub(super) fn dataset(
        &self,
        board: &DaemonState,
        one: &Scheduled,
        dataset: &Dataset,
    ) -> DatasetView {
        let now = self.now();
        let known = board.knowledge(&one.source.name, dataset).ok();
        let last_success = known.and_then(|known| known.last_success(now));
        let backlog = known.map(|known| one.schedule.backlog(&dataset.name, known, now));
        let backlog = backlog.unwrap_or_default();
        let oldest_age = backlog.oldest_age.and_then(|age| age.to_std().ok());
        DatasetView {
            source: one.source.name.clone(),
            name: dataset.name.clone(),
            prefix: dataset.prefix.clone(),
            coverage: CoverageView {
                from: dataset.days.coverage_from,
                complete_days: known.map_or(0, |known| known.complete_days() as u64),
                accepted_days: known.map_or(0, |known| known.accepted().count() as u64),
                incomplete_days: backlog.wanted,
                backlog_days: backlog.days,
                overdue_days: backlog.overdue,
                unread_days: backlog.unread,
                stuck_days: backlog.stuck,
                oldest_backlog_day: backlog.oldest,
                oldest_backlog_seconds: oldest_age.map(|age| age.as_secs()),
            },
            freshness_seconds: last_success.map(|at| (now - at).as_seconds_f64().max(0.0)),
            last_success,
        }
    }
}

/// Returns the run of a job that ended last, of those that the lake told of: of an earlier process, or another one.
fn last_of_lake(one: &Scheduled, job: &str) -> Option<RunView> {
    let mut last: Option<(&Dataset, Day, Execution)> = None;
    for (_, dataset) in enabled(&one.source, &one.schedule) {
        one.memory.executions(&dataset.prefix, |day, run| {
            let is_later = last
                .as_ref()
                .is_none_or(|(.., known)| known.timestamp < run.timestamp);
            if run.job == job && run.status != Status::Running && is_later {
                last = Some((dataset, day, run.clone()));
            }
        });
    }
    let (dataset, day, run) = last?;
    let failed = run.failed_slices.into_iter();
    Some(RunView {
        run_id: run.run_id,
        source: dataset.source.clone(),
        dataset: dataset.name.clone(),
        day,
        mode: one.schedule.mode_of(job),
        job: run.job,
        status: RunStatus::of_ended(run.status),
        started_at: Some(run.started_at),
        ended_at: Some(run.timestamp),
        progress: ProgressView::default(),
        counts: Some(run.counts),
        failed_slices: failed
            .map(|(slice, reason)| FailedSlice { slice, reason })
            .collect(),
        error: run.error,
    })
}

impl DaemonState {
    pub(super) fn knowledge(
        &self,
        source: &str,
        dataset: &Dataset,
    ) -> Result<&crate::schedule::knowledge::DatasetKnowledge, ServiceError> {
        let of_source = self.sources.get(source);
        let knowledge = of_source.and_then(|of_source| of_source.knowledge.as_ref());
        let known = knowledge.and_then(|knowledge| knowledge.of(&dataset.name));
        known.ok_or_else(|| ServiceError::Unavailable {
            reason: format!(
                "the lake hasn't told yet what it has of `{}`",
                dataset.full_name()
            ),
        })
    }
}
