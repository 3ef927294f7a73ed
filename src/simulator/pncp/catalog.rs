//! What the simulated API holds: records by modalidade, in the order of their publication.
//!
//! Clones share one content, so that a test can add and withdraw records under a running
//! simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{NaiveDate, NaiveDateTime};
use serde::Serialize;

use super::generated::GeneratedDay;
use super::record::{Listing, Record, TIME_FORMAT, id_of};
use super::recorded;
use crate::day::Day;
use crate::json;

/// The records that the API can serve.
#[derive(Debug, Clone, Default)]
pub struct Catalog(Arc<RwLock<Slices>>);

/// By modalidade; ascending by publication, and those of one second as they were added.
type Slices = BTreeMap<u32, Vec<Record>>;

/// Days of publication and a modalidade: what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The first day.
    pub first: NaiveDate,
    /// The last day, included.
    pub last: NaiveDate,
    /// The slice.
    pub modalidade: u32,
}

/// One record as the list for oracles has it.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// What a lake must know the record by.
    pub id: String,
    /// SHA-256 of the canonical JSON.
    pub hash: String,
    /// Its slice.
    pub modalidade: u32,
    /// When it was published (Brasília).
    pub published: String,
    /// Whether it is listed now.
    pub listing: Listing,
    /// The record's JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<serde_json::value::RawValue>>,
}

impl Catalog {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One generated day; see [`GeneratedDay`] for more to choose.
    pub fn generated(seed: u64, day: Day, records: u32, bytes_per_record: usize) -> Self {
        let day = GeneratedDay {
            bytes_per_record,
            ..GeneratedDay::new(seed, day, records)
        };
        Self::new().with(day.records())
    }

    /// The recorded records of 2025-10-22 as a working day: three are there at 08:00, all five
    /// at 12:00, and none is added after that.
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

    /// The same catalogue with these records added.
    #[must_use]
    pub fn with(self, records: impl IntoIterator<Item = Record>) -> Self {
        self.extend(records);
        self
    }

    /// Adds records.
    pub fn extend(&self, records: impl IntoIterator<Item = Record>) {
        let mut slices = self.write();
        for record in records {
            slices.entry(record.modalidade()).or_default().push(record);
        }
        for slice in slices.values_mut() {
            // Stable: equal times stay in the order of adding.
            slice.sort_by_key(Record::published);
        }
    }

    /// Adds one record.
    pub fn add(&self, record: Record) {
        self.extend([record]);
    }

    /// Takes the record of this id away: totals fall. Says whether there was one.
    pub fn withdraw(&self, id: &str) -> bool {
        let mut slices = self.write();
        let found = slices
            .values_mut()
            .flatten()
            .find(|record| record.id() == id);
        found.map(Record::withdraw).is_some()
    }

    /// Takes away the first record that `scope` lists at `now`: all others move up by one. Says
    /// whether there was one.
    pub(super) fn withdraw_first(&self, scope: Scope, now: NaiveDateTime) -> bool {
        self.first(
            scope,
            |record| record.listing(now) == Listing::Visible,
            Record::withdraw,
        )
    }

    /// Lets the first late record of `scope` appear at `now`, although it was to appear later.
    /// Only one that stands before position `start` will do: from there on, all records move down
    /// by one. Says whether there was one.
    pub(super) fn reveal_late(&self, scope: Scope, now: NaiveDateTime, start: u64) -> bool {
        let mut before = 0;
        self.first(
            scope,
            |record| {
                let visible = record.listing(now) == Listing::Visible;
                before += u64::from(visible);
                !visible && before < start && record.can_be_revealed(now)
            },
            |record| record.reveal(now),
        )
    }

    fn first(
        &self,
        scope: Scope,
        mut wanted: impl FnMut(&Record) -> bool,
        change: impl FnOnce(&mut Record),
    ) -> bool {
        let mut slices = self.write();
        let Some(slice) = slices.get_mut(&scope.modalidade) else {
            return false;
        };
        let span = span(slice, scope.first, scope.last);
        let found = slice[span].iter_mut().find(|record| wanted(record));
        found.map(change).is_some()
    }

    /// How many records `scope` lists at `now`, and those from position `start` on, at most
    /// `count`.
    pub(super) fn page(
        &self,
        scope: Scope,
        now: NaiveDateTime,
        start: u64,
        count: u64,
    ) -> (u64, Vec<Record>) {
        let slices = self.read();
        let Some(slice) = slices.get(&scope.modalidade) else {
            return (0, Vec::new());
        };
        let span = span(slice, scope.first, scope.last);
        let mut total = 0;
        let mut page = Vec::new();
        for record in &slice[span] {
            if record.listing(now) == Listing::Visible {
                if (start..start.saturating_add(count)).contains(&total) {
                    page.push(record.clone());
                }
                total += 1;
            }
        }
        (total, page)
    }

    /// The ids of the records of `day` that are listed at `now`: what a lake that read the whole
    /// day then must hold.
    pub fn ids(&self, day: Day, now: NaiveDateTime) -> BTreeSet<String> {
        self.of_day(Some(day))
            .filter(|record| record.listing(now) == Listing::Visible)
            .map(|record| record.id())
            .collect()
    }

    /// Every record of `day` (of all days where `None`) with its state at `now`, one by one:
    /// hashes are made as they are asked for. `in_full` brings the records' JSON, too.
    pub fn list(
        &self,
        day: Option<Day>,
        now: NaiveDateTime,
        in_full: bool,
    ) -> impl Iterator<Item = Listed> + use<> {
        self.of_day(day).map(move |record| {
            let tree = record.tree();
            let text = tree.to_json();
            Listed {
                id: id_of(&tree),
                hash: json::canonical::hash(&text),
                modalidade: record.modalidade(),
                published: record.published().format(TIME_FORMAT).to_string(),
                listing: record.listing(now),
                record: in_full
                    .then(|| serde_json::value::RawValue::from_string(text).ok())
                    .flatten(),
            }
        })
    }

    fn of_day(&self, day: Option<Day>) -> impl Iterator<Item = Record> + use<> {
        let slices = self.read();
        let records: Vec<_> = match day {
            None => slices.values().flatten().cloned().collect(),
            Some(day) => slices
                .values()
                .flat_map(|slice| &slice[span(slice, day.date(), day.date())])
                .cloned()
                .collect(),
        };
        records.into_iter()
    }

    fn read(&self) -> RwLockReadGuard<'_, Slices> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slices> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the records of these days are in a slice.
fn span(slice: &[Record], first: NaiveDate, last: NaiveDate) -> Range<usize> {
    let start = slice.partition_point(|record| record.published().date() < first);
    let end = slice.partition_point(|record| record.published().date() <= last);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Day {
        "2025-10-22".parse().unwrap()
    }

    fn at(hour: u32) -> NaiveDateTime {
        day().date().and_hms_opt(hour, 0, 0).unwrap()
    }

    fn scope(modalidade: u32) -> Scope {
        Scope {
            first: day().date(),
            last: day().date(),
            modalidade,
        }
    }

    #[test]
    fn the_recorded_day_grows_from_three_to_five() {
        let catalog = Catalog::recorded_day();
        let counts = [0, 8, 12, 16].map(|hour| catalog.ids(day(), at(hour)).len());
        assert_eq!(counts, [0, 3, 5, 5]);
    }

    #[test]
    fn pages_ascend_by_publication() {
        let catalog = Catalog::generated(1, day(), 400, 2_400);
        let (total, all) = catalog.page(scope(6), at(23), 0, 1_000);
        assert_eq!(total, all.len() as u64);
        assert!(all.is_sorted_by_key(Record::published));
        let (_, second) = catalog.page(scope(6), at(23), 50, 50);
        let ids = |records: &[Record]| records.iter().map(Record::id).collect::<Vec<_>>();
        assert_eq!(ids(&second), ids(&all[50..100]));
    }

    #[test]
    fn a_window_holds_both_of_its_ends() {
        let days =
            ["2025-10-21", "2025-10-22", "2025-10-23"].map(|day| day.parse::<Day>().unwrap());
        let catalog = Catalog::new();
        for day in days {
            catalog.extend(GeneratedDay::new(1, day, 100).records());
        }
        let night = days[2].next().date().and_hms_opt(0, 0, 0).unwrap();
        let both = Scope {
            first: days[0].date(),
            last: days[1].date(),
            modalidade: 6,
        };
        let (total, _) = catalog.page(both, night, 0, 0);
        let ids = days.map(|day| catalog.ids(day, night).len());
        assert_eq!(ids, [100, 100, 100]);
        assert!((40..120).contains(&total), "{total}");
    }

    #[test]
    fn a_late_record_moves_the_others_down_and_a_withdrawn_one_up() {
        let late = GeneratedDay {
            late: 0.5,
            ..GeneratedDay::new(1, day(), 400)
        };
        let catalog = Catalog::new().with(late.records());
        let first = |start| {
            catalog
                .page(scope(6), at(12), start, 1)
                .1
                .first()
                .map(Record::id)
        };
        let (total, _) = catalog.page(scope(6), at(12), 0, 0);
        let tenth = first(10);
        assert!(catalog.reveal_late(scope(6), at(12), 10));
        assert_eq!(catalog.page(scope(6), at(12), 0, 0).0, total + 1);
        assert_eq!(first(11), tenth);
        assert!(catalog.withdraw_first(scope(6), at(12)));
        assert_eq!(first(10), tenth);
        let id = tenth.unwrap();
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
