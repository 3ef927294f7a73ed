//! One version of one record: what is served, where it stands in a listing, and from when to when.
//!
//! A record that changes is two rows: one that vanishes when the other appears. A row that is made
//! from a seed is made when it is served, so that a hundred thousand of them take a few megabytes.

use std::fmt::Debug;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;

use super::dataset::Dataset;
use super::tree::Tree;

/// Makes records; the same index and version make the same record, to the byte.
pub trait Maker: Debug + Send + Sync {
    /// The record of this index in this version; the first version is 0.
    fn make(&self, index: u32, version: u32) -> Tree;

    /// The id of the record of this index, where that is known without making it.
    fn id(&self, _index: u32) -> Option<String> {
        None
    }
}

/// Whether a row is listed at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// It is.
    Visible,
    /// Not yet.
    Future,
    /// Not any more: the API took it away, or lists a newer version instead.
    Withdrawn,
}

/// One version of one record. All times are Brasília's.
#[derive(Debug, Clone)]
pub struct Row {
    /// Which one it is, in its table: given there.
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
    /// A record that is listed under the time `at`, and from then on.
    pub fn whole(at: NaiveDateTime, record: Tree) -> Self {
        Self::of(at, Body::Whole(Arc::new(record)))
    }

    /// A record that is made when it is served.
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

    /// Which row of its table it is.
    pub(super) fn numbered(self, serial: u64) -> Self {
        Self { serial, ..self }
    }

    /// The same row, listed under another time.
    #[must_use]
    pub fn listed_under(self, at: NaiveDateTime) -> Self {
        Self { at, ..self }
    }

    /// What a listing is restricted to: a code of a modality, of an organ.
    #[must_use]
    pub fn in_group(self, group: u64) -> Self {
        Self { group, ..self }
    }

    /// Its place among rows of the same time, or in a listing that isn't by time at all.
    #[must_use]
    pub fn ranked(self, rank: u64) -> Self {
        Self { rank, ..self }
    }

    /// When it was last updated, for listings that go by that.
    #[must_use]
    pub fn updated(self, updated: NaiveDateTime) -> Self {
        Self { updated, ..self }
    }

    /// The end of what it stands for (of its validity), for listings that go by that.
    #[must_use]
    pub fn ending(self, ends: NaiveDateTime) -> Self {
        Self { ends, ..self }
    }

    /// Another version of the same record; a record that isn't made is what it is.
    #[must_use]
    pub fn in_version(self, version: u32) -> Self {
        let body = match self.body {
            Body::Made(maker, index, _) => Body::Made(maker, index, version),
            whole => whole,
        };
        Self { body, ..self }
    }

    /// The same row, listed from `time` on. Its place stays: what stands behind it moves by one.
    #[must_use]
    pub fn appearing(self, time: NaiveDateTime) -> Self {
        Self {
            appears: time,
            ..self
        }
    }

    /// The same row, listed until `time`.
    #[must_use]
    pub fn until(self, time: NaiveDateTime) -> Self {
        Self {
            vanishes: time,
            ..self
        }
    }

    /// The time that it is listed under.
    pub fn at(&self) -> NaiveDateTime {
        self.at
    }

    /// From when on it is listed.
    pub fn appears(&self) -> NaiveDateTime {
        self.appears
    }

    /// Whether it is listed at `now`.
    pub fn listing(&self, now: NaiveDateTime) -> Listing {
        if self.vanishes <= now {
            Listing::Withdrawn
        } else if self.appears > now {
            Listing::Future
        } else {
            Listing::Visible
        }
    }

    /// From now on it isn't listed.
    pub(super) fn withdraw(&mut self) {
        self.vanishes = NaiveDateTime::MIN;
    }

    /// From `now` on it is listed.
    pub(super) fn reveal(&mut self, now: NaiveDateTime) {
        self.appears = now;
    }

    /// Which version of its record it is; the first is 0.
    pub fn version(&self) -> u32 {
        match self.body {
            Body::Whole(_) => 0,
            Body::Made(_, _, version) => version,
        }
    }

    /// What a lake must know its record by, versions aside.
    pub(super) fn id(&self, dataset: &Dataset) -> String {
        let known = match &self.body {
            Body::Whole(_) => None,
            Body::Made(maker, index, _) => maker.id(*index),
        };
        known.unwrap_or_else(|| dataset.id(&self.tree()))
    }

    /// Its record.
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
        let day: crate::day::Day = "2025-10-22".parse().unwrap();
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
