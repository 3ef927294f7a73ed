//! The contratações that the simulated API holds, by modalidade, in the order of publication.
//!
//! Clones share their content, so that a test can add and withdraw records while a simulator runs.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};

use super::datasets::CONTRATACOES;
use super::generated::GeneratedDay;
use super::record::Record;
use super::recorded;
pub use crate::table::Listed;
use crate::table::{Stamp, Table};
use bronzed_model::day::Day;

/// The records that the API can serve.
#[derive(Debug, Clone)]
pub struct Catalog(Table);

impl Default for Catalog {
    fn default() -> Self {
        Self(Table::new(&CONTRATACOES))
    }
}

impl Catalog {
    /// An empty catalogue.
    pub fn new() -> Self {
        Self::default()
    }

    /// One generated day; [`GeneratedDay`] has more options.
    pub fn generated(seed: u64, day: Day, records: u32, bytes_per_record: usize) -> Self {
        let day = GeneratedDay {
            bytes_per_record,
            ..GeneratedDay::new(seed, day, records)
        };
        Self::new().with(day.records())
    }

    /// The recorded records of 2025-10-22 as a working day: three are visible at 08:00, all five at 12:00,
    /// and none is added later.
    pub fn recorded_day() -> Self {
        let mut records = recorded::day_20251022();
        records.sort_by_key(Record::published);
        // Four of them were published just after 07:00; the fourth is held back until the
        // morning. The fifth was published at 08:41.
        let late = NaiveDate::from_ymd_opt(2025, 10, 22).and_then(|day| day.and_hms_opt(11, 15, 0));
        let records = records.into_iter().enumerate();
        let records = records.map(|(position, record)| match late {
            Some(late) if position == 3 => record.appearing(late),
            _ => record,
        });
        Self::new().with(records)
    }

    /// Returns the same catalogue with these records added.
    #[must_use]
    pub fn with(self, records: impl IntoIterator<Item = Record>) -> Self {
        self.extend(records);
        self
    }

    /// Adds records.
    pub fn extend(&self, records: impl IntoIterator<Item = Record>) {
        self.0.extend(records.into_iter().map(Record::into));
    }

    /// Adds one record.
    pub fn add(&self, record: Record) {
        self.extend([record]);
    }

    /// Withdraws the record of this id: totals fall. Returns `true` if there was one.
    pub fn withdraw(&self, id: &str) -> bool {
        self.0.withdraw(id)
    }

    /// Returns the ids of the records of `day` that are listed at `now`: the ids that a lake must hold
    /// after reading the whole day at that time.
    pub fn ids(&self, day: Day, now: NaiveDateTime) -> BTreeSet<String> {
        self.0.ids(Some(day), now)
    }

    /// Returns every record of `day` (of all days if `None`) with its state at `now`, lazily: hashes are
    /// computed on demand. `in_full` includes the records' JSON.
    pub fn list(
        &self,
        day: Option<Day>,
        now: NaiveDateTime,
        in_full: bool,
    ) -> impl Iterator<Item = Listed> + use<> {
        self.0.list(day, Stamp::At, now, in_full)
    }

    /// Returns the underlying table.
    pub(crate) fn table(&self) -> &Table {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Listing;
    use bronzed_model::json;

    fn day() -> Day {
        "2025-10-22".parse().unwrap()
    }

    fn at(hour: u32) -> NaiveDateTime {
        day().date().and_hms_opt(hour, 0, 0).unwrap()
    }

    #[test]
    fn the_recorded_day_grows_from_three_to_five() {
        let catalog = Catalog::recorded_day();
        let counts = [0, 8, 12, 16].map(|hour| catalog.ids(day(), at(hour)).len());
        assert_eq!(counts, [0, 3, 5, 5]);
    }

    #[test]
    fn days_lie_side_by_side() {
        let catalog = Catalog::new();
        let days =
            ["2025-10-21", "2025-10-22", "2025-10-23"].map(|day| day.parse::<Day>().unwrap());
        for day in days {
            catalog.extend(GeneratedDay::new(1, day, 100).records());
        }
        let night = days[2].next().date().and_hms_opt(0, 0, 0).unwrap();
        let ids = days.map(|day| catalog.ids(day, night).len());
        assert_eq!(ids, [100, 100, 100]);
    }

    #[test]
    fn a_record_that_is_taken_away_is_listed_no_more() {
        let catalog = Catalog::recorded_day();
        let id = catalog.ids(day(), at(12)).pop_first().unwrap();
        assert!(catalog.withdraw(&id));
        assert!(!catalog.ids(day(), at(23)).contains(&id));
    }

    #[test]
    fn the_list_says_what_is_where() {
        let catalog = Catalog::recorded_day();
        let listed: Vec<_> = catalog.list(Some(day()), at(8), true).collect();
        assert_eq!(listed.len(), 5);
        let visible = listed
            .iter()
            .filter(|record| record.listing == Listing::Visible);
        assert_eq!(visible.count(), 3);
        assert!(listed.iter().all(|listed| {
            let text = listed.record.as_ref().map(|record| record.get());
            text.is_some_and(|text| json::canonical::hash(text) == listed.hash)
        }));
        assert_eq!(catalog.list(Some(day().next()), at(8), false).count(), 0);
    }
}
