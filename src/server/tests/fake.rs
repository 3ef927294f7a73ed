//! A fake daemon with one job, one dataset and two runs, which records the commands that it receives.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::ledger::{AlertEntry, AlertState};
use crate::server::daemon::{DaemonService, Readiness, ServiceError};
use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::tests::sample::*;
use crate::server::view::*;
use bronzed_model::day::Day;
use bronzed_model::requests::RunRequests;

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
            key: AlertKey::of_source(AlertRuleName::Down, "pncp"),
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

    async fn requests(&self, run_id: Uuid) -> Result<Option<RunRequests>, ServiceError> {
        self.checked()?;
        Ok([ENDED, RUNNING].contains(&run_id).then(|| requests(run_id)))
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

    async fn silver(&self) -> Result<Vec<SilverTableView>, ServiceError> {
        self.checked()?;
        Ok(vec![silver_table()])
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
