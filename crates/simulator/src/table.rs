//! The rows of one dataset, as its API lists them: by window, by group, in order, page by page.
//!
//! Clones share their content, so that a test can add and withdraw rows while a simulator runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::NaiveDateTime;
use serde::Serialize;

use super::dataset::Dataset;
use super::row::{Listing, Row};
pub use super::scope::Stamp;
use super::scope::{Scope, Window};
use super::tree::Tree;
use bronzed_model::day::Day;
use bronzed_model::json;

/// Time format of the lists for oracles and of most providers: Brasília time without an offset.
pub(super) const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// The rows of one dataset.
#[derive(Debug, Clone)]
pub struct Table {
    dataset: &'static Dataset,
    content: Arc<RwLock<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    /// Rows by group, ascending by time and rank, equal ones in the order in which they were added.
    groups: BTreeMap<u64, Vec<Row>>,
    /// Number of rows that were ever added.
    added: u64,
    /// Group and position of the rows of each id. Built when it is first needed.
    places: Option<HashMap<String, Vec<(u64, usize)>>>,
}

/// A part of a listing.
#[derive(Debug)]
pub(super) struct Selection {
    /// Number of rows of the whole listing.
    pub total: u64,
    /// The rows of this part.
    pub rows: Vec<Row>,
}

/// One row of a list for test oracles.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Id under which a lake must store the record, versions and parent aside.
    pub id: String,
    /// Id of the parent record, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// SHA-256 of the canonical JSON.
    pub hash: String,
    /// The group that lists it: a code of a modality, of an organ.
    pub group: u64,
    /// Time under which the row is listed (Brasília).
    pub published: String,
    /// State of the row at the simulated time.
    pub listing: Listing,
    /// The record's JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<serde_json::value::RawValue>>,
}

impl Listed {
    /// The record `tree`, listed with `row`.
    pub(super) fn new(
        dataset: &Dataset,
        row: &Row,
        tree: &Tree,
        now: NaiveDateTime,
        in_full: bool,
    ) -> Self {
        let text = tree.to_json();
        Self {
            id: dataset.id(tree),
            parent: None,
            hash: json::canonical::hash(&text),
            group: row.group,
            published: row.at.format(TIME_FORMAT).to_string(),
            listing: row.listing(now),
            record: in_full
                .then(|| serde_json::value::RawValue::from_string(text).ok())
                .flatten(),
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new(dataset: &'static Dataset) -> Self {
        Self {
            dataset,
            content: Arc::default(),
        }
    }

    /// The dataset.
    pub fn dataset(&self) -> &'static Dataset {
        self.dataset
    }

    /// Adds rows.
    pub fn extend(&self, rows: impl IntoIterator<Item = Row>) {
        let mut content = self.write();
        content.places = None;
        for row in rows {
            content.added += 1;
            let serial = content.added;
            let group = content.groups.entry(row.group).or_default();
            group.push(row.numbered(serial));
        }
        for rows in content.groups.values_mut() {
            // A stable sort: equal rows stay in the order in which they were added.
            rows.sort_by_key(|row| (row.at, row.rank));
        }
    }

    /// Withdraws the rows of this id, in all versions: totals fall. Returns `true` if there were any.
    pub fn withdraw(&self, id: &str) -> bool {
        let mut found = false;
        for row in self.write().groups.values_mut().flatten() {
            if row.id(self.dataset) == id {
                row.withdraw();
                found = true;
            }
        }
        found
    }

    /// Withdraws the first row that `scope` lists at `now`: all others move up by one. Returns `true` if
    /// there was one.
    pub(super) fn withdraw_first(&self, scope: Scope, now: NaiveDateTime) -> bool {
        self.change(scope, Row::withdraw, |rows| {
            rows.iter()
                .position(|row| row.listing(now) == Listing::Visible)
        })
    }

    /// Makes the next future row of `scope` that stands before position `start` visible at `now`: all rows
    /// from `start` on move down by one. Returns `true` if there was one.
    pub(super) fn reveal_before(&self, scope: Scope, now: NaiveDateTime, start: u64) -> bool {
        let reveal = |row: &mut Row| row.reveal(now);
        self.change(scope, reveal, |rows| {
            let mut before = 0;
            let future = rows.iter().enumerate().filter(|(_, row)| {
                let listing = row.listing(now);
                before += u64::from(listing == Listing::Visible);
                listing == Listing::Future && before < start
            });
            let next = future.min_by_key(|(_, row)| row.appears());
            next.map(|(position, _)| position)
        })
    }

    /// Changes the row that `choose` finds in the listing, visible or not. Returns `true` if there was one.
    fn change(
        &self,
        scope: Scope,
        change: impl FnOnce(&mut Row),
        choose: impl FnOnce(&[&Row]) -> Option<usize>,
    ) -> bool {
        let mut content = self.write();
        let chosen = {
            let rows = scope.of(&content.groups);
            choose(&rows).map(|position| rows[position].serial)
        };
        let mut rows = content.groups.values_mut().flatten();
        let row = rows.find(|row| Some(row.serial) == chosen);
        row.map(change).is_some()
    }

    /// Returns the number of rows that `scope` lists at `now`, and at most `count` of them from position
    /// `start` on.
    pub(super) fn select(
        &self,
        scope: Scope,
        now: NaiveDateTime,
        start: u64,
        count: u64,
    ) -> Selection {
        let content = self.read();
        let mut rows = scope.of(&content.groups);
        rows.retain(|row| row.listing(now) == Listing::Visible);
        rows.retain(|row| !scope.still_open || row.ends >= now);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Selection {
            total: rows.len() as u64,
            rows: rows.into_iter().skip(start).take(count).cloned().collect(),
        }
    }

    /// Returns the ids of the records listed at `now`, of `day` or of all days.
    pub fn ids(&self, day: Option<Day>, now: NaiveDateTime) -> BTreeSet<String> {
        self.rows(day, Stamp::At)
            .filter(|row| row.listing(now) == Listing::Visible)
            .map(|row| row.id(self.dataset))
            .collect()
    }

    /// Returns every row of `day` (of all days if `None`) with its state at `now`, lazily: hashes are
    /// computed on demand. `by` selects the time that decides the day; `in_full` includes the records'
    /// JSON.
    pub fn list(
        &self,
        day: Option<Day>,
        by: Stamp,
        now: NaiveDateTime,
        in_full: bool,
    ) -> impl Iterator<Item = Listed> + use<> {
        let dataset = self.dataset;
        self.rows(day, by)
            .map(move |row| Listed::new(dataset, &row, &row.tree(), now, in_full))
    }

    /// Returns the version of a record that is listed at `now`.
    pub(super) fn find(&self, id: &str, now: NaiveDateTime) -> Option<Row> {
        let content = self.read();
        if let Some(places) = &content.places {
            let mut rows = places
                .get(id)?
                .iter()
                .filter_map(|(group, position)| content.groups.get(group)?.get(*position));
            return rows
                .find(|row| row.listing(now) == Listing::Visible)
                .cloned();
        }
        drop(content);
        let mut content = self.write();
        let mut places = HashMap::<_, Vec<_>>::new();
        for (group, rows) in &content.groups {
            for (position, row) in rows.iter().enumerate() {
                let place = (*group, position);
                places.entry(row.id(self.dataset)).or_default().push(place);
            }
        }
        content.places = Some(places);
        drop(content);
        self.find(id, now)
    }

    /// Returns the rows of `day`, or of all days.
    pub(super) fn rows(&self, day: Option<Day>, by: Stamp) -> impl Iterator<Item = Row> + use<> {
        let window = day.map(|day| Window {
            by,
            from: day.date().into(),
            until: day.next().date().into(),
        });
        let content = self.read();
        let rows = content.groups.values().flatten();
        let rows: Vec<_> = rows
            .filter(|row| window.is_none_or(|window| window.holds(row)))
            .cloned()
            .collect();
        rows.into_iter()
    }

    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tables of all datasets by name, each created empty on first use. Clones share their content.
#[derive(Debug, Clone, Default)]
pub struct Tables(Arc<RwLock<BTreeMap<&'static str, Table>>>);

impl Tables {
    /// Returns the table of a dataset.
    pub fn of(&self, dataset: &'static Dataset) -> Table {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let table = tables
            .entry(dataset.name)
            .or_insert_with(|| Table::new(dataset));
        table.clone()
    }

    /// Returns the same tables with these rows added to a dataset.
    #[must_use]
    pub fn with(self, dataset: &'static Dataset, rows: impl IntoIterator<Item = Row>) -> Self {
        self.of(dataset).extend(rows);
        self
    }

    /// Returns the table of this name: `tcu.acordaos`.
    pub fn named(&self, name: &str) -> Option<Table> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tables.get(name).cloned()
    }

    /// Returns the names of all datasets that rows were added to, or whose table was requested.
    pub fn names(&self) -> Vec<&'static str> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tables.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Order;

    const LETTERS: Dataset = Dataset {
        name: "test.letters",
        key: &["/id"],
    };

    fn at(hour: u32) -> NaiveDateTime {
        let day: Day = "2025-10-22".parse().unwrap();
        day.date().and_hms_opt(hour, 0, 0).unwrap()
    }

    fn row(id: &str, hour: u32) -> Row {
        Row::whole(at(hour), Tree::object([("id", Tree::string(id))]))
    }

    fn table(rows: impl IntoIterator<Item = Row>) -> Table {
        let table = Table::new(&LETTERS);
        table.extend(rows);
        table
    }

    const ALL: Scope = Scope {
        group: None,
        window: None,
        updated_since: None,
        still_open: false,
        order: Order::Ascending,
    };

    fn listed(table: &Table, scope: Scope, now: u32) -> String {
        let rows = table.select(scope, at(now), 0, u64::MAX).rows;
        rows.iter().map(|row| LETTERS.id(&row.tree())).collect()
    }

    fn window(by: Stamp, from: u32, until: u32) -> Scope {
        let (from, until) = (at(from), at(until));
        Scope {
            window: Some(Window { by, from, until }),
            ..ALL
        }
    }

    #[test]
    fn a_window_is_half_open_and_goes_by_the_time_that_it_names() {
        let rows = [
            row("a", 8).updated(at(12)).ending(at(9)),
            row("b", 9).updated(at(11)).ending(at(20)),
            row("c", 10),
        ];
        let table = table(rows);
        assert_eq!(listed(&table, window(Stamp::At, 8, 10), 23), "ab");
        assert_eq!(listed(&table, window(Stamp::Updated, 10, 13), 23), "cba");
        assert_eq!(listed(&table, window(Stamp::Ends, 9, 10), 23), "a");
        assert_eq!(listed(&table, window(Stamp::Validity, 9, 10), 23), "ab");
        assert_eq!(listed(&table, window(Stamp::At, 9, 9), 23), "");
    }

    #[test]
    fn the_order_is_of_time_over_all_groups_or_of_rank() {
        let rows = [
            row("a", 8).in_group(2).ranked(3),
            row("b", 9).in_group(1).ranked(1),
            row("c", 9).in_group(2).ranked(2),
        ];
        let table = table(rows);
        let ordered = |order| listed(&table, Scope { order, ..ALL }, 23);
        assert_eq!(ordered(Order::Ascending), "abc");
        assert_eq!(ordered(Order::Newest), "cba");
        assert_eq!(ordered(Order::Ranked), "bca");
        let group = Scope {
            group: Some(2),
            ..ALL
        };
        assert_eq!(listed(&table, group, 23), "ac");
    }

    #[test]
    fn a_row_that_appears_moves_the_others_down_and_one_taken_away_up() {
        let table = table([
            row("a", 8),
            row("b", 9).appearing(at(20)),
            row("c", 10),
            row("d", 11),
        ]);
        let second = |table: &Table| table.select(ALL, at(12), 2, 1).rows.len();
        assert_eq!((listed(&table, ALL, 12), second(&table)), ("acd".into(), 1));
        assert!(!table.reveal_before(ALL, at(12), 0));
        assert!(table.reveal_before(ALL, at(12), 2));
        assert_eq!(listed(&table, ALL, 12), "abcd");
        assert!(table.withdraw_first(ALL, at(12)));
        assert!(table.withdraw("c") && !table.withdraw("x"));
        assert_eq!(listed(&table, ALL, 12), "bd");
    }

    #[test]
    fn the_list_tells_each_version() {
        let table = table([row("a", 8).until(at(10)), row("a", 8).appearing(at(10))]);
        let list: Vec<_> = table.list(None, Stamp::At, at(10), true).collect();
        let listings: Vec<_> = list.iter().map(|listed| listed.listing).collect();
        assert_eq!(listings, [Listing::Withdrawn, Listing::Visible]);
        assert_eq!(table.find("a", at(10)).map(|row| row.serial), Some(2));
        assert_eq!(table.find("a", at(9)).map(|row| row.serial), Some(1));
        assert!(table.find("b", at(9)).is_none());
        assert_eq!(table.ids(None, at(9)).len(), 1);
        table.extend([row("b", 8)]);
        assert!(table.find("b", at(9)).is_some());
        assert_eq!(list[0].record.as_ref().unwrap().get(), r#"{"id":"a"}"#);
        let tomorrow = "2025-10-23".parse().unwrap();
        assert_eq!(
            table.list(Some(tomorrow), Stamp::At, at(10), false).count(),
            0
        );
    }
}
