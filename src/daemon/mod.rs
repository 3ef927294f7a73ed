//! The daemon: keeps every enabled source complete and fresh, for as long as it runs.
//!
//! ```text
//! cron ─┐                    ┌─► plan (schedule) ─► places ─► runs (ingest) ─┐
//! tick ─┼─► wake ─► look ────┤                                               │
//! API  ─┘     ▲              └─► learn (lake) ─► knowledge                   │
//!             └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! Every trigger only requests a reconcile pass (`look`), which plans from jobs, the known lake state and
//! time, and starts due runs that have a free slot. A lost trigger costs a moment; an extra one costs
//! nothing. The daemon keeps no local state on disk: after a restart, it loads everything from the lake.
//!
//! Guarantees: a day of a dataset has at most one run at a time; no slot is lost; a panicking run is audited
//! and affects no other run; on a stop request, the daemon ends within its grace period and leaves the lake
//! consistent.
//!
//! - [`wakers`]: triggers: the cron crate, and a slow tick beside it
//! - `life`: event loop, tasks of the runs, shutdown
//! - `look`: reconcile pass: selects the due runs and starts them
//! - `work`: one run, and the audit of a panicked run
//! - `learn`, `paused`: knowledge loaded from the lake
//! - `freshness`: stale jobs and overdue days
//! - `board`, `runs`, `places`: state of the daemon, active runs, run slots
//! - `doors`, `trouble`, `lake`: admission of runs while a source, an endpoint or the lake fails (P11)
//! - `compaction`: compaction of tables, when nothing else is at work
//! - `alerts`: snapshots for the alerts
//! - `silver`: silver tables, which follow the runs
//! - `service`: interface for the HTTP server; `overview`, `concerns`, `day`, `volumes`, `next`,
//!   `backfills`: what it tells

mod alerts;
mod backfills;
mod board;
#[cfg(feature = "delta")]
mod compaction;
mod concerns;
mod day;
mod doors;
mod freshness;
mod lake;
mod learn;
mod life;
mod look;
mod next;
mod overview;
mod paused;
mod places;
mod planned;
mod requests;
mod runs;
mod service;
mod silver;
mod trouble;
mod volumes;
pub mod wakers;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, Semaphore};

use crate::alerts::Alerts;
use crate::daemon::board::DaemonState;
use crate::daemon::day::READINGS;
use crate::daemon::learn::StateCache;
use crate::daemon::volumes::VolumeCache;
use crate::schedule::jobs::{Schedule, ScheduleError};
use crate::session::AppContext;
use crate::silver::keeper::SilverKeeper;
use bronzed_model::declaration::Source;

pub(crate) use learn::read_knowledge;
pub use life::DaemonStartError;
pub(crate) use paused::Paused;

/// Handle to the daemon. Clones share it.
#[derive(Clone)]
pub struct Daemon(Arc<DaemonInner>);

struct DaemonInner {
    session: AppContext,
    /// The enabled sources, by name.
    sources: BTreeMap<Arc<str>, Scheduled>,
    board: Mutex<DaemonState>,
    /// Held from a load or change of the paused jobs in the lake until the board has it, so that an older
    /// document never replaces a newer one.
    pausing: tokio::sync::Mutex<()>,
    /// Notified when a reconcile pass is requested.
    woken: Notify,
    /// Notified when a reconcile pass or a task has finished.
    changed: Notify,
    started_at: DateTime<Utc>,
    /// Number of records of days that were read for the server.
    volumes: VolumeCache,
    /// Permits to read days for the server.
    readings: Semaphore,
    alerts: Alerts,
}

/// A source and its jobs.
struct Scheduled {
    source: Arc<Source>,
    schedule: Schedule,
    /// Cache of the source's day states.
    memory: StateCache,
}

impl Daemon {
    /// Creates a daemon for the enabled sources of the session; [`Self::run`] starts it.
    ///
    /// # Errors
    /// Returns an error if a cron expression is invalid, which validation of the configuration rules out.
    pub fn new(session: AppContext) -> Result<Self, ScheduleError> {
        let mut sources = BTreeMap::new();
        let mut board = DaemonState {
            silver: SilverKeeper::of(session.settings()),
            ..DaemonState::default()
        };
        let enabled = session.settings().sources.values();
        for source in enabled.filter(|source| source.enabled) {
            let name: Arc<str> = source.name.as_str().into();
            board.sources.insert(Arc::clone(&name), Default::default());
            let schedule = Schedule::of(source)?;
            let source = Arc::clone(source);
            let scheduled = Scheduled {
                source,
                schedule,
                memory: StateCache::default(),
            };
            sources.insert(name, scheduled);
        }
        let started_at = session.clock().now();
        Ok(Self(Arc::new(DaemonInner {
            session,
            sources,
            board: Mutex::new(board),
            pausing: tokio::sync::Mutex::default(),
            woken: Notify::new(),
            changed: Notify::new(),
            started_at,
            volumes: VolumeCache::default(),
            readings: Semaphore::new(READINGS),
            alerts: Alerts::default(),
        })))
    }

    /// Requests a reconcile pass. Callable at any time; several requests may share one pass.
    pub fn wake(&self) {
        self.0.board().calls += 1;
        self.0.woken.notify_one();
    }

    /// Waits until every requested reconcile pass is done and no task is active; for callers that drive the
    /// clock.
    pub async fn settled(&self) {
        loop {
            let changed = self.0.changed.notified();
            {
                let board = self.0.board();
                if board.answered == board.calls && board.tasks == 0 {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Returns the next time at which something may become due without a trigger. `None` before the first
    /// reconcile pass.
    pub fn next_wake(&self) -> Option<DateTime<Utc>> {
        self.0.board().next_wake
    }

    /// Returns the alerts of the daemon.
    pub fn alerts(&self) -> &Alerts {
        &self.0.alerts
    }

    /// Cron expressions of all jobs, each with its schedule, which has the zone.
    fn crons(&self) -> impl Iterator<Item = (&Schedule, &str)> {
        let schedules = self.0.sources.values().map(|scheduled| &scheduled.schedule);
        schedules.flat_map(|schedule| {
            let jobs = schedule.jobs.values();
            jobs.map(move |job| (schedule, job.job.cron.as_str()))
        })
    }
}

impl DaemonInner {
    fn board(&self) -> MutexGuard<'_, DaemonState> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> DateTime<Utc> {
        self.session.clock().now()
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.sources.keys().collect();
        write!(f, "Daemon({names:?})")
    }
}
