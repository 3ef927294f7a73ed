//! One limit per source for all processes of a lake (promise P8): an advisory lease.
//!
//! A process that sends requests to an API holds an entry in `_bronzed/leases/{source}.json`, with its share
//! of the source's limits and of its pools' limits. The sum of all shares never exceeds the limits. The
//! document is changed by compare-and-swap only:
//!
//! ```json
//! {"format": 1, "holders": {"worker-7/41/1764230400000/0": {
//!   "host": "worker-7", "pid": 41, "command": "daemon",
//!   "since": "2025-11-27T08:00:00Z", "expires": "2025-11-27T09:31:10Z", "renewed": 540,
//!   "limits": {"limits": {"wants": 3, "share": 2}, "pool.contratos": {"wants": 0, "share": 0}}}}}
//! ```
//!
//! - A new process adds its entry with the free share. The others see it at their next renewal (every
//!   [`RENEW`]), wait for excess requests to finish, and lower their shares; then the new process raises its
//!   own. So there are never more requests in flight than one process may have.
//! - Shares are as equal as integers and demand allow ([`fair`]). If there are fewer slots than processes,
//!   these take turns of a minute.
//! - Entries are renewed only while there is demand, and removed after [`IDLE`] without a request and at the
//!   end of the process. An idle process sends no requests to the lake.
//! - An entry that isn't renewed for [`EXPIRE`] is taken over, which is logged; one of a process that is
//!   known to be gone (same machine) at once.
//!
//! Correctness never depends on a lease: bronze and state have their own commit protocol. If the lake can't
//! be reached or the document can't be parsed, a process continues with its last share until that has
//! expired, and then with one request at a time. The rate is divided like the concurrency, so it holds on
//! average; while shares change there can be a burst.

mod document;
mod fair;
mod identity;
mod keeper;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::limiter::{AdaptiveLimiter, LimitId};
use bronzed_model::clock::Clock;
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;

pub use identity::ProcessIdentity;
use keeper::Keeper;

/// Folder of the leases.
pub const FOLDER: &str = "_bronzed/leases";

/// Interval between renewals.
const RENEW: Duration = Duration::from_secs(10);
/// Interval between rounds while shares are being redistributed.
const SOON: Duration = Duration::from_secs(2);
/// Time without a renewal after which an entry no longer counts.
const EXPIRE: Duration = Duration::from_secs(60);
/// Tolerated difference between the clocks of two machines.
const TOLERANCE: Duration = Duration::from_secs(15);
/// Time without a request after which an entry is removed.
const IDLE: Duration = Duration::from_secs(30);
/// Timeout of one operation of the lease on the lake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the key of a source's lease.
pub fn key(source: &str) -> String {
    format!("{FOLDER}/{source}.json")
}

/// Configuration shared by the processes of a lake, and the identity of this one.
#[derive(Debug, Clone)]
pub struct SharedLimits {
    /// Lake with the leases.
    pub lake: Lake,
    /// Concurrency of all processes together; this process's own limit may be lower.
    pub together: usize,
    /// Identity of this process.
    pub who: ProcessIdentity,
}

/// Limits this process to its share of a source's limits. Dropping it doesn't remove the entry, as if the
/// process were killed: see [`Lease::close`].
#[derive(Debug)]
pub struct Lease {
    keeper: Arc<Keeper>,
    desk: Arc<Desk>,
}

/// Shared state of the requests and the keeper of a lease.
#[derive(Debug)]
struct Desk {
    state: Mutex<LeaseState>,
    /// Notified when there is demand for a part without a requested share.
    poked: Notify,
    closed: CancellationToken,
}

#[derive(Debug)]
struct LeaseState {
    parts: Vec<LeaseDemand>,
    task: Option<JoinHandle<()>>,
    running: bool,
}

/// Demand for one of the source's limits.
#[derive(Debug, Clone)]
struct LeaseDemand {
    part: LimitId,
    /// `true` if a request has come since the keeper last checked.
    wanted: bool,
    /// `true` if a share is requested in the lake.
    asked: bool,
}

impl Lease {
    /// Creates a lease on the limits of `source` without an entry: `limiter` lets no request pass until there is
    /// demand and the lake was read.
    pub fn new(
        source: &str,
        limiter: &Arc<AdaptiveLimiter>,
        shared: SharedLimits,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> Self {
        let parts = limiter.parts().map(|(part, _, _)| LeaseDemand {
            part,
            wanted: false,
            asked: false,
        });
        let desk = Arc::new(Desk {
            state: Mutex::new(LeaseState {
                parts: parts.collect(),
                task: None,
                running: false,
            }),
            poked: Notify::new(),
            closed: CancellationToken::new(),
        });
        let keeper = Keeper::new(source, limiter, shared, clock, entropy, Arc::clone(&desk));
        Self {
            keeper: Arc::new(keeper),
            desk,
        }
    }

    /// Announces that a request is about to wait at the limiter.
    pub fn want(&self, pool: Option<LimitId>) {
        let mut state = self.desk.lock();
        let mut unasked = false;
        for one in &mut state.parts {
            if one.part == LimitId::SOURCE || Some(one.part) == pool {
                one.wanted = true;
                unasked |= !one.asked;
            }
        }
        if !state.running {
            state.running = true;
            state.task = Some(tokio::spawn(Arc::clone(&self.keeper).keep()));
        } else if unasked {
            self.desk.poked.notify_one();
        }
    }

    /// Removes the entry. No requests to the source are allowed afterwards.
    pub async fn close(&self) {
        self.desk.closed.cancel();
        let task = self.desk.lock().task.take();
        if let Some(task) = task {
            // On a timeout, the entry expires.
            let _ = tokio::time::timeout(PATIENCE * 2, task).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(task) = self.desk.lock().task.take() {
            task.abort();
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, LeaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns and resets the demand of each part since the last call.
    fn take_wanted(&self) -> Vec<bool> {
        let mut state = self.lock();
        let parts = state.parts.iter_mut();
        parts.map(|one| std::mem::take(&mut one.wanted)).collect()
    }

    /// Sets which parts have a share requested in the lake.
    fn asked(&self, asked: impl Iterator<Item = bool>) {
        let mut state = self.lock();
        for (one, asked) in state.parts.iter_mut().zip(asked) {
            one.asked = asked;
        }
    }

    /// Ends the keeper's task, unless there is new demand.
    fn end(&self) -> bool {
        let mut state = self.lock();
        let wanted = state.parts.iter().any(|one| one.wanted);
        if wanted && !self.closed.is_cancelled() {
            return false;
        }
        state.running = self.closed.is_cancelled();
        state.task = None;
        true
    }
}
