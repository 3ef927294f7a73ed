//! A fake daemon with one job, one dataset and two runs, which records the commands that it receives.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::alerts::key::{AlertKey, Rule};
use crate::alerts::ledger::{AlertEntry, AlertState};
use crate::schedule::calendar::{CalendarSpan, DayStatus};
use crate::server::daemon::{DaemonService, Readiness, ServiceError};
use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::view::*;
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;

/// Id of the ended run.
pub const ENDED: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);
/// Id of the running run.
pub const RUNNING: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0002);

pub struct FakeDaemon {
    pub readiness: Mutex<Readiness>,
    /// Error that every call returns, if set.
    pub failure: Mutex<Option<ServiceError>>,
    /// Received commands.
    pub told: Mutex<Vec<String>>,
    /// Number of calls of `observe`.
    pub observed: Mutex<u32>,
    /// While set, `runs` waits for `go`.
    pub hold: Mutex<bool>,
    /// Notified when `runs` has been called and waits.
    pub held: Notify,
    pub go: Notify,
}

impl Default for FakeDaemon {
    fn default() -> Self {
        Self {
            readiness: Mutex::new(Readiness {
                lake_reachable: true,
                lake_writable: true,
                scheduler_ticking: true,
                last_tick_age: Some(Duration::from_millis(1500)),
            }),
            failure: Mutex::default(),
            told: Mutex::default(),
            observed: Mutex::default(),
            hold: Mutex::default(),
            held: Notify::new(),
            go: Notify::new(),
        }
    }
}

impl FakeDaemon {
    fn checked(&self) -> Result<(), ServiceError> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn tell(&self, what: String) -> Result<(), ServiceError> {
        self.checked()?;
        self.told.lock().unwrap().push(what);
        Ok(())
    }

    /// Takes the commands received since the last call.
    pub fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

#[async_trait]
impl DaemonService for FakeDaemon {
    fn readiness(&self) -> Readiness {
        *self.readiness.lock().unwrap()
    }

    fn observe(&self) {
        *self.observed.lock().unwrap() += 1;
    }

    fn alerts(&self) -> Vec<AlertEntry> {
        vec![AlertEntry {
            key: AlertKey::of_source(Rule::Down, "pncp"),
            state: AlertState::Active,
            since: at("2025-10-22T12:00:00Z"),
            changed_at: at("2025-10-22T14:00:00Z"),
            ended_at: None,
            summary: "pncp: the API has been down since noon".to_owned(),
            detail: "20 failures in a row".to_owned(),
            hint: "Nothing has to be done".to_owned(),
        }]
    }

    async fn jobs(&self) -> Result<Vec<JobView>, ServiceError> {
        self.checked()?;
        Ok(vec![job(None)])
    }

    async fn datasets(&self) -> Result<Vec<DatasetView>, ServiceError> {
        self.checked()?;
        Ok(vec![dataset()])
    }

    async fn overview(&self) -> Result<Overview, ServiceError> {
        self.checked()?;
        Ok(overview())
    }

    async fn calendar(&self, source: &str, name: &str) -> Result<CalendarView, ServiceError> {
        self.checked()?;
        exists(source, name)?;
        Ok(CalendarView {
            at: at("2025-10-22T15:00:00Z"),
            overview: glance(),
            timezone: "America/Sao_Paulo".to_owned(),
            days: spans(),
        })
    }

    async fn day(&self, source: &str, name: &str, day: Day) -> Result<DayView, ServiceError> {
        self.checked()?;
        exists(source, name)?;
        Ok(day_view(day))
    }

    async fn volumes(&self, source: &str, name: &str) -> Result<Volumes, ServiceError> {
        self.checked()?;
        exists(source, name)?;
        let usual = Usual {
            least: 90,
            median: 100,
            most: 110,
            days: 8,
        };
        Ok(Volumes {
            at: at("2025-10-22T15:00:00Z"),
            source: source.to_owned(),
            dataset: name.to_owned(),
            days: vec![VolumeDay {
                day: day("2025-10-21"),
                records: Some(37),
                usual: Some(usual),
            }],
        })
    }

    async fn history(&self) -> Result<History, ServiceError> {
        self.checked()?;
        Ok(History {
            runs: vec![past_run()],
        })
    }

    async fn schedule(&self) -> Result<ScheduleView, ServiceError> {
        self.checked()?;
        Ok(ScheduleView {
            at: at("2025-10-22T15:00:00Z"),
            jobs: vec![JobSlots {
                source: "pncp".to_owned(),
                job: "hourly".to_owned(),
                cron: "0 * * * *".to_owned(),
                timezone: "America/Sao_Paulo".to_owned(),
                datasets: vec!["contratacoes".to_owned()],
                paused_since: None,
                slots: vec![at("2025-10-22T16:00:00Z")],
                next: Some(at("2025-10-22T16:00:00Z")),
            }],
            due: vec![DueRun {
                source: "pncp".to_owned(),
                dataset: "contratacoes".to_owned(),
                day: day("2025-10-03"),
                job: "daily".to_owned(),
                reason: "retry".to_owned(),
                since: at("2025-10-22T14:00:00Z"),
            }],
            due_runs: 1,
        })
    }

    async fn backfills(&self) -> Result<Vec<BackfillView>, ServiceError> {
        self.checked()?;
        Ok(vec![backfill()])
    }

    async fn forecast_backfill(
        &self,
        order: BackfillOrder,
    ) -> Result<BackfillForecast, ServiceError> {
        self.tell(format!("forecast {} to {}", order.from, order.to))?;
        Ok(BackfillForecast {
            open_days: 3,
            complete_days: 4,
            requests: 120,
            requests_at_most: 160,
            seconds: 300,
            seconds_at_most: 400,
            sampled_days: 4,
        })
    }

    async fn stop_backfill(&self, source: &str, name: &str) -> Result<BackfillView, ServiceError> {
        exists(source, name)?;
        self.tell(format!("stop {source}.{name}"))?;
        Ok(backfill())
    }

    async fn run_job(&self, source: &str, name: &str) -> Result<Vec<RunView>, ServiceError> {
        self.tell(format!("run {source}.{name}"))?;
        Ok(vec![run(RUNNING, RunStatus::Queued)])
    }

    async fn runs(&self) -> Result<Vec<RunView>, ServiceError> {
        self.checked()?;
        if *self.hold.lock().unwrap() {
            self.held.notify_one();
            self.go.notified().await;
        }
        Ok(vec![
            run(RUNNING, RunStatus::Running),
            run(ENDED, RunStatus::Partial),
        ])
    }

    async fn start_runs(&self, order: RunOrder) -> Result<Vec<RunView>, ServiceError> {
        self.tell(format!("{:?} {:?}", order.days, order.mode))?;
        let queued = order.days.iter().map(|day| RunView {
            day: *day,
            ..run(RUNNING, RunStatus::Queued)
        });
        Ok(queued.collect())
    }

    async fn start_backfill(&self, order: BackfillOrder) -> Result<Backfill, ServiceError> {
        self.tell(format!("{} to {}", order.from, order.to))?;
        Ok(Backfill {
            queued_days: 3,
            complete_days: 4,
        })
    }

    async fn set_paused(
        &self,
        source: &str,
        name: &str,
        paused: bool,
    ) -> Result<JobView, ServiceError> {
        if (source, name) != ("pncp", "hourly") {
            let what = format!("job `{source}.{name}`");
            return Err(ServiceError::NotFound { what });
        }
        self.tell(format!("{source}.{name} paused: {paused}"))?;
        Ok(job(paused.then(|| at("2025-10-22T12:00:00Z"))))
    }
}

fn exists(source: &str, name: &str) -> Result<(), ServiceError> {
    match (source, name) {
        ("pncp", "contratacoes") => Ok(()),
        _ => Err(ServiceError::NotFound {
            what: format!("dataset `{source}.{name}`"),
        }),
    }
}

fn dataset() -> DatasetView {
    DatasetView {
        source: "pncp".to_owned(),
        name: "contratacoes".to_owned(),
        prefix: "pncp".to_owned(),
        coverage: CoverageView {
            from: Some(day("2025-10-01")),
            complete_days: 20,
            accepted_days: 2,
            incomplete_days: 3,
            backlog_days: 1,
            overdue_days: 1,
            stuck_days: 0,
            oldest_backlog_day: Some(day("2025-10-03")),
            oldest_backlog_seconds: Some(90_000),
        },
        freshness_seconds: Some(90.5),
        last_success: Some(at("2025-10-22T11:00:00Z")),
    }
}

/// A calendar with a day of every status.
fn spans() -> Vec<CalendarSpan> {
    let first = day("2025-10-01");
    let days = std::iter::successors(Some(first), |day| Some(day.next()));
    let spans = days.zip(DayStatus::ALL).map(|(day, status)| CalendarSpan {
        from: day,
        to: day,
        status,
    });
    spans.collect()
}

fn glance() -> DatasetOverview {
    DatasetOverview {
        dataset: dataset(),
        kind: DatasetKind::Day,
        stale_jobs: vec!["hourly".to_owned()],
        down: true,
        next_run: Some(NextSlot {
            job: "hourly".to_owned(),
            at: at("2025-10-22T16:00:00Z"),
        }),
        last_run: Some(past_run()),
        reading: vec![Reading {
            run_id: RUNNING,
            day: day("2025-10-22"),
            progress: run(RUNNING, RunStatus::Running).progress,
        }],
        recent: spans(),
        open_days: vec![OpenDay {
            day: day("2025-10-04"),
            status: DayStatus::Partial,
        }],
    }
}

/// An overview with a concern of every kind.
fn overview() -> Overview {
    let concern = |kind, severity| Concern {
        kind,
        severity,
        source: Some("pncp".to_owned()),
        dataset: Some("contratacoes".to_owned()),
        job: Some("hourly".to_owned()),
        day: Some(day("2025-10-04")),
        days: 2,
        since: Some(at("2025-10-22T11:00:00Z")),
        detail: Some("answered <503> & nothing else".to_owned()),
    };
    Overview {
        at: at("2025-10-22T15:00:00Z"),
        worst: Some(Severity::Critical),
        concerns: vec![
            concern(ConcernKind::LakeUnreachable, Severity::Critical),
            concern(ConcernKind::LakeRefusesWrites, Severity::Critical),
            concern(ConcernKind::SchedulerStopped, Severity::Critical),
            concern(ConcernKind::DaysStuck, Severity::Critical),
            concern(ConcernKind::LakeNotRead, Severity::Warning),
            concern(ConcernKind::DaysOverdue, Severity::Warning),
            concern(ConcernKind::ApiDown, Severity::Warning),
            concern(ConcernKind::Stale, Severity::Warning),
            concern(ConcernKind::DaysOpen, Severity::Note),
            concern(ConcernKind::JobPaused, Severity::Note),
        ],
        sources: vec![SourceOverview {
            name: "pncp".to_owned(),
            timezone: "America/Sao_Paulo".to_owned(),
            datasets: vec![glance()],
        }],
        running: 1,
        waiting: 1,
    }
}

fn past_run() -> PastRun {
    PastRun {
        run_id: ENDED,
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day: day("2025-10-22"),
        job: "hourly".to_owned(),
        status: RunStatus::Partial,
        started_at: at("2025-10-22T12:00:00Z"),
        ended_at: at("2025-10-22T12:01:00Z"),
        new: 31,
        requests: 14,
        retries: 2,
        error: None,
    }
}

fn backfill() -> BackfillView {
    BackfillView {
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        from: day("2025-10-01"),
        to: day("2025-10-07"),
        asked_at: at("2025-10-22T14:00:00Z"),
        days: 7,
        waiting_days: 3,
        running_days: 1,
        complete_days: 2,
        incomplete_days: 1,
        expected_end: Some(at("2025-10-22T16:00:00Z")),
        stopped: false,
    }
}

fn day_view(day: Day) -> DayView {
    let slice = |slice: &str, failure: Option<&str>| SliceView {
        slice: slice.to_owned(),
        stated: Some(812),
        read: Some(800),
        proven: failure.is_none(),
        empty_since: None,
        failure: failure.map(str::to_owned),
    };
    let failed = vec![FailedSlice {
        slice: "modalidade=6".to_owned(),
        reason: "gave up after 2 tries: <b>503</b>".to_owned(),
    }];
    let execution = ExecutionView {
        run_id: Some(ENDED),
        job: Some("daily".to_owned()),
        status: Some(ExecutionStatus::Partial),
        stop: Some(StopView::Deadline),
        started_at: Some(at("2025-10-22T12:00:00Z")),
        ended_at: Some(at("2025-10-22T12:01:00Z")),
        counts: Counts::default(),
        failed_slices: failed,
        error: None,
        again_at: Some(at("2025-10-22T18:00:00Z")),
        reason: None,
        files: vec!["pncp/c000001.parquet".to_owned()],
    };
    DayView {
        at: at("2025-10-22T15:00:00Z"),
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day,
        timezone: "America/Sao_Paulo".to_owned(),
        status: DayStatus::Partial,
        settles_at: at("2025-10-22T14:00:00Z"),
        accepted: None,
        records: 800,
        withdrawn: 1,
        usual: Some(Usual {
            least: 1500,
            median: 1600,
            most: 1700,
            days: 6,
        }),
        slices: vec![
            slice("modalidade=5", None),
            slice("modalidade=6", Some("gave up after 2 tries: <b>503</b>")),
        ],
        executions: vec![execution],
        files: vec![FileView {
            key: "pncp/c000001.parquet".to_owned(),
            bytes: 57_876,
            stored_at: at("2025-10-22T12:00:30Z"),
            rows: Some(800),
        }],
        lost_files: vec!["pncp/c000002.parquet".to_owned()],
        doubt: None,
        next_attempt: Some(at("2025-10-22T18:00:00Z")),
        current: None,
    }
}

fn job(paused_since: Option<DateTime<Utc>>) -> JobView {
    JobView {
        source: "pncp".to_owned(),
        name: "hourly".to_owned(),
        cron: "0 * * * *".to_owned(),
        timezone: "America/Sao_Paulo".to_owned(),
        next_slot: paused_since.is_none().then(|| at("2025-10-22T13:00:00Z")),
        paused_since,
        last_run: Some(run(ENDED, RunStatus::Partial)),
    }
}

fn run(run_id: Uuid, status: RunStatus) -> RunView {
    let ended = status == RunStatus::Partial;
    RunView {
        run_id,
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day: day("2025-10-22"),
        job: "hourly".to_owned(),
        mode: Mode::New,
        status,
        started_at: (status != RunStatus::Queued).then(|| at("2025-10-22T12:00:00Z")),
        ended_at: ended.then(|| at("2025-10-22T12:01:00Z")),
        progress: ProgressView {
            pages_read: 4,
            pages_known: 7,
            records: 200,
            new: 31,
        },
        counts: ended.then(Counts::default),
        failed_slices: vec![FailedSlice {
            slice: "modalidade=6".to_owned(),
            reason: "answered status 503".to_owned(),
        }],
        error: None,
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
