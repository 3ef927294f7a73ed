//! The places for connections, and who has to leave when all are taken.
//!
//! A newcomer takes the place of the connection that has waited longest for a request, so that a
//! thousand that say nothing, or say it byte by byte, keep nobody out. A connection whose request is
//! being answered keeps its place, and newcomers wait where no other kind is left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The places of one server.
pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    /// A connection began to wait.
    changed: Notify,
}

/// The connections that wait for a request, the one that has waited longest first.
#[derive(Default)]
struct Waiting {
    /// How often a connection began to wait, ever.
    turns: u64,
    by_turn: BTreeMap<u64, CancellationToken>,
}

/// A connection's place; free again when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    taken: CancellationToken,
    /// The turn under which it waits; `None` while a request is answered.
    turn: Mutex<Option<u64>>,
    _place: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            waiting: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// A place for a newcomer, who counts as waiting for a request. To be called by one at a time.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        let taken = tokio::select! {
            biased;
            place = self.one() => place,
            () = self.make_room() => self.one().await,
        };
        let place = Place {
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

    /// Tells the connection that has waited longest to leave, as soon as there is one.
    async fn make_room(&self) {
        loop {
            let first = self.waiting().by_turn.pop_first();
            if let Some((_, taken)) = first {
                return taken.cancel();
            }
            self.changed.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request has come. `false`: too late, the place is another's, and nothing may be done for it.
    pub(super) fn begin(&self) -> bool {
        let turn = self.turn().take();
        turn.is_some_and(|turn| self.places.waiting().by_turn.remove(&turn).is_some())
    }

    /// The next request is waited for.
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

    /// Done when the place is another's.
    pub(super) async fn taken(&self) {
        self.taken.cancelled().await;
    }

    fn turn(&self) -> MutexGuard<'_, Option<u64>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.begin();
    }
}
