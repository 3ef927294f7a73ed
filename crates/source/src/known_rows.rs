//! Known positions of rows (day and slice) for each dataset of a source. Canary requests ask for them to
//! find out whether an API that returns nothing still works.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use bronzed_model::day::Day;

/// Maximum number of places kept for a dataset; more than one, because rows may leave a place.
pub const MOST_PLACES: usize = 3;
/// Minimum time between searches of the lake for places.
const SEARCH_AGAIN: Duration = Duration::from_secs(300);

/// Day and slice whose first page is known to have rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsAt {
    /// The day.
    pub day: Day,
    /// The slice's label.
    pub slice: Box<str>,
}

/// Known positions of rows, by dataset.
#[derive(Debug, Default)]
pub struct KnownRows(Mutex<BTreeMap<String, Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// Places, the most recently confirmed first.
    places: Vec<RowsAt>,
    searched_at: Option<DateTime<Utc>>,
}

impl KnownRows {
    /// Records a place that has just returned rows.
    pub fn note(&self, dataset: &str, place: RowsAt) {
        let mut known = self.lock();
        let places = &mut known.entry(dataset.to_owned()).or_default().places;
        places.retain(|kept| kept.day != place.day);
        places.insert(0, place);
        places.truncate(MOST_PLACES);
    }

    /// Returns the places of a dataset on other days than `day`.
    pub fn beside(&self, dataset: &str, day: Day) -> Vec<RowsAt> {
        let known = self.lock();
        let places = known.get(dataset).map(|kept| &kept.places);
        let places = places.into_iter().flatten();
        places.filter(|place| place.day != day).cloned().collect()
    }

    /// Returns `true` if the lake should be searched for places now, and records that it was.
    pub fn begin_search(&self, dataset: &str, now: DateTime<Utc>) -> bool {
        let mut known = self.lock();
        let searched_at = &mut known.entry(dataset.to_owned()).or_default().searched_at;
        let pause = TimeDelta::from_std(SEARCH_AGAIN).unwrap_or_default();
        let fresh = searched_at.is_some_and(|at| (now - at).abs() < pause);
        *searched_at = Some(if fresh {
            searched_at.unwrap_or(now)
        } else {
            now
        });
        !fresh
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: &str) -> RowsAt {
        RowsAt {
            day: day.parse().unwrap(),
            slice: "all".into(),
        }
    }

    #[test]
    fn places_that_answered_last_come_first_and_few_are_kept() {
        let known = KnownRows::default();
        for day in [
            "2025-10-20",
            "2025-10-21",
            "2025-10-22",
            "2025-10-23",
            "2025-10-21",
        ] {
            known.note("d", at(day));
        }
        let beside = |day: &str| known.beside("d", day.parse().unwrap());
        assert_eq!(
            beside("2025-10-01"),
            [at("2025-10-21"), at("2025-10-23"), at("2025-10-22")]
        );
        assert_eq!(beside("2025-10-21"), [at("2025-10-23"), at("2025-10-22")]);
        assert_eq!(known.beside("other", "2025-10-01".parse().unwrap()), []);
    }

    #[test]
    fn a_lake_without_rows_is_searched_again_after_a_while() {
        let known = KnownRows::default();
        let now: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        assert!(known.begin_search("d", now));
        assert!(!known.begin_search("d", now + TimeDelta::seconds(299)));
        assert!(known.begin_search("d", now + TimeDelta::seconds(300)));
    }
}
