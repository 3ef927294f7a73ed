//! Rows of a snapshot that are missing in great number, held back until a second run misses them, too.
//!
//! Half a table that isn't listed for an hour isn't deleted: a query for the rows in force on that day would
//! return half a list. Therefore, if more than a fifth of the known rows are missing, one run alone stores
//! none of them as vanished. Their keys are kept in a JSON document, `_bronzed/snapshots/{prefix}.json`, and
//! a run some hours later that misses the same rows stores them as vanished:
//!
//! ```json
//! {"format": 1, "since": "2025-10-22T11:00:00Z", "keys": ["00.000.000/0001-91", …]}
//! ```

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::ingest::Context;
use bronzed_storage::lake::document::{DocumentError, JsonDocument};

const FORMAT: u64 = 1;
/// Number of rows that may always vanish at once.
const FEW: usize = 20;
/// Share of the known rows that may vanish at once: one in five.
const ONE_IN: usize = 5;
/// Interval after which a second run is believed.
const LATER: TimeDelta = TimeDelta::hours(4);

/// Missing rows that aren't stored as vanished yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Time at which the rows were first missing.
    since: Option<DateTime<Utc>>,
    /// Keys of the rows.
    keys: BTreeSet<Box<str>>,
}

/// Decision on the missing rows.
#[derive(Debug, PartialEq, Eq)]
pub struct JudgedMissing {
    /// Rows to be stored as vanished.
    pub gone: Vec<Box<str>>,
    /// Rows that wait for another run.
    pub held: Option<HeldBack>,
}

/// Missing rows that wait for another run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// Number of rows that wait.
    pub rows: usize,
    /// Number of known rows.
    pub known: usize,
    /// Time from which another run is believed.
    pub again_at: DateTime<Utc>,
}

impl HeldBack {
    /// Returns the reason as text.
    pub fn reason(self) -> String {
        let Self { rows, known, .. } = self;
        format!(
            "{rows} of {known} known rows weren't listed: too many to be called vanished before another \
             run some hours later misses them, too"
        )
    }
}

/// Decides on the missing rows `unseen` of `known` known rows.
///
/// # Errors
/// Returns an error if the lake can't be read or written.
pub async fn judge(
    context: &Context,
    prefix: &str,
    unseen: Vec<Box<str>>,
    known: usize,
) -> Result<JudgedMissing, DocumentError> {
    let key = format!("_bronzed/snapshots/{prefix}.json");
    let document = JsonDocument::<Sighting>::new(&context.lake, key, FORMAT);
    let before = document.load().await?.unwrap_or_default();
    let now = context.clock.now();
    let (judged, next) = before.judge(unseen, known, now);
    if next != before {
        let set = |sighting: &mut Sighting| sighting.clone_from(&next);
        document.update(&context.entropy, set).await?;
    }
    Ok(judged)
}

impl Sighting {
    fn judge(
        &self,
        unseen: Vec<Box<str>>,
        known: usize,
        now: DateTime<Utc>,
    ) -> (JudgedMissing, Self) {
        let is_many = |rows: usize| rows > FEW && rows * ONE_IN > known;
        let all = |gone| (JudgedMissing { gone, held: None }, Self::default());
        if !is_many(unseen.len()) {
            return all(unseen);
        }
        // After the clock was set back, the interval starts anew.
        let since = self.since.filter(|since| *since <= now);
        let due = since.is_some_and(|since| now >= since + LATER);
        let (gone, rest): (Vec<_>, Vec<_>) = unseen
            .into_iter()
            .partition(|key| due && self.keys.contains(key));
        if !is_many(rest.len()) {
            return all(gone.into_iter().chain(rest).collect());
        }
        let next = match since {
            // Too early to decide: the first sighting stands.
            Some(since) if !due => Self {
                since: Some(since),
                keys: self.keys.clone(),
            },
            _ => Self {
                since: Some(now),
                keys: rest.iter().cloned().collect(),
            },
        };
        let again_at = next.since.unwrap_or(now) + LATER;
        let rows = rest.len();
        let held = HeldBack {
            rows,
            known,
            again_at,
        };
        let held = Some(held);
        (JudgedMissing { gone, held }, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(range: std::ops::Range<u32>) -> Vec<Box<str>> {
        range.map(|n| format!("{n:03}").into()).collect()
    }

    fn at(hour: u32) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour.into())
    }

    #[test]
    fn a_few_or_a_small_part_vanish_at_once() {
        for (rows, known) in [(20, 20), (200, 1000)] {
            let (judged, next) = Sighting::default().judge(keys(0..rows), known, at(0));
            assert_eq!((judged.gone.len(), judged.held), (rows as usize, None));
            assert_eq!(next, Sighting::default());
        }
    }

    #[test]
    fn many_vanish_when_a_run_hours_later_misses_them_too() {
        let (judged, next) = Sighting::default().judge(keys(0..50), 100, at(0));
        assert!(judged.gone.is_empty());
        assert_eq!(
            judged.held.map(|held| (held.rows, held.again_at)),
            Some((50, at(4)))
        );
        // A run an hour later decides nothing, and doesn't extend the interval.
        let (judged, next) = next.judge(keys(0..60), 100, at(1));
        assert!(judged.gone.is_empty());
        assert_eq!(judged.held.map(|held| held.again_at), Some(at(4)));
        let (judged, next) = next.judge(keys(0..60), 100, at(5));
        assert_eq!(
            (judged.gone.len(), judged.held),
            (60, None),
            "ten more are few"
        );
        assert_eq!(next, Sighting::default());
    }

    #[test]
    fn other_rows_are_held_back_anew_and_rows_that_are_back_are_forgotten() {
        let (_, next) = Sighting::default().judge(keys(0..50), 100, at(0));
        let (judged, again) = next.judge(keys(40..90), 100, at(5));
        assert_eq!(judged.gone, keys(40..50));
        assert_eq!(
            judged.held.map(|held| (held.rows, held.again_at)),
            Some((40, at(9)))
        );
        assert_eq!(again.keys.len(), 40);
        let (_, next) = next.judge(Vec::new(), 100, at(5));
        assert_eq!(next, Sighting::default());
    }
}
