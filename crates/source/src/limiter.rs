//! The concurrency and rate limiter that all requests of a source pass: the source's own limits, and
//! those of its pools (promise P8).
//!
//! It guarantees, for every caller and however a request ends:
//! - never more requests in flight than the limit, which is at most the declared concurrency, and at
//!   most this process's share of it;
//! - never more requests started in any second than declared, a fraction rounded up (below one per
//!   second: never two within `1 / rate` seconds), and never more than `burst` of them at once;
//! - a freed slot goes to the highest priority that waits, and among equals to the first in the queue; a
//!   request that stops waiting leaves nothing behind;
//! - slots of a pool and of the source are taken together: no request holds one while it waits for the
//!   other, and a request whose pool is full lets others pass.
//!
//! The limit adapts: a "too many requests" response lowers it (PNCP limits *concurrency*, and says so
//! only that way), and good responses raise it again ([`adaptation`]).

mod adaptation;
mod rate_window;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use adaptation::AdaptiveLimit;
use bronzed_model::declaration::{Pool, Priority};
use rate_window::RateWindow;

/// Index of a limit: the source's own, or that of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitId(usize);

impl LimitId {
    /// The source's own limits, which apply to every request.
    pub const SOURCE: Self = Self(0);
}

/// Limiter of one source. See the guarantees of the module.
#[derive(Debug)]
pub struct AdaptiveLimiter {
    /// The source's limits, then those of the pools by name.
    declared: Vec<(Option<String>, Pool)>,
    state: Mutex<LimiterState>,
}

#[derive(Debug)]
struct LimiterState {
    limiters: Vec<Limiter>,
    waiting: BTreeMap<QueuePosition, QueuedRequest>,
    arrivals: u64,
}

/// State of one limit.
#[derive(Debug)]
struct Limiter {
    /// Part of the declared concurrency that this process may use.
    share: usize,
    limit: AdaptiveLimit,
    in_flight: usize,
    rate: RateWindow,
    /// Start times of the last requests, the newest at the end; as many as the rate needs.
    begun: VecDeque<Instant>,
    admitted: u64,
}

/// Position in the queue: highest priority first, then first in, first out.
type QueuePosition = (Reverse<Priority>, u64);

#[derive(Debug)]
struct QueuedRequest {
    pool: Option<LimitId>,
    woken: Arc<Notify>,
}

/// Result of a request for admission.
enum AdmitResult {
    Granted(Numbers),
    /// Wait until woken.
    Blocked,
    /// Wait until woken, or until this instant, when the rate allows another request.
    Paced(Instant),
}

/// Sequence numbers of an admitted request in the source's limit and in its pool's.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    of_source: u64,
    of_pool: Option<(LimitId, u64)>,
}

impl Numbers {
    fn each(self) -> impl Iterator<Item = (LimitId, u64)> {
        [(LimitId::SOURCE, self.of_source)]
            .into_iter()
            .chain(self.of_pool)
    }
}

impl AdaptiveLimiter {
    /// Creates a limiter; a concurrency of 0 counts as 1.
    pub fn new(limits: &Pool, pools: &BTreeMap<String, Pool>) -> Arc<Self> {
        let pools = pools.iter().map(|(name, pool)| (Some(name.clone()), *pool));
        let declared: Vec<_> = [(None, *limits)].into_iter().chain(pools).collect();
        let limiters = declared.iter().map(|(_, pool)| Limiter::new(pool));
        let limiters = limiters.collect();
        Arc::new(Self {
            declared,
            state: Mutex::new(LimiterState {
                limiters,
                waiting: BTreeMap::new(),
                arrivals: 0,
            }),
        })
    }

    /// Waits until the limits of the source and the pool admit a request. Dropping the future leaves the
    /// queue to the next.
    pub async fn enter(self: &Arc<Self>, pool: Option<LimitId>, priority: Priority) -> Permit {
        let waiter = Waiter::join(self, pool, priority);
        loop {
            match self.admit(waiter.place, pool) {
                AdmitResult::Granted(numbers) => {
                    return Permit {
                        limiter: Arc::clone(self),
                        numbers,
                    };
                }
                AdmitResult::Blocked => waiter.woken.notified().await,
                AdmitResult::Paced(at) => {
                    // Woken or timed out: check again in both cases.
                    let _ = timeout_at(at, waiter.woken.notified()).await;
                }
            }
        }
    }

    /// Returns the pool with this name; `None` if there is none.
    pub fn pool(&self, name: &str) -> Option<LimitId> {
        let named = |(declared, _): &(Option<String>, Pool)| declared.as_deref() == Some(name);
        self.declared.iter().position(named).map(LimitId)
    }

    /// Returns every limit, with the name of its pool (`None` for the source's own) and its declared
    /// concurrency.
    pub fn parts(&self) -> impl Iterator<Item = (LimitId, Option<&str>, usize)> {
        let numbered = self.declared.iter().enumerate();
        numbered.map(|(number, (name, pool))| {
            (LimitId(number), name.as_deref(), pool.concurrency.max(1))
        })
    }

    /// Sets the part of a limit's concurrency that this process may use, and scales its rate alike.
    /// Requests in flight beyond it are allowed to finish.
    pub fn set_share(&self, part: LimitId, share: usize) {
        let mut state = self.lock();
        let declared = self.declared.get(part.0);
        let Some(((_, pool), limiter)) = declared.zip(state.limiters.get_mut(part.0)) else {
            return;
        };
        if limiter.share != share {
            limiter.share = share;
            limiter.rate = RateWindow::new(pool, share);
            state.wake_heads();
        }
    }

    /// Returns the part of a limit's concurrency that this process may use.
    pub fn share(&self, part: LimitId) -> usize {
        let state = self.lock();
        let limiter = state.limiters.get(part.0);
        limiter.map_or(0, |limiter| limiter.share)
    }

    /// Number of requests in flight within a limit.
    pub fn in_flight(&self, part: LimitId) -> usize {
        let state = self.lock();
        let limiter = state.limiters.get(part.0);
        limiter.map_or(0, |limiter| limiter.in_flight)
    }

    /// Returns `true` if a request is in flight within a limit, or waits for it.
    pub fn is_wanted(&self, part: LimitId) -> bool {
        let state = self.lock();
        let limiter = state.limiters.get(part.0);
        limiter.is_some_and(|limiter| limiter.in_flight > 0)
            || match part {
                LimitId::SOURCE => !state.waiting.is_empty(),
                pool => state.waiting.values().any(|one| one.pool == Some(pool)),
            }
    }

    /// Number of requests of the source that may be in flight now.
    #[cfg(test)]
    pub fn limit(&self) -> usize {
        self.lock().limiters[0].limit()
    }

    fn admit(&self, place: QueuePosition, pool: Option<LimitId>) -> AdmitResult {
        let mut state = self.lock();
        let now = Instant::now();
        if !state.is_next(place, pool, now) {
            return AdmitResult::Blocked;
        }
        let needed = [Some(LimitId::SOURCE), pool];
        let needed = || needed.into_iter().flatten();
        let limiters = || needed().filter_map(|part| state.limiters.get(part.0));
        if limiters().any(Limiter::is_full) {
            return AdmitResult::Blocked;
        }
        let paced = limiters().filter_map(|limiter| limiter.paced(now)).max();
        if let Some(at) = paced {
            return AdmitResult::Paced(at);
        }
        let mut take = |part: LimitId| {
            let limiter = state.limiters.get_mut(part.0);
            limiter.map_or(0, |limiter| limiter.take(now))
        };
        let numbers = Numbers {
            of_source: take(LimitId::SOURCE),
            of_pool: pool.map(|pool| (pool, take(pool))),
        };
        state.waiting.remove(&place);
        AdmitResult::Granted(numbers)
    }

    fn lock(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimiterState {
    /// Returns `true` if no waiter has precedence: all that are before it in the queue wait for another
    /// pool, which is full or paced.
    fn is_next(&self, place: QueuePosition, pool: Option<LimitId>, now: Instant) -> bool {
        let mut before = self.waiting.range(..place);
        before.all(|(_, other)| other.pool != pool && self.is_held_up(other.pool, now))
    }

    /// Returns `true` if requests of the pool would wait even if the source had a free slot.
    fn is_held_up(&self, pool: Option<LimitId>, now: Instant) -> bool {
        let limiter = pool.and_then(|pool| self.limiters.get(pool.0));
        limiter.is_some_and(|limiter| limiter.is_full() || limiter.paced(now).is_some())
    }

    /// Wakes the first waiter of each pool, and the first without a pool, to check again. A spurious
    /// wake-up does no harm.
    fn wake_heads(&self) {
        let mut woken: Vec<Option<LimitId>> = Vec::new();
        for waiting in self.waiting.values() {
            if !woken.contains(&waiting.pool) {
                woken.push(waiting.pool);
                waiting.woken.notify_one();
            }
            if woken.len() > self.limiters.len() {
                break;
            }
        }
    }
}

impl Limiter {
    fn new(limits: &Pool) -> Self {
        let ceiling = limits.concurrency.max(1);
        Self {
            share: ceiling,
            limit: AdaptiveLimit::new(ceiling),
            in_flight: 0,
            rate: RateWindow::new(limits, ceiling),
            begun: VecDeque::new(),
            admitted: 0,
        }
    }

    fn limit(&self) -> usize {
        self.limit.get().min(self.share)
    }

    fn is_full(&self) -> bool {
        self.in_flight >= self.limit()
    }

    /// Earliest start of another request; `None` if the rate allows it now.
    fn paced(&self, now: Instant) -> Option<Instant> {
        self.rate.next(&self.begun).filter(|at| *at > now)
    }

    fn take(&mut self, now: Instant) -> u64 {
        self.rate.note(&mut self.begun, now);
        self.in_flight += 1;
        self.limit.note_in_flight(self.in_flight);
        self.admitted += 1;
        self.admitted
    }

    fn good(&mut self, number: u64) {
        self.limit.good(number);
    }

    fn rate_limited(&mut self, number: u64) {
        self.limit.refused(number, self.admitted, self.share);
    }
}

/// Position in the queue, given up when dropped.
struct Waiter<'g> {
    limiter: &'g AdaptiveLimiter,
    place: QueuePosition,
    woken: Arc<Notify>,
}

impl<'g> Waiter<'g> {
    fn join(limiter: &'g AdaptiveLimiter, pool: Option<LimitId>, priority: Priority) -> Self {
        let woken = Arc::new(Notify::new());
        let mut state = limiter.lock();
        state.arrivals += 1;
        let place = (Reverse(priority), state.arrivals);
        let waiting = QueuedRequest {
            pool,
            woken: Arc::clone(&woken),
        };
        state.waiting.insert(place, waiting);
        Self {
            limiter,
            place,
            woken,
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.lock();
        state.waiting.remove(&self.place);
        // Admitted or cancelled: another waiter is the first now.
        state.wake_heads();
    }
}

/// Permission to have one request in flight, released when dropped.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<AdaptiveLimiter>,
    numbers: Numbers,
}

impl Permit {
    /// Reports a good response, of which some raise the limit.
    pub fn good(self) {
        self.each(Limiter::good);
    }

    /// Reports "too many requests": the limit is lowered. Only once for all requests that were in flight
    /// together, because they were refused for the same reason.
    pub fn rate_limited(self) {
        self.each(Limiter::rate_limited);
    }

    fn each(&self, tell: fn(&mut Limiter, u64)) {
        let mut state = self.limiter.lock();
        for (part, number) in self.numbers.each() {
            if let Some(limiter) = state.limiters.get_mut(part.0) {
                tell(limiter, number);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.each(|limiter, _| limiter.in_flight -= 1);
        self.limiter.lock().wake_heads();
    }
}

#[cfg(test)]
mod tests;
