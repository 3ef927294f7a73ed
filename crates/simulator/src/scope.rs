//! Selection and order of a listing.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::row::Row;

/// A listing: a selection of the rows of a table, in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// Only this group.
    pub group: Option<u64>,
    /// Only rows in this window.
    pub window: Option<Window>,
    /// Only rows updated at this time or later.
    pub updated_since: Option<NaiveDateTime>,
    /// Only rows that end at the time of the request or later.
    pub still_open: bool,
    /// Order of the rows.
    pub order: Order,
}

/// A half-open time span, and the time of a row that it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Time of a row that must lie in the window.
    pub by: Stamp,
    /// The first instant.
    pub from: NaiveDateTime,
    /// The first instant after the window.
    pub until: NaiveDateTime,
}

/// Kind of time of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Time under which the row is listed.
    At,
    /// Time of the last update.
    Updated,
    /// End of validity.
    Ends,
    /// The span from `At` to `Ends`, which must overlap the window.
    Validity,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Ascending by the time that the window applies to.
    Ascending,
    /// Newest first.
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
    /// Returns the rows of these groups that belong to the listing, visible or not, in its order.
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
            // The rows of one group are in this order already.
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
