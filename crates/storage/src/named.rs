//! First day of a table that a job or coverage has ever named: a small document in the lake, so that a
//! downtime longer than a job's catch-up period loses no day (promise P10).
//!
//! ```text
//! _bronzed/named/pncp.json
//! {"format": 1, "from": "2025-10-15", "noted_at": "2025-10-22T08:00:00Z"}
//! ```
//!
//! All days from `from` on are wanted. `from` only moves back. A clock that is earlier than `noted_at`
//! changes nothing, because it may be decades behind; except if `noted_at` itself was written by a clock that
//! was ahead, by a year at most. To give up days that coverage requested, delete the object: days that were
//! begun stay wanted.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::Lake;
use crate::lake::document::{DocumentError, JsonDocument};
use bronzed_model::day::Day;
use bronzed_model::entropy::Entropy;

/// Format that this version writes, and the highest that it can read.
const FORMAT: u64 = 1;

/// Maximum distance in the future at which a document counts as written by a clock that was ahead.
const MENDED: TimeDelta = TimeDelta::days(366);

/// First named day of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstNamedDay {
    /// The first day that was named.
    pub from: Day,
    /// Time at which `from` was recorded.
    noted_at: DateTime<Utc>,
}

impl FirstNamedDay {
    /// Loads the document of the table with this prefix.
    ///
    /// # Errors
    /// Returns an error if the lake or the document can't be read.
    pub async fn load(lake: &Lake, prefix: &str) -> Result<Option<Self>, DocumentError> {
        document(lake, prefix).load().await
    }

    /// Records `first` in the lake, unless `known` has it already. `today` is the day of `now`.
    ///
    /// # Errors
    /// Returns an error if the lake can't be read or written, or if the document can't be read.
    pub async fn note(
        lake: &Lake,
        entropy: &Entropy,
        prefix: &str,
        known: Option<Self>,
        first: Day,
        (now, today): (DateTime<Utc>, Day),
    ) -> Result<Self, DocumentError> {
        let first = Self {
            from: first,
            noted_at: now.trunc_subsecs(0),
        };
        if let Some(known) = known.filter(|known| !known.moves_to(first, today)) {
            return Ok(known);
        }
        let mut then = first;
        let change = |found: Option<Self>| {
            let stays = found.filter(|known: &Self| !known.moves_to(first, today));
            then = stays.unwrap_or(first);
            Ok::<_, DocumentError>(stays.is_none().then_some(first))
        };
        document(lake, prefix).change(entropy, change).await?;
        Ok(then)
    }

    /// Returns the time at which the day was recorded: the first start, for a lake that was never read.
    pub fn noted_at(&self) -> DateTime<Utc> {
        self.noted_at
    }

    fn moves_to(self, then: Self, today: Day) -> bool {
        let ahead = self.from.date() - today.date();
        let was_ahead = (TimeDelta::days(1)..=MENDED).contains(&ahead);
        then.from < self.from && (self.noted_at <= then.noted_at || was_ahead)
    }
}

fn document(lake: &Lake, prefix: &str) -> JsonDocument<FirstNamedDay> {
    JsonDocument::new(lake, format!("_bronzed/named/{prefix}.json"), FORMAT)
        .hint("update bronzed, or remove the object: then days count from those that jobs name now")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lake() -> Lake {
        Lake::over(
            Arc::new(object_store::memory::InMemory::new()),
            "memory:///",
        )
    }

    async fn note(lake: &Lake, first: &str, now: &str) -> String {
        let now: DateTime<Utc> = format!("{now}T12:00:00Z").parse().unwrap();
        let today = Day::of(now, chrono_tz::UTC);
        let entropy = Entropy::seeded(1);
        let first = first.parse().unwrap();
        let known = FirstNamedDay::load(lake, "pncp").await.unwrap();
        let named = FirstNamedDay::note(lake, &entropy, "pncp", known, first, (now, today)).await;
        let loaded = FirstNamedDay::load(lake, "pncp").await.unwrap();
        assert_eq!(loaded, named.as_ref().ok().copied());
        named.unwrap().from.to_string()
    }

    #[tokio::test]
    async fn the_first_day_named_stays_the_first_whatever_slots_name_later() {
        let lake = lake();
        assert_eq!(FirstNamedDay::load(&lake, "pncp").await.unwrap(), None);
        assert_eq!(note(&lake, "2025-10-15", "2025-10-22").await, "2025-10-15");
        let written = lake.get("_bronzed/named/pncp.json").await.unwrap();
        assert_eq!(note(&lake, "2025-12-01", "2025-12-08").await, "2025-10-15");
        let unchanged = lake.get("_bronzed/named/pncp.json").await.unwrap();
        assert_eq!(
            written, unchanged,
            "nothing is written where nothing changes"
        );
        assert_eq!(note(&lake, "2021-04-01", "2025-12-09").await, "2021-04-01");
    }

    #[tokio::test]
    async fn a_clock_that_was_wrong_asks_neither_for_centuries_nor_for_the_future() {
        let lake = lake();
        assert_eq!(
            note(&lake, "2026-01-15", "2026-01-22").await,
            "2026-01-15",
            "90 days ahead"
        );
        assert_eq!(
            note(&lake, "2025-10-15", "2025-10-22").await,
            "2025-10-15",
            "set right"
        );
        assert_eq!(
            note(&lake, "1969-12-25", "1970-01-01").await,
            "2025-10-15",
            "far behind"
        );
    }
}
