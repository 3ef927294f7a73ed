//! Whether the lake takes what is written. Once it refuses (it is full, read-only or out of reach),
//! nothing begins that would be read for nothing: a probe is written at a growing distance, and when
//! one succeeds everything goes on by itself.
//!
//! The refusal of one write may be a day's own trouble. A day that is refused again after a probe that
//! succeeded is taken for one that failed, and keeps its distance like any other.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::runs::Key;

/// Before the first probe; each that fails doubles it.
const FIRST: TimeDelta = TimeDelta::seconds(10);
/// No distance is longer.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LakeWatch {
    closed: Option<Closed>,
    /// The distance that the last closure came to, until something was stored again.
    distance: Option<TimeDelta>,
    /// Days whose runs were refused, and that have had no other run since.
    refused: BTreeSet<Key>,
}

#[derive(Debug)]
struct Closed {
    since: DateTime<Utc>,
    asked_at: DateTime<Utc>,
    distance: TimeDelta,
    probing: bool,
}

impl LakeWatch {
    /// Whether nothing may begin.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The lake refused what a run had for it. Returns whether this is the day's own trouble: it was
    /// refused before, and the lake has taken a probe since.
    pub(super) fn refused(&mut self, key: &Key, error: &str, now: DateTime<Utc>) -> bool {
        let again = !self.refused.insert(key.clone()) && self.closed.is_none();
        if self.closed.is_none() {
            let distance = self.distance.map_or(FIRST, |last| (last * 2).min(LONGEST));
            tracing::warn!(error, "lake refuses writes");
            self.closed = Some(Closed {
                since: now,
                asked_at: now,
                distance,
                probing: false,
            });
        }
        again
    }

    /// A run has left its entry in the lake.
    pub(super) fn accepted(&mut self, key: &Key) {
        self.refused.remove(key);
        if self.closed.is_none() {
            self.distance = None;
        }
    }

    /// Whether a probe is to be written now, which is taken for begun then.
    pub(super) fn begin_probe(&mut self, now: DateTime<Utc>) -> bool {
        let Some(closed) = &mut self.closed else {
            return false;
        };
        // By a clock that may have been set in between.
        let due = !closed.probing && (now - closed.asked_at).abs() >= closed.distance;
        if due {
            closed.probing = true;
            closed.asked_at = now;
        }
        due
    }

    /// A probe has ended.
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

    /// When the next probe is due.
    pub(super) fn next_probe(&self) -> Option<DateTime<Utc>> {
        let closed = self.closed.as_ref().filter(|closed| !closed.probing)?;
        Some(closed.asked_at + closed.distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(day: &str) -> Key {
        Key {
            source: "pncp".into(),
            dataset: "contratos".into(),
            day: day.parse().unwrap(),
        }
    }

    #[test]
    fn a_lake_that_refuses_is_probed_at_a_growing_distance() {
        let begun: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        let (mut lake, mut now) = (LakeWatch::default(), begun);
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
        let mut lake = LakeWatch::default();
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
        let mut lake = LakeWatch::default();
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
