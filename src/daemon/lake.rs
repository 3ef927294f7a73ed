//! Circuit breaker for writes to the lake. After a refused write (the lake is full, read-only or
//! unreachable), no run is started; probes are written with exponential back-off, and a successful one
//! resumes all work.
//!
//! A refused write may be the fault of its day. A day that is refused again after a successful probe counts
//! as failed, and gets a back-off like any other.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::runs::RunKey;

/// Delay before the first probe; doubled by each failed one.
const FIRST: TimeDelta = TimeDelta::seconds(10);
/// Maximum delay.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// Circuit breaker for writes to the lake.
#[derive(Debug, Default)]
pub(super) struct LakeWriteBreaker {
    closed: Option<Closed>,
    /// Last probe delay of the previous outage, until a write succeeds.
    distance: Option<TimeDelta>,
    /// Days whose last run was refused.
    refused: BTreeSet<RunKey>,
}

#[derive(Debug)]
struct Closed {
    since: DateTime<Utc>,
    error: String,
    asked_at: DateTime<Utc>,
    distance: TimeDelta,
    probing: bool,
}

impl LakeWriteBreaker {
    /// `true` if no run may start.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Returns the time and the error of the first refused write. `None` if writes are available.
    pub(super) fn refusal(&self) -> Option<(DateTime<Utc>, &str)> {
        let closed = self.closed.as_ref()?;
        Some((closed.since, &closed.error))
    }

    /// Records a refused write of a run. Returns `true` if the fault is the day's: it was refused before, and
    /// a probe succeeded since.
    pub(super) fn refused(&mut self, key: &RunKey, error: &str, now: DateTime<Utc>) -> bool {
        let again = !self.refused.insert(key.clone()) && self.closed.is_none();
        if self.closed.is_none() {
            let distance = self.distance.map_or(FIRST, |last| (last * 2).min(LONGEST));
            tracing::warn!(error, "lake refuses writes");
            self.closed = Some(Closed {
                since: now,
                error: error.to_owned(),
                asked_at: now,
                distance,
                probing: false,
            });
        }
        again
    }

    /// Records a run whose entry was written to the lake.
    pub(super) fn accepted(&mut self, key: &RunKey) {
        self.refused.remove(key);
        if self.closed.is_none() {
            self.distance = None;
        }
    }

    /// Returns `true` if a probe is due, and marks it as started.
    pub(super) fn begin_probe(&mut self, now: DateTime<Utc>) -> bool {
        let Some(closed) = &mut self.closed else {
            return false;
        };
        // The clock may have been set in between.
        let due = !closed.probing && (now - closed.asked_at).abs() >= closed.distance;
        if due {
            closed.probing = true;
            closed.asked_at = now;
        }
        due
    }

    /// Records the outcome of a probe.
    pub(super) fn probed(&mut self, well: bool, now: DateTime<Utc>) {
        let Some(closed) = &mut self.closed else {
            return;
        };
        if well {
            let seconds = (now - closed.since).num_seconds();
            tracing::info!(seconds, "lake takes writes again");
            self.distance = Some(closed.distance);
            self.closed = None;
        } else {
            closed.probing = false;
            closed.asked_at = now;
            closed.distance = (closed.distance * 2).min(LONGEST);
        }
    }

    /// Returns the time of the next probe. `None` if writes are available or a probe is active.
    pub(super) fn next_probe(&self) -> Option<DateTime<Utc>> {
        let closed = self.closed.as_ref().filter(|closed| !closed.probing)?;
        Some(closed.asked_at + closed.distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(day: &str) -> RunKey {
        RunKey {
            source: "pncp".into(),
            dataset: "contratos".into(),
            day: day.parse().unwrap(),
        }
    }

    #[test]
    fn a_lake_that_refuses_is_probed_at_a_growing_distance() {
        let begun: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        let (mut lake, mut now) = (LakeWriteBreaker::default(), begun);
        assert!(!lake.begin_probe(now));
        lake.refused(&key("2025-10-01"), "full", now);
        let mut waited = Vec::new();
        for _ in 0..7 {
            let next = lake.next_probe().unwrap();
            assert!(!lake.begin_probe(next - TimeDelta::seconds(1)));
            waited.push((next - now).num_seconds());
            now = next;
            assert!(lake.begin_probe(now) && !lake.begin_probe(now));
            lake.probed(false, now);
        }
        assert_eq!(waited, [10, 20, 40, 80, 160, 300, 300]);
        assert!(lake.begin_probe(lake.next_probe().unwrap()));
        lake.probed(true, now);
        assert!(!lake.is_closed());
    }

    #[test]
    fn one_day_that_the_lake_refuses_again_and_again_is_its_own_trouble() {
        let now = "2025-10-22T12:00:00Z".parse().unwrap();
        let mut lake = LakeWriteBreaker::default();
        let (bad, other) = (key("2025-10-01"), key("2025-10-02"));
        assert!(!lake.refused(&bad, "full", now));
        assert!(!lake.refused(&bad, "full", now), "it is closed: no news");
        assert!(!lake.refused(&other, "full", now));
        assert!(lake.begin_probe(lake.next_probe().unwrap()));
        lake.probed(true, now);
        lake.accepted(&other);
        assert!(!lake.refused(&other, "full", now), "the first time since");
        assert!(lake.begin_probe(lake.next_probe().unwrap()));
        lake.probed(true, now);
        assert!(lake.refused(&bad, "full", now));
    }

    #[test]
    fn a_lake_that_only_takes_probes_is_asked_less_and_less() {
        let mut now: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        let mut lake = LakeWriteBreaker::default();
        let mut waited = Vec::new();
        for day in ["2025-10-01", "2025-10-02", "2025-10-03"] {
            lake.refused(&key(day), "full", now);
            let next = lake.next_probe().unwrap();
            waited.push((next - now).num_seconds());
            now = next;
            lake.begin_probe(now);
            lake.probed(true, now);
        }
        assert_eq!(waited, [10, 20, 40]);
        lake.accepted(&key("2025-10-04"));
        lake.refused(&key("2025-10-05"), "full", now);
        assert_eq!(lake.next_probe(), Some(now + FIRST));
    }
}
