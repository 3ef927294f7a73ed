//! A limiter that all jobs of a source share: the source's own, or a pool's (promise P8).
//!
//! It promises, whoever asks and however it ends:
//! - never more requests in flight than the limit, which is at most the declared concurrency;
//! - never more requests begun in any second than declared, a fraction rounded up (below one a
//!   second: never two within `1 / rate` seconds), and never more than `burst` of them at once;
//! - a place that frees goes to the greatest priority that waits, and among equals to the first
//!   that came; who stops waiting leaves nothing behind.
//!
//! The limit adapts: an answer "too many requests" halves it (PNCP limits *concurrency*, and says
//! so only that way), and it grows back by one after each stretch of good answers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::source::declaration::{Pool, Priority};

/// Good answers in a row after which one more request may be in flight.
const GROW_AFTER: u32 = 10;

/// Bounds a wait against rates that are all but zero.
const LONGEST_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds how many beginnings are remembered against rates that are all but infinite.
const LONGEST_MEMORY: usize = 1_000;

/// Lets requests through one by one. See the module's promises.
#[derive(Debug)]
pub struct Gate {
    ceiling: usize,
    pace: Pace,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    in_flight: usize,
    /// When the last requests began, the newest at the end; as many as the pace looks back.
    begun: VecDeque<Instant>,
    waiting: BTreeMap<Place, Arc<Notify>>,
    arrivals: u64,
    admitted: u64,
    /// Answers to requests admitted before this one were caused by an earlier limit.
    adapted_at: u64,
    good_answers: u32,
}

/// The order of waiting: the greatest priority first, then who came first.
type Place = (Reverse<Priority>, u64);

/// What a waiter is told.
enum Admission {
    Granted(u64),
    /// Wait until woken.
    Blocked,
    /// Wait until woken, or until the pace allows it.
    Paced(Instant),
}

impl Gate {
    /// A gate for these limits; a concurrency of 0 counts as 1.
    pub fn new(limits: &Pool) -> Arc<Self> {
        let ceiling = limits.concurrency.max(1);
        Arc::new(Self {
            ceiling,
            pace: Pace::new(limits),
            state: Mutex::new(State {
                limit: ceiling,
                in_flight: 0,
                begun: VecDeque::new(),
                waiting: BTreeMap::new(),
                arrivals: 0,
                admitted: 0,
                adapted_at: 0,
                good_answers: 0,
            }),
        })
    }

    /// Waits for its turn. Dropping the future gives the turn to the next.
    pub async fn enter(self: &Arc<Self>, priority: Priority) -> Permit {
        let waiter = Waiter::join(self, priority);
        loop {
            match self.admit(waiter.place) {
                Admission::Granted(number) => {
                    return Permit {
                        gate: Arc::clone(self),
                        number,
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

    /// How many requests may be in flight now.
    #[cfg(test)]
    pub fn limit(&self) -> usize {
        self.lock().limit
    }

    fn admit(&self, place: Place) -> Admission {
        let mut state = self.lock();
        let first = state.waiting.keys().next() == Some(&place);
        if !first || state.in_flight >= state.limit {
            return Admission::Blocked;
        }
        let now = Instant::now();
        if let Some(at) = self.pace.next(&state.begun).filter(|at| *at > now) {
            return Admission::Paced(at);
        }
        self.pace.note(&mut state.begun, now);
        state.waiting.remove(&place);
        state.in_flight += 1;
        state.admitted += 1;
        Admission::Granted(state.admitted)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whoever is first looks whether it may go; a wake-up too many does no harm.
    fn wake_first(&self) {
        if let Some(woken) = self.waiting.values().next() {
            woken.notify_one();
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
    fn join(gate: &'g Gate, priority: Priority) -> Self {
        let woken = Arc::new(Notify::new());
        let mut state = gate.lock();
        state.arrivals += 1;
        let place = (Reverse(priority), state.arrivals);
        state.waiting.insert(place, Arc::clone(&woken));
        Self { gate, place, woken }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.waiting.remove(&self.place);
        // Admitted or gone: either way there is a new first.
        state.wake_first();
    }
}

/// The right to have one request in flight, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    number: u64,
}

impl Permit {
    /// The answer was a good one: after enough of them one more request may be in flight.
    pub fn good(self) {
        let mut state = self.gate.lock();
        if self.number <= state.adapted_at || state.limit >= self.gate.ceiling {
            return;
        }
        state.good_answers += 1;
        if state.good_answers >= GROW_AFTER {
            state.good_answers = 0;
            state.limit += 1;
        }
    }

    /// The answer was "too many requests": the limit is halved. Once only for all that were in
    /// flight together, for they were all refused for the same reason.
    pub fn rate_limited(self) {
        let mut state = self.gate.lock();
        if self.number > state.adapted_at {
            state.limit -= state.limit / 2;
            state.adapted_at = state.admitted;
            state.good_answers = 0;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.in_flight -= 1;
        state.wake_first();
    }
}

/// The rate, as spans: of any n + 1 requests in a row, the last begins at least a span after the
/// first. That bounds every window, wherever it is laid; a bucket of tokens would let a burst and
/// the rate come together in one.
#[derive(Debug)]
struct Pace(Vec<(usize, Duration)>);

impl Pace {
    fn new(limits: &Pool) -> Self {
        let Some(rate) = limits.requests_per_second else {
            return Self(Vec::new());
        };
        // The requests of a second, a fraction counting as a whole one. Looking back further than
        // the bound would promise no more.
        let whole = (rate.ceil() as usize).clamp(1, LONGEST_MEMORY);
        let burst = usize::try_from(limits.burst).unwrap_or(usize::MAX);
        let span = |count: usize| {
            let span = Duration::try_from_secs_f64(count as f64 / rate);
            (count, span.unwrap_or(LONGEST_SPAN).min(LONGEST_SPAN))
        };
        Self(vec![span(burst.clamp(1, whole)), span(whole)])
    }

    /// The earliest that the next request may begin; `None`: at once.
    fn next(&self, begun: &VecDeque<Instant>) -> Option<Instant> {
        let earliest = |(count, span): &(usize, Duration)| {
            let back = begun.len().checked_sub(*count)?;
            Some(*begun.get(back)? + *span)
        };
        self.0.iter().filter_map(earliest).max()
    }

    fn note(&self, begun: &mut VecDeque<Instant>, now: Instant) {
        let longest = self.0.iter().map(|(count, _)| *count).max();
        let Some(longest) = longest else { return };
        begun.push_back(now);
        while begun.len() > longest {
            begun.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
