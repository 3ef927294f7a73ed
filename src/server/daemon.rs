//! The daemon's interface to the server: queries and commands.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::alerts::ledger::AlertEntry;
use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::view::{
    Backfill, BackfillForecast, BackfillView, CalendarView, DatasetView, DayView, History, JobView,
    Overview, RunView, ScheduleView, SilverTableView, Volumes,
};
use bronzed_model::day::Day;
use bronzed_model::requests::RunRequests;

/// The daemon, as the server sees it.
///
/// Methods answer from memory or from the lake. A call that exceeds the server's response timeout is
/// dropped, so every method must be cancel-safe at every await point.
#[async_trait]
pub trait DaemonService: Send + Sync + 'static {
    /// Returns the readiness as last observed, without I/O, because anyone may request it frequently. The
    /// availability of the providers' APIs is not part of it.
    fn readiness(&self) -> Readiness;

    /// Updates the gauges that change with time ([`bronzed_metrics::events`]). Called before each
    /// scrape: it must neither block nor access the lake.
    fn observe(&self);

    /// Returns the active alerts, oldest first.
    fn alerts(&self) -> Vec<AlertEntry>;

    /// Returns every job of the enabled sources.
    async fn jobs(&self) -> Result<Vec<JobView>, ServiceError>;

    /// Returns every dataset of the enabled sources.
    async fn datasets(&self) -> Result<Vec<DatasetView>, ServiceError>;

    /// Returns queued, running and recently ended runs, newest first; their number is bounded.
    async fn runs(&self) -> Result<Vec<RunView>, ServiceError>;

    /// Returns everything at a glance, and what isn't as it should be.
    async fn overview(&self) -> Result<Overview, ServiceError>;

    /// Returns the coverage calendar of a dataset.
    async fn calendar(&self, source: &str, dataset: &str) -> Result<CalendarView, ServiceError>;

    /// Returns a day in detail, read from the lake.
    async fn day(&self, source: &str, dataset: &str, day: Day) -> Result<DayView, ServiceError>;

    /// Returns the requests of a run, so far if it is under way. `None` if they aren't known: the run is older than they are
    /// kept, or has asked for nothing.
    async fn requests(&self, run_id: Uuid) -> Result<Option<RunRequests>, ServiceError>;

    /// Returns the records a day of the last weeks, against the usual ones.
    async fn volumes(&self, source: &str, dataset: &str) -> Result<Volumes, ServiceError>;

    /// Returns runs that have ended, of any process, as far as the daemon knows; their number is bounded.
    async fn history(&self) -> Result<History, ServiceError>;

    /// Returns what comes in the next 24 hours.
    async fn schedule(&self) -> Result<ScheduleView, ServiceError>;

    /// Returns the backfills that were asked for since the start, newest first.
    async fn backfills(&self) -> Result<Vec<BackfillView>, ServiceError>;

    /// Returns every silver table that is kept.
    async fn silver(&self) -> Result<Vec<SilverTableView>, ServiceError>;

    /// Queues one run per day, or joins the run that is already reading the day. Returns one run for each
    /// requested day, in the order of the request.
    async fn start_runs(&self, order: RunOrder) -> Result<Vec<RunView>, ServiceError>;

    /// Queues the incomplete days of a range, newest first.
    async fn start_backfill(&self, order: BackfillOrder) -> Result<Backfill, ServiceError>;

    /// Returns the cost of a backfill, without starting it.
    async fn forecast_backfill(
        &self,
        order: BackfillOrder,
    ) -> Result<BackfillForecast, ServiceError>;

    /// Takes the waiting days of a dataset's backfill out of the queue; days that are being read go on.
    async fn stop_backfill(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<BackfillView, ServiceError>;

    /// Queues the days that a slot of the job would name now. Returns one run for each.
    async fn run_job(&self, source: &str, job: &str) -> Result<Vec<RunView>, ServiceError>;

    /// Pauses or resumes a job, also across restarts, and returns the job's new state. Idempotent.
    async fn set_paused(
        &self,
        source: &str,
        job: &str,
        paused: bool,
    ) -> Result<JobView, ServiceError>;
}

/// Readiness of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// `true` if the last request to the lake was answered.
    pub lake_reachable: bool,
    /// `true` if the lake accepts writes, as far as is known.
    pub lake_writable: bool,
    /// `true` if the scheduler's last pass is recent enough.
    pub scheduler_ticking: bool,
    /// Time since the scheduler's last pass. `None` if there was none yet.
    pub last_tick_age: Option<Duration>,
}

impl Readiness {
    /// Returns `true` if the lake is reachable and writable and the scheduler ticks.
    pub fn is_ready(&self) -> bool {
        self.lake_reachable && self.lake_writable && self.scheduler_ticking
    }
}

/// Error of a call to the [`DaemonService`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The source, dataset or job doesn't exist.
    #[error("there is no {what}")]
    NotFound {
        /// ``dataset `pncp.contratos` ``
        what: String,
    },
    /// The request is valid, but can't be accepted in this form or at this time: a day in the future, a
    /// source that isn't enabled.
    #[error("{reason}")]
    Refused {
        /// Reason of the refusal.
        reason: String,
        /// Hint: a request that would be accepted.
        hint: String,
    },
    /// The lake is unreachable, or the daemon is stopping; a later request may succeed.
    #[error("{reason}")]
    Unavailable {
        /// Description of what is unavailable.
        reason: String,
    },
}
