//! One limit per source for all processes of a lake (promise P8): an advisory lease.
//!
//! A process that asks an API holds an entry in `_bronzed/leases/{source}.json`, with the share of
//! the source's limits, and of its pools', that it may use. The shares of all entries add up to no
//! more than the limits. The document is changed by compare-and-swap only:
//!
//! ```json
//! {"format": 1, "holders": {"worker-7/41/1764230400000/0": {
//!   "host": "worker-7", "pid": 41, "command": "daemon",
//!   "since": "2025-11-27T08:00:00Z", "expires": "2025-11-27T09:31:10Z", "renewed": 540,
//!   "limits": {"limits": {"wants": 3, "share": 2}, "pool.contratos": {"wants": 0, "share": 0}}}}}
//! ```
//!
//! - A newcomer enters itself with what is free. The others see it at their next renewal (every
//!   [`RENEW`]), let the requests finish that are too many now, and lower their shares; then the
//!   newcomer raises its own. So there are never more requests in flight than one process may have.
//! - Shares are as equal as integers and demand allow ([`fair`]). Where there are fewer places than
//!   processes, these take turns of a minute.
//! - Entries are renewed only while requests are wanted, and given back after [`IDLE`] without one,
//!   and at the end of the process. A lake at rest isn't asked at all.
//! - An entry that isn't renewed for [`EXPIRE`] is taken over, which is logged; one of a process
//!   that is known to be gone (same machine) at once.
//!
//! Correctness never rests on a lease: bronze and state have their own commit protocol. Where the
//! lake can't be reached or isn't understood, a process goes on with its last share until that
//! has expired, and then with one request at a time. The rate is divided like the concurrency, so it
//! holds on average; at the moment in which shares change there can be a burst more.

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

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::lake::Lake;
use crate::source::gate::{Gate, Part};

pub use identity::Identity;
use keeper::Keeper;

/// The folder of the leases.
pub const FOLDER: &str = "_bronzed/leases";

/// Between two renewals.
const RENEW: Duration = Duration::from_secs(10);
/// Between two looks, while shares are changing hands.
const SOON: Duration = Duration::from_secs(2);
/// After so long without a renewal, an entry is of no account any more.
const EXPIRE: Duration = Duration::from_secs(60);
/// The clocks of two machines may differ by so much.
const TOLERANCE: Duration = Duration::from_secs(15);
/// After so long without a request, an entry is given back.
const IDLE: Duration = Duration::from_secs(30);
/// One operation of the lease waits no longer for the lake.
const PATIENCE: Duration = Duration::from_secs(10);

/// The key of a source's lease.
pub fn key(source: &str) -> String {
    format!("{FOLDER}/{source}.json")
}

/// What the processes of a lake have in common, and which of them this is.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Where the leases are.
    pub lake: Lake,
    /// The concurrency of all processes, of which this one may be configured to use a part only.
    pub together: usize,
    /// This process.
    pub who: Identity,
}

/// What bounds this process within the limits of a source. Dropped, it gives nothing back, like a
/// process that is killed: see [`Lease::close`].
#[derive(Debug)]
pub struct Lease {
    keeper: Arc<Keeper>,
    desk: Arc<Desk>,
}

/// What requests and the keeper of a lease tell each other.
#[derive(Debug)]
struct Desk {
    state: Mutex<State>,
    /// A part is wanted that nothing was asked for so far.
    poked: Notify,
    closed: CancellationToken,
}

#[derive(Debug)]
struct State {
    parts: Vec<Wanted>,
    task: Option<JoinHandle<()>>,
    running: bool,
}

/// One of the source's limits.
#[derive(Debug, Clone)]
struct Wanted {
    part: Part,
    /// A request has come since the keeper looked last.
    wanted: bool,
    /// A share is asked for in the lake.
    asked: bool,
}

impl Lease {
    /// A lease on the limits of `source`, of which nothing is held yet: `gate` lets nothing pass
    /// until something is wanted and the lake was asked.
    pub fn new(
        source: &str,
        gate: &Arc<Gate>,
        shared: Shared,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> Self {
        let parts = gate.parts().map(|(part, _, _)| Wanted {
            part,
            wanted: false,
            asked: false,
        });
        let desk = Arc::new(Desk {
            state: Mutex::new(State {
                parts: parts.collect(),
                task: None,
                running: false,
            }),
            poked: Notify::new(),
            closed: CancellationToken::new(),
        });
        let keeper = Keeper::new(source, gate, shared, clock, entropy, Arc::clone(&desk));
        Self {
            keeper: Arc::new(keeper),
            desk,
        }
    }

    /// Tells that a request is about to wait at the gate.
    pub fn want(&self, pool: Option<Part>) {
        let mut state = self.desk.lock();
        let mut unasked = false;
        for one in &mut state.parts {
            if one.part == Part::SOURCE || Some(one.part) == pool {
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

    /// Gives back what is held. Nothing is asked of the source afterwards.
    pub async fn close(&self) {
        self.desk.closed.cancel();
        let task = self.desk.lock().task.take();
        if let Some(task) = task {
            // Without it the entry expires.
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which parts were wanted since the last look.
    fn take_wanted(&self) -> Vec<bool> {
        let mut state = self.lock();
        let parts = state.parts.iter_mut();
        parts.map(|one| std::mem::take(&mut one.wanted)).collect()
    }

    /// Notes which parts a share is asked for.
    fn asked(&self, asked: impl Iterator<Item = bool>) {
        let mut state = self.lock();
        for (one, asked) in state.parts.iter_mut().zip(asked) {
            one.asked = asked;
        }
    }

    /// Ends the keeping, unless something is wanted again.
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
