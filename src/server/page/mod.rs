//! The status page: everything that the API tells, for people.
//!
//! ```text
//! request ──► Viewer (language, session) ──► views of the daemon ──► fn(&View, &Viewer) -> Markup
//! ```
//!
//! Promises: complete without a script; nothing is loaded from anywhere else; in Portuguese or English by the
//! browser's language; nothing is said by colour alone; whatever is changed takes a session and a form of
//! that session; what is shown is in `/api/v1`, too. Many viewers share one look at the daemon.

mod assets;
mod backfills;
mod dataset;
mod day;
mod handlers;
pub(super) mod lang;
pub(super) mod layout;
mod login;
mod overview;
mod parts;
mod plot;
mod requests;
mod routes;
mod run;
mod runs;
mod schedule;
pub(super) mod session;
mod silver;
mod visit;
mod words;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::server::App;
use crate::server::daemon::ServiceError;
use crate::server::view::{Overview, RunView, ScheduleView, SilverTableView};

pub(super) use routes::{fallback, router};

/// Age up to which a look at the daemon is shared by viewers.
const SHARED: Duration = Duration::from_secs(1);

/// A look at the daemon.
#[derive(Debug)]
pub(super) struct Glance {
    pub overview: Overview,
    pub schedule: ScheduleView,
    pub runs: Vec<RunView>,
    pub silver: Vec<SilverTableView>,
}

/// The last look at the daemon; the lock is held while a new one is taken, so that only one is.
#[derive(Debug, Default)]
pub(super) struct LastGlance(Mutex<Option<(Instant, Arc<Glance>)>>);

impl App {
    /// Returns a look at the daemon, at most [`SHARED`] old.
    pub(super) async fn glance(&self) -> Result<Arc<Glance>, ServiceError> {
        let mut last = self.last_glance.0.lock().await;
        if let Some((at, glance)) = &*last
            && at.elapsed() < SHARED
        {
            return Ok(Arc::clone(glance));
        }
        let glance = Arc::new(Glance {
            overview: self.daemon.overview().await?,
            schedule: self.daemon.schedule().await?,
            runs: self.daemon.runs().await?,
            silver: self.daemon.silver().await?,
        });
        *last = Some((Instant::now(), Arc::clone(&glance)));
        Ok(glance)
    }

    /// Has the next viewer take a new look, after something was changed.
    pub(super) async fn forget_glance(&self) {
        *self.last_glance.0.lock().await = None;
    }
}
