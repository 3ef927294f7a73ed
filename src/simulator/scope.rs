//! What a listing lists, and in which order.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::row::Row;

/// A listing: some of the rows of a table, in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// Only this group.
    pub group: Option<u64>,
    /// Only what lies in this window.
    pub window: Option<Window>,
    /// Only what was updated at this time or later.
    pub updated_since: Option<NaiveDateTime>,
    /// Only what ends at the time of the request or later.
    pub still_open: bool,
    /// In which order.
    pub order: Order,
}

/// A half-open span of time, and which time of a row it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Which time counts.
    pub by: Stamp,
    /// The first instant.
    pub from: NaiveDateTime,
    /// The first instant after it.
    pub until: NaiveDateTime,
}

/// A time of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// What it is listed under.
    At,
    /// Its last update.
    Updated,
    /// Its end.
    Ends,
    /// The whole span from its time to its end: one that overlaps the window.
    Validity,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Ascending by the time that the window goes by.
    Ascending,
    /// The newest first.
    Newest,
    /// By rank alone.
    Ranked,
}

impl Window {
    pub(super) fn holds(&self, row: &Row) -> bool {
        match self.by {
            Stamp::At => self.spans(row.at),
            Stamp::Updated => self.spans(row.updated),
            Stamp::Ends => self.spans(row.ends),
            Stamp::Validity => row.at < self.until && row.ends >= self.from,
        }
    }

    fn spans(&self, time: NaiveDateTime) -> bool {
        (self.from..self.until).contains(&time)
    }
}

impl Scope {
    /// The rows of these groups that belong to it, whether visible or not, in its order.
    pub(super) fn of<'a>(&self, groups: &'a BTreeMap<u64, Vec<Row>>) -> Vec<&'a Row> {
        let mut rows: Vec<_> = self
            .candidates(groups)
            .filter(|row| self.window.is_none_or(|window| window.holds(row)))
            .filter(|row| self.updated_since.is_none_or(|since| row.updated >= since))
            .collect();
        match (self.order, self.window.map(|window| window.by)) {
            (Order::Ranked, _) => rows.sort_by_key(|row| row.rank),
            (Order::Newest, _) => {
                rows.sort_by_key(|row| (row.at, row.rank));
                rows.reverse();
            }
            (Order::Ascending, Some(Stamp::Updated)) => rows.sort_by_key(|row| row.updated),
            (Order::Ascending, Some(Stamp::Ends)) => rows.sort_by_key(|row| row.ends),
            // One group is in this order already.
            (Order::Ascending, _) if self.group.is_some() => {}
            (Order::Ascending, _) => rows.sort_by_key(|row| (row.at, row.rank)),
        }
        rows
    }

    fn candidates<'a>(
        &self,
        groups: &'a BTreeMap<u64, Vec<Row>>,
    ) -> impl Iterator<Item = &'a Row> + use<'a> {
        let (group, window) = (self.group, self.window);
        let groups = groups
            .iter()
            .filter(move |(name, _)| group.is_none_or(|group| group == **name));
        groups.flat_map(move |(_, rows)| match window {
            Some(window) if window.by == Stamp::At => {
                let start = rows.partition_point(|row| row.at < window.from);
                let end = rows.partition_point(|row| row.at < window.until);
                &rows[start..end.max(start)]
            }
            _ => rows,
        })
    }
}
