//! What the server needs of the daemon: to be asked how things are, and to be told what to do.

use std::time::Duration;

use async_trait::async_trait;

use crate::server::order::{BackfillOrder, RunOrder};
use crate::server::view::{Backfill, DatasetView, JobView, RunView};

/// The daemon, as the server sees it.
///
/// Answers come from what the daemon knows already, or from the lake; a call that takes longer
/// than the server's time for an answer is dropped, so each one must bear being dropped at any
/// point.
#[async_trait]
pub trait Daemon: Send + Sync + 'static {
    /// Whether it can work. From what was seen last: it is asked often, by anyone, and an API
    /// that is down doesn't count.
    fn readiness(&self) -> Readiness;

    /// Sets the gauges that move with time ([`crate::telemetry::metrics::events`]). Called before
    /// each scrape, from what is known: it must neither wait nor ask the lake.
    fn observe(&self);

    /// Every job of the enabled sources.
    async fn jobs(&self) -> Result<Vec<JobView>, DaemonError>;

    /// Every dataset of the enabled sources.
    async fn datasets(&self) -> Result<Vec<DatasetView>, DaemonError>;

    /// Runs that wait, that are under way, and that ended lately: the newest first, bounded.
    async fn runs(&self) -> Result<Vec<RunView>, DaemonError>;

    /// Queues one run a day; a day that is being read already is joined. The answer has one run
    /// for each day that was asked for, in that order.
    async fn start_runs(&self, order: RunOrder) -> Result<Vec<RunView>, DaemonError>;

    /// Queues the days of a range that aren't complete, the newest first.
    async fn start_backfill(&self, order: BackfillOrder) -> Result<Backfill, DaemonError>;

    /// Pauses a job or lets it go on, and outlives a restart. The answer is the job as it is
    /// then; a job that is so already stays so.
    async fn set_paused(
        &self,
        source: &str,
        job: &str,
        paused: bool,
    ) -> Result<JobView, DaemonError>;
}

/// Whether the daemon can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The lake answered when it was asked last.
    pub lake_reachable: bool,
    /// The lake takes what is written, as far as is known.
    pub lake_writable: bool,
    /// The scheduler has looked at its jobs lately enough.
    pub scheduler_ticking: bool,
    /// Since the scheduler last looked. `None`: it hasn't yet.
    pub last_tick_age: Option<Duration>,
}

impl Readiness {
    /// Both the lake and the scheduler.
    pub fn is_ready(&self) -> bool {
        self.lake_reachable && self.lake_writable && self.scheduler_ticking
    }
}

/// Why the daemon doesn't do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DaemonError {
    /// There is no such source, dataset or job.
    #[error("there is no {what}")]
    NotFound {
        /// ``dataset `pncp.contratos` ``
        what: String,
    },
    /// It could be done, but not like this or not now: a day in the future, a source that isn't
    /// enabled.
    #[error("{reason}")]
    Refused {
        /// What stands against it.
        reason: String,
        /// What would be accepted.
        cure: String,
    },
    /// The lake can't be reached, or the daemon is stopping; later it may work.
    #[error("{reason}")]
    Unavailable {
        /// What isn't there.
        reason: String,
    },
}
