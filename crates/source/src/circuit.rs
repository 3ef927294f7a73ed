//! One circuit of a circuit breaker: consecutive failures, and the cool-down during which nothing is
//! sent.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use url::Url;

use crate::failure::Failure;

/// Number of consecutive failures that open a circuit.
pub const FAILURES_TO_OPEN: u32 = 20;
/// First cool-down; each failed probe doubles it.
pub(super) const FIRST_COOL_DOWN: Duration = Duration::from_secs(60);
/// Maximum cool-down.
pub(super) const LONGEST_COOL_DOWN: Duration = Duration::from_secs(600);

/// State of one circuit.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    pub failures: u32,
    pub since: Option<DateTime<Utc>>,
    pub last: String,
    /// URL of the first failure; `several` is `true` if another URL failed too.
    first_url: Option<Url>,
    several: bool,
    /// `true` if the host was reached in any of the failures; `answered` if it also sent something.
    reached: bool,
    answered: bool,
    pub open: Option<Open>,
}

/// State of an open circuit: nothing is sent, except one probe after the cool-down.
#[derive(Debug)]
pub(super) struct Open {
    until: Instant,
    until_shown: DateTime<Utc>,
    cool_down: Duration,
    pub probing: bool,
}

/// Decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CircuitDecision {
    /// Send it: the circuit is closed.
    Free,
    /// Send it as the only probe: the cool-down is over.
    ProbeDue,
    /// Wait for the outcome of the probe that is under way.
    Probing,
    /// Don't send it: the cool-down isn't over.
    Cooling,
}

impl Circuit {
    pub(super) fn gate(&self, now: DateTime<Utc>) -> CircuitDecision {
        match &self.open {
            None => CircuitDecision::Free,
            Some(open) if open.probing => CircuitDecision::Probing,
            Some(open) if open.left(now).is_zero() => CircuitDecision::ProbeDue,
            Some(_) => CircuitDecision::Cooling,
        }
    }

    /// Time until a probe is due; zero if the circuit is closed.
    pub(super) fn probe_in(&self, now: DateTime<Utc>) -> Duration {
        let open = self.open.as_ref();
        open.map_or(Duration::ZERO, |open| open.left(now))
    }

    /// Counts a failure.
    pub(super) fn count(&mut self, url: &Url, failure: &Failure, now: DateTime<Utc>) {
        let first_url = self.first_url.get_or_insert_with(|| url.clone());
        self.several |= first_url != url;
        let reached = !matches!(failure, Failure::NoConnection { .. });
        self.reached |= reached;
        self.answered |= reached && !matches!(failure, Failure::TimedOut(_));
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        self.last = failure.to_string();
    }

    /// Returns `true` if there were enough failures to open the circuit, and of several URLs if the host
    /// was reached: one unreadable page doesn't show that nothing works, and its attempts are bounded
    /// anyway.
    pub(super) fn is_broken(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN && (self.several || !self.reached)
    }

    /// Returns `true` if nothing arrived in any of the failures (no connection, or a timeout), which
    /// concerns the host.
    pub(super) fn is_cut_off(&self) -> bool {
        !self.answered
    }

    /// Opens the circuit, or keeps it open for twice the last cool-down.
    pub(super) fn trip(&mut self, now: DateTime<Utc>) {
        let cool_down = match &self.open {
            None => FIRST_COOL_DOWN,
            Some(open) => (open.cool_down * 2).min(LONGEST_COOL_DOWN),
        };
        self.open = Some(Open {
            until: Instant::now() + cool_down,
            until_shown: now + cool_down,
            cool_down,
            probing: false,
        });
    }
}

impl Open {
    /// Remaining cool-down, by the monotonic or the wall clock, whichever is over first: the monotonic
    /// one stands still while the machine sleeps, and the wall clock may be set back.
    fn left(&self, now: DateTime<Utc>) -> Duration {
        let ticks = self.until.saturating_duration_since(Instant::now());
        let clock = (self.until_shown - now).to_std().unwrap_or_default();
        ticks.min(clock)
    }
}
