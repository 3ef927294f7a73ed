//! The circuit breaker of a source: an API that is down is probed, not hammered.
//!
//! It counts failures in a row over all requests of the source. After 20 it opens, provided that
//! they weren't all of one URL: a page that can't be read is no sign that the API is down, and its
//! tries are bounded anyway. Then requests fail at once, without being sent, until a cool-down is
//! over; and then one request, and one only, probes the API. A failed probe doubles the cool-down
//! (60 s to 10 min); any understood answer closes the breaker, whichever request it came to. A
//! cool-down is over when the machine's ticks or the clock say so: ticks stand still while a machine
//! sleeps, and a clock may be put back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use url::Url;

use crate::clock::Clock;

/// Failures in a row that open the breaker.
pub const FAILURES_TO_OPEN: u32 = 20;
const FIRST_COOL_DOWN: Duration = Duration::from_secs(60);
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(600);

/// See the module's promise.
#[derive(Debug)]
pub struct Breaker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    since: Option<DateTime<Utc>>,
    last: String,
    /// What the first of the failures asked for, and whether another asked for something else.
    first_url: Option<Url>,
    several: bool,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    until_shown: DateTime<Utc>,
    cool_down: Duration,
    probing: bool,
}

impl Open {
    fn cools(&self, now: DateTime<Utc>) -> bool {
        Instant::now() < self.until && now < self.until_shown
    }
}

/// The source is taken for down: nothing is sent for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// When the first of the failures in a row happened.
    pub since: DateTime<Utc>,
    /// How many there have been.
    pub failures: u32,
    /// What the last one was.
    pub last: String,
    /// How long until a request is let through again; zero while one is probing.
    pub probe_in: Duration,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// Whether a request could pass now; takes nothing.
    ///
    /// # Errors
    /// [`Down`] when it couldn't.
    pub fn check(&self) -> Result<(), Down> {
        self.lock().check(self.clock.now())
    }

    /// Lets a request pass. Its outcome is told to the [`Pass`].
    ///
    /// # Errors
    /// [`Down`] during the cool-down, and while another request is probing.
    pub fn pass(&self) -> Result<Pass<'_>, Down> {
        let mut state = self.lock();
        state.check(self.clock.now())?;
        let probe = match &mut state.open {
            Some(open) => {
                open.probing = true;
                true
            }
            None => false,
        };
        Ok(Pass {
            breaker: self,
            probe,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, now: DateTime<Utc>) -> Result<(), Down> {
        match &self.open {
            Some(open) if open.probing || open.cools(now) => Err(Down {
                since: self.since.unwrap_or(now),
                failures: self.failures,
                last: self.last.clone(),
                probe_in: open.until.saturating_duration_since(Instant::now()),
            }),
            _ => Ok(()),
        }
    }
}

/// One request that was let pass. Dropped without an outcome (cancelled, or told "too many
/// requests", which says neither), it changes nothing, and the next request may probe.
#[derive(Debug)]
pub struct Pass<'b> {
    breaker: &'b Breaker,
    probe: bool,
}

impl Pass<'_> {
    /// The API gave an answer that was understood, be it a refusal. `true` when that closed an
    /// open breaker.
    pub fn answered(self) -> bool {
        let mut state = self.breaker.lock();
        let was_open = state.open.is_some();
        *state = State::default();
        was_open
    }

    /// No answer, or none that could be understood. `true` when that opened the breaker.
    pub fn failed(self, url: &Url, reason: String) -> bool {
        let now = self.breaker.clock.now();
        let mut state = self.breaker.lock();
        let first_url = state.first_url.get_or_insert_with(|| url.clone());
        state.several |= *first_url != *url;
        state.failures = state.failures.saturating_add(1);
        state.since.get_or_insert(now);
        state.last = reason;
        let enough = state.failures >= FAILURES_TO_OPEN && state.several;
        let cool_down = match &state.open {
            None if !enough => return false,
            None => FIRST_COOL_DOWN,
            // A straggler from before the breaker opened is no news.
            Some(_) if !self.probe => return false,
            Some(open) => (open.cool_down * 2).min(LONGEST_COOL_DOWN),
        };
        state.open = Some(Open {
            until: Instant::now() + cool_down,
            until_shown: now + cool_down,
            cool_down,
            probing: false,
        });
        true
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe
            && let Some(open) = &mut self.breaker.lock().open
        {
            open.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use tokio::time::advance;

    fn breaker() -> Breaker {
        let now = "2025-10-22T12:00:00Z".parse().unwrap();
        Breaker::new(Arc::new(ManualClock::new(now)))
    }

    fn url(page: u32) -> Url {
        Url::parse(&format!("http://h/?pagina={page}")).unwrap()
    }

    /// Fails `count` requests for several pages; whether the last one opened the breaker.
    fn fail(breaker: &Breaker, count: u32) -> bool {
        let fail = |page| {
            let pass = breaker.pass().unwrap();
            pass.failed(&url(page), "timed out".to_owned())
        };
        let failures = (0..count).map(fail);
        failures.last().unwrap_or(false)
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_say_since_when() {
        let breaker = breaker();
        assert!(!fail(&breaker, FAILURES_TO_OPEN - 1));
        assert!(breaker.check().is_ok());
        assert!(fail(&breaker, 1));
        let down = breaker.pass().unwrap_err();
        assert_eq!(down.failures, FAILURES_TO_OPEN);
        assert_eq!(down.since.to_rfc3339(), "2025-10-22T12:00:00+00:00");
        assert_eq!(down.last, "timed out");
        assert_eq!(down.probe_in, FIRST_COOL_DOWN);
    }

    #[tokio::test(start_paused = true)]
    async fn one_page_that_fails_and_fails_does_not_take_the_source_down() {
        let breaker = breaker();
        for _ in 0..3 * FAILURES_TO_OPEN {
            let pass = breaker.pass().unwrap();
            assert!(!pass.failed(&url(1), "cut off".to_owned()));
        }
        let other = breaker.pass().unwrap();
        assert!(other.failed(&url(2), "cut off".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_between_starts_the_count_again() {
        let breaker = breaker();
        for _ in 0..3 {
            assert!(!fail(&breaker, FAILURES_TO_OPEN - 1));
            assert!(!breaker.pass().unwrap().answered());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_cool_down_one_request_probes_and_closes_it() {
        let breaker = breaker();
        fail(&breaker, FAILURES_TO_OPEN);
        advance(FIRST_COOL_DOWN - Duration::from_millis(1)).await;
        assert!(breaker.pass().is_err());
        advance(Duration::from_millis(1)).await;
        let probe = breaker.pass().unwrap();
        assert!(breaker.pass().is_err(), "one probe at a time");
        assert!(breaker.check().is_err());
        assert!(probe.answered());
        assert!(breaker.pass().is_ok());
        assert!(!fail(&breaker, FAILURES_TO_OPEN - 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_through_the_cool_down_probes_at_once() {
        let clock = ManualClock::new("2025-10-22T12:00:00Z".parse().unwrap());
        let breaker = Breaker::new(Arc::new(clock.clone()));
        fail(&breaker, FAILURES_TO_OPEN);
        clock.set("2025-10-22T09:00:00Z".parse().unwrap());
        assert!(breaker.pass().is_err(), "the clock was put back");
        clock.set("2025-10-22T12:01:00Z".parse().unwrap());
        assert!(breaker.pass().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn failed_probes_double_the_cool_down_up_to_a_bound() {
        let breaker = breaker();
        fail(&breaker, FAILURES_TO_OPEN);
        advance(FIRST_COOL_DOWN).await;
        for seconds in [120, 240, 480, 600, 600] {
            assert!(fail(&breaker, 1));
            let cool_down = Duration::from_secs(seconds);
            assert_eq!(breaker.check().unwrap_err().probe_in, cool_down);
            advance(cool_down).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_without_an_outcome_leaves_the_next_one_free() {
        let breaker = breaker();
        fail(&breaker, FAILURES_TO_OPEN);
        advance(FIRST_COOL_DOWN).await;
        drop(breaker.pass().unwrap());
        assert!(breaker.pass().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_do_not_prolong_the_cool_down_and_an_answer_ends_it() {
        let breaker = breaker();
        let late = [(); 2].map(|()| breaker.pass().unwrap());
        fail(&breaker, FAILURES_TO_OPEN);
        advance(Duration::from_secs(30)).await;
        let [failing, answered] = late;
        assert!(!failing.failed(&url(1), "reset".to_owned()));
        let left = breaker.check().unwrap_err().probe_in;
        assert_eq!(left, Duration::from_secs(30));
        assert!(answered.answered());
        assert!(breaker.check().is_ok());
    }
}
