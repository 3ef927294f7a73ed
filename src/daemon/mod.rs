//! The daemon: keeps every enabled source complete and fresh, for as long as it runs.
//!
//! ```text
//! cron ─┐                    ┌─► plan (schedule) ─► places ─► runs (ingest) ─┐
//! tick ─┼─► wake ─► look ────┤                                               │
//! API  ─┘     ▲              └─► learn (lake) ─► what is known               │
//!             └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! Whatever wakes it, it does the same: it looks at jobs, knowledge and time, and starts what is
//! due and has a place. A wake-up that gets lost costs a moment; one too many costs nothing. It
//! keeps nothing on a disk of its own: what it must know after a restart, the lake tells.
//!
//! Promises: a day of a dataset is read once at a time; a slot is missed by nobody; a run that
//! panics is audited and ends nobody else; told to stop, it ends within its grace, with the lake as
//! it must be.
//!
//! - [`wakers`]: what wakes it: the cron crate, and a slow tick beside it
//! - `life`: the loop, the runs' tasks, and the end
//! - `look`: what is due now, and who begins
//! - `work`: one run, and what is left of one that panicked
//! - `learn`, `paused`: what the lake tells
//! - `freshness`: what is too old, or overdue
//! - `board`, `runs`, `places`: what is known and under way
//! - `doors`, `trouble`, `lake`: what waits while a source, an endpoint or the lake fails (P11)
//! - `service`: what the server asks and orders

mod board;
mod doors;
mod freshness;
mod lake;
mod learn;
mod life;
mod look;
mod paused;
mod places;
mod runs;
mod service;
mod trouble;
pub mod wakers;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::daemon::board::Board;
use crate::daemon::learn::Memory;
use crate::schedule::jobs::{Schedule, ScheduleError};
use crate::session::Session;
use crate::source::declaration::Source;

pub use life::DaemonError;

/// The daemon. Clones are the same one.
#[derive(Clone)]
pub struct Daemon(Arc<Inner>);

struct Inner {
    session: Session,
    /// The enabled sources, by name.
    sources: BTreeMap<Arc<str>, Scheduled>,
    board: Mutex<Board>,
    /// Somebody called for a look.
    woken: Notify,
    /// A look was had, or a task has ended.
    changed: Notify,
    started_at: DateTime<Utc>,
}

/// A source and its jobs.
struct Scheduled {
    source: Arc<Source>,
    schedule: Schedule,
    /// What its states said when they were read last.
    memory: Memory,
}

impl Daemon {
    /// A daemon for the enabled sources of the session; [`Self::run`] brings it to life.
    ///
    /// # Errors
    /// When a cron expression can't be read, which the configuration's checks rule out.
    pub fn new(session: Session) -> Result<Self, ScheduleError> {
        let mut sources = BTreeMap::new();
        let mut board = Board::default();
        let enabled = session.settings().sources.values();
        for source in enabled.filter(|source| source.enabled) {
            let name: Arc<str> = source.name.as_str().into();
            board.sources.insert(Arc::clone(&name), Default::default());
            let schedule = Schedule::of(source)?;
            let source = Arc::clone(source);
            let scheduled = Scheduled {
                source,
                schedule,
                memory: Memory::default(),
            };
            sources.insert(name, scheduled);
        }
        let started_at = session.clock().now();
        Ok(Self(Arc::new(Inner {
            session,
            sources,
            board: Mutex::new(board),
            woken: Notify::new(),
            changed: Notify::new(),
            started_at,
        })))
    }

    /// Calls for a look at what is due. Anyone may, at any time; many calls may become one look.
    pub fn wake(&self) {
        self.0.board().calls += 1;
        self.0.woken.notify_one();
    }

    /// Waits until every call for a look was answered, and nothing is under way: for whoever
    /// drives the clock.
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

    /// When something can become due without anything having happened; `None` before the first
    /// look.
    pub fn next_wake(&self) -> Option<DateTime<Utc>> {
        self.0.board().next_wake
    }

    /// The cron expressions of all jobs, each with its zone.
    fn crons(&self) -> impl Iterator<Item = (&Schedule, &str)> {
        let schedules = self.0.sources.values().map(|scheduled| &scheduled.schedule);
        schedules.flat_map(|schedule| {
            let jobs = schedule.jobs.values();
            jobs.map(move |job| (schedule, job.job.cron.as_str()))
        })
    }
}

impl Inner {
    fn board(&self) -> MutexGuard<'_, Board> {
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
