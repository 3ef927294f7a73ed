//! One circuit of a breaker: failures in a row, and for how long nothing is sent.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use url::Url;

use crate::source::failure::Failure;

/// Failures in a row that open a circuit.
pub const FAILURES_TO_OPEN: u32 = 20;
/// The first cool-down; each probe that fails doubles it.
pub(super) const FIRST_COOL_DOWN: Duration = Duration::from_secs(60);
/// No cool-down is longer.
pub(super) const LONGEST_COOL_DOWN: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    pub failures: u32,
    pub since: Option<DateTime<Utc>>,
    pub last: String,
    /// The URL of the first failure; `several`: another one failed, too.
    first_url: Option<Url>,
    several: bool,
    /// The host was reached in one of the failures, and answered in one of them.
    reached: bool,
    answered: bool,
    pub open: Option<Open>,
}

/// Nothing is sent, but for one probe after the cool-down.
#[derive(Debug)]
pub(super) struct Open {
    until: Instant,
    until_shown: DateTime<Utc>,
    cool_down: Duration,
    pub probing: bool,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Be sent: the circuit is closed.
    Free,
    /// Be sent as the one probe: the cool-down is over.
    ProbeDue,
    /// Wait for the outcome of the probe that is under way.
    Probing,
    /// Not be sent.
    Cooling,
}

impl Circuit {
    pub(super) fn gate(&self, now: DateTime<Utc>) -> Gate {
        match &self.open {
            None => Gate::Free,
            Some(open) if open.probing => Gate::Probing,
            Some(open) if open.left(now).is_zero() => Gate::ProbeDue,
            Some(_) => Gate::Cooling,
        }
    }

    /// How long until a probe is due.
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

    /// Whether there were enough failures to open it, and not all of one page: one that can't be
    /// read is no sign that nothing works, and its tries are bounded anyway.
    pub(super) fn is_broken(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN && (self.several || !self.reached)
    }

    /// Whether nothing came in any of its failures: no connection, or no answer in time. That
    /// concerns the host.
    pub(super) fn is_cut_off(&self) -> bool {
        !self.answered
    }

    /// Opens it, or keeps it open for twice as long.
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
    /// The rest of the cool-down: over when the machine's ticks or the clock say so, for ticks stand
    /// still while a machine sleeps, and a clock may be put back.
    fn left(&self, now: DateTime<Utc>) -> Duration {
        let ticks = self.until.saturating_duration_since(Instant::now());
        let clock = (self.until_shown - now).to_std().unwrap_or_default();
        ticks.min(clock)
    }
}
