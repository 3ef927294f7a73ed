//! Connection slots, and the eviction of a waiting connection when all slots are taken.
//!
//! A new connection evicts the one that has waited longest for a request, so that a thousand clients that
//! send nothing, or send byte by byte, lock nobody out. A connection whose request is being answered keeps
//! its slot; new connections wait while all slots are in that state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Connection slots of one server.
pub(super) struct ConnectionPool {
    free: Arc<Semaphore>,
    waiting: Mutex<WaitingConnection>,
    /// Notified when a connection begins to wait for a request.
    changed: Notify,
}

/// Connections that wait for a request, the longest-waiting first.
#[derive(Default)]
struct WaitingConnection {
    /// Number of times that any connection began to wait.
    turns: u64,
    by_turn: BTreeMap<u64, CancellationToken>,
}

/// Slot of a connection, released on drop.
pub(super) struct ConnectionSlot {
    places: Arc<ConnectionPool>,
    taken: CancellationToken,
    /// Turn under which the connection waits; `None` while a request is answered.
    turn: Mutex<Option<u64>>,
    _place: OwnedSemaphorePermit,
}

impl ConnectionPool {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            waiting: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Acquires a slot for a new connection, which then waits for its first request. Must not be called
    /// concurrently.
    pub(super) async fn take(self: &Arc<Self>) -> ConnectionSlot {
        let taken = tokio::select! {
            biased;
            place = self.one() => place,
            () = self.make_room() => self.one().await,
        };
        let place = ConnectionSlot {
            places: Arc::clone(self),
            taken: CancellationToken::new(),
            turn: Mutex::default(),
            _place: taken,
        };
        place.wait();
        place
    }

    async fn one(&self) -> OwnedSemaphorePermit {
        let free = Arc::clone(&self.free).acquire_owned().await;
        free.unwrap_or_else(|_| unreachable!("the semaphore is never closed"))
    }

    /// Evicts the connection that has waited longest, as soon as there is one.
    async fn make_room(&self) {
        loop {
            let first = self.waiting().by_turn.pop_first();
            if let Some((_, taken)) = first {
                return taken.cancel();
            }
            self.changed.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingConnection> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionSlot {
    /// Marks the connection as serving a request. Returns `false` if it has been evicted already: the
    /// request must not be handled.
    pub(super) fn begin(&self) -> bool {
        let turn = self.turn().take();
        turn.is_some_and(|turn| self.places.waiting().by_turn.remove(&turn).is_some())
    }

    /// Marks the connection as waiting for the next request.
    pub(super) fn wait(&self) {
        let turn = {
            let mut waiting = self.places.waiting();
            waiting.turns += 1;
            let turn = waiting.turns;
            waiting.by_turn.insert(turn, self.taken.clone());
            turn
        };
        *self.turn() = Some(turn);
        self.places.changed.notify_one();
    }

    /// Completes when the connection has been evicted.
    pub(super) async fn taken(&self) {
        self.taken.cancelled().await;
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.begin();
    }
}
