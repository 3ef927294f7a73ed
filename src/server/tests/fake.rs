//! A fake daemon with one job, one dataset and two runs, which records the commands that it receives.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::alerts::key::{AlertKey, Rule};
use crate::alerts::ledger::{AlertEntry, AlertState};
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
        Ok(vec![DatasetView {
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
        }])
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
