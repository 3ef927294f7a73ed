//! Stretches of a feed that were covered: read and stored without a gap.
//!
//! Where a stretch lies can't be said by offsets, which grow as the feed does. It is known by the
//! keys of its first and its last records: several of each, for single records may be taken away.
//! A stretch is a true sentence about the feed on its own, whatever else is known.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::day::Day;

/// How many keys tell where a stretch begins, and where it ends.
pub const ANCHORS: usize = 8;

/// A stretch of a feed that was read and stored without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The keys of its first records, the newest first.
    pub newest: Vec<Box<str>>,
    /// The keys of its last records, in the order of the feed.
    pub oldest: Vec<Box<str>>,
    /// How many records it had.
    pub records: u64,
    /// When the reading of its earliest part began.
    pub since: DateTime<Utc>,
    /// What is behind it. `None`: records that nobody has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
}

/// Why a feed isn't read further back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// There are no older records.
    End,
    /// Older records than of this day weren't asked for.
    Before(Day),
}

impl Stretch {
    /// Whether nothing is left to be read behind it, where records of `earliest` and later are asked
    /// for.
    pub fn reaches(&self, earliest: Option<Day>) -> bool {
        match self.floor {
            None => false,
            Some(Floor::End) => true,
            Some(Floor::Before(day)) => earliest.is_some_and(|earliest| earliest >= day),
        }
    }

    /// Where the stretch begins on a page: the first of its records there.
    pub fn begins_at(&self, page: &[Box<str>]) -> Option<Place> {
        place(page.iter().enumerate(), &self.newest)
    }

    /// Where the stretch ends on a page: the last of its records there.
    pub fn ends_at(&self, page: &[Box<str>]) -> Option<Place> {
        place(page.iter().enumerate().rev(), &self.oldest)
    }
}

fn place<'p>(
    mut page: impl Iterator<Item = (usize, &'p Box<str>)>,
    anchors: &[Box<str>],
) -> Option<Place> {
    page.find_map(|(position, key)| {
        let rank = anchors.iter().position(|anchor| anchor == key)?;
        Some(Place { position, rank })
    })
}

/// One of a stretch's anchors on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which record of the page it is.
    pub position: usize,
    /// Which anchor of the stretch.
    pub rank: usize,
}
