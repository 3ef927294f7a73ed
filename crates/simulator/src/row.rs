//! One version of one record: its content, its position in a listing, and the time during which it is
//! listed.
//!
//! A record that changes is two rows: the first vanishes when the second appears. A row made from a seed is
//! generated when it is served, so that a hundred thousand rows take a few megabytes.

use std::fmt::Debug;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;

use super::dataset::Dataset;
use super::tree::Tree;

/// Makes records: the same index and version make the same record, to the byte.
pub trait Maker: Debug + Send + Sync {
    /// The record of this index in this version; the first version is 0.
    fn make(&self, index: u32, version: u32) -> Tree;

    /// Returns the id of the record of this index, if it is known without making the record.
    fn id(&self, _index: u32) -> Option<String> {
        None
    }
}

/// State of a row in its listing at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// Listed.
    Visible,
    /// Not listed yet.
    Future,
    /// No longer listed: withdrawn by the API, or replaced by a newer version.
    Withdrawn,
}

/// One version of one record. All times are Brasília's.
#[derive(Debug, Clone)]
pub struct Row {
    /// Number of the row in its table, assigned by the table.
    pub(super) serial: u64,
    pub(super) group: u64,
    pub(super) at: NaiveDateTime,
    pub(super) rank: u64,
    pub(super) updated: NaiveDateTime,
    pub(super) ends: NaiveDateTime,
    appears: NaiveDateTime,
    vanishes: NaiveDateTime,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Whole(Arc<Tree>),
    Made(Arc<dyn Maker>, u32, u32),
}

impl Row {
    /// A row with this record, listed under the time `at` and visible from then on.
    pub fn whole(at: NaiveDateTime, record: Tree) -> Self {
        Self::of(at, Body::Whole(Arc::new(record)))
    }

    /// A row whose record is made when it is served.
    pub fn made(at: NaiveDateTime, maker: Arc<dyn Maker>, index: u32, version: u32) -> Self {
        Self::of(at, Body::Made(maker, index, version))
    }

    fn of(at: NaiveDateTime, body: Body) -> Self {
        Self {
            serial: 0,
            group: 0,
            at,
            rank: 0,
            updated: at,
            ends: at,
            appears: at,
            vanishes: NaiveDateTime::MAX,
            body,
        }
    }

    /// Sets the number of the row in its table.
    pub(super) fn numbered(self, serial: u64) -> Self {
        Self { serial, ..self }
    }

    /// Sets the time under which the row is listed.
    #[must_use]
    pub fn listed_under(self, at: NaiveDateTime) -> Self {
        Self { at, ..self }
    }

    /// Sets the group, by which a listing can be restricted: a code of a modality, of an organ.
    #[must_use]
    pub fn in_group(self, group: u64) -> Self {
        Self { group, ..self }
    }

    /// Sets the order among rows of the same time, or in a listing that isn't ordered by time.
    #[must_use]
    pub fn ranked(self, rank: u64) -> Self {
        Self { rank, ..self }
    }

    /// Sets the time of the last update, for listings by update.
    #[must_use]
    pub fn updated(self, updated: NaiveDateTime) -> Self {
        Self { updated, ..self }
    }

    /// Sets the end (of the record's validity), for listings by end.
    #[must_use]
    pub fn ending(self, ends: NaiveDateTime) -> Self {
        Self { ends, ..self }
    }

    /// Sets the version; no effect on a row with a fixed record.
    #[must_use]
    pub fn in_version(self, version: u32) -> Self {
        let body = match self.body {
            Body::Made(maker, index, _) => Body::Made(maker, index, version),
            whole => whole,
        };
        Self { body, ..self }
    }

    /// Sets the time from which the row is listed. Its position stays: all rows behind it move by one.
    #[must_use]
    pub fn appearing(self, time: NaiveDateTime) -> Self {
        Self {
            appears: time,
            ..self
        }
    }

    /// Sets the time until which the row is listed.
    #[must_use]
    pub fn until(self, time: NaiveDateTime) -> Self {
        Self {
            vanishes: time,
            ..self
        }
    }

    /// Returns the time under which the row is listed.
    pub fn at(&self) -> NaiveDateTime {
        self.at
    }

    /// Returns the time from which the row is listed.
    pub fn appears(&self) -> NaiveDateTime {
        self.appears
    }

    /// Returns the state of the row at `now`.
    pub fn listing(&self, now: NaiveDateTime) -> Listing {
        if self.vanishes <= now {
            Listing::Withdrawn
        } else if self.appears > now {
            Listing::Future
        } else {
            Listing::Visible
        }
    }

    /// Withdraws the row for all times.
    pub(super) fn withdraw(&mut self) {
        self.vanishes = NaiveDateTime::MIN;
    }

    /// Makes the row visible from `now` on.
    pub(super) fn reveal(&mut self, now: NaiveDateTime) {
        self.appears = now;
    }

    /// Returns the version of the record; the first is 0.
    pub fn version(&self) -> u32 {
        match self.body {
            Body::Whole(_) => 0,
            Body::Made(_, _, version) => version,
        }
    }

    /// Returns the id under which a lake must store the record, versions aside.
    pub(super) fn id(&self, dataset: &Dataset) -> String {
        let known = match &self.body {
            Body::Whole(_) => None,
            Body::Made(maker, index, _) => maker.id(*index),
        };
        known.unwrap_or_else(|| dataset.id(&self.tree()))
    }

    /// Returns the record.
    pub fn tree(&self) -> Tree {
        match &self.body {
            Body::Whole(tree) => Tree::clone(tree),
            Body::Made(maker, index, version) => maker.make(*index, *version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> NaiveDateTime {
        let day: bronzed_model::day::Day = "2025-10-22".parse().unwrap();
        day.date().and_hms_opt(hour, 0, 0).unwrap()
    }

    #[test]
    fn a_row_is_listed_from_its_appearance_until_it_vanishes() {
        let mut row = Row::whole(at(8), Tree::null())
            .appearing(at(9))
            .until(at(11));
        let listings = [8, 9, 10, 11].map(|hour| row.listing(at(hour)));
        let (future, visible, gone) = (Listing::Future, Listing::Visible, Listing::Withdrawn);
        assert_eq!(listings, [future, visible, visible, gone]);
        row.withdraw();
        assert_eq!(row.listing(at(10)), gone);
    }
}
