//! A list that changes slightly each day, for tests of snapshots.
//!
//! Every day at the same hour, some of the records in force change, some end, and some are new.
//! Which ones is drawn from the seed.

use std::sync::Arc;

use chrono::{NaiveDateTime, TimeDelta};

use super::chance::Chance;
use super::row::{Maker, Row};

/// A list of records over some days.
#[derive(Debug, Clone)]
pub struct Churn {
    /// The same seed draws the same records.
    pub seed: u64,
    /// Number of records in force at first.
    pub records: u32,
    /// Time at which the list first exists; it changes at the same time on the following days.
    pub first: NaiveDateTime,
    /// Number of days on which the list changes.
    pub days: u32,
    /// Number of records that change on each of these days.
    pub changed: u32,
    /// Number of records added on each of these days.
    pub added: u32,
    /// Number of records that end on each of these days.
    pub removed: u32,
}

/// A version of a record that is in force.
struct InForce {
    index: u32,
    version: u32,
    since: NaiveDateTime,
}

impl Churn {
    /// A list of `records` records that never changes.
    pub fn still(seed: u64, records: u32, first: NaiveDateTime) -> Self {
        Self {
            seed,
            records,
            first,
            days: 0,
            changed: 0,
            added: 0,
            removed: 0,
        }
    }

    /// Returns the rows of all versions of all records. `place` sets the rest of a row from the record's
    /// index: its rank, its group.
    pub fn rows(&self, maker: &Arc<dyn Maker>, place: impl Fn(Row, u32) -> Row) -> Vec<Row> {
        let row = |one: &InForce| {
            let row = Row::made(self.first, Arc::clone(maker), one.index, one.version);
            place(row, one.index).appearing(one.since)
        };
        let mut rows = Vec::new();
        let mut in_force: Vec<_> = (0..self.records)
            .map(|index| self.added_on(index, 0))
            .collect();
        for day in 1..=self.days {
            let now = self.day(day);
            let chance = Chance::new(self.seed).of("churn").at(u64::from(day));
            let ending = self.removed.min(in_force.len() as u32);
            for n in 0..ending {
                let one = chance
                    .of("removed")
                    .at(u64::from(n))
                    .below(in_force.len() as u64);
                rows.push(row(&in_force.swap_remove(one as usize)).until(now));
            }
            // A changed record is moved to the end, so that none changes twice on a day.
            for n in 0..self.changed.min(in_force.len() as u32) {
                let rest = in_force.len() - n as usize;
                let drawn = chance.of("changed").at(u64::from(n)).below(rest as u64) as usize;
                rows.push(row(&in_force[drawn]).until(now));
                in_force[drawn].version += 1;
                in_force[drawn].since = now;
                in_force.swap(drawn, rest - 1);
            }
            let first = self.records + (day - 1) * self.added;
            in_force.extend((first..first + self.added).map(|index| self.added_on(index, day)));
        }
        rows.extend(in_force.iter().map(row));
        rows
    }

    fn added_on(&self, index: u32, day: u32) -> InForce {
        InForce {
            index,
            version: 0,
            since: self.day(day),
        }
    }

    fn day(&self, day: u32) -> NaiveDateTime {
        self.first + TimeDelta::days(i64::from(day))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::row::Listing;
    use crate::tree::Tree;

    #[derive(Debug)]
    struct Plain;

    impl Maker for Plain {
        fn make(&self, index: u32, version: u32) -> Tree {
            Tree::object([("id", Tree::number(index)), ("v", Tree::number(version))])
        }
    }

    #[test]
    fn each_day_changes_adds_and_removes_as_many_as_it_should() {
        let first: NaiveDateTime = "2025-10-20T06:00:00".parse().unwrap();
        let churn = Churn {
            days: 2,
            changed: 20,
            added: 5,
            removed: 3,
            ..Churn::still(7, 500, first)
        };
        let maker: Arc<dyn Maker> = Arc::new(Plain);
        let rows = churn.rows(&maker, |row, _| row);
        let in_force = |day: i64| -> BTreeMap<String, String> {
            let now = first + TimeDelta::days(day);
            rows.iter()
                .filter(|row| row.listing(now) == Listing::Visible)
                .map(|row| row.tree())
                .map(|tree| (tree.get("id").unwrap().to_json(), tree.to_json()))
                .collect()
        };
        let days: Vec<_> = (0..3).map(in_force).collect();
        assert_eq!(
            days.iter().map(BTreeMap::len).collect::<Vec<_>>(),
            [500, 502, 504]
        );
        for pair in days.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let removed = before.keys().filter(|id| !after.contains_key(*id)).count();
            let added = after.keys().filter(|id| !before.contains_key(*id)).count();
            let changed = before
                .iter()
                .filter(|(id, text)| after.get(*id).is_some_and(|now| now != *text));
            assert_eq!((changed.count(), added, removed), (20, 5, 3));
        }
    }
}
