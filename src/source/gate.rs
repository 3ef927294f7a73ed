//! The limiter that all requests of a source pass: the source's own limits, and those of its pools
//! (promise P8).
//!
//! It promises, whoever asks and however it ends:
//! - never more requests in flight than the limit, which is at most the declared concurrency, and
//!   at most the share that this process has of it;
//! - never more requests begun in any second than declared, a fraction rounded up (below one a
//!   second: never two within `1 / rate` seconds), and never more than `burst` of them at once;
//! - a place that frees goes to the greatest priority that waits, and among equals to the first
//!   that came; who stops waiting leaves nothing behind;
//! - a place of a pool and one of the source are taken together: nobody holds the one while waiting
//!   for the other, and a request whose pool is full lets others pass.
//!
//! The limit adapts: an answer "too many requests" halves it (PNCP limits *concurrency*, and says
//! so only that way), and it grows back by one after each stretch of good answers.

mod pace;

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::source::declaration::{Pool, Priority};
use pace::Pace;

/// Good answers in a row after which one more request may be in flight.
const GROW_AFTER: u32 = 10;

/// One of the limits that a request passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part(usize);

impl Part {
    /// The source's own limits, which every request passes.
    pub const SOURCE: Self = Self(0);
}

/// Lets requests through one by one. See the module's promises.
#[derive(Debug)]
pub struct Gate {
    /// The source's limits, then the pools by name.
    declared: Vec<(Option<String>, Pool)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limiters: Vec<Limiter>,
    waiting: BTreeMap<Place, Waiting>,
    arrivals: u64,
}

/// What is in flight within one of the limits, and how much may be.
#[derive(Debug)]
struct Limiter {
    ceiling: usize,
    /// What this process may have of the ceiling.
    share: usize,
    limit: usize,
    in_flight: usize,
    pace: Pace,
    /// When the last requests began, the newest at the end; as many as the pace looks back.
    begun: VecDeque<Instant>,
    admitted: u64,
    /// Answers to requests admitted before this one were caused by an earlier limit.
    adapted_at: u64,
    good_answers: u32,
}

/// The order of waiting: the greatest priority first, then who came first.
type Place = (Reverse<Priority>, u64);

#[derive(Debug)]
struct Waiting {
    pool: Option<Part>,
    woken: Arc<Notify>,
}

/// What a waiter is told.
enum Admission {
    Granted(Numbers),
    /// Wait until woken.
    Blocked,
    /// Wait until woken, or until the pace allows it.
    Paced(Instant),
}

/// The numbers of an admitted request within the source's limits and its pool's.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    of_source: u64,
    of_pool: Option<(Part, u64)>,
}

impl Numbers {
    fn each(self) -> impl Iterator<Item = (Part, u64)> {
        [(Part::SOURCE, self.of_source)]
            .into_iter()
            .chain(self.of_pool)
    }
}

impl Gate {
    /// A gate for these limits; a concurrency of 0 counts as 1.
    pub fn new(limits: &Pool, pools: &BTreeMap<String, Pool>) -> Arc<Self> {
        let pools = pools.iter().map(|(name, pool)| (Some(name.clone()), *pool));
        let declared: Vec<_> = [(None, *limits)].into_iter().chain(pools).collect();
        let limiters = declared.iter().map(|(_, pool)| Limiter::new(pool));
        let limiters = limiters.collect();
        Arc::new(Self {
            declared,
            state: Mutex::new(State {
                limiters,
                waiting: BTreeMap::new(),
                arrivals: 0,
            }),
        })
    }

    /// Waits for its turn, in the source and in the pool. Dropping the future gives the turn to the
    /// next.
    pub async fn enter(self: &Arc<Self>, pool: Option<Part>, priority: Priority) -> Permit {
        let waiter = Waiter::join(self, pool, priority);
        loop {
            match self.admit(waiter.place, pool) {
                Admission::Granted(numbers) => {
                    return Permit {
                        gate: Arc::clone(self),
                        numbers,
                    };
                }
                Admission::Blocked => waiter.woken.notified().await,
                Admission::Paced(at) => {
                    // Both ways out mean the same: look again.
                    let _ = timeout_at(at, waiter.woken.notified()).await;
                }
            }
        }
    }

    /// The pool of this name.
    pub fn pool(&self, name: &str) -> Option<Part> {
        let named = |(declared, _): &(Option<String>, Pool)| declared.as_deref() == Some(name);
        self.declared.iter().position(named).map(Part)
    }

    /// Every limit, with the name of its pool and its declared concurrency.
    pub fn parts(&self) -> impl Iterator<Item = (Part, Option<&str>, usize)> {
        let numbered = self.declared.iter().enumerate();
        numbered
            .map(|(number, (name, pool))| (Part(number), name.as_deref(), pool.concurrency.max(1)))
    }

    /// Sets the part of a limit's concurrency that this process may use; its rate follows. Requests
    /// beyond it that are in flight already are let finish.
    pub fn set_share(&self, part: Part, share: usize) {
        let mut state = self.lock();
        let declared = self.declared.get(part.0);
        let Some(((_, pool), limiter)) = declared.zip(state.limiters.get_mut(part.0)) else {
            return;
        };
        if limiter.share != share {
            limiter.share = share;
            limiter.pace = Pace::new(pool, share);
            state.wake_heads();
        }
    }

    /// What this process may use of a limit.
    pub fn share(&self, part: Part) -> usize {
        let state = self.lock();
        let limiter = state.limiters.get(part.0);
        limiter.map_or(0, |limiter| limiter.share)
    }

    /// Requests in flight within a limit.
    pub fn in_flight(&self, part: Part) -> usize {
        let state = self.lock();
        let limiter = state.limiters.get(part.0);
        limiter.map_or(0, |limiter| limiter.in_flight)
    }

    /// Whether a request is in flight within a limit, or waits for that.
    pub fn is_wanted(&self, part: Part) -> bool {
        let state = self.lock();
        let limiter = state.limiters.get(part.0);
        limiter.is_some_and(|limiter| limiter.in_flight > 0)
            || match part {
                Part::SOURCE => !state.waiting.is_empty(),
                pool => state.waiting.values().any(|one| one.pool == Some(pool)),
            }
    }

    /// How many requests of the source may be in flight now.
    #[cfg(test)]
    pub fn limit(&self) -> usize {
        self.lock().limiters[0].limit()
    }

    fn admit(&self, place: Place, pool: Option<Part>) -> Admission {
        let mut state = self.lock();
        let now = Instant::now();
        if !state.is_next(place, pool, now) {
            return Admission::Blocked;
        }
        let needed = [Some(Part::SOURCE), pool];
        let needed = || needed.into_iter().flatten();
        let limiters = || needed().filter_map(|part| state.limiters.get(part.0));
        if limiters().any(Limiter::is_full) {
            return Admission::Blocked;
        }
        let paced = limiters().filter_map(|limiter| limiter.paced(now)).max();
        if let Some(at) = paced {
            return Admission::Paced(at);
        }
        let mut take = |part: Part| {
            let limiter = state.limiters.get_mut(part.0);
            limiter.map_or(0, |limiter| limiter.take(now))
        };
        let numbers = Numbers {
            of_source: take(Part::SOURCE),
            of_pool: pool.map(|pool| (pool, take(pool))),
        };
        state.waiting.remove(&place);
        Admission::Granted(numbers)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether nobody is before it: whoever is waits for a place in another pool, which it leaves.
    fn is_next(&self, place: Place, pool: Option<Part>, now: Instant) -> bool {
        let mut before = self.waiting.range(..place);
        before.all(|(_, other)| other.pool != pool && self.is_held_up(other.pool, now))
    }

    /// Whether requests of the pool couldn't go on even if the source had room.
    fn is_held_up(&self, pool: Option<Part>, now: Instant) -> bool {
        let limiter = pool.and_then(|pool| self.limiters.get(pool.0));
        limiter.is_some_and(|limiter| limiter.is_full() || limiter.paced(now).is_some())
    }

    /// Whoever is first, in each pool and outside of them, looks whether it may go; a wake-up too
    /// many does no harm.
    fn wake_heads(&self) {
        let mut woken: Vec<Option<Part>> = Vec::new();
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
            ceiling,
            share: ceiling,
            limit: ceiling,
            in_flight: 0,
            pace: Pace::new(limits, ceiling),
            begun: VecDeque::new(),
            admitted: 0,
            adapted_at: 0,
            good_answers: 0,
        }
    }

    fn limit(&self) -> usize {
        self.limit.min(self.share)
    }

    fn is_full(&self) -> bool {
        self.in_flight >= self.limit()
    }

    /// From when on a further request may begin, if that isn't now.
    fn paced(&self, now: Instant) -> Option<Instant> {
        self.pace.next(&self.begun).filter(|at| *at > now)
    }

    fn take(&mut self, now: Instant) -> u64 {
        self.pace.note(&mut self.begun, now);
        self.in_flight += 1;
        self.admitted += 1;
        self.admitted
    }

    fn good(&mut self, number: u64) {
        if number <= self.adapted_at || self.limit >= self.ceiling {
            return;
        }
        self.good_answers += 1;
        if self.good_answers >= GROW_AFTER {
            self.good_answers = 0;
            self.limit += 1;
        }
    }

    fn rate_limited(&mut self, number: u64) {
        if number > self.adapted_at {
            // What was in flight was too much, not what might have been.
            self.limit = self.limit().max(1);
            self.limit -= self.limit / 2;
            self.adapted_at = self.admitted;
            self.good_answers = 0;
        }
    }
}

/// A place in the queue, given up when dropped.
struct Waiter<'g> {
    gate: &'g Gate,
    place: Place,
    woken: Arc<Notify>,
}

impl<'g> Waiter<'g> {
    fn join(gate: &'g Gate, pool: Option<Part>, priority: Priority) -> Self {
        let woken = Arc::new(Notify::new());
        let mut state = gate.lock();
        state.arrivals += 1;
        let place = (Reverse(priority), state.arrivals);
        let waiting = Waiting {
            pool,
            woken: Arc::clone(&woken),
        };
        state.waiting.insert(place, waiting);
        Self { gate, place, woken }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.waiting.remove(&self.place);
        // Admitted or gone: either way there is a new first.
        state.wake_heads();
    }
}

/// The right to have one request in flight, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    numbers: Numbers,
}

impl Permit {
    /// The answer was a good one: after enough of them one more request may be in flight.
    pub fn good(self) {
        self.each(Limiter::good);
    }

    /// The answer was "too many requests": the limit is halved. Once only for all that were in
    /// flight together, for they were all refused for the same reason.
    pub fn rate_limited(self) {
        self.each(Limiter::rate_limited);
    }

    fn each(&self, tell: fn(&mut Limiter, u64)) {
        let mut state = self.gate.lock();
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
        self.gate.lock().wake_heads();
    }
}

#[cfg(test)]
mod tests;
